/* A configuration as YAML again. */
#include "base/dur.h"
#include "base/size.h"
#include "config/fields.h"
#include "config/model.h"
#include "config/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Longer keys need YAML's "? key" form. */
#define KEY_MAX 128

/* --- scalars ------------------------------------------------------------------------------------------------------ */

/* What stands between double quotes. */
static void put_characters(FILE *out, const char *s, size_t n, bool key) {
    static const char env[] = "${env:";
    for (size_t i = 0; i < n;) {
        uint32_t c = 0;
        size_t len = utf8_next(s + i, n - i, &c);
        if (!key && n - i >= strlen(env) && memcmp(s + i, env, strlen(env)) == 0)
            fputc('$', out); /* in a value, "$${env:" means the text "${env:" */
        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", (int)c);
        else if (c == '\n')
            fputs("\\n", out);
        else if (c == '\t')
            fputs("\\t", out);
        else if (c < 0x20 || (c >= 0x7f && c < 0xa0))
            fprintf(out, "\\x%02X", (unsigned)c);
        else if (c == 0x2028 || c == 0x2029 || c == 0xfeff || c == 0xfffe || c == 0xffff)
            fprintf(out, "\\u%04X", (unsigned)c);
        else
            fwrite(s + i, 1, len, out);
        i += len;
    }
}

/* In quotes always: then no text is ever taken for a number, a boolean or the like. */
static void put_quoted(FILE *out, const char *s, size_t n) {
    fputc('"', out);
    put_characters(out, s, n, false);
    fputc('"', out);
}

/* A key and what stands before its value. In a block mapping `indent` is its column, in a flow mapping it is 0. */
static void put_key(FILE *out, const char *s, size_t n, int indent) {
    if (n > KEY_MAX)
        fputs("? ", out);
    fputc('"', out);
    put_characters(out, s, n, true);
    fputc('"', out);
    if (n > KEY_MAX && indent > 0)
        fprintf(out, "\n%*s", indent, "");
    fputs(": ", out);
}

/* A word that needs no quotes: nothing that a reader could take for another type. */
static bool is_bare(const char *s) {
    static const char *const taken[] = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"};
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
        if (strcasecmp(s, taken[i]) == 0)
            return false;
    bool letter = (s[0] >= 'a' && s[0] <= 'z') || (s[0] >= 'A' && s[0] <= 'Z') || s[0] == '/' || s[0] == '_';
    size_t n = strlen(s);
    return letter && n <= KEY_MAX && s[n - 1] != ':' &&
           strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:-") == n;
}

static void put_string(FILE *out, const char *s) {
    if (is_bare(s))
        fputs(s, out);
    else
        put_quoted(out, s, strlen(s));
}

static void put_double(FILE *out, double d) {
    char buf[40];
    if (isnan(d)) {
        fputs(".nan", out);
    } else if (isinf(d)) {
        fputs(d < 0 ? "-.inf" : ".inf", out);
    } else {
        for (int digits = 15; digits <= 17; digits++) {
            snprintf(buf, sizeof buf, "%.*g", digits, d);
            if (strtod(buf, NULL) == d)
                break;
        }
        fprintf(out, "%s%s", buf, strpbrk(buf, ".e") == NULL ? ".0" : "");
    }
}

/* --- data --------------------------------------------------------------------------------------------------------- */

static void put_value(FILE *out, const struct cfg_value *v);

static void put_array(FILE *out, const struct cfg_value *v) {
    fputc('[', out);
    for (size_t i = 0; i < v->n; i++) {
        if (i > 0)
            fputs(", ", out);
        put_value(out, &v->items[i]);
    }
    fputc(']', out);
}

static void put_object(FILE *out, const struct cfg_value *v) {
    fputc('{', out);
    for (size_t i = 0; i < v->n; i++) {
        const struct cfg_member *m = &v->members[i];
        fputs(i > 0 ? ", " : "", out);
        put_key(out, m->key, m->key_len, 0);
        put_value(out, &m->value);
    }
    fputc('}', out);
}

static void put_value(FILE *out, const struct cfg_value *v) {
    switch (v->type) {
    case CFG_NULL:
        fputs("null", out);
        break;
    case CFG_BOOL:
        fputs(v->b ? "true" : "false", out);
        break;
    case CFG_INT:
        fprintf(out, "%" PRId64, v->i);
        break;
    case CFG_DOUBLE:
        put_double(out, v->d);
        break;
    case CFG_STRING:
        put_quoted(out, v->s, v->n);
        break;
    case CFG_ARRAY:
        put_array(out, v);
        break;
    case CFG_OBJECT:
        put_object(out, v);
        break;
    }
}

/* --- Lua text ----------------------------------------------------------------------------------------------------- */

/* Whether a literal block (|) gives the text back: printable, no line that is only white space, one newline at the end. */
static bool fits_block(const char *s) {
    size_t n = strlen(s);
    if (n < 2 || s[n - 1] != '\n' || s[n - 2] == '\n' || s[0] == '\n' || s[0] == ' ' || s[0] == '\t')
        return false;
    bool blank = true;
    for (size_t i = 0; i < n;) {
        uint32_t c = 0;
        size_t len = utf8_next(s + i, n - i, &c);
        if ((c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 ||
            c == 0xfeff || c >= 0xfffe)
            return false;
        if (c == '\n' && blank && i > 0 && s[i - 1] != '\n')
            return false;
        blank = c == '\n' || (blank && (c == ' ' || c == '\t'));
        i += len;
    }
    return strstr(s, "${env:") == NULL;
}

static void put_source(FILE *out, const struct cfg_code *code, int indent) {
    if (code->source.name[0] == '@') {
        /* relative to the main file, wherever the file that named it was */
        const char *path = code->source.name + 1, *quote = is_bare(path) ? "" : "\"";
        fprintf(out, "%sfile://", quote);
        put_characters(out, path, strlen(path), false);
        fputs(quote, out);
        return;
    }
    const char *s = code->source.text;
    if (!fits_block(s)) {
        put_quoted(out, s, strlen(s));
        return;
    }
    fputc('|', out);
    while (*s != '\0') {
        size_t n = strcspn(s, "\n");
        fputc('\n', out);
        if (n > 0)
            fprintf(out, "%*s%.*s", indent + 2, "", (int)n, s);
        s += n + 1;
    }
}

/* --- fields ------------------------------------------------------------------------------------------------------- */

static void put_strings(FILE *out, const struct cfg_strings *s) {
    fputc('[', out);
    for (size_t i = 0; i < s->n; i++) {
        fputs(i > 0 ? ", " : "", out);
        put_string(out, s->v[i]);
    }
    fputc(']', out);
}

static void put_refs(FILE *out, const struct cfg_refs *r) {
    fputc('[', out);
    for (size_t i = 0; i < r->n; i++) {
        fputs(i > 0 ? ", " : "", out);
        put_string(out, r->v[i]->id);
    }
    fputc(']', out);
}

static void put_imports(FILE *out, const struct cfg_imports *m) {
    fputc('{', out);
    for (size_t i = 0; i < m->n; i++) {
        const char *alias = m->v[i].alias, *id = m->v[i].entry->id;
        fputs(i > 0 ? ", " : "", out);
        put_key(out, alias, strlen(alias), 0);
        put_string(out, id);
    }
    fputc('}', out);
}

/* Whether the field has a value to print. */
static bool is_there(const struct field *f, const void *value) {
    switch (f->type) {
    case FIELD_SPECIAL:
    case FIELD_IGNORED:
        return false;
    case FIELD_ENUM:
        return *(const int *)value != CFG_UNSET;
    case FIELD_STRING:
    case FIELD_REF:
    case FIELD_LIST:
    case FIELD_OBJECT:
        return *(const void *const *)value != NULL;
    case FIELD_STRINGS:
        return ((const struct cfg_strings *)value)->given;
    case FIELD_REFS:
        return ((const struct cfg_refs *)value)->given;
    case FIELD_IMPORTS:
        return ((const struct cfg_imports *)value)->given;
    default:
        return true;
    }
}

static void put_field(FILE *out, const struct field *f, const void *base, int indent) {
    const void *value = model_field(base, f);
    char buf[DUR_TEXT_MAX > SIZE_TEXT_MAX ? DUR_TEXT_MAX : SIZE_TEXT_MAX];
    switch (f->type) {
    case FIELD_INT:
        fprintf(out, "%" PRId64, *(const int64_t *)value);
        break;
    case FIELD_SIZE:
        size_format(*(const int64_t *)value, buf, sizeof buf);
        fputs(buf, out);
        break;
    case FIELD_DURATION:
        dur_format(*(const int64_t *)value, buf, sizeof buf);
        fputs(buf, out);
        break;
    case FIELD_DOUBLE:
        put_double(out, *(const double *)value);
        break;
    case FIELD_BOOL:
        fputs(*(const bool *)value ? "true" : "false", out);
        break;
    case FIELD_ENUM:
        put_string(out, f->words[*(const int *)value]);
        break;
    case FIELD_MODE:
        fprintf(out, "\"%04" PRIo64 "\"", *(const int64_t *)value);
        break;
    case FIELD_STRING:
        put_string(out, *(const char *const *)value);
        break;
    case FIELD_SOURCE:
        put_source(out, base, indent);
        break;
    case FIELD_REF:
        put_string(out, (*(const struct cfg_entry *const *)value)->id);
        break;
    case FIELD_STRINGS:
        put_strings(out, value);
        break;
    case FIELD_REFS:
        put_refs(out, value);
        break;
    case FIELD_IMPORTS:
        put_imports(out, value);
        break;
    case FIELD_LIST:
    case FIELD_OBJECT:
        put_value(out, *(const struct cfg_value *const *)value);
        break;
    case FIELD_SPECIAL:
    case FIELD_IGNORED:
    case FIELD_TYPE_COUNT:
        break;
    }
    fputc('\n', out);
}

/* Opens the groups of `path` that `last` was not in, and returns the depth of what is in them. */
static int open_groups(FILE *out, const char *path, const char *last, int indent) {
    int depth = 0;
    size_t from = 0;
    for (const char *dot; (dot = strchr(path + from, '.')) != NULL; depth++) {
        size_t to = (size_t)(dot - path) + 1;
        if (strncmp(path, last, to) != 0)
            fprintf(out, "%*s%.*s:\n", indent + 2 * depth, "", (int)(to - from - 1), path + from);
        from = to;
    }
    return depth;
}

/* All fields of the scope that are in `base`. */
static void put_fields(FILE *out, unsigned scope, enum field_base base, const void *from, int indent) {
    const char *last = "";
    for (size_t i = 0; i < cfg_field_count; i++) {
        const struct field *f = &cfg_fields[i];
        if (!(f->scopes & SCOPE_BIT(scope)) || f->base != base || f->alias_of != NULL ||
            f->type == FIELD_SPECIAL || f->type == FIELD_IGNORED || !is_there(f, model_field(from, f)))
            continue;
        int at = indent + 2 * open_groups(out, f->path, last, indent);
        const char *dot = strrchr(f->path, '.');
        fprintf(out, "%*s%s: ", at, "", dot != NULL ? dot + 1 : f->path);
        put_field(out, f, from, at);
        last = f->path;
    }
}

static void put_entry(FILE *out, const struct cfg_entry *e) {
    fputs("  - name: ", out);
    put_string(out, e->name);
    fputs("\n    namespace: ", out);
    put_string(out, e->ns);
    fputs("\n    kind: ", out);
    put_string(out, e->kind_word);
    fputc('\n', out);
    put_fields(out, e->kind, BASE_ENTRY, e, 4);
    switch (e->kind) {
    case CFG_KIND_HOST:
        put_fields(out, e->kind, BASE_HOST, e->host, 4);
        break;
    case CFG_KIND_PROCESS:
    case CFG_KIND_FUNCTION:
    case CFG_KIND_LIBRARY:
        put_fields(out, e->kind, BASE_CODE, e->code, 4);
        break;
    case CFG_KIND_SERVICE:
        put_fields(out, e->kind, BASE_SERVICE, e->service, 4);
        break;
    default:
        for (size_t i = 0; i < e->data->n; i++) {
            const struct cfg_member *m = &e->data->members[i];
            fputs("    ", out);
            put_key(out, m->key, m->key_len, 4);
            put_value(out, &m->value);
            fputc('\n', out);
        }
    }
}

void cfg_print(const struct config *c, FILE *out) {
    fputs("version: \"1.0\"\n", out);
    put_fields(out, SCOPE_FILE, BASE_SETTINGS, &c->settings, 0);
    if (c->entries.n == 0)
        return;
    fputs("entries:\n", out);
    for (size_t i = 0; i < c->entries.n; i++)
        put_entry(out, c->entries.v[i]);
}
