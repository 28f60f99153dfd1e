#include "src/errand.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

struct errand {
    struct errand_order o;
    char *entry, *args, *topic, *data; /* copies, in `o` */
    struct pid child;
    bool begun, told;
};

static void tell(struct errand *e, const struct errand_result *r) {
    if (e->told)
        return;
    e->told = true;
    e->o.done(e->o.ud, r);
}

static void fail(struct errand *e, const struct failure *f) {
    tell(e, &(struct errand_result){.failure = f, .pid = e->child});
}

__attribute__((format(printf, 3, 4))) static void fail_format(struct errand *e, enum errkind kind,
                                                              const char *fmt, ...) {
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    struct failure *f = failure_format(kind, EXIT_START, "%s", text);
    fail(e, f);
    failure_release(f);
}

/* --- what it gets -------------------------------------------------------------------------------------------------- */

static void on_ended(struct errand *e, const struct msg *m) {
    const struct failure *f = m->u.failure;
    if (e->o.kind == ERRAND_CALL)
        fail_format(e, ERRKIND_UNAVAILABLE, "the process ended before it answered%s%s", f ? ": " : "",
                    f ? f->message : "");
    else if (f)
        fail(e, f);
    else
        tell(e, &(struct errand_result){
                    .pid = e->child, .data = msg_data((struct msg *)(uintptr_t)m), .len = m->data_len});
}

static void on_message(struct errand *e, struct msg *m) {
    tell(e, &(struct errand_result){.pid = m->from,
                                    .topic = m->bytes,
                                    .topic_len = m->topic_len,
                                    .data = msg_data(m),
                                    .len = m->data_len});
}

static void on_started(struct errand *e, const struct msg *m) {
    if (m->u.ptr)
        fail(e, m->u.ptr);
    else if (e->o.kind == ERRAND_SPAWN)
        tell(e, &(struct errand_result){.pid = e->child});
}

static void deliver(struct proc *p, struct msg *m) {
    struct errand *e = p->data;
    proc_consumed(p, m);
    if (m->kind == MSG_EXIT)
        on_ended(e, m);
    else if (m->kind == MSG_USER && e->o.kind == ERRAND_CALL)
        on_message(e, m);
    else if (m->kind == MSG_REPLY && m->aux == VM_REPLY_STARTED)
        on_started(e, m);
    msg_free(m);
}

/* --- what it does -------------------------------------------------------------------------------------------------- */

static void start_child(struct proc *p, struct errand *e) {
    struct failure *f = NULL;
    e->child = vm_spawn(e->o.vm, e->o.entry, e->o.host, p, true, &e->o.args, &f);
    if (f)
        fail(e, f);
    failure_release(f);
}

static void send_call(struct proc *p, struct errand *e) {
    struct msg *m = msg_new(MSG_USER, e->o.topic_len, e->o.len);
    if (!m) {
        fail_format(e, ERRKIND_RATE_LIMITED, "not enough memory");
        return;
    }
    m->from = p->pid;
    m->topic_hash = msg_hash(e->o.topic, e->o.topic_len);
    memcpy(m->bytes, e->o.topic, e->o.topic_len);
    if (e->o.len)
        memcpy(msg_data(m), e->o.data, e->o.len);
    /* First the watch: whatever ends it from now on is seen. */
    enum relation_status watched = proc_monitor(p, e->o.to);
    enum send_status sent = watched == REL_OK ? proc_post(sched_self, e->o.to, m) : SEND_NOT_FOUND;
    if (sent == SEND_OK)
        return;
    msg_free(m);
    if (watched == REL_NO_MEMORY)
        fail_format(e, ERRKIND_RATE_LIMITED, "not enough memory");
    else if (sent == SEND_FULL)
        fail_format(e, ERRKIND_RATE_LIMITED, "mailbox full");
    else
        fail_format(e, ERRKIND_NOT_FOUND, "process not found");
}

static enum step step(struct proc *p) {
    struct errand *e = p->data;
    if (!e->begun) {
        e->begun = true;
        if (e->o.kind == ERRAND_CALL)
            send_call(p, e);
        else
            start_child(p, e);
    }
    return e->told ? STEP_EXIT : STEP_WAIT;
}

static void errand_free(struct errand *e) {
    mem_free(e->entry);
    mem_free(e->args);
    mem_free(e->topic);
    mem_free(e->data);
    mem_free(e);
}

static void close_process(struct proc *p) {
    struct errand *e = p->data;
    fail(e, p->failure); /* unless it was done: then this tells nobody */
    errand_free(e);
}

static const struct behaviour behaviour = {
    .name = "errand", .deliver = deliver, .step = step, .close = close_process};

/* --- life ---------------------------------------------------------------------------------------------------------- */

static void copy(char **to, const char *from, size_t len, bool *ok) {
    if (!from)
        return;
    *to = mem_strndup(from, len);
    *ok = *ok && *to;
}

static struct errand *errand_new(const struct errand_order *o) {
    struct errand *e = mem_calloc(1, sizeof *e);
    bool ok = e;
    if (!e)
        return NULL;
    e->o = *o;
    copy(&e->entry, o->entry, o->entry ? strlen(o->entry) : 0, &ok);
    copy(&e->args, o->args.data, o->args.len, &ok);
    copy(&e->topic, o->topic, o->topic_len, &ok);
    copy(&e->data, o->data, o->len, &ok);
    e->o.entry = e->entry;
    e->o.args.data = e->args;
    e->o.topic = e->topic;
    e->o.data = e->data;
    if (ok)
        return e;
    errand_free(e);
    return NULL;
}

struct pid errand_start(const struct errand_order *o) {
    struct errand *e = errand_new(o);
    struct spawn how = {
        .host = o->system, .behaviour = &behaviour, .data = e, .label = "control", .flags = PROC_SYSTEM};
    enum spawn_status status;
    struct proc *p = e ? proc_new(sched_self, &how, &status) : NULL;
    if (!p) {
        if (e)
            errand_free(e);
        return (struct pid){0};
    }
    struct pid pid = p->pid;
    proc_start(sched_self, p);
    return pid;
}

void errand_end(struct pid errand, struct failure *why) {
    proc_kill(sched_self, errand, why);
}
