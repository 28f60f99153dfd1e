/*
 * entry: code compiled once, and the pool of states that have run it. Internal to vm.
 *
 * Entries are reference-counted: a set of code holds one reference, every state that has the entry's chunk another.
 * The fields are constant after vm_code_add; the pool has its own lock, taken once per half magazine
 * of states (vm/pool.h).
 *
 * Sets are reference-counted too: the vm holds the installed one, and each worker the two that it looked into last
 * (vm/pool.c), so that looking up takes neither lock nor count. When another set is installed, the old one's entries are
 * retired: their pooled states are closed, at once or when a worker next takes or gives one, and what a set
 * holds goes with the last worker that looks into newer ones. An idle worker so keeps two old sets, not more.
 */
#ifndef VM_ENTRY_H
#define VM_ENTRY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <uthash.h>

#include "vm/vm.h"

struct image;

struct ventry {
    UT_hash_handle hh; /* in its set, by id */
    atomic_uint refs;
    uint32_t serial; /* unique per compiled entry in the life of the vm */
    const char
        *id; /* kept for good, one text for all entries of that id: inspectors read it without a lock */
    size_t id_len;
    enum vm_entry_kind kind;
    char *method;
    char *chunk_name;
    char *bytecode;
    size_t bytecode_len;
    enum vm_compat compat;
    bool limited;
    bool script;
    bool
        plain; /* the top level only defines, and requires built-in modules: each run does the same, and nothing else */
    char **modules;
    size_t module_count;
    struct vimport {
        char *alias, *id;
    } * imports;
    size_t import_count;
    char *default_host;
    atomic_uint more_size;         /* relaxed: of its states' second blocks, vm/heap.c; 0: none */
    atomic_uint made;              /* relaxed: states so far, up to where its picture is taken */
    _Atomic(struct image *) image; /* release and acquire; NULL: none (yet), see vm/life.c */
    struct image *first_image;     /* the one before, in which others may still read; freed with the entry */
    atomic_bool learned;           /* relaxed: somebody has seen to the second one */
    atomic_int heat;               /* relaxed: how much its processes compute, vm/life.c */
    _Atomic unsigned proven;       /* relaxed: the dialects, as bits, in which the top level has worked */
    pthread_mutex_t pool_lock;     /* guards the next four */
    struct vstate *pool;
    unsigned pool_count, pool_least; /* states in `pool`; least count since it was trimmed last, vm/pool.c */
    int64_t pool_trimmed_ns;
    atomic_bool pool_hint; /* relaxed: the shared list may hold something */
    atomic_bool retired;   /* relaxed: replaced or removed, its states are not kept */
};

struct vm_code {
    struct ventry *entries; /* uthash */
    atomic_uint refs;
    bool kept; /* under vm.code_lock: in vm.kept, which holds a reference */
    struct vm_code *next_kept;
};

struct ventry *ventry_hold(struct ventry *e);
void ventry_release(struct ventry *e);

void vm_code_release(struct vm_code *c); /* NULL: nothing. Any attached thread. */

/* In the installed set; NULL when unknown. A worker's thread, or the owner's. The result is valid until this thread has called
 * it twice more, or the process gives way; what is kept longer is held. */
struct ventry *ventry_find(struct vm *vm, const char *id, size_t len);

/* Whether its processes on such a host (NULL: an unknown one) speak the dialect of Wippy. */
static inline bool ventry_is_wippy(const struct ventry *e, const struct vm_host *h) {
    return (e->compat == VM_COMPAT_INHERIT && h ? h->compat : e->compat) == VM_COMPAT_WIPPY;
}

#endif
