/*
 * supervisor: the process that starts, watches, restarts and stops services. It has a host of its own, so that nothing
 * that user programs do holds it up; between events it costs nothing.
 *
 * What is to happen is decided by src/services.h, which it drives: starts processes, gets their ends as messages, and
 * the passing of time from one timer.
 *
 * All functions are called by the thread that owns the node. Orders are carried out by the process, later; changed()
 * tells when there is something new to see, and is called in its worker's thread.
 */
#ifndef SRC_SUPERVISOR_H
#define SRC_SUPERVISOR_H

#include "config/config.h"
#include "src/services.h"
#include "vm/vm.h"

struct supervisor;

struct supervisor_options {
    struct vm *vm;
    struct host *host;    /* where the supervisor itself runs */
    enum cfg_level level; /* of events that are no trouble: a service runs, ends, is stopped */
    void (*changed)(void *ud);
    void *ud;
};

/* A supervisor that knows the services of `c` and has started none. NULL: `err` says why. */
struct supervisor *supervisor_open(const struct supervisor_options *o, struct config *c, char *err,
                                   size_t cap);

/* Frees it; after node_destroy, which ended its process. NULL: nothing. */
void supervisor_close(struct supervisor *sup);

/* Starts what starts with the daemon. false: no memory. */
bool supervisor_boot(struct supervisor *sup);

/* Stops all services; those that still run after `timeout_ns` are terminated. false: no memory. */
bool supervisor_stop(struct supervisor *sup, int64_t timeout_ns);

/*
 * The services of `c`; `diff` leads there from those before. NULL: `err` says why not. To be given to supervisor_use or
 * supervisor_forget.
 */
struct order;
struct order *supervisor_plan(struct supervisor *sup, struct config *c, const struct cfg_diff *diff,
                              char *err, size_t cap);

/* From now on the services are those planned. */
void supervisor_use(struct order *plan);
void supervisor_forget(struct order *plan); /* NULL: nothing */

/* The number of the plan that was used last; they grow. 0: none was. */
uint64_t supervisor_last_plan(const struct supervisor *sup);

/* Whether the plan of that number is in force, and what it started, restarted or removed has come to run, or to rest. */
bool supervisor_settled(struct supervisor *sup, uint64_t plan);

enum supervisor_command { SUPERVISOR_START, SUPERVISOR_STOP, SUPERVISOR_RESTART };

/* One service. false: there is none of that id, or no memory. */
bool supervisor_command(struct supervisor *sup, enum supervisor_command what, const char *id);

struct supervisor_status {
    enum boot_state boot;
    bool stopped; /* after supervisor_stop: nothing runs any more */
    size_t states[SERVICE_STATE_COUNT];
    char reason[1024]; /* boot == BOOT_FAILED: which service, and why */
};

void supervisor_status(struct supervisor *sup, struct supervisor_status *st);

struct supervisor_service {
    const char *id;
    enum service_state state;
    bool final;
    struct pid pid;     /* none: no process */
    int64_t since, due; /* monotonic: of the state; next attempt or SERVICE_NEVER */
    int64_t attempts;
    uint64_t restarts;
    const char *reason; /* of the last failure; NULL */
    uint64_t plan;      /* the last one that started, restarted or removed it; 0: none */
    bool settled;       /* no order about it is still to be carried out, and it neither starts nor stops */
};

/* Calls fn for every service; it must not block, nor call back. */
void supervisor_each(struct supervisor *sup, void (*fn)(void *ud, const struct supervisor_service *s),
                     void *ud);

#endif
