/*
 * runner: runs one Lua program as the main process of the tool and waits for its end.
 *
 * A native process beside the supervisor, which starts the program and monitors it. All functions are called by the
 * thread that owns the node; changed() is called in the process' worker thread when the program has ended.
 */
#ifndef SRC_RUNNER_H
#define SRC_RUNNER_H

#include "vm/vm.h"

struct runner;

struct runner_options {
    struct vm *vm;
    struct host *system; /* where the runner itself runs */
    struct host *host;   /* where the program does */
    const char *entry;
    struct vm_args args;           /* copied */
    void (*born)(struct pid self); /* with the runner's own pid, before anything runs; NULL */
    void (*changed)(void *ud);
    void *ud;
};

/* NULL: no memory. */
struct runner *runner_open(const struct runner_options *o);

/* After node_destroy. NULL: nothing. */
void runner_close(struct runner *r);

/* Asks the program to end. */
void runner_cancel(struct runner *r, const char *reason);

struct runner_outcome {
    bool ended;
    struct failure *failure; /* held by the runner; NULL: it ended normally */
    const char *result;      /* encoded (vm/codec.h), `result_len` bytes; NULL: nil */
    size_t result_len;
};

void runner_outcome(struct runner *r, struct runner_outcome *out);

#endif
