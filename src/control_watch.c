/* What the control socket shows as it happens: traces and profiles. Each is bounded in time and number. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/dur.h"
#include "sched/trace.h"
#include "src/control_impl.h"
#include "vm/profile.h"

#define TRACE_EVERY_S 0.05
#define TRACE_FOR (10 * DUR_SEC)
#define TRACE_FOR_MAX DUR_HOUR
#define TRACE_EVENTS 1000
#define PROFILE_FOR (5 * DUR_SEC)
#define PROFILE_FOR_MAX (10 * DUR_MIN)
#define PROFILE_RATE 99 /* not a divisor of what programs do at round intervals */
#define PROFILE_RATE_MAX 1000
#define STACKS_PER_LINE 64

/* What "of" means: a pid, an entry, or a registered name. false: the job was refused. */
static bool find_of(struct control_job *job, struct pid *pid, const char **entry) {
    const json_t *arg = control_any(&job->request, "of");
    const char *of = json_string_value(arg);
    *pid = (struct pid){0};
    *entry = NULL;
    if (!of)
        return true;
    if (of[0] != '{' && cfg_find(app_config(job->c->d.app), of)) {
        *entry = of;
        return true;
    }
    *pid = proc_lookup(sched_self, of, json_string_length(arg));
    if (!pid_none(*pid) && proc_alive(sched_self, *pid))
        return true;
    control_refuse(job, ERRKIND_NOT_FOUND, "%s: no such process%s", of,
                   of[0] == '{' ? "" : ", entry or name");
    return false;
}

/* --- traces ------------------------------------------------------------------------------------------------------- */

struct tracing {
    struct trace *trace;
    int64_t until_ns;
    uint64_t max, shown;
};

static void put_side(struct text *out, struct node *n, const char *name, struct pid pid, const char *entry) {
    if (pid_none(pid))
        return;
    text_printf(out, ",\"%s\":", name);
    control_put_pid(out, n, pid);
    if (!entry[0])
        return;
    text_printf(out, ",\"%s_entry\":", name);
    text_json(out, entry, strlen(entry));
}

static void put_event(struct text *out, struct node *n, const struct trace_event *e) {
    text_printf(out, "{\"at\":%" PRId64 ".%06" PRId64 ",\"event\":\"%s\"", e->at_ns / CLOCK_NS_PER_SEC,
                e->at_ns % CLOCK_NS_PER_SEC / 1000, trace_kind_text(e->kind));
    put_side(out, n, "from", e->from, e->from_entry);
    put_side(out, n, "to", e->to, e->to_entry);
    if (e->kind == TRACE_SEND) {
        text_str(out, ",\"topic\":");
        text_json(out, e->topic, strlen(e->topic));
    }
    if (e->kind == TRACE_SEND || e->kind == TRACE_EXIT)
        text_printf(out, ",\"bytes\":%" PRIu32, e->bytes);
    if (e->kind == TRACE_EXIT)
        text_printf(out, ",\"outcome\":\"%s\"", exit_how_text(e->how));
    if (e->reason[0]) {
        text_str(out, ",\"reason\":");
        text_json(out, e->reason, strlen(e->reason));
    }
    text_char(out, '}');
}

/* As many as there are and as may be. */
static void put_events(struct control_job *job, struct tracing *t) {
    struct trace_event e;
    bool any = false;
    struct text *out = &(struct text){0};
    while (t->shown < t->max && trace_take(t->trace, &e)) {
        if (!any) {
            out = control_data(job);
            text_str(out, "{\"events\":[");
        } else {
            text_char(out, ',');
        }
        any = true;
        t->shown++;
        put_event(out, app_node(job->c->d.app), &e);
        if (out->len > 2 * CONTROL_OUT_HIGH)
            break; /* it does not read as fast as things happen: the ring takes some, the rest is lost */
    }
    if (!any)
        return;
    text_str(out, "]}");
    control_data_end(job);
}

static void on_trace_timer(struct control_job *job) {
    struct tracing *t = job->data;
    put_events(job, t);
    if (t->shown < t->max && clock_mono_ns() < t->until_ns) {
        control_later(job, TRACE_EVERY_S, on_trace_timer);
        return;
    }
    text_printf(control_answer(job), "{\"events\":%" PRIu64 ",\"lost\":%" PRIu64 "}", t->shown,
                trace_lost(t->trace));
    control_answered(job);
}

static void trace_gone(struct control_job *job) {
    struct tracing *t = job->data;
    trace_stop(sched_self, t->trace);
    mem_free(t);
}

/* false: refused. */
static bool check_span(struct control_job *job, const char *what, int64_t span, int64_t max) {
    char given[DUR_TEXT_MAX], most[DUR_TEXT_MAX];
    if (span <= max)
        return true;
    dur_format(span, given, sizeof given);
    dur_format(max, most, sizeof most);
    control_refuse(job, ERRKIND_INVALID, "%s for %s: too long, at most %s", what, given, most);
    return false;
}

void control_op_TRACE(struct control_job *job) {
    const struct control_request *r = &job->request;
    struct trace_filter f;
    struct tracing *t = NULL;
    int64_t span = control_dur(r, "for", TRACE_FOR);
    if (!check_span(job, "trace", span, TRACE_FOR_MAX) || !find_of(job, &f.pid, &f.entry))
        return;
    enum trace_status s = TRACE_NO_MEMORY;
    if ((t = mem_calloc(1, sizeof *t)))
        s = trace_start(sched_self, &f, &t->trace);
    if (s != TRACE_OK) {
        mem_free(t);
        control_refuse(job, ERRKIND_RATE_LIMITED, "trace: %s",
                       s == TRACE_TOO_MANY ? "too many at a time" : "not enough memory");
        return;
    }
    t->max = (uint64_t)control_int(r, "max", TRACE_EVENTS);
    t->until_ns = clock_mono_ns() + span;
    job->data = t;
    job->gone = trace_gone;
    control_later(job, TRACE_EVERY_S, on_trace_timer);
}

/* --- profiles ----------------------------------------------------------------------------------------------------- */

struct profiling {
    int64_t until_ns;
    double period;
};

struct stack_list {
    struct control_job *job;
    struct text *out;
    unsigned n;
};

static void end_stacks(struct stack_list *l) {
    if (!l->n)
        return;
    text_str(l->out, "]}");
    control_data_end(l->job);
    l->n = 0;
}

static void put_stack(void *ud, const char *folded, uint64_t count) {
    struct stack_list *l = ud;
    if (l->n) {
        text_char(l->out, ',');
    } else {
        l->out = control_data(l->job);
        text_str(l->out, "{\"stacks\":[");
    }
    text_char(l->out, '[');
    text_json(l->out, folded, strlen(folded));
    text_printf(l->out, ",%" PRIu64 "]", count);
    if (++l->n == STACKS_PER_LINE)
        end_stacks(l);
}

static void end_profile(struct control_job *job) {
    struct stack_list l = {.job = job};
    job->c->profiling = false;
    struct vm_profile_sums sums = vm_profile_stop(put_stack, &l);
    end_stacks(&l);
    text_printf(control_answer(job), "{\"samples\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"idle\":%" PRIu64 "}",
                sums.samples, sums.lost, sums.idle);
    control_answered(job);
}

static void on_profile_timer(struct control_job *job) {
    const struct profiling *p = job->data;
    if (clock_mono_ns() >= p->until_ns) {
        end_profile(job);
        return;
    }
    vm_profile_tick(app_node(job->c->d.app));
    control_later(job, p->period, on_profile_timer);
}

static void profile_gone(struct control_job *job) {
    if (job->c->profiling)
        vm_profile_stop(NULL, NULL);
    job->c->profiling = false;
    mem_free(job->data);
}

void control_op_PROFILE(struct control_job *job) {
    const struct control_request *r = &job->request;
    struct vm_profile_filter f;
    int64_t rate = control_int(r, "rate", PROFILE_RATE), span = control_dur(r, "for", PROFILE_FOR);
    if (!check_span(job, "profile", span, PROFILE_FOR_MAX))
        return;
    if (rate > PROFILE_RATE_MAX) {
        control_refuse(job, ERRKIND_INVALID, "profile: %" PRId64 " samples a second: too many, at most %d",
                       rate, PROFILE_RATE_MAX);
        return;
    }
    if (!find_of(job, &f.pid, &f.entry))
        return;
    struct profiling *p = mem_calloc(1, sizeof *p);
    enum vm_profile_status s = p ? vm_profile_start(&f) : VM_PROFILE_NO_MEMORY;
    if (s != VM_PROFILE_OK) {
        mem_free(p);
        control_refuse(job, s == VM_PROFILE_BUSY ? ERRKIND_CONFLICT : ERRKIND_RATE_LIMITED, "profile: %s",
                       s == VM_PROFILE_BUSY ? "somebody else takes a profile" : "not enough memory");
        return;
    }
    p->period = 1.0 / (double)(rate ? rate : 1);
    p->until_ns = clock_mono_ns() + span;
    job->c->profiling = true;
    job->data = p;
    job->gone = profile_gone;
    control_later(job, p->period, on_profile_timer);
}
