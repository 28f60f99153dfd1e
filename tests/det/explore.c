/*
 * Explores interleavings of the scheduler: each scenario is run once per seed in the simulation of tests/det/sim.h, and
 * must end with its books in order, everybody who has mail awake, and every process closed once. Some things are checked
 * at each step. See tests/det/README.md.
 *
 * usage: explore [--seed FIRST] [--seeds COUNT] [SCENARIO...]
 * A failure prints the seed and the last steps; `explore --seed N --seeds 1 SCENARIO` replays it.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sched/node.h"
#include "sched/os.h"
#include "tests/det/sim.h"

enum { CELLS = 40 };

/* One process and what is known of it. All plain fields: there is one thread. */
struct cell {
    struct pid pid;
    int inside, closed, steps, mail, exits, downs, timers;
    uint64_t last; /* number of the message before */
    void (*message)(struct cell *c, struct proc *p, struct msg *m);
    enum step (*step)(struct cell *c, struct proc *p);
    /* the scenario's own */
    bool spared; /* nobody kills it: it must not end as if */
    struct cell *peer;
    int goal;
};

static struct {
    struct node *node;
    struct host *host;
    struct cell cells[CELLS];
    int spawned;
    int scripts; /* outside coroutines that still run */
} w;

/* --- processes -------------------------------------------------------------------------------------------------------- */

/* A process is only ever run by one worker at a time. */
static void come_in(struct cell *c) {
    SIM_CHECK(c->inside++ == 0);
    SIM_CHECK(c->closed == 0);
    det_point("in a process");
}
static void go_out(struct cell *c) {
    det_point("about to leave a process");
    SIM_CHECK(c->inside-- == 1);
}

static void cell_deliver(struct proc *p, struct msg *m) {
    struct cell *c = p->data;
    come_in(c);
    proc_consumed(p, m);
    if (m->kind == MSG_EXIT || m->kind == MSG_LINK_DOWN)
        SIM_CHECK(!proc_alive(sched_self, m->from)); /* first the pid goes, then others hear of it */
    if (m->kind == MSG_EXIT)
        c->exits++;
    if (m->kind == MSG_LINK_DOWN)
        c->downs++;
    if (m->kind == MSG_USER)
        c->mail++;
    if (c->message)
        c->message(c, p, m);
    msg_free(m);
    go_out(c);
}

static enum step cell_step(struct proc *p) {
    struct cell *c = p->data;
    come_in(c);
    c->steps++;
    enum step s = c->step ? c->step(c, p) : STEP_WAIT;
    go_out(c);
    return s;
}

static void cell_close(struct proc *p) {
    struct cell *c = p->data;
    SIM_CHECK(c->closed++ == 0);
    SIM_CHECK(c->inside == 0);
    SIM_CHECK(!c->spared || !p->failure);
    SIM_CHECK(!proc_alive(sched_self, p->pid));
}

static const struct behaviour cell_behaviour = {
    .name = "cell", .deliver = cell_deliver, .step = cell_step, .close = cell_close};

static struct cell *cell_spawn(struct spawn how, struct cell like) {
    struct cell *c = &w.cells[w.spawned++];
    SIM_CHECK(w.spawned <= CELLS);
    *c = like;
    how.host = w.host;
    how.behaviour = &cell_behaviour;
    how.data = c;
    enum spawn_status status;
    struct proc *p = proc_new(sched_self, &how, &status);
    SIM_CHECK(p != NULL);
    c->pid = p->pid;
    proc_start(sched_self, p);
    return c;
}

static enum send_status mail(struct pid from, struct pid to, uint64_t number) {
    struct msg *m = msg_new(MSG_USER, 0, sizeof number);
    m->from = from;
    memcpy(msg_data(m), &number, sizeof number);
    enum send_status s = proc_post(sched_self, to, m);
    if (s != SEND_OK)
        msg_free(m);
    return s;
}
static uint64_t number_of(struct msg *m) {
    uint64_t number;
    memcpy(&number, msg_data(m), sizeof number);
    return number;
}
static struct failure *why(void) {
    return failure_format(ERRKIND_INTERNAL, EXIT_RAISED, "why");
}

/* --- the frame of every scenario ---------------------------------------------------------------------------------------- */

static void open_world(unsigned workers) {
    static const struct node_hooks hooks;
    struct host_limits limits = {.time_slice_ns = 40000};
    memset(&w, 0, sizeof w);
    w.node = node_create(&hooks);
    w.host = host_create(w.node, "det", workers, &limits);
    SIM_CHECK(w.host != NULL);
}

struct script {
    void (*fn)(void *arg);
    void *arg;
};
static void run_script(void *arg) {
    struct script s = *(struct script *)arg;
    free(arg);
    struct sched_thread *t = node_attach(w.node);
    s.fn(s.arg);
    node_detach(t);
    w.scripts--;
}
/* `fn` runs beside everything else, as a thread that is no worker. */
static void outside(void (*fn)(void *arg), void *arg) {
    struct script *s = malloc(sizeof *s);
    *s = (struct script){fn, arg};
    w.scripts++;
    sim_start(run_script, s);
}

static bool nobody_forgotten(struct proc *p, void *ud) {
    SIM_CHECK(proc_state(p) == PROC_WAITING);
    SIM_CHECK(mbox_load(&p->mbox) == 0);
    return true;
}

/* Until nothing moves any more; then whoever still lives must have nothing to do. */
static void settle(void) {
    sim_settle(10 * CLOCK_NS_PER_SEC);
    SIM_CHECK(w.scripts == 0);
    proc_each(sched_self, nobody_forgotten, NULL);
}

/* In the table itself: a lookup and names_each pass over entries whose holder has ended. */
static void check_names(void) {
    for (size_t i = 0; i < NAMES_BUCKETS; i++)
        for (struct name_entry *e = atomic_load(&w.node->names.buckets[i]); e; e = atomic_load(&e->next))
            SIM_CHECK(proc_alive(sched_self, e->pid));
}

static void close_world(void) {
    check_names();
    int open = 0;
    for (int i = 0; i < w.spawned; i++)
        open += w.cells[i].closed == 0;
    SIM_CHECK(host_live(w.host) == (uint64_t)open);
    node_destroy(w.node);
    for (int i = 0; i < w.spawned; i++)
        SIM_CHECK(w.cells[i].closed == 1);
}

static void rest(int64_t most_ns) {
    os_sleep((int64_t)sim_random((uint64_t)most_ns));
}

/* --- mailbox: idle against push -------------------------------------------------------------------------------------------- */

static void in_order(struct cell *c, struct proc *p, struct msg *m) {
    static uint64_t last[4];
    uint64_t n = number_of(m), from = n >> 8;
    if ((n & 255) == 1)
        last[from] = 0;
    SIM_CHECK((n & 255) == last[from] + 1);
    last[from]++;
}
static struct cell *receiver;
static void send_three(void *arg) {
    for (uint64_t i = 1; i <= 3; i++)
        SIM_CHECK(mail((struct pid){0}, receiver->pid, (uint64_t)(uintptr_t)arg << 8 | i) == SEND_OK);
}
static void idle_push(void) {
    open_world(2);
    receiver = cell_spawn((struct spawn){0}, (struct cell){.message = in_order});
    for (uintptr_t i = 0; i < 3; i++)
        outside(send_three, (void *)i);
    settle();
    SIM_CHECK(receiver->mail == 9);
    close_world();
}

/* --- park against notify ------------------------------------------------------------------------------------------------------ */

static void send_now_and_then(void *arg) {
    for (int i = 0; i < 4; i++) {
        rest(30000); /* long enough for a worker to park, or nearly */
        SIM_CHECK(mail((struct pid){0}, w.cells[sim_random(3)].pid, 1) == SEND_OK);
    }
}
static void park_notify(void) {
    open_world(1 + (unsigned)sim_random(3));
    for (int i = 0; i < 3; i++)
        cell_spawn((struct spawn){0}, (struct cell){0});
    for (int i = 0; i < 2; i++)
        outside(send_now_and_then, NULL);
    settle();
    SIM_CHECK(w.cells[0].mail + w.cells[1].mail + w.cells[2].mail == 8);
    close_world();
}

/* --- steal against take ---------------------------------------------------------------------------------------------------------- */

static enum step some_steps(struct cell *c, struct proc *p) {
    return c->steps < c->goal ? STEP_AGAIN : STEP_EXIT;
}
static enum step spawn_many(struct cell *c, struct proc *p) {
    if (c->steps <= 4) {
        for (int i = 0; i < 4; i++)
            cell_spawn((struct spawn){.parent = p, .monitor = true},
                       (struct cell){.step = some_steps, .goal = 1 + (int)sim_random(4)});
        return STEP_AGAIN;
    }
    return c->exits == 16 ? STEP_EXIT : STEP_WAIT;
}
static void steal_take(void) {
    open_world(3);
    cell_spawn((struct spawn){0}, (struct cell){.step = spawn_many});
    settle();
    SIM_CHECK(host_live(w.host) == 0 && w.spawned == 17);
    for (int i = 1; i < w.spawned; i++)
        SIM_CHECK(w.cells[i].steps == w.cells[i].goal);
    close_world();
}

/* --- spawn, link, exit ------------------------------------------------------------------------------------------------------------ */

static enum step fail_now(struct cell *c, struct proc *p) {
    p->failure = why();
    return STEP_EXIT;
}
static enum step end_now(struct cell *c, struct proc *p) {
    return STEP_EXIT;
}
static enum step raise_children(struct cell *c, struct proc *p) {
    static enum step (*const fates[])(struct cell *, struct proc *) = {fail_now, end_now, NULL};
    p->flags |= PROC_TRAP_LINKS;
    if (c->steps == 1)
        for (int i = 0; i < 6; i++)
            cell_spawn((struct spawn){.parent = p, .monitor = true, .link = true},
                       (struct cell){.step = fates[i % 3]});
    return STEP_WAIT;
}
static void kill_late_ones(void *arg) {
    rest(60000);
    for (int i = 0; i < w.spawned; i++)
        if (i > 0 && !w.cells[i].step)
            proc_kill(sched_self, w.cells[i].pid, why());
}
static void spawn_link_exit(void) {
    open_world(2);
    struct cell *parent = cell_spawn((struct spawn){0}, (struct cell){.step = raise_children});
    outside(kill_late_ones, NULL);
    settle();
    kill_late_ones(NULL); /* those that came after the first time */
    settle();
    SIM_CHECK(parent->exits == 6 && parent->downs == 4 && parent->closed == 0);
    close_world();
}

/* --- monitor and link against exit ---------------------------------------------------------------------------------------------------- */

static enum step watch_peer(struct cell *c, struct proc *p) {
    p->flags |= PROC_TRAP_LINKS;
    if (c->steps > 1)
        return STEP_WAIT;
    c->goal = proc_monitor(p, c->peer->pid) == REL_OK;
    c->timers = proc_link(p, c->peer->pid) == REL_OK; /* a spare field: whether the link stood */
    return STEP_WAIT;
}
static enum step watch_and_undo(struct cell *c, struct proc *p) {
    p->flags |= PROC_TRAP_LINKS;
    if (c->steps > 1)
        return STEP_WAIT;
    proc_monitor(p, c->peer->pid);
    proc_link(p, c->peer->pid);
    det_point("before undoing");
    SIM_CHECK(!mbox_pending(&p->mbox) || c->exits == 0);
    proc_unmonitor(p, c->peer->pid);
    proc_unlink(p, c->peer->pid);
    return STEP_WAIT;
}
static void kill_victim(void *arg) {
    rest(3000);
    proc_kill(sched_self, w.cells[0].pid, why());
}
static void monitor_exit(void) {
    open_world(2);
    struct cell *victim = cell_spawn((struct spawn){0}, (struct cell){0});
    outside(kill_victim, NULL);
    struct cell *a = cell_spawn((struct spawn){0}, (struct cell){.step = watch_peer, .peer = victim});
    struct cell *b = cell_spawn((struct spawn){0}, (struct cell){.step = watch_and_undo, .peer = victim});
    settle();
    SIM_CHECK(victim->closed == 1);
    SIM_CHECK(a->exits == a->goal && a->downs == a->timers);
    SIM_CHECK(b->exits == 0 && b->downs == 0);
    close_world();
}

/* --- names: release against register ------------------------------------------------------------------------------------------------------ */

static enum name_status name(struct cell *c, const char *text) {
    return names_register(sched_self, text, strlen(text), c->pid, NULL);
}
static void name_victim(void *arg) {
    name(&w.cells[0], "x");
    name(&w.cells[0], "y");
}
/* A first name, given while its holder ends: nobody who ends has a name yet, so it looks for none. */
static void name_mayflies(void *arg) {
    for (int i = 2; i < 8; i++)
        name(&w.cells[i], (char[2]){(char)('a' + i), '\0'});
}
static void kill_mayflies(void *arg) {
    for (int i = 2; i < 8; i++)
        proc_kill(sched_self, w.cells[i].pid, why());
}
static bool heir_has_it;
static void name_heir(void *arg) {
    rest(2000);
    heir_has_it = name(&w.cells[1], "x") == NAME_OK;
}
static void look_up(void *arg) {
    for (int i = 0; i < 4; i++) {
        struct pid x = names_lookup(sched_self, "x", 1), y = names_lookup(sched_self, "y", 1);
        SIM_CHECK(pid_none(x) || pid_eq(x, w.cells[0].pid) || pid_eq(x, w.cells[1].pid));
        SIM_CHECK(pid_none(y) || pid_eq(y, w.cells[0].pid));
    }
}
static void names_exit(void) {
    open_world(2);
    cell_spawn((struct spawn){0}, (struct cell){0});
    cell_spawn((struct spawn){0}, (struct cell){0});
    for (int i = 2; i < 8; i++)
        cell_spawn((struct spawn){0}, (struct cell){0});
    outside(name_mayflies, NULL);
    outside(kill_mayflies, NULL);
    heir_has_it = false;
    outside(kill_victim, NULL);
    outside(name_victim, NULL);
    outside(name_heir, NULL);
    outside(look_up, NULL);
    settle();
    SIM_CHECK(w.cells[0].closed == 1);
    struct pid x = names_lookup(sched_self, "x", 1);
    SIM_CHECK(heir_has_it ? pid_eq(x, w.cells[1].pid) : pid_none(x));
    SIM_CHECK(pid_none(names_lookup(sched_self, "y", 1)));
    SIM_CHECK(heir_has_it || name(&w.cells[1], "x") == NAME_OK);
    close_world();
}

/* --- cancel and kill against stop ------------------------------------------------------------------------------------------------------------- */

static void disturb(void *arg) {
    for (int i = 0; i < 6; i++) {
        struct pid to = w.cells[sim_random(3)].pid;
        if (sim_random(3) == 0)
            proc_kill(sched_self, to, why());
        else
            proc_cancel(sched_self, to, (struct pid){0}, "why", 3);
        mail((struct pid){0}, to, 1);
    }
}
static void cancel_stop(void) {
    open_world(2);
    for (int i = 0; i < 3; i++)
        cell_spawn((struct spawn){0}, (struct cell){.step = i == 2 ? some_steps : NULL, .goal = 1000000});
    outside(disturb, NULL);
    rest(20000);
    host_stop(w.host);
    sim_settle(CLOCK_NS_PER_SEC);
    SIM_CHECK(w.scripts == 0);
    close_world();
}

/* --- timer against stop ------------------------------------------------------------------------------------------------------------------------- */

struct alarm {
    struct timer tm;
    struct pid owner;
    int64_t due;
    bool armed;
    struct msg *m;
};
static struct alarm alarms[3];
static int alarm_starts, alarm_stops, alarm_rings, alarm_undelivered;

static void keep_node(struct msg *m) {
}
static void alarm_fire(struct sched_thread *t, struct timer *tm) {
    struct alarm *a = (struct alarm *)tm;
    SIM_CHECK(os_now() >= a->due);
    SIM_CHECK(a->armed);
    if (proc_post(t, a->owner, a->m) != SEND_OK)
        alarm_undelivered++;
}
static void alarm_rings_now(struct cell *c, struct proc *p, struct msg *m) {
    if (m->kind != MSG_TIMER)
        return;
    struct alarm *a = m->u.ptr;
    SIM_CHECK(a->armed);
    a->armed = false;
    alarm_rings++;
}
static enum step use_alarms(struct cell *c, struct proc *p) {
    for (int i = 0; i < 3; i++) {
        struct alarm *a = &alarms[i];
        if (!a->armed && c->steps < 4) {
            a->armed = true;
            a->owner = p->pid;
            a->due = os_now() + (int64_t)sim_random(300000);
            alarm_starts++;
            wheel_start(&sched_self->worker->wheel, &a->tm, a->due);
        } else if (a->armed && sim_random(2) && wheel_stop(&a->tm)) {
            a->armed = false;
            alarm_stops++;
        }
    }
    return c->steps < 6 ? STEP_AGAIN : STEP_WAIT;
}
static void timer_stop(void) {
    open_world(3);
    memset(alarms, 0, sizeof alarms);
    alarm_starts = alarm_stops = alarm_rings = alarm_undelivered = 0;
    for (int i = 0; i < 3; i++) {
        alarms[i].m = msg_new(MSG_TIMER, 0, 0);
        alarms[i].m->release = keep_node;
        alarms[i].m->u.ptr = &alarms[i];
        alarms[i].tm.fire = alarm_fire;
    }
    cell_spawn((struct spawn){0}, (struct cell){.step = use_alarms, .message = alarm_rings_now});
    cell_spawn((struct spawn){0}, (struct cell){.step = some_steps, .goal = 20});
    if (sim_random(2)) {
        rest(100000);
        SIM_CHECK(host_rescale(w.host, 1)); /* timers of workers that end ring as well */
    }
    settle();
    SIM_CHECK(alarm_starts == alarm_stops + alarm_rings && alarm_undelivered == 0);
    close_world();
    for (int i = 0; i < 3; i++)
        free(alarms[i].m);
}

/* --- workers that come and go ---------------------------------------------------------------------------------------------------------------------- */

static void pass_on(struct cell *c, struct proc *p, struct msg *m) {
    uint64_t n = number_of(m);
    if (n > 0)
        SIM_CHECK(mail(p->pid, c->peer->pid, n - 1) == SEND_OK);
}
static void rescale(void) {
    open_world(2);
    for (int i = 0; i < 4; i++)
        cell_spawn((struct spawn){0}, (struct cell){.message = pass_on});
    for (int i = 0; i < 4; i++)
        w.cells[i].peer = &w.cells[(i + 1) % 4];
    for (int i = 0; i < 4; i++)
        mail((struct pid){0}, w.cells[i].pid, 12);
    for (int i = 0; i < 4; i++) {
        rest(8000);
        SIM_CHECK(host_rescale(w.host, 1 + (unsigned)sim_random(3)));
    }
    outside(send_now_and_then, NULL);
    settle();
    int sum = 0;
    for (int i = 0; i < 4; i++)
        sum += w.cells[i].mail;
    SIM_CHECK(sum == 4 * 13 + 4 * 2);
    close_world();
}

/* --- the last-in slot of a worker that does not come back ----------------------------------------------------------------------------------------------- */

static enum step wake_and_spin(struct cell *c, struct proc *p) {
    SIM_CHECK(mail(p->pid, c->peer->pid, 0) == SEND_OK);
    while (c->peer->mail == 0)
        os_yield();
    return STEP_EXIT;
}
static void give_away(void) {
    open_world(2);
    struct cell *target = cell_spawn((struct spawn){0}, (struct cell){0});
    cell_spawn((struct spawn){0}, (struct cell){.step = wake_and_spin, .peer = target});
    settle();
    SIM_CHECK(w.cells[1].closed == 1);
    close_world();
}

/* It is told to give up what it keeps for itself while it is changing that. c->goal: to how many it talks; more than its
 * ring holds go to the overflow. */
static enum step wake_without_end(struct cell *c, struct proc *p) {
    for (int i = 0; i < 40; i++) {
        SIM_CHECK(mail(p->pid, w.cells[i % c->goal].pid, 0) == SEND_OK);
        for (uint64_t k = sim_random(60); k; k--)
            os_yield();
    }
    return STEP_EXIT;
}
static void signalled(int targets) {
    open_world(2);
    for (int i = 0; i < targets; i++)
        cell_spawn((struct spawn){0}, (struct cell){0});
    struct cell *waker =
        cell_spawn((struct spawn){0}, (struct cell){.step = wake_without_end, .goal = targets});
    settle();
    int sum = 0;
    for (int i = 0; i < targets; i++)
        sum += w.cells[i].mail;
    SIM_CHECK(sum == 40 && waker->closed == 1);
    close_world();
}
static void slot_signal(void) {
    signalled(2);
}
static void later_signal(void) {
    signalled(14);
}

/* --- upgrade against send: a process whose behaviour's data changes under its mail ------------------------------------------------------------------------ */

/* A cell like this one takes its place, as a new state does; what comes from now on is for that one. */
static enum step make_way(struct cell *c, struct proc *p) {
    if (c->goal == 0 || c->mail < 2)
        return STEP_WAIT;
    struct cell *next = &w.cells[w.spawned++];
    *next = (struct cell){.pid = c->pid, .message = c->message, .step = make_way, .goal = c->goal - 1};
    p->data = next;
    c->closed++;
    return sim_random(2) ? STEP_AGAIN : STEP_WAIT;
}
static enum step watch_only(struct cell *c, struct proc *p) {
    if (c->steps == 1)
        SIM_CHECK(proc_monitor(p, c->peer->pid) == REL_OK);
    return STEP_WAIT;
}
static void upgrade_send(void) {
    open_world(2);
    receiver = cell_spawn((struct spawn){0}, (struct cell){.message = in_order, .step = make_way, .goal = 3});
    struct cell *watcher = cell_spawn((struct spawn){0}, (struct cell){.step = watch_only, .peer = receiver});
    for (uintptr_t i = 0; i < 3; i++)
        outside(send_three, (void *)i);
    settle();
    int sum = 0;
    for (int i = 0; i < w.spawned; i++)
        sum += w.cells[i].mail;
    SIM_CHECK(sum == 9 && w.spawned >= 3 && watcher->exits == 0); /* it was upgraded at least once */
    kill_victim(NULL);
    settle();
    SIM_CHECK(watcher->exits == 1 && w.cells[w.spawned - 1].closed == 1);
    close_world();
}

/* --- slots and cells used again, against signals that come late --------------------------------------------------------------------------------------------- */

static void for_me(struct cell *c, struct proc *p, struct msg *m) {
    if (m->kind == MSG_USER)
        SIM_CHECK(number_of(m) == c->pid.n);
}
static enum step raise_mayflies(struct cell *c, struct proc *p) {
    if (w.spawned < CELLS - 2) {
        for (int i = 0; i < 2; i++)
            cell_spawn(
                (struct spawn){.parent = p, .monitor = true},
                (struct cell){
                    .step = some_steps, .message = for_me, .spared = true, .goal = 1 + (int)sim_random(2)});
        return sim_random(2) ? STEP_AGAIN : STEP_WAIT;
    }
    return STEP_WAIT;
}
static void come_late(void *arg) {
    for (int i = 0; i < 12; i++) {
        rest(2000);
        struct cell *c = &w.cells[sim_random((uint64_t)w.spawned)];
        if (c == w.cells)
            continue;
        switch (sim_random(3)) {
        case 0:
            c->spared = false;
            proc_kill(sched_self, c->pid, why());
            break;
        case 1:
            proc_cancel(sched_self, c->pid, (struct pid){0}, "why", 3);
            break;
        default:
            mail((struct pid){0}, c->pid, c->pid.n);
        }
    }
}
static void recycle_late(void) {
    open_world(2);
    struct cell *parent = cell_spawn((struct spawn){0}, (struct cell){.step = raise_mayflies});
    for (int i = 0; i < 2; i++)
        outside(come_late, NULL);
    settle();
    SIM_CHECK(parent->exits == w.spawned - 1);
    for (int i = 1; i < w.spawned; i++)
        SIM_CHECK(w.cells[i].closed == 1);
    close_world();
}

/* --- the program ------------------------------------------------------------------------------------------------------------------------------------------- */

static const struct scenario {
    const char *name;
    void (*run)(void);
} scenarios[] = {
    {"idle_push", idle_push},       {"park_notify", park_notify},
    {"steal_take", steal_take},     {"spawn_link_exit", spawn_link_exit},
    {"monitor_exit", monitor_exit}, {"names_exit", names_exit},
    {"cancel_stop", cancel_stop},   {"timer_stop", timer_stop},
    {"rescale", rescale},           {"give_away", give_away},
    {"slot_signal", slot_signal},   {"later_signal", later_signal},
    {"upgrade_send", upgrade_send}, {"recycle_late", recycle_late},
};
enum { SCENARIOS = sizeof scenarios / sizeof scenarios[0] };

/* A crash has to tell its seed as well; with AddressSanitizer, after its report. */
static struct {
    const struct scenario *scenario;
    unsigned number;
    uint64_t seed;
} running;

static void tell_crash(void) {
    if (!running.scenario)
        return;
    printf("not ok %u - %s: seed %llu: crashed\n", running.number, running.scenario->name,
           (unsigned long long)running.seed);
    sim_print_trail();
    fflush(stdout);
}

static void on_crash(int sig) {
    tell_crash();
    _exit(1);
}

__attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)(void));

static void watch_for_crashes(void) {
    if (__sanitizer_set_death_callback) {
        __sanitizer_set_death_callback(tell_crash);
        return;
    }
    signal(SIGSEGV, on_crash);
    signal(SIGABRT, on_crash);
}

static bool explore(const struct scenario *s, unsigned number, uint64_t first, uint64_t count) {
    uint64_t points = 0, switches = 0;
    for (uint64_t seed = first; seed < first + count; seed++) {
        running.scenario = s;
        running.number = number;
        running.seed = seed;
        struct sim_result r = sim_run(seed, s->run);
        running.scenario = NULL;
        points += r.points;
        switches += r.switches;
        if (r.failure) {
            printf("not ok %u - %s: seed %llu: %s\n", number, s->name, (unsigned long long)seed, r.failure);
            printf("# replay: make check-det SEED=%llu SEEDS=1; the last steps:\n", (unsigned long long)seed);
            sim_print_trail();
            return false;
        }
    }
    printf("ok %u - %s: %llu seeds from %llu, %llu points, %llu switches\n", number, s->name,
           (unsigned long long)count, (unsigned long long)first, (unsigned long long)points,
           (unsigned long long)switches);
    fflush(stdout);
    return true;
}

int main(int argc, char **argv) {
    watch_for_crashes();
    uint64_t seed = 1, seeds = 200;
    const char *names[SCENARIOS];
    int wanted = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
            seed = strtoull(argv[++i], NULL, 0);
        } else if (strcmp(argv[i], "--seeds") == 0 && i + 1 < argc) {
            seeds = strtoull(argv[++i], NULL, 0);
        } else if (argv[i][0] != '-' && wanted < SCENARIOS) {
            names[wanted++] = argv[i];
        } else {
            fprintf(stderr, "%s: %s: unknown; usage: [--seed FIRST] [--seeds COUNT] [SCENARIO...]\n", argv[0],
                    argv[i]);
            return 64;
        }
    }
    unsigned run = 0;
    for (unsigned i = 0; i < SCENARIOS; i++) {
        bool asked = wanted == 0;
        for (int k = 0; k < wanted; k++)
            asked = asked || strcmp(names[k], scenarios[i].name) == 0;
        if (asked && !explore(&scenarios[i], ++run, seed, seeds))
            return 1; /* the failed run's memory is as it was left: no further one in this process */
    }
    printf("1..%u\n", run);
    return run == 0;
}
