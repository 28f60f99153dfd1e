#include "src/mainloop.h"

#include <errno.h>
#include <ev.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/dur.h"
#include "src/exitcode.h"

static struct {
    struct mainloop_handlers h;
    struct ev_loop *loop;
    ev_async async;
    atomic_bool wake, stop, hangup; /* relaxed: ev_async_send orders them */
    atomic_int first_stop;          /* relaxed: SIGINT or SIGTERM, the first that came; 0 */
    _Atomic int64_t first_ns;       /* relaxed: when */
    volatile sig_atomic_t late_status;
} the;

/* Who signals a process and then its group, as timeout(1) does, means it once. */
#define SAME_NS (20 * DUR_MS)

static void count_stop(int sig) {
    int64_t now = clock_mono_ns(), first = 0;
    if (atomic_compare_exchange_strong_explicit(&the.first_ns, &first, now, memory_order_relaxed,
                                                memory_order_relaxed)) {
        atomic_store_explicit(&the.first_stop, sig, memory_order_relaxed);
        return;
    }
    int first_sig =
        atomic_load_explicit(&the.first_stop, memory_order_relaxed); /* 0: noted at this very moment */
    if (now - first > SAME_NS || (first_sig && first_sig != sig))
        _exit(EXIT_CODE_FAILED);
}

/* Any thread. ev_async_send may be called in signal handlers. */
static void on_signal(int sig) {
    int saved = errno;
    if (sig != SIGHUP)
        count_stop(sig);
    atomic_store_explicit(sig == SIGHUP ? &the.hangup : &the.stop, true, memory_order_relaxed);
    if (the.loop) /* NULL: the program ends already */
        ev_async_send(the.loop, &the.async);
    errno = saved;
}

static void on_late(int sig) {
    _exit(the.late_status);
}

/* libev cannot go on; it would abort. */
static void on_trouble(const char *what) {
    fprintf(stderr, "event loop: %s: %s\n", what, strerror(errno));
    _exit(EXIT_CODE_INTERNAL);
}

static bool take(atomic_bool *flag) {
    return atomic_exchange_explicit(flag, false, memory_order_relaxed);
}

static void on_async(struct ev_loop *loop, ev_async *w, int events) {
    bool stop = take(&the.stop), hangup = take(&the.hangup);
    if (take(&the.wake))
        the.h.wake(the.h.ud);
    if (hangup && the.h.hangup)
        the.h.hangup(the.h.ud);
    if (stop || (hangup && !the.h.hangup))
        the.h.stop(the.h.ud);
}

static void handle(int sig, void (*fn)(int sig)) {
    struct sigaction sa = {.sa_handler = fn, .sa_flags = SA_RESTART};
    sigemptyset(&sa.sa_mask);
    sigaction(sig, &sa, NULL);
}

bool mainloop_open(const struct mainloop_handlers *h) {
    the.h = *h;
    atomic_store_explicit(&the.first_stop, 0, memory_order_relaxed);
    atomic_store_explicit(&the.first_ns, 0, memory_order_relaxed);
    ev_set_syserr_cb(on_trouble);
    /* Not epoll: when the kernel has no room for another watch there, libev drops the descriptor in silence, and it may be the one
     * that wakes this loop. With the few descriptors here poll costs nothing. */
    the.loop = ev_loop_new(EVBACKEND_POLL);
    if (!the.loop)
        return false;
    ev_async_init(&the.async, on_async);
    ev_async_start(the.loop, &the.async);
    handle(SIGPIPE, SIG_IGN);
    handle(SIGINT, on_signal);
    handle(SIGTERM, on_signal);
    handle(SIGHUP, on_signal);
    return true;
}

void mainloop_close(void) {
    struct ev_loop *loop = the.loop;
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    the.loop = NULL;
    ev_loop_destroy(loop);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void mainloop_wake(void *unused) {
    if (!atomic_exchange_explicit(&the.wake, true, memory_order_relaxed))
        ev_async_send(the.loop, &the.async);
}

void mainloop_run(void) {
    ev_run(the.loop, 0);
}

void mainloop_end(void) {
    ev_break(the.loop, EVBREAK_ALL);
}

struct ev_loop *mainloop_ev(void) {
    return the.loop;
}

void mainloop_exit_within(int64_t ns, int status) {
    the.late_status = status;
    handle(SIGALRM, on_late);
    struct itimerval t = {.it_value = {ns / CLOCK_NS_PER_SEC, ns % CLOCK_NS_PER_SEC / 1000}};
    setitimer(ITIMER_REAL, &t, NULL);
}
