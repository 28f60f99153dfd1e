#include "sched/wheel.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "tests/support/rnd.h"
#include "tests/support/schedbox.h"

#define TICK (INT64_C(1) << WHEEL_TICK_SHIFT)
#define MS INT64_C(1000000)
#define SECOND INT64_C(1000000000)

struct item {
    struct timer tm;
    int64_t due;
    unsigned fired;
    bool pending; /* the model's opinion */
};

static struct {
    int64_t now, before; /* of this and the previous wheel_fire */
    size_t fired;
} world;

static void fire(struct sched_thread *t, struct timer *tm) {
    struct item *i = (struct item *)tm;
    cr_assert(i->pending, "fired without being pending");
    cr_assert(world.now >= i->due, "%lld ns early", (long long)(i->due - world.now));
    cr_assert(world.before < i->due + TICK, "should have fired at the call before, %lld ns after it was due",
              (long long)(world.before - i->due));
    i->pending = false;
    i->fired++;
    world.fired++;
}

static void start(struct wheel *w, struct item *i, int64_t due) {
    i->tm.fire = fire;
    i->due = due;
    i->pending = true;
    wheel_start(w, &i->tm, due);
    /* one that is overdue is late from the moment it was started */
    if (due < world.now)
        i->due = world.now;
}

static size_t fire_at(struct wheel *w, int64_t now) {
    world.before = world.now;
    world.now = now;
    size_t before = world.fired;
    size_t n = wheel_fire(w, NULL, now);
    cr_assert(n == world.fired - before);
    return n;
}

Test(sched_wheel, fires_once_not_early_and_at_most_a_tick_late) {
    static const int64_t delays[] = {0,
                                     1,
                                     TICK - 1,
                                     TICK,
                                     TICK + 1,
                                     MS,
                                     63 * TICK,
                                     64 * TICK,
                                     65 * TICK,
                                     4095 * TICK,
                                     4096 * TICK,
                                     4097 * TICK,
                                     SECOND,
                                     3600 * SECOND,
                                     86400 * SECOND,
                                     366 * 86400 * SECOND,
                                     10000 * 86400 * SECOND};
    struct rnd r = rnd_open("wheel", 1);
    for (size_t d = 0; d < sizeof delays / sizeof delays[0]; d++) {
        for (int k = 0; k < 50; k++) {
            int64_t begin = (int64_t)rnd_below(&r, UINT64_C(1) << (10 + k));
            struct wheel w;
            struct item i = {0};
            wheel_init(&w, begin);
            cr_expect(wheel_next(&w) == WHEEL_NEVER);
            world.now = begin;
            start(&w, &i, begin + delays[d]);
            /* as a worker does: sleep until wheel_next, fire */
            int steps = 0;
            int64_t latest = (i.due + TICK - 1) / TICK * TICK + (delays[d] ? 0 : TICK);
            while (i.pending) {
                int64_t next = wheel_next(&w);
                cr_assert(next <= latest, "next_ns is later than the event");
                fire_at(&w, next > world.now ? next : world.now + 1);
                steps += next > world.before;
                cr_assert(steps <= 2 * WHEEL_LEVELS, "woken %d times for one timer", steps);
            }
            cr_expect(world.now <= latest, "late by %lld", (long long)(world.now - i.due));
            cr_expect(i.fired == 1 && wheel_next(&w) == WHEEL_NEVER && w.count == 0);
            fire_at(&w, world.now + SECOND);
            cr_expect(i.fired == 1);
            wheel_destroy(&w);
        }
    }
}

Test(sched_wheel, the_end_of_time) {
    struct wheel w;
    struct item a = {0}, b = {0}, c = {0};
    wheel_init(&w, 5 * SECOND);
    world.now = 5 * SECOND;
    start(&w, &a, INT64_MAX);
    start(&w, &b, INT64_MAX - TICK);
    start(&w, &c, INT64_MIN);
    for (int i = 0; i < 10; i++)
        fire_at(&w, world.now + TICK);
    cr_expect(a.fired == 0 && b.fired == 0 && c.fired == 1);
    cr_expect(wheel_next(&w) > world.now + 100 * 86400 * SECOND, "nothing to wake up for");
    cr_expect(wheel_stop(&a.tm) && wheel_stop(&b.tm) && !wheel_stop(&c.tm));
    cr_expect(wheel_next(&w) == WHEEL_NEVER);
    wheel_destroy(&w);
}

Test(sched_wheel, stop_says_whether_it_was_pending) {
    struct wheel w;
    struct item a = {0}, b = {0};
    cr_expect(!wheel_stop(&a.tm), "never started");
    wheel_init(&w, SECOND);
    world.now = SECOND;
    start(&w, &a, SECOND + 10 * MS);
    start(&w, &b, SECOND + 16 * MS);
    cr_expect(wheel_stop(&a.tm) && !wheel_stop(&a.tm));
    a.pending = false;
    cr_expect(wheel_next(&w) > SECOND + 10 * MS, "an idle worker is not woken for a stopped timer");
    fire_at(&w, 2 * SECOND);
    cr_expect(a.fired == 0 && b.fired == 1 && !wheel_stop(&b.tm));
    start(&w, &a, 3 * SECOND);
    fire_at(&w, 3 * SECOND + TICK);
    cr_expect(a.fired == 1, "it can be started again");
    wheel_destroy(&w);
}

/* How many timers stand above level 0, each counted once for each level it still has to come down. */
static size_t steps_left(const struct wheel *w) {
    size_t sum = 0;
    for (size_t level = 1; level < WHEEL_LEVELS; level++)
        for (size_t slot = 0; slot < WHEEL_SLOTS; slot++)
            sum += level * w->counts[level][slot];
    return sum;
}

Test(sched_wheel, far_timers_come_down_a_few_at_a_time) {
    enum { TIMERS = 100000, LONGEST = 120 };
    struct rnd r = rnd_open("wheel far", 1);
    struct item *items = calloc(TIMERS, sizeof *items);
    struct wheel w;
    world.now = 7 * SECOND;
    wheel_init(&w, world.now);
    for (size_t i = 0; i < TIMERS; i++)
        start(&w, &items[i], world.now + 80 * SECOND + (int64_t)rnd_below(&r, (LONGEST - 80) * SECOND));
    cr_expect(steps_left(&w) > TIMERS);
    size_t most = 0, before = steps_left(&w);
    while (wheel_next(&w) != WHEEL_NEVER) {
        fire_at(&w, world.now + TICK);
        size_t now = steps_left(&w);
        cr_assert(now <= before, "a timer went up");
        most = before - now > most ? before - now : most;
        before = now;
    }
    cr_expect(world.fired == TIMERS);
    cr_expect(most < TIMERS / 32, "%zu timers were moved at once", most);
    wheel_destroy(&w);
    free(items);
}

/* A million starts of a hundred thousand timers, stops among them, time in leaps of all sizes. */
static int64_t random_delay(struct rnd *r) {
    static const int64_t spans[] = {2 * TICK,      100 * TICK,          10 * MS, SECOND, 60 * SECOND,
                                    7200 * SECOND, 400 * 86400 * SECOND};
    return (int64_t)rnd_below(r, (uint64_t)spans[rnd_below(r, 7)]);
}

static void sweep(struct wheel *w, struct item *items, size_t n) {
    int64_t first = WHEEL_NEVER;
    size_t pending = 0;
    for (size_t i = 0; i < n; i++) {
        if (!items[i].pending)
            continue;
        pending++;
        cr_assert(world.now < items[i].due + TICK, "left behind");
        int64_t at = (items[i].due + TICK - 1) / TICK * TICK;
        first = at < first ? at : first;
    }
    cr_assert(atomic_load(&w->count) == pending);
    cr_assert(pending == 0 ? wheel_next(w) == WHEEL_NEVER
                           : wheel_next(w) <= (first > world.now ? first : world.now + TICK),
              "next_ns %lld is later than the next event %lld", (long long)wheel_next(w), (long long)first);
}

Test(sched_wheel, a_million_starts_agree_with_a_model, .timeout = 120) {
    enum { TIMERS = 100000, STARTS = 1000000 };
    struct rnd r = rnd_open("wheel model", 1);
    struct item *items = calloc(TIMERS, sizeof *items);
    struct wheel w;
    world.now = (int64_t)rnd_below(&r, 1000 * (uint64_t)SECOND);
    wheel_init(&w, world.now);
    size_t starts = 0, stops = 0, rounds = 0;
    while (starts < STARTS) {
        for (uint64_t k = rnd_below(&r, 2000); k; k--) {
            struct item *i = &items[rnd_below(&r, TIMERS)];
            if (i->pending) {
                cr_assert(wheel_stop(&i->tm));
                i->pending = false;
                stops++;
            } else {
                cr_assert(!wheel_stop(&i->tm));
                start(&w, i, world.now + random_delay(&r));
                starts++;
            }
        }
        if (++rounds % 16 == 0)
            sweep(&w, items, TIMERS);
        int64_t next = wheel_next(&w);
        switch (rnd_below(&r, 4)) {
        case 0:
            fire_at(&w, next != WHEEL_NEVER && next > world.now ? next : world.now);
            break;
        case 1:
            fire_at(&w, world.now + 1 + (int64_t)rnd_below(&r, TICK));
            break;
        default:
            fire_at(&w, world.now + random_delay(&r) / 8);
        }
    }
    cr_expect(world.fired > 100000 && stops > 100000, "%zu fired, %zu stopped", world.fired, stops);
    size_t events = 0;
    while (wheel_next(&w) != WHEEL_NEVER) {
        int64_t next = wheel_next(&w);
        fire_at(&w, next > world.now ? next : world.now + 1);
        events++;
    }
    sweep(&w, items, TIMERS);
    cr_expect(world.fired + stops == starts, "each start ended in one firing or one stop");
    cr_expect(events <= WHEEL_LEVELS * (size_t)TIMERS);
    wheel_destroy(&w);
    free(items);
}

Test(sched_wheel, firing_does_not_wait_for_another_thread) {
    struct wheel *w = calloc(1, sizeof *w);
    struct item item = {0};
    world.now = 0;
    wheel_init(w, 0);
    start(w, &item, TICK);
    pthread_mutex_lock(&w->lock);
    cr_expect(fire_at(w, 2 * TICK) == 0);
    pthread_mutex_unlock(&w->lock);
    cr_expect(wheel_next(w) <= 2 * TICK, "whoever looks sees that there is something left");
    cr_expect(wheel_fire(w, NULL, 2 * TICK) == 1 && item.fired == 1);
    wheel_destroy(w);
    free(w);
}

/* The owner starts and stops while another thread fires. */
struct race {
    struct wheel w;
    atomic_bool over;
    struct racer {
        struct timer tm;
        atomic_uint fired;
    } racers[64];
};

static void count(struct sched_thread *t, struct timer *tm) {
    atomic_fetch_add_explicit(&((struct racer *)tm)->fired, 1, memory_order_relaxed);
}

static void *fire_all(void *arg) {
    struct race *r = arg;
    size_t *n = malloc(sizeof *n);
    *n = 0;
    while (!atomic_load(&r->over)) {
        int64_t now = clock_mono_ns();
        if (wheel_next(&r->w) <= now)
            *n += wheel_fire(&r->w, NULL, now);
    }
    return n;
}

Test(sched_wheel, a_timer_is_stopped_or_fires_never_both, .timeout = 60) {
    struct race *r = calloc(1, sizeof *r);
    wheel_init(&r->w, clock_mono_ns());
    pthread_t other;
    pthread_create(&other, NULL, fire_all, r);
    struct rnd rnd = rnd_open("wheel race", 1);
    size_t starts = 0, stops = 0, fired = 0;
    bool started[64] = {0};
    int64_t end = clock_mono_ns() + 300 * MS;
    while (clock_mono_ns() < end) {
        size_t i = rnd_below(&rnd, 64);
        struct racer *x = &r->racers[i];
        if (started[i] && wheel_stop(&x->tm)) {
            stops++;
            started[i] = false;
        } else if (started[i]) { /* fired: its count is visible, since both happened under the wheel's lock */
            cr_assert(atomic_load_explicit(&x->fired, memory_order_relaxed) == 1);
            atomic_store_explicit(&x->fired, 0, memory_order_relaxed);
            fired++;
            started[i] = false;
        } else {
            x->tm.fire = count;
            wheel_start(&r->w, &x->tm, clock_mono_ns() + (int64_t)rnd_below(&rnd, 400000));
            started[i] = true;
            starts++;
        }
    }
    atomic_store(&r->over, true);
    size_t *n;
    pthread_join(other, (void **)&n);
    for (int i = 0; i < 64; i++) {
        if (started[i] && wheel_stop(&r->racers[i].tm))
            stops++;
        else
            fired += started[i];
    }
    cr_expect(*n == fired && starts == fired + stops);
    cr_expect(fired > 20 && stops > 20, "%zu fired, %zu stopped", fired, stops);
    free(n);
    wheel_destroy(&r->w);
    free(r);
}
