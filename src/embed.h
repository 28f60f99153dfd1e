/*
 * embed: the daemon inside `troupe run` and `troupe test`. A configuration's hosts and services are started in this process,
 * then one program; when that has ended, or a signal asks for it, everything is stopped. A second signal ends at once
 * (src/mainloop.h). What goes wrong is written to standard error.
 *
 * Main thread, once in the life of the process; all functions are called there.
 */
#ifndef SRC_EMBED_H
#define SRC_EMBED_H

#include "src/app.h"
#include "src/runner.h"

struct embed_options {
    enum cfg_print print;
    bool print_matters; /* what processes print cannot be written: ends with EXIT_CODE_IO */
    bool stop_at_once;  /* the first signal does not wait until the program ends */
    /* Before any service starts; may be NULL. false: `err` says why not. */
    bool (*prepare)(struct app *app, char *err, size_t cap);
    /* All services run: sets entry, host and args of the program. false: `err` says why not. */
    bool (*program)(struct app *app, struct runner_options *o, char *err, size_t cap);
    /* It has ended, and what was printed is written: the exit status. */
    int (*ended)(const struct runner_outcome *out);
};

/* The exit status. `c` stays the caller's. */
int embed_run(struct config *c, const struct embed_options *o);

#endif
