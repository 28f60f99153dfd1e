/* What differs between two configurations, by the table of fields. */
#include "base/alloc.h"
#include "config/model.h"

#include <string.h>

struct cfg_diff {
    struct arena arena;
    struct config *before, *after;
    struct {
        struct cfg_change *v;
        size_t n, cap;
    } changes;
};

static bool same_text(const char *a, const char *b) {
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Entries of two configurations are the same when their ids are. */
static bool same_ref(const struct cfg_entry *a, const struct cfg_entry *b) {
    return a == NULL || b == NULL ? a == b : strcmp(a->id, b->id) == 0;
}

static bool same_strings(const struct cfg_strings *a, const struct cfg_strings *b) {
    if (a->n != b->n || a->given != b->given)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->v[i], b->v[i]) != 0)
            return false;
    return true;
}

static bool same_refs(const struct cfg_refs *a, const struct cfg_refs *b) {
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (!same_ref(a->v[i], b->v[i]))
            return false;
    return true;
}

static bool same_imports(const struct cfg_imports *a, const struct cfg_imports *b) {
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->v[i].alias, b->v[i].alias) != 0 || !same_ref(a->v[i].entry, b->v[i].entry))
            return false;
    return true;
}

static bool same_source(const struct cfg_code *a, const struct cfg_code *b) {
    return a->source.hash == b->source.hash && a->source.len == b->source.len &&
           same_text(a->source.name, b->source.name);
}

static bool same_field(const struct field *f, const void *base_a, const void *base_b) {
    const void *a = model_field(base_a, f), *b = model_field(base_b, f);
    switch (f->type) {
    case FIELD_INT:
    case FIELD_SIZE:
    case FIELD_DURATION:
    case FIELD_MODE:
        return *(const int64_t *)a == *(const int64_t *)b;
    case FIELD_DOUBLE:
        return *(const double *)a == *(const double *)b;
    case FIELD_BOOL:
        return *(const bool *)a == *(const bool *)b;
    case FIELD_ENUM:
        return *(const int *)a == *(const int *)b;
    case FIELD_STRING:
        return same_text(*(const char *const *)a, *(const char *const *)b);
    case FIELD_SOURCE:
        return same_source(base_a, base_b);
    case FIELD_REF:
        return same_ref(*(const struct cfg_entry *const *)a, *(const struct cfg_entry *const *)b);
    case FIELD_STRINGS:
        return same_strings(a, b);
    case FIELD_REFS:
        return same_refs(a, b);
    case FIELD_IMPORTS:
        return same_imports(a, b);
    case FIELD_LIST:
    case FIELD_OBJECT:
        return cfg_value_equal(*(const struct cfg_value *const *)a, *(const struct cfg_value *const *)b);
    case FIELD_SPECIAL:
    case FIELD_IGNORED:
    case FIELD_TYPE_COUNT:
        break;
    }
    return true;
}

static void add_name(struct cfg_diff *d, struct cfg_change *c, const char *name, enum cfg_reload reload) {
    const char **fields = &c->fields[reload];
    *fields = *fields == NULL ? name : arena_printf(&d->arena, "%s, %s", *fields, name);
}

static bool any_field(const struct cfg_change *c) {
    for (size_t i = 0; i < CFG_RELOAD_COUNT; i++)
        if (c->fields[i] != NULL)
            return true;
    return false;
}

/* Notes the fields of the scope in `base` that differ. */
static void compare(struct cfg_diff *d, struct cfg_change *c, unsigned scope, enum field_base base,
                    const void *before, const void *after) {
    for (size_t i = 0; i < cfg_field_count; i++) {
        const struct field *f = &cfg_fields[i];
        if (!(f->scopes & SCOPE_BIT(scope)) || f->base != base || f->alias_of != NULL ||
            same_field(f, before, after))
            continue;
        add_name(d, c, f->path, f->reload);
        if (base == BASE_HOST && strcmp(f->path, "host.workers") == 0)
            c->workers = true;
    }
}

static void compare_entries(struct cfg_diff *d, const struct cfg_entry *before,
                            const struct cfg_entry *after) {
    static const enum field_base bases[] = {BASE_HOST, BASE_CODE, BASE_SERVICE};
    struct cfg_change c = {.kind = CFG_CHANGED, .before = before, .after = after};
    if (before->kind != after->kind || strcmp(before->kind_word, after->kind_word) != 0) {
        /* another kind is another thing under the same name */
        *ARENA_PUSH(&d->arena, &d->changes) = (struct cfg_change){.kind = CFG_REMOVED, .before = before};
        *ARENA_PUSH(&d->arena, &d->changes) = (struct cfg_change){.kind = CFG_ADDED, .after = after};
        return;
    }
    compare(d, &c, after->kind, BASE_ENTRY, before, after);
    if (after->kind == CFG_KIND_DATA || after->kind == CFG_KIND_OTHER) {
        if (!cfg_value_equal(before->data, after->data))
            add_name(d, &c, "data", CFG_RELOAD_LIVE);
    } else {
        /* the pointers of the union are one; fields of other bases than the kind's are not in its scope */
        for (size_t i = 0; i < sizeof bases / sizeof bases[0]; i++)
            compare(d, &c, after->kind, bases[i], before->host, after->host);
    }
    if (cfg_is_code(after) && before->code->hash != after->code->hash) {
        c.source = true;
        if (!any_field(&c))
            add_name(d, &c, "imports", CFG_RELOAD_SPAWN);
    }
    if (any_field(&c))
        *ARENA_PUSH(&d->arena, &d->changes) = c;
}

static void diff_all(void *ud) {
    struct cfg_diff *d = ud;
    struct cfg_change settings = {.kind = CFG_CHANGED};
    compare(d, &settings, SCOPE_FILE, BASE_SETTINGS, &d->before->settings, &d->after->settings);
    if (any_field(&settings))
        *ARENA_PUSH(&d->arena, &d->changes) = settings;
    for (size_t i = 0; i < d->after->entries.n; i++) {
        const struct cfg_entry *after = d->after->entries.v[i], *before = cfg_find(d->before, after->id);
        if (before != NULL)
            compare_entries(d, before, after);
        else
            *ARENA_PUSH(&d->arena, &d->changes) = (struct cfg_change){.kind = CFG_ADDED, .after = after};
    }
    for (size_t i = 0; i < d->before->entries.n; i++) {
        const struct cfg_entry *before = d->before->entries.v[i];
        if (cfg_find(d->after, before->id) == NULL)
            *ARENA_PUSH(&d->arena, &d->changes) = (struct cfg_change){.kind = CFG_REMOVED, .before = before};
    }
}

struct cfg_diff *cfg_diff(struct config *before, struct config *after) {
    struct arena_guard guard;
    struct cfg_diff *d = mem_calloc(1, sizeof *d);
    if (d == NULL)
        return NULL;
    arena_init(&d->arena, &guard);
    d->before = cfg_ref(before);
    d->after = cfg_ref(after);
    if (arena_run(&guard, diff_all, d))
        return d;
    cfg_diff_free(d);
    return NULL;
}

size_t cfg_diff_count(const struct cfg_diff *d) {
    return d->changes.n;
}

const struct cfg_change *cfg_diff_at(const struct cfg_diff *d, size_t i) {
    return &d->changes.v[i];
}

void cfg_diff_free(struct cfg_diff *d) {
    if (d == NULL)
        return;
    arena_free(&d->arena);
    cfg_unref(d->before);
    cfg_unref(d->after);
    mem_free(d);
}
