/*
 * mainloop: the main thread's event loop: signals, wake-ups by other threads, and (through libev) whatever else waits.
 *
 * SIGINT and SIGTERM come as events once; the second of them, of either kind, ends the program at once with status 1,
 * also when the loop is not running (the same one within 20 ms counts as one). SIGHUP comes as an event each time. SIGPIPE is ignored.
 * One per program; main thread, except mainloop_wake.
 */
#ifndef SRC_MAINLOOP_H
#define SRC_MAINLOOP_H

#include <stdbool.h>
#include <stdint.h>

struct ev_loop;

struct mainloop_handlers {
    void (*wake)(void *ud);   /* after one or more mainloop_wake */
    void (*stop)(void *ud);   /* SIGINT, SIGTERM */
    void (*hangup)(void *ud); /* SIGHUP; NULL: as SIGTERM */
    void *ud;
};

/* false: the loop cannot be made (no file descriptors left). */
bool mainloop_open(const struct mainloop_handlers *h);

/* When no other thread wakes it any more. The signals stay as they are: a second one still ends the program. */
void mainloop_close(void);

/* Any thread; cheap, and calls that come together are one. The argument is for those who pass it as a callback. */
void mainloop_wake(void *unused);

/* Handles events until mainloop_end. */
void mainloop_run(void);
void mainloop_end(void);

/* For watchers of one's own. */
struct ev_loop *mainloop_ev(void);

/* Ends the program with `status` unless that happens by itself within `ns`: what follows may hang. */
void mainloop_exit_within(int64_t ns, int status);

#endif
