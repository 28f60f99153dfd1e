/*
 * jsonenc: Lua values as JSON text.
 *
 * nil, inf and nan become null; a table whose keys are 1..n an array; one with string keys an object; {} an array. Numbers
 * are as short as reads back to the very same double. A time becomes its RFC 3339 text, a duration Go's text ("1h30m0s"), an error object
 * its message. Anything else is refused, and so are strings that are not UTF-8, holes, mixed keys, cycles, and more than JSONENC_DEPTH levels.
 *
 * No metamethod is called. Runs on the worker of the state; raises when it is out of memory.
 */
#ifndef VM_JSONENC_H
#define VM_JSONENC_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

#include "vm/textbuf.h"

#define JSONENC_DEPTH 128

/*
 * Appends the value at `idx`. On failure false, b->len is as before, and `why` (NUL-terminated, cut at cap >= 64) says what is wrong
 * where, the path beginning with the word `root`: "value.list[3]: a function cannot be encoded".
 */
bool jsonenc_value(lua_State *L, int idx, const char *root, struct textbuf *b, char *why, size_t cap);

/* A double as JSON writes it, "null" when it is not finite; room for JSONENC_NUMBER_MAX bytes. Returns the length; no NUL. */
#define JSONENC_NUMBER_MAX 32
size_t jsonenc_number(double n, char *text);

#endif
