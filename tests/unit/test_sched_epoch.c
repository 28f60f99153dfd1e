#include "sched/epoch.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>

#include "tests/support/schedbox.h"

struct thing {
    struct epoch_item item;
    _Atomic(uint64_t) alive; /* a magic number until released */
};
#define ALIVE UINT64_C(0x600d600d600d600d)

static atomic_size_t freed;

static void release(struct epoch_item *item, void *owner) {
    struct thing *t = (struct thing *)item;
    cr_assert(owner == (void *)&freed, "owner handed through");
    atomic_store(&t->alive, 0);
    atomic_fetch_add(&freed, 1);
    free(t);
}

static struct thing *thing_new(void) {
    struct thing *t = calloc(1, sizeof *t);
    atomic_init(&t->alive, ALIVE);
    return t;
}

static void test_basic(bool fence) {
    struct epoch e;
    struct epoch_reader a, b;
    epoch_init(&e);
    e.fence |= fence;
    epoch_join(&e, &a, &freed);
    epoch_join(&e, &b, &freed);
    epoch_retire(&a, &thing_new()->item, release);
    epoch_collect(&a);
    cr_expect(atomic_load(&freed) == 1, "nobody inside");

    epoch_enter(&b);
    struct thing *t = thing_new();
    epoch_retire(&a, &t->item, release);
    epoch_collect(&a);
    cr_expect(atomic_load(&freed) == 1 && t->alive == ALIVE, "a reader may still look");
    epoch_leave(&b);
    epoch_collect(&a);
    cr_expect(atomic_load(&freed) == 2);

    epoch_retire(&a, &thing_new()->item, release);
    epoch_enter(&b); /* now is the epoch before the batch is closed: it must count as inside */
    epoch_collect(&a);
    cr_expect(atomic_load(&freed) == 2);
    epoch_leave(&b);
    epoch_enter(&b); /* this one entered after the batch was closed: it cannot have seen it */
    epoch_collect(&a);
    cr_expect(atomic_load(&freed) == 3);
    epoch_leave(&b);

    for (int i = 0; i < 1000; i++)
        epoch_retire(&a, &thing_new()->item, release);
    epoch_part(&a);
    cr_expect(atomic_load(&freed) == 1003, "leaving releases the rest");
    epoch_part(&b);
    epoch_destroy(&e);
}

Test(sched_epoch, releases_after_readers_have_left) {
    test_basic(false);
}

Test(sched_epoch, so_it_does_without_membarrier) {
    test_basic(true);
}

/* A slot that a writer replaces all the time and readers look into: none ever sees released memory. */
struct board {
    struct epoch e;
    _Atomic(struct thing *) slot[4];
    atomic_bool over;
    bool fence;
};

static void *look(void *arg) {
    struct board *b = arg;
    struct epoch_reader r;
    epoch_join(&b->e, &r, &freed);
    unsigned i = 0;
    while (!atomic_load_explicit(&b->over, memory_order_relaxed)) {
        epoch_enter(&r);
        struct thing *t = atomic_load_explicit(&b->slot[i++ % 4], memory_order_acquire);
        cr_assert(!t || atomic_load_explicit(&t->alive, memory_order_relaxed) == ALIVE);
        epoch_leave(&r);
    }
    epoch_part(&r);
    return NULL;
}

static void race(bool fence) {
    struct board *b = calloc(1, sizeof *b);
    epoch_init(&b->e);
    b->e.fence |= fence;
    pthread_t readers[2];
    for (int i = 0; i < 2; i++)
        pthread_create(&readers[i], NULL, look, b);
    struct epoch_reader r;
    epoch_join(&b->e, &r, &freed);
    size_t made = 0;
    for (unsigned i = 0; i < 40000; i++) {
        struct thing *t = thing_new();
        made++;
        struct thing *old = atomic_exchange_explicit(&b->slot[i % 4], t, memory_order_acq_rel);
        if (old)
            epoch_retire(&r, &old->item, release);
        if (i % 7 == 0)
            epoch_collect(&r);
    }
    atomic_store(&b->over, true);
    for (int i = 0; i < 2; i++)
        pthread_join(readers[i], NULL);
    for (int i = 0; i < 4; i++)
        epoch_retire(&r, &b->slot[i]->item, release);
    epoch_part(&r);
    cr_expect(atomic_load(&freed) == made);
    epoch_destroy(&b->e);
    free(b);
}

Test(sched_epoch, readers_never_see_released_memory, .timeout = 60) {
    race(false);
}

Test(sched_epoch, readers_never_see_released_memory_without_membarrier, .timeout = 60) {
    race(true);
}
