#include "config/env.h"

#include "config/utf8.h"

#include <stdlib.h>
#include <string.h>

#define OPEN "${env:"
#define TEXT_MAX ((size_t)16 << 20)
#define ESCAPED "$${env:"

struct text {
    char *v;
    size_t n, cap;
};

static void append(struct arena *a, struct text *t, const char *s, size_t n) {
    if (t->v == NULL || t->n + n + 1 > t->cap) {
        size_t cap = (t->n + n + 1) * 2;
        char *copy = arena_alloc(a, cap);
        if (t->n > 0)
            memcpy(copy, t->v, t->n);
        t->v = copy;
        t->cap = cap;
    }
    if (n > 0)
        memcpy(t->v + t->n, s, n);
    t->n += n;
    t->v[t->n] = '\0';
}

static bool starts(const char *s, const char *end, const char *word) {
    size_t n = strlen(word);
    return (size_t)(end - s) >= n && memcmp(s, word, n) == 0;
}

static bool is_name(const char *s, size_t n) {
    for (size_t i = 0; i < n; i++) {
        bool letter = (s[i] >= 'A' && s[i] <= 'Z') || (s[i] >= 'a' && s[i] <= 'z') || s[i] == '_';
        if (!letter && (i == 0 || s[i] < '0' || s[i] > '9'))
            return false;
    }
    return n > 0;
}

/* One reference, from `s` (past "${env:") to before its "}" at `close`. False with `*why` set. */
static bool expand_one(struct arena *a, struct text *out, const char *s, const char *close,
                       const char **why) {
    const char *sep = memmem(s, (size_t)(close - s), ":-", 2);
    size_t name_n = (size_t)((sep != NULL ? sep : close) - s);
    const char *name = arena_strndup(a, s, name_n);
    const char *fallback = sep != NULL ? sep + 2 : NULL;
    if (!is_name(name, name_n)) {
        *why = "${env:NAME} or ${env:NAME:-default} expected, NAME of letters, digits and _";
        return false;
    }
    if (fallback != NULL && memmem(fallback, (size_t)(close - fallback), "${", 2) != NULL) {
        *why =
            arena_printf(a, "the default of ${env:%s} has another ${ inside, which is not supported", name);
        return false;
    }
    const char *value = getenv(name);
    if (value == NULL && fallback == NULL) {
        *why = arena_printf(
            a, "the environment variable %s is not set and has no default (${env:%s:-default} gives one)",
            name, name);
        return false;
    }
    if (fallback != NULL && (value == NULL || value[0] == '\0')) {
        append(a, out, fallback, (size_t)(close - fallback));
        return true;
    }
    size_t n = strlen(value);
    if (utf8_valid(value, n) != n) {
        *why = arena_printf(a, "the value of the environment variable %s is not UTF-8", name);
        return false;
    }
    append(a, out, value, n);
    return true;
}

bool env_wanted(const char *s, size_t n) {
    return memmem(s, n, OPEN, strlen(OPEN)) != NULL;
}

const char *env_expand(struct arena *a, const char *s, size_t n, size_t *out_n, const char **why) {
    struct text out = {0};
    const char *end = s + n;
    while (s < end) {
        if (starts(s, end, ESCAPED)) {
            append(a, &out, OPEN, strlen(OPEN));
            s += strlen(ESCAPED);
        } else if (starts(s, end, OPEN)) {
            s += strlen(OPEN);
            const char *close = memchr(s, '}', (size_t)(end - s));
            if (close == NULL) {
                *why = "${env: without its }";
                return NULL;
            }
            if (!expand_one(a, &out, s, close, why))
                return NULL;
            if (out.n > TEXT_MAX) {
                *why = "longer than 16 MiB once the environment variables are put in";
                return NULL;
            }
            s = close + 1;
        } else {
            const char *next = memchr(s + 1, '$', (size_t)(end - s - 1));
            size_t run = (size_t)((next != NULL ? next : end) - s);
            append(a, &out, s, run);
            s += run;
        }
    }
    append(a, &out, "", 0);
    *out_n = out.n;
    return out.v;
}
