/* What the control socket tells about processes, hosts, services and names. */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "src/control_impl.h"
#include "src/crashes.h"
#include "vm/inspect.h"

#define ROWS_PER_LINE 256
#define LISTED_MAX 100 /* links, monitors … of one process; their number is told anyway */

/* --- pids --------------------------------------------------------------------------------------------------------- */

void control_put_pid(struct text *out, struct node *n, struct pid pid) {
    char text[PID_TEXT_MAX];
    if (pid_none(pid)) {
        text_str(out, "null");
        return;
    }
    size_t len = node_pid_text(n, pid, text);
    text_json(out, text, len);
}

struct pid control_target(struct control_job *job) {
    const json_t *arg = control_any(&job->request, "pid");
    const char *text = json_string_value(arg);
    struct pid pid = proc_lookup(sched_self, text, json_string_length(arg));
    if (pid_none(pid))
        control_refuse(job, ERRKIND_NOT_FOUND, "%s: %s", text,
                       text[0] == '{' ? "process not found" : "name not registered");
    return pid;
}

/* --- questions to a process --------------------------------------------------------------------------------------- */

struct question {
    struct control *c;
    uint64_t serial;
    struct pid pid;
    control_question fn;
    struct msg m; /* last, for its open end */
};

/* On the target's worker. */
static void answer(struct proc *p, struct msg *m) {
    struct question *q = (struct question *)((char *)m - offsetof(struct question, m));
    struct text out;
    enum errkind kind = ERRKIND_NOT_FOUND;
    text_open(&out);
    bool ok = q->fn(p, q->pid, &out, &kind);
    if (out.failed)
        control_post(q->c, q->serial, false, ERRKIND_RATE_LIMITED, "not enough memory", 17);
    else
        control_post(q->c, q->serial, ok, kind, out.s, out.len);
    text_close(&out);
    mem_free(q);
}

static void no_answer(struct control_job *job) {
    control_refuse(job, ERRKIND_TIMEOUT,
                   "process does not answer: it is inside a C function, or its host has no time for it");
}

void control_ask(struct control_job *job, struct pid pid, control_question fn) {
    struct question *q = mem_calloc(1, sizeof *q);
    if (!q) {
        control_refuse(job, ERRKIND_RATE_LIMITED, "not enough memory");
        return;
    }
    q->c = job->c;
    q->serial = job->serial;
    q->pid = pid;
    q->fn = fn;
    q->m.kind = SIG_CALL;
    q->m.u.call = answer;
    control_later(job, CONTROL_ASK_S, no_answer);
    if (proc_post(sched_self, pid, &q->m) != SEND_OK)
        answer(NULL, &q->m); /* it has ended: perhaps there is something to say of that */
}

/* --- info --------------------------------------------------------------------------------------------------------- */

static void put_pids(struct text *out, struct node *n, const char *name, const struct pidset *set) {
    struct pid pid;
    uint32_t count = 0;
    text_printf(out, ",\"%s\":[", name);
    for (uint32_t at = 0; count < LISTED_MAX && pidset_next(set, &at, &pid); count++) {
        if (count)
            text_char(out, ',');
        control_put_pid(out, n, pid);
    }
    text_printf(out, "],\"%s_count\":%" PRIu32, name, set->n);
}

static void put_names(struct text *out, struct proc *p) {
    struct names *names = &p->host->node->names;
    unsigned count = 0;
    text_str(out, ",\"names\":[");
    pthread_mutex_lock(&names->lock);
    for (struct name_entry *e = p->names; e && count < LISTED_MAX; e = e->next_own, count++) {
        if (count)
            text_char(out, ',');
        text_json(out, e->text, e->len);
    }
    pthread_mutex_unlock(&names->lock);
    text_char(out, ']');
}

struct showing {
    struct text *tasks, *queues, *received;
    bool frames;     /* whole stacks; else each task's innermost Lua function */
    unsigned framed; /* of the task */
    bool open, busy;
};

static void end_task(struct showing *s) {
    if (s->open)
        text_str(s->tasks, "]}");
    s->open = false;
}

static void show_task(void *ud, const struct vm_task *t) {
    struct showing *s = ud;
    end_task(s);
    if (s->tasks->len)
        text_char(s->tasks, ',');
    text_printf(s->tasks, "{\"main\":%s,\"state\":\"%s\",\"on\":", t->main ? "true" : "false", t->state);
    text_json(s->tasks, t->on, strlen(t->on));
    text_str(s->tasks, ",\"frames\":[");
    s->open = true;
    s->framed = 0;
    s->busy |= strcmp(t->state, "running") == 0 || strcmp(t->state, "ready") == 0;
}

static void show_frame(void *ud, const struct vm_frame *f) {
    struct showing *s = ud;
    if (!s->frames && (s->framed || !f->line))
        return;
    if (s->framed++)
        text_char(s->tasks, ',');
    text_str(s->tasks, "{\"function\":");
    text_json(s->tasks, f->function, strlen(f->function));
    text_str(s->tasks, ",\"source\":");
    text_json(s->tasks, f->source, strlen(f->source));
    text_printf(s->tasks, ",\"line\":%d}", f->line);
}

static void show_queue(void *ud, const struct vm_queue *q) {
    struct showing *s = ud;
    if (!s->queues)
        return;
    if (s->queues->len)
        text_char(s->queues, ',');
    text_printf(s->queues, "{\"queue\":\"%s\",\"topic\":", q->what);
    text_json(s->queues, q->topic, q->topic_len);
    text_printf(s->queues, ",\"messages\":%" PRIu32 "}", q->len);
}

static void show_received(void *ud, const char *topic) {
    struct showing *s = ud;
    if (!s->received)
        return;
    if (s->received->len)
        text_char(s->received, ',');
    text_json(s->received, topic, strlen(topic));
}

static const struct vm_inspector inspector = {show_task, show_frame, show_queue, show_received};

static void put_label(struct text *out, struct proc *p) {
    const char *label = atomic_load_explicit(&p->label, memory_order_relaxed);
    text_str(out, ",\"entry\":");
    text_json(out, label ? label : "", label ? strlen(label) : 0);
}

static void put_list(struct text *out, const char *name, struct text *list) {
    text_printf(out, ",\"%s\":[", name);
    text_put(out, list->s, list->len);
    text_char(out, ']');
    out->failed |= list->failed;
    text_close(list);
}

static bool tell_crash(struct pid pid, struct text *out, enum errkind *kind) {
    /* Of a pid only its number is known here, and its host. */
    struct node *n = sched_self->node;
    text_str(out, "{\"pid\":");
    control_put_pid(out, n, pid);
    text_str(out, ",\"state\":\"ended\",\"crash\":");
    if (crashes_find(pid, out)) {
        text_char(out, '}');
        return true;
    }
    char text[PID_TEXT_MAX];
    node_pid_text(n, pid, text);
    text_close(out);
    text_open(out);
    text_printf(out, "%s: process not found", text);
    *kind = ERRKIND_NOT_FOUND;
    return false;
}

static bool tell_info(struct proc *p, struct pid pid, struct text *out, enum errkind *kind) {
    if (!p)
        return tell_crash(pid, out, kind);
    struct node *n = p->host->node;
    struct text tasks, queues, received;
    text_open(&tasks);
    text_open(&queues);
    text_open(&received);
    struct showing s = {.tasks = &tasks, .queues = &queues, .received = &received};
    vm_inspect(p, &inspector, &s);
    end_task(&s);
    uint64_t load = mbox_load(&p->mbox);
    text_str(out, "{\"pid\":");
    control_put_pid(out, n, p->pid);
    put_label(out, p);
    text_str(out, ",\"host\":");
    text_json(out, p->host->id, p->host->id_len);
    text_printf(out,
                ",\"state\":\"%s\",\"mailbox\":%" PRIu64 ",\"mailbox_bytes\":%" PRIu64
                ",\"memory\":%zu,\"reductions\":%" PRIu64 ",\"started\":%.3f,\"traps_links\":%s,\"parent\":",
                s.busy ? "running" : "waiting", mbox_count(load), mbox_bytes(load),
                atomic_load_explicit(&p->memory, memory_order_relaxed),
                atomic_load_explicit(&p->reductions, memory_order_relaxed), (double)p->started_ns / 1e9,
                p->flags & PROC_TRAP_LINKS ? "true" : "false");
    control_put_pid(out, n, p->parent);
    put_pids(out, n, "links", &p->links);
    put_pids(out, n, "monitors", &p->monitors);
    put_pids(out, n, "watchers", &p->watchers);
    put_names(out, p);
    put_list(out, "tasks", &tasks);
    put_list(out, "queues", &queues);
    put_list(out, "received", &received);
    text_char(out, '}');
    return true;
}

void control_op_INFO(struct control_job *job) {
    struct pid pid = control_target(job);
    if (!pid_none(pid))
        control_ask(job, pid, tell_info);
}

static bool tell_stack(struct proc *p, struct pid pid, struct text *out, enum errkind *kind) {
    if (!p) {
        char text[PID_TEXT_MAX];
        node_pid_text(sched_self->node, pid, text);
        text_printf(out, "%s: process not found", text);
        return false;
    }
    struct text tasks;
    text_open(&tasks);
    struct showing s = {.tasks = &tasks, .frames = true};
    vm_inspect(p, &inspector, &s);
    end_task(&s);
    text_str(out, "{\"pid\":");
    control_put_pid(out, p->host->node, p->pid);
    put_label(out, p);
    put_list(out, "tasks", &tasks);
    text_char(out, '}');
    return true;
}

void control_op_STACK(struct control_job *job) {
    struct pid pid = control_target(job);
    if (!pid_none(pid))
        control_ask(job, pid, tell_stack);
}

/* --- ps ----------------------------------------------------------------------------------------------------------- */

struct listing {
    struct procs_query query; /* its texts are the request's */
    struct procs procs; /* taken when there is room for the answer: one who does not read gets few of them */
    size_t at;
    bool begun;
    int64_t now_ns;
};

static void listing_free(struct control_job *job) {
    struct listing *l = job->data;
    procs_free(&l->procs);
    mem_free(l);
}

/* Of a hundred thousand rows snprintf would be most of the cost. */
static char *put_number(char *at, uint64_t n) {
    char digits[20];
    int len = 0;
    do
        digits[len++] = (char)('0' + n % 10);
    while (n /= 10);
    while (len)
        *at++ = digits[--len];
    *at++ = ',';
    return at;
}

static void put_row(struct text *out, const struct listing *l, const struct procs_row *r) {
    char buf[PID_TEXT_MAX], *at;
    size_t pid_len = pid_format(r->pid, r->host->id, r->host->id_len, buf);
    text_char(out, '[');
    text_json(out, buf, pid_len);
    text_char(out, ',');
    const char *entry = procs_entry(&l->procs, r), *state = procs_state_text(r);
    text_json(out, entry, strlen(entry));
    at = buf;
    *at++ = ',';
    *at++ = '"';
    size_t len = strlen(state);
    memcpy(at, state, len);
    at += len;
    *at++ = '"';
    *at++ = ',';
    at = put_number(at, r->mailbox);
    at = put_number(at, r->memory);
    at = put_number(at, r->reductions);
    int64_t age = l->now_ns > r->started_ns ? l->now_ns - r->started_ns : 0;
    at = put_number(at, (uint64_t)(age / CLOCK_NS_PER_SEC));
    text_put(out, buf, (size_t)(at - 1 - buf));
    if (l->query.memory)
        text_printf(out, ",%.1f,%.1f", r->rate, r->messages);
    text_char(out, ']');
}

static void put_columns(struct control_job *job, const struct listing *l) {
    struct text *out = control_data(job);
    text_str(out, "{\"columns\":[");
    for (unsigned c = 0; c < (l->query.memory ? PROCS_COLUMN_COUNT : PROCS_RATE); c++)
        text_printf(out, "%s\"%s\"", c ? "," : "", procs_column_text((enum procs_column)c));
    text_str(out, "]}");
    control_data_end(job);
}

static void end_listing(struct control_job *job, const struct listing *l) {
    struct text *out = control_answer(job);
    text_printf(out, "{\"processes\":%zu,\"matched\":%zu,\"shown\":%zu,\"memory\":%" PRIu64 ",\"interval\":",
                l->procs.total, l->procs.matched, l->procs.n, l->procs.memory);
    if (l->procs.interval > 0)
        text_printf(out, "%.3f}", l->procs.interval);
    else
        text_str(out, "null}");
    control_answered(job);
}

static void put_rows(struct control_job *job, struct text *out) {
    struct listing *l = job->data;
    if (l->at < l->procs.n) {
        control_data(job);
        text_str(out, "{\"rows\":[");
        for (size_t i = 0; i < ROWS_PER_LINE && l->at < l->procs.n; i++) {
            if (i)
                text_char(out, ',');
            put_row(out, l, &l->procs.v[l->at++]);
        }
        text_str(out, "]}");
        control_data_end(job);
    }
    if (l->at == l->procs.n)
        end_listing(job, l);
}

static void pump_rows(struct control_job *job, struct text *out) {
    size_t from = out->len;
    struct listing *l = job->data;
    if (!l->begun) {
        l->begun = true;
        l->now_ns = clock_wall_ns();
        if (!procs_take(app_node(job->c->d.app), &l->query, &l->procs)) {
            control_refuse(job, ERRKIND_RATE_LIMITED, "ps: not enough memory");
            return;
        }
        put_columns(job, l);
    }
    /* Enough for one trip of the event loop; the last line ends the job. */
    while (l->procs.n - l->at > ROWS_PER_LINE && out->len - from < CONTROL_OUT_HIGH / 4)
        put_rows(job, out);
    put_rows(job, out);
}

void control_op_PS(struct control_job *job) {
    const struct control_request *r = &job->request;
    const char *sort = control_str(r, "sort");
    struct procs_query q = {.host = control_str(r, "host"),
                            .entry = control_str(r, "entry"),
                            .sort = sort ? procs_column_find(sort) : PROCS_PID,
                            .reverse = control_bool(r, "reverse"),
                            .limit = (size_t)control_int(r, "limit", 0),
                            .memory = control_bool(r, "rates") ? control_memory(job->client) : NULL};
    if (q.sort == PROCS_COLUMN_COUNT) {
        control_refuse(job, ERRKIND_INVALID, "ps: sort %.64s: there is no such column", sort);
        return;
    }
    struct listing *l = mem_calloc(1, sizeof *l);
    if (!l) {
        control_refuse(job, ERRKIND_RATE_LIMITED, "not enough memory");
        return;
    }
    job->data = l;
    job->gone = listing_free;
    job->pump = pump_rows;
    l->query = q;
}

/* --- hosts -------------------------------------------------------------------------------------------------------- */

static void put_workers(struct text *out, struct host *h) {
    unsigned n = 0, count = atomic_load_explicit(&h->worker_count, memory_order_acquire);
    for (unsigned i = 0; i < count; i++) {
        struct worker *w = atomic_load_explicit(&h->workers[i], memory_order_acquire);
        n += atomic_load_explicit(&w->running_thread, memory_order_relaxed) &&
             !atomic_load_explicit(&w->draining, memory_order_relaxed);
    }
    int idle = __builtin_popcountll(atomic_load_explicit(&h->idle, memory_order_relaxed));
    text_printf(out, ",\"workers\":%u,\"idle\":%d", n, idle);
}

static void put_counters(struct text *out, struct host *h) {
    uint64_t exits;
#define X(name, help)                                                                                        \
    text_printf(out, ",\"" #name "\":%" PRIu64, host_stat(h, offsetof(struct worker_stats, name)));
    WORKER_STATS(X)
#undef X
    text_printf(out, ",\"busy_seconds\":%.6f,\"timers_waiting\":%" PRIu64 ",\"exits\":{",
                (double)host_busy_ns(h) / 1e9, host_timers(h));
    for (unsigned how = 0; how < EXIT_HOW_COUNT; how++) {
        exits = host_stat(h, offsetof(struct worker_stats, exits) + how * sizeof(_Atomic uint64_t));
        text_printf(out, "%s\"%s\":%" PRIu64, how ? "," : "", exit_how_text((enum exit_how)how), exits);
    }
    text_char(out, '}');
}

static void put_limits(struct text *out, struct host *h) {
    text_printf(
        out, ",\"limits\":{\"max_processes\":%" PRIu64 ",\"process_memory\":%" PRIu64 ",\"memory\":%" PRIu64,
        host_limit(h, max_processes), host_limit(h, process_memory), host_limit(h, memory));
    text_printf(out, ",\"mailbox_messages\":%" PRIu64 ",\"mailbox_bytes\":%" PRIu64,
                host_limit(h, mailbox_messages), host_limit(h, mailbox_bytes));
    text_printf(out, ",\"mailbox_policy\":\"%s\",\"time_slice\":%.6f,\"max_run_time\":%.6f}",
                host_limit(h, mailbox_kill) ? "kill" : "reject", (double)host_limit(h, time_slice_ns) / 1e9,
                (double)host_limit(h, max_run_ns) / 1e9);
}

static void put_host(struct text *out, struct host *h) {
    text_str(out, "{\"host\":");
    text_json(out, h->id, h->id_len);
    text_printf(out, ",\"accepting\":%s",
                atomic_load_explicit(&h->accepting, memory_order_relaxed) ? "true" : "false");
    put_workers(out, h);
    text_printf(out, ",\"processes\":%" PRIu64 ",\"queue\":%" PRIu64 ",\"memory\":%" PRIu64, host_live(h),
                host_queue_len(h), host_memory(h));
    put_counters(out, h);
    put_limits(out, h);
    text_char(out, '}');
}

void control_op_HOSTS(struct control_job *job) {
    struct node *n = app_node(job->c->d.app);
    struct text *out = control_answer(job);
    unsigned count = atomic_load_explicit(&n->host_count, memory_order_relaxed);
    text_str(out, "{\"hosts\":[");
    for (unsigned i = 0; i < count; i++) {
        if (i)
            text_char(out, ',');
        put_host(out, node_host_at(n, i));
    }
    text_str(out, "]}");
    control_answered(job);
}

/* --- services ------------------------------------------------------------------------------------------------------ */

struct service_list {
    struct text *out;
    struct node *n;
    int64_t now;
    bool any;
};

static void put_service(void *ud, const struct supervisor_service *s) {
    struct service_list *l = ud;
    text_str(l->out, l->any ? ",{\"id\":" : "{\"id\":");
    l->any = true;
    text_json(l->out, s->id, strlen(s->id));
    text_printf(l->out, ",\"state\":\"%s\",\"final\":%s,\"pid\":", service_state_text(s->state),
                s->final ? "true" : "false");
    control_put_pid(l->out, l->n, s->pid);
    text_str(l->out, ",\"since\":");
    if (s->state == SERVICE_UNKNOWN)
        text_str(l->out, "null");
    else
        text_printf(l->out, "%.3f", (double)(l->now - s->since) / 1e9);
    text_str(l->out, ",\"restart_in\":");
    if (s->due == SERVICE_NEVER)
        text_str(l->out, "null");
    else
        text_printf(l->out, "%.3f", s->due > l->now ? (double)(s->due - l->now) / 1e9 : 0.0);
    text_printf(l->out, ",\"attempts\":%" PRId64 ",\"restarts\":%" PRIu64 ",\"reason\":", s->attempts,
                s->restarts);
    if (s->reason)
        text_json(l->out, s->reason, strlen(s->reason));
    else
        text_str(l->out, "null");
    text_char(l->out, '}');
}

void control_op_SERVICES(struct control_job *job) {
    struct app *app = job->c->d.app;
    struct service_list l = {.out = control_answer(job), .n = app_node(app), .now = clock_mono_ns()};
    text_str(l.out, "{\"services\":[");
    supervisor_each(app_supervisor(app), put_service, &l);
    text_str(l.out, "]}");
    control_answered(job);
}

/* --- names -------------------------------------------------------------------------------------------------------- */

struct name_list {
    struct text texts; /* pid.n, length as a byte, the bytes; one after the other */
    size_t at, count;
};

static void keep_name(const char *name, size_t len, struct pid pid, void *ud) {
    struct name_list *l = ud;
    text_put(&l->texts, (const char *)&pid.n, sizeof pid.n);
    text_char(&l->texts, (char)len);
    text_put(&l->texts, name, len);
    l->count++;
}

static void names_free(struct control_job *job) {
    struct name_list *l = job->data;
    text_close(&l->texts);
    mem_free(l);
}

static void put_name(struct text *out, struct node *n, struct name_list *l) {
    struct pid pid;
    memcpy(&pid.n, l->texts.s + l->at, sizeof pid.n);
    l->at += sizeof pid.n;
    size_t len = (unsigned char)l->texts.s[l->at++];
    text_char(out, '[');
    text_json(out, l->texts.s + l->at, len);
    text_char(out, ',');
    control_put_pid(out, n, pid);
    text_char(out, ']');
    l->at += len;
}

static void pump_names(struct control_job *job, struct text *out) {
    struct name_list *l = job->data;
    size_t from = out->len;
    while (l->at < l->texts.len && out->len - from < CONTROL_OUT_HIGH / 4) {
        control_data(job);
        text_str(out, "{\"names\":[");
        for (int i = 0; i < ROWS_PER_LINE && l->at < l->texts.len; i++) {
            if (i)
                text_char(out, ',');
            put_name(out, app_node(job->c->d.app), l);
        }
        text_str(out, "]}");
        control_data_end(job);
    }
    if (l->at < l->texts.len)
        return;
    text_printf(control_answer(job), "{\"names\":%zu}", l->count);
    control_answered(job);
}

void control_op_NAMES(struct control_job *job) {
    struct name_list *l = mem_calloc(1, sizeof *l);
    if (!l) {
        control_refuse(job, ERRKIND_RATE_LIMITED, "not enough memory");
        return;
    }
    text_open(&l->texts);
    job->data = l;
    job->gone = names_free;
    names_each(sched_self, keep_name, l);
    if (l->texts.failed)
        control_refuse(job, ERRKIND_RATE_LIMITED, "not enough memory");
    else
        job->pump = pump_names;
}
