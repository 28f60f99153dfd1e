/*
 * spawner: contexts, and the objects that start processes with more than entry, host and arguments. Internal to vm.
 *
 * A context is an immutable table of plain data, encoded once and shared by a process and those it spawns.
 */
#ifndef VM_SPAWNER_H
#define VM_SPAWNER_H

#include <stdatomic.h>

#include "vm/spawn.h"

struct vcontext {
    atomic_uint refs; /* relaxed to hold, acq_rel to release */
    uint32_t len;
    char data[]; /* an encoded table */
};

struct vcontext *context_hold(struct vcontext *c); /* NULL is allowed and returned */
void context_release(struct vcontext *c);          /* NULL is allowed */

/* The context of the process in `vs`, taken over and counted as its memory; NULL: none. */
void context_give(struct vstate *vs, struct vcontext *c);

/* Pushes the table of a context; NULL: an empty one. */
void context_push(lua_State *L, const struct vcontext *c);

/* What a spawner adds to a spawn. Lives in its userdata. */
struct spawn_more {
    int trap_links;     /* -1: as usual */
    int64_t timeout_ns; /* of a call; 0: none */
    lua_State *L;       /* for the two below */
    int self; /* stack index of the spawner: its environment table holds name, messages and context */
};

/* A living process has the spawner's name: it gets the messages, *sent tells how that went; its pid. None: one has to be started. */
struct pid spawner_find(const struct spawn_more *more, enum send_status *sent);

/* The new process exists, nothing of it has run: gives it its name, messages, context, options. NULL, or why not. Raises nothing. */
struct failure *spawner_prepare(const struct spawn_more *more, struct proc *p);

/* process.with_context and process.with_options */
int spawner_with_context(lua_State *L);
int spawner_with_options(lua_State *L);

#endif
