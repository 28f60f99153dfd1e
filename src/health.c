#include "src/health.h"

#include "base/clock.h"
#include "base/dur.h"

static bool check_worker(struct node *n, struct worker *w, int64_t now, struct text *why) {
    int64_t held = worker_held_ns(w, now);
    if (held < HEALTH_STUCK_NS)
        return true;
    char pid[PID_TEXT_MAX], span[DUR_TEXT_MAX];
    node_pid_text(n, (struct pid){atomic_load_explicit(&w->run_pid, memory_order_relaxed)}, pid);
    dur_format(held / DUR_MS * DUR_MS, span, sizeof span);
    text_printf(why, "worker %u of host %s has been stuck in %s for %s", w->index, w->host->id, pid, span);
    return false;
}

bool health_check(struct node *n, struct text *why) {
    int64_t now = clock_mono_ns();
    unsigned hosts = atomic_load_explicit(&n->host_count, memory_order_acquire);
    for (unsigned i = 0; i < hosts; i++) {
        struct host *h = node_host_at(n, i);
        unsigned workers = atomic_load_explicit(&h->worker_count, memory_order_acquire);
        for (unsigned k = 0; k < workers; k++)
            if (!check_worker(n, atomic_load_explicit(&h->workers[k], memory_order_acquire), now, why))
                return false;
    }
    return true;
}
