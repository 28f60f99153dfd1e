/* What depends on what: levels, boot, circles, large graphs. */
#include "tests/unit/cfgdir.h"

#include "config/graph.h"

#include <time.h>

CFG_SUITE(order);
TestSuite(graph);

static const struct cfg_entry *entry(struct loaded l, const char *id) {
    const struct cfg_entry *e = cfg_find(l.c, id);
    cr_assert(e != NULL, "%s is missing", id);
    return e;
}

/* Every host and service is in exactly one level, above all it needs. */
static void expect_ordered(struct loaded l) {
    size_t in_levels = 0, startable = 0;
    for (size_t i = 0; i < cfg_level_count(l.c); i++) {
        const struct cfg_refs *level = cfg_level_at(l.c, i);
        cr_expect(level->n > 0, "an empty level");
        in_levels += level->n;
        for (size_t k = 0; k < level->n; k++) {
            const struct cfg_entry *e = level->v[k];
            const struct cfg_refs *requires = &cfg_lifecycle(e)->requires;
            cr_expect(e->level == i, "%s", e->id);
            for (size_t j = 0; j < requires->n; j++) {
                cr_expect(requires->v[j]->level < i, "%s starts with %s", e->id, requires->v[j]->id);
                cr_expect(!e->boot || requires->v[j]->boot, "%s boots without %s", e->id, requires->v[j]->id);
            }
            if (e->kind == CFG_KIND_SERVICE) {
                cr_expect(e->service->host->level < i, "%s starts before its host", e->id);
                cr_expect(!e->boot || e->service->host->boot, "%s boots without its host", e->id);
            }
        }
    }
    for (size_t i = 0; i < cfg_entry_count(l.c); i++)
        startable += cfg_lifecycle(cfg_entry_at(l.c, i)) != NULL;
    cr_expect(in_levels == startable);
}

Test(order, levels_and_boot) {
    put(MAIN, HEAD "  - {name: p, kind: process.lua, source: 'return {}'}\n"
                   "  - {name: a, kind: process.service, process: p, host: h, lifecycle: {auto_start: true, "
                   "requires: [b, c]}}\n"
                   "  - {name: b, kind: process.service, process: p, host: h, lifecycle: {depends_on: [c]}}\n"
                   "  - {name: c, kind: process.service, process: p, host: h2}\n"
                   "  - {name: d, kind: process.service, process: p, host: h3}\n"
                   "  - {name: h, kind: process.host, lifecycle: {requires: [h2]}}\n"
                   "  - {name: h2, kind: process.host}\n  - {name: h3, kind: process.host}\n");
    struct loaded l = load_good(MAIN);
    expect_ordered(l);
    cr_expect(cfg_level_count(l.c) == 4);
    static const struct {
        const char *id;
        size_t level;
        bool boot;
    } want[] = {{"app:h2", 0, true}, {"app:h3", 0, false}, {"app:h", 1, true}, {"app:c", 1, true},
                {"app:d", 1, false}, {"app:b", 2, true},   {"app:a", 3, true}, {"app:p", 0, false}};
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        const struct cfg_entry *e = entry(l, want[i].id);
        cr_expect(e->level == want[i].level && e->boot == want[i].boot, "%s: level %zu, boot %d", e->id,
                  e->level, e->boot);
    }
    cr_expect_str_eq(cfg_level_at(l.c, 1)->v[0]->id, "app:c", "within a level as in the files");
    unload(l);
}

Test(order, the_same_thing_needed_twice) {
    put(MAIN, HEAD HOST "  - {name: p, kind: process.lua, source: 'return {}'}\n"
                        "  - {name: a, kind: process.service, process: p, host: processes}\n"
                        "  - {name: b, kind: process.service, process: p, host: processes, lifecycle: "
                        "{requires: [a, a, processes]}}\n");
    struct loaded l = load_good(MAIN);
    expect_ordered(l);
    cr_expect(entry(l, "app:b")->level == 2);
    unload(l);
}

Test(order, a_long_circle_is_cut_in_the_message) {
    FILE *f = fopen(MAIN, "w");
    fputs(HEAD, f);
    for (int i = 0; i < 20; i++)
        fprintf(f, "  - {name: l%d, kind: library.lua, source: x, imports: {n: l%d}}\n", i, (i + 1) % 20);
    fclose(f);
    struct loaded l = load(MAIN);
    EXPECT(
        l,
        "troupe.yaml:4:55: error: app:l0.imports: a circle: app:l0 -> app:l1 -> app:l2 -> app:l3 -> app:l4 "
        "-> app:l5 -> app:l6 -> app:l7 -> app:l8 -> app:l9 -> app:l10 -> (8 more) -> app:l19 -> app:l0");
    unload(l);
}

Test(order, a_change_in_a_library_changes_all_that_import_it) {
    const char *text = HEAD "  - {name: lib, kind: library.lua, source: 'file://lib.lua'}\n"
                            "  - {name: mid, kind: library.lua, source: 'return 1', imports: {lib: lib}}\n"
                            "  - {name: top, kind: process.lua, source: 'return 2', imports: {mid: mid}}\n"
                            "  - {name: other, kind: process.lua, source: 'return 3'}\n";
    put(MAIN, text);
    put("lib.lua", "return 1");
    struct loaded before = load_good(MAIN);
    put("lib.lua", "return 2");
    struct loaded after = load_good(MAIN);
    static const char *const ids[] = {"app:lib", "app:mid", "app:top", "app:other"};
    for (size_t i = 0; i < 4; i++) {
        const struct cfg_code *a = entry(before, ids[i])->code, *b = entry(after, ids[i])->code;
        cr_expect((a->hash != b->hash) == (i < 3), "%s", ids[i]);
        cr_expect((a->source.hash != b->source.hash) == (i == 0), "%s", ids[i]);
    }
    unload(before);
    unload(after);
}

/* A chain of services as long as may be, and as many that need a few others each: quick, and no deep recursion. */
Test(order, large_graphs_are_quick) {
    struct timespec start, end;
    FILE *f = fopen(MAIN, "w");
    fputs(HEAD HOST "  - {name: p, kind: process.lua, source: 'return {}'}\n", f);
    for (int i = 0; i < 10000; i++) {
        fprintf(f, "  - name: s%d\n    kind: process.service\n    process: p\n    host: processes\n", i);
        if (i > 0)
            fprintf(f, "    lifecycle: {requires: [s%d, s%d, s%d]}\n", i - 1, i / 2, i / 3);
    }
    fclose(f);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
    struct loaded l = load_good(MAIN);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    expect_ordered(l);
    cr_expect(cfg_level_count(l.c) == 10001);
    /* some tenths of a second; a quadratic step anywhere would take minutes under a sanitizer */
    cr_expect(end.tv_sec - start.tv_sec < 20);
    unload(l);
}

/* --- the graph itself --------------------------------------------------------------------------------------------- */

struct sorting {
    struct arena arena;
    const size_t (*edges)[2];
    size_t nodes, edge_count;
    struct graph_order order;
    char circles[256];
};

static void note_circle(void *ud, const size_t *nodes, size_t n) {
    struct sorting *s = ud;
    for (size_t i = 0; i < n; i++)
        snprintf(s->circles + strlen(s->circles), sizeof s->circles - strlen(s->circles), "%zu ", nodes[i]);
    strcat(s->circles, "; ");
}

static void sort(void *ud) {
    struct sorting *s = ud;
    struct graph g = {.n = s->nodes};
    for (size_t i = 0; i < s->edge_count; i++)
        graph_need(&s->arena, &g, s->edges[i][0], s->edges[i][1]);
    s->order = graph_sort(&s->arena, &g, note_circle, s);
}

static void expect_circles(size_t nodes, const size_t (*edges)[2], size_t n, size_t sorted,
                           const char *circles) {
    struct arena_guard guard;
    struct sorting s = {.edges = edges, .nodes = nodes, .edge_count = n};
    arena_init(&s.arena, &guard);
    cr_assert(arena_run(&guard, sort, &s));
    cr_expect(s.order.n == sorted, "%zu sorted", s.order.n);
    cr_expect(strcmp(s.circles, circles) == 0, "%s", s.circles);
    arena_free(&s.arena);
}

#define CIRCLES(nodes, sorted, circles, ...)                                                                 \
    do {                                                                                                     \
        static const size_t e_[][2] = {__VA_ARGS__};                                                         \
        expect_circles(nodes, e_, sizeof e_ / sizeof e_[0], sorted, circles);                                \
    } while (0)

Test(graph, circles) {
    expect_circles(0, NULL, 0, 0, "");
    expect_circles(3, NULL, 0, 3, "");
    CIRCLES(3, 3, "", {0, 1}, {1, 2}, {0, 2}, {0, 1});
    CIRCLES(1, 0, "0 ; ", {0, 0});
    CIRCLES(4, 1, "1 2 ; ", {0, 1}, {1, 2}, {2, 1}, {2, 3});
    CIRCLES(4, 0, "0 1 ; 2 3 ; ", {0, 1}, {1, 0}, {2, 3}, {3, 2});
    CIRCLES(5, 1, "1 2 3 ; ", {0, 1}, {1, 2}, {2, 3}, {3, 1}, {3, 4});
}

Test(graph, a_random_graph_without_circles_is_sorted) {
    enum { NODES = 500, EDGES = 3000 };
    static size_t edges[EDGES][2];
    uint64_t x = 88172645463325252u;
    for (size_t i = 0; i < EDGES; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        size_t a = x % NODES, b = (x >> 20) % NODES;
        /* a larger number needs a smaller one, or nothing new */
        edges[i][0] = a > b ? a : b > a ? b : NODES - 1;
        edges[i][1] = a > b ? b : b > a ? a : 0;
    }
    struct arena_guard guard;
    struct sorting s = {.edges = (const size_t(*)[2])edges, .nodes = NODES, .edge_count = EDGES};
    arena_init(&s.arena, &guard);
    cr_assert(arena_run(&guard, sort, &s));
    cr_expect(s.order.n == NODES && s.circles[0] == '\0');
    static size_t place[NODES];
    for (size_t i = 0; i < NODES; i++)
        place[s.order.order[i]] = i;
    for (size_t i = 0; i < EDGES; i++) {
        cr_expect(place[edges[i][0]] > place[edges[i][1]]);
        cr_expect(s.order.level[edges[i][0]] > s.order.level[edges[i][1]]);
    }
    arena_free(&s.arena);
}
