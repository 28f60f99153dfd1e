/*
 * pool: states that have run an entry, kept for the next process of that entry. Internal to vm.
 *
 * Each worker keeps a few per entry (a magazine), so that spawning and ending take no lock; full and empty magazines are
 * levelled through the entry's shared list, half a magazine at a time (J. Bonwick and J. Adams, "Magazines and Vmem",
 * 2001, has the idea). Pooled states are bounded in number and memory; what is too many is closed. And states that were not
 * needed for some time are closed when a worker has nothing to do: as many as the list never went below in that time.
 */
#ifndef VM_POOL_H
#define VM_POOL_H

#include "vm/entry.h"
#include "vm/vstate.h"

#define POOL_PER_ENTRY 2048            /* in the shared list of one entry */
#define POOL_TOTAL 8192                /* in all shared lists of a vm */
#define POOL_BYTES ((size_t)128 << 20) /* in all shared lists of a vm; and in the magazines of one worker */

/* A state whose chunk is `e`'s, pooled or new; NULL without memory. Any attached thread. */
struct vstate *pool_take(struct vm *vm, struct ventry *e);

/* Gives a clean state back, or closes it. Any attached thread. */
void pool_give(struct vstate *vs);

/* The entry's states are not kept any more, those in the shared list closed; what workers have, they close themselves. */
void pool_retire(struct vm *vm, struct ventry *e);

/* The installed code, valid until the calling thread has asked twice more; NULL: none. A worker's thread, or the owner's. */
struct vm_code *pool_code(struct vm *vm);

/* To be called while the worker has nothing to do: closes some states that were not needed. Returns in how many ns to call again
 * though nothing runs, OS_NEVER: not. In its thread. */
int64_t pool_worker_idle(struct worker *w);

/* The worker ends: its magazines go. In its thread. */
void pool_worker_ended(struct worker *w);

#endif
