/*
 * profile: which Lua code the workers are in, by samples.
 *
 * Whoever keeps the time calls vm_profile_tick now and then: it interrupts every worker that runs user code, as the end of a time
 * slice does, and the hook notes the stack and goes on. Nobody is stopped, and nothing is paid while nobody profiles.
 * One profile at a time; all functions by the thread that owns the node.
 */
#ifndef VM_PROFILE_H
#define VM_PROFILE_H

#include "sched/node.h"

#define VM_PROFILE_STACKS 10000 /* different ones; more are counted as lost */
#define VM_PROFILE_FRAMES 100   /* of one stack; what is further out is left out */

/* Which samples count: all (neither), those of a process, or of an entry (copied). */
struct vm_profile_filter {
    struct pid pid;
    const char *entry;
};

enum vm_profile_status { VM_PROFILE_OK, VM_PROFILE_BUSY, VM_PROFILE_NO_MEMORY };

enum vm_profile_status vm_profile_start(const struct vm_profile_filter *f);
void vm_profile_tick(struct node *n);

struct vm_profile_sums {
    uint64_t samples, lost, idle /* times that a worker ran no user code */;
};

/* Ends it; calls fn for every stack, "entry;outermost (file:line);…;innermost", if not NULL. */
struct vm_profile_sums vm_profile_stop(void (*fn)(void *ud, const char *folded, uint64_t count), void *ud);

/* For the hook: notes the stack if that was asked for. Returns whether the process should give way besides. */
struct lua_State;
bool profile_hook(struct lua_State *L);

#endif
