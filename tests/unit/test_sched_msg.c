#include "sched/msg.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

Test(sched_msg, topic_and_payload_stand_behind_the_node) {
    struct msg *m = msg_new(MSG_USER, 5, 7);
    memcpy(m->bytes, "topic", 5);
    memcpy(msg_data(m), "payload", 7);
    cr_expect(memcmp(m->bytes, "topicpayload", 12) == 0);
    cr_expect(m->topic_len == 5 && m->data_len == 7 && m->kind == MSG_USER);
    cr_expect(pid_none(m->from) && m->next == NULL && m->release == NULL);
    msg_free(m);
}

Test(sched_msg, only_user_messages_are_charged) {
    struct msg *m = msg_new(MSG_USER, 3, 1000);
    size_t size = sizeof *m + 1003;
    cr_expect((size_t)m->charge * MSG_CHARGE_UNIT >= size);
    cr_expect((size_t)m->charge * MSG_CHARGE_UNIT < size + MSG_CHARGE_UNIT);
    msg_free(m);
    for (int kind = MSG_EXIT; kind <= SIG_CALL; kind++) {
        m = msg_new((enum msg_kind)kind, 0, 1000);
        cr_expect(m->charge == 0, "kind %d", kind);
        msg_free(m);
    }
}

static int released;
static void release(struct msg *m) {
    released++;
}

Test(sched_msg, a_node_inside_something_else_is_released_not_freed) {
    struct msg m = {.kind = MSG_TIMER, .release = release};
    msg_free(&m);
    cr_expect(released == 1);
}

Test(sched_msg, freeing_drops_the_failure_it_carries) {
    struct failure *f = failure_format(ERRKIND_INTERNAL, EXIT_RAISED, "why");
    static const enum msg_kind kinds[] = {MSG_EXIT, MSG_LINK_DOWN, SIG_KILL};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct msg *m = msg_signal(kinds[i], (struct pid){7});
        cr_expect(m->from.n == 7);
        m->u.failure = failure_hold(f);
        cr_expect(atomic_load(&f->refs) == 2);
        msg_free(m);
        cr_expect(atomic_load(&f->refs) == 1);
    }
    failure_release(f);
}

Test(sched_msg, hash_reads_every_byte_and_the_length) {
    char text[64] = {0};
    for (size_t len = 1; len < sizeof text; len++) {
        uint32_t zero = msg_hash(text, len);
        cr_expect(zero != msg_hash(text, len - 1), "length %zu", len);
        for (size_t i = 0; i < len; i++) {
            text[i] = 1;
            cr_expect(msg_hash(text, len) != zero, "length %zu, byte %zu", len, i);
            text[i] = 0;
        }
    }
}

Test(sched_msg, hash_spreads_similar_topics) {
    enum { N = 4096, SLOTS = 4096 };
    unsigned used[SLOTS] = {0}, worst = 0;
    for (int i = 0; i < N; i++) {
        char topic[32];
        int len = snprintf(topic, sizeof topic, "task.%d.done", i);
        unsigned *slot = &used[msg_hash(topic, (size_t)len) % SLOTS];
        worst = ++*slot > worst ? *slot : worst;
    }
    cr_expect(worst <= 9, "%u of %d in one of %d", worst, N, SLOTS);
}
