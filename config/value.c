#include "config/value.h"

#include <string.h>

static const struct cfg_value *find(const struct cfg_value *object, const char *key, size_t len) {
    for (size_t i = 0; i < object->n; i++) {
        const struct cfg_member *m = &object->members[i];
        if (m->key_len == len && memcmp(m->key, key, len) == 0)
            return &m->value;
    }
    return NULL;
}

const struct cfg_value *cfg_value_get(const struct cfg_value *object, const char *key) {
    return object != NULL && object->type == CFG_OBJECT ? find(object, key, strlen(key)) : NULL;
}

static bool arrays_equal(const struct cfg_value *a, const struct cfg_value *b) {
    for (size_t i = 0; i < a->n; i++)
        if (!cfg_value_equal(&a->items[i], &b->items[i]))
            return false;
    return true;
}

static bool objects_equal(const struct cfg_value *a, const struct cfg_value *b) {
    for (size_t i = 0; i < a->n; i++) {
        const struct cfg_member *m = &a->members[i], *same = &b->members[i];
        /* unchanged files have the same order: look at the same place before searching */
        const struct cfg_value *other =
            same->key_len == m->key_len && memcmp(same->key, m->key, m->key_len) == 0
                ? &same->value
                : find(b, m->key, m->key_len);
        if (other == NULL || !cfg_value_equal(&m->value, other))
            return false;
    }
    return true;
}

static uint64_t bits(double d) {
    uint64_t u;
    memcpy(&u, &d, sizeof u);
    return u;
}

bool cfg_value_equal(const struct cfg_value *a, const struct cfg_value *b) {
    if (a == NULL || b == NULL)
        return a == b;
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case CFG_NULL:
        return true;
    case CFG_BOOL:
        return a->b == b->b;
    case CFG_INT:
        return a->i == b->i;
    case CFG_DOUBLE:
        return bits(a->d) == bits(b->d);
    case CFG_STRING:
        return a->n == b->n && memcmp(a->s, b->s, a->n) == 0;
    case CFG_ARRAY:
        return a->n == b->n && arrays_equal(a, b);
    case CFG_OBJECT:
        return a->n == b->n && objects_equal(a, b);
    }
    return false;
}
