/*
 * proc: a process as the scheduler sees it: pid, mailbox, links, monitors, outcome, and a behaviour that does the work.
 *
 * Guarantees
 *  - Whatever one process does to another is a node in the target's mailbox (sched/msg.h), handled by the worker that runs the
 *    target; only that worker touches the fields in the second half of struct proc.
 *  - Messages from one sender to one receiver arrive in the order sent, EXIT and LINK_DOWN of a process after everything
 *    that it sent before.
 *  - At its end: the pid stops resolving and its names are released; then EXIT goes to every monitor; then, on failure,
 *    LINK_DOWN to every link. A monitor or link that was accepted but not yet handled is answered as well.
 *
 * Threads: functions that take a `struct sched_thread *t` may be called on any attached thread, with its own `t`. Those
 * that take `struct proc *p` only on the worker that runs `p` ("inside p"), except where said.
 */
#ifndef SCHED_PROC_H
#define SCHED_PROC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "sched/epoch.h"
#include "sched/failure.h"
#include "sched/mbox.h"
#include "sched/msg.h"
#include "sched/pid.h"
#include "sched/pidset.h"

struct host;
struct name_entry;
struct node;
struct proc;
struct worker;

/* A pid's text that was read lately; `len` 0: none. A cache line each. */
struct pid_memo {
    struct pid pid;
    uint8_t len, digits; /* where its digits begin */
    char text[54];
};

#define PID_MEMOS 8

/* What a thread needs to touch processes: workers have one, others get it by node_attach. */
struct sched_thread {
    struct epoch_reader reader;
    struct node *node;
    struct worker *worker; /* NULL: no worker */
    struct proc *current;  /* the process it runs, NULL outside */
    struct pidcache pids;
    struct proc *free_cells; /* chained by run_next */
    uint32_t free_count;
    uint32_t nested; /* starts of processes inside one another, on this thread */
    struct pid_memo memos[PID_MEMOS];
};

/* The calling thread's, NULL when it is not attached. */
extern _Thread_local struct sched_thread *sched_self;

enum step {
    STEP_WAIT,  /* nothing to do until something arrives */
    STEP_AGAIN, /* more to do, others first */
    STEP_EXIT   /* ended: p->failure, or p->result/result_len, hold the outcome */
};

/* What runs inside a process. All functions are called on the worker that runs `p`. */
struct behaviour {
    const char *name;
    /* A node of kind MSG_* has arrived; takes it over. Called before step, and by proc_poll; must not end the process. */
    void (*deliver)(struct proc *p, struct msg *m);
    /* Works until there is nothing to do, worker_must_yield() says so, or the end. */
    enum step (*step)(struct proc *p);
    /* The process has ended, its pid is gone, everybody has been told: frees what `data` holds. Called once. */
    void (*close)(struct proc *p);
    /* Its pid is gone and its outcome known, but nobody has been told yet. May be NULL. */
    void (*ending)(struct proc *p);
};

enum proc_flag {
    PROC_TRAP_LINKS = 1,
    PROC_STARTED = 2,         /* has been run once */
    PROC_SYSTEM = 4,          /* not shown to users, not counted */
    PROC_RESULT_BORROWED = 8, /* `result` belongs to the behaviour, until close */
    PROC_AWAITED = 16         /* started for a call: its end lets that go on at once */
};

/* Two cache lines are all that a message touches: the first is shared with senders, the second is the worker's. */
struct proc {
    /* Written by senders and the worker; what is no atomic is constant after the spawn, or belongs to who queues it. */
    _Alignas(64) struct mbox mbox;
    struct pid pid;
    struct host *host;
    const struct behaviour *behaviour; /* this and `data`: only inside the process, which may change them */
    void *data;
    struct proc *run_next; /* while queued: the queue's */

    /* Only inside the process, but for the atomics: figures published relaxed, for inspectors. */
    _Alignas(64) _Atomic uint64_t reductions;
    _Atomic size_t memory;
    size_t memory_counted; /* what of it is in host.memory */
    struct msg *in_first;  /* taken out of the mailbox when it had to end, not handled */
    struct failure *kill;  /* it must end with this */
    int64_t busy_since_ns; /* since when it has not waited; 0: it just began */
    uint32_t flags;        /* enum proc_flag */

    uint32_t result_len;
    struct failure *failure; /* outcome; NULL and ended: normal */
    char *result;            /* outcome: encoded value, from mem_alloc; NULL = none */
    struct pidset links, monitors /* whom it watches */, watchers /* who watches it */;
    struct name_entry *names; /* guarded by the node's name lock, as the next one */
    uint32_t names_given;     /* names that it has registered, and that are held by whomever */
    atomic_bool named;        /* seq_cst: has or had a name; with the pid's slot a Dekker pair, see names.c */
    atomic_bool condemned;    /* relaxed exchange: a sender found the mailbox full, its end is on the way */
    atomic_uint cancels;      /* CANCEL events of programs that it has not taken: relaxed, a bound */
    bool system;              /* PROC_SYSTEM; constant after the spawn: for inspectors, as the next three */
    struct pid parent;
    int64_t started_ns;          /* wall clock */
    _Atomic(const char *) label; /* relaxed; the entry's id, lives until `release` */
    struct epoch_item retire;
};

enum send_status { SEND_OK, SEND_NOT_FOUND, SEND_FULL };

/* The process that `text`, a pid or a registered name as users write it, means; none when the name is free or the
 * text is no pid of this node. Whether a pid still runs only proc_post and friends can tell. Any attached thread. */
struct pid proc_lookup(struct sched_thread *t, const char *text, size_t len);

/* Pushes `m`. SEND_OK: the node is the target's; otherwise it still is the caller's. MSG_USER obeys the limits of the
 * target's host, everything else always fits. */
enum send_status proc_post(struct sched_thread *t, struct pid to, struct msg *m);

/* Whether it runs at this moment (it may not a moment later). */
bool proc_alive(struct sched_thread *t, struct pid to);

/* --- birth ------------------------------------------------------------------------------------------------- */

struct spawn {
    struct host *host;
    const struct behaviour *behaviour;
    void *data;
    const char *label;
    struct proc *parent; /* the spawning process, inside which this runs; NULL otherwise */
    bool monitor, link;  /* relation to `parent` */
    uint32_t flags;
};

enum spawn_status { SPAWN_OK, SPAWN_LIMIT, SPAWN_STOPPED, SPAWN_NO_MEMORY };

/*
 * A new process with a pid that already resolves, its mailbox open, not yet queued: the calling thread counts as
 * the one that runs it, until proc_start or proc_abort. NULL with *status otherwise, and `data` is still the caller's.
 */
struct proc *proc_new(struct sched_thread *t, const struct spawn *how, enum spawn_status *status);

/* Queues it to run. The caller touches it no more. */
void proc_start(struct sched_thread *t, struct proc *p);

/* Ends it as a failed start: its parent never knew it; others that met it see `f` (taken over). */
void proc_abort(struct sched_thread *t, struct proc *p, struct failure *f);

/* --- inside a process ------------------------------------------------------------------------------------ */

/* Takes over what has arrived in the mailbox: signals are handled, messages delivered. Then p->kill says
 * whether it has to end. Cheap when nothing arrived. */
static inline bool proc_poll(struct proc *p);
bool proc_poll_slow(struct proc *p);

/* A message left the mailbox for good (the behaviour consumed or dropped it): takes its weight off. Frees nothing. */
static inline void proc_consumed(struct proc *p, const struct msg *m) {
    if (m->charge)
        mbox_consumed(&p->mbox, m);
    else if (m->kind == MSG_CANCEL && m->aux == CANCEL_COUNTED)
        atomic_fetch_sub_explicit(&p->cancels, 1, memory_order_relaxed);
}

static inline void proc_reduce(struct proc *p, uint64_t n) {
    atomic_store_explicit(&p->reductions, atomic_load_explicit(&p->reductions, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

/* Whether it has run for longer than its host's max_run_ns without waiting: then p->kill says so. */
bool proc_overran(struct proc *p);

/* Publishes how many bytes the process uses; the host's sum follows in steps of PROC_MEMORY_STEP. */
#define PROC_MEMORY_STEP 4096
void proc_account(struct proc *p, size_t bytes);

/*
 * Relations of `p`, inside it. REL_NOT_FOUND: `target` has ended; nothing has changed. A delivered EXIT ends its monitor,
 * a LINK_DOWN its link.
 */
enum relation_status { REL_OK, REL_NOT_FOUND, REL_EXISTS, REL_NO_MEMORY };

/* One EXIT of `target` will be delivered. REL_EXISTS: that was so before. */
enum relation_status proc_monitor(struct proc *p, struct pid target);

/* No EXIT of `target` is delivered from now on, also none that has arrived but was not delivered. REL_OK also when there
 * was no monitor of a living process. */
enum relation_status proc_unmonitor(struct proc *p, struct pid target);

/* Each fails when the other does. REL_OK also for a link that exists and for `p` itself (no effect). */
enum relation_status proc_link(struct proc *p, struct pid target);

/* As proc_unmonitor, for LINK_DOWN. */
enum relation_status proc_unlink(struct proc *p, struct pid target);

static inline bool proc_poll(struct proc *p) {
    if (mbox_pending(&p->mbox))
        return proc_poll_slow(p);
    return p->kill != NULL;
}

/* Forces the end of `to` with `f` (taken over in every case). */
enum send_status proc_kill(struct sched_thread *t, struct pid to, struct failure *f);

/* Asks `to` to end: a CANCEL event with a reason. SEND_FULL: no memory. */
enum send_status proc_cancel(struct sched_thread *t, struct pid to, struct pid from, const char *reason,
                             size_t len);

/* The same for programs. They reach a process whose mailbox is full of messages, but only so many at a time: SEND_FULL then. */
#define CANCELS_WAITING_MAX 100
enum send_status proc_cancel_limited(struct sched_thread *t, struct pid to, struct pid from,
                                     const char *reason, size_t len);

/* --- for the scheduler only ------------------------------------------------------------------------------ */

/* Runs it once; the worker has taken it from a queue. */
void proc_run(struct sched_thread *t, struct proc *p);

/* Ends a process that no worker runs (node_destroy). */
void proc_discard(struct sched_thread *t, struct proc *p);

/* Frees the cells that `t` keeps. */
void proc_drop_cells(struct sched_thread *t);

/* Walks over living processes: fn runs inside an epoch and must not block; it may read the shared and published fields.
 * Any attached thread. Stops when fn returns false. */
void proc_each(struct sched_thread *t, bool (*fn)(struct proc *p, void *ud), void *ud);

enum proc_state { PROC_WAITING, PROC_RUNNABLE, PROC_ENDED };
enum proc_state proc_state(struct proc *p);

#endif
