#include "sched/runq.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/rnd.h"
#include "tests/support/schedbox.h"

/* Entries are never looked into: numbers will do. */
static struct proc *entry(uintptr_t i) {
    return (struct proc *)(i + 1);
}
static uintptr_t number(struct proc *p) {
    return (uintptr_t)p - 1;
}

Test(sched_runq, first_in_first_out_and_bounded) {
    static struct runq q;
    for (int round = 0; round < 3; round++) {
        for (uintptr_t i = 0; i < RUNQ_SIZE; i++)
            cr_expect(runq_put(&q, entry(i)));
        cr_expect(!runq_put(&q, entry(99999)), "full");
        cr_expect(runq_len(&q) == RUNQ_SIZE);
        for (uintptr_t i = 0; i < RUNQ_SIZE; i++)
            cr_expect(number(runq_take(&q)) == i);
        cr_expect(runq_take(&q) == NULL && runq_len(&q) == 0);
    }
}

Test(sched_runq, a_thief_takes_the_older_half_in_order) {
    static struct runq from, to;
    cr_expect(runq_steal(&from, &to) == NULL);
    for (uintptr_t n = 1; n <= RUNQ_SIZE; n++) {
        for (uintptr_t i = 0; i < n; i++)
            runq_put(&from, entry(i));
        cr_expect(number(runq_steal(&from, &to)) == 0);
        uintptr_t half = n - n / 2;
        cr_expect(runq_len(&to) == half - 1 && runq_len(&from) == n - half);
        for (uintptr_t i = 1; i < half; i++)
            cr_expect(number(runq_take(&to)) == i);
        for (uintptr_t i = half; i < n; i++)
            cr_expect(number(runq_take(&from)) == i);
    }
}

Test(sched_runq, indices_may_wrap) {
    static struct runq q, to;
    atomic_store(&q.head, UINT32_MAX - 1);
    atomic_store(&q.tail, UINT32_MAX - 1);
    for (uintptr_t i = 0; i < 4; i++)
        cr_expect(runq_put(&q, entry(i)));
    cr_expect(runq_len(&q) == 4);
    cr_expect(number(runq_steal(&q, &to)) == 0 && number(runq_take(&to)) == 1);
    cr_expect(number(runq_take(&q)) == 2 && number(runq_take(&q)) == 3 && !runq_take(&q));
}

/* One owner, two thieves: each entry is seen once by exactly one of them. */
enum { ENTRIES = 300000 };
struct shared {
    struct runq q, thieves[2];
    _Atomic unsigned char seen[ENTRIES];
    atomic_bool over;
};
struct thief {
    struct shared *s;
    int index;
};

static void see(struct shared *s, struct proc *p) {
    cr_assert(atomic_fetch_add(&s->seen[number(p)], 1) == 0, "entry %zu twice", (size_t)number(p));
}

static void *thieve(void *arg) {
    struct thief *t = arg;
    struct shared *s = t->s;
    struct runq *mine = &s->thieves[t->index];
    for (bool last = false; !last;) {
        last = atomic_load(&s->over);
        /* also from each other, as workers do */
        struct proc *p = runq_steal(&s->q, mine);
        if (!p)
            p = runq_steal(&s->thieves[!t->index], mine);
        if (p) {
            last = false;
            see(s, p);
        }
        while ((p = runq_take(mine)))
            see(s, p);
    }
    return NULL;
}

Test(sched_runq, each_entry_goes_to_one_taker, .timeout = 60) {
    struct shared *s = aligned_alloc(64, (sizeof *s + 63) / 64 * 64);
    memset(s, 0, sizeof *s);
    struct thief thieves[2] = {{s, 0}, {s, 1}};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, thieve, &thieves[i]);
    struct rnd r = rnd_open("runq", 1);
    for (uintptr_t i = 0; i < ENTRIES;) {
        for (uint64_t n = rnd_below(&r, 2 * RUNQ_SIZE); n && i < ENTRIES && runq_put(&s->q, entry(i)); n--)
            i++;
        for (uint64_t n = rnd_below(&r, RUNQ_SIZE); n; n--) {
            struct proc *p = runq_take(&s->q);
            if (!p)
                break;
            see(s, p);
        }
    }
    for (struct proc *p; (p = runq_take(&s->q));)
        see(s, p);
    atomic_store(&s->over, true);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < ENTRIES; i++)
        cr_assert(s->seen[i] == 1, "entry %zu: %d times", i, s->seen[i]);
    free(s);
}
