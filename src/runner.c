#include "src/runner.h"

#include <string.h>

#include "base/alloc.h"

struct runner {
    struct runner_options o;
    char *entry, *args;
    struct pid pid;
    pthread_mutex_t lock; /* guards the rest */
    struct pid program;
    bool begun, ended;
    struct failure *failure;
    char *result;
    size_t result_len;
};

/* With the lock. */
static void end(struct runner *r, struct failure *f, const char *result, size_t len) {
    r->ended = true;
    r->failure = f;
    if (f || !len)
        return;
    r->result = mem_alloc(len);
    r->result_len = len;
    if (r->result)
        memcpy(r->result, result, len);
    else
        r->failure = failure_format(ERRKIND_RATE_LIMITED, EXIT_LIMIT, "result: not enough memory");
}

static void deliver(struct proc *p, struct msg *m) {
    struct runner *r = p->data;
    proc_consumed(p, m);
    if (m->kind == MSG_EXIT) {
        pthread_mutex_lock(&r->lock);
        end(r, failure_hold(m->u.failure), msg_data(m), m->data_len);
        pthread_mutex_unlock(&r->lock);
        r->o.changed(r->o.ud);
    }
    msg_free(m);
}

static enum step step(struct proc *p) {
    struct runner *r = p->data;
    struct failure *f = NULL;
    if (r->begun)
        return STEP_WAIT;
    r->begun = true;
    pthread_mutex_lock(&r->lock);
    r->program = vm_spawn(r->o.vm, r->entry, r->o.host, p, true, &r->o.args, &f);
    if (f)
        end(r, f, NULL, 0);
    pthread_mutex_unlock(&r->lock);
    if (f)
        r->o.changed(r->o.ud);
    return STEP_WAIT;
}

static void close_process(struct proc *p) {
}

static const struct behaviour behaviour = {
    .name = "runner", .deliver = deliver, .step = step, .close = close_process};

struct runner *runner_open(const struct runner_options *o) {
    struct runner *r = mem_calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->o = *o;
    pthread_mutex_init(&r->lock, NULL);
    r->entry = mem_strdup(o->entry);
    r->args = mem_strndup(o->args.data ? o->args.data : "", o->args.len);
    struct spawn how = {
        .host = o->system, .behaviour = &behaviour, .data = r, .label = "runner", .flags = PROC_SYSTEM};
    enum spawn_status status;
    struct proc *p = r->entry && r->args ? proc_new(sched_self, &how, &status) : NULL;
    if (!p) {
        runner_close(r);
        return NULL;
    }
    r->o.args.data = r->args;
    r->pid = p->pid;
    if (o->born)
        o->born(p->pid);
    proc_start(sched_self, p);
    return r;
}

void runner_close(struct runner *r) {
    if (!r)
        return;
    failure_release(r->failure);
    pthread_mutex_destroy(&r->lock);
    mem_free(r->entry);
    mem_free(r->args);
    mem_free(r->result);
    mem_free(r);
}

void runner_cancel(struct runner *r, const char *reason) {
    pthread_mutex_lock(&r->lock);
    struct pid program = r->program;
    pthread_mutex_unlock(&r->lock);
    if (!pid_none(program))
        proc_cancel(sched_self, program, r->pid, reason, strlen(reason));
}

void runner_outcome(struct runner *r, struct runner_outcome *out) {
    pthread_mutex_lock(&r->lock);
    *out = (struct runner_outcome){r->ended, r->failure, r->result, r->result_len};
    pthread_mutex_unlock(&r->lock);
}
