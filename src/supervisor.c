#include "src/supervisor.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/dur.h"
#include "src/input.h"
#include "src/log.h"

#define STOP_REASON "service stopping"

struct supervisor {
    struct supervisor_options o;
    struct node *node;
    struct pid pid;
    pthread_mutex_t lock; /* guards `set` and what hangs on it, against those who look */
    struct services set;
    struct run *runs;  /* by pid */
    bool news;         /* something changed since changed() was called last */
    uint64_t plans;    /* how many were used: only by who owns the node */
    uint64_t in_force; /* the plan that was carried out last */

    /* Only inside the process, except where said. */
    struct timer timer;
    atomic_bool under_way; /* the signal is in the mailbox: relaxed, the mailbox orders it */
    int64_t armed;         /* for when the timer was started last */
    struct msg signal;     /* the timer's, pushed when it is due; last, for its open end */
};

/* What the supervisor knows of a service besides its state: service.run. */
struct run {
    UT_hash_handle hh;
    uint64_t key; /* pid.n; 0: no process, not in the table */
    struct pid pid;
    struct service *service;
    struct failure *last;
};

/* service_def.data */
struct job {
    struct config *config; /* a reference: the definition points into it */
    struct vm_args args;
};

/* --- definitions -------------------------------------------------------------------------------------------------- */

static void job_free(struct job *job) {
    if (!job)
        return;
    cfg_unref(job->config);
    mem_free((char *)(uintptr_t)job->args.data);
    mem_free(job);
}

struct defs {
    struct service_def *v;
    size_t n;
};

static void defs_free(struct defs *d) {
    for (size_t i = 0; i < d->n; i++)
        job_free(d->v[i].data);
    mem_free(d->v);
    *d = (struct defs){0};
}

static bool has_changed(const struct cfg_diff *diff, const struct cfg_entry *e) {
    for (size_t i = 0; diff && i < cfg_diff_count(diff); i++) {
        const struct cfg_change *c = cfg_diff_at(diff, i);
        if (c->after == e)
            return c->fields[CFG_RELOAD_SERVICE];
    }
    return false;
}

static struct job *job_new(struct config *c, const struct cfg_entry *e, char *err, size_t cap) {
    char why[256];
    struct job *job = mem_calloc(1, sizeof *job);
    if (!job || !input_encode(e->service->input, &job->args, why, sizeof why)) {
        snprintf(err, cap, "service %s: %s", e->id, job ? why : "not enough memory");
        mem_free(job);
        return NULL;
    }
    job->config = cfg_ref(c);
    return job;
}

static bool defs_make(struct defs *d, struct config *c, const struct cfg_diff *diff, char *err, size_t cap) {
    size_t count = cfg_entry_count(c);
    d->n = 0;
    d->v = mem_calloc(count + 1, sizeof *d->v);
    if (!d->v) {
        snprintf(err, cap, "not enough memory for %zu entries", count);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const struct cfg_entry *e = cfg_entry_at(c, i);
        if (e->kind != CFG_KIND_SERVICE)
            continue;
        struct job *job = job_new(c, e, err, cap);
        if (!job) {
            defs_free(d);
            return false;
        }
        d->v[d->n++] = (struct service_def){.cfg = e->service, .changed = has_changed(diff, e), .data = job};
    }
    return true;
}

/* --- processes of services ------------------------------------------------------------------------------------------ */

static struct run *run_of(struct service *s) {
    if (!s->run && (s->run = mem_calloc(1, sizeof(struct run))))
        ((struct run *)s->run)->service = s;
    return s->run;
}

static struct run *find_run(struct supervisor *sup, struct pid pid) {
    struct run *r;
    HASH_FIND(hh, sup->runs, &pid.n, sizeof pid.n, r);
    return r;
}

static void forget_pid(struct supervisor *sup, struct run *r) {
    if (!r->key)
        return;
    HASH_DEL(sup->runs, r);
    r->key = 0;
    r->pid = (struct pid){0};
}

static void set_failure(struct run *r, struct failure *f) {
    failure_release(r->last);
    r->last = f;
}

static enum service_event op_spawn(void *ud, struct service *s) {
    struct supervisor *sup = ud;
    const struct cfg_service *cfg = s->def.cfg;
    const struct job *job = s->def.data;
    struct run *r = run_of(s);
    if (!r)
        return SERVICE_EV_DOWN;
    struct host *host = node_host(sup->node, cfg->host->id, strlen(cfg->host->id));
    struct failure *f = NULL;
    if (host)
        r->pid = vm_spawn(sup->o.vm, cfg->process->id, host, sched_self->current, true, &job->args, &f);
    else
        f = failure_format(ERRKIND_NOT_FOUND, EXIT_START, "host not found: %s", cfg->host->id);
    set_failure(r, f);
    if (f)
        return service_ended(f);
    r->key = r->pid.n;
    HASH_ADD(hh, sup->runs, key, sizeof r->key, r);
    return SERVICE_EV_START;
}

static void op_cancel(void *ud, struct service *s) {
    const struct run *r = s->run;
    const struct supervisor *sup = ud;
    if (r && r->key)
        proc_cancel(sched_self, r->pid, sup->pid, STOP_REASON, sizeof STOP_REASON - 1);
}

static void op_kill(void *ud, struct service *s) {
    const struct run *r = s->run;
    const struct supervisor *sup = ud;
    const struct cfg_lifecycle *life = &s->def.cfg->lifecycle;
    bool stopping = s->fsm.state == SERVICE_STOPPING;
    char span[DUR_TEXT_MAX];
    struct failure *f;
    if (!r || !r->key)
        return;
    dur_format(stopping ? life->stop_timeout : life->start_timeout, span, sizeof span);
    if (sup->set.stopping && sup->set.kill_at == SERVICE_NEVER)
        f = failure_format(ERRKIND_TIMEOUT, EXIT_TERMINATED,
                           "service %s: the time for stopping everything is over", s->id);
    else
        f = failure_format(ERRKIND_TIMEOUT, EXIT_TERMINATED, "service %s: not %s within %s", s->id,
                           stopping ? "stopped" : "started", span);
    if (stopping)
        log_warn("service does not stop: terminated", LOG_STR("service", s->id));
    proc_kill(sched_self, r->pid, f);
}

static void op_drop(void *ud, struct service_def *def) {
    job_free(def->data);
}

static void op_forget(void *ud, struct service *s) {
    struct supervisor *sup = ud;
    struct run *r = s->run;
    sup->news = true;
    if (!r)
        return;
    forget_pid(sup, r);
    failure_release(r->last);
    mem_free(r);
}

/* --- what is told ------------------------------------------------------------------------------------------------------ */

static const char *reason_of(const struct service *s) {
    const struct run *r = s->run;
    return !r ? "not enough memory" : r->last ? r->last->message : NULL;
}

static void tell_failure(const struct service *s, unsigned did, int64_t now) {
    const struct run *r = s->run;
    const struct failure *f = r ? r->last : NULL;
    /* Of a process that failed after it had started, there is a crash report. */
    const char *stack = f && f->how == EXIT_START && f->stack_len ? f->stack : NULL;
    const char *how = f ? exit_how_text(f->how) : NULL, *reason = reason_of(s);
    if (did & SERVICE_DID_GIVE_UP)
        log_error("service failed for good", LOG_STR("service", s->id), LOG_STR("reason", reason),
                  LOG_STR("how", how), LOG_INT("attempts", s->fsm.attempts), LOG_STR("stack", stack));
    else
        log_warn("service failed", LOG_STR("service", s->id), LOG_STR("reason", reason), LOG_STR("how", how),
                 LOG_INT("attempt", s->fsm.attempts), LOG_DUR("restart_in", s->fsm.due - now),
                 LOG_STR("stack", stack));
}

static void tell_running(const struct supervisor *sup, const struct service *s) {
    const struct run *r = s->run;
    char pid[PID_TEXT_MAX];
    node_pid_text(sup->node, r->pid, pid);
    log_rarely_at(sup->o.level, "service running", LOG_STR("service", s->id), LOG_STR("process", pid));
}

static void op_changed(void *ud, struct service *s, enum service_state before, unsigned did) {
    struct supervisor *sup = ud;
    const char *reason = reason_of(s);
    sup->news = true;
    switch (s->fsm.state) {
    case SERVICE_UNKNOWN:
        break;
    case SERVICE_STARTING:
        log_rarely_at(CFG_LEVEL_DEBUG, "service starting", LOG_STR("service", s->id));
        break;
    case SERVICE_RUNNING:
        tell_running(sup, s);
        break;
    case SERVICE_STOPPING:
        log_rarely_at(CFG_LEVEL_DEBUG, "service stopping", LOG_STR("service", s->id));
        break;
    case SERVICE_STOPPED:
        if (before == SERVICE_STOPPING)
            log_rarely_at(sup->o.level, "service stopped", LOG_STR("service", s->id));
        break;
    case SERVICE_FAILED:
        tell_failure(s, did, s->fsm.since);
        break;
    case SERVICE_EXITED:
        if (reason)
            log_warn("service ended with a failure that is not retried", LOG_STR("service", s->id),
                     LOG_STR("reason", reason));
        else
            log_rarely_at(sup->o.level, "service ended", LOG_STR("service", s->id));
        break;
    case SERVICE_STATE_COUNT:
        break;
    }
}

static const struct services_ops ops = {op_spawn, op_cancel, op_kill, op_changed, op_drop, op_forget};

/* --- the timer ------------------------------------------------------------------------------------------------------------ */

static struct supervisor *of_signal(struct msg *m) {
    return (struct supervisor *)((char *)m - offsetof(struct supervisor, signal));
}

/* It was in the mailbox when the process ended. */
static void signal_dropped(struct msg *m) {
    atomic_store_explicit(&of_signal(m)->under_way, false, memory_order_relaxed);
}

/* Under the wheel's lock, on whatever thread fires. */
static void fire(struct sched_thread *t, struct timer *tm) {
    struct supervisor *sup = (struct supervisor *)((char *)tm - offsetof(struct supervisor, timer));
    atomic_store_explicit(&sup->under_way, true, memory_order_relaxed);
    if (proc_post(t, sup->pid, &sup->signal) != SEND_OK)
        atomic_store_explicit(&sup->under_way, false, memory_order_relaxed);
}

/* The timer shall fire at `when`. Does nothing while its signal is under way: that makes the process look again. */
static void arm(struct supervisor *sup, int64_t when) {
    if (when == sup->armed || atomic_load_explicit(&sup->under_way, memory_order_relaxed))
        return;
    if (sup->armed != SERVICE_NEVER && !wheel_stop(&sup->timer) &&
        atomic_load_explicit(&sup->under_way, memory_order_relaxed))
        return;
    sup->armed = when;
    if (when != SERVICE_NEVER)
        wheel_start(&sched_self->worker->wheel, &sup->timer, when);
}

/* --- the process ------------------------------------------------------------------------------------------------------------ */

/* With the lock. */
static void started(struct supervisor *sup, const struct msg *m) {
    struct run *r = find_run(sup, m->from);
    if (r && m->aux == VM_REPLY_STARTED && !m->u.ptr)
        services_event(&sup->set, r->service, SERVICE_EV_UP, clock_mono_ns());
}

/* With the lock. */
static void ended(struct supervisor *sup, const struct msg *m) {
    struct run *r = find_run(sup, m->from);
    if (!r)
        return;
    forget_pid(sup, r);
    set_failure(r, failure_hold(m->u.failure));
    services_event(&sup->set, r->service, service_ended(m->u.failure), clock_mono_ns());
}

static void deliver(struct proc *p, struct msg *m) {
    struct supervisor *sup = p->data;
    if (m->kind == MSG_TIMER) {
        atomic_store_explicit(&sup->under_way, false, memory_order_relaxed);
        sup->armed = SERVICE_NEVER;
        return;
    }
    proc_consumed(p, m);
    pthread_mutex_lock(&sup->lock);
    if (m->kind == MSG_REPLY)
        started(sup, m);
    else if (m->kind == MSG_EXIT)
        ended(sup, m);
    pthread_mutex_unlock(&sup->lock);
    msg_free(m);
}

static enum step step(struct proc *p) {
    struct supervisor *sup = p->data;
    bool more;
    pthread_mutex_lock(&sup->lock);
    do
        more = services_work(&sup->set, clock_mono_ns());
    while (more && !worker_must_yield(sched_self->worker));
    int64_t next = services_next(&sup->set);
    bool news = sup->news;
    sup->news = false;
    pthread_mutex_unlock(&sup->lock);
    if (news)
        sup->o.changed(sup->o.ud);
    if (more)
        return STEP_AGAIN;
    arm(sup, next);
    return STEP_WAIT;
}

static void close_process(struct proc *p) {
    struct supervisor *sup = p->data;
    wheel_stop(&sup->timer); /* afterwards nobody fires it */
}

static const struct behaviour behaviour = {
    .name = "supervisor", .deliver = deliver, .step = step, .close = close_process};

static bool spawn_self(struct supervisor *sup) {
    struct spawn how = {.host = sup->o.host,
                        .behaviour = &behaviour,
                        .data = sup,
                        .label = "supervisor",
                        .flags = PROC_SYSTEM};
    enum spawn_status status;
    struct proc *p = proc_new(sched_self, &how, &status);
    if (!p)
        return false;
    sup->pid = p->pid;
    proc_start(sched_self, p);
    return true;
}

/* --- orders -------------------------------------------------------------------------------------------------------------------- */

struct order {
    struct supervisor *sup;
    void (*fn)(struct order *o, int64_t now); /* in the process, with the lock */
    struct defs defs;
    uint64_t plan; /* its number */
    int64_t timeout;
    enum supervisor_command command;
    char *id;
    struct msg m; /* last, for its open end */
};

static void order_free(struct order *o) {
    defs_free(&o->defs);
    mem_free(o->id);
    mem_free(o);
}

static void carry_out(struct proc *p, struct msg *m) {
    struct order *o = (struct order *)((char *)m - offsetof(struct order, m));
    if (p) { /* NULL: the process has ended */
        pthread_mutex_lock(&o->sup->lock);
        o->fn(o, clock_mono_ns());
        o->sup->news = true;
        pthread_mutex_unlock(&o->sup->lock);
    }
    order_free(o);
}

static struct order *order_new(struct supervisor *sup, void (*fn)(struct order *o, int64_t now)) {
    struct order *o = mem_calloc(1, sizeof *o);
    if (!o)
        return NULL;
    o->sup = sup;
    o->fn = fn;
    o->m.kind = SIG_CALL;
    o->m.u.call = carry_out;
    return o;
}

static bool send(struct order *o) {
    if (!o)
        return false;
    if (proc_post(sched_self, o->sup->pid, &o->m) == SEND_OK)
        return true;
    order_free(o);
    return false;
}

static void do_boot(struct order *o, int64_t now) {
    services_boot(&o->sup->set);
}

bool supervisor_boot(struct supervisor *sup) {
    return send(order_new(sup, do_boot));
}

static void do_stop(struct order *o, int64_t now) {
    services_stop_all(&o->sup->set, o->timeout < SERVICE_NEVER - now ? now + o->timeout : SERVICE_NEVER - 1);
}

bool supervisor_stop(struct supervisor *sup, int64_t timeout_ns) {
    struct order *o = order_new(sup, do_stop);
    if (o)
        o->timeout = timeout_ns;
    return send(o);
}

static void do_reload(struct order *o, int64_t now) {
    struct supervisor *sup = o->sup;
    sup->in_force = o->plan;
    if (!sup->set.stopping && services_load(&sup->set, o->defs.v, o->defs.n, o->plan, now))
        o->defs.n = 0; /* taken over */
    else
        log_error("services were not reloaded: not enough memory, or the daemon stops");
}

struct order *supervisor_plan(struct supervisor *sup, struct config *c, const struct cfg_diff *diff,
                              char *err, size_t cap) {
    struct order *o = order_new(sup, do_reload);
    if (!o) {
        snprintf(err, cap, "not enough memory");
        return NULL;
    }
    if (defs_make(&o->defs, c, diff, err, cap))
        return o;
    order_free(o);
    return NULL;
}

void supervisor_use(struct order *plan) {
    plan->plan = ++plan->sup->plans;
    send(plan);
}

uint64_t supervisor_last_plan(const struct supervisor *sup) {
    return sup->plans;
}

bool supervisor_settled(struct supervisor *sup, uint64_t plan) {
    pthread_mutex_lock(&sup->lock);
    bool settled = sup->in_force >= plan && services_settled(&sup->set, plan);
    pthread_mutex_unlock(&sup->lock);
    return settled;
}

void supervisor_forget(struct order *plan) {
    if (plan)
        order_free(plan);
}

static void do_command(struct order *o, int64_t now) {
    struct services *set = &o->sup->set;
    struct service *s = services_find(set, o->id);
    if (!s)
        return; /* removed meanwhile */
    switch (o->command) {
    case SUPERVISOR_START:
        services_start(set, s);
        break;
    case SUPERVISOR_STOP:
        services_stop(set, s);
        break;
    case SUPERVISOR_RESTART:
        services_restart(set, s, now);
        break;
    }
}

bool supervisor_command(struct supervisor *sup, enum supervisor_command what, const char *id) {
    pthread_mutex_lock(&sup->lock);
    bool known = services_find(&sup->set, id);
    pthread_mutex_unlock(&sup->lock);
    struct order *o = known ? order_new(sup, do_command) : NULL;
    if (!o)
        return false;
    o->command = what;
    o->id = mem_strdup(id);
    if (o->id)
        return send(o);
    order_free(o);
    return false;
}

/* --- looking ----------------------------------------------------------------------------------------------------------------------- */

static void explain(const struct services *set, char *buf, size_t cap) {
    const struct service *culprit = set->culprit, *victim = set->victim;
    if (!culprit) {
        snprintf(buf, cap, "a required service failed, and was removed since");
        return;
    }
    const char *reason = reason_of(culprit);
    const char *what = culprit->has_run ? "failed for good" : "failed to start";
    if (!reason)
        reason = "it ended";
    if (culprit == victim)
        snprintf(buf, cap, "required service %s %s: %s", culprit->id, what, reason);
    else
        snprintf(buf, cap, "required service %s needs %s, which %s: %s", victim->id, culprit->id, what,
                 reason);
}

void supervisor_status(struct supervisor *sup, struct supervisor_status *st) {
    memset(st, 0, sizeof *st);
    pthread_mutex_lock(&sup->lock);
    st->boot = sup->set.boot;
    st->stopped = services_stopped(&sup->set);
    services_each(&sup->set, s) st->states[s->fsm.state]++;
    if (st->boot == BOOT_FAILED)
        explain(&sup->set, st->reason, sizeof st->reason);
    pthread_mutex_unlock(&sup->lock);
}

void supervisor_each(struct supervisor *sup, void (*fn)(void *ud, const struct supervisor_service *s),
                     void *ud) {
    pthread_mutex_lock(&sup->lock);
    services_each(&sup->set, s) {
        const struct run *r = s->run;
        const struct supervisor_service view = {.id = s->id,
                                                .state = s->fsm.state,
                                                .final = s->fsm.final,
                                                .pid = r ? r->pid : (struct pid){0},
                                                .since = s->fsm.since,
                                                .due = s->fsm.state == SERVICE_FAILED ? s->fsm.due
                                                                                      : SERVICE_NEVER,
                                                .attempts = s->fsm.attempts,
                                                .restarts = s->restarts,
                                                .reason = r && r->last ? r->last->message : NULL,
                                                .plan = s->load,
                                                .settled = service_settled(s)};
        fn(ud, &view);
    }
    pthread_mutex_unlock(&sup->lock);
}

/* --- life ---------------------------------------------------------------------------------------------------------------------------- */

struct supervisor *supervisor_open(const struct supervisor_options *o, struct config *c, char *err,
                                   size_t cap) {
    struct supervisor *sup = mem_calloc(1, sizeof *sup);
    struct defs defs = {0};
    uint64_t seed = 0;
    if (!sup) {
        snprintf(err, cap, "supervisor: not enough memory");
        return NULL;
    }
    sup->o = *o;
    sup->node = o->host->node;
    sup->armed = SERVICE_NEVER;
    sup->timer.fire = fire;
    sup->timer.own = true;
    sup->signal.kind = MSG_TIMER;
    sup->signal.release = signal_dropped;
    pthread_mutex_init(&sup->lock, NULL);
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != (ssize_t)sizeof seed)
        seed = (uint64_t)clock_wall_ns();
    services_open(&sup->set, &ops, sup, seed);
    if (!defs_make(&defs, c, NULL, err, cap)) {
        supervisor_close(sup);
        return NULL;
    }
    if (!services_load(&sup->set, defs.v, defs.n, 0, clock_mono_ns())) {
        snprintf(err, cap, "supervisor: not enough memory for %zu services", defs.n);
        defs_free(&defs);
        supervisor_close(sup);
        return NULL;
    }
    mem_free(defs.v);
    if (!spawn_self(sup)) {
        snprintf(err, cap, "supervisor: not enough memory for its process");
        supervisor_close(sup);
        return NULL;
    }
    return sup;
}

void supervisor_close(struct supervisor *sup) {
    if (!sup)
        return;
    services_close(&sup->set);
    pthread_mutex_destroy(&sup->lock);
    mem_free(sup);
}
