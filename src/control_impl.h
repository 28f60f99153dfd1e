/*
 * control_impl: what the files of the control socket share. Internal to control*.c.
 *
 * A request becomes a job, which lives until it is answered or its client has gone. Jobs that wait for other threads are
 * known to these by a number, so that an answer that comes too late finds nobody and is dropped.
 */
#ifndef SRC_CONTROL_IMPL_H
#define SRC_CONTROL_IMPL_H

#include <ev.h>
#include <pthread.h>
#include <uthash.h>

#include "src/control.h"
#include "src/control_proto.h"
#include "src/procs.h"

struct control_client;

struct control_job {
    UT_hash_handle hh; /* by serial */
    uint64_t serial;
    struct control *c;
    struct control_client *client;
    struct control_job *next, **link; /* of its client */
    struct control_request request;
    ev_timer timer;
    void (*on_timer)(struct control_job *job);
    /* Something about services has changed. May answer. NULL: that does not concern it. */
    void (*look)(struct control_job *job);
    /* There is room for more lines: appends some. May answer. NULL: it has none to give. */
    void (*pump)(struct control_job *job, struct text *out);
    /* The job ends, answered or not: frees `data`. May be NULL. */
    void (*gone)(struct control_job *job);
    /* What another thread sent with control_post; NULL: that is the whole answer. */
    void (*on_note)(struct control_job *job, enum errkind kind, const char *text, size_t len);
    bool noted;        /* that has come */
    const char *about; /* of the request: what errors from there are about; NULL: they say it themselves */
    void *data;
};

struct control {
    struct control_daemon d;
    struct ev_loop *loop;
    struct control_socket *socket;
    ev_io accept;
    ev_timer accept_again; /* descriptors were used up */
    ev_async posted;
    pthread_mutex_t lock; /* guards the list */
    struct control_note *notes, **notes_end;
    struct control_client *clients; /* doubly linked, the longest idle one last */
    size_t client_count;
    struct control_job *jobs; /* by serial */
    uint64_t last_serial;
    int64_t opened_ns;
    bool profiling;
};

/* Handlers, one for each operation, in control_look.c, control_act.c, control_watch.c, control_manage.c. */
#define X(name, word) void control_op_##name(struct control_job *job);
CONTROL_OPS(X)
#undef X

/* --- answering ---------------------------------------------------------------------------------------------------- */

/* The last line: the job is gone afterwards. */
void control_reply(struct control_job *job, const char *json, size_t len);
__attribute__((format(printf, 3, 4))) void control_refuse(struct control_job *job, enum errkind kind,
                                                          const char *fmt, ...);

/* The same as one goes: control_answer gives where to append the JSON, control_answered ends the job. */
struct text *control_answer(struct control_job *job);
void control_answered(struct control_job *job);

/* A line before the last one; append the JSON between these. */
struct text *control_data(struct control_job *job);
void control_data_end(struct control_job *job);

/* Sends what was appended, and asks pumps for more. */
void control_flush(struct control_client *client);

/* Calls fn in so many seconds, instead of what was asked for before. */
void control_later(struct control_job *job, double seconds, void (*fn)(struct control_job *job));

/* --- from other threads ------------------------------------------------------------------------------------------- */

/* For the job of that number: an error of `kind` with its message, or (UNKNOWN, `ok`) JSON. `text` is copied. Any thread. */
void control_post(struct control *c, uint64_t serial, bool ok, enum errkind kind, const char *text,
                  size_t len);

/* --- helpers ------------------------------------------------------------------------------------------------------ */

/* The process that the argument "pid" names. none: the job was refused. */
struct pid control_target(struct control_job *job);

/* Appends a pid as a JSON string, null for none. */
void control_put_pid(struct text *out, struct node *n, struct pid pid);

/* What was seen last by this client, for rates. */
struct procs_memory *control_memory(struct control_client *client);

/* Has `fn` called inside the process (NULL: it has ended), with a text whose contents become the answer; false from it: *kind
 * and the text are an error. */
typedef bool (*control_question)(struct proc *p, struct pid pid, struct text *out, enum errkind *kind);
void control_ask(struct control_job *job, struct pid pid, control_question fn);

/* --- the listening socket (control_socket.c) ---------------------------------------------------------------------- */

struct control_socket;
struct control_socket *control_socket_open(const char *path, int64_t mode, const char *group, char *err,
                                           size_t cap);
int control_socket_fd(const struct control_socket *s);
void control_socket_close(struct control_socket *s); /* and removes the file, if it is still its own */

/* Whether who is at the other end may talk to us: root, our own user, or somebody of the socket's group. */
bool control_socket_may(const struct control_socket *s, int fd);

#endif
