/* What the control socket does to processes: starts them, sends to them, ends them. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/dur.h"
#include "src/control_impl.h"
#include "src/errand.h"
#include "src/values.h"

#define CANCEL_REASON "canceled"
#define START_WAIT (30 * DUR_SEC)
#define CALL_WAIT (5 * DUR_SEC)

static double seconds(int64_t ns) {
    return (double)ns / (double)DUR_SEC;
}

static void reply_pid(struct control_job *job, struct pid pid) {
    struct text *out = control_answer(job);
    text_str(out, "{\"pid\":");
    control_put_pid(out, app_node(job->c->d.app), pid);
    text_char(out, '}');
    control_answered(job);
}

static void refuse_status(struct control_job *job, enum send_status s) {
    if (s == SEND_NOT_FOUND)
        control_refuse(job, ERRKIND_NOT_FOUND, "%s: process not found", control_str(&job->request, "pid"));
    else
        control_refuse(job, ERRKIND_RATE_LIMITED, "%s: mailbox full", control_str(&job->request, "pid"));
}

/* --- ending ------------------------------------------------------------------------------------------------------- */

void control_op_CANCEL(struct control_job *job) {
    const char *reason = control_str(&job->request, "reason");
    struct pid pid = control_target(job);
    if (pid_none(pid))
        return;
    if (!reason)
        reason = CANCEL_REASON;
    enum send_status s = proc_cancel(sched_self, pid, (struct pid){0}, reason, strlen(reason));
    if (s == SEND_OK)
        reply_pid(job, pid);
    else
        refuse_status(job, s);
}

void control_op_KILL(struct control_job *job) {
    struct pid pid = control_target(job);
    if (pid_none(pid))
        return;
    enum send_status s =
        proc_kill(sched_self, pid, failure_format(ERRKIND_CANCELED, EXIT_TERMINATED, "process terminated"));
    if (s == SEND_OK)
        reply_pid(job, pid);
    else
        refuse_status(job, s);
}

/* --- messages ----------------------------------------------------------------------------------------------------- */

/* false: the job was refused. */
static bool read_message(struct control_job *job, struct vm_args *payload) {
    const json_t *topic = control_any(&job->request, "topic");
    json_t *value = control_any(&job->request, "payload");
    size_t len = json_string_length(topic);
    char err[512];
    if (len == 0 || len > MSG_TOPIC_MAX || json_string_value(topic)[0] == '@') {
        control_refuse(job, ERRKIND_INVALID,
                       "topic: must not be empty, nor begin with @, nor be longer than %d bytes",
                       MSG_TOPIC_MAX);
        return false;
    }
    *payload = (struct vm_args){0};
    json_t *list = json_array();
    bool ok = list && (!value || json_is_null(value) || json_array_append(list, value) == 0);
    snprintf(err, sizeof err, "not enough memory");
    ok = ok && values_from_json(list, "payload", payload, err, sizeof err);
    json_decref(list);
    if (!ok)
        control_refuse(job, ERRKIND_INVALID, "%s", err);
    return ok;
}

void control_op_SEND(struct control_job *job) {
    const json_t *topic = control_any(&job->request, "topic");
    struct vm_args payload;
    struct pid pid = control_target(job);
    if (pid_none(pid) || !read_message(job, &payload))
        return;
    size_t len = json_string_length(topic);
    struct msg *m = msg_new(MSG_USER, len, payload.len);
    if (m) {
        m->topic_hash = msg_hash(json_string_value(topic), len);
        memcpy(m->bytes, json_string_value(topic), len);
        if (payload.len)
            memcpy(msg_data(m), payload.data, payload.len);
    }
    mem_free((char *)(uintptr_t)payload.data);
    enum send_status s = m ? proc_post(sched_self, pid, m) : SEND_FULL;
    if (s == SEND_OK) {
        reply_pid(job, pid);
        return;
    }
    if (m)
        msg_free(m);
    refuse_status(job, s);
}

/* --- errands ------------------------------------------------------------------------------------------------------ */

struct waiting {
    struct control *c;
    uint64_t serial;
    enum errand_kind kind;
};

/* In a worker's thread. */
static void put_outcome(const struct waiting *w, const struct errand_result *r, struct text *out) {
    struct node *n = sched_self->node;
    text_str(out, w->kind == ERRAND_CALL ? "{\"from\":" : "{\"pid\":");
    control_put_pid(out, n, r->pid);
    if (w->kind == ERRAND_CALL) {
        text_str(out, ",\"topic\":");
        text_json(out, r->topic, r->topic_len);
    }
    if (w->kind != ERRAND_SPAWN) {
        text_str(out, ",\"value\":");
        out->failed |= !values_to_json(r->data, r->len, out);
    }
    text_char(out, '}');
}

static void on_done(void *ud, const struct errand_result *r) {
    struct waiting *w = ud;
    struct text out;
    text_open(&out);
    if (!r->failure)
        put_outcome(w, r, &out);
    if (r->failure)
        control_post(w->c, w->serial, false, r->failure->kind, r->failure->message, r->failure->message_len);
    else if (out.failed)
        control_post(w->c, w->serial, false, ERRKIND_RATE_LIMITED, "not enough memory for the result", 32);
    else
        control_post(w->c, w->serial, true, ERRKIND_UNKNOWN, out.s, out.len);
    text_close(&out);
    mem_free(w);
}

static void end_errand(struct control_job *job) {
    const struct pid *errand = job->data;
    if (!job->noted)
        errand_end(*errand,
                   failure_format(ERRKIND_CANCELED, EXIT_TERMINATED, "nobody waits for it any more"));
    mem_free(job->data);
}

static void no_answer(struct control_job *job) {
    const struct control_request *r = &job->request;
    if (r->op == CONTROL_OP_CALL)
        control_refuse(job, ERRKIND_TIMEOUT, "%s: no answer in time", control_str(r, "pid"));
    else
        control_refuse(job, ERRKIND_TIMEOUT, "%s: not done in time; it goes on", control_str(r, "entry"));
}

static void send_errand(struct control_job *job, struct errand_order *o, int64_t patience) {
    struct waiting *w = mem_calloc(1, sizeof *w);
    struct pid *errand = mem_calloc(1, sizeof *errand);
    o->system = app_system_host(job->c->d.app);
    o->done = on_done;
    o->ud = w;
    if (w && errand) {
        *w = (struct waiting){job->c, job->serial, o->kind};
        *errand = errand_start(o);
    }
    if (!errand || pid_none(*errand)) {
        mem_free(w);
        mem_free(errand);
        control_refuse(job, ERRKIND_RATE_LIMITED, "not enough memory");
        return;
    }
    job->data = errand;
    job->gone = end_errand;
    job->about = control_str(&job->request, o->kind == ERRAND_CALL ? "pid" : "entry");
    control_later(job, seconds(patience), no_answer);
}

void control_op_CALL(struct control_job *job) {
    const json_t *topic = control_any(&job->request, "topic");
    struct vm_args payload;
    struct pid pid = control_target(job);
    if (pid_none(pid) || !read_message(job, &payload))
        return;
    struct errand_order o = {.kind = ERRAND_CALL,
                             .to = pid,
                             .topic = json_string_value(topic),
                             .topic_len = json_string_length(topic),
                             .data = payload.data,
                             .len = payload.len};
    send_errand(job, &o, control_dur(&job->request, "wait", CALL_WAIT));
    mem_free((char *)(uintptr_t)payload.data);
}

/* Where an entry runs: where it was asked to, where its definition says, or on the only host. NULL: the job was refused. */
static struct host *find_host(struct control_job *job, const struct cfg_entry *e) {
    const char *name = control_str(&job->request, "host");
    struct app *app = job->c->d.app;
    const struct cfg_entry *host = name ? cfg_resolve(app_config(app), e->ns, name) : e->code->host;
    char err[512];
    if (!host && !name)
        host = cfg_default_host(app_config(app));
    if (!host && name)
        control_refuse(job, ERRKIND_NOT_FOUND, "%s: host not found", name);
    else if (!host)
        control_refuse(job, ERRKIND_INVALID, "%s: several hosts could run it; say which", e->id);
    else if (host->kind != CFG_KIND_HOST)
        control_refuse(job, ERRKIND_INVALID, "%s: is no host but of kind %s", host->id, host->kind_word);
    else {
        struct host *h = app_host(app, host, err, sizeof err);
        if (!h)
            control_refuse(job, ERRKIND_UNAVAILABLE, "%s", err);
        return h;
    }
    return NULL;
}

void control_op_SPAWN(struct control_job *job) {
    const struct control_request *r = &job->request;
    const char *id = control_str(r, "entry");
    const struct cfg_entry *e = cfg_find(app_config(job->c->d.app), id);
    struct errand_order o = {.kind = control_any(r, "wait") ? ERRAND_EXEC : ERRAND_SPAWN,
                             .vm = app_vm(job->c->d.app)};
    char err[512];
    if (!e) {
        control_refuse(job, ERRKIND_NOT_FOUND, "%s: entry not found", id);
        return;
    }
    if (e->kind != CFG_KIND_PROCESS && e->kind != CFG_KIND_FUNCTION) {
        control_refuse(job, ERRKIND_INVALID, "%s: is no program but of kind %s", id, e->kind_word);
        return;
    }
    o.entry = e->id;
    o.host = find_host(job, e);
    if (!o.host)
        return;
    if (!values_from_json(control_any(r, "args"), "argument", &o.args, err, sizeof err)) {
        control_refuse(job, ERRKIND_INVALID, "%s", err);
        return;
    }
    send_errand(job, &o, control_dur(r, "wait", START_WAIT));
    mem_free((char *)(uintptr_t)o.args.data);
}
