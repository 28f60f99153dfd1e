/*
 * control: the daemon's control socket: who may talk to it, and what it answers (src/control_proto.h).
 *
 * Everything runs in the main thread's event loop, and everything is bounded: requests in size, clients in number, requests
 * under way and bytes on the way out per client. A client that does not read gets no more; one that does not read for
 * CONTROL_PATIENCE_S is dropped. When all places are taken, the client that has been idle longest makes room.
 *
 * No answer stops a worker: figures are those that processes publish; what only a process knows it is asked for by a signal in its
 * mailbox, and the answer waits for it, not longer than CONTROL_ASK_S.
 *
 * Main thread, except control_post.
 */
#ifndef SRC_CONTROL_H
#define SRC_CONTROL_H

#include "src/app.h"
#include "src/text.h"

#define CONTROL_CLIENTS_MAX 128
#define CONTROL_JOBS_MAX 16 /* requests of one client that are not answered yet */
#define CONTROL_OUT_HIGH                                                                                     \
    ((size_t)1 << 20) /* with that much on the way out nothing more is made for a client */
#define CONTROL_PATIENCE_S 30
#define CONTROL_ASK_S 5

struct ev_loop;
struct control;

/* What the daemon can do, and how it is. */
struct control_daemon {
    struct app *app;
    const char *(*state)(void); /* "starting", "running", "stopping" */
    /* Whether all is well; if not, appends why. */
    bool (*healthy)(struct text *why);
    /* Loads the configuration again; appends what changed, elements of a JSON array. false: `err` says why nothing did. */
    bool (*reload)(struct text *changes, char *err, size_t cap);
    void (*shutdown)(void);
};

/* Opens the socket as the configuration says. NULL: `err` says why. */
struct control *control_open(const struct control_daemon *d, struct ev_loop *loop, char *err, size_t cap);

/* What differs between two configurations, for `reload` above. */
void control_put_changes(struct text *out, struct config *before, struct config *after);

/* Something about services has changed: those who wait for that are looked at. NULL: nothing. */
void control_look(struct control *c);

/* Says good-bye to everybody, and removes the socket: before app_end. */
void control_end(struct control *c);

/* Frees it: after app_end, when no process can answer any more. NULL: nothing, of both. */
void control_close(struct control *c);

#endif
