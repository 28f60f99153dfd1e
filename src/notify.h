/*
 * notify: what the service manager is told: sd_notify(3). Without one (no NOTIFY_SOCKET) every call does nothing.
 * Main thread.
 */
#ifndef SRC_NOTIFY_H
#define SRC_NOTIFY_H

#include <stdint.h>

/* Everything that starts with the daemon runs, or runs again after notify_reloading. */
void notify_ready(void);
void notify_reloading(void);

/* Nothing is started any more; it is over after so long at the latest. */
void notify_stopping(int64_t within_ns);

/* One line on how things are; sent only when it differs from the last. */
__attribute__((format(printf, 1, 2))) void notify_status(const char *fmt, ...);

/* How often the service manager wants to hear notify_alive, in ns; 0: not at all. */
int64_t notify_watchdog(void);
void notify_alive(void);

#endif
