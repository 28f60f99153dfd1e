/*
 * vm_impl: the vm's own data. Internal to vm.
 */
#ifndef VM_VM_IMPL_H
#define VM_VM_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "vm/entry.h"
#include "vm/vm.h"

/* States with machine code share one address range (design note vm/README.md): with `jit: auto` no more than this. */
#define VM_JIT_STATES 6000

struct vbus;
struct image;
struct library;

struct vm {
    struct node *node;
    struct vm_hooks hooks;
    _Atomic(struct vm_code *) code; /* release by vm_install, acquire by pool_code */
    atomic_uint generation;         /* how often code was installed; release and acquire as `code` */
    pthread_mutex_t code_lock;      /* held to change `code`, and to take a reference of it */
    struct vm_code *kept;           /* under it: sets that stay to the end, see vm/pool.c */
    _Atomic unsigned jit_states;    /* relaxed: a figure */
    _Atomic unsigned pooled;        /* relaxed: states in all shared lists */
    _Atomic size_t pooled_bytes;    /* relaxed: of these */
    struct vbus *bus;
    bool seeded;             /* constant */
    uint64_t seed[4];        /* of all states, if `seeded`; constant */
    struct library *library; /* of all states; constant; NULL: each has its own */
    struct image *image;     /* of a state without an entry; constant; NULL: none */
    bool compiles, preempts_compiled;
};

#endif
