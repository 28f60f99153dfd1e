/*
 * newborn: a process that has not run yet, of an entry whose top level cannot fail or be noticed. Internal to vm.
 *
 * `spawn` has to say whether the file's top level works, so it runs the top level at once, in a state that then waits in
 * the run queue with its process. Where the answer is known (entry.h: `plain`, and it has worked before) a
 * process is queued with its arguments only and gets its state when it first runs, or first gets a signal: a
 * thousand processes that wait for their turn need no thousand states, and each finds one that is still in the cache.
 *
 * The struct is owned by its process, `p->data`; used by the thread that spawns, then by the worker that runs it.
 */
#ifndef VM_NEWBORN_H
#define VM_NEWBORN_H

#include "vm/spawn.h"

struct newborn;

/* Copies the arguments and holds the entry and the context; NULL without memory. Freed by newborn_free, or by its process. */
struct newborn *newborn_new(struct vm *vm, const struct spawn_request *r);
void newborn_free(struct newborn *n);

extern const struct behaviour newborn_behaviour;

/* The state of a Lua process, which a newborn one is given now; NULL for other processes, and without memory (then it has
 * to end, p->kill). On the worker that runs `p`. */
struct vstate *newborn_vstate(struct proc *p);

#endif
