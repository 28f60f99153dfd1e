/*
 * Data without a fixed shape as it stands in a configuration: `meta`, a service's `input`, the fields of a
 * registry entry. A tree of plain structs in document order, owned by the configuration it came from, immutable,
 * readable from any thread.
 */
#ifndef TROUPE_CONFIG_VALUE_H
#define TROUPE_CONFIG_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cfg_vtype { CFG_NULL, CFG_BOOL, CFG_INT, CFG_DOUBLE, CFG_STRING, CFG_ARRAY, CFG_OBJECT };

struct cfg_member;

struct cfg_value {
    enum cfg_vtype type;
    size_t n; /* CFG_STRING: bytes; CFG_ARRAY, CFG_OBJECT: elements */
    union {
        bool b;
        int64_t i;
        double d;
        const char *s; /* UTF-8, NUL-terminated, may contain NUL */
        const struct cfg_value *items;
        const struct cfg_member *members; /* keys are unique */
    };
};

struct cfg_member {
    const char *key; /* NUL-terminated, may contain NUL; numbers and booleans used as keys are their text */
    size_t key_len;
    struct cfg_value value;
};

/* The member `key` of `object`; NULL when there is none, or `object` is NULL or no object. */
const struct cfg_value *cfg_value_get(const struct cfg_value *object, const char *key);

/* Same types and contents, members in any order; NULL equals only NULL. Doubles compare bit for bit. */
bool cfg_value_equal(const struct cfg_value *a, const struct cfg_value *b);

#endif
