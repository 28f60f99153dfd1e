/*
 * msg: everything that one process can do to another, as one node in the target's mailbox.
 *
 * A node is allocated by the sender and freed by whoever takes it out; there is one owner at any time: the sender until the
 * push succeeds, the mailbox, then the target's worker. Nodes that live inside something else (a timer's) have
 * a `release` of their own.
 *
 * Topic and payload stand in the node's own memory: [topic bytes][payload bytes].
 */
#ifndef SCHED_MSG_H
#define SCHED_MSG_H

#include <stddef.h>
#include <stdint.h>

#include "sched/failure.h"
#include "sched/pid.h"

enum msg_kind {
    /* handed to the target's behaviour */
    MSG_USER,      /* topic, payload */
    MSG_EXIT,      /* a monitored process ended: failure, or payload = its result */
    MSG_LINK_DOWN, /* a linked process failed and links are trapped: failure */
    MSG_CANCEL,    /* payload = the reason's bytes; aux CANCEL_COUNTED: it counts in proc.cancels */
    MSG_TIMER,     /* one of the process' own timers is due */
    MSG_REPLY, /* an answer to something that the behaviour asked for: aux says what, u.ptr and payload are its own */
    /* handled by sched itself */
    SIG_MONITOR,
    SIG_DEMONITOR,
    SIG_LINK,
    SIG_UNLINK,
    SIG_KILL, /* failure = the outcome */
    SIG_CALL  /* call(target, node) on the target's worker; target NULL when it ended before */
};

enum { CANCEL_COUNTED = 1 };

struct proc;

struct msg {
    struct msg *next;
    struct pid from; /* none: the sender is no process */
    union {
        struct failure *failure; /* MSG_EXIT, MSG_LINK_DOWN, SIG_KILL: one reference, or NULL */
        void *ptr;
        uint64_t order; /* MSG_USER, of the receiver's use: its place among all that arrived */
        void (*call)(struct proc *target, struct msg *m); /* SIG_CALL; takes the node over */
    } u;
    void (*release)(struct msg *m); /* NULL: mem_free */
    uint32_t topic_hash;
    uint16_t topic_len;
    uint8_t kind; /* enum msg_kind */
    uint8_t aux;
    uint32_t data_len;
    uint32_t charge; /* what it counts for in the mailbox, in units of 16 bytes; 0: no limit concerns it */
    char bytes[];
};

#define MSG_CHARGE_UNIT 16
#define MSG_TOPIC_MAX UINT16_MAX
#define MSG_DATA_MAX (UINT32_MAX - 1024u)

static inline char *msg_data(struct msg *m) {
    return m->bytes + m->topic_len;
}

static inline size_t msg_size(const struct msg *m) {
    return sizeof *m + m->topic_len + m->data_len;
}

/* From now on it counts in the mailbox that it is sent to, as every MSG_USER does: before it is sent. */
void msg_charge(struct msg *m);

/* A node with room for topic and payload (both left to fill), no sender; NULL without memory. */
struct msg *msg_new(enum msg_kind kind, size_t topic_len, size_t data_len);

/* A node for an event: the moment (Unix nanoseconds, int64_t) stands in place of a topic. NULL without memory. */
struct msg *msg_event(enum msg_kind kind, size_t data_len);
int64_t msg_event_at(const struct msg *m);

/* A node for a signal with neither; NULL without memory. */
struct msg *msg_signal(enum msg_kind kind, struct pid from);

/* Frees a node and what it refers to. */
void msg_free(struct msg *m);

/* The hash kept in topic_hash; any bytes. */
uint32_t msg_hash(const char *s, size_t len);

#endif
