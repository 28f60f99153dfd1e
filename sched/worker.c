#include "sched/worker.h"

#include <string.h>
#include <sys/prctl.h>

#include "base/alloc.h"
#include "sched/node.h"
#include "sched/os.h"
#include "sched/probe.h"
#include "sched/tune.h"

/* --- sleeping ------------------------------------------------------------------------------------------------- */

void worker_unpark(struct worker *w) {
    /* seq_cst: partner is park, which clears it before a seq_cst fence and then looks for the reason of this call */
    atomic_store_explicit(&w->token, 1, memory_order_seq_cst);
    os_wake(&w->token);
}

static struct worker *peer(struct host *h, unsigned i) {
    return atomic_load_explicit(&h->workers[i], memory_order_acquire);
}

static unsigned peers(struct host *h) {
    return atomic_load_explicit(&h->worker_count, memory_order_acquire);
}

/* Whether there is anything to do for this worker; its own last-in slot is empty. */
static bool work_visible(struct worker *w) {
    struct host *h = w->host;
    if (atomic_load_explicit(&h->injected, memory_order_seq_cst) ||
        atomic_load_explicit(&h->overflow[LINE_GOING].n, memory_order_seq_cst) ||
        atomic_load_explicit(&h->overflow[LINE_NEW].n, memory_order_seq_cst) ||
        atomic_load_explicit(&h->stop, memory_order_seq_cst) ||
        atomic_load_explicit(&w->draining, memory_order_relaxed))
        return true;
    unsigned n = peers(h);
    for (unsigned i = 0; i < n; i++)
        if (runq_len(&peer(h, i)->runq))
            return true;
    return false;
}

/* Its own timers, and those of workers that have ended: nobody else looks after these. */
static int64_t next_timer(struct worker *w) {
    int64_t next = WHEEL_NEVER;
    unsigned n = peers(w->host);
    for (unsigned i = 0; i < n; i++) {
        struct worker *v = peer(w->host, i);
        if (v == w || !atomic_load_explicit(&v->running_thread, memory_order_relaxed)) {
            int64_t at = wheel_next(&v->wheel);
            next = at < next ? at : next;
        }
    }
    return next;
}

/* relaxed: a figure, one writer */
static void falls_asleep(struct worker *w, int64_t now) {
    atomic_store_explicit(&w->busy, atomic_load_explicit(&w->busy, memory_order_relaxed) + now,
                          memory_order_relaxed);
}

static void is_awake(struct worker *w, int64_t now) {
    falls_asleep(w, -now);
}

/* It has had nothing to do for a while. */
static void is_idle(struct worker *w, int64_t now) {
    const struct node_hooks *hooks = &w->host->node->hooks;
    epoch_collect(&w->thread.reader);
    int64_t again = hooks->worker_idle ? hooks->worker_idle(w) : OS_NEVER;
    w->idle_due = again == OS_NEVER ? OS_NEVER : now + again;
}

/* Sleeps until `due`, or until somebody has work; is_idle in between. */
static int64_t sleep_until(struct worker *w, int64_t now, int64_t due) {
    uint64_t dispatches = atomic_load_explicit(&w->stats.dispatches, memory_order_relaxed);
    if (w->idle_seen != dispatches) {
        w->idle_seen = dispatches;
        if (w->idle_due == OS_NEVER)
            w->idle_due = now + w->host->node->hooks.idle_ns;
    }
    /* acquire: partner is worker_unpark */
    while (!atomic_load_explicit(&w->token, memory_order_acquire) && now < due) {
        os_wait(&w->token, 0, due < w->idle_due ? due : w->idle_due);
        now = os_now();
        if (now >= w->idle_due && !atomic_load_explicit(&w->token, memory_order_relaxed))
            is_idle(w, now);
    }
    return now;
}

static void park(struct worker *w) {
    struct host *h = w->host;
    uint64_t bit = UINT64_C(1) << w->index;
    atomic_store_explicit(&w->token, 0, memory_order_relaxed);
    det_point("park: token cleared");
    /* seq_cst: partner is host_notify */
    atomic_fetch_or_explicit(&h->idle, bit, memory_order_seq_cst);
    atomic_thread_fence(memory_order_seq_cst);
    det_point("park: announced");
    int64_t due =
        next_timer(w); /* with the bit set: a worker that ends now leaves its timers to us and notifies */
    det_point("park: timers seen");
    if (!work_visible(w)) {
        det_point("park: no work");
        int64_t now = os_now();
        falls_asleep(w, now);
        stat_add(w->stats.parks, 1);
        PROBE1(park, w->index);
        is_awake(w, sleep_until(w, now, due));
    }
    atomic_fetch_and_explicit(&h->idle, ~bit, memory_order_seq_cst);
    node_busy(h->node);
}

/* --- finding work ----------------------------------------------------------------------------------------------- */

static void fire_timers(struct worker *w) {
    int64_t now = os_now();
    unsigned n = peers(w->host);
    for (unsigned i = 0; i < n; i++) {
        struct worker *v = peer(w->host, i);
        if (wheel_next(&v->wheel) > now)
            continue;
        size_t fired = wheel_fire(&v->wheel, &w->thread, now);
        stat_add(w->stats.timers, fired);
    }
}

static bool take_injected(struct worker *w) {
    struct proc *p = host_take_injected(w->host);
    bool any = p != NULL, more = p && p->run_next;
    while (p) {
        struct proc *next = p->run_next;
        worker_enqueue(w, p);
        p = next;
    }
    if (more)
        host_notify(w->host);
    return any;
}

void worker_catch_up(struct worker *w) {
    fire_timers(w);
    take_injected(w);
}

static void look_at_common(struct worker *w, int64_t tick) {
    if (tick != w->seen_tick) {
        w->seen_tick = tick;
        fire_timers(w);
    }
    take_injected(w);
    host_take_overflow(w);
}

static struct proc *take_woken(struct worker *w) {
    w->in_slot = 1;
    atomic_signal_fence(memory_order_seq_cst);
    struct proc *p = w->woken;
    det_point("take_woken");
    w->woken = NULL;
    atomic_signal_fence(memory_order_seq_cst);
    w->in_slot = 0;
    return p;
}

static uint32_t next_random(struct worker *w) {
    w->rng ^= w->rng << 13; /* xorshift32: G. Marsaglia, "Xorshift RNGs", 2003 */
    w->rng ^= w->rng >> 17;
    w->rng ^= w->rng << 5;
    return w->rng;
}

static struct proc *steal(struct worker *w) {
    unsigned n = peers(w->host), start = next_random(w) % n;
    for (unsigned i = 0; i < n; i++) {
        struct worker *v = peer(w->host, (start + i) % n);
        struct proc *p = v == w ? NULL : runq_steal(&v->runq, &w->runq);
        if (p) {
            stat_add(w->stats.steals, 1);
            PROBE2(steal, w->index, 1 + runq_len(&w->runq));
            return p;
        }
    }
    return NULL;
}

static inline void pause_cpu(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

/* Its own queue is empty. Looks as often as it was worth lately: half as often after each time that found nothing. */
static struct proc *look_around(struct worker *w) {
    struct proc *p = NULL;
    unsigned spin = 0;
    for (; spin < w->spins && !p; spin++) {
        fire_timers(w);
        take_injected(w);
        host_take_overflow(w);
        p = runq_take(&w->runq);
        if (!p)
            p = steal(w);
        for (int i = 0; !p && i < 16; i++)
            pause_cpu();
    }
    if (!p)
        w->spins = w->spins / 2 > SPINS_LEAST ? w->spins / 2 : SPINS_LEAST;
    else if (spin > 1)
        w->spins = SPINS_MOST;
    if (p && runq_len(&w->runq))
        host_notify(w->host); /* there is more than one can do: the next worker, who then does the same */
    return p;
}

static struct proc *next_proc(struct worker *w, unsigned *count) {
    int64_t tick = atomic_load_explicit(&w->host->node->tick, memory_order_relaxed);
    if (tick != w->seen_tick || ++*count % COMMON_EVERY == 0)
        look_at_common(w, tick);
    if (w->woken) {
        struct proc *p = take_woken(w);
        /* The chain of processes that wake each other shares one slice: two rounds of the ticker. */
        if (tick - w->chain_tick < 2)
            return p;
        if (p)
            worker_enqueue(w, p);
    }
    w->chain_tick = tick;
    return runq_take(&w->runq);
}

/* --- the thread ------------------------------------------------------------------------------------------------- */

/* What it still has goes to the others. */
static void hand_over(struct worker *w) {
    struct proc *p = take_woken(w);
    struct sched_thread outsider = {.node = w->host->node};
    worker_flush(w);
    while (p || (p = runq_take(&w->runq))) {
        host_wake(&outsider, p, false);
        p = NULL;
    }
}

static void name_thread(struct worker *w) {
    char name[16];
    size_t n = w->host->id_len < 9 ? w->host->id_len : 9;
    memcpy(name, w->host->id + w->host->id_len - n, n);
    name[n] = '/';
    unsigned i = w->index;
    name[n + 1] = (char)('0' + i / 10);
    name[n + 2] = (char)('0' + i % 10);
    name[n + 3] = '\0';
    prctl(PR_SET_NAME, name, 0, 0, 0);
}

static void *worker_main(void *arg) {
    struct worker *w = arg;
    struct host *h = w->host;
    struct sched_thread *t = &w->thread;
    unsigned count = 0;
    is_awake(w, os_now());
    sched_self = t;
    name_thread(w);
    epoch_join(&h->node->epoch, &t->reader, t);
    if (h->node->hooks.worker_started)
        h->node->hooks.worker_started(w);
    atomic_store_explicit(&w->begun, 1, memory_order_release); /* partner: worker_await */
    os_wake(&w->begun);
    node_busy(h->node);
    while (!atomic_load_explicit(&h->stop, memory_order_relaxed) &&
           !atomic_load_explicit(&w->draining, memory_order_relaxed)) {
        struct proc *p = next_proc(w, &count);
        if (!p && !(p = look_around(w))) {
            park(w);
            continue;
        }
        if (atomic_load_explicit(&w->yield, memory_order_relaxed))
            atomic_store_explicit(&w->yield, false, memory_order_relaxed);
        uint64_t seq = atomic_load_explicit(&w->run_seq, memory_order_relaxed);
        atomic_store_explicit(&w->run_pid, p->pid.n, memory_order_relaxed);
        atomic_store_explicit(&w->run_seq, seq + 1, memory_order_relaxed);
        stat_add(w->stats.dispatches, 1);
        det_point("run");
        proc_run(t, p);
        atomic_store_explicit(&w->run_seq, seq + 2, memory_order_relaxed);
    }
    det_point("worker ends");
    hand_over(w);
    atomic_fetch_add_explicit(&h->memory,
                              atomic_exchange_explicit(&w->memory_change, 0, memory_order_relaxed),
                              memory_order_relaxed); /* a figure */
    falls_asleep(w, os_now());
    if (h->node->hooks.worker_ended)
        h->node->hooks.worker_ended(w);
    epoch_part(&t->reader);
    proc_drop_cells(t);
    pidtab_flush(&h->node->pids, &t->pids);
    sched_self = NULL;
    os_lock(&w->id_lock);
    /* release: partner is add_worker */
    atomic_store_explicit(&w->running_thread, false, memory_order_release);
    os_unlock(&w->id_lock);
    det_point("worker ended");
    /* Its timers, and a notification that it may have got in these last moments, are now somebody else's business. */
    host_notify(h);
    return NULL;
}

void worker_signal(struct worker *w, int sig) {
    os_lock(&w->id_lock);
    if (atomic_load_explicit(&w->running_thread, memory_order_relaxed))
        os_thread_signal(w->id, sig);
    os_unlock(&w->id_lock);
}

bool worker_ask(struct worker *w) {
    if (!worker_published(w))
        return false;
    atomic_store_explicit(&w->asked, true, memory_order_relaxed);
    worker_signal(w, w->host->node->preempt_signal);
    return true;
}

struct pid worker_pid(struct worker *w) {
    return (struct pid){atomic_load_explicit(&w->run_pid, memory_order_relaxed)};
}

struct worker *worker_new(struct host *h, unsigned index) {
    struct worker *w = mem_alloc_aligned(_Alignof(struct worker), sizeof *w);
    if (!w)
        return NULL;
    memset(w, 0, sizeof *w);
    w->host = h;
    w->index = index;
    w->rng = 2654435761u * (index + 1) | 1;
    w->thread.node = h->node;
    w->thread.worker = w;
    w->idle_due = OS_NEVER;
    w->spins = SPINS_MOST;
    pthread_mutex_init(&w->id_lock, NULL);
    wheel_init(&w->wheel, os_now());
    return w;
}

void worker_free(struct worker *w) {
    wheel_destroy(&w->wheel);
    pthread_mutex_destroy(&w->id_lock);
    mem_free(w);
}

bool worker_launch(struct worker *w) {
    worker_join(w);
    atomic_store_explicit(&w->draining, false, memory_order_relaxed);
    os_lock(&w->id_lock);
    /* Before the thread exists, which ends by clearing it; under the lock, since `id` belongs to it. */
    atomic_store_explicit(&w->running_thread, true, memory_order_relaxed);
    atomic_store_explicit(&w->begun, 0, memory_order_relaxed);
    w->joinable = os_thread_start(&w->id, worker_main, w);
    if (!w->joinable)
        atomic_store_explicit(&w->running_thread, false, memory_order_relaxed);
    os_unlock(&w->id_lock);
    return w->joinable;
}

void worker_await(struct worker *w) {
    while (atomic_load_explicit(&w->running_thread, memory_order_relaxed) &&
           !atomic_load_explicit(&w->begun, memory_order_acquire))
        os_wait(&w->begun, 0, OS_NEVER);
}

void worker_join(struct worker *w) {
    if (w->joinable)
        os_thread_join(w->id);
    w->joinable = false;
}
