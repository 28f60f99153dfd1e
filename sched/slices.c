#include "sched/slices.h"

static void add(_Atomic uint64_t *counter, uint64_t n) {
    /* single writer, relaxed: a figure */
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

unsigned slices_bucket(int64_t ns) {
#define X(bound) bound,
    static const int64_t bounds[] = {SLICE_BOUNDS(X)};
#undef X
    unsigned i = 0;
    while (i < SLICE_BOUND_COUNT && ns > bounds[i])
        i++;
    return i;
}

void slices_look(struct slices *s, uint64_t seq, int64_t elapsed, int64_t period) {
    uint64_t ended = seq / 2 - s->seq / 2;
    if (ended && s->held) {
        /* It began up to a round before it was met first and ended at any moment since it was met last. */
        add(&s->buckets[slices_bucket(s->held + elapsed)], 1);
        ended--;
    }
    if (ended)
        add(&s->buckets[slices_bucket(2 * period)], ended);
    if (seq & 1) {
        add(&s->ns, (uint64_t)elapsed);
        s->held = seq == s->seq ? s->held + elapsed : 0;
    } else {
        s->held = 0;
    }
    s->seq = seq;
}
