/*
 * epoch: when may the memory of a process be used again?
 *
 * A thread that resolves a pid looks at memory that another thread may be retiring. It does so between epoch_enter
 * and epoch_leave, a few instructions apart; retired memory is released only when every thread that was inside at the
 * time of its retirement has left. The idea is epoch-based reclamation (K. Fraser, "Practical lock-freedom", 2004);
 * the reader's store-load fence is moved to the reclaimer by membarrier(2), as in liburcu's "memb" flavour, so that
 * a reader pays two plain stores. Readers are only inside while they touch another process, never while user code
 * runs, so a stuck worker delays nothing.
 *
 * Without membarrier(2) (old kernel, seccomp filter) readers pay the fence; epoch_init finds out.
 *
 *                    enter/leave      retire           collect
 *   enter/leave      any threads      safe             safe
 *   retire           -                own reader       own reader
 */
#ifndef SCHED_EPOCH_H
#define SCHED_EPOCH_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct epoch_item {
    struct epoch_item *next;
    void (*release)(struct epoch_item *item, void *owner); /* called on the thread that owns the reader */
};

struct epoch_batch {
    struct epoch_item *head, *tail;
    size_t n;
    uint64_t stamp;
};

struct epoch;

/* One per thread that resolves pids; used by that thread only except `inside`. */
struct epoch_reader {
    _Atomic uint64_t inside; /* the epoch entered, 0 outside; release on leave, acquire by epoch_collect */
    struct epoch *epoch;
    struct epoch_reader *next;
    void *owner;
    struct epoch_batch open, closed;
};

struct epoch {
    _Atomic uint64_t now; /* seq_cst increment by collectors, acquire by readers */
    bool fence;           /* readers must fence: no membarrier */
    pthread_mutex_t lock; /* the list of readers; taken to add, remove and collect only */
    struct epoch_reader *readers;
};

void epoch_init(struct epoch *e);
void epoch_destroy(struct epoch *e); /* all readers are gone */

/* Adds the calling thread's reader. `owner` is handed to release functions. */
void epoch_join(struct epoch *e, struct epoch_reader *r, void *owner);

/* Removes it; what it had retired is waited for and released. By its thread, or after that thread ended. */
void epoch_part(struct epoch_reader *r);

static inline void epoch_enter(struct epoch_reader *r) {
    /* acquire: partner is close_batch; who reads the new epoch also sees everything in the batch unlinked */
    uint64_t now = atomic_load_explicit(&r->epoch->now, memory_order_acquire);
    /* relaxed, then a compiler barrier: the full barrier is the collector's membarrier (or the fence below) */
    atomic_store_explicit(&r->inside, now, memory_order_relaxed);
    if (r->epoch->fence)
        atomic_thread_fence(memory_order_seq_cst);
    else
        atomic_signal_fence(memory_order_seq_cst);
}

static inline void epoch_leave(struct epoch_reader *r) {
    /* release: partner is the acquire in epoch_collect */
    atomic_store_explicit(&r->inside, 0, memory_order_release);
}

/* Hands `item` over: item->release runs once no thread can see it any more. Not between enter and leave. */
void epoch_retire(struct epoch_reader *r, struct epoch_item *item,
                  void (*release)(struct epoch_item *item, void *owner));

/* Releases what can be released now. Cheap when there is nothing. */
void epoch_collect(struct epoch_reader *r);

#endif
