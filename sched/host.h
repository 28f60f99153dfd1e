/*
 * host: one scheduler: its worker threads, its run queues, its limits, its processes.
 *
 * A worker looks for work in this order: the process it has just woken (as long as its time slice lasts), its own
 * ring, what other threads put in (`injected`), what did not fit the rings (`overflow`), due timers, other workers'
 * rings; then it spins a little and parks. Every few dispatches, and whenever the coarse clock moved, the common queues come first,
 * so that nothing starves.
 *
 * Parking: a worker sets its bit in `idle`, looks at every queue once more, and sleeps on a futex of its own; who makes work
 * fences, reads `idle`, and wakes one. A process that goes into a worker's last-in slot wakes nobody: the pair
 * stays on one core.
 *
 *   host_create/host_stop/host_destroy   the thread that owns the node
 *   host_wake                            any attached thread
 *   worker_*                             the worker's own thread, except where said
 */
#ifndef SCHED_HOST_H
#define SCHED_HOST_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "sched/proc.h"
#include "sched/runq.h"
#include "sched/slices.h"
#include "sched/wheel.h"

#define HOST_WORKERS_MAX 64 /* one bit each in host.idle */

/* 0 means no limit, except for the time slice. */
#define HOST_LIMITS(X)                                                                                       \
    X(uint64_t, max_processes)                                                                               \
    X(uint64_t, process_memory)                                                                              \
    X(uint64_t, memory)                                                                                      \
    X(uint64_t, mailbox_messages)                                                                            \
    X(uint64_t, mailbox_bytes)                                                                               \
    X(bool, mailbox_kill) /* a full mailbox ends its process instead of only refusing */                     \
    X(int64_t, time_slice_ns)                                                                                \
    X(int64_t, max_run_ns) /* without waiting */

struct host_limits {
#define X(type, name) type name;
    HOST_LIMITS(X)
#undef X
};

/* Those in force: stored by the owner thread, read by everybody, relaxed. Each holds by itself. */
struct host_limits_now {
#define X(type, name) _Atomic(type) name;
    HOST_LIMITS(X)
#undef X
};

#define host_limit(h, name) atomic_load_explicit(&(h)->limits.name, memory_order_relaxed)

/* Counters of one worker: written by it, relaxed, read by anybody. One line here is one metric. */
#define WORKER_STATS(X)                                                                                      \
    X(born, "processes of its host that were made on it")                                                    \
    X(gone, "processes that ended on it")                                                                    \
    X(spawned, "processes started")                                                                          \
    X(messages, "messages and signals taken out of mailboxes")                                               \
    X(dispatches, "times that a process was run")                                                            \
    X(steals, "batches taken from another worker")                                                           \
    X(parks, "times that the worker went to sleep")                                                          \
    X(preemptions, "processes interrupted at the end of their time slice")                                   \
    X(timers, "timers fired")

struct worker_stats {
#define X(name, help) _Atomic uint64_t name;
    WORKER_STATS(X)
#undef X
    _Atomic uint64_t exits[EXIT_HOW_COUNT];
};

/* Single writer: the partner of every reader is nothing, these are figures. */
#define stat_add(counter, n)                                                                                 \
    atomic_store_explicit(&(counter), atomic_load_explicit(&(counter), memory_order_relaxed) + (n),          \
                          memory_order_relaxed)

/* Who does not fit into a ring waits in one of these: those that have run before, and those that have not. */
enum line_of { LINE_GOING, LINE_NEW, LINE_KINDS };
struct line {
    struct proc *first, *last; /* by run_next */
    _Atomic uint32_t n; /* changed with the line, relaxed; others decide by it whether to take the lock */
};

struct worker {
    struct sched_thread thread; /* first */
    struct host *host;
    unsigned index;
    pthread_t id;
    struct proc *woken;            /* the last-in slot; owner, and its own signal handler */
    int64_t chain_tick;            /* when the current chain through the last-in slot began */
    int64_t seen_tick;             /* the coarse tick at which the common queues were looked at last */
    struct line later[LINE_KINDS]; /* on their way to the overflow, see worker_enqueue */
    uint32_t rng;
    _Atomic size_t
        memory_change; /* of its processes, not yet in host.memory; only the owner writes, relaxed */
    volatile sig_atomic_t in_slot; /* set by the owner around changes of `woken` and `later` */

    /* Read by the ticker. */
    _Alignas(64) _Atomic uint64_t run_seq; /* odd while a process runs; relaxed */
    _Atomic uint64_t run_pid;              /* whose run that is; relaxed, a hint */
    _Atomic(void *) running;    /* for preemption: what the behaviour published, see worker_publish */
    atomic_bool yield;          /* the slice is over; set by the ticker, cleared by the worker; relaxed */
    atomic_bool draining;       /* to hand over its queue and end; relaxed */
    pthread_mutex_t id_lock;    /* guards `id` against signals to a thread that has ended */
    atomic_bool running_thread; /* its thread runs: release by it at the end, acquire by who joins */
    atomic_bool asked;      /* it is interrupted for somebody who wants to look, see worker_ask; relaxed */
    atomic_bool give_woken; /* its signal handler shall put `woken` where others find it; relaxed */
    _Atomic uint64_t ticker_seq;     /* written by the ticker: run_seq at its last look; relaxed */
    _Atomic int64_t ticker_since_ns; /* written by the ticker: since when that is unchanged; relaxed */
    bool ticker_stuck;               /* ticker only: it counts as stuck, a spare works in its place */
    unsigned spins;                  /* looks around before it parks; its own thread */
    int64_t idle_due;       /* when it counts as idle, see node_hooks; OS_NEVER: not; its own thread */
    uint64_t idle_seen;     /* dispatches when that was set last */
    void *user;             /* of whoever set hooks.worker_started; its own thread */
    _Atomic uint32_t begun; /* futex: 1 = its thread looks for work, or did; release, acquire */
    bool joinable;          /* under the host's workers_lock: its thread was not joined yet */

    _Alignas(64) _Atomic uint32_t token; /* futex: 1 = woken */
    struct worker_stats stats;
    /* Nanoseconds not spent asleep, up to the last sleep; while awake less the moment at which it woke up, which makes it
     * negative. One word, so that a reader adds the present without a race: worker_busy_ns. Relaxed. */
    _Atomic int64_t busy;

    _Alignas(64) struct slices slices; /* written by the ticker */

    struct wheel wheel;
    struct runq runq;
};

struct host {
    struct node *node;
    char *id; /* owned; constant */
    size_t id_len;
    unsigned index;                /* in the node's table and in its pids */
    void *user;                    /* whatever its creator attached, before the first process */
    struct host_limits_now limits; /* read with host_limit() */
    pthread_mutex_t workers_lock;  /* guards starting and ending workers: owner thread and ticker */
    unsigned wanted, spares;       /* under it: configured workers; replacements for stuck ones */
    _Atomic(struct worker *) workers[HOST_WORKERS_MAX]; /* release when made; they stay until host_destroy */
    _Atomic unsigned worker_count;                      /* entries of `workers` in use; release */
    atomic_bool accepting;                              /* false: spawns are refused */
    atomic_bool stop;

    _Alignas(64) _Atomic uint64_t idle; /* bit per parked worker; seq_cst with the queues, see the header */
    _Alignas(64) _Atomic(struct proc *) injected; /* stack by run_next, taken as a whole: as mbox */
    _Atomic uint64_t live;   /* processes, as far as workers do not count them: host_live */
    _Atomic uint64_t memory; /* bytes of all its processes, but for what workers collect: host_memory */

    _Alignas(64) pthread_mutex_t overflow_lock;
    struct line overflow[LINE_KINDS]; /* under it */
};

/* A host with running workers, each past hooks.worker_started. `id` is copied. NULL without memory or threads; the node
 * may know it then all the same, closed and without workers: node_host finds it, and host_rescale tries again. */
struct host *host_create(struct node *n, const char *id, unsigned workers, const struct host_limits *limits);

/* Another number of workers: new ones start, surplus ones hand over their queues and end. Returns when the new
 * ones are past hooks.worker_started. Owner thread. */
bool host_rescale(struct host *h, unsigned workers);

/* A closed host takes processes again, with these limits; the limits of an open one change. Owner thread. */
void host_open(struct host *h, const struct host_limits *limits);

/* Refuses new processes. Any thread. */
void host_close(struct host *h);

/* Ends the workers and waits for them; no process runs afterwards. Owner thread. */
void host_stop(struct host *h);
void host_destroy(struct host *h); /* after host_stop and the end of all its processes */

/* Makes a process that was idle (or is new) runnable: the caller is its waker. */
void host_wake(struct sched_thread *t, struct proc *p, bool local);

/* The running worker's process should give way. Cheap; inside a process. */
static inline bool worker_must_yield(struct worker *w) {
    return atomic_load_explicit(&w->yield, memory_order_relaxed);
}

/* What the preemption hook gets to see while user code runs (NULL: nothing to interrupt). Worker's own thread. */
static inline void worker_publish(struct worker *w, void *running) {
    /* relaxed: read by a signal handler in this thread and by the ticker as a hint */
    atomic_store_explicit(&w->running, running, memory_order_relaxed);
}

static inline void *worker_published(struct worker *w) {
    return atomic_load_explicit(&w->running, memory_order_relaxed);
}

/* Has hooks.preempt called in its thread, as at the end of a time slice, though only to look; false: nothing to interrupt runs
 * there. Any attached thread. */
bool worker_ask(struct worker *w);

/* Whether that was the reason, once. Worker's own thread. */
static inline bool worker_asked(struct worker *w) {
    return atomic_load_explicit(&w->asked, memory_order_relaxed) &&
           atomic_exchange_explicit(&w->asked, false, memory_order_relaxed);
}

/* For the node's ticker. One round over all workers; returns whether any was busy. */
bool host_tick(struct host *h, int64_t now_ns);

/* In the worker's own thread, by its signal handler. */
void worker_on_signal(struct worker *w);

/* Runnable processes waiting in all queues; a figure. */
uint64_t host_queue_len(struct host *h);

/* Living processes, PROC_SYSTEM ones not counted; a figure. Any thread. */
uint64_t host_live(struct host *h);

/* Bytes of the states of all its processes, each as of its last change of PROC_MEMORY_STEP; a figure. Any thread. */
uint64_t host_memory(struct host *h);

/* Nanoseconds that all workers together did not spend asleep; never goes back. Any thread. */
uint64_t host_busy_ns(struct host *h);

/* For how long the worker has been in its present run, as the ticker saw it; 0: in none, or not for long. A figure. Any thread. */
int64_t worker_held_ns(struct worker *w, int64_t now_ns);

/* Timers that wait, of all its processes; a figure. Any thread. */
uint64_t host_timers(struct host *h);

/* Adds its workers' histograms to `buckets`; returns the nanoseconds spent in processes. Any thread. */
uint64_t host_slices(struct host *h, uint64_t buckets[SLICE_BUCKETS]);

/* The sum of one counter over all workers: host_stat(h, offsetof(struct worker_stats, steals)). */
uint64_t host_stat(struct host *h, size_t offset);

#endif
