#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "sched/tune.h"
#include "tests/support/schedbox.h"

#define MS INT64_C(1000000)

static unsigned threads_of(struct host *h) {
    unsigned n = 0, count = atomic_load(&h->worker_count);
    for (unsigned i = 0; i < count; i++)
        n += atomic_load(&atomic_load(&h->workers[i])->running_thread);
    return n;
}

static uint64_t parks(struct box *b) {
    return host_stat(b->host, offsetof(struct worker_stats, parks));
}

static bool all_parked(struct box *b) {
    return (unsigned)__builtin_popcountll(atomic_load(&b->host->idle)) == threads_of(b->host);
}

/* --- parking ---------------------------------------------------------------------------------------------------- */

static long switches(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_nvcsw;
}

static void expect_sleep(struct box *b) {
    AWAIT(all_parked(b) && atomic_load(&b->node->ticker_word) == 0);
    usleep(20000); /* the ticker is on its way to bed */
    uint64_t before = parks(b);
    long v = switches();
    struct rusage u1, u2;
    getrusage(RUSAGE_SELF, &u1);
    usleep(1000000);
    getrusage(RUSAGE_SELF, &u2);
    long mine = 2; /* this thread's own sleep */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
    mine += 30; /* it has a thread of its own */
#endif
#endif
    cr_expect(switches() - v <= mine, "%ld context switches in an idle second", switches() - v);
    cr_expect(parks(b) == before);
    int64_t cpu_us =
        (u2.ru_utime.tv_sec - u1.ru_utime.tv_sec + u2.ru_stime.tv_sec - u1.ru_stime.tv_sec) * 1000000 +
        u2.ru_utime.tv_usec - u1.ru_utime.tv_usec + u2.ru_stime.tv_usec - u1.ru_stime.tv_usec;
    cr_expect(cpu_us < 5000, "%lld us of CPU in an idle second", (long long)cpu_us);
}

Test(sched_host, an_idle_node_sleeps) {
    struct box b = box_open(8, NULL, NULL);
    static const struct actor_ops sleeper;
    for (int i = 0; i < 1000; i++)
        actor_spawn(&b, &sleeper, NULL, NULL, NULL);
    expect_sleep(&b);
    struct puppet a;
    puppet_spawn(&a, &b, NULL);
    for (int i = 0; i < 1000; i++)
        puppet_settle(&a);
    expect_sleep(&b); /* after it has been awake as well */
    box_close(&b);
}

/* --- time slices ------------------------------------------------------------------------------------------------- */

static atomic_bool go;
static atomic_uint turns[3], closes;
static void count_close(struct actor *a) {
    atomic_fetch_add(&closes, 1);
}
static enum step spin_until_told(struct actor *a) {
    atomic_uint *n = a->ud;
    while (!atomic_load_explicit(&go, memory_order_relaxed)) {
        if (worker_must_yield(sched_self->worker)) {
            atomic_fetch_add(n, 1);
            return STEP_AGAIN;
        }
    }
    return STEP_EXIT;
}
static const struct actor_ops spinner = {.step = spin_until_told, .close = count_close};

Test(sched_host, busy_processes_take_turns) {
    struct box b = box_open(1, NULL, NULL);
    for (int i = 0; i < 3; i++)
        actor_spawn(&b, &spinner, &turns[i], NULL, NULL);
    unsigned first[3], rounds[3];
    for (int i = 0; i < 3; i++)
        first[i] = atomic_load(&turns[i]);
    AWAIT(atomic_load(&turns[0]) >= first[0] + 30);
    for (int i = 0; i < 3; i++)
        rounds[i] = atomic_load(&turns[i]) - first[i];
    for (int i = 0; i < 3; i++) /* this thread may have looked away between two looks */
        cr_expect(rounds[i] >= 20, "%u, %u and %u turns", rounds[0], rounds[1], rounds[2]);
    /* and somebody who wakes up gets a turn among them */
    struct puppet a;
    puppet_spawn(&a, &b, NULL);
    int64_t start = clock_mono_ns(), worst = 0;
    for (int i = 0; i < 20; i++) {
        int64_t t = clock_mono_ns();
        puppet_settle(&a);
        t = clock_mono_ns() - t;
        worst = t > worst ? t : worst;
    }
    cr_expect(clock_mono_ns() - start < 5000 * MS, "worst %lld ms", (long long)(worst / MS));
    atomic_store(&go, true);
    AWAIT(atomic_load(&closes) == 3);
    box_close(&b);
}

static atomic_int interrupted;
static void preempt(void *running) {
    atomic_store((atomic_bool *)running, true);
    atomic_fetch_add(&interrupted, 1);
}
static enum step spin_published(struct actor *a) {
    atomic_bool *flag = a->ud;
    worker_publish(sched_self->worker, flag);
    while (!atomic_load_explicit(flag, memory_order_relaxed))
        ;
    worker_publish(sched_self->worker, NULL);
    return STEP_EXIT;
}

Test(sched_host, what_does_not_look_is_interrupted) {
    struct node_hooks hooks = {.preempt = preempt};
    struct box b = box_open(1, NULL, &hooks);
    atomic_bool flag = false;
    static const struct actor_ops ops = {.step = spin_published, .close = count_close};
    actor_spawn(&b, &ops, &flag, NULL, NULL);
    AWAIT(atomic_load(&closes) == 1);
    cr_expect(atomic_load(&interrupted) >= 1);
    box_close(&b);
}

/* --- a worker that is held up ---------------------------------------------------------------------------------------- */

static atomic_int stuck_calls;
static struct pid stuck_pid;
static void on_stuck(struct worker *w, struct pid pid, int64_t ns) {
    if (atomic_load(&stuck_calls) == 0)
        stuck_pid = pid;
    cr_expect(ns >= STUCK_NS);
    atomic_fetch_add(&stuck_calls, 1);
}
static atomic_int deaf_now;
static enum step spin_deaf(struct actor *a) {
    atomic_fetch_add(&deaf_now, 1);
    while (!atomic_load_explicit(&go, memory_order_relaxed))
        ;
    return STEP_EXIT;
}
static const struct actor_ops deaf = {.step = spin_deaf, .close = count_close};

Test(sched_host, a_spare_takes_the_place_of_a_stuck_worker_and_ends) {
    struct node_hooks hooks = {.stuck = on_stuck};
    struct box b = box_open(1, NULL, &hooks);
    struct pid pid = actor_spawn(&b, &deaf, NULL, NULL, NULL);
    static const struct actor_ops plain = {.close = count_close};
    struct pid others[10];
    for (int i = 0; i < 10; i++)
        others[i] = actor_spawn(&b, &plain, NULL, NULL, NULL);
    struct puppet a;
    puppet_spawn(&a, &b, NULL);
    AWAIT(atomic_load(&deaf_now) == 1);
    puppet_settle(&a);                         /* only a second thread can do that */
    cr_expect(atomic_load(&stuck_calls) >= 1); /* more when this machine gave a worker no time for so long */
    cr_expect(pid_eq(stuck_pid, pid));
    cr_expect(threads_of(b.host) >= 2);
    for (int i = 0; i < 10; i++)
        proc_kill(sched_self, others[i], failure_format(ERRKIND_CANCELED, EXIT_TERMINATED, "x"));
    AWAIT(atomic_load(&closes) == 10);
    atomic_store(&go, true);
    AWAIT(atomic_load(&closes) == 11);
    AWAIT(threads_of(b.host) == 1);
    puppet_settle(&a);
    /* and once more: the entry of the ended thread is used again */
    unsigned entries = atomic_load(&b.host->worker_count);
    int calls = atomic_load(&stuck_calls);
    atomic_store(&go, false);
    actor_spawn(&b, &deaf, NULL, NULL, NULL);
    AWAIT(atomic_load(&stuck_calls) > calls);
    puppet_settle(&a);
    cr_expect(atomic_load(&b.host->worker_count) == entries);
    atomic_store(&go, true);
    AWAIT(threads_of(b.host) == 1);
    box_close(&b);
}

/* The process just woken sits in the last-in slot of a worker that does not come back: another one gets it. */
struct pair {
    struct pid other;
    atomic_bool reached;
};
static void reach(struct actor *a, struct msg *m) {
    struct pair *pair = a->ud;
    msg_free(m);
    atomic_store(&pair->reached, true);
}
static enum step wake_and_spin(struct actor *a) {
    struct pair *pair = a->ud;
    send_number(a->p->pid, pair->other, 1);
    while (!atomic_load(&pair->reached))
        ;
    return STEP_EXIT;
}

Test(sched_host, the_last_in_slot_is_given_up) {
    struct box b = box_open(2, NULL, NULL);
    static const struct actor_ops target = {.message = reach},
                                  waker = {.step = wake_and_spin, .close = count_close};
    for (unsigned i = 1; i <= 10; i++) {
        struct pair pair = {0};
        pair.other = actor_spawn(&b, &target, &pair, NULL, NULL);
        actor_spawn(&b, &waker, &pair, NULL, NULL);
        AWAIT(atomic_load(&closes) == i);
    }
    box_close(&b);
}

static enum step spawn_and_spin(struct actor *a) {
    struct pair *pair = a->ud;
    static const struct actor_ops target = {.message = reach};
    struct box b = {.node = sched_self->node, .host = a->p->host};
    pair->other = actor_spawn(&b, &target, pair, NULL, NULL);
    return wake_and_spin(a);
}

Test(sched_host, a_child_does_not_wait_for_its_busy_parent) {
    struct box b = box_open(2, NULL, NULL);
    static const struct actor_ops parent = {.step = spawn_and_spin, .close = count_close};
    for (unsigned i = 1; i <= 10; i++) {
        struct pair pair = {0};
        actor_spawn(&b, &parent, &pair, NULL, NULL);
        AWAIT(atomic_load(&closes) == i);
    }
    box_close(&b);
}

/* --- those that have not run yet ------------------------------------------------------------------------------------- */

#define CROWD 2000

static struct pid first_in, behind_it;
static atomic_uint begun, begun_before;
static enum step begin_once(struct actor *a) {
    atomic_fetch_add(&begun, 1);
    return STEP_EXIT;
}
static void see_how_many(struct actor *a, struct msg *m) {
    msg_free(m);
    atomic_store(&begun_before, atomic_load(&begun) + 1);
}
static enum step spawn_a_crowd(struct actor *a) {
    static const struct actor_ops one_of_many = {.step = begin_once};
    struct box b = {.node = sched_self->node, .host = a->p->host};
    for (int i = 0; i < CROWD; i++)
        actor_spawn(&b, &one_of_many, NULL, NULL, NULL);
    send_number(a->p->pid, first_in, 1);  /* goes into the slot, */
    send_number(a->p->pid, behind_it, 1); /* and is put into the queue by this one */
    return STEP_EXIT;
}

Test(sched_host, who_is_woken_does_not_wait_for_all_that_are_new) {
    struct box b = box_open(1, NULL, NULL);
    static const struct actor_ops looks = {.message = see_how_many}, only_waits,
                                  parent = {.step = spawn_a_crowd};
    first_in = actor_spawn(&b, &looks, NULL, NULL, NULL);
    behind_it = actor_spawn(&b, &only_waits, NULL, NULL, NULL);
    AWAIT(all_parked(&b));
    actor_spawn(&b, &parent, NULL, NULL, NULL);
    AWAIT(atomic_load(&begun) == CROWD && atomic_load(&begun_before));
    cr_expect(atomic_load(&begun_before) < CROWD / 4, "%u had begun before", atomic_load(&begun_before));
    box_close(&b);
}

/* --- those that watch many -------------------------------------------------------------------------------------------- */

static atomic_uint exits_seen, turns_taken;
static void count_exit(struct actor *a, struct msg *m) {
    atomic_fetch_add(&exits_seen, m->kind == MSG_EXIT);
    msg_free(m);
}
static enum step spawn_watched(struct actor *a) {
    static const struct actor_ops one_of_many = {.step = begin_once};
    struct box b = {.node = sched_self->node, .host = a->p->host};
    const struct spawn how = {.parent = a->p, .monitor = true};
    if (a->ud) {
        atomic_fetch_add(&turns_taken, 1);
        return STEP_WAIT;
    }
    a->ud = a;
    for (int i = 0; i < CROWD; i++)
        actor_spawn(&b, &one_of_many, NULL, &how, NULL);
    return STEP_WAIT;
}

Test(sched_host, who_watches_many_hears_of_several_in_one_turn) {
    struct box b = box_open(1, NULL, NULL);
    static const struct actor_ops parent = {.message = count_exit, .step = spawn_watched};
    actor_spawn(&b, &parent, NULL, NULL, NULL);
    AWAIT(atomic_load(&exits_seen) == CROWD);
    AWAIT(all_parked(&b));
    if (NEW_IN_RING > 1) /* else hardly anybody waits there */
        cr_expect(atomic_load(&turns_taken) < CROWD / 2, "%u turns for %d ends", atomic_load(&turns_taken),
                  CROWD);
    box_close(&b);
}

/* A process that others compute beside, and that waits for the end of one that it has started. */
static atomic_uint steps_before, others_steps;
static enum step go_on_counted(struct actor *a) {
    atomic_fetch_add(&others_steps, 1);
    return atomic_load(&go) ? STEP_EXIT : STEP_AGAIN;
}
static void call_is_over(struct actor *a, struct msg *m) {
    atomic_store(&steps_before, atomic_load(&others_steps) - atomic_load(&steps_before));
    msg_free(m);
    atomic_store(&go, true);
}
static enum step make_call(struct actor *a) {
    static const struct actor_ops called = {.step = begin_once};
    struct box b = {.node = sched_self->node, .host = a->p->host};
    const struct spawn how = {.parent = a->p, .monitor = true, .flags = PROC_AWAITED};
    if (!a->ud && atomic_load(&others_steps) < 1000)
        return STEP_AGAIN;
    if (!a->ud) {
        a->ud = a;
        atomic_store(&steps_before, atomic_load(&others_steps));
        actor_spawn(&b, &called, NULL, &how, NULL);
    }
    return STEP_WAIT;
}

Test(sched_host, a_call_does_not_wait_for_those_that_compute) {
    struct box b = box_open(1, NULL, NULL);
    static const struct actor_ops caller = {.message = call_is_over, .step = make_call},
                                  busy = {.step = go_on_counted};
    for (int i = 0; i < 20; i++)
        actor_spawn(&b, &busy, NULL, NULL, NULL);
    actor_spawn(&b, &caller, NULL, NULL, NULL);
    AWAIT(atomic_load(&go));
    cr_expect(atomic_load(&steps_before) < 10, "%u steps of others", atomic_load(&steps_before));
    box_close(&b);
}

static enum step go_on(struct actor *a) {
    return atomic_load(&go) ? STEP_EXIT : STEP_AGAIN;
}

Test(sched_host, who_is_new_does_not_wait_for_all_that_go_on) {
    struct box b = box_open(1, NULL, NULL);
    static const struct actor_ops busy = {.step = go_on, .close = count_close},
                                  one_of_many = {.step = begin_once};
    const unsigned crowd = 2 * RUNQ_SIZE + 100; /* more than fit into a ring, always */
    for (unsigned i = 0; i < crowd; i++)
        actor_spawn(&b, &busy, NULL, NULL, NULL);
    for (int i = 0; i < 100; i++)
        actor_spawn(&b, &one_of_many, NULL, NULL, NULL);
    AWAIT(atomic_load(&begun) == 100);
    atomic_store(&go, true);
    AWAIT(atomic_load(&closes) == crowd);
    box_close(&b);
}

/* --- workers come and go ----------------------------------------------------------------------------------------------- */

/* A ring of processes that pass numbers on for ever. */
static struct pid ring[64];
static atomic_uint hops;
static void pass_on(struct actor *a, struct msg *m) {
    size_t i = (size_t)a->ud;
    msg_free(m);
    atomic_fetch_add_explicit(&hops, 1, memory_order_relaxed);
    send_number(a->p->pid, ring[(i + 1) % 64], i);
}

static void load_ring(struct box *b) {
    static const struct actor_ops member = {.message = pass_on};
    for (size_t i = 0; i < 64; i++)
        ring[i] = actor_spawn(b, &member, (void *)i, NULL, NULL);
    for (size_t i = 0; i < 64; i += 4)
        send_number((struct pid){0}, ring[i], i);
}

Test(sched_host, workers_are_added_and_removed_under_load, .timeout = 60) {
    struct box b = box_open(1, NULL, NULL);
    load_ring(&b);
    static const struct actor_ops spin = {.step = spin_until_told, .close = count_close};
    actor_spawn(&b, &spin, &turns[0], NULL, NULL);
    actor_spawn(&b, &spin, &turns[1], NULL, NULL);
    static const unsigned sizes[] = {2, 5, 1, 3, 1, 8, 2, 1};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        cr_expect(host_rescale(b.host, sizes[i]));
        AWAIT(threads_of(b.host) == sizes[i]);
        unsigned before = atomic_load(&hops);
        AWAIT(atomic_load(&hops) > before + 1000);
    }
    unsigned before[2] = {atomic_load(&turns[0]), atomic_load(&turns[1])};
    AWAIT(atomic_load(&turns[0]) > before[0] + 2 && atomic_load(&turns[1]) > before[1] + 2);
    atomic_store(&go, true);
    AWAIT(atomic_load(&closes) == 2);
    box_close(&b);
}

Test(sched_host, there_is_a_limit_to_workers) {
    struct box b = box_open(1, NULL, NULL);
    cr_expect(!host_rescale(b.host, HOST_WORKERS_MAX + 1));
    cr_expect(threads_of(b.host) == HOST_WORKERS_MAX);
    cr_expect(host_rescale(b.host, 1));
    AWAIT(threads_of(b.host) == 1);
    struct puppet a;
    puppet_spawn(&a, &b, NULL);
    puppet_settle(&a);
    box_close(&b);
}

static atomic_int started, ended;
static void on_started(struct worker *w) {
    cr_expect(sched_self == &w->thread);
    usleep(20000);
    atomic_fetch_add(&started, 1);
}
static void on_ended(struct worker *w) {
    cr_expect(sched_self == &w->thread);
    atomic_fetch_add(&ended, 1);
}

Test(sched_host, every_worker_is_ready_when_it_has_been_started_and_says_so_when_it_ends) {
    struct node_hooks hooks = {.worker_started = on_started, .worker_ended = on_ended};
    struct box b = box_open(3, NULL, &hooks);
    cr_expect(atomic_load(&started) == 3);
    host_rescale(b.host, 1);
    AWAIT(atomic_load(&ended) == 2);
    host_rescale(b.host, 2);
    cr_expect(atomic_load(&started) == 4);
    box_close(&b);
    cr_expect(atomic_load(&started) == 4 && atomic_load(&ended) == 4);
}

static atomic_int idle_calls;
static int64_t on_idle(struct worker *w) {
    cr_expect(sched_self == &w->thread);
    cr_expect(!w->thread.reader.open.head && !w->thread.reader.closed.head,
              "what it has retired is released");
    return atomic_fetch_add(&idle_calls, 1) == 0 ? 10 * MS
                                                 : INT64_MAX; /* twice after each time that something ran */
}

Test(sched_host, an_idle_worker_is_told_so_when_it_has_run_something) {
    struct node_hooks hooks = {.worker_idle = on_idle, .idle_ns = 30 * MS};
    struct box b = box_open(1, NULL, &hooks);
    usleep(100000);
    cr_expect(atomic_load(&idle_calls) == 0, "nothing has run");
    struct puppet a;
    int64_t since = clock_mono_ns();
    puppet_spawn(&a, &b, NULL);
    AWAIT(atomic_load(&idle_calls) == 2);
    cr_expect(clock_mono_ns() - since >= 40 * MS);
    usleep(100000);
    cr_expect(atomic_load(&idle_calls) == 2, "it did not want to be called again");
    atomic_store(&idle_calls, 1);
    puppet_settle(&a);
    AWAIT(atomic_load(&idle_calls) == 2);
    box_close(&b);
}

/* --- stopping -------------------------------------------------------------------------------------------------------------- */

Test(sched_host, stopping_does_not_wait_for_busy_processes) {
    struct box b = box_open(2, NULL, NULL);
    load_ring(&b);
    for (int i = 0; i < 5; i++)
        actor_spawn(&b, &spinner, &turns[0], NULL, NULL);
    AWAIT(atomic_load(&turns[0]) > 0 && atomic_load(&hops) > 1000);
    int64_t start = clock_mono_ns();
    host_stop(b.host);
    cr_expect(clock_mono_ns() - start < 2000 * MS);
    cr_expect(threads_of(b.host) == 0);
    unsigned before = atomic_load(&hops);
    usleep(5000);
    cr_expect(atomic_load(&hops) == before, "no process runs afterwards");
    enum spawn_status status;
    cr_expect(pid_none(actor_spawn(&b, &spinner, NULL, NULL, &status)) && status == SPAWN_STOPPED);
    box_close(&b);
    cr_expect(atomic_load(&closes) == 5);
}

Test(sched_host, hosts_of_a_node_talk_to_each_other) {
    struct box b = box_open(1, NULL, NULL);
    struct host_limits limits = {.time_slice_ns = 10 * MS};
    struct box c = {.node = b.node, .host = host_create(b.node, "app:other", 2, &limits)};
    cr_expect(node_host(b.node, "app:other", 9) == c.host && node_host(b.node, "app:box", 7) == b.host);
    cr_expect(node_host(b.node, "app:", 4) == NULL);
    struct puppet a, x;
    puppet_spawn(&a, &b, NULL);
    puppet_spawn(&x, &c, NULL);
    cr_expect(pid_host(a.pid) == 0 && pid_host(x.pid) == 1);
    cr_expect(puppet_monitor(&a, x.pid) == REL_OK && puppet_link(&x, a.pid) == REL_OK);
    char text[PID_TEXT_MAX];
    size_t len = node_pid_text(b.node, x.pid, text);
    cr_expect(strncmp(text, "{app:other|0x", 13) == 0 && pid_eq(proc_lookup(sched_self, text, len), x.pid));
    puppet_end(&x, "boom", NULL);
    AWAIT(atomic_load(&a.closed));
    box_close(&b);
}

/* --- timers ------------------------------------------------------------------------------------------------------------------ */

struct alarm {
    struct timer tm;
    struct pid owner;
    int64_t due, fired;
    atomic_bool done;
    struct msg m; /* last, for its open end */
};
static void alarm_taken(struct proc *p, struct msg *m) {
    struct alarm *a = (struct alarm *)((char *)m - offsetof(struct alarm, m));
    a->fired = clock_mono_ns();
    atomic_store(&a->done, true);
}
static void alarm_fire(struct sched_thread *t, struct timer *tm) {
    struct alarm *a = (struct alarm *)tm;
    cr_expect(proc_post(t, a->owner, &a->m) == SEND_OK);
}
static int alarm_start(struct proc *p, void *ud) {
    struct alarm *a = ud;
    a->m = (struct msg){.kind = SIG_CALL, .u.call = alarm_taken};
    a->tm.fire = alarm_fire;
    a->owner = p->pid;
    a->due += clock_mono_ns();
    wheel_start(&sched_self->worker->wheel, &a->tm, a->due);
    return 0;
}

Test(sched_host, a_parked_worker_wakes_up_for_its_timers) {
    struct box b = box_open(2, NULL, NULL);
    struct puppet p;
    puppet_spawn(&p, &b, NULL);
    for (int64_t ms = 0; ms < 60; ms += 7) {
        struct alarm a = {.due = ms * MS};
        puppet_do(&p, alarm_start, &a);
        AWAIT(atomic_load(&a.done));
        cr_expect(a.fired >= a.due, "early");
        cr_expect(a.fired < a.due + 1000 * MS, "%lld us late", (long long)(a.fired - a.due) / 1000);
    }
    box_close(&b);
}

Test(sched_host, timers_of_a_busy_worker_are_fired_by_an_idle_one) {
    struct box b = box_open(2, NULL, NULL);
    struct puppet p[8];
    struct alarm alarms[8] = {0};
    for (int i = 0; i < 8; i++) {
        puppet_spawn(&p[i], &b, NULL);
        alarms[i].due = 200 * MS;
        puppet_do(&p[i], alarm_start, &alarms[i]);
    }
    actor_spawn(&b, &deaf, NULL, NULL, NULL); /* one of the two workers is gone for good */
    for (int i = 0; i < 8; i++)
        AWAIT(atomic_load(&alarms[i].done));
    atomic_store(&go, true);
    AWAIT(atomic_load(&closes) == 1);
    box_close(&b);
}

/* A process that computes, and one that a timer wakes again and again: how often the first one got another turn between. */
#define WAKINGS 50
static _Atomic int64_t turn_began;
static atomic_uint wakings, in_time;
static struct pid woken_by_timer;
static enum step compute(struct actor *a) {
    atomic_store(&turn_began, clock_mono_ns());
    return spin_until_told(a);
}
static void wake_sleeper(struct sched_thread *t, struct timer *tm) {
    send_number((struct pid){0}, woken_by_timer, 1);
}
static void sleep_again(struct actor *a, struct msg *m) {
    struct timer *tm = a->ud;
    msg_free(m);
    if (atomic_load(&wakings)) /* the first message came from the test */
        atomic_fetch_add(&in_time, atomic_load(&turn_began) <= (int64_t)(tm->tick << WHEEL_TICK_SHIFT));
    if (atomic_fetch_add(&wakings, 1) < WAKINGS)
        wheel_start(&sched_self->worker->wheel, tm, clock_mono_ns() + 3 * MS);
}

Test(sched_host, who_has_used_up_a_slice_lets_those_go_first_that_are_due) {
    struct box b = box_open(1, NULL, NULL);
    static const struct actor_ops busy = {.step = compute, .close = count_close},
                                  sleeper = {.message = sleep_again};
    struct timer tm = {.fire = wake_sleeper};
    woken_by_timer = actor_spawn(&b, &sleeper, &tm, NULL, NULL);
    AWAIT(all_parked(&b));
    actor_spawn(&b, &busy, &turns[0], NULL, NULL);
    send_number((struct pid){0}, woken_by_timer, 1);
    AWAIT(atomic_load(&wakings) > WAKINGS);
    /* not always: the turn may begin just when the timer is due */
    cr_expect(atomic_load(&in_time) > WAKINGS / 2, "%u of %u", atomic_load(&in_time), WAKINGS);
    atomic_store(&go, true);
    AWAIT(atomic_load(&closes) == 1);
    box_close(&b);
}

Test(sched_host, timers_of_an_ended_worker_are_not_forgotten, .timeout = 60) {
    int hits = 0;
    for (int round = 0; round < 50 && hits < 3; round++) {
        struct box b = box_open(4, NULL, NULL);
        AWAIT(all_parked(&b));
        atomic_store(&go, false);
        actor_spawn(&b, &deaf, NULL, NULL,
                    NULL); /* mostly on the first worker, which is the one that stays */
        struct puppet p[16];
        struct alarm alarms[16] = {0};
        bool elsewhere = false;
        for (int i = 0; i < 16; i++) {
            puppet_spawn(&p[i], &b, NULL);
            alarms[i].due = 200 * MS;
            puppet_do(&p[i], alarm_start, &alarms[i]);
            elsewhere |= alarms[i].tm.wheel != &atomic_load(&b.host->workers[0])->wheel;
        }
        hits += elsewhere;
        atomic_store(&go, true);
        AWAIT(all_parked(&b));
        cr_expect(host_rescale(b.host, 1));
        for (int i = 0; i < 16; i++)
            AWAIT(atomic_load(&alarms[i].done));
        box_close(&b);
    }
    cr_expect(hits == 3, "timers were started on workers that ended in %d rounds only", hits);
}
