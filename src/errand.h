/*
 * errand: a process of the daemon itself that does one thing among user processes and ends: start one and see that it runs,
 * or what it returns; or send a message and see what comes back.
 *
 * Started by the owner of the node; done() is called once, in a worker's thread.
 */
#ifndef SRC_ERRAND_H
#define SRC_ERRAND_H

#include "vm/vm.h"

enum errand_kind {
    ERRAND_SPAWN, /* done when its main runs */
    ERRAND_EXEC,  /* done when it has ended */
    ERRAND_CALL   /* done when a message came back, or the process ended */
};

struct errand_result {
    const struct failure *failure; /* NULL: it went well */
    struct pid pid;                /* the process that was started, or who answered */
    const char *topic;             /* CALL: of the answer */
    size_t topic_len;
    const char *data; /* EXEC, CALL: an encoded value; `len` 0: nil */
    size_t len;
};

struct errand_order {
    enum errand_kind kind;
    struct host *system; /* where the errand runs */
    /* SPAWN, EXEC */
    struct vm *vm;
    const char *entry;
    struct host *host;
    struct vm_args args;
    /* CALL */
    struct pid to;
    const char *topic;
    size_t topic_len;
    const char *data; /* encoded; NULL: nil */
    size_t len;
    /* The result is valid during the call. An errand that is ended before it is done fails with its reason. */
    void (*done)(void *ud, const struct errand_result *r);
    void *ud;
};

/* Copies what it needs. Returns the errand's own pid; none: no memory, and done() is not called. */
struct pid errand_start(const struct errand_order *o);

/* Gives up; what it started goes on. `why` is taken over. */
void errand_end(struct pid errand, struct failure *why);

#endif
