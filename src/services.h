/*
 * services: all services together: who needs whom, what is to be started or stopped, whether the boot succeeded.
 *
 * Pure like the state machine of one (src/service_fsm.h): the moment is given by the caller, what has to be done in the
 * world goes through a table of functions. So a week of a thousand services passes in a test within a second.
 *
 *  - A service is started when all that it needs is up (runs, or has ended by itself for good); it is stopped when none of
 *    those that need it is active any more.
 *  - The boot is over when every required service has run once; one that is stopped on purpose or removed is not waited for,
 *    one that is restarted is. It fails when one of them cannot be started, or, later, when one fails for good before it
 *    was stable.
 *
 * Events and commands only make notes; services_work does one thing at a time, so that thousands do not hold up the
 * thread. One thread at a time.
 */
#ifndef SRC_SERVICES_H
#define SRC_SERVICES_H

#include <uthash.h>

#include "src/service_fsm.h"

/* What a service is made of. `data` is the driver's. */
struct service_def {
    const struct cfg_service *cfg;
    bool changed; /* not what the service of that id was loaded with */
    void *data;
};

enum service_pending { SERVICE_PENDING_NONE, SERVICE_PENDING_START, SERVICE_PENDING_STOP };

struct service {
    struct service_def def;
    struct service_def next; /* takes the place of `def` once the service is at rest; cfg NULL: none */
    struct service_fsm fsm;
    uint64_t restarts; /* starts after a failure, ever */
    void *run;         /* the driver's, about the process */

    /* the rest is for services.c */
    UT_hash_handle hh;
    enum service_pending pending;
    bool booting; /* started by the boot and not stable yet */
    bool awaited; /* the boot is not over before it has run */
    bool has_run;
    bool removed;  /* to be forgotten once it is at rest */
    size_t mark;   /* of a walk, or a load */
    uint64_t load; /* the last one that started, restarted or removed it */
    bool counted_up, counted_active;
    size_t missing;      /* of `needs`, how many are not up */
    size_t active_users; /* of `users` */
    struct service **needs, **users;
    size_t needs_n, users_n;
    struct service *queue_next;
    bool queued;
    size_t heap_at;
    char id[];
};

struct services_ops {
    /* Starts its process. SERVICE_EV_START: that is under way; else the event that is to follow at once. */
    enum service_event (*spawn)(void *ud, struct service *s);
    void (*cancel)(void *ud, struct service *s);
    void (*kill)(void *ud, struct service *s);
    /* It has another state, or gave up (`did`: enum service_action). */
    void (*changed)(void *ud, struct service *s, enum service_state before, unsigned did);
    /* A definition is not used any more; and a whole service. */
    void (*drop)(void *ud, struct service_def *def);
    void (*forget)(void *ud, struct service *s);
};

enum boot_state { BOOT_NOT_BEGUN, BOOT_PENDING, BOOT_DONE, BOOT_FAILED };

struct services {
    const struct services_ops *ops;
    void *ud;
    struct service *all; /* by id; uthash keeps the order of loading */
    size_t active;       /* how many have a process */
    enum boot_state boot;
    size_t boot_left;
    const struct service *culprit; /* BOOT_FAILED: who failed */
    const struct service *victim;  /* and which required service needs it; may be the same */
    bool stopping;                 /* services_stop_all */
    int64_t kill_at;
    uint64_t rng;
    struct service *queue, **queue_end;
    struct service **heap;
    size_t heap_n, heap_cap;
};

void services_open(struct services *set, const struct services_ops *ops, void *ud, uint64_t seed);
void services_close(struct services *set); /* drops all definitions */

/*
 * The services are to be those `n` from now on. New ones wait to be started (services_boot, or at once after the boot);
 * changed ones are restarted if they were not stopped on purpose; those that are not among them are stopped and
 * forgotten. `load` is a number for services_settled. false: no memory, and nothing has changed; the definitions then still
 * are the caller's.
 */
bool services_load(struct services *set, const struct service_def *defs, size_t n, uint64_t load,
                   int64_t now);

/* Whether everything that this load, and none after it, started, restarted or removed has come to run, or to rest. */
bool services_settled(const struct services *set, uint64_t load);

/* Nothing that was ordered is still to be done with it, and it neither starts nor stops. */
bool service_settled(const struct service *s);

struct service *services_find(const struct services *set, const char *id);

/* Starts all that start with the daemon. */
void services_boot(struct services *set);

/* Starts it and what it needs; stops it and what needs it; stops and starts it alone. */
void services_start(struct services *set, struct service *s);
void services_stop(struct services *set, struct service *s);
void services_restart(struct services *set, struct service *s, int64_t now);

/* Stops everything; at `deadline` whatever is left is terminated. */
void services_stop_all(struct services *set, int64_t deadline);

/* UP, DONE or DOWN of its process. */
void services_event(struct services *set, struct service *s, enum service_event ev, int64_t now);

/* Does what is due; then one thing that was noted. false: nothing is left to do before services_next. */
bool services_work(struct services *set, int64_t now);

/* The next moment at which something is due; SERVICE_NEVER. */
int64_t services_next(const struct services *set);

/* After services_stop_all: nothing runs any more. */
bool services_stopped(const struct services *set);

#define services_each(set, s) for (struct service *s = (set)->all; s; s = s->hh.next)

#endif
