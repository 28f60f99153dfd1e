/*
 * worker: one thread of a host. Internal to sched (struct worker itself is in sched/host.h, since behaviours use it).
 */
#ifndef SCHED_WORKER_H
#define SCHED_WORKER_H

#include "sched/host.h"

/* A worker without a thread; NULL without memory. Owner thread or ticker, under the host's workers_lock. */
struct worker *worker_new(struct host *h, unsigned index);
void worker_free(struct worker *w); /* its thread has ended */

/* Starts its thread (joining the one it had before). Under workers_lock. */
bool worker_launch(struct worker *w);

/* Waits until its thread, just launched, looks for work: what it needs before (hooks.worker_started) is done. Owner thread. */
void worker_await(struct worker *w);

/* Waits for its thread to end. Under workers_lock, or when no worker is added any more. */
void worker_join(struct worker *w);

/* Makes it look for work. Any thread. */
void worker_unpark(struct worker *w);

/* Sends its thread a signal, if it still runs. Any thread. */
void worker_signal(struct worker *w, int sig);

/* The pid of what it runs now, none outside; a hint. Any thread. */
struct pid worker_pid(struct worker *w);

/* Adds to the tail of its ring or, while something of its kind waits there, to the host's overflow. Its own thread. */
void worker_enqueue(struct worker *w, struct proc *p);

/* What worker_enqueue has collected goes into the overflow. Its own thread. */
void worker_flush(struct worker *w);

/* Queues what has become due while a process used up its slice, or came from other threads: before that process is queued
 * again itself. Its own thread, outside of processes. */
void worker_catch_up(struct worker *w);

/* Everything that other threads put in, oldest first, chained by run_next. A worker. */
struct proc *host_take_injected(struct host *h);

/* Moves a share of the overflow into w's ring. Its own thread. */
void host_take_overflow(struct worker *w);

/* Work was queued: wakes one parked worker, if any. Any thread, also in worker_on_signal. */
void host_notify(struct host *h);

#endif
