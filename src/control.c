#include "src/control.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "src/control_impl.h"
#include "src/log.h"

#define READ_BYTES 16384
#define LINES_AT_ONCE 32 /* of one client, before others get their turn */
#define ACCEPT_PAUSE_S 1.0

struct control_client {
    struct control *c;
    struct control_client *prev, *next;
    int fd;
    ev_io in, out_ready;
    ev_timer stalled;
    struct text out; /* from out_at on not written yet */
    size_t out_at;
    char *line; /* what was read and not handled yet */
    size_t len, cap;
    size_t checked; /* of that, has no newline */
    bool eof;       /* nothing more comes; what has come is still handled and answered */
    bool closing;   /* no more requests: closed when all is answered and written */
    struct control_job *jobs;
    size_t job_count;
    struct procs_memory memory;
};

struct control_note {
    struct control_note *next;
    uint64_t serial;
    bool ok;
    enum errkind kind;
    size_t len;
    char text[];
};

/* --- jobs --------------------------------------------------------------------------------------------------------- */

static void client_close(struct control_client *client);

/* Who has only ended its requests still waits for answers; who has closed the socket does not. */
static bool hung_up(const struct control_client *client) {
    struct pollfd fd = {.fd = client->fd};
    return client->eof && poll(&fd, 1, 0) == 1 && fd.revents & POLLHUP;
}

static void on_job_timer(struct ev_loop *loop, ev_timer *w, int events) {
    struct control_job *job = w->data;
    struct control_client *client = job->client;
    if (hung_up(client)) {
        client_close(client);
        return;
    }
    job->on_timer(job);
    control_flush(client);
}

static struct control_job *job_new(struct control_client *client, const struct control_request *r) {
    struct control_job *job = mem_calloc(1, sizeof *job);
    if (!job)
        return NULL;
    job->c = client->c;
    job->client = client;
    job->request = *r;
    job->serial = ++client->c->last_serial;
    HASH_ADD(hh, client->c->jobs, serial, sizeof job->serial, job);
    job->next = client->jobs;
    job->link = &client->jobs;
    if (job->next)
        job->next->link = &job->next;
    client->jobs = job;
    client->job_count++;
    ev_timer_init(&job->timer, on_job_timer, 0, 0);
    job->timer.data = job;
    return job;
}

static void job_end(struct control_job *job) {
    struct control_client *client = job->client;
    ev_timer_stop(job->c->loop, &job->timer);
    if (job->gone)
        job->gone(job);
    HASH_DEL(job->c->jobs, job);
    *job->link = job->next;
    if (job->next)
        job->next->link = job->link;
    client->job_count--;
    control_request_free(&job->request);
    mem_free(job);
}

void control_later(struct control_job *job, double seconds, void (*fn)(struct control_job *job)) {
    ev_timer_stop(job->c->loop, &job->timer);
    job->on_timer = fn;
    ev_timer_set(&job->timer, seconds, 0);
    ev_timer_start(job->c->loop, &job->timer);
}

/* --- answering ---------------------------------------------------------------------------------------------------- */

struct text *control_answer(struct control_job *job) {
    control_begin_result(&job->client->out, job->request.id);
    return &job->client->out;
}

void control_answered(struct control_job *job) {
    control_end_line(&job->client->out);
    job_end(job);
}

void control_reply(struct control_job *job, const char *json, size_t len) {
    text_put(control_answer(job), json, len);
    control_answered(job);
}

void control_refuse(struct control_job *job, enum errkind kind, const char *fmt, ...) {
    char message[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    control_put_error(&job->client->out, job->request.id, kind, message);
    job_end(job);
}

struct text *control_data(struct control_job *job) {
    control_begin_data(&job->client->out, job->request.id);
    return &job->client->out;
}

void control_data_end(struct control_job *job) {
    control_end_line(&job->client->out);
}

struct procs_memory *control_memory(struct control_client *client) {
    return &client->memory;
}

/* --- clients ------------------------------------------------------------------------------------------------------ */

static void client_unlink(struct control_client *client) {
    struct control *c = client->c;
    if (client->prev)
        client->prev->next = client->next;
    else
        c->clients = client->next;
    if (client->next)
        client->next->prev = client->prev;
}

static void client_first(struct control_client *client) {
    struct control *c = client->c;
    client->prev = NULL;
    client->next = c->clients;
    if (client->next)
        client->next->prev = client;
    c->clients = client;
}

static void client_close(struct control_client *client) {
    struct control *c = client->c;
    for (struct control_job *job = client->jobs, *next; job; job = next) {
        next = job->next;
        job_end(job);
    }
    ev_io_stop(c->loop, &client->in);
    ev_io_stop(c->loop, &client->out_ready);
    ev_timer_stop(c->loop, &client->stalled);
    ev_clear_pending(c->loop, &client->in);
    close(client->fd);
    client_unlink(client);
    c->client_count--;
    text_close(&client->out);
    procs_memory_free(&client->memory);
    mem_free(client->line);
    mem_free(client);
}

static size_t pending(const struct control_client *client) {
    return client->out.len - client->out_at;
}

/* Writes what can be written; false: the client has gone. */
static bool write_some(struct control_client *client) {
    struct text *out = &client->out;
    bool moved = false;
    if (out->failed) /* something of the answer is missing: better no answer */
        return false;
    while (pending(client)) {
        ssize_t n = send(client->fd, out->s + client->out_at, pending(client), MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0)
            return false;
        client->out_at += (size_t)n;
        moved = true;
    }
    if (!pending(client)) {
        text_close(out);
        text_open(out);
        client->out_at = 0;
        ev_timer_stop(client->c->loop, &client->stalled);
        ev_io_stop(client->c->loop, &client->out_ready);
        return true;
    }
    if (moved || !ev_is_active(&client->stalled))
        ev_timer_again(client->c->loop, &client->stalled);
    ev_io_start(client->c->loop, &client->out_ready);
    return true;
}

/* Forgets what was written of a text that goes on growing. */
static void compact(struct control_client *client) {
    struct text *out = &client->out;
    if (client->out_at < CONTROL_OUT_HIGH)
        return;
    memmove(out->s, out->s + client->out_at, pending(client) + 1);
    out->len -= client->out_at;
    client->out_at = 0;
}

/* Each job that has more to say gets its turn while there is room. */
static bool pump_all(struct control_client *client) {
    bool any = false;
    for (struct control_job *job = client->jobs, *next; job && pending(client) < CONTROL_OUT_HIGH;
         job = next) {
        next = job->next;
        if (!job->pump)
            continue;
        any = true;
        job->pump(job, &client->out);
    }
    return any;
}

static bool wants_requests(const struct control_client *client) {
    return !client->closing && client->job_count < CONTROL_JOBS_MAX && pending(client) < CONTROL_OUT_HIGH;
}

/* Reads on, or stops reading until there is room for answers again. */
static void listen_or_not(struct control_client *client) {
    struct ev_loop *loop = client->c->loop;
    bool wants = wants_requests(client);
    if (!wants || client->eof)
        ev_io_stop(loop, &client->in);
    if (wants && !ev_is_active(&client->in)) {
        if (!client->eof)
            ev_io_start(loop, &client->in);
        ev_feed_event(loop, &client->in, EV_READ); /* whole lines may wait in its buffer */
    }
}

/* May free the client. */
void control_flush(struct control_client *client) {
    compact(client);
    bool more = pump_all(client);
    if (!write_some(client)) {
        client_close(client);
        return;
    }
    if (client->closing && !pending(client) && !client->jobs) {
        client_close(client);
        return;
    }
    if (more && !pending(client)) /* it takes all we have: its turn again, after everybody else */
        ev_io_start(client->c->loop, &client->out_ready);
    listen_or_not(client);
}

/* --- requests ----------------------------------------------------------------------------------------------------- */

static void (*const handlers[CONTROL_OP_COUNT])(struct control_job *job) = {
#define X(name, word) [CONTROL_OP_##name] = control_op_##name,
    CONTROL_OPS(X)
#undef X
};

static void handle_line(struct control_client *client, const char *line, size_t len) {
    struct control_request r;
    enum errkind kind;
    char err[512];
    if (len && line[len - 1] == '\r')
        len--;
    if (!len)
        return;
    if (!control_parse(line, len, &r, &kind, err, sizeof err)) {
        control_put_error(&client->out, r.id, kind, err);
        return;
    }
    struct control_job *job = job_new(client, &r);
    if (job) {
        handlers[r.op](job);
        return;
    }
    control_put_error(&client->out, r.id, ERRKIND_RATE_LIMITED, "not enough memory");
    control_request_free(&r);
}

static void refuse_long_line(struct control_client *client) {
    char text[80];
    snprintf(text, sizeof text, "request: longer than %zu bytes", CONTROL_LINE_MAX);
    control_put_error(&client->out, "null", ERRKIND_INVALID, text);
    client->closing = true;
    client->len = 0;
}

/* Handles whole lines, as many as may be now. */
static void handle_lines(struct control_client *client) {
    size_t at = 0;
    for (int n = 0; wants_requests(client); n++) {
        size_t from = client->checked > at ? client->checked : at;
        char *nl = client->len > from ? memchr(client->line + from, '\n', client->len - from) : NULL;
        if (!nl) {
            client->checked = client->len;
            client->closing = client->eof;
            break;
        }
        if (n == LINES_AT_ONCE) {
            ev_feed_event(client->c->loop, &client->in, EV_READ);
            break;
        }
        handle_line(client, client->line + at, (size_t)(nl - client->line) - at);
        at = (size_t)(nl - client->line) + 1;
    }
    client->len -= at;
    client->checked -= client->checked > at ? at : client->checked;
    if (at && client->len)
        memmove(client->line, client->line + at, client->len);
    if (client->len >= CONTROL_LINE_MAX && client->checked == client->len)
        refuse_long_line(client);
    if (!client->len && client->cap > READ_BYTES) {
        mem_free(client->line);
        client->line = NULL;
        client->cap = 0;
    }
}

static bool reserve(struct control_client *client) {
    if (client->cap - client->len >= READ_BYTES)
        return true;
    size_t cap = client->cap ? 2 * client->cap : READ_BYTES;
    if (cap > CONTROL_LINE_MAX + READ_BYTES)
        cap = CONTROL_LINE_MAX + READ_BYTES;
    char *line = mem_realloc(client->line, cap);
    if (!line)
        return false;
    client->line = line;
    client->cap = cap;
    return true;
}

/* false: it has gone. */
static bool read_some(struct control_client *client) {
    if (client->eof || client->len >= CONTROL_LINE_MAX)
        return true;
    if (!reserve(client))
        return false;
    ssize_t n = recv(client->fd, client->line + client->len, client->cap - client->len, 0);
    if (n > 0)
        client->len += (size_t)n;
    else if (n == 0)
        client->eof = true;
    return n >= 0 || errno == EAGAIN || errno == EINTR;
}

static void on_readable(struct ev_loop *loop, ev_io *w, int events) {
    struct control_client *client = w->data;
    if (!wants_requests(client))
        return;
    client_unlink(client);
    client_first(client);
    if (!read_some(client)) {
        client_close(client);
        return;
    }
    handle_lines(client);
    control_flush(client);
}

static void on_writable(struct ev_loop *loop, ev_io *w, int events) {
    control_flush(w->data);
}

static void on_stalled(struct ev_loop *loop, ev_timer *w, int events) {
    client_close(w->data);
}

/* --- new clients -------------------------------------------------------------------------------------------------- */

/* The one that has been idle longest. false: all of them have something under way. */
static bool make_room(struct control *c) {
    struct control_client *last = NULL;
    for (struct control_client *client = c->clients; client; client = client->next)
        if (!client->jobs && !pending(client))
            last = client;
    if (last)
        client_close(last);
    return last;
}

static void turn_away(int fd, enum errkind kind, const char *why) {
    struct text out;
    text_open(&out);
    control_put_error(&out, "null", kind, why);
    send(fd, out.s, out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    text_close(&out);
    close(fd);
}

static void welcome(struct control *c, int fd) {
    struct control_client *client = mem_calloc(1, sizeof *client);
    if (!client) {
        turn_away(fd, ERRKIND_RATE_LIMITED, "not enough memory");
        return;
    }
    client->c = c;
    client->fd = fd;
    text_open(&client->out);
    ev_io_init(&client->in, on_readable, fd, EV_READ);
    ev_io_init(&client->out_ready, on_writable, fd, EV_WRITE);
    ev_init(&client->stalled, on_stalled);
    client->stalled.repeat = CONTROL_PATIENCE_S;
    client->in.data = client->out_ready.data = client->stalled.data = client;
    client_first(client);
    c->client_count++;
    ev_io_start(c->loop, &client->in);
    control_put_hello(&client->out, (long)getpid());
    control_flush(client);
}

static void accept_again(struct ev_loop *loop, ev_timer *w, int events) {
    struct control *c = w->data;
    ev_io_start(loop, &c->accept);
}

static void on_accept(struct ev_loop *loop, ev_io *w, int events) {
    struct control *c = w->data;
    int fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
            return;
        log_warn("control socket: no more clients for a moment", LOG_STR("reason", strerror(errno)));
        ev_io_stop(loop, w);
        ev_timer_set(&c->accept_again, ACCEPT_PAUSE_S, 0);
        ev_timer_start(loop, &c->accept_again);
        return;
    }
    if (!control_socket_may(c->socket, fd))
        turn_away(fd, ERRKIND_PERMISSION_DENIED,
                  "control socket: you are neither root, nor the daemon's user, nor of its group");
    else if (c->client_count >= CONTROL_CLIENTS_MAX && !make_room(c))
        turn_away(fd, ERRKIND_RATE_LIMITED, "control socket: too many clients");
    else
        welcome(c, fd);
}

/* --- notes of other threads --------------------------------------------------------------------------------------- */

void control_post(struct control *c, uint64_t serial, bool ok, enum errkind kind, const char *text,
                  size_t len) {
    struct control_note *note = mem_alloc(sizeof *note + len + 1);
    if (!note)
        return; /* whoever waits for it gives up at its own time */
    *note = (struct control_note){.serial = serial, .ok = ok, .kind = kind, .len = len};
    memcpy(note->text, text, len);
    note->text[len] = '\0';
    pthread_mutex_lock(&c->lock);
    *c->notes_end = note;
    c->notes_end = &note->next;
    pthread_mutex_unlock(&c->lock);
    ev_async_send(c->loop, &c->posted);
}

static struct control_note *take_notes(struct control *c) {
    pthread_mutex_lock(&c->lock);
    struct control_note *list = c->notes;
    c->notes = NULL;
    c->notes_end = &c->notes;
    pthread_mutex_unlock(&c->lock);
    return list;
}

static void hand_over(struct control *c, const struct control_note *note) {
    struct control_job *job;
    HASH_FIND(hh, c->jobs, &note->serial, sizeof note->serial, job);
    if (!job)
        return;
    struct control_client *client = job->client;
    job->noted = true;
    if (!note->ok)
        control_refuse(job, note->kind, "%s%s%s", job->about ? job->about : "", job->about ? ": " : "",
                       note->text);
    else if (job->on_note)
        job->on_note(job, note->kind, note->text, note->len);
    else
        control_reply(job, note->text, note->len);
    control_flush(client);
}

static void on_posted(struct ev_loop *loop, ev_async *w, int events) {
    for (struct control_note *note = take_notes(w->data), *next; note; note = next) {
        next = note->next;
        hand_over(w->data, note);
        mem_free(note);
    }
}

/* --- life --------------------------------------------------------------------------------------------------------- */

struct control *control_open(const struct control_daemon *d, struct ev_loop *loop, char *err, size_t cap) {
    const struct cfg_settings *s = cfg_settings(app_config(d->app));
    struct control *c = mem_calloc(1, sizeof *c);
    if (!c) {
        snprintf(err, cap, "control socket: not enough memory");
        return NULL;
    }
    c->d = *d;
    c->loop = loop;
    c->opened_ns = clock_mono_ns();
    c->notes_end = &c->notes;
    c->socket = control_socket_open(s->control.socket, s->control.mode, s->control.group, err, cap);
    if (!c->socket) {
        mem_free(c);
        return NULL;
    }
    pthread_mutex_init(&c->lock, NULL);
    ev_io_init(&c->accept, on_accept, control_socket_fd(c->socket), EV_READ);
    ev_timer_init(&c->accept_again, accept_again, 0, 0);
    ev_async_init(&c->posted, on_posted);
    c->accept.data = c->accept_again.data = c->posted.data = c;
    ev_io_start(loop, &c->accept);
    ev_async_start(loop, &c->posted);
    return c;
}

void control_end(struct control *c) {
    if (!c)
        return;
    for (struct control_client *client = c->clients, *next; client; client = next) {
        next = client->next;
        write_some(client);
        client_close(client);
    }
    ev_io_stop(c->loop, &c->accept);
    ev_timer_stop(c->loop, &c->accept_again);
    control_socket_close(c->socket);
    c->socket = NULL;
}

void control_close(struct control *c) {
    if (!c)
        return;
    ev_async_stop(c->loop, &c->posted);
    for (struct control_note *note = take_notes(c), *next; note; note = next) {
        next = note->next;
        mem_free(note);
    }
    pthread_mutex_destroy(&c->lock);
    mem_free(c);
}
