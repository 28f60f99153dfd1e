/*
 * os: all that sched asks of threads, clocks and futexes, in one place, so that a build with -DTROUPE_DET can run it in a
 * simulation: one thread, coroutines for workers, virtual time, and a seeded choice of who goes on at every det_point
 * (tests/det/README.md). In other builds everything here is the plain call, and a det_point is nothing; with
 * -DTROUPE_TINY it gives the processor away now and then.
 *
 * A det_point stands where another thread's step in between would matter: beside the atomics of sched.
 * Any thread.
 */
#ifndef SCHED_OS_H
#define SCHED_OS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

#define OS_NEVER INT64_MAX

#ifdef TROUPE_DET

struct os_sim {
    void (*point)(const char *where);
    int64_t (*now)(void);
    void (*lock)(pthread_mutex_t *m);
    void (*wait)(_Atomic uint32_t *word, uint32_t value, int64_t until_ns);
    void (*wake)(_Atomic uint32_t *word);
    bool (*start)(pthread_t *id, void *(*fn)(void *arg), void *arg);
    void (*join)(pthread_t id);
    void (*signal)(pthread_t id);
    void (*sleep)(int64_t ns);
};

/* NULL: threads as usual. Set and cleared by a simulation around its run. */
extern const struct os_sim *os_sim;

static inline void det_point(const char *where) {
    if (os_sim)
        os_sim->point(where);
}

static inline int64_t os_now(void) {
    return os_sim ? os_sim->now() : clock_mono_ns();
}

static inline void os_lock(pthread_mutex_t *m) {
    if (os_sim)
        os_sim->lock(m);
    else
        pthread_mutex_lock(m);
}

#else

#ifdef TROUPE_TINY
void os_shake(void);
#define det_point(where) os_shake()
#else
#define det_point(where) ((void)0)
#endif

/* Monotonic nanoseconds. */
static inline int64_t os_now(void) {
    return clock_mono_ns();
}

static inline void os_lock(pthread_mutex_t *m) {
    pthread_mutex_lock(m);
}

#endif

/* Does not wait; false: somebody else has it. */
static inline bool os_trylock(pthread_mutex_t *m) {
    det_point("try to lock");
    return pthread_mutex_trylock(m) == 0;
}

static inline void os_unlock(pthread_mutex_t *m) {
    pthread_mutex_unlock(m);
    det_point("unlocked");
}

/* Sleeps until os_wake, or until_ns (OS_NEVER: without end), but not when *word is another than `value`; may wake early. */
void os_wait(_Atomic uint32_t *word, uint32_t value, int64_t until_ns);

/* Wakes the one that waits there. Also in signal handlers. */
void os_wake(_Atomic uint32_t *word);

/* A joinable thread; false without one. */
bool os_thread_start(pthread_t *id, void *(*fn)(void *arg), void *arg);
void os_thread_join(pthread_t id);
void os_thread_signal(pthread_t id, int sig);

/* Gives the processor away: for loops that wait for another thread's next few instructions. */
void os_yield(void);
void os_sleep(int64_t ns);

#endif
