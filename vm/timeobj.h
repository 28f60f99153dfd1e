/*
 * timeobj: time objects of the Lua API (userdata type VTYPE_TIME): an instant and the zone it is shown in.
 *
 * Immutable; equal and ordered by instant. Includes durobj.h and locobj.h, whose objects its methods take and give.
 * All functions run on the worker of the state; those that push may raise when it is out of memory.
 */
#ifndef VM_TIMEOBJ_H
#define VM_TIMEOBJ_H

#include <lua.h>
#include <stdint.h>

#include "vm/durobj.h"
#include "vm/instant.h"
#include "vm/locobj.h"
#include "vm/state.h"

struct vtime {
    struct vhead head;
    struct instant at;
    struct zone zone; /* a fixed zone's name points to `text` */
    char text[];
};

/* Pushes an instant in the daemon's zone. `sec` and `ns` as of CLOCK_REALTIME: in range, 0 <= ns < 1e9. */
void vtime_push(lua_State *L, int64_t sec, int32_t ns);

/* Pushes an instant in a zone; copies a fixed zone's name. */
void vtime_push_in(lua_State *L, struct instant at, const struct zone *z);

/* Metamethod: time + duration, in either order. */
int vtime_plus(lua_State *L);

/*
 * A whole number from argument `idx`, which must be a number (its fraction is dropped). false, leaving *n alone, when it is
 * nan or does not fit.
 */
bool vtime_whole(lua_State *L, int idx, int64_t *n);

#endif
