/* What the control socket makes the daemon do: services, reload, shutdown, log level; and how it is. */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/dur.h"
#include "base/version.h"
#include "src/control_impl.h"
#include "src/log.h"

#define SERVICE_WAIT (30 * DUR_SEC)

/* --- how it is ---------------------------------------------------------------------------------------------------- */

static uint64_t count_processes(struct node *n) {
    uint64_t sum = 0;
    unsigned count = atomic_load_explicit(&n->host_count, memory_order_relaxed);
    for (unsigned i = 0; i < count; i++)
        sum += host_live(node_host_at(n, i));
    return sum;
}

void control_op_PING(struct control_job *job) {
    struct control *c = job->c;
    struct text why;
    text_open(&why);
    if (c->d.healthy(&why)) {
        text_printf(control_answer(job),
                    "{\"version\":\"" TROUPE_VERSION
                    "\",\"pid\":%ld,\"state\":\"%s\",\"uptime\":%.3f,\"processes\":%" PRIu64 "}",
                    (long)getpid(), c->d.state(), (double)(clock_mono_ns() - c->opened_ns) / 1e9,
                    count_processes(app_node(c->d.app)));
        control_answered(job);
    } else {
        control_refuse(job, ERRKIND_UNAVAILABLE, "%s", why.s);
    }
    text_close(&why);
}

/* --- services ----------------------------------------------------------------------------------------------------- */

struct wish {
    int64_t since; /* of the order: what is told of the service's state from before does not count */
};

struct found {
    const char *id;
    struct supervisor_service s;
    char reason[512];
};

static void find_service(void *ud, const struct supervisor_service *s) {
    struct found *f = ud;
    if (strcmp(s->id, f->id) != 0)
        return;
    f->s = *s;
    if (s->reason)
        snprintf(f->reason, sizeof f->reason, "%s", s->reason);
    f->s.reason = f->reason;
}

static void reply_service(struct control_job *job, const struct found *f) {
    struct text *out = control_answer(job);
    text_str(out, "{\"service\":");
    text_json(out, f->id, strlen(f->id));
    text_printf(out, ",\"state\":\"%s\"}", service_state_text(f->s.state));
    control_answered(job);
}

enum verdict { NOT_YET, DONE, FAILED };

static enum verdict judge(const struct control_job *job, const struct found *f) {
    const struct wish *wish = job->data;
    bool fresh = f->s.since >= wish->since;
    if (job->request.op == CONTROL_OP_STOP) {
        bool waits = f->s.state == SERVICE_FAILED && !f->s.final;
        return service_active(f->s.state) || waits ? NOT_YET : DONE;
    }
    if (f->s.state == SERVICE_RUNNING && (fresh || job->request.op == CONTROL_OP_START))
        return DONE;
    if (f->s.state == SERVICE_EXITED && fresh)
        return f->reason[0] ? FAILED : DONE;
    return f->s.state == SERVICE_FAILED && fresh ? FAILED : NOT_YET;
}

static struct found look_at_service(const struct control_job *job) {
    struct found f = {.id = control_str(&job->request, "service")};
    supervisor_each(app_supervisor(job->c->d.app), find_service, &f);
    return f;
}

/* Answers when what was asked for has come true, or will not. */
static void look_at_wish(struct control_job *job) {
    struct found f = look_at_service(job);
    if (!f.s.id) {
        control_refuse(job, ERRKIND_NOT_FOUND, "%s: service not found", f.id);
        return;
    }
    switch (judge(job, &f)) {
    case DONE:
        reply_service(job, &f);
        break;
    case FAILED:
        control_refuse(job, ERRKIND_UNAVAILABLE, "service %s: %s: %s", f.id, service_state_text(f.s.state),
                       f.reason);
        break;
    case NOT_YET:
        break;
    }
}

static void waited_enough(struct control_job *job) {
    struct found f = look_at_service(job);
    char span[DUR_TEXT_MAX];
    dur_format(control_dur(&job->request, "wait", SERVICE_WAIT), span, sizeof span);
    control_refuse(job, ERRKIND_TIMEOUT, "service %s: still %s after %s; the order stands", f.id,
                   f.s.id ? service_state_text(f.s.state) : "unknown", span);
}

/* Answering one may end its client, and all of that client's jobs: the walk begins anew then. */
static bool look_at_one(struct control *c, uint64_t *after) {
    struct control_job *next = NULL;
    for (struct control_job *job = c->jobs; job; job = job->hh.next)
        if (job->look && job->serial > *after && (!next || job->serial < next->serial))
            next = job;
    if (!next)
        return false;
    struct control_client *client = next->client;
    *after = next->serial;
    next->look(next);
    control_flush(client);
    return true;
}

void control_look(struct control *c) {
    uint64_t after = 0;
    while (c && look_at_one(c, &after))
        ;
}

/* The answer is given when `look` finds that the time has come, or by `enough`. */
static void wait_for_services(struct control_job *job, int64_t wait, void (*look)(struct control_job *job),
                              void (*enough)(struct control_job *job)) {
    job->look = look;
    control_later(job, (double)wait / 1e9, enough);
}

static void wish_free(struct control_job *job) {
    mem_free(job->data);
}

static void command(struct control_job *job, enum supervisor_command what) {
    const char *id = control_str(&job->request, "service");
    int64_t wait = control_dur(&job->request, "wait", SERVICE_WAIT);
    struct wish *wish = mem_calloc(1, sizeof *wish);
    char err[512];
    job->data = wish;
    job->gone = wish_free;
    if (!wish) {
        control_refuse(job, ERRKIND_RATE_LIMITED, "not enough memory");
        return;
    }
    wish->since = clock_mono_ns();
    struct found f = look_at_service(job);
    if (!f.s.id)
        control_refuse(job, ERRKIND_NOT_FOUND, "%s: service not found", id);
    else if (strcmp(job->c->d.state(), "stopping") == 0)
        control_refuse(job, ERRKIND_UNAVAILABLE, "service %s: the daemon is stopping", id);
    else if (!app_command(job->c->d.app, what, id, err, sizeof err))
        control_refuse(job, ERRKIND_RATE_LIMITED, "%s", err);
    else if (!wait)
        reply_service(job, &f);
    else
        wait_for_services(job, wait, look_at_wish, waited_enough);
}

void control_op_START(struct control_job *job) {
    command(job, SUPERVISOR_START);
}
void control_op_STOP(struct control_job *job) {
    command(job, SUPERVISOR_STOP);
}
void control_op_RESTART(struct control_job *job) {
    command(job, SUPERVISOR_RESTART);
}

/* --- the daemon --------------------------------------------------------------------------------------------------- */

static void put_change(struct text *out, const struct cfg_change *c, const char *fields,
                       enum cfg_reload when) {
    static const char *const words[] = {
        [CFG_ADDED] = "added", [CFG_REMOVED] = "removed", [CFG_CHANGED] = "changed"};
    const struct cfg_entry *e = c->after ? c->after : c->before;
    const char *name = e ? e->id : "settings";
    text_str(out, out->len ? ",{\"name\":" : "{\"name\":");
    text_json(out, name, strlen(name));
    text_printf(out, ",\"change\":\"%s\",\"fields\":", words[c->kind]);
    text_json(out, fields, strlen(fields));
    text_printf(out, ",\"effect\":\"%s\"}", cfg_reload_text(when));
}

void control_put_changes(struct text *out, struct config *before, struct config *after) {
    struct cfg_diff *diff = cfg_diff(before, after);
    if (!diff) {
        out->failed = true;
        return;
    }
    for (size_t i = 0; i < cfg_diff_count(diff); i++) {
        const struct cfg_change *c = cfg_diff_at(diff, i);
        if (c->kind != CFG_CHANGED)
            put_change(out, c, "", CFG_RELOAD_LIVE);
        for (unsigned r = 0; r < CFG_RELOAD_COUNT; r++)
            if (c->fields[r])
                put_change(out, c, c->fields[r], r);
    }
    cfg_diff_free(diff);
}

struct reloaded {
    struct text changes;
    uint64_t plan; /* the supervisor's; 0: nobody waits for it */
};

static void reloaded_free(struct control_job *job) {
    struct reloaded *r = job->data;
    text_close(&r->changes);
    mem_free(r);
}

struct put_planned {
    struct text *out;
    uint64_t plan;
    bool any;
};

static void put_planned(void *ud, const struct supervisor_service *s) {
    struct put_planned *put = ud;
    if (s->plan != put->plan)
        return;
    text_str(put->out, put->any ? ",{\"service\":" : "{\"service\":");
    text_json(put->out, s->id, strlen(s->id));
    text_printf(put->out, ",\"state\":\"%s\",\"settled\":%s,\"reason\":", service_state_text(s->state),
                s->settled ? "true" : "false");
    if (s->reason)
        text_json(put->out, s->reason, strlen(s->reason));
    else
        text_str(put->out, "null");
    text_char(put->out, '}');
    put->any = true;
}

static void reply_reloaded(struct control_job *job) {
    const struct reloaded *r = job->data;
    struct put_planned put = {.out = control_answer(job), .plan = r->plan};
    text_str(put.out, "{\"changes\":[");
    text_put(put.out, r->changes.s, r->changes.len);
    text_str(put.out, "],\"services\":[");
    if (r->plan)
        supervisor_each(app_supervisor(job->c->d.app), put_planned, &put);
    text_str(put.out, "]}");
    control_answered(job);
}

static void look_at_reload(struct control_job *job) {
    const struct reloaded *r = job->data;
    if (supervisor_settled(app_supervisor(job->c->d.app), r->plan))
        reply_reloaded(job);
}

void control_op_RELOAD(struct control_job *job) {
    int64_t wait = control_dur(&job->request, "wait", SERVICE_WAIT);
    struct reloaded *r = mem_calloc(1, sizeof *r);
    char err[4096];
    if (!r) {
        control_refuse(job, ERRKIND_RATE_LIMITED, "reload: not enough memory");
        return;
    }
    text_open(&r->changes);
    job->data = r;
    job->gone = reloaded_free;
    if (strcmp(job->c->d.state(), "stopping") == 0) {
        control_refuse(job, ERRKIND_UNAVAILABLE, "reload: the daemon is stopping");
    } else if (!job->c->d.reload(&r->changes, err, sizeof err)) {
        control_refuse(job, ERRKIND_INVALID, "%s", err);
    } else if (wait) {
        r->plan = supervisor_last_plan(app_supervisor(job->c->d.app));
        wait_for_services(job, wait, look_at_reload, reply_reloaded);
    } else {
        reply_reloaded(job);
    }
}

void control_op_SHUTDOWN(struct control_job *job) {
    struct control *c = job->c;
    control_reply(job, "{}", 2);
    c->d.shutdown();
}

void control_op_LOG_LEVEL(struct control_job *job) {
    const char *word = control_str(&job->request, "level");
    static const enum cfg_level levels[] = {CFG_LEVEL_DEBUG, CFG_LEVEL_INFO, CFG_LEVEL_WARN, CFG_LEVEL_ERROR};
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        if (strcmp(log_level_text(levels[i]), word) != 0)
            continue;
        log_set_level(levels[i]);
        text_printf(control_answer(job), "{\"level\":\"%s\"}", word);
        control_answered(job);
        return;
    }
    control_refuse(job, ERRKIND_INVALID, "level %.64s: must be debug, info, warn or error", word);
}
