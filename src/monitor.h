/*
 * monitor: the page for monitoring systems (src/http.h), filled with a running node's figures. Main thread.
 */
#ifndef SRC_MONITOR_H
#define SRC_MONITOR_H

#include <stdbool.h>

#include "src/app.h"

struct monitor;

/* Serves at `listen`. `ready` says whether everything that starts with the daemon runs. NULL: `err` says why. */
struct monitor *monitor_open(struct app *app, const char *listen, bool (*ready)(void), char *err, size_t cap);
void monitor_close(struct monitor *m); /* before app_end; NULL: nothing */

#endif
