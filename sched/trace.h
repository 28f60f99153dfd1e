/*
 * trace: what processes do to one another, as it happens, for whoever asked to see it.
 *
 * While nobody traces, sending, spawning and ending pay one relaxed load and a branch each. A trace has a bounded ring: workers
 * put events in without waiting, one thread takes them out, and what finds the ring full is counted as lost.
 *
 *   trace_start, trace_stop, trace_take, trace_lost   the thread that started it (attached)
 *   trace_note_*                                      sched itself, through the macros below
 *
 * Of the scheduler's own processes (PROC_SYSTEM) only the messages are shown.
 *
 * Traces are looked at inside an epoch, so that stopping waits for nobody.
 *
 *             put              take
 *   put       each own cell    cell is not taken before it is full, not filled before it was taken (cell.turn)
 *   take                       one thread
 */
#ifndef SCHED_TRACE_H
#define SCHED_TRACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "sched/failure.h"
#include "sched/msg.h"
#include "sched/pid.h"
#include "sched/tune.h"

struct node;
struct proc;
struct sched_thread;
struct trace;

#define TRACE_MAX 8 /* at a time */
#define TRACE_RING TUNE(4096u, 4u)
#define TRACE_TEXT 96 /* topics, entries and reasons are cut */

/* name, word, what it is */
#define TRACE_KINDS(X)                                                                                       \
    X(SPAWN, "spawn", "a process began; from: its parent")                                                   \
    X(SEND, "send", "a message")                                                                             \
    X(EXIT, "exit", "a process ended")                                                                       \
    X(EXIT_EVENT, "exit-event", "the EXIT event for a process that monitors")                                \
    X(LINK_DOWN, "link-down", "the LINK_DOWN for a linked process")                                          \
    X(CANCEL, "cancel", "the CANCEL event")                                                                  \
    X(KILL, "kill", "the order to end")

enum trace_kind {
#define X(name, word, help) TRACE_##name,
    TRACE_KINDS(X)
#undef X
        TRACE_KIND_COUNT
};

const char *trace_kind_text(enum trace_kind kind);

struct trace_event {
    int64_t at_ns; /* wall clock */
    enum trace_kind kind;
    struct pid from, to;                               /* none: nobody, or outside of any process */
    uint32_t bytes;                                    /* of the payload */
    enum exit_how how;                                 /* EXIT */
    char from_entry[TRACE_TEXT], to_entry[TRACE_TEXT]; /* "": unknown */
    char topic[TRACE_TEXT];
    char reason[TRACE_TEXT]; /* EXIT: of a failure */
};

/* What is of interest: everything (neither), or what a process, or those of an entry, do or get. */
struct trace_filter {
    struct pid pid;
    const char *entry; /* copied; NULL */
};

enum trace_status { TRACE_OK, TRACE_TOO_MANY, TRACE_NO_MEMORY };

enum trace_status trace_start(struct sched_thread *t, const struct trace_filter *f, struct trace **trace);

/* Nothing is noted any more; its memory goes once no worker can see it. */
void trace_stop(struct sched_thread *t, struct trace *trace);

/* Takes one event; false: there is none now. */
bool trace_take(struct trace *trace, struct trace_event *e);

/* Events that found the ring full, so far. */
uint64_t trace_lost(struct trace *trace);

/* --- for sched only ------------------------------------------------------------------------------------------------ */

struct traces {
    _Atomic unsigned count;               /* of those below; relaxed: a hint that there are some */
    _Atomic(struct trace *) v[TRACE_MAX]; /* release by trace_start, acquire by whoever notes something */
};

/* Inside an epoch: `m` is about to be pushed to `to`. */
void trace_note_post(struct sched_thread *t, struct proc *to, const struct msg *m) __attribute__((cold));
void trace_note_spawn(struct sched_thread *t, struct proc *p) __attribute__((cold));
void trace_note_exit(struct sched_thread *t, struct proc *p) __attribute__((cold));

#define trace_any(n) __builtin_expect(atomic_load_explicit(&(n)->traces.count, memory_order_relaxed) != 0, 0)

void trace_close(struct node *n); /* node_destroy: no thread is left */

#endif
