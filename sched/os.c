#include "sched/os.h"

#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STACK_BYTES (512 * 1024)

#ifdef TROUPE_DET
const struct os_sim *os_sim;
#define SIMULATED(call)                                                                                      \
    if (os_sim)                                                                                              \
    return os_sim->call
#else
#define SIMULATED(call)
#endif

#ifdef TROUPE_TINY
void os_shake(void) {
    static _Thread_local uint32_t n = 1;
    n = n * 1664525u + 1013904223u; /* a linear congruential generator (Numerical Recipes) */
    if (n >> 27 == 0)
        sched_yield();
}
#endif

void os_wait(_Atomic uint32_t *word, uint32_t value, int64_t until_ns) {
    SIMULATED(wait(word, value, until_ns));
    struct timespec ts = {.tv_sec = until_ns / CLOCK_NS_PER_SEC, .tv_nsec = until_ns % CLOCK_NS_PER_SEC};
    syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, value, until_ns == OS_NEVER ? NULL : &ts, NULL,
            FUTEX_BITSET_MATCH_ANY);
}

void os_wake(_Atomic uint32_t *word) {
    SIMULATED(wake(word));
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

bool os_thread_start(pthread_t *id, void *(*fn)(void *arg), void *arg) {
    SIMULATED(start(id, fn, arg));
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    bool ok = pthread_create(id, &attr, fn, arg) == 0;
    pthread_attr_destroy(&attr);
    return ok;
}

void os_thread_join(pthread_t id) {
    SIMULATED(join(id));
    pthread_join(id, NULL);
}

void os_thread_signal(pthread_t id, int sig) {
    SIMULATED(signal(id));
    pthread_kill(id, sig);
}

void os_yield(void) {
    SIMULATED(point("yield"));
    sched_yield();
}

void os_sleep(int64_t ns) {
    SIMULATED(sleep(ns));
    struct timespec ts = {.tv_sec = ns / CLOCK_NS_PER_SEC, .tv_nsec = ns % CLOCK_NS_PER_SEC};
    nanosleep(&ts, NULL);
}
