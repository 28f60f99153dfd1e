/* Overrides: PATH=VALUE from the command line, applied to the nodes before they are read as typed fields. */
#include "config/files.h"
#include "config/loader.h"
#include "config/utf8.h"

#include <string.h>

/* Longer options are cut in messages. */
#define NAME_MAX_SHOWN 200

struct override {
    const char *name; /* what positions say: "--set PATH=VALUE" */
    const char *path, *end;
    const struct ynode *value;
};

static struct cfg_pos here(const struct override *o) {
    return (struct cfg_pos){.file = o->name};
}

/*
 * `node` with the value at the path that is left. Mappings on the way are copied, for aliases may share them;
 * what is no mapping gives way, as if it had not been there.
 */
static const struct ynode *put(struct loader *ld, const struct ynode *node, const struct override *o,
                               const char *path) {
    if (path > o->end)
        return o->value;
    const char *dot = memchr(path, '.', (size_t)(o->end - path));
    const char *end = dot != NULL ? dot : o->end;
    const char *key = arena_strndup(&ld->scratch, path, (size_t)(end - path));
    return ynode_with(&ld->scratch, node, here(o), key, put(ld, ynode_get(node, key), o, end + 1));
}

/* The first name of a path, as far as it may be a field's. */
struct part {
    char name[32];
};

static struct part first_part(const struct override *o, const char *path) {
    struct part part = {""};
    const char *dot = memchr(path, '.', (size_t)(o->end - path));
    size_t n = (size_t)((dot != NULL ? dot : o->end) - path);
    if (n < sizeof part.name)
        memcpy(part.name, path, n);
    return part;
}

static bool is_special(unsigned scope, const struct override *o, const char *path) {
    const struct field *f = field_find(scope, first_part(o, path).name);
    return f != NULL && f->type == FIELD_SPECIAL;
}

/* Whether the path begins with a field of the kind. */
static bool fits(enum cfg_kind kind, const struct override *o, const char *path) {
    struct part part = first_part(o, path);
    return kind == CFG_KIND_DATA || kind == CFG_KIND_OTHER || field_find(kind, part.name) != NULL ||
           field_is_group(kind, part.name);
}

/*
 * The entry whose id and a dot the path begins with. Names have dots too, so there may be several: the longest whose
 * fields fit what follows, else the longest.
 */
static struct load_entry *find_entry(struct loader *ld, const struct override *o) {
    const struct cfg_entry *longest = NULL, *fitting = NULL;
    for (const char *dot = o->path; (dot = memchr(dot, '.', (size_t)(o->end - dot))) != NULL; dot++) {
        const struct cfg_entry *named = strmap_get(&ld->config->by_id, o->path, (size_t)(dot - o->path));
        if (named != NULL)
            longest = named;
        if (named != NULL && fits(named->kind, o, dot + 1))
            fitting = named;
    }
    const struct cfg_entry *e = fitting != NULL ? fitting : longest;
    for (size_t i = 0; e != NULL && i < ld->entries.n; i++)
        if (ld->entries.v[i].e == e)
            return &ld->entries.v[i];
    return NULL;
}

static void set_entry(struct loader *ld, const struct override *o) {
    struct load_entry *le = find_entry(ld, o);
    if (le == NULL) {
        report_error(ld->report, here(o), NULL,
                     "no entry has such an id; expected the id of one, a dot and a field, such as "
                     "app:processes.host.workers=2");
        return;
    }
    const char *path = o->path + strlen(le->e->id) + 1;
    if (is_special(le->e->kind, o, path))
        report_error(ld->report, here(o), NULL, "name, namespace and kind of an entry cannot be changed");
    else if (le->node != NULL)
        le->node = put(ld, le->node, o, path);
}

static void set_setting(struct loader *ld, const struct override *o) {
    if (is_special(SCOPE_FILE, o, o->path)) {
        report_error(
            ld->report, here(o), NULL,
            "version, include, namespace and entries cannot be given like this; a field of an entry is "
            "NAMESPACE:NAME.FIELD=VALUE");
        return;
    }
    struct load_file f = {.name = o->name, .dir = ".", .option = true};
    f.root = put(ld, NULL, o, o->path);
    *ARENA_PUSH(&ld->scratch, &ld->files) = f;
}

/* Empty parts ("a..b", ".a") name nothing. */
static bool is_path(const char *path, const char *end) {
    if (path == end || *path == '.' || end[-1] == '.')
        return false;
    return memmem(path, (size_t)(end - path), "..", 2) == NULL;
}

/* More levels than an entry has above its fields, so that a printed configuration can be read again. */
#define LEVELS_ABOVE 4

/* What messages call the option: as it is, unless that would garble them. */
static const char *option_name(struct loader *ld, const char *text) {
    size_t n = strlen(text);
    bool plain = n <= NAME_MAX_SHOWN && utf8_valid(text, n) == n;
    for (size_t i = 0; plain && i < n; i++)
        plain = (unsigned char)text[i] >= 0x20 && text[i] != 0x7f;
    return arena_printf(&ld->config->arena, "--set %s", plain ? text : yaml_quote(&ld->scratch, text, n));
}

static void apply(struct loader *ld, const char *text) {
    struct override o = {.name = option_name(ld, text), .path = text};
    o.end = strchr(text, '=');
    size_t levels = LEVELS_ABOVE;
    for (const char *p = text; o.end != NULL && p < o.end; p++)
        levels += *p == '.';
    if (o.end == NULL || !is_path(o.path, o.end) || levels > YAML_MAX_DEPTH) {
        report_error(ld->report, here(&o), NULL, "expected PATH=VALUE, such as runtime.workers=2");
        return;
    }
    bool broken;
    o.value = yaml_parse(&ld->yaml, o.name, o.end + 1, strlen(o.end + 1), true, &broken);
    if (broken)
        return;
    if (o.value == NULL)
        o.value = ynode_scalar(&ld->scratch, here(&o), "");
    if (o.value->height + levels > YAML_MAX_DEPTH) {
        report_error(ld->report, here(&o), NULL, "nested too deeply: more than %d levels", YAML_MAX_DEPTH);
        return;
    }
    if (memchr(o.path, ':', (size_t)(o.end - o.path)) != NULL)
        set_entry(ld, &o);
    else
        set_setting(ld, &o);
}

void load_overrides(struct loader *ld) {
    for (size_t i = 0; i < ld->options->set_n; i++)
        apply(ld, ld->options->set[i]);
}
