/*
 * What the parts of the scheduler cost, each alone, then native processes on a host of one and two workers: a hop of a
 * message, fan-in, spawn and end. Every run checks afterwards that it did what it measured; if not, the program ends
 * with status 70.
 */
#include <sched.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "bench/micro/bench.h"
#include "sched/node.h"

static void must(bool holds, const char *what) {
    if (!holds)
        bench_die(what);
}

/* --- mailbox ---------------------------------------------------------------------------------------------------- */

static struct {
    struct mbox b;
    struct msg *nodes;
    uint64_t taken, last;
} box;

static void box_before(void *ctx, unsigned threads, uint64_t n) {
    mbox_init(&box.b, false);
    size_t count = threads == 1 ? 64 : (size_t)(threads - 1) * n;
    box.nodes = calloc(count, sizeof *box.nodes);
    must(box.nodes != NULL, "mailbox: no memory");
    for (size_t i = 0; i < count; i++)
        box.nodes[i].charge = 4;
    box.taken = 0;
}
static void box_after(void *ctx, unsigned threads, uint64_t n) {
    must(box.taken == (threads == 1 ? n : (threads - 1) * n), "mailbox: messages were lost");
    must(mbox_load(&box.b) == 0, "mailbox: its load is not what it holds");
    free(box.nodes);
}

static void box_take(void) {
    for (struct msg *m = mbox_take(&box.b), *next; m; m = next) {
        next = m->next;
        mbox_consumed(&box.b, m);
        box.taken++;
    }
}

/* ctx: how many are pushed before they are taken. */
static void box_alone(void *ctx, unsigned thread, uint64_t n) {
    uint64_t batch = (uintptr_t)ctx;
    for (uint64_t i = 0; i < n;) {
        for (uint64_t k = 0; k < batch && i < n; k++, i++) {
            must(mbox_reserve(&box.b, &box.nodes[k], 0, 1 << 30), "mailbox: refused");
            mbox_push(&box.b, &box.nodes[k]);
        }
        box_take();
    }
}

/* Thread 0 takes, the others push n each. */
static void box_shared(void *ctx, unsigned thread, uint64_t n) {
    uint64_t producers = (uintptr_t)ctx;
    if (thread == 0) {
        while (box.taken < n * producers)
            box_take();
        return;
    }
    struct msg *m = box.nodes + (thread - 1) * n;
    for (uint64_t i = 0; i < n; i++) {
        mbox_reserve(&box.b, &m[i], 0, UINT64_C(1) << 40);
        mbox_push(&box.b, &m[i]);
    }
}

static void messages(void *ctx, unsigned thread, uint64_t n) {
    for (uint64_t i = 0; i < n; i++) {
        struct msg *m = msg_new(MSG_USER, 4, 8);
        bench_keep(m);
        msg_free(m);
    }
}

/* --- run queue, pids, timers ---------------------------------------------------------------------------------------- */

static struct runq queue, thief;
static void queue_alone(void *ctx, unsigned thread, uint64_t n) {
    uint64_t sum = 0;
    for (uint64_t i = 0; i < n; i++) {
        runq_put(&queue, (struct proc *)(i + 1));
        sum += (uintptr_t)runq_take(&queue);
    }
    must(sum == n * (n + 1) / 2 || n >> 32, "run queue: another sum");
}
static void queue_stolen(void *ctx, unsigned thread, uint64_t n) {
    uint64_t sum = 0;
    for (uint64_t i = 0; i < n;) {
        for (unsigned k = 0; k < 32 && i < n; k++)
            runq_put(&queue, (struct proc *)(++i));
        for (struct proc *p; (p = runq_steal(&queue, &thief));)
            for (; p; p = runq_take(&thief))
                sum += (uintptr_t)p;
    }
    must(sum == n * (n + 1) / 2 || n >> 32, "run queue: another sum");
}

static struct pidtab pids;
static void pids_before(void *ctx, unsigned threads, uint64_t n) {
    pidtab_init(&pids);
}
static void pids_after(void *ctx, unsigned threads, uint64_t n) {
    pidtab_destroy(&pids);
}
static void pids_cycle(void *ctx, unsigned thread, uint64_t n) {
    static _Thread_local struct pidcache cache;
    cache.n = 0;
    for (uint64_t i = 0; i < n; i++) {
        struct pid p = pidtab_alloc(&pids, &cache, 1);
        pidtab_publish(&pids, p, (struct proc *)&pids);
        must(pidtab_get(&pids, p) != NULL, "pids: does not resolve");
        pidtab_hide(&pids, p);
        pidtab_free(&pids, &cache, p);
    }
}

#define TIMERS 4096
static struct wheel wheel;
static struct timer timers[TIMERS];
static uint64_t fired;
static void timer_fire(struct sched_thread *t, struct timer *tm) {
    fired++;
}
static void timers_before(void *ctx, unsigned threads, uint64_t n) {
    memset(timers, 0, sizeof timers);
    for (int i = 0; i < TIMERS; i++)
        timers[i].fire = timer_fire;
    wheel_init(&wheel, 1);
    fired = 0;
}
/* Spread over a second, as many sleeping processes are. */
static int64_t delay(uint64_t i) {
    return (int64_t)(i * UINT64_C(0x9e3779b97f4a7c15) % 1000000000);
}
static void timers_stopped(void *ctx, unsigned thread, uint64_t n) {
    for (uint64_t i = 0; i < n; i++) {
        struct timer *tm = &timers[i % TIMERS];
        wheel_stop(tm);
        wheel_start(&wheel, tm, delay(i));
    }
    must(wheel.count == (n < TIMERS ? n : TIMERS), "timers: another count");
}
static void timers_fired(void *ctx, unsigned thread, uint64_t n) {
    int64_t now = 1;
    for (uint64_t i = 0; i < n;) {
        uint64_t k = 0;
        for (; k < TIMERS && i < n; k++, i++)
            wheel_start(&wheel, &timers[k], now + delay(i));
        int64_t end = now + 1100000000;
        while (now < end)
            wheel_fire(&wheel, NULL, now += 500000);
    }
    must(fired == n && wheel.count == 0, "timers: not all fired");
}

/* --- processes ------------------------------------------------------------------------------------------------------- */

static struct {
    struct node *node;
    struct host *host;
    atomic_uint done;
    atomic_ullong closed;
} world;

static void world_before(void *ctx, unsigned threads, uint64_t n) {
    static const struct node_hooks hooks;
    struct host_limits limits = {.time_slice_ns = 1000000, .mailbox_bytes = 256 << 20};
    world.node = node_create(&hooks);
    world.host = world.node ? host_create(world.node, "bench", ((const unsigned *)ctx)[0], &limits) : NULL;
    must(world.host != NULL, "no host");
    atomic_store(&world.done, 0);
    atomic_store(&world.closed, 0);
}
static void world_after(void *ctx, unsigned threads, uint64_t n) {
    node_destroy(world.node);
}

static struct pid launch(const struct behaviour *b, void *data, struct proc *parent) {
    struct spawn how = {
        .host = world.host, .behaviour = b, .data = data, .parent = parent, .monitor = parent};
    enum spawn_status status;
    struct proc *p = proc_new(sched_self, &how, &status);
    must(p != NULL, "cannot spawn");
    struct pid pid = p->pid;
    proc_start(sched_self, p);
    return pid;
}
static void await(unsigned count) {
    while (atomic_load(&world.done) < count)
        usleep(50);
}
static void say(struct pid from, struct pid to) {
    struct msg *m = msg_new(MSG_USER, 4, 8);
    if (!m)
        exit(70);
    memcpy(m->bytes, "ping", 4);
    memset(msg_data(m), 0, 8);
    m->from = from;
    must(proc_post(sched_self, to, m) == SEND_OK, "cannot send");
}
static void deaf(struct proc *p, struct msg *m) {
    msg_free(m);
}
static void close_none(struct proc *p) {
    atomic_fetch_add_explicit(&world.closed, 1, memory_order_relaxed);
}
static enum step wait_more(struct proc *p) {
    return STEP_WAIT;
}
static enum step end_now(struct proc *p) {
    return STEP_EXIT;
}

struct player {
    uint64_t left;
};
static void play(struct proc *p, struct msg *m) {
    struct player *me = p->data;
    struct pid from = m->from;
    proc_consumed(p, m);
    msg_free(m);
    if (me->left-- == 0)
        atomic_fetch_add(&world.done, 1);
    else
        say(p->pid, from);
}
static const struct behaviour player = {
    .name = "player", .deliver = play, .step = wait_more, .close = close_none};

/* ctx: workers, pairs. n hops in all. */
static void pingpong(void *ctx, unsigned thread, uint64_t n) {
    unsigned pairs = ((const unsigned *)ctx)[1];
    struct player players[16];
    for (unsigned i = 0; i < pairs; i++) {
        players[2 * i] = players[2 * i + 1] = (struct player){n / pairs / 2};
        struct pid a = launch(&player, &players[2 * i], NULL);
        say(a, launch(&player, &players[2 * i + 1], NULL));
    }
    await(pairs);
    for (unsigned i = 0; i < 2 * pairs; i++)
        must(players[i].left == 0 || players[i].left == UINT64_MAX, "ping-pong: hops are missing");
}

static void count_in(struct proc *p, struct msg *m) {
    struct player *me = p->data;
    proc_consumed(p, m);
    msg_free(m);
    if (--me->left == 0)
        atomic_fetch_add(&world.done, 1);
}
static const struct behaviour counter = {
    .name = "counter", .deliver = count_in, .step = wait_more, .close = close_none};
struct feeder {
    struct pid to;
    uint64_t left;
};
static enum step feed(struct proc *p) {
    for (struct feeder *me = p->data; me->left; me->left--) {
        if (worker_must_yield(sched_self->worker))
            return STEP_AGAIN;
        say(p->pid, me->to);
    }
    return STEP_EXIT;
}
static const struct behaviour feeder = {.name = "feeder", .deliver = deaf, .step = feed, .close = close_none};

static void fanin(void *ctx, unsigned thread, uint64_t n) {
    struct player total = {n / 8 * 8};
    if (!total.left)
        return;
    struct pid to = launch(&counter, &total, NULL);
    struct feeder feeders[8];
    for (int i = 0; i < 8; i++) {
        feeders[i] = (struct feeder){to, n / 8};
        launch(&feeder, &feeders[i], NULL);
    }
    await(1);
    while (atomic_load(&world.closed) < 8)
        usleep(50);
}

static const struct behaviour mayfly = {
    .name = "mayfly", .deliver = deaf, .step = end_now, .close = close_none};
struct nursery {
    uint64_t to_start, to_end;
};
static void exit_seen(struct proc *p, struct msg *m) {
    struct nursery *me = p->data;
    must(m->kind == MSG_EXIT, "spawn: not an EXIT");
    msg_free(m);
    me->to_end--;
}
/* At most a thousand outstanding, as in the workload `spawn`. */
static enum step raise_all(struct proc *p) {
    struct nursery *me = p->data;
    while (me->to_start && me->to_end - me->to_start < 1000) {
        me->to_start--;
        launch(&mayfly, NULL, p);
        if (worker_must_yield(sched_self->worker))
            return STEP_AGAIN;
    }
    if (me->to_end)
        return STEP_WAIT;
    atomic_fetch_add(&world.done, 1);
    return STEP_EXIT;
}
static const struct behaviour parent = {
    .name = "parent", .deliver = exit_seen, .step = raise_all, .close = close_none};

static void spawn_all(void *ctx, unsigned thread, uint64_t n) {
    struct nursery nursery = {n, n};
    launch(&parent, &nursery, NULL);
    await(1);
    must(nursery.to_end == 0 && nursery.to_start == 0, "spawn: EXITs are missing");
}

/* workers, pairs */
static unsigned one[] = {1, 1}, two[] = {2, 1}, one_by_4[] = {1, 4}, two_by_4[] = {2, 4};

int main(int argc, char **argv) {
    static const struct bench_case cases[] = {
        {.name = "message new+free", .run = messages},
        {.name = "mailbox push+take",
         .run = box_alone,
         .ctx = (void *)1,
         .before = box_before,
         .after = box_after},
        {.name = "mailbox push+take of 32",
         .run = box_alone,
         .ctx = (void *)32,
         .before = box_before,
         .after = box_after},
        {.name = "mailbox 1 to 1",
         .threads = 2,
         .run = box_shared,
         .ctx = (void *)1,
         .before = box_before,
         .after = box_after,
         .most = 2000000},
        {.name = "run queue put+take", .run = queue_alone},
        {.name = "run queue put+steal of 32", .run = queue_stolen},
        {.name = "pid alloc+publish+hide+free",
         .run = pids_cycle,
         .before = pids_before,
         .after = pids_after},
        {.name = "pid alloc+publish+hide+free",
         .threads = 2,
         .run = pids_cycle,
         .before = pids_before,
         .after = pids_after},
        {.name = "timer start+stop", .run = timers_stopped, .before = timers_before},
        {.name = "timer start+fire", .run = timers_fired, .before = timers_before},
        {.name = "hop, 1 worker", .run = pingpong, .ctx = one, .before = world_before, .after = world_after},
        {.name = "hop, 2 workers", .run = pingpong, .ctx = two, .before = world_before, .after = world_after},
        {.name = "hop of 4 pairs, 1 worker",
         .run = pingpong,
         .ctx = one_by_4,
         .before = world_before,
         .after = world_after},
        {.name = "hop of 4 pairs, 2 workers",
         .run = pingpong,
         .ctx = two_by_4,
         .before = world_before,
         .after = world_after},
        {.name = "fan-in of 8, 1 worker",
         .run = fanin,
         .ctx = one,
         .before = world_before,
         .after = world_after},
        {.name = "fan-in of 8, 2 workers",
         .run = fanin,
         .ctx = two,
         .before = world_before,
         .after = world_after},
        {.name = "spawn+exit, 1 worker",
         .run = spawn_all,
         .ctx = one,
         .before = world_before,
         .after = world_after},
        {.name = "spawn+exit, 2 workers",
         .run = spawn_all,
         .ctx = two,
         .before = world_before,
         .after = world_after},
    };
    return bench_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
