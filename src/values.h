/* values: JSON as what processes are given and give, and back. Any thread; from JSON and to JSON, no process is involved. */
#ifndef SRC_VALUES_H
#define SRC_VALUES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "src/text.h"
#include "vm/vm.h"

/*
 * `list` (an array; NULL: empty) as encoded values, one for each element: objects and arrays become tables, null nil. The data is
 * from mem_alloc, for the caller to free. false: `err` says why not, naming the element by `root` and its number.
 */
bool values_from_json(const json_t *list, const char *root, struct vm_args *args, char *err, size_t cap);

/* Appends an encoded value as JSON (`len` 0: null). What is none is shown as well as may be: bytes that are not UTF-8 as U+FFFD, holes
 * as null, all keys as texts, too deep or endless tables as "...". false: damaged, or no memory. */
bool values_to_json(const char *data, size_t len, struct text *out);

#endif
