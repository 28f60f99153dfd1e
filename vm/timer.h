/*
 * timer: the functions of the module `time` that wait. vm/mod_time.c lists them; each is called by Lua on the worker of
 * the calling process.
 *
 * A vtimer is C memory, since the scheduler's wheel and a signal on its way may refer to it after Lua has dropped the
 * object: it is freed when its process has given it up *and* its signal is not under way.
 */
#ifndef VM_TIMER_H
#define VM_TIMER_H

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

struct chan;
struct msg;
struct task;
struct vfuture;
struct vstate;
struct vtimer;

int vtimer_sleep(lua_State *L);
int vtimer_after(lua_State *L);
int vtimer_timer(lua_State *L);
int vtimer_ticker(lua_State *L);

/* Limits the wait of a task for another process by its sleep timer; false: no more timers. May raise. */
bool vtimer_limit_wait(lua_State *L, struct vstate *vs, struct task *t, int64_t ns);

/* A timer whose firing is future_timed_out, not started; NULL: no more timers. And giving it up. */
struct vtimer *vtimer_for_future(lua_State *L, struct vstate *vs, struct vfuture *f);
void vtimer_start(struct vtimer *v, int64_t ns);
void vtimer_give_up(struct vstate *vs, struct vtimer *v);

/* A timer whose firing is tidy_due, not started, and not one of those that the program has; NULL: no memory. */
struct vtimer *vtimer_for_tidy(struct vstate *vs);

/* A timer's signal has arrived. Touches no Lua; takes `m` over. */
void vtimer_fired(struct vstate *vs, struct msg *m);

/* Pushes the Time of an element of a timer's channel. */
void vtimer_push_element(lua_State *L, const struct msg *m);

/* A sleeping task is not to be woken by its timer. */
void vtimer_cancel_sleep(struct task *t);

/* Gives up the timer that a task keeps for its sleeps. */
void vtimer_free_sleep(struct task *t);

/* Stops and gives up all timers of an ended process. */
void vtimer_drop_all(struct vstate *vs);

#endif
