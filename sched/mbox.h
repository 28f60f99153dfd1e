/*
 * mbox: a process' mailbox and its run state in one atomic word.
 *
 * `head` is the top of a stack of nodes, newest first, or one of three states:
 *
 *   NULL         the process runs or is queued to run; nothing new has arrived
 *   MBOX_IDLE    it waits; whoever replaces this by a node must make it runnable (nobody else does)
 *   MBOX_CLOSED  it ended; nothing can be pushed any more
 *
 * So "enqueue" and "was it asleep?" are one compare-and-swap and no wake-up can be lost or doubled. The consumer takes
 * the whole stack with one exchange and reverses it: a batch costs one atomic operation however long it is. A stack
 * whose consumer only ever takes everything has no ABA problem (R. K. Treiber, 1986, gives the push).
 *
 * Its load is what senders were let in with and the consumer has not consumed yet, also what it took and keeps: messages in
 * the upper bits of a word, charged units of 16 bytes in the lower. Two running sums, modulo 2^64, make it up,
 * so that the consumer, who alone writes the second, needs no locked instruction.
 *
 *               push                        take            idle              close
 *   push        both arrive, in some order  either          push wakes, or    refused, or
 *                                                           idle fails        in the last batch
 *   take, idle and close: the consumer only (the worker that runs the process)
 */
#ifndef SCHED_MBOX_H
#define SCHED_MBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "sched/msg.h"
#include "sched/os.h"

#define MBOX_IDLE ((struct msg *)8)
#define MBOX_CLOSED ((struct msg *)16)
#define MBOX_UNITS_BITS 36
#define MBOX_UNITS_MASK ((UINT64_C(1) << MBOX_UNITS_BITS) - 1)
#define MBOX_COUNT_MAX ((UINT64_C(1) << (64 - MBOX_UNITS_BITS)) - 1024)

struct mbox {
    _Atomic(struct msg *) head;
    _Atomic uint64_t sent;     /* relaxed compare-and-swap by senders */
    _Atomic uint64_t consumed; /* release by the consumer, acquire by whoever subtracts it from `sent` */
};

enum mbox_result { MBOX_PUSHED, MBOX_WOKEN, MBOX_REFUSED };

static inline void mbox_init(struct mbox *b, bool idle) {
    atomic_init(&b->head, idle ? MBOX_IDLE : NULL);
    atomic_init(&b->sent, 0);
    atomic_init(&b->consumed, 0);
}

/* Any thread. On MBOX_WOKEN the caller makes the process runnable; on MBOX_REFUSED it still owns `m`. */
static inline enum mbox_result mbox_push(struct mbox *b, struct msg *m) {
    struct msg *top = atomic_load_explicit(&b->head, memory_order_relaxed);
    do {
        if (top == MBOX_CLOSED)
            return MBOX_REFUSED;
        m->next = top == MBOX_IDLE ? NULL : top;
        det_point("mbox_push");
        /* release: the node's content, partner is the acquire in mbox_take; acquire: with the release in mbox_idle,
         * so that who wakes a process has seen all that its last run did */
    } while (!atomic_compare_exchange_weak_explicit(&b->head, &top, m, memory_order_acq_rel,
                                                    memory_order_relaxed));
    return top == MBOX_IDLE ? MBOX_WOKEN : MBOX_PUSHED;
}

/* Consumer: whether mbox_take would find something. */
static inline bool mbox_pending(struct mbox *b) {
    return atomic_load_explicit(&b->head, memory_order_relaxed) != NULL;
}

static inline struct msg *mbox_reverse(struct msg *top) {
    struct msg *first = NULL;
    while (top) {
        struct msg *next = top->next;
        top->next = first;
        first = top;
        top = next;
    }
    return first;
}

/* Consumer, while running: everything that has arrived, oldest first. */
static inline struct msg *mbox_take(struct mbox *b) {
    if (!mbox_pending(b))
        return NULL;
    det_point("mbox_take");
    /* acquire: partner is the release in mbox_push */
    return mbox_reverse(atomic_exchange_explicit(&b->head, NULL, memory_order_acquire));
}

/* Consumer: waits from now on; false when something has arrived, and then it still runs. After true another thread
 * may already be running the process: the caller touches nothing of it any more. */
static inline bool mbox_idle(struct mbox *b) {
    struct msg *none = NULL;
    det_point("mbox_idle");
    /* release: partner is the acquire in mbox_push */
    return atomic_compare_exchange_strong_explicit(&b->head, &none, MBOX_IDLE, memory_order_release,
                                                   memory_order_relaxed);
}

/* Consumer (or who stops an idle process for good): refuses everything from now on and returns the last batch,
 * oldest first. */
static inline struct msg *mbox_close(struct mbox *b) {
    det_point("mbox_close");
    /* acq_rel: as mbox_take; the release is for whoever reads the word CLOSED */
    struct msg *top = atomic_exchange_explicit(&b->head, MBOX_CLOSED, memory_order_acq_rel);
    return top == MBOX_IDLE ? NULL : mbox_reverse(top);
}

static inline uint64_t mbox_weight(const struct msg *m) {
    return (UINT64_C(1) << MBOX_UNITS_BITS) | m->charge;
}
static inline uint64_t mbox_count(uint64_t load) {
    return load >> MBOX_UNITS_BITS;
}
static inline uint64_t mbox_bytes(uint64_t load) {
    return (load & MBOX_UNITS_MASK) * MSG_CHARGE_UNIT;
}

/* Any thread. */
static inline uint64_t mbox_load(struct mbox *b) {
    /* acquire: partner is mbox_consumed; what was consumed had been sent, so the later read is never the smaller */
    uint64_t consumed = atomic_load_explicit(&b->consumed, memory_order_acquire);
    return atomic_load_explicit(&b->sent, memory_order_relaxed) - consumed;
}

/* Any thread, before the push of a charged node: counts it in, unless that would exceed a limit (0: none). */
static inline bool mbox_reserve(struct mbox *b, const struct msg *m, uint64_t max_count, uint64_t max_bytes) {
    uint64_t weight = mbox_weight(m);
    /* acquire: as in mbox_load */
    uint64_t consumed = atomic_load_explicit(&b->consumed, memory_order_acquire);
    uint64_t sent = atomic_load_explicit(&b->sent, memory_order_relaxed);
    do {
        uint64_t load = sent - consumed + weight;
        det_point("mbox_reserve");
        if ((max_count && mbox_count(load) > max_count) || (max_bytes && mbox_bytes(load) > max_bytes) ||
            mbox_count(load) > MBOX_COUNT_MAX)
            return false;
        /* Not "add, look, take back": what is taken back would for a moment refuse others below the limit. */
    } while (!atomic_compare_exchange_weak_explicit(&b->sent, &sent, sent + weight, memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}

/* Consumer: a node that was counted in is gone. */
static inline void mbox_consumed(struct mbox *b, const struct msg *m) {
    /* release: partner is mbox_load; a single writer needs no read-modify-write */
    atomic_store_explicit(&b->consumed,
                          atomic_load_explicit(&b->consumed, memory_order_relaxed) + mbox_weight(m),
                          memory_order_release);
}

#endif
