/* What follows from references: circles, the order of starting, hashes of code with all it imports. */
#include "config/graph.h"
#include "config/hash64.h"
#include "config/loader.h"

#include <string.h>

/* Names in one message about a circle. */
#define CIRCLE_SHOWN 12

/* A graph of some entries, and how its circles are reported. */
struct links {
    struct loader *ld;
    struct graph graph;
    size_t *node_of;                 /* by index of entry; SIZE_MAX: not in the graph */
    size_t *entry_of;                /* by node */
    const char *field, *other_field; /* the fields that circles are made of, for the place of a report */
};

static const struct load_entry *at_node(const struct links *l, size_t node) {
    return &l->ld->entries.v[l->entry_of[node]];
}

/* Makes a node of every entry of the kinds. */
static struct links new_links(struct loader *ld, unsigned kinds) {
    size_t n = ld->entries.n;
    struct links l = {.ld = ld,
                      .node_of = arena_calloc(&ld->scratch, n, sizeof *l.node_of),
                      .entry_of = arena_calloc(&ld->scratch, n, sizeof *l.entry_of)};
    for (size_t i = 0; i < n; i++) {
        bool in = kinds & SCOPE_BIT(ld->entries.v[i].e->kind);
        l.node_of[i] = in ? l.graph.n : SIZE_MAX;
        if (in)
            l.entry_of[l.graph.n++] = i;
    }
    return l;
}

/* Entries carry their index in `level` until the levels are known. */
static size_t node(const struct links *l, const struct cfg_entry *e) {
    return l->node_of[e->level];
}

static const struct ynode *field_node(const struct ynode *map, const char *path) {
    const char *dot = strchr(path, '.');
    if (dot == NULL)
        return ynode_get(map, path);
    char group[32] = "";
    memcpy(group, path, (size_t)(dot - path));
    return field_node(ynode_get(map, group), dot + 1);
}

static void report_circle(void *ud, const size_t *nodes, size_t n) {
    const struct links *l = ud;
    struct arena *a = &l->ld->scratch;
    /* begin where the circle's first entry stands, not where the search happened to enter it */
    size_t start = 0;
    for (size_t i = 1; i < n; i++)
        if (nodes[i] < nodes[start])
            start = i;
    const struct load_entry *first = at_node(l, nodes[start]);
    const char *text = first->e->id;
    for (size_t i = 1; i <= n; i++) {
        bool skip = n > CIRCLE_SHOWN && i >= CIRCLE_SHOWN - 1 && i < n - 1;
        if (!skip)
            text = arena_printf(a, "%s -> %s", text, at_node(l, nodes[(start + i) % n])->e->id);
        else if (i == CIRCLE_SHOWN - 1)
            text = arena_printf(a, "%s -> (%zu more)", text, n - CIRCLE_SHOWN);
    }
    const char *field = l->field;
    const struct ynode *place = field_node(first->node, field);
    if (place == NULL && l->other_field != NULL && field_node(first->node, l->other_field) != NULL) {
        field = l->other_field;
        place = field_node(first->node, field);
    }
    report_error(l->ld->report, place != NULL ? place->pos : first->e->pos,
                 place != NULL ? arena_printf(a, "%s.%s", first->path, field) : first->path, "a circle: %s",
                 text);
}

/* --- code --------------------------------------------------------------------------------------------------------- */

static uint64_t hash_text(uint64_t h, const char *s) {
    return hash64_add(h, s, strlen(s) + 1);
}

/* Everything imported has its hash already. */
static void hash_code(struct cfg_code *code) {
    uint64_t h = hash64_add(HASH64_START, &code->source.hash, sizeof code->source.hash);
    h = hash_text(h, code->source.name != NULL ? code->source.name : "");
    h = hash_text(h, code->method != NULL ? code->method : "");
    h = hash64_add(h, &code->compat, sizeof code->compat);
    h = hash64_add(h, &code->modules.given, sizeof code->modules.given);
    for (size_t i = 0; i < code->modules.n; i++)
        h = hash_text(h, code->modules.v[i]);
    h = hash64_add(h, &code->modules.n, sizeof code->modules.n);
    for (size_t i = 0; i < code->imports.n; i++) {
        const struct cfg_import *import = &code->imports.v[i];
        h = hash_text(hash_text(h, import->alias), import->entry->id);
        h = hash64_add(h, &import->entry->code->hash, sizeof import->entry->code->hash);
    }
    code->hash = hash64_end(h);
}

static void order_code(struct loader *ld) {
    struct links l = new_links(ld, SCOPE_BIT(CFG_KIND_PROCESS) | SCOPE_BIT(CFG_KIND_FUNCTION) |
                                       SCOPE_BIT(CFG_KIND_LIBRARY));
    l.field = "imports";
    for (size_t i = 0; i < l.graph.n; i++) {
        const struct cfg_code *code = at_node(&l, i)->e->code;
        for (size_t k = 0; k < code->imports.n; k++)
            graph_need(&ld->scratch, &l.graph, i, node(&l, code->imports.v[k].entry));
    }
    struct graph_order order = graph_sort(&ld->scratch, &l.graph, report_circle, &l);
    for (size_t i = 0; i < order.n; i++)
        hash_code(at_node(&l, order.order[i])->body);
}

/* --- starting ----------------------------------------------------------------------------------------------------- */

static void need_all(struct loader *ld, struct links *l, size_t from) {
    const struct cfg_entry *e = at_node(l, from)->e;
    const struct cfg_lifecycle *life = cfg_lifecycle(e);
    for (size_t i = 0; i < life->requires.n; i++)
        graph_need(&ld->scratch, &l->graph, from, node(l, life->requires.v[i]));
    if (e->kind == CFG_KIND_SERVICE && e->service->host != NULL)
        graph_need(&ld->scratch, &l->graph, from, node(l, e->service->host));
}

/* Marks what the daemon starts: what says so, and all that such entries need. Users come after what they need. */
static void mark_boot(const struct links *l, const struct graph_order *order, bool *boot) {
    for (size_t i = 0; i < l->graph.n; i++)
        boot[i] = cfg_lifecycle(at_node(l, i)->e)->auto_start;
    for (size_t i = order->n; i-- > 0;) {
        size_t user = order->order[i];
        const struct cfg_entry *e = at_node(l, user)->e;
        const struct cfg_refs *requires = &cfg_lifecycle(e)->requires;
        for (size_t k = 0; boot[user] && k < requires->n; k++)
            boot[node(l, requires->v[k])] = true;
        if (boot[user] && e->kind == CFG_KIND_SERVICE && e->service->host != NULL)
            boot[node(l, e->service->host)] = true;
    }
}

static void make_levels(struct loader *ld, const struct links *l, const struct graph_order *order) {
    struct arena *keep = &ld->config->arena;
    struct cfg_refs *levels = arena_calloc(keep, order->levels, sizeof *levels);
    const struct cfg_entry ***rooms = arena_calloc(&ld->scratch, order->levels, sizeof *rooms);
    for (size_t i = 0; i < l->graph.n; i++)
        levels[order->level[i]].n++;
    for (size_t i = 0; i < order->levels; i++) {
        rooms[i] = arena_calloc(keep, levels[i].n, sizeof **rooms);
        levels[i] = (struct cfg_refs){.v = rooms[i], .given = true};
    }
    for (size_t i = 0; i < l->graph.n; i++) {
        size_t level = order->level[i];
        rooms[level][levels[level].n++] = at_node(l, i)->e;
    }
    ld->config->levels.v = levels;
    ld->config->levels.n = order->levels;
}

static void order_services(struct loader *ld) {
    struct links l = new_links(ld, SCOPE_BIT(CFG_KIND_SERVICE) | SCOPE_BIT(CFG_KIND_HOST));
    l.field = "lifecycle.requires";
    l.other_field = "lifecycle.depends_on";
    for (size_t i = 0; i < l.graph.n; i++)
        need_all(ld, &l, i);
    struct graph_order order = graph_sort(&ld->scratch, &l.graph, report_circle, &l);
    bool *boot = arena_calloc(&ld->scratch, l.graph.n, sizeof *boot);
    if (order.n == l.graph.n) {
        mark_boot(&l, &order, boot);
        make_levels(ld, &l, &order);
    }
    for (size_t i = 0; i < ld->entries.n; i++)
        ld->entries.v[i].e->level = 0;
    for (size_t i = 0; i < l.graph.n; i++) {
        struct cfg_entry *e = at_node(&l, i)->e;
        e->level = order.level[i];
        e->boot = boot[i];
    }
}

void load_order(struct loader *ld) {
    for (size_t i = 0; i < ld->entries.n; i++)
        ld->entries.v[i].e->level = i;
    order_code(ld);
    order_services(ld);
}
