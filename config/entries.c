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
                         .unread = ld->unread};
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

/* An entry with its id and kind, or nothing after a report. */
static void register_entry(struct loader *ld, const struct load_file *f, const struct ynode *node, size_t i) {
    struct arena *keep = &ld->config->arena;
    const char *place = arena_printf(&ld->scratch, "entries[%zu]", i);
    if (node->type != Y_MAP) {
        report_error(ld->report, node->pos, place, "expected a mapping with name, kind and more, found %s",
                     ynode_describe(&ld->scratch, node));
        return;
    }
    const char *name = name_field(ld, node, "name", place);
    const struct ynode *given = ynode_get(node, "name");
    if ((given == NULL || ynode_is_null(given)) && !node->partial)
        report_error(ld->report, node->pos, arena_printf(&ld->scratch, "%s.name", place), "missing");
    const struct ynode *ns_node = ynode_get(node, "namespace");
    const char *own_ns = name_field(ld, node, "namespace", place);
    const char *ns = own_ns != NULL || ns_node != NULL ? own_ns : f->ns;
    if (name == NULL || ns == NULL) /* a file without a namespace is reported once, not for each entry */
        return;
    char *id = arena_printf(keep, "%s:%s", ns, name);
    if (strlen(id) > CFG_MAX_ID) {
        report_error(ld->report, node->pos, place, "the id %.40s... is longer than %d bytes", id, CFG_MAX_ID);
        return;
    }
    struct read rd = load_reader(ld, SCOPE_FILE, "", NULL);
    const char *kind_path = arena_printf(&ld->scratch, "%s.kind", id);
    const struct ynode *kind_node = ynode_get(node, "kind");
    if ((kind_node == NULL || ynode_is_null(kind_node)) && !node->partial)
        report_error(ld->report, node->pos, kind_path, "missing");
    const char *word =
        kind_node == NULL || ynode_is_null(kind_node) ? NULL : read_string(&rd, kind_node, kind_path);

    const struct cfg_entry *first = cfg_find(ld->config, id);
    if (first != NULL) {
        report_error(ld->report, node->pos, id,
                     first->pos.line > 0 ? "defined twice; the first is at %s:%d:%d"
                                         : "defined twice; the first is %s",
                     first->pos.file, first->pos.line, first->pos.col);
        return;
    }
    struct cfg_entry *e = arena_alloc(keep, sizeof *e);
    e->id = id;
    e->ns = ns;
    e->name = name;
    e->pos = (struct cfg_pos){f->name, node->pos.line, node->pos.col};
    /* without a kind nothing more can be said about it, but others may refer to it */
    e->kind = word != NULL ? find_kind(ld, kind_node, word, kind_path) : CFG_KIND_OTHER;
    e->kind_word = word != NULL ? word : "";
    *strmap_slot(keep, &ld->config->by_id, id, strlen(id)) = e;
    *ARENA_PUSH(keep, &ld->config->entries) = e;
    *ARENA_PUSH(&ld->scratch, &ld->entries) =
        (struct load_entry){.e = e, .node = word != NULL ? node : NULL, .file = f, .path = id, .dir = f->dir};
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
