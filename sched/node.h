/*
 * node: everything that hosts share: pids, names, the ticker thread.
 *
 * The ticker wakes up every half time slice while any worker is busy, moves the coarse clock, and asks workers whose process
 * overran its slice to give way: `yield` for native behaviours, a signal to the worker's thread for those that
 * published something to interrupt. While all workers are parked it sleeps and costs nothing.
 *
 * node_create, node_destroy, node_attach by the owner; node_attach/node_detach also by any other thread for itself.
 */
#ifndef SCHED_NODE_H
#define SCHED_NODE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "sched/epoch.h"
#include "sched/host.h"
#include "sched/names.h"
#include "sched/pid.h"
#include "sched/trace.h"

/* Called by the scheduler; every one may be NULL. */
struct node_hooks {
    /* In a worker's thread, in a signal handler: interrupt what runs (the pointer given to worker_publish). */
    void (*preempt)(void *running);
    /* A process ended: for logs and metrics. Inside the process, when all have been told and before close. */
    void (*ended)(struct proc *p);
    /* A worker has been in one process for `ns` and does not give way. Ticker thread. */
    void (*stuck)(struct worker *w, struct pid pid, int64_t ns);
    void (*worker_started)(struct worker *w); /* worker thread */
    void (*worker_ended)(struct worker *w);
    /* A worker that has run something since has nothing to do; from idle_ns after that on. Short: work that comes meanwhile
     * waits. Returns in how many ns to be called again though nothing is run, OS_NEVER: not. Worker thread. */
    int64_t (*worker_idle)(struct worker *w);
    int64_t idle_ns; /* also after which a worker releases the last of what it has retired (sched/epoch.h) */
};

struct node {
    struct pidtab pids;
    struct names names;
    struct epoch epoch;
    struct node_hooks hooks;
    struct traces traces;
    _Atomic(struct host *)
        hosts[1 << PID_HOST_BITS]; /* release when one is added; they stay until node_destroy */
    _Atomic unsigned host_count;
    _Atomic int64_t tick;         /* coarse clock: counts ticker rounds; relaxed */
    _Atomic int64_t tick_ns;      /* monotonic time of the last round; relaxed */
    _Atomic uint32_t ticker_word; /* futex: TICKER_* */
    pthread_t ticker;
    _Atomic int64_t tick_period_ns; /* relaxed */
    atomic_bool stop;
    int preempt_signal;
};

/* A node without hosts; NULL without memory or threads. Attaches the calling thread. */
struct node *node_create(const struct node_hooks *hooks);

/* Stops all hosts, ends every process that is left (its close and release run here), frees everything. */
void node_destroy(struct node *n);

/* Makes the calling thread one that may touch processes, until node_detach. */
struct sched_thread *node_attach(struct node *n);
void node_detach(struct sched_thread *t);

/* The host with that index, as in a pid; NULL when there is none. Any thread. */
static inline struct host *node_host_at(struct node *n, unsigned index) {
    /* acquire: partner is host_create */
    return atomic_load_explicit(&n->hosts[index], memory_order_acquire);
}

/* A pid as text, into `buf` of PID_TEXT_MAX; returns the length. Any thread. */
size_t node_pid_text(struct node *n, struct pid pid, char *buf);

/* The host of that id, NULL when there is none. Any thread. */
struct host *node_host(struct node *n, const char *id, size_t len);

/* The limits of some host changed: recomputes how often the ticker wakes. Owner thread. */
void node_set_period(struct node *n);

/* A worker is about to be busy: the ticker has to run. Cheap when it does. Any thread. */
void node_busy(struct node *n);

#endif
