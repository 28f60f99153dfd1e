/*
 * wheel: the timers of one worker.
 *
 * A hierarchical timing wheel (G. Varghese and T. Lauck, "Hashed and Hierarchical Timing Wheels", 1987): WHEEL_LEVELS
 * levels, a slot of each as long as 64 of the level below, one bit per slot that holds something, so that starting and
 * stopping are constant time and the next event is found without a walk. A tick is 2^17 ns (131 µs); a timer never fires early
 * and, when the worker is awake, at most one tick late. Clock: CLOCK_MONOTONIC.
 *
 * Each level has twice as many slots as a slot above is long: so the timers of the next slot can come down to it a
 * few at a time while the slot before it lasts. All at once, 50,000 timers were 3 ms in which nothing else ran.
 *
 * A timer is started on the worker that runs its process and stays in that worker's wheel; it may be stopped from wherever
 * the process runs then, and due timers may be fired by any thread (a busy worker's by an idle one). So
 * each wheel has a lock, held for the few instructions of one operation and taken by nobody else as a rule.
 *
 * Firing calls timer->fire with the lock held: it pushes a signal that stands inside the timer, nothing more.
 */
#ifndef SCHED_WHEEL_H
#define SCHED_WHEEL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WHEEL_TICK_SHIFT 17
#define WHEEL_LEVELS 8
#define WHEEL_SLOTS 128 /* of a level; a power of two */
#define WHEEL_NEVER INT64_MAX

struct wheel;
struct sched_thread;

struct timer {
    struct timer *next, **link; /* in its slot; under the wheel's lock */
    struct wheel *wheel;        /* where it was started last; by its process */
    uint64_t tick;
    uint8_t level, slot;
    bool pending; /* under the wheel's lock */
    bool own;     /* the runtime's own, no program's: never changes */
    void (*fire)(struct sched_thread *t, struct timer *tm); /* once per start; must not touch the wheel */
};

struct wheel {
    pthread_mutex_t lock;
    uint64_t now; /* ticks that have been handled */
    uint64_t used[WHEEL_LEVELS][WHEEL_SLOTS / 64];
    struct timer *slots[WHEEL_LEVELS][WHEEL_SLOTS];
    uint32_t counts[WHEEL_LEVELS][WHEEL_SLOTS];
    _Atomic size_t count; /* programs' pending timers: changed under the lock, read by anybody, relaxed */
    _Atomic int64_t
        next_ns; /* not later than the next event, WHEEL_NEVER when empty; relaxed: a hint, see wheel_fire */
};

void wheel_init(struct wheel *w, int64_t now_ns);
void wheel_destroy(struct wheel *w);

/* Starts `tm` (not pending) for `due_ns`. By the process that owns it, on the worker that owns `w`. */
void wheel_start(struct wheel *w, struct timer *tm, int64_t due_ns);

/* Stops it; true when it was pending, false when it has fired (or never ran): its signal is then on the way or was. */
bool wheel_stop(struct timer *tm);

/*
 * Fires what is due at `now_ns`; returns how many. Does not wait for another thread that is at the wheel, and fires nothing then:
 * wheel_next tells afterwards whether there is something left. Any thread.
 */
size_t wheel_fire(struct wheel *w, struct sched_thread *t, int64_t now_ns);

/* When to look again. */
static inline int64_t wheel_next(struct wheel *w) {
    return atomic_load_explicit(&w->next_ns, memory_order_relaxed);
}

#endif
