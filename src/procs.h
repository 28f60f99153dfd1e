/*
 * procs: the figures that processes publish, of all or some of them, at one moment. No process is asked, none notices.
 *
 * Called by an attached thread; a list belongs to its caller.
 */
#ifndef SRC_PROCS_H
#define SRC_PROCS_H

#include "sched/node.h"

/* name, title, what it is. In the order of columns. */
#define PROCS_COLUMNS(X)                                                                                     \
    X(PID, "pid", "the process")                                                                             \
    X(ENTRY, "entry", "what it runs")                                                                        \
    X(STATE, "state", "running, ready (waits for a worker) or waiting (for a message)")                      \
    X(MAILBOX, "mailbox", "messages that it has not taken")                                                  \
    X(MEMORY, "memory", "bytes of its state")                                                                \
    X(REDUCTIONS, "reductions", "steps of work: how often it was run, sent a message or took one")           \
    X(AGE, "age", "seconds since it began")                                                                  \
    X(RATE, "reductions_per_second", "what it did of these in a second")                                     \
    X(MESSAGES, "messages_per_second", "messages that it took in a second")

enum procs_column {
#define X(name, word, help) PROCS_##name,
    PROCS_COLUMNS(X)
#undef X
        PROCS_COLUMN_COUNT
};

const char *procs_column_text(enum procs_column c);

/* The column of that name, PROCS_COLUMN_COUNT when there is none. */
enum procs_column procs_column_find(const char *name);

struct procs_row {
    struct pid pid;
    const struct host *host;
    uint32_t entry; /* in procs.entries */
    uint8_t state;
    uint64_t mailbox, memory, reductions;
    int64_t started_ns;    /* wall clock */
    double rate, messages; /* reductions and messages per second; 0 without rates */
};

const char *procs_state_text(const struct procs_row *r);

struct procs_entry;

struct procs {
    struct procs_row *v;
    size_t n;              /* rows */
    size_t total, matched; /* processes; those that the query asked for */
    uint64_t memory;       /* of all */
    double interval;       /* seconds that the rates are of; 0: none yet */
    struct procs_entry *entries;
    const char **entry_names;
};

/* The entry's text of a row. */
static inline const char *procs_entry(const struct procs *p, const struct procs_row *r) {
    return p->entry_names[r->entry];
}

/* What was seen last, for rates. */
struct procs_memory {
    int64_t at_ns; /* 0: nothing yet */
    size_t n;
    struct procs_past {
        uint64_t pid, reductions, received;
    } * v; /* by slot */
};
void procs_memory_free(struct procs_memory *m);

struct procs_query {
    const char *host, *entry; /* NULL: any */
    enum procs_column sort;
    bool reverse;
    size_t limit;                /* 0: none */
    struct procs_memory *memory; /* NULL: no rates */
};

/*
 * Rows in the order asked for: texts and pids upwards, numbers downwards, or the other way round with `reverse`; pids break ties. false: no
 * memory. procs_free in either case.
 */
bool procs_take(struct node *n, const struct procs_query *q, struct procs *p);
void procs_free(struct procs *p);

#endif
