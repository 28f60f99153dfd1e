/*
 * service_fsm: the life of one service, as one table state × event (config.md, section 3).
 *
 * Pure: the moment and the random numbers are given by the caller, and what has to be done comes back as a set of
 * actions. Whoever calls it makes sure that UP, DONE and DOWN are about the process that was started last. One thread
 * at a time.
 */
#ifndef SRC_SERVICE_FSM_H
#define SRC_SERVICE_FSM_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "sched/failure.h"

/* name, text, what it means */
#define SERVICE_STATES(X)                                                                                    \
    X(UNKNOWN, "unknown", "never started")                                                                   \
    X(STARTING, "starting", "its process was started, its main does not run yet")                            \
    X(RUNNING, "running", "its main runs")                                                                   \
    X(STOPPING, "stopping", "its process was asked to end")                                                  \
    X(STOPPED, "stopped", "ended because it was asked to")                                                   \
    X(FAILED, "failed", "ended by a failure; is started again later, unless `final`")                        \
    X(EXITED, "exited", "ended by itself for good")

enum service_state {
#define X(name, text, help) SERVICE_##name,
    SERVICE_STATES(X)
#undef X
        SERVICE_STATE_COUNT
};

#define SERVICE_EVENTS(X)                                                                                    \
    X(START, "is to run")                                                                                    \
    X(STOP, "is to end")                                                                                     \
    X(UP, "main has begun")                                                                                  \
    X(DONE, "the process ended, and such an end is no reason to start it again")                             \
    X(DOWN, "the process failed, or could not be started")                                                   \
    X(DUE, "the moment in `due` has come")

enum service_event {
#define X(name, help) SERVICE_EV_##name,
    SERVICE_EVENTS(X)
#undef X
        SERVICE_EVENT_COUNT
};

/* What the caller has to do, a bit each. */
enum service_action {
    SERVICE_DO_SPAWN = 1,   /* start its process: UP, DONE or DOWN follows */
    SERVICE_DO_CANCEL = 2,  /* ask it to end */
    SERVICE_DO_KILL = 4,    /* terminate it: it did not start, or end, in time */
    SERVICE_DID_GIVE_UP = 8 /* failed for good */
};

#define SERVICE_NEVER INT64_MAX

struct service_fsm {
    enum service_state state;
    bool final;       /* FAILED: attempts are used up */
    bool stable;      /* has once run for stable_threshold since it was last asked to start */
    int64_t attempts; /* restarts since it last ran that long */
    int64_t due;      /* when it wants DUE; SERVICE_NEVER */
    int64_t since;    /* when the state began */
};

/* Never started. */
void service_fsm_init(struct service_fsm *m);

/* One event at the moment `now` (monotonic). `rng` is the state of a random generator, not 0. Returns actions. */
unsigned service_fsm_step(struct service_fsm *m, enum service_event ev, const struct cfg_lifecycle *life,
                          int64_t now, uint64_t *rng);

/* The wait before restart number `attempt` (from 1): min(max_delay, initial_delay × factor^(attempt−1)) ± jitter. */
int64_t service_backoff(const struct cfg_lifecycle *life, int64_t attempt, uint64_t *rng);

/* How the end of its process counts: DONE or DOWN. NULL: it ended normally. */
enum service_event service_ended(const struct failure *f);

/* Whether it has, or may have, a process. */
static inline bool service_active(enum service_state s) {
    return s == SERVICE_STARTING || s == SERVICE_RUNNING || s == SERVICE_STOPPING;
}

const char *service_state_text(enum service_state s);

#endif
