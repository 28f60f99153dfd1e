#include "tests/det/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "sched/os.h"
#include "sched/proc.h"
#include "sched/worker.h"

enum { COROUTINES = 24, STACK = 128 * 1024, TRAIL = 64 };

#define POINTS_MAX 400000 /* more in one run is a livelock */
#define STEP_NS 200       /* what a step takes in virtual time */

enum what { FREE, READY, WAITING, JOINING, SETTLING, DONE };

struct coroutine {
    enum what what;
    ucontext_t context;
    char *stack;
    void *(*fn)(void *arg);
    void *arg;
    struct sched_thread *self;
    _Atomic uint32_t *word; /* WAITING: on it, or nothing (asleep) */
    int64_t until;          /* WAITING, SETTLING */
    unsigned joined;        /* JOINING: whom */
    bool signalled;
};

static struct {
    struct coroutine c[COROUTINES];
    ucontext_t outside;
    unsigned current, eager; /* eager: how often a point switches, one in so many */
    int64_t now;
    uint64_t rng;
    struct sim_result result;
    struct {
        const char *where;
        unsigned who;
    } trail[TRAIL];
    bool checking;
} sim;

void (*sim_each_step)(void);

static uint64_t next_random(void) { /* xorshift64*, after S. Vigna */
    sim.rng ^= sim.rng >> 12;
    sim.rng ^= sim.rng << 25;
    sim.rng ^= sim.rng >> 27;
    return sim.rng * UINT64_C(2685821657736338717);
}

uint64_t sim_random(uint64_t n) {
    return (next_random() >> 11) % n;
}

unsigned sim_self(void) {
    return sim.current;
}

void sim_print_trail(void) {
    for (uint64_t i = 0; i < TRAIL; i++) {
        uint64_t at = sim.result.points + i;
        if (sim.trail[at % TRAIL].where)
            printf("#   coroutine %u: %s\n", sim.trail[at % TRAIL].who, sim.trail[at % TRAIL].where);
    }
}

void sim_fail(const char *what) {
    sim.result.failure = what;
    os_sim = NULL;
    setcontext(&sim.outside);
    abort();
}

/* --- switching ------------------------------------------------------------------------------------------------------ */

static bool can_run(const struct coroutine *c) {
    return c->what == READY || (c->what == WAITING && c->until <= sim.now) ||
           (c->what == JOINING && sim.c[c->joined].what == DONE);
}

static bool waits_for_a_moment(const struct coroutine *c, int64_t before) {
    return c->what == WAITING && c->until < before;
}

/* Somebody who can run, at random; who settles comes last; time leaps when it has to. */
static unsigned choose(void) {
    for (;;) {
        unsigned ready[COROUTINES], n = 0;
        int64_t next = OS_NEVER;
        for (unsigned i = 0; i < COROUTINES; i++) {
            if (can_run(&sim.c[i]))
                ready[n++] = i;
            else if (waits_for_a_moment(&sim.c[i], next))
                next = sim.c[i].until;
        }
        if (n > 0)
            return ready[sim_random(n)];
        for (unsigned i = 0; i < COROUTINES; i++)
            if (sim.c[i].what == SETTLING && sim.c[i].until <= next) {
                return i;
            }
        if (next == OS_NEVER)
            sim_fail("deadlock: nobody can run, and somebody waits for it");
        sim.now = next;
    }
}

static void go_on(unsigned next) {
    unsigned last = sim.current;
    sim.c[next].what = READY;
    if (next != last) {
        sim.result.switches++;
        sim.c[last].self = sched_self;
        sim.current = next;
        sched_self = sim.c[next].self;
        swapcontext(&sim.c[last].context, &sim.c[next].context);
    }
    struct coroutine *me = &sim.c[sim.current];
    if (me->signalled) {
        me->signalled = false;
        if (sched_self && sched_self->worker)
            worker_on_signal(sched_self->worker);
    }
}

static void count_point(const char *where) {
    uint64_t at = sim.result.points++ % TRAIL;
    sim.trail[at].where = where;
    sim.trail[at].who = sim.current;
    sim.now += STEP_NS;
    if (sim.result.points > POINTS_MAX)
        sim_fail("livelock: too many steps");
    if (sim_each_step && !sim.checking) {
        sim.checking = true; /* what it calls passes points as well */
        sim_each_step();
        sim.checking = false;
    }
}

static void point(const char *where) {
    if (sim.checking)
        return;
    count_point(where);
    if (sim_random(sim.eager) == 0)
        go_on(choose());
}

/* The current coroutine cannot go on by itself. */
static void block(enum what what, int64_t until) {
    sim.c[sim.current].what = what;
    sim.c[sim.current].until = until;
    go_on(choose());
}

/* --- what sched asks for -------------------------------------------------------------------------------------------- */

static int64_t now(void) {
    return sim.now;
}

static void lock(pthread_mutex_t *m) {
    point("lock");
    while (pthread_mutex_trylock(m) != 0) {
        count_point("locked by another");
        go_on(choose());
    }
}

static void wait_on(_Atomic uint32_t *word, uint32_t value, int64_t until_ns) {
    point("futex");
    if (atomic_load(word) != value || sim_random(64) == 0) /* futexes wake up for nothing, too */
        return;
    sim.c[sim.current].word = word;
    block(WAITING, until_ns);
    sim.c[sim.current].word = NULL;
}

static void wake(_Atomic uint32_t *word) {
    point("wake");
    for (unsigned i = 0; i < COROUTINES; i++)
        if (sim.c[i].what == WAITING && sim.c[i].word == word) {
            sim.c[i].what = READY;
            return;
        }
}

static void enter(void) {
    struct coroutine *me = &sim.c[sim.current];
    me->fn(me->arg);
    sim.c[sim.current].what = DONE;
    go_on(choose());
    abort(); /* what is done is never chosen */
}

static bool start(pthread_t *id, void *(*fn)(void *arg), void *arg) {
    for (unsigned i = 0; i < COROUTINES; i++) {
        struct coroutine *c = &sim.c[i];
        if (c->what != FREE)
            continue;
        if (!c->stack)
            c->stack = malloc(STACK);
        c->what = READY;
        c->fn = fn;
        c->arg = arg;
        c->self = NULL;
        c->signalled = false;
        getcontext(&c->context);
        c->context.uc_stack.ss_sp = c->stack;
        c->context.uc_stack.ss_size = STACK;
        c->context.uc_link = NULL;
        makecontext(&c->context, enter, 0);
        *id = i;
        point("thread started");
        return true;
    }
    return false;
}

static void join(pthread_t id) {
    if (sim.c[id].what != DONE) {
        sim.c[sim.current].joined = (unsigned)id;
        block(JOINING, OS_NEVER);
    }
    sim.c[id].what = FREE;
}

static void signal_to(pthread_t id) {
    sim.c[id].signalled = true;
    point("signal");
}

static void sleep_for(int64_t ns) {
    block(WAITING, sim.now + ns);
}

static const struct os_sim simulation = {
    .point = point,
    .now = now,
    .lock = lock,
    .wait = wait_on,
    .wake = wake,
    .start = start,
    .join = join,
    .signal = signal_to,
    .sleep = sleep_for,
};

/* --- what scenarios call ---------------------------------------------------------------------------------------------- */

void sim_settle(int64_t ns) {
    block(SETTLING, sim.now + ns);
}

struct call {
    void (*fn)(void *arg);
    void *arg;
};

static void *call_detached(void *arg) {
    struct call call = *(struct call *)arg;
    free(arg);
    call.fn(call.arg);
    return NULL;
}

void sim_start(void (*fn)(void *arg), void *arg) {
    struct call *call = malloc(sizeof *call);
    *call = (struct call){fn, arg};
    pthread_t id;
    if (!start(&id, call_detached, call))
        sim_fail("too many coroutines");
}

static void (*owner_fn)(void);

static void *owner(void *arg) {
    owner_fn();
    os_sim = NULL;
    setcontext(&sim.outside);
    return NULL;
}

struct sim_result sim_run(uint64_t seed, void (*main_fn)(void)) {
    for (unsigned i = 0; i < COROUTINES; i++)
        sim.c[i].what = FREE;
    sim.rng = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
    for (int i = 0; i < 4; i++)
        next_random();
    /* some runs switch at nearly every point, others let each go on for long */
    sim.eager = 1 + (unsigned)sim_random(sim_random(2) ? 4 : 40);
    sim.now = CLOCK_NS_PER_SEC;
    sim.result = (struct sim_result){0};
    memset(sim.trail, 0, sizeof sim.trail);
    sim.checking = false;
    owner_fn = main_fn;
    sched_self = NULL;
    volatile bool back = false;
    getcontext(&sim.outside);
    if (!back) {
        back = true;
        os_sim = &simulation;
        pthread_t id;
        sim.current = 0;
        unsigned eager = sim.eager;
        sim.eager = UINT32_MAX; /* no switch before there is a coroutine to switch from */
        start(&id, owner, NULL);
        sim.eager = eager;
        sim.current = (unsigned)id;
        setcontext(&sim.c[id].context);
    }
    os_sim = NULL;
    return sim.result;
}
