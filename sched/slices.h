/*
 * slices: how long processes run at a time, as a histogram of one worker, at no cost for the worker.
 *
 * Only the ticker writes. From the number of runs that a worker has ended, which it counts anyway, and from whether a
 * run is still the same one at the next look, the ticker knows how long a run was to about one of its rounds; runs too short
 * to be met twice count as shorter than two rounds. So the figures are as fine as time slices are enforced.
 *
 *   slices_look   ticker, once a round
 *   the atomics   read by anybody, relaxed: figures
 */
#ifndef SCHED_SLICES_H
#define SCHED_SLICES_H

#include <stdatomic.h>
#include <stdint.h>

/* Upper bounds of the buckets, nanoseconds; one more takes the rest. */
#define SLICE_BOUNDS(X)                                                                                      \
    X(200000)                                                                                                \
    X(500000)                                                                                                \
    X(1000000)                                                                                               \
    X(2000000)                                                                                               \
    X(5000000) X(10000000) X(20000000) X(50000000) X(100000000) X(200000000) X(500000000) X(1000000000)

#define X(ns) +1
enum { SLICE_BOUND_COUNT = 0 SLICE_BOUNDS(X), SLICE_BUCKETS };
#undef X

struct slices {
    _Atomic uint64_t buckets[SLICE_BUCKETS]; /* runs that have ended */
    _Atomic uint64_t ns;                     /* spent in processes, sampled at each round */
    /* ticker only */
    uint64_t seq; /* the worker's run_seq at the last look */
    int64_t held; /* how long the run of that look has been met since it was met first */
};

/* The bucket of a run that took `ns`. */
unsigned slices_bucket(int64_t ns);

/* The worker's run_seq is `seq`; the last round was `elapsed` nanoseconds ago, and should have been `period`. */
void slices_look(struct slices *s, uint64_t seq, int64_t elapsed, int64_t period);

#endif
