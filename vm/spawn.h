/*
 * spawn: birth, outcome and burial of Lua processes. Internal to vm.
 */
#ifndef VM_SPAWN_H
#define VM_SPAWN_H

#include "vm/entry.h"
#include "vm/vstate.h"

struct spawn_more;
struct vcontext;

struct spawn_request {
    struct ventry *entry;
    struct host *host;
    struct proc *parent; /* inside which this runs; NULL */
    bool monitor, link;
    bool later;     /* the top level runs where the process will, not in the caller's thread */
    uint32_t flags; /* enum proc_flag, of the new process */
    struct vm_args args;
    struct vcontext *context;      /* of the parent; NULL: none */
    const struct spawn_more *more; /* of a spawner; NULL */
};

/* SPAWNED_LATER: the top level blocked or was interrupted; a MSG_REPLY with aux REPLY_STARTED tells how it went. */
enum spawned { SPAWNED, SPAWNED_LATER, SPAWN_FAILED };

/* The aux of MSG_REPLY nodes that the vm sends itself. */
enum { REPLY_STARTED = VM_REPLY_STARTED, REPLY_INFO = VM_REPLY_INFO, REPLY_BUS = VM_REPLY_BUS };

/* On SPAWN_FAILED *f is a reference for the caller. Any attached thread. */
enum spawned spawn_process(struct vm *vm, const struct spawn_request *r, struct pid *pid, struct failure **f);

/* The top level has returned: leaves main and its arguments on the main coroutine, ready to run. false: p->failure. */
bool spawn_prepare_main(struct proc *p);

/* main has returned with `n` values on its stack: sets the outcome. */
void spawn_main_returned(struct proc *p, lua_State *co, int n);

/* The error value on top of `co`'s stack becomes a failure (a new reference), with a traceback. */
struct failure *spawn_failure_from(lua_State *co, struct vstate *vs, enum exit_how how) __attribute__((cold));

/* The outcome of a process all of whose coroutines wait for each other, with where each of them does. */
struct failure *spawn_deadlock(struct vstate *vs) __attribute__((cold));

extern const struct behaviour spawn_behaviour;

#endif
