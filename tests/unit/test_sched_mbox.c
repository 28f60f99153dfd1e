#include "sched/mbox.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>

#include "tests/support/schedbox.h"

static struct msg *user(size_t len) {
    struct msg *m = msg_new(MSG_USER, 0, len);
    cr_assert(m != NULL);
    return m;
}

/* A node whose topic_hash carries a number, without allocation. */
static struct msg *numbered(struct msg *m, uint32_t n) {
    *m = (struct msg){.kind = MSG_USER, .topic_hash = n, .charge = 4};
    return m;
}

Test(sched_mbox, keeps_the_order_of_arrival) {
    struct msg nodes[5];
    struct mbox b;
    mbox_init(&b, false);
    cr_expect(mbox_take(&b) == NULL);
    for (uint32_t i = 0; i < 5; i++)
        cr_expect(mbox_push(&b, numbered(&nodes[i], i)) == MBOX_PUSHED);
    cr_expect(mbox_pending(&b));
    uint32_t n = 0;
    for (struct msg *m = mbox_take(&b); m; m = m->next)
        cr_expect(m->topic_hash == n++);
    cr_expect(n == 5);
    cr_expect(!mbox_pending(&b) && mbox_take(&b) == NULL);
}

Test(sched_mbox, the_first_push_on_an_idle_one_wakes_and_no_other) {
    struct msg nodes[3];
    struct mbox b;
    mbox_init(&b, true);
    cr_expect(mbox_push(&b, numbered(&nodes[0], 0)) == MBOX_WOKEN);
    cr_expect(mbox_push(&b, numbered(&nodes[1], 1)) == MBOX_PUSHED);
    cr_expect(!mbox_idle(&b), "something has arrived");
    cr_expect(mbox_take(&b) == &nodes[0]);
    cr_expect(mbox_idle(&b));
    cr_expect(mbox_push(&b, numbered(&nodes[2], 2)) == MBOX_WOKEN);
    cr_expect(mbox_take(&b) == &nodes[2]);
}

Test(sched_mbox, a_closed_one_refuses_and_gives_up_the_last_batch) {
    struct msg nodes[3];
    struct mbox b;
    mbox_init(&b, false);
    mbox_push(&b, numbered(&nodes[0], 0));
    mbox_push(&b, numbered(&nodes[1], 1));
    struct msg *last = mbox_close(&b);
    cr_expect(last == &nodes[0] && last->next == &nodes[1] && nodes[1].next == NULL);
    cr_expect(mbox_push(&b, numbered(&nodes[2], 2)) == MBOX_REFUSED);

    mbox_init(&b, true);
    cr_expect(mbox_close(&b) == NULL, "an idle mailbox is empty");
    cr_expect(mbox_push(&b, numbered(&nodes[2], 2)) == MBOX_REFUSED);
}

Test(sched_mbox, load_counts_messages_and_bytes_until_they_are_consumed) {
    struct mbox b;
    mbox_init(&b, false);
    struct msg *small = user(10), *large = user(100000);
    cr_expect(mbox_reserve(&b, small, 0, 0) && mbox_reserve(&b, large, 0, 0));
    cr_expect(mbox_count(mbox_load(&b)) == 2);
    uint64_t bytes = ((uint64_t)small->charge + large->charge) * MSG_CHARGE_UNIT;
    cr_expect(mbox_bytes(mbox_load(&b)) == bytes);
    cr_expect(bytes >= 100010 + 2 * sizeof(struct msg) && bytes < 100010 + 2 * sizeof(struct msg) + 32);
    mbox_consumed(&b, large);
    cr_expect(mbox_count(mbox_load(&b)) == 1);
    cr_expect(mbox_bytes(mbox_load(&b)) == (uint64_t)small->charge * MSG_CHARGE_UNIT);
    mbox_consumed(&b, small);
    cr_expect(mbox_load(&b) == 0);
    msg_free(small);
    msg_free(large);
}

Test(sched_mbox, limits_are_exact) {
    struct mbox b;
    mbox_init(&b, false);
    struct msg *m = user(0);
    uint64_t size = (uint64_t)m->charge * MSG_CHARGE_UNIT;
    for (int i = 0; i < 3; i++)
        cr_expect(mbox_reserve(&b, m, 3, 0));
    cr_expect(!mbox_reserve(&b, m, 3, 0), "the fourth of three");
    cr_expect(!mbox_reserve(&b, m, 0, 4 * size - 1), "a byte too many");
    cr_expect(mbox_count(mbox_load(&b)) == 3, "what was refused is not counted");
    cr_expect(mbox_reserve(&b, m, 0, 4 * size));
    mbox_consumed(&b, m);
    cr_expect(mbox_reserve(&b, m, 4, 0));
    msg_free(m);
}

/* The sums wrap around many times in the life of a process; only their difference means something. */
Test(sched_mbox, load_survives_the_wrap_of_its_sums) {
    struct mbox b;
    mbox_init(&b, false);
    struct msg *m = user(1000);
    atomic_store(&b.sent, UINT64_MAX - 5);
    atomic_store(&b.consumed, UINT64_MAX - 5);
    for (int i = 0; i < 10; i++)
        cr_expect(mbox_reserve(&b, m, 10, 0));
    cr_expect(!mbox_reserve(&b, m, 10, 0));
    cr_expect(mbox_count(mbox_load(&b)) == 10);
    cr_expect(mbox_bytes(mbox_load(&b)) == 10 * (uint64_t)m->charge * MSG_CHARGE_UNIT);
    for (int i = 0; i < 10; i++)
        mbox_consumed(&b, m);
    cr_expect(mbox_load(&b) == 0);
    msg_free(m);
}

/* Several producers, one consumer that sleeps whenever it finds nothing: every push of an idle mailbox wakes, once. */
enum { PRODUCERS = 3, EACH = 30000 };

struct race {
    struct mbox b;
    atomic_uint woken; /* wake-ups that the consumer has not taken yet */
    struct msg *nodes;
};
struct producer {
    struct race *r;
    uint32_t index;
};

static void *produce(void *arg) {
    struct producer *pr = arg;
    struct race *r = pr->r;
    for (uint32_t i = 0; i < EACH; i++) {
        struct msg *m = numbered(&r->nodes[pr->index * EACH + i], i);
        m->aux = (uint8_t)pr->index;
        while (!mbox_reserve(&r->b, m, 1000, 0))
            sched_yield();
        if (mbox_push(&r->b, m) == MBOX_WOKEN)
            atomic_fetch_add(&r->woken, 1);
    }
    return NULL;
}

Test(sched_mbox, no_wake_up_is_lost_or_doubled_in_a_race, .timeout = 60) {
    struct race *r = calloc(1, sizeof *r);
    r->nodes = calloc(PRODUCERS * EACH, sizeof *r->nodes);
    mbox_init(&r->b, true);
    struct producer producers[PRODUCERS];
    pthread_t threads[PRODUCERS];
    for (uint32_t i = 0; i < PRODUCERS; i++) {
        producers[i] = (struct producer){r, i};
        pthread_create(&threads[i], NULL, produce, &producers[i]);
    }
    uint32_t next[PRODUCERS] = {0}, total = 0;
    while (total < PRODUCERS * EACH) {
        /* asleep: only a wake-up makes it run */
        AWAIT(atomic_load(&r->woken) > 0);
        cr_assert(atomic_fetch_sub(&r->woken, 1) == 1, "two wake-ups for one sleep");
        do {
            for (struct msg *m = mbox_take(&r->b); m; m = m->next) {
                cr_assert(m->topic_hash == next[m->aux], "order of one sender");
                next[m->aux]++;
                total++;
                mbox_consumed(&r->b, m);
            }
        } while (!mbox_idle(&r->b));
    }
    for (int i = 0; i < PRODUCERS; i++)
        pthread_join(threads[i], NULL);
    cr_expect(mbox_load(&r->b) == 0);
    cr_expect(mbox_close(&r->b) == NULL);
    free(r->nodes);
    free(r);
}
