/*
 * The two clocks. Monotonic time orders and measures (timers, slices, back-off); wall time is only shown.
 * Both are nanoseconds; both may be called from any thread and from signal handlers. Each costs a few dozen
 * nanoseconds (vDSO, no system call): not for every dispatched message.
 */
#ifndef TROUPE_BASE_CLOCK_H
#define TROUPE_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define CLOCK_NS_PER_SEC INT64_C(1000000000)

static inline int64_t clock_read_ns(clockid_t id) {
    struct timespec ts;
    clock_gettime(id, &ts); /* cannot fail: both ids below exist on every Linux */
    return (int64_t)ts.tv_sec * CLOCK_NS_PER_SEC + ts.tv_nsec;
}

/* Nanoseconds since an arbitrary start; never goes back, unaffected by changes of the wall clock. */
static inline int64_t clock_mono_ns(void) {
    return clock_read_ns(CLOCK_MONOTONIC);
}

/* Nanoseconds since 1970-01-01 00:00 UTC; may jump in either direction. */
static inline int64_t clock_wall_ns(void) {
    return clock_read_ns(CLOCK_REALTIME);
}

#endif
