/*
 * future: calls of entries as processes whose result is awaited by an object. Internal to vm.
 *
 * A future is in the list of its process while it is pending; the end of the callee, or its failed start, completes it.
 * Completing touches no Lua: the values are made from the message when they are asked for.
 */
#ifndef VM_FUTURE_H
#define VM_FUTURE_H

#include "vm/spawner.h"
#include "vm/vstate.h"

struct vfuture;

/* Puts the host of the callable entry at base + 1 on the stack behind it. 0, or the number of results that say why not. */
int future_target(lua_State *L, int base, const char *what);

/* funcs.async: `return future_start(...)`. `more` may be NULL; timeout_ns 0: none. */
int future_start(lua_State *L, int base, const struct spawn_more *more, int64_t timeout_ns);

/* Its callee has ended or could not start: completes it and takes `m` over; NULL: there was no memory for that. Touches no Lua. */
void future_answered(struct vstate *vs, struct vfuture *f, struct msg *m);

/* Its time is over. Touches no Lua. */
void future_timed_out(struct vstate *vs, struct vfuture *f);

/* Pushes the one element of a future's channel. */
void future_push_element(lua_State *L, const struct vfuture *f);

#endif
