#include "sched/host.h"

#include <signal.h>
#include <string.h>

#include "base/alloc.h"
#include "sched/node.h"
#include "sched/os.h"
#include "sched/tune.h"
#include "sched/worker.h"

/* --- making a process runnable ------------------------------------------------------------------------------ */

static void inject(struct host *h, struct proc *p) {
    struct proc *top = atomic_load_explicit(&h->injected, memory_order_relaxed);
    do {
        p->run_next = top;
        det_point("inject");
        /* release: partner is the acquire in host_take_injected */
    } while (!atomic_compare_exchange_weak_explicit(&h->injected, &top, p, memory_order_release,
                                                    memory_order_relaxed));
}

struct proc *host_take_injected(struct host *h) {
    if (!atomic_load_explicit(&h->injected, memory_order_relaxed))
        return NULL;
    det_point("take_injected");
    struct proc *top = atomic_exchange_explicit(&h->injected, NULL, memory_order_acquire), *first = NULL;
    while (top) {
        struct proc *next = top->run_next;
        top->run_next = first;
        first = top;
        top = next;
    }
    return first;
}

static uint32_t line_len(const struct line *l) {
    return atomic_load_explicit(&l->n, memory_order_relaxed);
}

static void line_append(struct line *to, struct line *from) {
    from->last->run_next = NULL;
    if (to->last)
        to->last->run_next = from->first;
    else
        to->first = from->first;
    to->last = from->last;
    atomic_store_explicit(&to->n, line_len(to) + line_len(from), memory_order_relaxed);
    *from = (struct line){0};
}

static void own_begin(struct worker *w) {
    w->in_slot = 1;
    atomic_signal_fence(memory_order_seq_cst);
}

static void own_end(struct worker *w) {
    atomic_signal_fence(memory_order_seq_cst);
    w->in_slot = 0;
}

static void flush(struct worker *w, enum line_of which) {
    struct host *h = w->host;
    struct line *later = &w->later[which];
    if (!later->first)
        return;
    det_point("flush");
    own_begin(w);
    if (later->first) { /* the signal handler may have been here since */
        os_lock(&h->overflow_lock);
        line_append(&h->overflow[which], later);
        os_unlock(&h->overflow_lock);
    }
    own_end(w);
}

void worker_flush(struct worker *w) {
    for (enum line_of which = 0; which < LINE_KINDS; which++)
        flush(w, which);
}

static bool new_needs_room(struct worker *w) {
    return line_len(&w->host->overflow[LINE_NEW]);
}

/* What those that have run may still take of the ring: a part of it is for the others. */
static uint32_t ring_room(struct worker *w) {
    uint32_t len = runq_len(&w->runq), most = RUNQ_SIZE - NEW_IN_RING;
    return len < most ? most - len : 0;
}

/*
 * While anything waits in the overflow, what comes later has to go behind it, and not into the ring, which would never
 * get empty enough to let it in: a process woken in a burst would starve beside a program that keeps spawning. The worker
 * collects a few before it takes the lock.
 *
 * Who has not run yet waits in a line of its own, and only a few of them in the ring: a program may start a hundred
 * thousand processes at once, and others, that a timer or a message has woken, are not to wait until all those have begun.
 */
void worker_enqueue(struct worker *w, struct proc *p) {
    enum line_of which = p->flags & PROC_STARTED ? LINE_GOING : LINE_NEW;
    struct line *later = &w->later[which];
    bool waiting =
        later->first || line_len(&w->host->overflow[which]) ||
        (which == LINE_NEW ? runq_len(&w->runq) >= NEW_IN_RING : new_needs_room(w) && ring_room(w) == 0);
    if (!waiting && runq_put(&w->runq, p))
        return;
    own_begin(w);
    det_point("enqueue: later");
    line_append(later, &(struct line){p, p, 1});
    own_end(w);
    if (line_len(later) >= LATER_MAX)
        flush(w, which);
}

/* Moves a share of one line, at most `most`, to the ring. */
static void take_line(struct worker *w, enum line_of which, uint32_t most) {
    struct host *h = w->host;
    struct line *line = &h->overflow[which];
    uint32_t n = line_len(line);
    if (!n || !most)
        return;
    uint32_t share = n / atomic_load_explicit(&h->worker_count, memory_order_relaxed) + 1;
    if (share > most)
        share = most;
    uint32_t taken = 0;
    os_lock(&h->overflow_lock);
    for (; taken < share && line->first; taken++) {
        struct proc *p = line->first;
        if (!runq_put(&w->runq, p))
            break;
        line->first = p->run_next;
    }
    if (!line->first)
        line->last = NULL;
    atomic_store_explicit(&line->n, line_len(line) - taken, memory_order_relaxed);
    os_unlock(&h->overflow_lock);
}

void host_take_overflow(struct worker *w) {
    worker_flush(w);
    if (runq_len(&w->runq) <= RUNQ_SIZE / 2)
        take_line(w, LINE_GOING, ring_room(w));
    uint32_t len = runq_len(&w->runq);
    take_line(w, LINE_NEW, len + NEW_LEAST < NEW_IN_RING ? NEW_IN_RING - len : NEW_LEAST);
}

void host_notify(struct host *h) {
    /* seq_cst: the work was queued before, `idle` is read after; the partner is worker_park, which sets its bit before it
     * looks at the queues. So one of the two sees the other. */
    atomic_thread_fence(memory_order_seq_cst);
    det_point("notify: queued");
    uint64_t idle = atomic_load_explicit(&h->idle, memory_order_seq_cst);
    while (idle) {
        unsigned i = (unsigned)__builtin_ctzll(idle);
        det_point("notify: chosen");
        if (atomic_compare_exchange_weak_explicit(&h->idle, &idle, idle & ~(UINT64_C(1) << i),
                                                  memory_order_seq_cst, memory_order_seq_cst)) {
            worker_unpark(atomic_load_explicit(&h->workers[i], memory_order_acquire));
            return;
        }
    }
}

void host_wake(struct sched_thread *t, struct proc *p, bool local) {
    struct host *h = p->host;
    struct worker *w = t->worker;
    if (!w || w->host != h) {
        inject(h, p);
        host_notify(h);
        return;
    }
    if (local) {
        /* The signal handler of this very thread may empty the slot (worker_on_signal): it keeps off meanwhile. */
        w->in_slot = 1;
        atomic_signal_fence(memory_order_seq_cst);
        struct proc *old = w->woken;
        det_point("wake: in slot");
        w->woken = p;
        atomic_signal_fence(memory_order_seq_cst);
        w->in_slot = 0;
        det_point("wake: slot left");
        if (!old)
            return;
        p = old;
    }
    worker_enqueue(w, p);
    host_notify(h);
}

void worker_on_signal(struct worker *w) {
    if (w->in_slot || !atomic_load_explicit(&w->give_woken, memory_order_relaxed))
        return;
    atomic_store_explicit(&w->give_woken, false, memory_order_relaxed);
    struct proc *p = w->woken;
    bool any = p;
    w->woken = NULL;
    if (p)
        inject(w->host, p);
    for (enum line_of which = 0; which < LINE_KINDS; which++) {
        struct proc *later = w->later[which].first;
        w->later[which] = (struct line){0};
        any = any || later;
        while (later) { /* not by worker_flush: this thread may hold its lock */
            struct proc *next = later->run_next;
            inject(w->host, later);
            later = next;
        }
    }
    if (any)
        host_notify(w->host);
}

/* --- workers come and go ------------------------------------------------------------------------------------ */

static struct worker *worker_at(struct host *h, unsigned i) {
    /* acquire: partner is add_worker */
    return atomic_load_explicit(&h->workers[i], memory_order_acquire);
}

/* Under workers_lock: starts a worker in the first entry without a running thread. */
static bool add_worker(struct host *h) {
    unsigned count = atomic_load_explicit(&h->worker_count, memory_order_relaxed), i = 0;
    struct worker *w = NULL;
    for (; i < count; i++) {
        w = worker_at(h, i);
        /* acquire: partner is the end of worker_main */
        if (!atomic_load_explicit(&w->running_thread, memory_order_acquire))
            break;
    }
    if (i == HOST_WORKERS_MAX)
        return false;
    if (i == count) {
        w = worker_new(h, i);
        if (!w)
            return false;
        /* release: partner is worker_at; then the count, whose partner is every loop over the workers */
        atomic_store_explicit(&h->workers[i], w, memory_order_release);
        atomic_store_explicit(&h->worker_count, i + 1, memory_order_release);
    }
    return worker_launch(w);
}

static unsigned active(struct host *h) {
    unsigned n = 0, count = atomic_load_explicit(&h->worker_count, memory_order_relaxed);
    for (unsigned i = 0; i < count; i++) {
        struct worker *w = worker_at(h, i);
        n += atomic_load_explicit(&w->running_thread, memory_order_acquire) &&
             !atomic_load_explicit(&w->draining, memory_order_relaxed);
    }
    return n;
}

/* Under workers_lock: brings the number of working threads to `want`. */
static bool adjust(struct host *h, unsigned want) {
    if (atomic_load_explicit(&h->stop, memory_order_relaxed))
        return true;
    unsigned have = active(h);
    for (; have < want; have++)
        if (!add_worker(h))
            return false;
    for (unsigned i = atomic_load_explicit(&h->worker_count, memory_order_relaxed); have > want && i-- > 0;) {
        struct worker *w = worker_at(h, i);
        if (!atomic_load_explicit(&w->running_thread, memory_order_acquire) || w->ticker_stuck ||
            atomic_load_explicit(&w->draining, memory_order_relaxed))
            continue;
        atomic_store_explicit(&w->draining, true, memory_order_relaxed);
        have--;
        atomic_fetch_and_explicit(&h->idle, ~(UINT64_C(1) << i), memory_order_seq_cst);
        worker_unpark(w);
    }
    return true;
}

static void set_limits(struct host *h, const struct host_limits *limits) {
#define X(type, name) atomic_store_explicit(&h->limits.name, limits->name, memory_order_relaxed);
    HOST_LIMITS(X)
#undef X
}

static void await_workers(struct host *h) {
    unsigned count = atomic_load_explicit(&h->worker_count, memory_order_relaxed);
    for (unsigned i = 0; i < count; i++)
        worker_await(worker_at(h, i));
}

struct host *host_create(struct node *n, const char *id, unsigned workers, const struct host_limits *limits) {
    unsigned index = atomic_load_explicit(&n->host_count, memory_order_relaxed);
    if (index == 1u << PID_HOST_BITS)
        return NULL;
    struct host *h = mem_alloc_aligned(_Alignof(struct host), sizeof *h);
    char *copy = mem_strdup(id);
    if (!h || !copy) {
        mem_free(h);
        mem_free(copy);
        return NULL;
    }
    memset(h, 0, sizeof *h);
    h->node = n;
    h->id = copy;
    h->id_len = strlen(copy);
    h->index = index;
    set_limits(h, limits);
    h->wanted = workers;
    pthread_mutex_init(&h->workers_lock, NULL);
    pthread_mutex_init(&h->overflow_lock, NULL);
    atomic_init(&h->accepting, true);
    /* release: partner is node_host_at */
    atomic_store_explicit(&n->hosts[index], h, memory_order_release);
    atomic_store_explicit(&n->host_count, index + 1, memory_order_release);
    node_set_period(n);
    os_lock(&h->workers_lock);
    bool ok = adjust(h, workers);
    os_unlock(&h->workers_lock);
    if (!ok) {
        /* It stays in the table, without workers and closed, for whoever tries again: host_rescale, host_open. */
        host_close(h);
        host_rescale(h, 0);
        return NULL;
    }
    await_workers(h);
    return h;
}

bool host_rescale(struct host *h, unsigned workers) {
    os_lock(&h->workers_lock);
    h->wanted = workers;
    bool ok = adjust(h, workers + h->spares);
    os_unlock(&h->workers_lock);
    await_workers(h);
    return ok;
}

void host_open(struct host *h, const struct host_limits *limits) {
    set_limits(h, limits);
    node_set_period(h->node);
    atomic_store_explicit(&h->accepting, true, memory_order_relaxed);
}

void host_close(struct host *h) {
    /* relaxed: a spawn that is under way at this moment may still succeed */
    atomic_store_explicit(&h->accepting, false, memory_order_relaxed);
}

void host_stop(struct host *h) {
    host_close(h);
    os_lock(&h->workers_lock);
    atomic_store_explicit(&h->stop, true,
                          memory_order_seq_cst); /* under the lock: no worker is added any more */
    os_unlock(&h->workers_lock);
    unsigned count = atomic_load_explicit(&h->worker_count, memory_order_relaxed);
    for (unsigned i = 0; i < count; i++)
        worker_unpark(worker_at(h, i));
    for (unsigned i = 0; i < count; i++)
        worker_join(worker_at(h, i));
}

void host_destroy(struct host *h) {
    unsigned count = atomic_load_explicit(&h->worker_count, memory_order_relaxed);
    for (unsigned i = 0; i < count; i++)
        worker_free(worker_at(h, i));
    pthread_mutex_destroy(&h->workers_lock);
    pthread_mutex_destroy(&h->overflow_lock);
    mem_free(h->id);
    mem_free(h);
}

/* --- the ticker's look at the workers ------------------------------------------------------------------------- */

static void set_stuck(struct host *h, struct worker *w, bool stuck) {
    os_lock(&h->workers_lock);
    w->ticker_stuck = stuck;
    h->spares += stuck ? 1u : -1u;
    adjust(h, h->wanted + h->spares);
    os_unlock(&h->workers_lock);
}

static void look_at(struct host *h, struct worker *w, int64_t now) {
    struct node *n = h->node;
    uint64_t seq = atomic_load_explicit(&w->run_seq, memory_order_relaxed);
    slices_look(&w->slices, seq, now - atomic_load_explicit(&n->tick_ns, memory_order_relaxed),
                atomic_load_explicit(&n->tick_period_ns, memory_order_relaxed));
    if (seq != atomic_load_explicit(&w->ticker_seq, memory_order_relaxed) || !(seq & 1)) {
        atomic_store_explicit(&w->ticker_since_ns, now, memory_order_relaxed);
        atomic_store_explicit(&w->ticker_seq, seq, memory_order_relaxed);
        if (w->ticker_stuck)
            set_stuck(h, w, false);
    }
    int64_t held = now - atomic_load_explicit(&w->ticker_since_ns, memory_order_relaxed),
            slice = host_limit(h, time_slice_ns);
    bool overdue = wheel_next(&w->wheel) <= now;
    if (!(seq & 1) || (held < slice && !overdue))
        return;
    atomic_store_explicit(&w->yield, true, memory_order_relaxed);
    if (held > 2 * slice)
        atomic_store_explicit(&w->give_woken, true, memory_order_relaxed);
    worker_signal(w, n->preempt_signal);
    if (held > 2 * slice && (runq_len(&w->runq) || overdue))
        host_notify(h);
    if (held > STUCK_NS && !w->ticker_stuck) {
        if (n->hooks.stuck)
            n->hooks.stuck(w, worker_pid(w), held);
        set_stuck(h, w, true);
    }
}

bool host_tick(struct host *h, int64_t now_ns) {
    bool busy = false;
    unsigned count = atomic_load_explicit(&h->worker_count, memory_order_acquire);
    for (unsigned i = 0; i < count; i++) {
        struct worker *w = worker_at(h, i);
        if (!atomic_load_explicit(&w->running_thread, memory_order_acquire)) {
            if (w->ticker_stuck)
                set_stuck(h, w, false); /* it came back, and ended, between two looks */
            continue;
        }
        look_at(h, w, now_ns);
        busy |= !(atomic_load_explicit(&h->idle, memory_order_relaxed) >> i & 1);
    }
    return busy;
}

/* --- figures ---------------------------------------------------------------------------------------------------- */

uint64_t host_queue_len(struct host *h) {
    uint64_t n = 0;
    for (enum line_of which = 0; which < LINE_KINDS; which++)
        n += line_len(&h->overflow[which]);
    unsigned count = atomic_load_explicit(&h->worker_count, memory_order_acquire);
    for (unsigned i = 0; i < count; i++)
        n += runq_len(&worker_at(h, i)->runq);
    return n;
}

uint64_t host_memory(struct host *h) {
    uint64_t sum = atomic_load_explicit(&h->memory, memory_order_relaxed);
    unsigned count = atomic_load_explicit(&h->worker_count, memory_order_acquire);
    for (unsigned i = 0; i < count; i++)
        sum += atomic_load_explicit(&worker_at(h, i)->memory_change, memory_order_relaxed);
    /* What one worker has counted and another one taken back may be seen the other way round. */
    return (int64_t)sum > 0 ? sum : 0;
}

uint64_t host_busy_ns(struct host *h) {
    uint64_t sum = 0;
    unsigned count = atomic_load_explicit(&h->worker_count, memory_order_acquire);
    for (unsigned i = 0; i < count; i++) {
        int64_t busy = atomic_load_explicit(&worker_at(h, i)->busy, memory_order_relaxed);
        /* the clock is read last, so that a worker that has just woken up counts for no less than before */
        sum += (uint64_t)(busy < 0 ? busy + os_now() : busy);
    }
    return sum;
}

int64_t worker_held_ns(struct worker *w, int64_t now_ns) {
    uint64_t seq = atomic_load_explicit(&w->run_seq, memory_order_relaxed);
    int64_t since = atomic_load_explicit(&w->ticker_since_ns, memory_order_relaxed);
    /* Asked in this order: if the ticker meets a later run meanwhile, `seq` is not its. */
    bool same = (seq & 1) && seq == atomic_load_explicit(&w->ticker_seq, memory_order_relaxed) &&
                seq == atomic_load_explicit(&w->run_seq, memory_order_relaxed);
    return same && now_ns > since ? now_ns - since : 0;
}

uint64_t host_timers(struct host *h) {
    uint64_t sum = 0;
    unsigned count = atomic_load_explicit(&h->worker_count, memory_order_acquire);
    for (unsigned i = 0; i < count; i++)
        sum += atomic_load_explicit(&worker_at(h, i)->wheel.count, memory_order_relaxed);
    return sum;
}

uint64_t host_slices(struct host *h, uint64_t buckets[SLICE_BUCKETS]) {
    uint64_t ns = 0;
    unsigned count = atomic_load_explicit(&h->worker_count, memory_order_acquire);
    for (unsigned i = 0; i < count; i++) {
        struct slices *s = &worker_at(h, i)->slices;
        for (unsigned k = 0; k < SLICE_BUCKETS; k++)
            buckets[k] += atomic_load_explicit(&s->buckets[k], memory_order_relaxed);
        ns += atomic_load_explicit(&s->ns, memory_order_relaxed);
    }
    return ns;
}

uint64_t host_stat(struct host *h, size_t offset) {
    uint64_t n = 0;
    unsigned count = atomic_load_explicit(&h->worker_count, memory_order_acquire);
    for (unsigned i = 0; i < count; i++)
        n += atomic_load_explicit((_Atomic uint64_t *)((char *)&worker_at(h, i)->stats + offset),
                                  memory_order_relaxed);
    return n;
}

uint64_t host_live(struct host *h) {
    /* Each process is counted up in one place and down in another: only the sum means something. Ends are read first, so
     * that it is never too small. */
    uint64_t gone = host_stat(h, offsetof(struct worker_stats, gone));
    return atomic_load_explicit(&h->live, memory_order_relaxed) +
           host_stat(h, offsetof(struct worker_stats, born)) - gone;
}
