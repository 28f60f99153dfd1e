/* One service's life: every state × event, waits, attempts. Time and chance are the test's. */
#include <criterion/criterion.h>

#include "base/dur.h"
#include "src/service_fsm.h"

#define NOW (1000 * DUR_SEC)

static struct cfg_lifecycle lifecycle(void) {
    return (struct cfg_lifecycle){.start_timeout = 10 * DUR_SEC,
                                  .stop_timeout = 20 * DUR_SEC,
                                  .stable_threshold = 5 * DUR_SEC,
                                  .restart = {.initial_delay = 1 * DUR_SEC,
                                              .max_delay = 90 * DUR_SEC,
                                              .backoff_factor = 2.0,
                                              .jitter = 0,
                                              .max_attempts = 0}};
}

struct machine {
    struct service_fsm m;
    struct cfg_lifecycle life;
    int64_t now;
    uint64_t rng;
};

static struct machine machine(void) {
    struct machine x = {.life = lifecycle(), .now = NOW, .rng = 1};
    service_fsm_init(&x.m);
    return x;
}

static unsigned step(struct machine *x, enum service_event ev) {
    return service_fsm_step(&x->m, ev, &x->life, x->now, &x->rng);
}

/* Brought there by events, not by hand. */
static struct machine machine_in(enum service_state state) {
    static const enum service_event ways[SERVICE_STATE_COUNT][3] = {
        [SERVICE_STARTING] = {SERVICE_EV_START, SERVICE_EVENT_COUNT},
        [SERVICE_RUNNING] = {SERVICE_EV_START, SERVICE_EV_UP, SERVICE_EVENT_COUNT},
        [SERVICE_STOPPING] = {SERVICE_EV_START, SERVICE_EV_STOP, SERVICE_EVENT_COUNT},
        [SERVICE_STOPPED] = {SERVICE_EV_STOP, SERVICE_EVENT_COUNT},
        [SERVICE_FAILED] = {SERVICE_EV_START, SERVICE_EV_DOWN, SERVICE_EVENT_COUNT},
        [SERVICE_EXITED] = {SERVICE_EV_START, SERVICE_EV_DONE, SERVICE_EVENT_COUNT},
    };
    struct machine x = machine();
    for (size_t i = 0; state != SERVICE_UNKNOWN && i < 3 && ways[state][i] != SERVICE_EVENT_COUNT; i++)
        step(&x, ways[state][i]);
    cr_assert_eq(x.m.state, state);
    x.now += DUR_SEC;
    return x;
}

enum due { SAME, NEVER, START, STOP, STABLE, RETRY };

static const struct expected {
    enum service_state from;
    enum service_event ev;
    enum service_state to;
    unsigned act;
    enum due due;
} cells[] = {
#define CELL(from, ev, to, act, due) {SERVICE_##from, SERVICE_EV_##ev, SERVICE_##to, act, due},
    CELL(UNKNOWN, START, STARTING, SERVICE_DO_SPAWN, START) CELL(UNKNOWN, STOP, STOPPED, 0, NEVER) CELL(
        UNKNOWN, UP, UNKNOWN, 0, SAME) CELL(UNKNOWN, DONE, UNKNOWN, 0, SAME)
        CELL(UNKNOWN, DOWN, UNKNOWN, 0, SAME) CELL(UNKNOWN, DUE, UNKNOWN, 0, SAME) CELL(
            STARTING, START, STARTING, 0, SAME) CELL(STARTING, STOP, STOPPING, SERVICE_DO_CANCEL, STOP)
            CELL(STARTING, UP, RUNNING, 0, STABLE) CELL(STARTING, DONE, EXITED, 0, NEVER) CELL(
                STARTING, DOWN, FAILED, 0, RETRY) CELL(STARTING, DUE, STARTING, SERVICE_DO_KILL, NEVER)
                CELL(RUNNING, START, RUNNING, 0, SAME) CELL(RUNNING, STOP, STOPPING, SERVICE_DO_CANCEL, STOP)
                    CELL(RUNNING, UP, RUNNING, 0, SAME) CELL(RUNNING, DONE, EXITED, 0, NEVER)
                        CELL(RUNNING, DOWN, FAILED, 0, RETRY) CELL(RUNNING, DUE, RUNNING, 0, NEVER) CELL(
                            STOPPING, START, STOPPING, 0, SAME) CELL(STOPPING, STOP, STOPPING, 0, SAME)
                            CELL(STOPPING, UP, STOPPING, 0, SAME) CELL(STOPPING, DONE, STOPPED, 0, NEVER)
                                CELL(STOPPING, DOWN, STOPPED,
                                     0, NEVER) CELL(STOPPING, DUE, STOPPING, SERVICE_DO_KILL,
                                                    NEVER) CELL(STOPPED, START, STARTING, SERVICE_DO_SPAWN,
                                                                START) CELL(STOPPED, STOP, STOPPED, 0, SAME)
                                    CELL(STOPPED, UP, STOPPED, 0, SAME) CELL(STOPPED, DONE, STOPPED, 0, SAME)
                                        CELL(STOPPED, DOWN, STOPPED, 0,
                                             SAME) CELL(STOPPED, DUE, STOPPED, 0, SAME)
                                            CELL(FAILED, START, STARTING, SERVICE_DO_SPAWN, START)
                                                CELL(FAILED, STOP, STOPPED, 0, NEVER) CELL(FAILED, UP, FAILED,
                                                                                           0, SAME)
                                                    CELL(FAILED, DONE, FAILED, 0, SAME) CELL(FAILED, DOWN,
                                                                                             FAILED, 0, SAME)
                                                        CELL(FAILED, DUE, STARTING, SERVICE_DO_SPAWN, START)
                                                            CELL(EXITED, START, STARTING, SERVICE_DO_SPAWN,
                                                                 START) CELL(EXITED, STOP, EXITED, 0, SAME)
                                                                CELL(EXITED, UP, EXITED, 0,
                                                                     SAME) CELL(EXITED, DONE, EXITED, 0, SAME)
                                                                    CELL(EXITED, DOWN, EXITED, 0, SAME)
                                                                        CELL(EXITED, DUE, EXITED, 0, SAME)};

Test(fsm, every_state_and_event) {
    size_t n = sizeof cells / sizeof cells[0];
    cr_assert_eq(n, (size_t)SERVICE_STATE_COUNT * SERVICE_EVENT_COUNT);
    for (size_t i = 0; i < n; i++) {
        const struct expected *e = &cells[i];
        struct machine x = machine_in(e->from);
        int64_t before = x.m.due;
        unsigned act = step(&x, e->ev);
        const int64_t dues[] = {[SAME] = before,
                                [NEVER] = SERVICE_NEVER,
                                [START] = x.now + x.life.start_timeout,
                                [STOP] = x.now + x.life.stop_timeout,
                                [STABLE] = x.now + x.life.stable_threshold,
                                [RETRY] = x.now + x.life.restart.initial_delay};
        const char *from = service_state_text(e->from);
        cr_expect_eq(x.m.state, e->to, "%s, event %d: now %s", from, e->ev, service_state_text(x.m.state));
        cr_expect_eq(act, e->act, "%s, event %d: actions %u", from, e->ev, act);
        cr_expect_eq(x.m.due, dues[e->due], "%s, event %d: due at %lld", from, e->ev, (long long)x.m.due);
        cr_expect_eq(x.m.since, e->to == e->from ? x.m.since : x.now, "%s, event %d: since", from, e->ev);
    }
}

Test(fsm, waits_grow_up_to_the_largest) {
    static const int seconds[] = {1, 2, 4, 8, 16, 32, 64, 90, 90, 90};
    struct cfg_lifecycle life = lifecycle();
    uint64_t rng = 1;
    for (int i = 0; i < 10; i++)
        cr_expect_eq(service_backoff(&life, i + 1, &rng), seconds[i] * DUR_SEC, "attempt %d", i + 1);
    cr_expect_eq(service_backoff(&life, 1000000000, &rng), 90 * DUR_SEC, "a factor that overflows");
    life.restart.initial_delay = 0;
    cr_expect_eq(service_backoff(&life, 1, &rng), 0);
    cr_expect_eq(service_backoff(&life, 1000000000, &rng), 0, "nothing stays nothing");
}

Test(fsm, jitter_stays_within_its_part_and_uses_all_of_it) {
    struct cfg_lifecycle life = lifecycle();
    life.restart.jitter = 0.1;
    uint64_t rng = 12345;
    int64_t least = INT64_MAX, most = 0;
    double sum = 0;
    for (int i = 0; i < 20000; i++) {
        int64_t wait = service_backoff(&life, 4, &rng);
        least = wait < least ? wait : least;
        most = wait > most ? wait : most;
        sum += (double)wait;
    }
    cr_expect(least >= 7.2 * DUR_SEC && least < 7.22 * DUR_SEC, "least %lld", (long long)least);
    cr_expect(most <= 8.8 * DUR_SEC && most > 8.78 * DUR_SEC, "most %lld", (long long)most);
    cr_expect(sum / 20000 > 7.98 * DUR_SEC && sum / 20000 < 8.02 * DUR_SEC, "mean %g", sum / 20000);
    life.restart.jitter = 1;
    for (int i = 0; i < 20000; i++) {
        int64_t wait = service_backoff(&life, 1, &rng);
        cr_assert(wait >= 0 && wait <= 2 * DUR_SEC, "%lld", (long long)wait);
    }
}

Test(fsm, same_seed_same_waits) {
    struct cfg_lifecycle life = lifecycle();
    life.restart.jitter = 0.5;
    uint64_t a = 7, b = 7, c = 8;
    int same = 0;
    for (int i = 0; i < 100; i++) {
        int64_t wait = service_backoff(&life, 3, &a);
        cr_assert_eq(wait, service_backoff(&life, 3, &b));
        same += wait == service_backoff(&life, 3, &c);
    }
    cr_expect_lt(same, 3);
}

Test(fsm, no_delay_means_at_once) {
    struct machine x = machine();
    x.life.restart.initial_delay = 0;
    step(&x, SERVICE_EV_START);
    step(&x, SERVICE_EV_DOWN);
    cr_expect_eq(x.m.due, x.now);
    cr_expect_eq(step(&x, SERVICE_EV_DUE), SERVICE_DO_SPAWN);
}

Test(fsm, attempts_are_used_up) {
    struct machine x = machine();
    x.life.restart.max_attempts = 3;
    step(&x, SERVICE_EV_START);
    for (int restart = 1; restart <= 3; restart++) {
        cr_assert_eq(step(&x, SERVICE_EV_DOWN), 0);
        cr_assert_not(x.m.final);
        cr_assert_eq(x.m.attempts, restart);
        x.now = x.m.due;
        cr_assert_eq(step(&x, SERVICE_EV_DUE), SERVICE_DO_SPAWN);
        step(&x, SERVICE_EV_UP);
    }
    cr_expect_eq(step(&x, SERVICE_EV_DOWN), SERVICE_DID_GIVE_UP);
    cr_expect(x.m.final);
    cr_expect_eq(x.m.state, SERVICE_FAILED);
    cr_expect_eq(x.m.due, SERVICE_NEVER);
    cr_expect_eq(step(&x, SERVICE_EV_START), SERVICE_DO_SPAWN, "by hand it starts all the same");
    cr_expect_not(x.m.final);
    cr_expect_eq(x.m.attempts, 0);
}

Test(fsm, running_long_enough_gives_attempts_back) {
    struct machine x = machine();
    x.life.restart.max_attempts = 1;
    step(&x, SERVICE_EV_START);
    for (int i = 0; i < 100; i++) {
        step(&x, SERVICE_EV_UP);
        cr_assert_eq(x.m.due, x.now + x.life.stable_threshold);
        x.now = x.m.due;
        cr_assert_eq(step(&x, SERVICE_EV_DUE), 0);
        cr_assert(x.m.stable);
        cr_assert_eq(step(&x, SERVICE_EV_DOWN), 0, "round %d", i);
        x.now = x.m.due;
        step(&x, SERVICE_EV_DUE);
    }
    step(&x, SERVICE_EV_UP);
    x.now += x.life.stable_threshold - 1;
    cr_expect_eq(step(&x, SERVICE_EV_DOWN), SERVICE_DID_GIVE_UP, "a nanosecond too early");
}

Test(fsm, zero_threshold_is_stable_at_once) {
    struct machine x = machine();
    x.life.stable_threshold = 0;
    x.life.restart.max_attempts = 1;
    step(&x, SERVICE_EV_START);
    for (int i = 0; i < 10; i++) {
        step(&x, SERVICE_EV_UP);
        cr_assert(x.m.stable);
        cr_assert_eq(x.m.due, SERVICE_NEVER);
        cr_assert_eq(step(&x, SERVICE_EV_DOWN), 0);
        step(&x, SERVICE_EV_DUE);
    }
}

Test(fsm, timeouts_of_zero) {
    struct machine x = machine();
    x.life.start_timeout = 0;
    x.life.stop_timeout = 0;
    step(&x, SERVICE_EV_START);
    cr_expect_eq(x.m.due, SERVICE_NEVER, "a start may take for ever");
    cr_expect_eq(step(&x, SERVICE_EV_STOP), SERVICE_DO_CANCEL);
    cr_expect_eq(x.m.due, x.now, "an end may not");
    cr_expect_eq(step(&x, SERVICE_EV_DUE), SERVICE_DO_KILL);
}

Test(fsm, ends_and_what_follows) {
    static const struct {
        enum exit_how how;
        enum retry retry;
        enum service_event ev;
    } ends[] = {
        {EXIT_RETURNED, RETRY_UNKNOWN, SERVICE_EV_DONE},   {EXIT_RETURNED, RETRY_NO, SERVICE_EV_DONE},
        {EXIT_RETURNED, RETRY_YES, SERVICE_EV_DOWN},       {EXIT_RAISED, RETRY_UNKNOWN, SERVICE_EV_DOWN},
        {EXIT_RAISED, RETRY_NO, SERVICE_EV_DONE},          {EXIT_RAISED, RETRY_YES, SERVICE_EV_DOWN},
        {EXIT_TERMINATED, RETRY_UNKNOWN, SERVICE_EV_DOWN}, {EXIT_LINKED, RETRY_UNKNOWN, SERVICE_EV_DOWN},
        {EXIT_LIMIT, RETRY_UNKNOWN, SERVICE_EV_DOWN},      {EXIT_START, RETRY_UNKNOWN, SERVICE_EV_DOWN},
        {EXIT_START, RETRY_NO, SERVICE_EV_DONE},
    };
    cr_expect_eq(service_ended(NULL), SERVICE_EV_DONE);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        struct failure f = {.how = ends[i].how, .retryable = ends[i].retry};
        cr_expect_eq(service_ended(&f), ends[i].ev, "%s, retryable %d", exit_how_text(f.how), f.retryable);
    }
}
