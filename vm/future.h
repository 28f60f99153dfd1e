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

/* A callee has ended or could not start: completes its future and takes `m` over; false: no future waits for it. Touches no Lua. */
bool future_arrived(struct vstate *vs, struct msg *m);

/* Whether one waits for `pid`. */
bool future_waits(struct vstate *vs, struct pid pid);

/* Its time is over. Touches no Lua. */
void future_timed_out(struct vstate *vs, struct vfuture *f);

/* Pushes the one element of a future's channel. */
void future_push_element(lua_State *L, const struct vfuture *f);

/* The process has ended. Touches no Lua. */
void future_drop_all(struct vstate *vs);

#endif
