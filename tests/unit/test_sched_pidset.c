#include "sched/pidset.h"

#include <criterion/criterion.h>
#include <string.h>

#include "tests/support/rnd.h"
#include "tests/support/schedbox.h"

/* Pids as they look in life: slots that follow each other, a host, generations. */
static struct pid nth(unsigned i) {
    return (struct pid){(uint64_t)(i % 5) << (PID_SLOT_BITS + PID_HOST_BITS) | UINT64_C(3) << PID_SLOT_BITS |
                        (i + 1)};
}

static void expect_same(const struct pidset *s, const bool *model, unsigned n) {
    unsigned members = 0, walked = 0;
    bool seen[1024] = {0};
    for (unsigned i = 0; i < n; i++) {
        cr_assert(pidset_has(s, nth(i)) == model[i], "member %u", i);
        members += model[i];
    }
    cr_assert(s->n == members);
    uint32_t at = 0;
    for (struct pid p; pidset_next(s, &at, &p); walked++) {
        unsigned i = pid_slot(p) - 1;
        cr_assert(i < n && pid_eq(nth(i), p) && model[i] && !seen[i], "walk meets each member once");
        seen[i] = true;
    }
    cr_assert(walked == members);
}

Test(sched_pidset, few_members_need_no_memory) {
    struct pidset s = {0};
    cr_expect(pidset_add(&s, nth(0)) == PIDSET_ADDED);
    cr_expect(pidset_add(&s, nth(0)) == PIDSET_PRESENT);
    cr_expect(pidset_add(&s, nth(1)) == PIDSET_ADDED);
    cr_expect(s.cap == 0 && s.n == 2);
    cr_expect(pidset_remove(&s, nth(0)) && !pidset_remove(&s, nth(0)));
    cr_expect(!pidset_has(&s, nth(0)) && pidset_has(&s, nth(1)));
}

Test(sched_pidset, agrees_with_a_model_under_random_operations) {
    struct rnd r = rnd_open("pidset", 1);
    for (int round = 0; round < 60; round++) {
        unsigned n = 1 + (unsigned)rnd_below(&r, round % 3 ? 12 : 600);
        bool model[1024] = {0};
        struct pidset s = {0};
        for (int op = 0; op < 3000; op++) {
            unsigned i = (unsigned)rnd_below(&r, n);
            /* phases of growth and of shrinking */
            if (rnd_below(&r, 4) < (op / 500 % 2 ? 1u : 3u)) {
                cr_assert(pidset_add(&s, nth(i)) == (model[i] ? PIDSET_PRESENT : PIDSET_ADDED));
                model[i] = true;
            } else {
                cr_assert(pidset_remove(&s, nth(i)) == model[i]);
                model[i] = false;
            }
            if (op % 100 == 0)
                expect_same(&s, model, n);
        }
        expect_same(&s, model, n);
        pidset_clear(&s);
        memset(model, 0, sizeof model);
        expect_same(&s, model, n);
    }
}

Test(sched_pidset, a_large_one_stays_fast) {
    enum { N = 200000 };
    struct pidset s = {0};
    for (unsigned i = 0; i < N; i++)
        cr_assert(pidset_add(&s, nth(i)) == PIDSET_ADDED);
    for (unsigned i = 0; i < N; i++) /* quadratic behaviour would take minutes */
        cr_assert(pidset_remove(&s, nth(i)));
    cr_expect(s.n == 0 && s.cap == 0, "an empty set has given its memory back");
}
