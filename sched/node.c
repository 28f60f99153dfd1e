#include "sched/node.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/alloc.h"
#include "sched/os.h"

enum { TICKER_ASLEEP, TICKER_AWAKE };

#define PERIOD_MIN INT64_C(100000)
#define PERIOD_MAX INT64_C(5000000)

/* --- the ticker ------------------------------------------------------------------------------------------------- */

void node_busy(struct node *n) {
    /* relaxed first: awake is the usual case. A stale "awake" is repaired by the ticker, which looks at the workers once
     * more after it has announced its sleep (seq_cst pair with the exchange there). */
    if (atomic_load_explicit(&n->ticker_word, memory_order_seq_cst) == TICKER_AWAKE)
        return;
    det_point("node_busy");
    if (atomic_exchange_explicit(&n->ticker_word, TICKER_AWAKE, memory_order_seq_cst) == TICKER_ASLEEP) {
        int64_t now = os_now();
        atomic_store_explicit(&n->tick_ns, now, memory_order_relaxed);
        os_wake(&n->ticker_word);
    }
}

static bool tick_all(struct node *n) {
    int64_t now = os_now();
    bool busy = false;
    unsigned count = atomic_load_explicit(&n->host_count, memory_order_acquire);
    for (unsigned i = 0; i < count; i++)
        busy |= host_tick(node_host_at(n, i), now);
    atomic_store_explicit(&n->tick_ns, now, memory_order_relaxed);
    /* single writer */
    atomic_store_explicit(&n->tick, atomic_load_explicit(&n->tick, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    return busy;
}

static bool any_busy(struct node *n) {
    unsigned count = atomic_load_explicit(&n->host_count, memory_order_acquire);
    for (unsigned i = 0; i < count; i++) {
        struct host *h = node_host_at(n, i);
        uint64_t idle = atomic_load_explicit(&h->idle, memory_order_seq_cst);
        unsigned workers = atomic_load_explicit(&h->worker_count, memory_order_acquire);
        for (unsigned k = 0; k < workers; k++) {
            struct worker *w = atomic_load_explicit(&h->workers[k], memory_order_acquire);
            if (atomic_load_explicit(&w->running_thread, memory_order_relaxed) && !(idle >> k & 1))
                return true;
        }
    }
    return false;
}

static void *ticker_main(void *arg) {
    struct node *n = arg;
    prctl(PR_SET_NAME, "ticker", 0, 0, 0);
    prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0);
    unsigned quiet = 0;
    while (!atomic_load_explicit(&n->stop, memory_order_acquire)) {
        os_sleep(atomic_load_explicit(&n->tick_period_ns, memory_order_relaxed));
        quiet = tick_all(n) ? 0 : quiet + 1;
        if (quiet < 2)
            continue;
        atomic_store_explicit(&n->ticker_word, TICKER_ASLEEP, memory_order_seq_cst);
        det_point("ticker: announced");
        while (!any_busy(n) && atomic_load_explicit(&n->ticker_word, memory_order_seq_cst) == TICKER_ASLEEP &&
               !atomic_load_explicit(&n->stop, memory_order_acquire))
            os_wait(&n->ticker_word, TICKER_ASLEEP, OS_NEVER);
        atomic_store_explicit(&n->ticker_word, TICKER_AWAKE, memory_order_seq_cst);
        quiet = 0;
    }
    return NULL;
}

void node_set_period(struct node *n) {
    int64_t slice = 2 * PERIOD_MAX;
    unsigned count = atomic_load_explicit(&n->host_count, memory_order_relaxed);
    for (unsigned i = 0; i < count; i++) {
        int64_t s = host_limit(node_host_at(n, i), time_slice_ns);
        slice = s < slice ? s : slice;
    }
    int64_t period = slice / 2 < PERIOD_MIN ? PERIOD_MIN : slice / 2;
    atomic_store_explicit(&n->tick_period_ns, period, memory_order_relaxed);
}

/* In the thread that the ticker named. */
static void on_preempt_signal(int sig) {
    struct sched_thread *t = sched_self;
    struct worker *w = t ? t->worker : NULL;
    if (!w)
        return;
    int saved = errno;
    void *running = atomic_load_explicit(&w->running, memory_order_relaxed);
    if (running && t->node->hooks.preempt)
        t->node->hooks.preempt(running);
    worker_on_signal(w);
    errno = saved;
}

/* --- life --------------------------------------------------------------------------------------------------------- */

struct sched_thread *node_attach(struct node *n) {
    struct sched_thread *t = mem_calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->node = n;
    epoch_join(&n->epoch, &t->reader, t);
    sched_self = t;
    return t;
}

void node_detach(struct sched_thread *t) {
    epoch_part(&t->reader);
    proc_drop_cells(t);
    pidtab_flush(&t->node->pids, &t->pids);
    mem_free(t);
    sched_self = NULL;
}

struct node *node_create(const struct node_hooks *hooks) {
    struct node *n = mem_calloc(1, sizeof *n);
    if (!n)
        return NULL;
    n->hooks = *hooks;
    n->preempt_signal = SIGURG; /* ignored by default and used by nobody without out-of-band sockets */
    struct sched_thread *t = NULL;
    epoch_init(&n->epoch);
    pidtab_init(&n->pids);
    if (!names_init(&n->names) || !(t = node_attach(n)))
        goto fail;
    atomic_init(&n->tick_ns, os_now());
    atomic_init(&n->ticker_word, TICKER_AWAKE);
    node_set_period(n);
    struct sigaction sa = {.sa_handler = on_preempt_signal, .sa_flags = SA_RESTART};
    sigemptyset(&sa.sa_mask);
    sigaction(n->preempt_signal, &sa, NULL);
    if (os_thread_start(&n->ticker, ticker_main, n))
        return n;
    node_detach(t);
fail:
    names_destroy(&n->names);
    pidtab_destroy(&n->pids);
    epoch_destroy(&n->epoch);
    mem_free(n);
    return NULL;
}

void node_destroy(struct node *n) {
    unsigned count = atomic_load_explicit(&n->host_count, memory_order_relaxed);
    for (unsigned i = 0; i < count; i++)
        host_stop(node_host_at(n, i)); /* with the ticker: it interrupts what does not give way */
    atomic_store_explicit(&n->stop, true, memory_order_release);
    atomic_store_explicit(&n->ticker_word, TICKER_AWAKE, memory_order_seq_cst);
    os_wake(&n->ticker_word);
    os_thread_join(n->ticker);
    uint32_t high = pidtab_high(&n->pids);
    for (uint32_t slot = 1; slot <= high; slot++) {
        struct proc *p = pidtab_get(&n->pids, (struct pid){slot});
        if (p)
            proc_discard(sched_self, p);
    }
    node_detach(sched_self);
    for (unsigned i = 0; i < count; i++)
        host_destroy(node_host_at(n, i));
    trace_close(n);
    names_destroy(&n->names);
    pidtab_destroy(&n->pids);
    epoch_destroy(&n->epoch);
    mem_free(n);
}

struct host *node_host(struct node *n, const char *id, size_t len) {
    unsigned count = atomic_load_explicit(&n->host_count, memory_order_acquire);
    for (unsigned i = 0; i < count; i++) {
        struct host *h = node_host_at(n, i);
        if (h->id_len == len && memcmp(h->id, id, len) == 0)
            return h;
    }
    return NULL;
}

size_t node_pid_text(struct node *n, struct pid pid, char *buf) {
    struct host *h = node_host_at(n, pid_host(pid));
    return h ? pid_format(pid, h->id, h->id_len, buf) : pid_format(pid, "?", 1, buf);
}
