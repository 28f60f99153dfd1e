/*
 * A million messages through one mailbox from eight senders: none is lost, none comes twice, each sender's arrive in order,
 * also when the mailbox is full now and then and refuses.
 */
#include <criterion/criterion.h>

#include "tests/support/schedbox.h"

enum { SENDERS = 8 };

struct sink {
    uint64_t next[SENDERS], received;
    atomic_bool done;
};
struct source {
    struct sink *sink;
    struct pid to;
    uint64_t index, sent, total, refused;
};

static uint64_t each_sends(void) {
    return stress_scale(125000, 2500000);
}

static void take(struct actor *a, struct msg *m) {
    struct sink *s = a->ud;
    uint64_t number = msg_number(m), sender = number >> 40;
    CHECK(sender < SENDERS);
    CHECK((number & 0xffffffffff) == s->next[sender]); /* in order, none twice, none left out */
    s->next[sender]++;
    if (++s->received == SENDERS * each_sends())
        atomic_store(&s->done, true);
    msg_free(m);
}

static enum step give(struct actor *a) {
    struct source *s = a->ud;
    while (s->sent < s->total) {
        enum send_status st = send_number(a->p->pid, s->to, s->index << 40 | s->sent);
        CHECK(st != SEND_NOT_FOUND);
        if (st == SEND_FULL) {
            s->refused++;
            return STEP_AGAIN;
        }
        s->sent++;
        if (worker_must_yield(sched_self->worker))
            return STEP_AGAIN;
    }
    return STEP_EXIT;
}

static void run_flood(unsigned workers, uint64_t mailbox_messages) {
    static const struct actor_ops taker = {.message = take}, giver = {.step = give};
    struct host_limits limits = {.time_slice_ns = 1000000, .mailbox_messages = mailbox_messages};
    struct box b = box_open(workers, &limits, NULL);
    struct sink sink = {0};
    struct source sources[SENDERS];
    struct pid to = actor_spawn(&b, &taker, &sink, NULL, NULL);
    for (uint64_t i = 0; i < SENDERS; i++) {
        sources[i] = (struct source){&sink, to, i, 0, each_sends(), 0};
        actor_spawn(&b, &giver, &sources[i], NULL, NULL);
    }
    while (!atomic_load(&sink.done)) /* the test's time limit watches over it */
        usleep(1000);
    AWAIT(box_live(&b) == 1);
    uint64_t refused = 0;
    for (int i = 0; i < SENDERS; i++)
        refused += sources[i].refused;
    printf("%u workers: %llu received, %llu refused\n", workers, (unsigned long long)sink.received,
           (unsigned long long)refused);
    cr_expect(mailbox_messages || refused == 0);
    box_close(&b);
    cr_expect(sink.received == SENDERS * each_sends());
}

Test(sched_flood, one_worker, .timeout = 800) {
    run_flood(1, 0);
}
Test(sched_flood, two_workers, .timeout = 800) {
    run_flood(2, 0);
}
Test(sched_flood, eight_workers, .timeout = 800) {
    run_flood(8, 0);
}
Test(sched_flood, two_workers_and_a_mailbox_that_fills, .timeout = 800) {
    run_flood(2, 100);
}
