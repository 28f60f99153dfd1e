/*
 * jsonpath: the way to a value inside a larger one, as text for error messages: value.list[3]["odd key"].
 *
 * The text lives in a buffer of the caller's and is cut, with "..." at the end, when it does not fit. Pure functions.
 */
#ifndef VM_JSONPATH_H
#define VM_JSONPATH_H

#include <stdbool.h>
#include <stddef.h>

struct jsonpath {
    char *text; /* NUL-terminated at all times */
    size_t len, cap;
    bool cut;
};

/* cap >= 8 */
void jsonpath_start(struct jsonpath *p, char *text, size_t cap, const char *root);
void jsonpath_key(struct jsonpath *p, const char *key, size_t len);
void jsonpath_index(struct jsonpath *p, size_t index);

#endif
