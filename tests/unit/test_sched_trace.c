/* What a trace shows, what it costs when it is full, and that it can come and go while workers run. */
#include "sched/trace.h"

#include <criterion/criterion.h>
#include <string.h>

#include "tests/support/schedbox.h"

static struct trace *begin(struct pid pid, const char *entry) {
    struct trace *trace = NULL;
    cr_assert(trace_start(sched_self, &(struct trace_filter){pid, entry}, &trace) == TRACE_OK);
    return trace;
}

static const struct trace_event *next(struct trace *trace) {
    static struct trace_event e;
    AWAIT(trace_take(trace, &e));
    return &e;
}

static void send_topic(struct pid to, const char *topic, uint64_t number) {
    struct msg *m = msg_new(MSG_USER, strlen(topic), sizeof number);
    memcpy(m->bytes, topic, strlen(topic));
    memcpy(msg_data(m), &number, sizeof number);
    cr_assert(proc_post(sched_self, to, m) == SEND_OK);
}

static int send_to(struct proc *p, void *ud) {
    const struct pid *to = ud;
    return (int)send_number(p->pid, *to, 1);
}

Test(sched_trace, shows_the_life_of_a_process) {
    struct box b = box_open(1, NULL, NULL);
    struct trace *trace = begin((struct pid){0}, NULL);
    struct puppet a;
    puppet_spawn(&a, &b, NULL);
    const struct trace_event *e = next(trace);
    cr_expect(e->kind == TRACE_SPAWN && pid_eq(e->to, a.pid) && pid_none(e->from));
    cr_expect_str_eq(e->to_entry, "actor");
    cr_expect(e->at_ns > clock_wall_ns() - 60 * CLOCK_NS_PER_SEC && e->at_ns <= clock_wall_ns());
    send_topic(a.pid, "greeting", 7);
    e = next(trace);
    cr_expect(e->kind == TRACE_SEND && pid_eq(e->to, a.pid) && e->bytes == 8);
    cr_expect_str_eq(e->topic, "greeting");
    proc_cancel(sched_self, a.pid, (struct pid){0}, "enough", 6);
    cr_expect(next(trace)->kind == TRACE_CANCEL);
    puppet_end(&a, "it broke", NULL);
    e = next(trace);
    cr_expect(e->kind == TRACE_EXIT && pid_eq(e->from, a.pid) && e->how == EXIT_RAISED);
    cr_expect_str_eq(e->reason, "it broke");
    cr_expect_str_eq(e->from_entry, "actor");
    trace_stop(sched_self, trace);
    box_close(&b);
}

Test(sched_trace, shows_events_for_those_who_watch) {
    struct box b = box_open(1, NULL, NULL);
    struct puppet a, c, d;
    puppet_spawn(&a, &b, NULL);
    puppet_spawn(&c, &b, NULL);
    puppet_spawn(&d, &b, NULL);
    puppet_monitor(&a, c.pid);
    puppet_trap(&d, true);
    puppet_link(&d, c.pid);
    puppet_settle(&c);
    struct trace *trace = begin((struct pid){0}, NULL);
    proc_kill(sched_self, c.pid, failure_format(ERRKIND_CANCELED, EXIT_TERMINATED, "out"));
    const enum trace_kind expected[] = {TRACE_KILL, TRACE_EXIT, TRACE_EXIT_EVENT, TRACE_LINK_DOWN};
    for (size_t i = 0; i < 4; i++) {
        const struct trace_event *e = next(trace);
        cr_expect(e->kind == expected[i], "%zu: %s", i, trace_kind_text(e->kind));
        cr_expect_str_eq(e->reason, "out");
    }
    trace_stop(sched_self, trace);
    box_close(&b);
}

Test(sched_trace, one_process_of_interest) {
    struct box b = box_open(1, NULL, NULL);
    struct puppet a, c;
    puppet_spawn(&a, &b, NULL);
    puppet_spawn(&c, &b, NULL);
    struct trace *trace = begin(a.pid, NULL);
    send_number((struct pid){0}, c.pid, 1);
    send_number((struct pid){0}, a.pid, 2);
    puppet_do(&a, send_to, &c.pid);
    const struct trace_event *e = next(trace);
    cr_expect(e->kind == TRACE_SEND && pid_eq(e->to, a.pid) && e->from_entry[0] == '\0');
    e = next(trace);
    cr_expect(e->kind == TRACE_SEND && pid_eq(e->from, a.pid) && pid_eq(e->to, c.pid));
    cr_expect_str_eq(e->from_entry, "actor");
    struct trace_event none;
    cr_expect(!trace_take(trace, &none));
    trace_stop(sched_self, trace);
    box_close(&b);
}

Test(sched_trace, one_entry_of_interest) {
    struct box b = box_open(1, NULL, NULL);
    struct puppet a;
    puppet_spawn(&a, &b, NULL);
    struct trace *mine = begin((struct pid){0}, "actor"), *others = begin((struct pid){0}, "app:other");
    send_number((struct pid){0}, a.pid, 1);
    cr_expect(next(mine)->kind == TRACE_SEND);
    struct trace_event none;
    cr_expect(!trace_take(others, &none));
    trace_stop(sched_self, mine);
    trace_stop(sched_self, others);
    box_close(&b);
}

Test(sched_trace, what_does_not_fit_is_counted) {
    struct box b = box_open(1, NULL, NULL);
    struct puppet a;
    puppet_spawn(&a, &b, NULL);
    struct trace *trace = begin((struct pid){0}, NULL);
    for (uint64_t i = 0; i < TRACE_RING + 100; i++)
        send_number((struct pid){0}, a.pid, i);
    cr_expect(trace_lost(trace) == 100, "%llu", (unsigned long long)trace_lost(trace));
    struct trace_event e;
    size_t n = 0;
    while (trace_take(trace, &e))
        n++;
    cr_expect(n == TRACE_RING);
    send_number((struct pid){0}, a.pid, 0);
    cr_expect(trace_take(trace, &e) && e.kind == TRACE_SEND, "it goes on");
    trace_stop(sched_self, trace);
    box_close(&b);
}

Test(sched_trace, long_texts_are_cut) {
    struct box b = box_open(1, NULL, NULL);
    struct puppet a;
    puppet_spawn(&a, &b, NULL);
    struct trace *trace = begin((struct pid){0}, NULL);
    char topic[3 * TRACE_TEXT];
    memset(topic, 't', sizeof topic - 1);
    topic[sizeof topic - 1] = '\0';
    send_topic(a.pid, topic, 1);
    cr_expect(strlen(next(trace)->topic) == TRACE_TEXT - 1);
    trace_stop(sched_self, trace);
    box_close(&b);
}

Test(sched_trace, no_more_than_there_is_room_for) {
    struct box b = box_open(1, NULL, NULL);
    struct trace *all[TRACE_MAX], *more;
    for (int i = 0; i < TRACE_MAX; i++)
        all[i] = begin((struct pid){0}, NULL);
    cr_expect(trace_start(sched_self, &(struct trace_filter){{0}, NULL}, &more) == TRACE_TOO_MANY);
    trace_stop(sched_self, all[3]);
    all[3] = begin((struct pid){0}, NULL);
    box_close(&b); /* those that were not stopped go with the node */
}

/* --- while workers run ------------------------------------------------------------------------------------------------ */

static atomic_bool over;
static atomic_uint ended;

static void pass_on(struct actor *a, struct msg *m) {
    const struct pid *peer = a->ud;
    msg_free(m);
    if (atomic_load(&over))
        atomic_fetch_add(&ended, 1);
    else
        send_number(a->p->pid, *peer, 1);
}
static const struct actor_ops pinger = {.message = pass_on};

Test(sched_trace, comes_and_goes_while_workers_run) {
    struct box b = box_open(2, NULL, NULL);
    static struct pid peers[8];
    for (int i = 0; i < 8; i++)
        peers[i] = actor_spawn(&b, &pinger, &peers[i ^ 1], NULL, NULL);
    for (int i = 0; i < 8; i += 2)
        send_number((struct pid){0}, peers[i], 1);
    uint64_t seen = 0;
    struct trace_event e;
    for (uint64_t round = 0; round < stress_scale(500, 20000) || seen < 100; round++) {
        struct trace *trace =
            begin(round % 3 ? peers[round % 8] : (struct pid){0}, round % 3 == 2 ? "actor" : NULL);
        for (int i = 0; i < 2000; i++)
            if (trace_take(trace, &e)) {
                cr_assert(e.kind == TRACE_SEND && e.bytes == 8 && strcmp(e.to_entry, "actor") == 0);
                seen++;
            }
        trace_stop(sched_self, trace);
    }
    atomic_store(&over, true);
    while (atomic_load(&ended) < 4)
        sched_yield();
    box_close(&b);
}
