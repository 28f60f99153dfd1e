/*
 * wippy: what the dialect `compat: wippy` has besides. Internal to vm.
 */
#ifndef VM_WIPPY_H
#define VM_WIPPY_H

#include <stdbool.h>

#include "vm/lib.h"

/* Pushes the dialect's global function `key`: a cast; false and nothing when there is none of that name. */
bool wippy_push_cast(lua_State *L, const char *key);

/* Payload objects at the stack indices from..to are replaced by their data. */
void wippy_unwrap(lua_State *L, int from, int to);

/* The string library that takes error objects; its `__call` is the cast string(x). */
extern const struct vlib vlib_string_wippy;

#endif
