#include "config/utf8.h"
#include "config/yaml.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of a text shown in a message. */
#define SHOWN 60

const struct ynode *ynode_get(const struct ynode *map, const char *key) {
    if (map == NULL || map->type != Y_MAP)
        return NULL;
    size_t len = strlen(key);
    for (size_t i = 0; i < map->n; i++)
        if (map->pairs[i].key->n == len && memcmp(map->pairs[i].key->text, key, len) == 0)
            return map->pairs[i].value;
    return NULL;
}

const struct ynode *ynode_scalar(struct arena *a, struct cfg_pos pos, const char *text) {
    struct ynode *node = arena_alloc(a, sizeof *node);
    *node = (struct ynode){.type = Y_SCALAR,
                           .plain = true,
                           .size = 1,
                           .height = 1,
                           .pos = pos,
                           .n = strlen(text),
                           .text = arena_strdup(a, text)};
    return node;
}

const struct ynode *ynode_map(struct arena *a, struct cfg_pos pos, const struct ynode_pair *pairs, size_t n) {
    struct ynode_pair *copy = arena_calloc(a, n, sizeof *copy);
    if (n > 0)
        memcpy(copy, pairs, n * sizeof *copy);
    struct ynode *node = arena_alloc(a, sizeof *node);
    *node = (struct ynode){.type = Y_MAP, .size = 1, .height = 1, .pos = pos, .n = n, .pairs = copy};
    return node;
}

const struct ynode *ynode_with(struct arena *a, const struct ynode *map, struct cfg_pos pos, const char *key,
                               const struct ynode *value) {
    bool empty = map == NULL || map->type != Y_MAP;
    size_t n = empty ? 0 : map->n, len = strlen(key), at = 0;
    struct ynode_pair *pairs = arena_calloc(a, n + 1, sizeof *pairs);
    if (n > 0)
        memcpy(pairs, map->pairs, n * sizeof *pairs);
    while (at < n && !(pairs[at].key->n == len && memcmp(pairs[at].key->text, key, len) == 0))
        at++;
    /* the key's place becomes the option's too: mistakes in the name are mistakes of the option */
    pairs[at] = (struct ynode_pair){ynode_scalar(a, pos, key), value};
    return ynode_map(a, empty ? pos : map->pos, pairs, at == n ? n + 1 : n);
}

const char *yaml_quote(struct arena *a, const char *s, size_t n) {
    char out[SHOWN * 4 + 8], *w = out;
    size_t i = 0;
    *w++ = '"';
    while (i < n && i < SHOWN) {
        uint32_t c = 0;
        size_t len = utf8_next(s + i, n - i, &c);
        if (len == 0 || c < 0x20 || (c >= 0x7f && c < 0xa0)) {
            w += sprintf(w, c == '\n' ? "\\n" : "\\x%02X", (unsigned)(unsigned char)s[i]);
            i++;
            continue;
        }
        memcpy(w, s + i, len);
        w += len;
        i += len;
    }
    *w++ = '"';
    *w = '\0';
    return arena_printf(a, "%s%s", out, i < n ? "..." : "");
}

const char *ynode_key_name(struct arena *a, const struct ynode *key) {
    if (key->n == 0)
        return "\"\"";
    for (size_t i = 0; i < key->n; i++) {
        unsigned char c = (unsigned char)key->text[i];
        if (c <= 0x20 || c == '"' || c == 0x7f)
            return yaml_quote(a, key->text, key->n);
    }
    return key->text;
}

const char *ynode_describe(struct arena *a, const struct ynode *node) {
    if (node->type == Y_SEQ)
        return "a list";
    if (node->type == Y_MAP)
        return "a mapping";
    return ynode_is_null(node) ? "nothing" : yaml_quote(a, node->text, node->n);
}

/* --- the core schema ---------------------------------------------------------------------------------------------- */

static bool one_of(const struct ynode *node, const char *const *words) {
    for (; *words != NULL; words++)
        if (strlen(*words) == node->n && memcmp(*words, node->text, node->n) == 0)
            return true;
    return false;
}

static bool looks_null(const struct ynode *node) {
    static const char *const words[] = {"", "~", "null", "Null", "NULL", NULL};
    return one_of(node, words);
}

bool ynode_is_null(const struct ynode *node) {
    return node->type == Y_SCALAR &&
           (node->tag == YTAG_NULL || (node->tag == YTAG_NONE && node->plain && looks_null(node)));
}

static bool looks_bool(const struct ynode *node, bool *b) {
    static const char *const yes[] = {"true", "True", "TRUE", NULL}, *const no[] = {"false", "False", "FALSE",
                                                                                    NULL};
    *b = one_of(node, yes);
    return *b || one_of(node, no);
}

/* Decimal, 0o17, 0x1F; false for what does not fit as well, which then is a double. */
static bool looks_int(const struct ynode *node, int64_t *i) {
    const char *s = node->text;
    int base = strncmp(s, "0x", 2) == 0 ? 16 : strncmp(s, "0o", 2) == 0 ? 8 : 10;
    const char *digits = base != 10 ? s + 2 : s + (*s == '-' || *s == '+');
    static const char hex[] = "0123456789abcdefABCDEF";
    size_t allowed = base == 16 ? 22 : (size_t)base, run = 0;
    while (digits[run] != '\0' && memchr(hex, digits[run], allowed) != NULL)
        run++;
    if (run == 0 || digits + run != s + node->n)
        return false;
    errno = 0;
    *i = strtoll(base == 10 ? s : digits, NULL, base);
    return errno == 0;
}

static size_t digits_at(const char *s) {
    return strspn(s, "0123456789");
}

static bool looks_double(const struct ynode *node, double *d) {
    static const char *const inf[] = {".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", NULL},
                             *const minus_inf[] = {"-.inf", "-.Inf", "-.INF", NULL},
                             *const nan[] = {".nan", ".NaN", ".NAN", NULL};
    if (one_of(node, inf) || one_of(node, minus_inf)) {
        *d = node->text[0] == '-' ? -INFINITY : INFINITY;
        return true;
    }
    if (one_of(node, nan)) {
        *d = NAN;
        return true;
    }
    const char *s = node->text + (node->text[0] == '-' || node->text[0] == '+');
    size_t whole = digits_at(s), frac = 0;
    s += whole;
    if (*s == '.') {
        frac = digits_at(++s);
        s += frac;
    }
    if (whole + frac == 0)
        return false;
    if (*s == 'e' || *s == 'E') {
        s += 1 + (s[1] == '-' || s[1] == '+');
        size_t exponent = digits_at(s);
        if (exponent == 0)
            return false;
        s += exponent;
    }
    if (s != node->text + node->n)
        return false;
    *d = strtod(node->text, NULL);
    return true;
}

struct cfg_value ynode_resolve(const struct ynode *node) {
    struct cfg_value v = {.type = CFG_STRING, .n = node->n};
    v.s = node->text;
    enum ynode_tag tag = node->tag;
    if (tag == YTAG_STR || (tag == YTAG_NONE && !node->plain))
        return v;
    bool b;
    int64_t i;
    double d;
    if ((tag == YTAG_NONE && looks_null(node)) || tag == YTAG_NULL) {
        v = (struct cfg_value){.type = CFG_NULL};
    } else if ((tag == YTAG_NONE || tag == YTAG_BOOL) && looks_bool(node, &b)) {
        v = (struct cfg_value){.type = CFG_BOOL};
        v.b = b;
    } else if ((tag == YTAG_NONE || tag == YTAG_INT) && looks_int(node, &i)) {
        v = (struct cfg_value){.type = CFG_INT};
        v.i = i;
    } else if ((tag == YTAG_NONE || tag == YTAG_FLOAT) && looks_double(node, &d)) {
        v = (struct cfg_value){.type = CFG_DOUBLE};
        v.d = d;
    }
    return v;
}

struct cfg_value ynode_value(struct arena *a, const struct ynode *node) {
    if (node->type == Y_SCALAR) {
        struct cfg_value v = ynode_resolve(node);
        if (v.type == CFG_STRING)
            v.s = arena_strndup(a, node->text, node->n);
        return v;
    }
    struct cfg_value v = {.type = node->type == Y_SEQ ? CFG_ARRAY : CFG_OBJECT, .n = node->n};
    if (node->type == Y_SEQ) {
        struct cfg_value *items = arena_calloc(a, node->n, sizeof *items);
        for (size_t i = 0; i < node->n; i++)
            items[i] = ynode_value(a, node->items[i]);
        v.items = items;
        return v;
    }
    struct cfg_member *members = arena_calloc(a, node->n, sizeof *members);
    for (size_t i = 0; i < node->n; i++) {
        const struct ynode *key = node->pairs[i].key;
        members[i].key = arena_strndup(a, key->text, key->n);
        members[i].key_len = key->n;
        members[i].value = ynode_value(a, node->pairs[i].value);
    }
    v.members = members;
    return v;
}
