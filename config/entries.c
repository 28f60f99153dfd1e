/* Entries: their ids first, so that every reference can be resolved; then their fields. And the settings. */
#include "config/files.h"
#include "config/loader.h"
#include "config/suggest.h"

#include <string.h>

struct read load_reader(struct loader *ld, unsigned scope, const char *path, const char *ns) {
    return (struct read){.config = ld->config,
                         .scratch = &ld->scratch,
                         .report = ld->report,
                         .scope = scope,
                         .path = path,
                         .ns = ns,
                         .unread = ld->unread.v,
                         .unread_n = ld->unread.n};
}

/* --- ids ---------------------------------------------------------------------------------------------------------- */

/* What separates ids from other things in references, pids ("{host|0xN}") and options (id.field=value). */
static bool is_name(const char *s) {
    return s[0] != '\0' && s[strcspn(s, ":|{}=\"'*,")] == '\0';
}

static const char *name_field(struct loader *ld, const struct ynode *map, const char *field,
                              const char *where) {
    struct read rd = load_reader(ld, SCOPE_FILE, "", NULL);
    const struct ynode *node = ynode_get(map, field);
    const char *path = where[0] == '\0' ? field : arena_printf(&ld->scratch, "%s.%s", where, field);
    if (node == NULL || ynode_is_null(node)) /* a missing one is the caller's affair */
        return NULL;
    const char *text = read_string(&rd, node, path);
    if (text == NULL)
        return NULL;
    bool printable = true;
    for (const char *p = text; *p != '\0'; p++)
        printable = printable && (unsigned char)*p > 0x20 && *p != 0x7f;
    if (is_name(text) && printable)
        return text;
    report_error(ld->report, node->pos, path,
                 "%s is no name: one is not empty and has no white space and none of : | { } = \" ' * ,",
                 yaml_quote(&ld->scratch, text, strlen(text)));
    return NULL;
}

static enum cfg_kind find_kind(struct loader *ld, const struct ynode *node, const char *word,
                               const char *path) {
    struct suggest s;
    suggest_begin(&s, word);
    for (unsigned k = 0; k < CFG_KIND_OTHER; k++) {
        const char *known = cfg_kind_word((enum cfg_kind)k);
        if (strcmp(known, word) == 0)
            return (enum cfg_kind)k;
        suggest_consider(&s, known);
    }
    report_warning(ld->report, node->pos, path, "unknown kind %s, the entry is kept as data%s",
                   yaml_quote(&ld->scratch, word, strlen(word)), read_hint(&ld->scratch, s.best));
    return CFG_KIND_OTHER;
}

/* The kind's word; NULL when there is none, which is reported. */
static const char *kind_word(struct loader *ld, const struct ynode *entry, const char *path) {
    const struct read rd = load_reader(ld, SCOPE_FILE, "", NULL);
    const struct ynode *node = ynode_get(entry, "kind");
    if (node != NULL && !ynode_is_null(node))
        return read_string(&rd, node, path);
    const char *known = cfg_kind_word(0);
    for (unsigned k = 1; k < CFG_KIND_OTHER; k++)
        known = arena_printf(&ld->scratch, "%s, %s", known, cfg_kind_word((enum cfg_kind)k));
    if (!entry->partial)
        report_error(ld->report, entry->pos, path, "missing: one of %s", known);
    return NULL;
}

/* namespace:name, as far as both are there; else NULL, reported. */
static char *entry_id(struct loader *ld, const struct load_file *f, const struct ynode *node,
                      const char *place, struct cfg_entry *e) {
    const struct ynode *given = ynode_get(node, "name");
    e->name = name_field(ld, node, "name", place);
    if ((given == NULL || ynode_is_null(given)) && !node->partial)
        report_error(ld->report, node->pos, arena_printf(&ld->scratch, "%s.name", place), "missing");
    e->ns = ynode_get(node, "namespace") != NULL ? name_field(ld, node, "namespace", place) : f->ns;
    if (e->name == NULL ||
        e->ns == NULL) /* a file without a namespace is reported once, not for each entry */
        return NULL;
    char *id = arena_printf(&ld->config->arena, "%s:%s", e->ns, e->name);
    if (strlen(id) <= CFG_MAX_ID)
        return id;
    report_error(ld->report, node->pos, place, "the id %.40s... is longer than %d bytes", id, CFG_MAX_ID);
    return NULL;
}

/* Makes the id known; false, reported, when another entry has it. */
static bool claim_id(struct loader *ld, struct cfg_entry *e) {
    void **slot = strmap_slot(&ld->config->arena, &ld->config->by_id, e->id, strlen(e->id));
    const struct cfg_entry *first = *slot;
    if (first == NULL) {
        *slot = e;
        return true;
    }
    /* entries that no file has are given free ids, so both have a place */
    report_error(ld->report, e->pos, e->id, "defined twice; the first is at %s:%d:%d", first->pos.file,
                 first->pos.line, first->pos.col);
    return false;
}

/*
 * An entry with its id and kind. One whose id is missing, wrong or taken is kept as well, for the sake of the mistakes
 * in its fields: nothing can refer to it.
 */
static void register_entry(struct loader *ld, const struct load_file *f, const struct ynode *node, size_t i) {
    struct arena *keep = &ld->config->arena;
    const char *place = arena_printf(keep, "entries[%zu]", i);
    if (node->type != Y_MAP) {
        report_error(ld->report, node->pos, place, "expected a mapping with name, kind and more, found %s",
                     ynode_describe(&ld->scratch, node));
        return;
    }
    struct cfg_entry *e = arena_alloc(keep, sizeof *e);
    e->pos = (struct cfg_pos){f->name, node->pos.line, node->pos.col};
    e->id = entry_id(ld, f, node, place, e);
    if (e->id == NULL || !claim_id(ld, e))
        e->id = e->id == NULL ? place : arena_printf(keep, "%s (%s)", e->id, place);
    const char *path = arena_printf(&ld->scratch, "%s.kind", e->id), *word = kind_word(ld, node, path);
    /* without a kind nothing more can be said about it, but others may refer to it */
    e->kind = word != NULL ? find_kind(ld, ynode_get(node, "kind"), word, path) : CFG_KIND_OTHER;
    e->kind_word = word != NULL ? word : "";
    *ARENA_PUSH(keep, &ld->config->entries) = e;
    *ARENA_PUSH(&ld->scratch, &ld->entries) = (struct load_entry){
        .e = e, .node = word != NULL ? node : NULL, .file = f, .path = e->id, .dir = f->dir};
}

static void register_file(struct loader *ld, struct load_file *f) {
    const struct ynode *entries = ynode_get(f->root, "entries"), *ns = ynode_get(f->root, "namespace");
    if (f->ns == NULL)
        f->ns = name_field(ld, f->root, "namespace", "");
    if (entries == NULL || ynode_is_null(entries))
        return;
    if (entries->type != Y_SEQ) {
        if (!entries->failed)
            report_error(ld->report, entries->pos, "entries", "expected a list, found %s",
                         ynode_describe(&ld->scratch, entries));
        return;
    }
    bool all_own = true;
    for (size_t i = 0; i < entries->n; i++)
        all_own = all_own && ynode_get(entries->items[i], "namespace") != NULL;
    if (f->ns == NULL && !all_own && (ns == NULL || ynode_is_null(ns)))
        report_error(ld->report, f->root->pos, "namespace",
                     "missing: the file has entries, whose ids begin with it");
    for (size_t i = 0; i < entries->n; i++)
        register_entry(ld, f, entries->items[i], i);
}

void load_register(struct loader *ld) {
    for (size_t i = 0; i < ld->files.n; i++)
        register_file(ld, &ld->files.v[i]);
}

/* --- settings ----------------------------------------------------------------------------------------------------- */

void load_settings(struct loader *ld) {
    struct read rd = load_reader(ld, SCOPE_FILE, "", NULL);
    rd.bases[BASE_SETTINGS] = &ld->config->settings;
    read_defaults(&rd);
    for (size_t i = 0; i < ld->files.n; i++) {
        rd.main_file = ld->files.v[i].main || ld->files.v[i].option;
        read_fields(&rd, ld->files.v[i].root, false);
    }
}

/* --- fields ------------------------------------------------------------------------------------------------------- */

/* Makes the struct of the entry's kind; what it needs before its fields are read. */
static void *new_body(struct loader *ld, struct cfg_entry *e) {
    struct arena *keep = &ld->config->arena;
    struct cfg_host *host;
    struct cfg_code *code;
    struct cfg_service *service;
    switch (e->kind) {
    case CFG_KIND_HOST:
        host = arena_alloc(keep, sizeof *host);
        host->entry = e;
        e->host = host;
        return host;
    case CFG_KIND_PROCESS:
    case CFG_KIND_FUNCTION:
    case CFG_KIND_LIBRARY:
        code = arena_alloc(keep, sizeof *code);
        code->entry = e;
        code->compat = CFG_UNSET; /* a library has no such field */
        e->code = code;
        return code;
    case CFG_KIND_SERVICE:
        service = arena_alloc(keep, sizeof *service);
        service->entry = e;
        e->service = service;
        return service;
    default:
        return NULL;
    }
}

/* Everything an entry has besides what every entry has. */
static void read_data(struct loader *ld, struct load_entry *le) {
    struct arena *keep = &ld->config->arena;
    struct cfg_value whole = ynode_value(keep, le->node), *data = arena_alloc(keep, sizeof *data);
    struct cfg_member *members = arena_calloc(keep, whole.n, sizeof *members);
    size_t n = 0;
    for (size_t i = 0; i < whole.n; i++) {
        const struct cfg_member *m = &whole.members[i];
        if (strlen(m->key) != m->key_len || field_find(le->e->kind, m->key) == NULL)
            members[n++] = *m;
    }
    *data = (struct cfg_value){.type = CFG_OBJECT, .n = n};
    data->members = members;
    le->e->data = data;
}

static void read_entry(struct loader *ld, struct load_entry *le) {
    static const enum field_base bases[CFG_KIND_COUNT] = {
        [CFG_KIND_HOST] = BASE_HOST,    [CFG_KIND_PROCESS] = BASE_CODE,    [CFG_KIND_FUNCTION] = BASE_CODE,
        [CFG_KIND_LIBRARY] = BASE_CODE, [CFG_KIND_SERVICE] = BASE_SERVICE, [CFG_KIND_DATA] = BASE_ENTRY,
        [CFG_KIND_OTHER] = BASE_ENTRY,
    };
    struct cfg_entry *e = le->e;
    struct read rd = load_reader(ld, e->kind, le->path, e->ns);
    rd.bases[bases[e->kind]] = le->body;
    rd.bases[BASE_ENTRY] = e;
    rd.data = le->body == NULL;
    read_defaults(&rd);
    if (le->node == NULL)
        return;
    read_fields(&rd, le->node, !le->node->partial);
    if (le->body == NULL)
        read_data(ld, le);
}

/* Functions and processes may name in `meta` the host that calls run on, as Wippy has it. */
static void read_default_host(struct loader *ld, const struct load_entry *le) {
    enum cfg_kind kind = le->e->kind;
    struct cfg_code *code = le->body;
    const struct ynode *node = ynode_get(ynode_get(le->node, "meta"), "default_host");
    if ((kind != CFG_KIND_PROCESS && kind != CFG_KIND_FUNCTION) || code->host != NULL || node == NULL ||
        ynode_is_null(node) || node->failed)
        return;
    struct read rd = load_reader(ld, kind, le->path, le->e->ns);
    code->host = read_ref(&rd, node, arena_printf(&ld->scratch, "%s.meta.default_host", le->path),
                          SCOPE_BIT(CFG_KIND_HOST));
}

void load_entries(struct loader *ld) {
    for (size_t i = 0; i < ld->entries.n; i++) {
        struct load_entry *le = &ld->entries.v[i];
        le->body = new_body(ld, le->e);
        read_entry(ld, le);
        read_default_host(ld, le);
    }
}
