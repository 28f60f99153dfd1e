#include "sched/proc.h"

#include <stddef.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "sched/host.h"
#include "sched/names.h"
#include "sched/node.h"
#include "sched/os.h"
#include "sched/probe.h"
#include "sched/tune.h"
#include "sched/worker.h"

/* Changes of memory below this stay with the worker. */
#define WORKER_MEMORY_STEP (256 * 1024)

_Thread_local struct sched_thread *sched_self;

/* --- finding and sending ---------------------------------------------------------------------------------- */

/* The text is one more of the memo's host: what is before the digits is the same then. */
static bool read_digits(struct pid_memo *m, const char *text, size_t len) {
    size_t before = m->digits;
    if (!before || len <= before || len > sizeof m->text || text[len - 1] != '}' ||
        !same_bytes(m->text, text, before))
        return false;
    struct pid pid = pid_parse_digits(text + before, len - 1 - before);
    if (pid_none(pid) || pid_host(pid) != pid_host(m->pid))
        return false;
    m->pid = pid;
    m->len = (uint8_t)len;
    copy_bytes(m->text + before, text + before, len - before);
    return true;
}

static struct pid read_pid(struct sched_thread *t, const char *text, size_t len) {
    const char *host;
    size_t host_len;
    struct pid pid = pid_parse(text, len, &host, &host_len);
    struct host *h = pid_none(pid) ? NULL : node_host_at(t->node, pid_host(pid));
    return h && h->id_len == host_len && memcmp(h->id, host, host_len) == 0 ? pid : (struct pid){0};
}

static __attribute__((noinline)) struct pid look_up(struct sched_thread *t, struct pid_memo *m,
                                                    const char *text, size_t len) {
    if (!len || text[0] != '{')
        return names_lookup(t, text, len);
    if (read_digits(m, text, len))
        return m->pid;
    struct pid pid = read_pid(t, text, len);
    if (!pid_none(pid) && len <= sizeof m->text) {
        m->pid = pid;
        m->len = (uint8_t)len;
        m->digits = (uint8_t)((const char *)memrchr(text, 'x', len) + 1 - text);
        memcpy(m->text, text, len);
    }
    return pid;
}

/* Programs send to the same few processes again and again. The digit before the brace differs most. */
struct pid proc_lookup(struct sched_thread *t, const char *text, size_t len) {
    struct pid_memo *m = &t->memos[len > 1 ? (unsigned char)text[len - 2] % PID_MEMOS : 0];
    return len >= 8 && m->len == len && same_words(m->text, text, len) ? m->pid : look_up(t, m, text, len);
}

/* Inside an epoch. */
static struct proc *find(struct sched_thread *t, struct pid pid) {
    struct proc *p = pidtab_get(&t->node->pids, pid);
    return p && pid_eq(p->pid, pid) ? p : NULL;
}

bool proc_alive(struct sched_thread *t, struct pid to) {
    epoch_enter(&t->reader);
    bool alive = find(t, to) != NULL;
    epoch_leave(&t->reader);
    return alive;
}

/* Inside an epoch. Once for a process: senders that go on meanwhile must not fill the memory with orders to end. */
static __attribute__((cold)) void kill_full(struct sched_thread *t, struct proc *p) {
    if (atomic_exchange_explicit(&p->condemned, true,
                                 memory_order_relaxed)) /* only one sees false: no partner */
        return;
    uint64_t load = mbox_load(&p->mbox);
    struct msg *m = msg_signal(SIG_KILL, (struct pid){0});
    if (!m) {
        atomic_store_explicit(&p->condemned, false, memory_order_relaxed);
        return;
    }
    m->u.failure = failure_format(
        ERRKIND_RATE_LIMITED, EXIT_LIMIT,
        "mailbox limit exceeded: %llu messages, %llu bytes (mailbox_messages %llu, mailbox_bytes %llu)",
        (unsigned long long)mbox_count(load), (unsigned long long)mbox_bytes(load),
        (unsigned long long)host_limit(p->host, mailbox_messages),
        (unsigned long long)host_limit(p->host, mailbox_bytes));
    enum mbox_result r = mbox_push(&p->mbox, m);
    if (r == MBOX_WOKEN)
        host_wake(t, p, t->current != NULL);
    else if (r == MBOX_REFUSED)
        msg_free(m);
}

/* next: whom it wakes runs before those that wait. */
static inline enum send_status post(struct sched_thread *t, struct pid to, struct msg *m, bool next) {
    enum send_status status = SEND_OK;
    epoch_enter(&t->reader);
    struct proc *p = find(t, to);
    det_point("post: found");
    if (!p) {
        status = SEND_NOT_FOUND;
    } else if (m->charge && !mbox_reserve(&p->mbox, m, host_limit(p->host, mailbox_messages),
                                          host_limit(p->host, mailbox_bytes))) {
        status = SEND_FULL;
        if (m->kind == MSG_USER && host_limit(p->host, mailbox_kill))
            kill_full(t, p);
    } else {
        if (trace_any(t->node))
            trace_note_post(t, p, m);
        PROBE3(send, to.n, m->from.n, m->data_len);
        switch (mbox_push(&p->mbox, m)) {
        case MBOX_PUSHED:
            break;
        case MBOX_WOKEN:
            host_wake(t, p, next);
            break;
        case MBOX_REFUSED:
            status = SEND_NOT_FOUND;
        }
    }
    epoch_leave(&t->reader);
    return status;
}

enum send_status proc_post(struct sched_thread *t, struct pid to, struct msg *m) {
    return post(t, to, m, t->current != NULL);
}

/* For signals that nobody waits for: what cannot be delivered is freed. */
static enum send_status post_or_free(struct sched_thread *t, struct pid to, struct msg *m) {
    if (!m)
        return SEND_FULL;
    enum send_status s = proc_post(t, to, m);
    if (s != SEND_OK)
        msg_free(m);
    return s;
}

enum send_status proc_kill(struct sched_thread *t, struct pid to, struct failure *f) {
    struct msg *m = msg_signal(SIG_KILL, (struct pid){0});
    if (!m) {
        failure_release(f);
        return SEND_FULL;
    }
    m->u.failure = f;
    return post_or_free(t, to, m);
}

static struct msg *cancel(struct pid from, const char *reason, size_t len) {
    struct msg *m = msg_event(MSG_CANCEL, len);
    if (!m)
        return NULL;
    m->from = from;
    if (len)
        memcpy(msg_data(m), reason, len);
    return m;
}

enum send_status proc_cancel(struct sched_thread *t, struct pid to, struct pid from, const char *reason,
                             size_t len) {
    return post_or_free(t, to, cancel(from, reason, len));
}

enum send_status proc_cancel_limited(struct sched_thread *t, struct pid to, struct pid from,
                                     const char *reason, size_t len) {
    enum send_status s = SEND_NOT_FOUND;
    struct msg *m = cancel(from, reason, len);
    if (!m)
        return SEND_FULL;
    m->aux = CANCEL_COUNTED;
    epoch_enter(&t->reader);
    struct proc *p = find(t, to);
    if (p) {
        s = SEND_OK;
        /* relaxed: a bound on memory, of no other meaning; partner: proc_consumed */
        if (atomic_fetch_add_explicit(&p->cancels, 1, memory_order_relaxed) >= CANCELS_WAITING_MAX) {
            atomic_fetch_sub_explicit(&p->cancels, 1, memory_order_relaxed);
            s = SEND_FULL;
        }
    }
    epoch_leave(&t->reader);
    if (s == SEND_OK)
        return post_or_free(t, to, m);
    msg_free(m);
    return s;
}

/* --- birth ------------------------------------------------------------------------------------------------- */

static void cell_release(struct epoch_item *item, void *owner) {
    struct sched_thread *t = owner;
    struct proc *p = (struct proc *)((char *)item - offsetof(struct proc, retire));
    if (t->free_count >= CELLS_KEPT) {
        mem_free(p);
        return;
    }
    p->run_next = t->free_cells;
    t->free_cells = p;
    t->free_count++;
}

void proc_drop_cells(struct sched_thread *t) {
    while (t->free_cells) {
        struct proc *next = t->free_cells->run_next;
        mem_free(t->free_cells);
        t->free_cells = next;
    }
    t->free_count = 0;
}

static struct proc *cell_new(struct sched_thread *t) {
    struct proc *p = t->free_cells;
    if (p) {
        t->free_cells = p->run_next;
        t->free_count--;
    } else {
        p = mem_alloc_aligned(_Alignof(struct proc), sizeof *p);
        if (!p)
            return NULL;
    }
    memset(p, 0, sizeof *p);
    return p;
}

static bool relate(struct proc *p, const struct spawn *how) {
    struct proc *parent = how->parent;
    if (how->monitor && (pidset_add(&parent->monitors, p->pid) == PIDSET_NO_MEMORY ||
                         pidset_add(&p->watchers, parent->pid) == PIDSET_NO_MEMORY))
        return false;
    return !how->link || (pidset_add(&parent->links, p->pid) != PIDSET_NO_MEMORY &&
                          pidset_add(&p->links, parent->pid) != PIDSET_NO_MEMORY);
}

static void unrelate(struct proc *p, struct proc *parent) {
    pidset_remove(&parent->monitors, p->pid);
    pidset_remove(&parent->links, p->pid);
    pidset_remove(&p->watchers, parent->pid);
    pidset_remove(&p->links, parent->pid);
}

/*
 * Counts it among the host's; false at the limit. Without a limit each worker counts for itself: no line is shared by the
 * workers for every spawn.
 */
static bool admit(struct sched_thread *t, struct host *h, uint32_t flags) {
    if (flags & PROC_SYSTEM)
        return true;
    uint64_t max = host_limit(h, max_processes);
    if (!max && t->worker && t->worker->host == h) {
        stat_add(t->worker->stats.born, 1);
        return true;
    }
    /* Not "add, look, take back": what is taken back would for a moment refuse others below the limit. While there is
     * one, `live` is all that changes. */
    uint64_t live = atomic_load_explicit(&h->live, memory_order_relaxed);
    do {
        if (max && host_live(h) >= max)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&h->live, &live, live + 1, memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}

static void leave(struct sched_thread *t, struct host *h, uint32_t flags) {
    if (flags & PROC_SYSTEM)
        return;
    if (!host_limit(h, max_processes) && t->worker && t->worker->host == h)
        stat_add(t->worker->stats.gone, 1);
    else
        atomic_fetch_sub_explicit(&h->live, 1, memory_order_relaxed);
}

struct proc *proc_new(struct sched_thread *t, const struct spawn *how, enum spawn_status *status) {
    struct host *h = how->host;
    *status = SPAWN_STOPPED;
    if (!atomic_load_explicit(&h->accepting, memory_order_relaxed))
        return NULL;
    *status = SPAWN_LIMIT;
    if (!admit(t, h, how->flags))
        return NULL;
    *status = SPAWN_NO_MEMORY;
    struct proc *p = cell_new(t);
    struct pid pid = p ? pidtab_alloc(&t->node->pids, &t->pids, h->index) : (struct pid){0};
    if (pid_none(pid)) {
        leave(t, h, how->flags);
        mem_free(p);
        return NULL;
    }
    mbox_init(&p->mbox, false);
    p->pid = pid;
    p->host = h;
    p->behaviour = how->behaviour;
    p->data = how->data;
    atomic_init(&p->label, how->label);
    p->started_ns = clock_read_ns(CLOCK_REALTIME_COARSE);
    p->flags = how->flags;
    p->system = how->flags & PROC_SYSTEM;
    if (how->parent) {
        p->parent = how->parent->pid;
        if (!relate(p, how)) {
            unrelate(p, how->parent);
            pidset_clear(&p->watchers);
            pidset_clear(&p->links);
            pidtab_free(&t->node->pids, &t->pids, pid);
            leave(t, h, how->flags);
            mem_free(p);
            return NULL;
        }
    }
    if (trace_any(t->node))
        trace_note_spawn(t, p);
    PROBE3(spawn, pid.n, p->parent.n, how->label);
    pidtab_publish(&t->node->pids, pid, p);
    *status = SPAWN_OK;
    return p;
}

void proc_start(struct sched_thread *t, struct proc *p) {
    host_wake(t, p, t->current != NULL);
}

/* --- inside a process -------------------------------------------------------------------------------------- */

void proc_account(struct proc *p, size_t bytes) {
    atomic_store_explicit(&p->memory, bytes, memory_order_relaxed);
    size_t diff = bytes > p->memory_counted ? bytes - p->memory_counted : p->memory_counted - bytes;
    if (!diff || (diff < PROC_MEMORY_STEP && bytes))
        return;
    /* Wraps for a decrease, as it should. The worker collects small changes: the sum is a line that all share. */
    struct worker *w = sched_self->worker;
    size_t change = bytes - p->memory_counted;
    p->memory_counted = bytes;
    if (w && w->host == p->host) {
        change += atomic_load_explicit(&w->memory_change, memory_order_relaxed);
        bool large = change + WORKER_MEMORY_STEP >= 2 * (size_t)WORKER_MEMORY_STEP;
        /* relaxed: partner is host_memory, a figure */
        atomic_store_explicit(&w->memory_change, large ? 0 : change, memory_order_relaxed);
        if (!large)
            return;
    }
    atomic_fetch_add_explicit(&p->host->memory, change, memory_order_relaxed);
}

/* Along a chain of links the reason names one peer more each time: a long one loses the peer of before, never what began it. */
#define LONG_REASON 1024
static const char *reason_of(const struct failure *f) {
    const char *after =
        f->how == EXIT_LINKED && f->message_len > LONG_REASON ? strstr(f->message, "}: ") : NULL;
    return after ? after + strlen("}: ") : f->message;
}

static void link_went_down(struct proc *p, struct msg *m) {
    if (!pidset_remove(&p->links, m->from)) {
        msg_free(m); /* unlinked in the meantime */
        return;
    }
    if (p->flags & PROC_TRAP_LINKS) {
        p->behaviour->deliver(p, m);
        return;
    }
    if (!p->kill) {
        char text[PID_TEXT_MAX];
        const struct failure *f = m->u.failure;
        node_pid_text(p->host->node, m->from, text);
        p->kill = failure_format(f->kind, EXIT_LINKED, "linked process failed: %s: %s", text, reason_of(f));
    }
    msg_free(m);
}

/* A relation that finds no memory here ends at once, as a failure: the other side must not wait for an event that never comes.
 * The signal has the room of an event. */
static void cannot_remember(struct proc *p, struct msg *m, enum msg_kind event) {
    struct pid asker = m->from;
    m->kind = (uint8_t)event;
    m->from = p->pid;
    m->u.failure = failure_format(ERRKIND_RATE_LIMITED, EXIT_LIMIT, "not enough memory");
    post_or_free(sched_self, asker, m);
}

static __attribute__((noinline)) void handle(struct proc *p, struct msg *m) {
    switch ((enum msg_kind)m->kind) {
    case SIG_MONITOR:
        if (pidset_add(&p->watchers, m->from) == PIDSET_NO_MEMORY) {
            cannot_remember(p, m, MSG_EXIT);
            return;
        }
        break;
    case SIG_DEMONITOR:
        pidset_remove(&p->watchers, m->from);
        break;
    case SIG_LINK:
        if (pidset_add(&p->links, m->from) == PIDSET_NO_MEMORY) {
            cannot_remember(p, m, MSG_LINK_DOWN);
            return;
        }
        break;
    case SIG_UNLINK:
        pidset_remove(&p->links, m->from);
        break;
    case SIG_KILL:
        if (!p->kill)
            p->kill = failure_hold(m->u.failure);
        break;
    case SIG_CALL:
        m->u.call(p, m);
        return;
    case MSG_LINK_DOWN:
        link_went_down(p, m);
        return;
    case MSG_EXIT:
        if (!pidset_remove(&p->monitors, m->from))
            break;
        p->behaviour->deliver(p, m);
        return;
    case MSG_USER:
    case MSG_CANCEL:
    case MSG_TIMER:
    case MSG_REPLY:
        p->behaviour->deliver(p, m);
        return;
    }
    msg_free(m);
}

bool proc_poll_slow(struct proc *p) {
    if (p->kill)
        return true;
    struct msg *m = mbox_take(&p->mbox), *next;
    uint64_t n = 0;
    for (; m && !p->kill; m = next, n++) {
        next = m->next;
        m->next = NULL;
        if (m->kind == MSG_USER)
            p->behaviour->deliver(p, m);
        else
            handle(p, m);
    }
    PROBE2(receive, p->pid.n, n);
    p->in_first = m; /* something is left only when it has to end */
    if (n && sched_self->worker)
        stat_add(sched_self->worker->stats.messages, n);
    return p->kill != NULL;
}

static struct msg *exit_note(struct proc *p, enum msg_kind kind) {
    size_t len = kind == MSG_EXIT ? p->result_len : 0;
    struct msg *m = msg_event(kind, len);
    if (m && len)
        memcpy(msg_data(m), p->result, len);
    /* The event matters more than the value, and who is never told waits for ever: memory may be back in a moment. */
    for (int tries = 0; !m && tries < EXIT_NOTE_TRIES; tries++) {
        os_yield();
        m = msg_event(kind, 0);
    }
    if (m) {
        m->from = p->pid;
        m->u.failure = failure_hold(p->failure);
    }
    return m;
}

/* What came too late to be handled: relations still get their answer from `finish`, everything else is dropped. */
static void drop_late(struct proc *p, struct msg *m) {
    for (struct msg *next; m; m = next) {
        next = m->next;
        switch ((enum msg_kind)m->kind) {
        case SIG_MONITOR:
        case SIG_DEMONITOR:
        case SIG_LINK:
        case SIG_UNLINK:
            handle(p, m);
            break;
        case SIG_CALL:
            m->u.call(NULL, m);
            break;
        case MSG_LINK_DOWN:
            pidset_remove(&p->links, m->from); /* both ended: nobody is left to be told */
            msg_free(m);
            break;
        default:
            msg_free(m);
        }
    }
}

/*
 * Everybody who has to know. What is done before they are told, they can rely on. Who watches many processes that end in a row is
 * to hear of several in one turn: it takes its place behind those that wait to run, if any do. A call goes on at once.
 */
static void tell_all(struct sched_thread *t, struct proc *p) {
    uint32_t at = 0;
    bool next = t->current && (p->flags & PROC_AWAITED || (t->worker && !runq_len(&t->worker->runq)));
    for (struct pid q; pidset_next(&p->watchers, &at, &q);) {
        struct msg *m = exit_note(p, MSG_EXIT);
        if (m && post(t, q, m, next) != SEND_OK)
            msg_free(m);
    }
    at = 0;
    for (struct pid q; pidset_next(&p->links, &at, &q);)
        post_or_free(t, q, p->failure ? exit_note(p, MSG_LINK_DOWN) : msg_signal(SIG_UNLINK, p->pid));
    at = 0;
    for (struct pid q; pidset_next(&p->monitors, &at, &q);)
        post_or_free(t, q, msg_signal(SIG_DEMONITOR, p->pid));
}

static __attribute__((noinline)) void finish(struct sched_thread *t, struct proc *p) {
    struct node *n = t->node;
    if (p->kill) {
        failure_release(p->failure);
        p->failure = p->kill;
        p->kill = NULL;
    }
    if (p->failure) {
        if (!(p->flags & PROC_RESULT_BORROWED))
            mem_free(p->result);
        p->result = NULL;
        p->result_len = 0;
    }
    det_point("finish");
    pidtab_hide(&n->pids, p->pid);
    if (trace_any(n))
        trace_note_exit(t, p);
    PROBE3(exit, p->pid.n, p->failure != NULL, atomic_load_explicit(&p->label, memory_order_relaxed));
    names_release(t, p);
    det_point("finish: released");
    drop_late(p, p->in_first);
    drop_late(p, mbox_close(&p->mbox));
    if (p->behaviour->ending)
        p->behaviour->ending(p);
    proc_account(p, 0);
    leave(t, p->host, p->flags);
    if (t->worker)
        stat_add(t->worker->stats.exits[p->failure ? p->failure->how : EXIT_NORMAL], 1);
    det_point("finish: closed");
    tell_all(t, p);
    det_point("finish: told");
    if (n->hooks.ended && !(p->flags & PROC_SYSTEM))
        n->hooks.ended(p);
    pidset_clear(&p->watchers);
    pidset_clear(&p->links);
    pidset_clear(&p->monitors);
    p->behaviour->close(p);
    failure_release(p->failure);
    if (!(p->flags & PROC_RESULT_BORROWED))
        mem_free(p->result);
    pidtab_free(&n->pids, &t->pids, p->pid);
    epoch_retire(&t->reader, &p->retire, cell_release);
}

void proc_abort(struct sched_thread *t, struct proc *p, struct failure *f) {
    if (t->current)
        unrelate(p, t->current);
    p->kill = f;
    finish(t, p);
}

void proc_discard(struct sched_thread *t, struct proc *p) {
    if (!p->kill)
        p->kill = failure_format(ERRKIND_CANCELED, EXIT_TERMINATED, "process terminated: the daemon stopped");
    finish(t, p);
}

bool proc_overran(struct proc *p) {
    int64_t max = host_limit(p->host, max_run_ns);
    if (!max || !p->busy_since_ns || p->kill)
        return false;
    int64_t ran = atomic_load_explicit(&p->host->node->tick_ns, memory_order_relaxed) - p->busy_since_ns;
    if (ran <= max)
        return false;
    p->kill = failure_format(ERRKIND_RATE_LIMITED, EXIT_LIMIT,
                             "run time limit exceeded: %lld ms without waiting (max_run_time %lld ms)",
                             (long long)(ran / 1000000), (long long)(max / 1000000));
    return true;
}

void proc_run(struct sched_thread *t, struct proc *p) {
    struct worker *w = t->worker;
    if (!(p->flags & PROC_STARTED)) {
        p->flags |= PROC_STARTED;
        stat_add(w->stats.spawned, 1);
    }
    if (!p->busy_since_ns)
        p->busy_since_ns = atomic_load_explicit(&t->node->tick_ns, memory_order_relaxed);
    t->current = p;
    proc_reduce(p, 1);
    for (;;) {
        enum step s = proc_poll(p) ? STEP_EXIT : p->behaviour->step(p);
        if (s == STEP_AGAIN && proc_overran(p))
            s = STEP_EXIT;
        if (s == STEP_EXIT) {
            finish(t, p);
            break;
        }
        bool waits = s == STEP_WAIT && !p->kill; /* a poll inside the step may have met the order to end */
        if (waits) {
            p->busy_since_ns = 0;
            if (mbox_idle(&p->mbox))
                break;
        }
        bool over = worker_must_yield(w);
        if (waits && !over)
            continue;
        if (over && !waits) {
            stat_add(w->stats.preemptions, 1);
            PROBE2(preempt, p->pid.n, w->index);
        }
        t->current = NULL;
        if (over)
            worker_catch_up(w);
        host_wake(t, p, false);
        return;
    }
    t->current = NULL;
}

/* --- looking around ---------------------------------------------------------------------------------------- */

void proc_each(struct sched_thread *t, bool (*fn)(struct proc *p, void *ud), void *ud) {
    uint32_t high = pidtab_high(&t->node->pids);
    bool more = true;
    for (uint32_t slot = 1; slot <= high && more; slot++) {
        epoch_enter(&t->reader);
        struct proc *p = pidtab_get(&t->node->pids, (struct pid){slot});
        if (p)
            more = fn(p, ud);
        epoch_leave(&t->reader);
    }
}

enum proc_state proc_state(struct proc *p) {
    struct msg *head = atomic_load_explicit(&p->mbox.head, memory_order_relaxed);
    if (head == MBOX_CLOSED)
        return PROC_ENDED;
    return head == MBOX_IDLE ? PROC_WAITING : PROC_RUNNABLE;
}
