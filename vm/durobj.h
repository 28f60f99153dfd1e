/*
 * durobj: duration objects of the Lua API (userdata type VTYPE_DURATION), and durations as arguments in any of their
 * three forms: a number (nanoseconds), a text in Go's grammar ("1h30m"), an object.
 *
 * Immutable. All functions run on the worker of the state; those that push may raise when it is out of memory.
 */
#ifndef VM_DUROBJ_H
#define VM_DUROBJ_H

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

#include "vm/state.h"

struct vdur {
    struct vhead head;
    int64_t ns;
};

void vdur_push(lua_State *L, int64_t ns);

/*
 * The duration at `idx`, in nanoseconds (a number's fraction is dropped). Raises an argument error when the value is of no
 * type that can be one. false, leaving *ns alone, for a text or a number that is none: then `return vdur_invalid(...)`.
 */
bool vdur_get(lua_State *L, int idx, int64_t *ns);

/* Pushes nil and an INVALID error `op: invalid duration "abc"` for the value at `idx`; returns 2. */
int vdur_invalid(lua_State *L, const char *op, int idx);

#endif
