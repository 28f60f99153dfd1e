/*
 * tidy: collecting the garbage of processes that have gone quiet. Internal to vm.
 *
 * LuaJIT collects as a program allocates: one that stops working stops with garbage, up to as much again as is alive, and keeps
 * it for as long as it waits. So a process that waits with more memory than it began with (or had when it was
 * tidied last) gets a timer, one at most. When nothing has happened in it from then until the timer fires, it is collected, in
 * pieces that fit into time slices; a process that keeps working is looked at less and less often.
 *
 * Programs that have changed the collector's settings are left alone. All of it on the worker that runs the process.
 */
#ifndef VM_TIDY_H
#define VM_TIDY_H

#include "vm/vstate.h"

/* What the state has now is to be measured against: a process begins in it, or it has been collected. */
void tidy_begin(struct vstate *vs);

/* Whether tidy_step has anything to do for a process that waits. */
static inline bool tidy_wanted(const struct vstate *vs) {
    return vs->tidy.running || (vs->memory + vs->kept > vs->tidy.above && !vs->tidy.timed && !vs->dirty);
}

/* Sets the timer, or collects for the rest of the slice. STEP_AGAIN: there is more to collect. May call the state's panic
 * function for want of memory. Outside of Lua code. */
enum step tidy_step(struct vstate *vs) __attribute__((cold));

/* Its timer has fired. Touches no Lua. */
void tidy_due(struct vstate *vs);

#endif
