/*
 * metrics: the daemon's figures in the text format of Prometheus.
 *
 * Made from counters that workers publish anyway and from one walk over the processes: no Lua state is entered, no lock of a
 * worker taken. Labels are host and entry at most. Any attached thread.
 */
#ifndef SRC_METRICS_H
#define SRC_METRICS_H

#include <stdio.h>

#include "sched/node.h"
#include "src/text.h"

/* name, type, help; in order of printing. The manual's list is made from this, too. */
#define METRICS(X)                                                                                           \
    X(PROCESSES, "troupe_processes", "gauge", "Living processes.")                                           \
    X(SPAWNS, "troupe_process_spawns_total", "counter", "Processes that began to run.")                      \
    X(EXITS, "troupe_process_exits_total", "counter", "Processes that ended, by how they did.")              \
    X(MESSAGES, "troupe_messages_total", "counter",                                                          \
      "Messages and signals that processes took out of their mailboxes.")                                    \
    X(MAILBOX, "troupe_mailbox_messages", "gauge", "Messages waiting in mailboxes.")                         \
    X(QUEUE, "troupe_run_queue_length", "gauge", "Processes that are ready and wait for a worker.")          \
    X(STEALS, "troupe_steals_total", "counter",                                                              \
      "Times that an idle worker took processes from another one.")                                          \
    X(BUSY, "troupe_scheduler_busy_seconds_total", "counter", "Time that workers did not sleep.")            \
    X(PREEMPTIONS, "troupe_preemptions_total", "counter",                                                    \
      "Times that a process had to give way at the end of its time slice.")                                  \
    X(MEMORY, "troupe_memory_bytes", "gauge",                                                                \
      "Memory: states of processes, messages in mailboxes, and all of the daemon that is resident.")         \
    X(TIMERS, "troupe_timers", "gauge", "Timers that have not fired yet.")                                   \
    X(RESTARTS, "troupe_service_restarts_total", "counter",                                                  \
      "Times that a service was started again after a failure.")                                             \
    X(EVENTS_DROPPED, "troupe_events_dropped_total", "counter",                                              \
      "Events of the module events that a subscriber had no room for.")                                      \
    X(LOG_DROPPED, "troupe_log_dropped_total", "counter",                                                    \
      "Log events and lines of print that were dropped, because their reader is slow.")                      \
    X(JIT_STATES, "troupe_jit_states", "gauge", "Lua states that may be compiled to machine code.")          \
    X(SLICES, "troupe_slice_seconds", "histogram",                                                           \
      "How long processes ran at a time, as fine as time slices are enforced.")

enum metric {
#define X(id, name, type, help) METRIC_##id,
    METRICS(X)
#undef X
        METRIC_COUNT
};

struct metrics_source {
    struct node *node;
    /* Calls fn(ctx, …) for every service. NULL: there are none. */
    void (*each_service)(void *ud, void (*fn)(void *ctx, const char *id, uint64_t restarts), void *ctx);
    void *ud;
    uint64_t events_dropped, log_dropped, jit_states;
};

/* Appends everything; false without memory. */
bool metrics_render(const struct metrics_source *src, struct text *out);

/* The table as tab-separated lines: name, type, labels, help. The manual page is made from it. */
void metrics_dump(FILE *out);

#endif
