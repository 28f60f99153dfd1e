/*
 * schedbox: a node with one host, and native processes that a test drives from outside.
 *
 * An actor is a process whose behaviour is three functions of the test. A puppet is an actor that writes down what it
 * gets and does what the test's thread asks: puppet_do runs a function inside it and waits for the end of that.
 * Everything here is called on the thread that opened the box, except the functions of actors.
 */
#ifndef TESTS_SCHEDBOX_H
#define TESTS_SCHEDBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "sched/node.h"

/* Waits until `condition` holds; ends the program with a message when it does not within 30 s. */
#define AWAIT(condition)                                                                                     \
    do {                                                                                                     \
        int64_t await_since_ = clock_mono_ns();                                                              \
        for (int await_n_ = 0; !(condition); await_n_++)                                                     \
            box_pause(await_since_, await_n_, __FILE__, __LINE__, #condition);                               \
    } while (0)
void box_pause(int64_t since, int round, const char *file, int line, const char *what);

/* For other threads than the test's, where Criterion's own assertions cannot end a test. */
#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);                   \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

struct box {
    struct node *node;
    struct host *host;
};

/* limits NULL: none, slices of 1 ms. hooks NULL: none. */
struct box box_open(unsigned workers, const struct host_limits *limits, const struct node_hooks *hooks);
void box_close(struct box *b);
uint64_t box_live(struct box *b);

/* Entries in the table of names, those of ended processes included. While nobody registers. */
size_t box_names(struct box *b);

struct actor;
struct actor_ops {
    void (*message)(struct actor *a, struct msg *m); /* takes it over; NULL: dropped */
    enum step (*step)(struct actor *a);              /* NULL: waits */
    void (*close)(struct actor *a);                  /* may be NULL */
};
struct actor {
    const struct actor_ops *ops;
    struct proc *p;
    void *ud;
};

/* `how` may be NULL, its host, behaviour and data are set here. None without luck, the reason in *status if not NULL. */
struct pid actor_spawn(struct box *b, const struct actor_ops *ops, void *ud, const struct spawn *how,
                       enum spawn_status *status);

/* A MSG_USER to `to`; the payload is one number. */
struct msg *number_msg(struct pid from, uint64_t number);
uint64_t msg_number(struct msg *m);
enum send_status send_number(struct pid from, struct pid to, uint64_t number);

struct note {
    enum msg_kind kind;
    struct pid from;
    bool failed;
    enum exit_how how;
    size_t len;
    char text[128]; /* payload, or the failure's message */
};

#define PUPPET_NOTES 256
struct puppet {
    struct pid pid;
    struct box *box;
    struct note notes[PUPPET_NOTES];
    atomic_uint count; /* of notes: release by the worker, acquire by the test */
    atomic_bool closed;
    /* What its next step does; set inside it. */
    bool end;
    struct failure *why;
    const char *result;
};

void puppet_spawn(struct puppet *q, struct box *b, const struct spawn *how);
unsigned puppet_count(struct puppet *q);

/* Runs fn inside it, waits, returns what fn returned; -1 when it had ended. */
int puppet_do(struct puppet *q, int (*fn)(struct proc *p, void *ud), void *ud);

/* Everything that reached its mailbox before has been handled after this. */
void puppet_settle(struct puppet *q);

/* Ends it, with a failure of kind EXIT_RAISED unless `message` is NULL, and waits until it is closed. */
void puppet_end(struct puppet *q, const char *message, const char *result);

/* Shorthands of puppet_do. */
enum relation_status puppet_monitor(struct puppet *q, struct pid target);
enum relation_status puppet_unmonitor(struct puppet *q, struct pid target);
enum relation_status puppet_link(struct puppet *q, struct pid target);
enum relation_status puppet_unlink(struct puppet *q, struct pid target);
void puppet_trap(struct puppet *q, bool on);

/* STRESS_SCALE=full gives `full`, everything else `small`. */
uint64_t stress_scale(uint64_t small, uint64_t full);

#endif
