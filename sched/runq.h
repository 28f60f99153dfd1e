/*
 * runq: one worker's queue of runnable processes: a bounded ring, first in first out, of which thieves take half.
 *
 * The owner adds at the tail without an atomic read-modify-write; owner and thieves take from the head with one
 * compare-and-swap, which for a thief covers the whole batch (the scheme of Go's and Tokio's run queues). First in first
 * out, because processes that were woken first have waited longest; the worker's own last-in slot gives locality.
 *
 *            put           take                 steal
 *   put      owner only    safe                 safe
 *   take                   owner only           each entry goes to one
 *   steal                                       each entry goes to one; the thief's ring is its own
 */
#ifndef SCHED_RUNQ_H
#define SCHED_RUNQ_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sched/os.h"
#include "sched/tune.h"

struct proc;

struct runq {
    _Alignas(64) _Atomic uint32_t head;     /* acq_rel CAS by owner and thieves */
    _Alignas(64) _Atomic uint32_t tail;     /* release by the owner, acquire by thieves */
    _Atomic(struct proc *) ring[RUNQ_SIZE]; /* relaxed: ordered by head and tail */
};

static inline uint32_t runq_len(struct runq *q) {
    uint32_t h = atomic_load_explicit(&q->head, memory_order_relaxed);
    uint32_t t = atomic_load_explicit(&q->tail, memory_order_relaxed);
    return t - h > RUNQ_SIZE ? 0 : t - h; /* read at different moments: nonsense counts as none */
}

/* Owner: false when the ring is full. */
static inline bool runq_put(struct runq *q, struct proc *p) {
    uint32_t h = atomic_load_explicit(&q->head, memory_order_acquire); /* partner: CAS in take and steal */
    uint32_t t = atomic_load_explicit(&q->tail, memory_order_relaxed);
    if (t - h >= RUNQ_SIZE)
        return false;
    atomic_store_explicit(&q->ring[t % RUNQ_SIZE], p, memory_order_relaxed);
    det_point("runq_put");
    atomic_store_explicit(&q->tail, t + 1, memory_order_release); /* partner: runq_steal */
    return true;
}

/* Owner: the oldest, or NULL. */
static inline struct proc *runq_take(struct runq *q) {
    uint32_t h = atomic_load_explicit(&q->head, memory_order_acquire);
    for (;;) {
        uint32_t t = atomic_load_explicit(&q->tail, memory_order_relaxed);
        if (t == h)
            return NULL;
        struct proc *p = atomic_load_explicit(&q->ring[h % RUNQ_SIZE], memory_order_relaxed);
        det_point("runq_take");
        if (atomic_compare_exchange_weak_explicit(&q->head, &h, h + 1, memory_order_acq_rel,
                                                  memory_order_acquire))
            return p;
    }
}

/* Moves half of `from` (at least one) to `to`, the caller's own and empty ring, but for one, which it returns. */
static inline struct proc *runq_steal(struct runq *from, struct runq *to) {
    uint32_t h = atomic_load_explicit(&from->head, memory_order_acquire);
    for (;;) {
        uint32_t t = atomic_load_explicit(&from->tail, memory_order_acquire); /* partner: runq_put */
        uint32_t n = t - h;
        n -= n / 2;
        if (n == 0)
            return NULL;
        if (n > RUNQ_SIZE / 2) { /* head and tail were read at different moments */
            h = atomic_load_explicit(&from->head, memory_order_acquire);
            continue;
        }
        uint32_t base = atomic_load_explicit(&to->tail, memory_order_relaxed);
        for (uint32_t i = 1; i < n; i++)
            atomic_store_explicit(
                &to->ring[(base + i - 1) % RUNQ_SIZE],
                atomic_load_explicit(&from->ring[(h + i) % RUNQ_SIZE], memory_order_relaxed),
                memory_order_relaxed);
        struct proc *first = atomic_load_explicit(&from->ring[h % RUNQ_SIZE], memory_order_relaxed);
        det_point("runq_steal");
        if (atomic_compare_exchange_weak_explicit(&from->head, &h, h + n, memory_order_acq_rel,
                                                  memory_order_acquire)) {
            atomic_store_explicit(&to->tail, base + n - 1, memory_order_release);
            return first;
        }
    }
}

#endif
