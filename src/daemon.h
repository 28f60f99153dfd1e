/*
 * daemon: trouped between its command line and its exit status: boots, runs until it is told to stop, reloads, tells the
 * service manager. Main thread.
 */
#ifndef SRC_DAEMON_H
#define SRC_DAEMON_H

#include "config/config.h"

/* Runs what `c` says; `load` is how it was loaded, for loading it again. Returns the exit status. */
int daemon_run(struct config *c, const struct cfg_options *load);

#endif
