#include "config/read.h"

#include "base/dur.h"
#include "base/size.h"
#include "config/report.h"
#include "config/suggest.h"

#include <stdlib.h>
#include <string.h>

/* Where a value is being read: its field and how messages name it. */
struct spot {
    const struct read *rd;
    const struct field *field;
    const char *path;
};

static const char *join(const struct read *rd, const char *path, const char *name) {
    return path[0] == '\0' ? name : arena_printf(rd->scratch, "%s.%s", path, name);
}

const char *read_hint(struct arena *a, const char *best) {
    return best != NULL ? arena_printf(a, "; did you mean \"%s\"?", best) : "";
}

/* --- messages ----------------------------------------------------------------------------------------------------- */

static void wrong(const struct spot *at, const struct ynode *node, const char *best) {
    char allowed[256];
    struct arena *a = at->rd->scratch;
    const struct field *f = at->field;
    const char *like = field_type_like(f->type);
    if (f->type == FIELD_ENUM || f->type == FIELD_REF)
        like = field_allowed(f, allowed, sizeof allowed);
    /* messages put every text into quotes: that they are the mistake must be said */
    bool bare = f->type == FIELD_INT || f->type == FIELD_DOUBLE || f->type == FIELD_BOOL;
    bool quoted = bare && node->type == Y_SCALAR && !node->plain && !node->env && node->tag == YTAG_NONE;
    report_error(at->rd->report, node->pos, at->path, "expected %s, found %s%s%s", like,
                 quoted ? "the quoted string " : "", ynode_describe(a, node), read_hint(a, best));
}

static void out_of_range(const struct spot *at, const struct ynode *node) {
    char allowed[256];
    report_error(at->rd->report, node->pos, at->path, "%s is out of range, allowed is %s",
                 ynode_describe(at->rd->scratch, node), field_allowed(at->field, allowed, sizeof allowed));
}

static bool in_range(const struct spot *at, const struct ynode *node, int64_t v) {
    const struct field *f = at->field;
    if ((v >= f->min && v <= f->max) || (v == 0 && (f->flags & FIELD_OR_ZERO)))
        return true;
    out_of_range(at, node);
    return false;
}

/* --- scalars ------------------------------------------------------------------------------------------------------ */

/* What a scalar looks like, quotes or not where an environment variable was put in, which often forces quotes. */
static struct cfg_value look(const struct ynode *node) {
    struct ynode bare = *node;
    bare.plain = node->plain || node->env;
    return ynode_resolve(&bare);
}

static void read_int(const struct spot *at, const struct ynode *node, int64_t *out) {
    struct cfg_value v = look(node);
    if (v.type == CFG_INT) {
        if (in_range(at, node, v.i))
            *out = v.i;
    } else if (v.type == CFG_DOUBLE && node->text[strspn(node->text, "+-0123456789")] == '\0') {
        out_of_range(at, node); /* an integer that is too large for 64 bits looks like a double */
    } else {
        wrong(at, node, NULL);
    }
}

static void read_double(const struct spot *at, const struct ynode *node, double *out) {
    struct cfg_value v = look(node);
    double d = v.type == CFG_INT ? (double)v.i : v.d;
    if (v.type != CFG_INT && v.type != CFG_DOUBLE)
        wrong(at, node, NULL);
    else if (d >= (double)at->field->min && d <= (double)at->field->max)
        *out = d;
    else
        out_of_range(at, node); /* not a number, too */
}

/* "64MB", "64M", "64mib" most likely mean "64MiB", and what is a size but for its range means itself. */
static const char *size_hint(struct arena *a, const char *text) {
    static const char letters[] = "KMGTPkmgtp";
    size_t digits = strspn(text, "0123456789");
    const char *unit = text + digits, *letter;
    if (digits > 0 && *unit == '\0')
        return text;
    if (digits == 0 || strlen(unit) > 3 || (letter = strchr(letters, *unit)) == NULL)
        return NULL;
    return arena_printf(a, "%.*s%ciB", (int)digits, text, letters[(letter - letters) % 5]);
}

static void read_size(const struct spot *at, const struct ynode *node, int64_t *out) {
    int64_t bytes;
    bool size = size_parse(node->text, node->n, &bytes);
    const char *hint = size ? NULL : size_hint(at->rd->scratch, node->text);
    if (!size && hint != NULL && strcmp(hint, node->text) == 0) /* nothing is wrong with it but its size */
        out_of_range(at, node);
    else if (!size)
        wrong(at, node, hint);
    else if (in_range(at, node, bytes))
        *out = bytes;
}

static void read_duration(const struct spot *at, const struct ynode *node, int64_t *out) {
    int64_t ns;
    if (!dur_parse(node->text, node->n, &ns)) {
        bool number = node->n > 0 && strspn(node->text, "0123456789.") == node->n;
        wrong(at, node, number ? arena_printf(at->rd->scratch, "%ss", node->text) : NULL);
    } else if (in_range(at, node, ns)) {
        *out = ns;
    }
}

/* The words that YAML has had for booleans: 1 or 0; -1: none. */
static int truth(const struct ynode *node) {
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};
    struct cfg_value v = look(node);
    if (v.type == CFG_BOOL)
        return v.b;
    if (!node->plain && !node->env)
        return -1;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strlen(words[i]) == node->n && strncasecmp(words[i], node->text, node->n) == 0)
            return (int)(i % 2);
    return -1;
}

static void read_bool(const struct spot *at, const struct ynode *node, bool *out) {
    int b = truth(node);
    if (b < 0)
        wrong(at, node, NULL);
    else
        *out = b > 0;
}

static void read_enum(const struct spot *at, const struct ynode *node, int *out) {
    const struct field *f = at->field;
    int b = f->flags & FIELD_SWITCH ? truth(node) : -1;
    const char *text = b < 0 ? node->text : b > 0 ? "on" : "off";
    struct suggest s;
    suggest_begin(&s, text);
    for (int i = 0; f->words[i] != NULL; i++) {
        if (strcmp(f->words[i], text) == 0) {
            *out = i;
            return;
        }
        suggest_consider(&s, f->words[i]);
    }
    wrong(at, node, s.best);
}

static void read_mode(const struct spot *at, const struct ynode *node, int64_t *out) {
    /* 0660 and 0o660 without quotes are meant in octal too, whatever YAML says about the former */
    const char *digits = node->text + (strncmp(node->text, "0o", 2) == 0 ? 2 : 0);
    size_t n = strspn(digits, "01234567");
    if (n == 0 || digits + n != node->text + node->n || n > 9) {
        wrong(at, node, NULL);
        return;
    }
    int64_t mode = strtol(digits, NULL, 8);
    if (in_range(at, node, mode))
        *out = mode;
}

/* A copy of a scalar's text, NULL after a report when it cannot be a C string or is not allowed. */
static const char *text_of(const struct spot *at, const struct ynode *node) {
    const struct field *f = at->field;
    struct arena *a = at->rd->scratch;
    if (node->failed || node->partial)
        return NULL;
    if (node->type != Y_SCALAR || ynode_is_null(node)) {
        report_error(at->rd->report, node->pos, at->path, "expected a string, found %s",
                     ynode_describe(a, node));
        return NULL;
    }
    if (memchr(node->text, '\0', node->n) != NULL) {
        report_error(at->rd->report, node->pos, at->path, "a NUL character is not allowed in it");
        return NULL;
    }
    if (f != NULL && f->allows != NULL && !f->allows(node->text)) {
        report_error(at->rd->report, node->pos, at->path, "expected %s, found %s", f->allowed,
                     yaml_quote(a, node->text, node->n));
        return NULL;
    }
    return arena_strndup(&at->rd->config->arena, node->text, node->n);
}

const char *read_string(const struct read *rd, const struct ynode *node, const char *path) {
    struct spot at = {.rd = rd, .path = path};
    return node != NULL ? text_of(&at, node) : NULL;
}

static void read_source(const struct spot *at, const struct ynode *node, struct cfg_code *code) {
    const char *text = text_of(at, node);
    if (text == NULL)
        return;
    code->source.given = text;
    /* the file's name in a position must live as long as the configuration */
    code->source.pos = (struct cfg_pos){arena_strdup(&at->rd->config->arena, node->pos.file),
                                        node->pos.line + (node->block && node->pos.line > 0), 0};
}

/* --- references --------------------------------------------------------------------------------------------------- */

/* Looking through all ids for each of very many mistakes would take its time, and nobody reads that many. */
#define HINTS_UNTIL 1000

static const char *closest_id(const struct read *rd, const char *id, unsigned kinds) {
    if (cfg_report_count(rd->report) >= HINTS_UNTIL)
        return NULL;
    struct suggest s;
    suggest_begin(&s, id);
    for (size_t i = 0; i < rd->config->entries.n; i++)
        if (kinds & SCOPE_BIT(rd->config->entries.v[i]->kind))
            suggest_consider(&s, rd->config->entries.v[i]->id);
    return s.best;
}

/* The file in which an entry may well be, for all that could be read of it; NULL: none. */
static const char *may_be_in(const struct read *rd, const char *id) {
    size_t ns_n = strcspn(id, ":");
    const char *any = NULL;
    for (size_t i = 0; i < rd->unread_n; i++) {
        const char *ns = rd->unread[i].ns;
        if (ns == NULL)
            any = rd->unread[i].name;
        else if (strlen(ns) == ns_n && memcmp(ns, id, ns_n) == 0)
            return rd->unread[i].name;
    }
    return any;
}

static const struct cfg_entry *lookup(const struct spot *at, const struct ynode *node, unsigned kinds) {
    const struct read *rd = at->rd;
    const char *text = read_string(rd, node, at->path);
    bool whole = text != NULL && strchr(text, ':') != NULL;
    if (text == NULL || (!whole && rd->ns == NULL)) /* the missing namespace is reported where it should be */
        return NULL;
    const char *id = whole ? text : arena_printf(rd->scratch, "%s:%s", rd->ns, text);
    const struct cfg_entry *e = cfg_find(rd->config, id);
    char allowed[256];
    if (e == NULL) {
        const char *unread = may_be_in(rd, id);
        report_error(rd->report, node->pos, at->path, "there is no entry %s%s%s%s%s",
                     yaml_quote(rd->scratch, id, strlen(id)),
                     read_hint(rd->scratch, closest_id(rd, id, kinds)),
                     unread != NULL ? " (it may be in " : "", unread != NULL ? unread : "",
                     unread != NULL ? ", which could not be read in full)" : "");
        return NULL;
    }
    if (kinds & SCOPE_BIT(e->kind))
        return e;
    struct field kinds_only = {.type = FIELD_REF, .kinds = kinds};
    field_allowed(&kinds_only, allowed, sizeof allowed);
    /* what a Wippy program waits for may be of a kind that is not known here; what it runs may not */
    bool vital = at->field != NULL && at->field->type != FIELD_REFS;
    if (e->kind == CFG_KIND_OTHER && !vital)
        report_warning(rd->report, node->pos, at->path,
                       "%s is of the unknown kind %s, which is only data; needed is the %s", e->id,
                       e->kind_word, allowed);
    else
        report_error(rd->report, node->pos, at->path, "%s is a %s; needed is the %s", e->id, e->kind_word,
                     allowed);
    return NULL;
}

const struct cfg_entry *read_ref(const struct read *rd, const struct ynode *ref, const char *path,
                                 unsigned kinds) {
    struct spot at = {.rd = rd, .path = path};
    return lookup(&at, ref, kinds);
}

/* --- collections -------------------------------------------------------------------------------------------------- */

static struct spot item(const struct spot *at, size_t i) {
    return (struct spot){at->rd, at->field, arena_printf(at->rd->scratch, "%s[%zu]", at->path, i)};
}

static void read_strings(const struct spot *at, const struct ynode *node, struct cfg_strings *out) {
    const char **v = arena_calloc(&at->rd->config->arena, node->n, sizeof *v);
    size_t n = 0;
    for (size_t i = 0; i < node->n; i++) {
        struct spot one = item(at, i);
        const char *text = text_of(&one, node->items[i]);
        if (text != NULL)
            v[n++] = text;
    }
    *out = (struct cfg_strings){v, n, true};
}

static void read_refs(const struct spot *at, const struct ynode *node, struct cfg_refs *out) {
    const struct cfg_entry **v = arena_calloc(&at->rd->config->arena, node->n, sizeof *v);
    size_t n = 0;
    for (size_t i = 0; i < node->n; i++) {
        struct spot one = item(at, i);
        const struct cfg_entry *e = lookup(&one, node->items[i], at->field->kinds);
        if (e != NULL)
            v[n++] = e;
    }
    *out = (struct cfg_refs){v, n, true};
}

static void read_imports(const struct spot *at, const struct ynode *node, struct cfg_imports *out) {
    struct cfg_import *v = arena_calloc(&at->rd->config->arena, node->n, sizeof *v);
    size_t n = 0;
    for (size_t i = 0; i < node->n; i++) {
        const struct ynode *key = node->pairs[i].key;
        const char *alias = read_string(at->rd, key, at->path);
        if (alias == NULL)
            continue;
        struct spot one = {at->rd, at->field, join(at->rd, at->path, alias)};
        const struct cfg_entry *e = lookup(&one, node->pairs[i].value, at->field->kinds);
        if (e != NULL)
            v[n++] = (struct cfg_import){alias, e};
    }
    *out = (struct cfg_imports){v, n, true};
}

static void read_value(const struct spot *at, const struct ynode *node, const struct cfg_value **out) {
    struct cfg_value *v = arena_alloc(&at->rd->config->arena, sizeof *v);
    *v = ynode_value(&at->rd->config->arena, node);
    *out = v;
}

/* --- fields ------------------------------------------------------------------------------------------------------- */

/* The shape that values of a type have. */
static enum ynode_type shape(enum field_type type) {
    switch (type) {
    case FIELD_STRINGS:
    case FIELD_REFS:
    case FIELD_LIST:
        return Y_SEQ;
    case FIELD_IMPORTS:
    case FIELD_OBJECT:
        return Y_MAP;
    default:
        return Y_SCALAR;
    }
}

static void read_field(const struct spot *at, const struct ynode *node) {
    const struct field *f = at->field;
    void *out = (char *)at->rd->bases[f->base] + f->offset;
    if (node->type != shape(f->type)) {
        wrong(at, node, NULL);
        return;
    }
    switch (f->type) {
    case FIELD_INT:
        read_int(at, node, out);
        break;
    case FIELD_SIZE:
        read_size(at, node, out);
        break;
    case FIELD_DURATION:
        read_duration(at, node, out);
        break;
    case FIELD_DOUBLE:
        read_double(at, node, out);
        break;
    case FIELD_BOOL:
        read_bool(at, node, out);
        break;
    case FIELD_ENUM:
        read_enum(at, node, out);
        break;
    case FIELD_MODE:
        read_mode(at, node, out);
        break;
    case FIELD_STRING: {
        const char *text = text_of(at, node);
        if (text != NULL)
            *(const char **)out = text;
        break;
    }
    case FIELD_SOURCE:
        read_source(at, node, at->rd->bases[BASE_CODE]);
        break;
    case FIELD_REF:
        *(const struct cfg_entry **)out = lookup(at, node, f->kinds);
        break;
    case FIELD_STRINGS:
        read_strings(at, node, out);
        break;
    case FIELD_REFS:
        read_refs(at, node, out);
        break;
    case FIELD_IMPORTS:
        read_imports(at, node, out);
        break;
    case FIELD_LIST:
    case FIELD_OBJECT:
        read_value(at, node, out);
        break;
    case FIELD_SPECIAL:
    case FIELD_IGNORED:
    case FIELD_TYPE_COUNT:
        break;
    }
}

void read_defaults(const struct read *rd) {
    for (size_t i = 0; i < cfg_field_count; i++) {
        const struct field *f = &cfg_fields[i];
        if (!(f->scopes & SCOPE_BIT(rd->scope)) || rd->bases[f->base] == NULL)
            continue;
        struct spot at = {rd, f, f->path};
        if (f->def != NULL)
            read_field(&at, ynode_scalar(rd->scratch, (struct cfg_pos){.file = "default"}, f->def));
        else if (f->type == FIELD_ENUM)
            *(int *)((char *)rd->bases[f->base] + f->offset) = CFG_UNSET;
    }
}

/* Suggests among the names that stand in the group `prefix` ("" or "host."). */
static void unknown(const struct read *rd, const char *prefix, const struct ynode *key, const char *path) {
    size_t n = strlen(prefix);
    struct suggest s;
    suggest_begin(&s, key->text);
    for (size_t i = 0; i < cfg_field_count; i++) {
        const struct field *f = &cfg_fields[i];
        if (!(f->scopes & SCOPE_BIT(rd->scope)) || strncmp(f->path, prefix, n) != 0)
            continue;
        suggest_consider(&s, arena_strndup(rd->scratch, f->path + n, strcspn(f->path + n, ".")));
    }
    report_error(rd->report, key->pos, path, "unknown field%s", read_hint(rd->scratch, s.best));
}

/* What has been read into a field, and under which name. */
struct seen {
    const struct field *as;
    int line;
};

struct walk {
    const struct read *rd;
    struct seen *seen; /* by field */
};

/* Whether a field may be read now: not twice under two names, not outside the main file. */
static bool may_read(const struct walk *w, const struct field *f, const struct ynode *node,
                     const char *path) {
    const struct field *real = f->alias_of != NULL ? field_find(w->rd->scope, f->alias_of) : f;
    struct seen *seen = &w->seen[real - cfg_fields];
    if (seen->as != NULL) {
        report_error(w->rd->report, node->pos, path,
                     "given already, as %s at line %d: the two are the same field", seen->as->path,
                     seen->line);
        return false;
    }
    *seen = (struct seen){f, node->pos.line};
    if ((f->flags & FIELD_MAIN) && !w->rd->main_file) {
        report_error(w->rd->report, node->pos, path, "only the main file may have this field");
        return false;
    }
    return true;
}

static void walk(const struct walk *w, const struct ynode *map, const char *prefix) {
    const struct read *rd = w->rd;
    for (size_t i = 0; i < map->n; i++) {
        const struct ynode *key = map->pairs[i].key, *value = map->pairs[i].value;
        const char *inner = arena_printf(rd->scratch, "%s%s", prefix, ynode_key_name(rd->scratch, key));
        const char *path = join(rd, rd->path, inner);
        /* paths join names by dots, so a name with a dot would reach into a group */
        bool plain = strchr(key->text, '.') == NULL;
        const struct field *f = plain ? field_find(rd->scope, inner) : NULL;
        bool group = plain && field_is_group(rd->scope, inner);
        /* not given, or reported already as something that cannot be read */
        bool nothing = ynode_is_null(value) || value->failed || (value->partial && !group);
        if (f != NULL) {
            if (nothing || f->type == FIELD_SPECIAL || !may_read(w, f, value, path))
                continue;
            struct spot at = {rd, f, path};
            if (f->type == FIELD_IGNORED)
                report_warning(rd->report, key->pos, path, "has no effect: %s", f->help);
            else
                read_field(&at, value);
        } else if (group) {
            if (value->type == Y_MAP)
                walk(w, value, arena_printf(rd->scratch, "%s.", inner));
            else if (!nothing && !value->partial)
                report_error(rd->report, value->pos, path, "expected a mapping, found %s",
                             ynode_describe(rd->scratch, value));
        } else if (!rd->data) {
            unknown(rd, prefix, key, path);
        }
    }
}

void read_fields(const struct read *rd, const struct ynode *map, bool required) {
    struct walk w = {rd, arena_calloc(rd->scratch, cfg_field_count, sizeof *w.seen)};
    walk(&w, map, "");
    if (!required)
        return;
    for (size_t i = 0; i < cfg_field_count; i++) {
        const struct field *f = &cfg_fields[i];
        if (!(f->flags & FIELD_REQUIRED) || !(f->scopes & SCOPE_BIT(rd->scope)) || f->type == FIELD_SPECIAL ||
            w.seen[i].as != NULL)
            continue;
        const struct ynode *given = ynode_get(map, f->path); /* required fields stand at the top */
        if (given == NULL || !(given->failed || given->partial))
            report_error(rd->report, map->pos, join(rd, rd->path, f->path), "missing: %s", f->help);
    }
}
