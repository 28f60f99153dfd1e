/*
 * A storm of processes that do at random everything that processes can do to each other, and the books of it, which
 * have to balance at the end:
 *
 *   messages   every one made was received, refused (and is the sender's again) or dropped with its dead receiver, and freed
 *   order      what arrives from one sender arrives in the order sent
 *   monitors   the auditors, which nobody kills, get one EXIT for every monitor that they did not undo, and no other
 *   timers     never early; each start ended in one delivery, one stop, or with its process
 *   names      lookups give whom they were given to; none is left at the end
 *   processes  every one that started was closed; nothing is left (the memory checkers see to the rest)
 *
 * TROUPE_SEED replays the decisions; the interleaving is the machine's.
 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "tests/support/rnd.h"
#include "tests/support/schedbox.h"

enum { BOARD = 512, NAMES = 48, TIMERS = 3, SENDERS = 64, WATCHED = 64, AUDITORS = 3, LIVE_MAX = 400 };

#define BOOKS(X)                                                                                             \
    X(made)                                                                                                  \
    X(received)                                                                                              \
    X(refused)                                                                                               \
    X(dropped)                                                                                               \
    X(spawned)                                                                                               \
    X(closed)                                                                                                \
    X(exits)                                                                                                 \
    X(timer_starts)                                                                                          \
    X(timer_deliveries)                                                                                      \
    X(timer_stops)                                                                                           \
    X(timer_losses)                                                                                          \
    X(names)                                                                                                 \
    X(actions)

static struct {
#define X(name) atomic_ullong name;
    BOOKS(X)
#undef X
    struct box box;
    _Atomic uint64_t board[BOARD]; /* pids of mortals, old ones among them */
    atomic_ullong seed;
    unsigned long long limit;
    atomic_bool over;
} storm;

static void count(atomic_ullong *book) {
    atomic_fetch_add_explicit(book, 1, memory_order_relaxed);
}

/* --- messages whose end is known ---------------------------------------------------------------------------------- */

enum { UNDELIVERED, DELIVERED, REFUSED };

static void end_of_message(struct msg *m) {
    count(m->aux == DELIVERED ? &storm.received : m->aux == REFUSED ? &storm.refused : &storm.dropped);
    mem_free(m);
}

static struct msg *storm_msg(struct pid from, uint64_t number) {
    struct msg *m = number_msg(from, number);
    CHECK(m != NULL);
    m->aux = UNDELIVERED;
    m->release = end_of_message;
    count(&storm.made);
    return m;
}

static void send_storm(struct pid from, struct pid to, uint64_t number) {
    struct msg *m = storm_msg(from, number);
    if (proc_post(sched_self, to, m) == SEND_OK)
        return;
    m->aux = REFUSED;
    msg_free(m);
}

/* --- actors ------------------------------------------------------------------------------------------------------- */

struct alarm {
    struct timer tm;
    struct mortal *owner;
    struct pid pid; /* the owner's */
    enum { IDLE, ARMED, QUEUED } state;
    int64_t due;
    struct msg *m;
};

struct mortal {
    struct actor *a;
    struct rnd rnd;
    uint64_t next_number;
    bool auditor, ending;
    struct {
        struct pid pid;
        uint64_t number;
    } heard[SENDERS];
    struct pid watched[WATCHED]; /* whose EXIT it expects */
    struct alarm alarms[TIMERS];
};

/* Mostly somebody alive. */
static struct pid somebody(struct rnd *r) {
    struct pid pid = {0};
    for (uint64_t n = rnd_below(r, 8); n < 8; n++) {
        pid.n = atomic_load_explicit(&storm.board[rnd_below(r, BOARD)], memory_order_relaxed);
        if (proc_alive(sched_self, pid))
            break;
    }
    return pid;
}

static struct pid *watching(struct mortal *me, struct pid pid) {
    for (int i = 0; i < WATCHED; i++)
        if (pid_eq(me->watched[i], pid))
            return &me->watched[i];
    return NULL;
}

static void keep_alarm_node(struct msg *m) {
}

static void alarm_fire(struct sched_thread *t, struct timer *tm) {
    struct alarm *al = (struct alarm *)tm;
    CHECK(clock_mono_ns() >= al->due); /* early */
    proc_post(t, al->pid, al->m);      /* refused: its process has ended */
}

static void alarm_start(struct mortal *me, struct alarm *al) {
    if (!al->m) {
        al->m = msg_new(MSG_TIMER, 0, 0);
        al->m->release = keep_alarm_node;
        al->m->u.ptr = al;
        al->owner = me;
        al->pid = me->a->p->pid;
        al->tm.fire = alarm_fire;
    }
    al->state = ARMED;
    al->due = clock_mono_ns() + (int64_t)rnd_below(&me->rnd, 3000000);
    count(&storm.timer_starts);
    wheel_start(&sched_self->worker->wheel, &al->tm, al->due);
}

static void alarm_toggle(struct mortal *me) {
    struct alarm *al = &me->alarms[rnd_below(&me->rnd, TIMERS)];
    if (al->state == IDLE) {
        alarm_start(me, al);
    } else if (al->state == ARMED) {
        bool stopped = wheel_stop(&al->tm);
        al->state = stopped ? IDLE : QUEUED;
        if (stopped)
            count(&storm.timer_stops);
    }
}

static const struct actor_ops mortal_ops;

static struct mortal *mortal_new(bool auditor) {
    struct mortal *me = mem_calloc(1, sizeof *me);
    me->auditor = auditor;
    me->rnd.s = (atomic_fetch_add(&storm.seed, 1) + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
    rnd_next(&me->rnd);
    count(&storm.spawned);
    return me;
}

static struct pid spawn_mortal(struct spawn *how, bool auditor) {
    struct mortal *me = mortal_new(auditor);
    struct pid pid = actor_spawn(&storm.box, &mortal_ops, me, how, NULL);
    CHECK(!pid_none(pid));
    return pid;
}

static void spawn_one(struct mortal *me) {
    if (box_live(&storm.box) >= LIVE_MAX)
        return;
    uint64_t kind = rnd_below(&me->rnd, 4);
    struct pid *free_place = watching(me, (struct pid){0});
    struct spawn how = {.parent = me->a->p, .monitor = kind & 1 && free_place, .link = kind & 2};
    struct pid pid = spawn_mortal(&how, false);
    if (how.monitor)
        *free_place = pid;
    atomic_store_explicit(&storm.board[rnd_below(&me->rnd, BOARD)], pid.n, memory_order_relaxed);
}

static void watch_one(struct mortal *me) {
    struct pid *place = &me->watched[rnd_below(&me->rnd, WATCHED)];
    struct proc *p = me->a->p;
    if (!pid_none(*place)) {
        enum relation_status s = proc_unmonitor(p, *place);
        CHECK(s == REL_OK); /* a monitor whose EXIT was not delivered can always be undone */
        *place = (struct pid){0};
        return;
    }
    struct pid pid = somebody(&me->rnd);
    enum relation_status s = proc_monitor(p, pid);
    CHECK((s == REL_EXISTS) == (!pid_none(pid) && watching(me, pid) != NULL));
    if (s == REL_OK)
        *place = pid;
}

static void name_one(struct mortal *me) {
    char name[16];
    int len = snprintf(name, sizeof name, "name%u", (unsigned)rnd_below(&me->rnd, NAMES));
    switch (rnd_below(&me->rnd, 4)) {
    case 0:
        if (names_register(sched_self, name, (size_t)len, me->a->p->pid, NULL) == NAME_OK)
            count(&storm.names);
        break;
    case 1:
        if (names_register(sched_self, name, (size_t)len, somebody(&me->rnd), NULL) == NAME_OK)
            count(&storm.names);
        break;
    case 2:
        names_unregister(sched_self, name, (size_t)len);
        break;
    default: {
        struct pid pid = proc_lookup(sched_self, name, (size_t)len);
        if (!pid_none(pid))
            send_storm(me->a->p->pid, pid, ++me->next_number);
    }
    }
}

static struct failure *reason(const char *text) {
    return failure_format(ERRKIND_INTERNAL, EXIT_RAISED, "%s", text);
}

static void act(struct mortal *me) {
    struct proc *p = me->a->p;
    struct rnd *r = &me->rnd;
    switch (rnd_below(r, 20)) {
    default:
        send_storm(p->pid, somebody(r), ++me->next_number);
        break;
    case 8:
    case 9:
    case 10:
        spawn_one(me);
        break;
    case 11:
    case 12:
        watch_one(me);
        break;
    case 13:
        proc_link(p, somebody(r));
        break;
    case 14:
        proc_unlink(p, somebody(r));
        break;
    case 15:
    case 16:
        alarm_toggle(me);
        break;
    case 17:
        name_one(me);
        break;
    case 18:
        if (rnd_below(r, 4) == 0)
            proc_kill(sched_self, somebody(r), reason("killed in the storm"));
        else
            proc_cancel(sched_self, somebody(r), p->pid, "why", 3);
        break;
    case 19:
        if (!me->auditor && rnd_below(r, 3) == 0)
            me->ending = true;
        else if (!me->auditor)
            p->flags ^= PROC_TRAP_LINKS;
    }
}

static void hear(struct mortal *me, struct msg *m) {
    uint64_t number = msg_number(m);
    m->aux = DELIVERED;
    if (pid_none(m->from))
        return; /* the outsiders are several */
    unsigned i = pid_slot(m->from) % SENDERS;
    CHECK(!pid_eq(me->heard[i].pid, m->from) || me->heard[i].number < number); /* order of one sender */
    me->heard[i].pid = m->from;
    me->heard[i].number = number;
}

static void mortal_message(struct actor *a, struct msg *m) {
    struct mortal *me = a->ud;
    me->a = a;
    switch ((enum msg_kind)m->kind) {
    case MSG_USER:
        hear(me, m);
        break;
    case MSG_EXIT: {
        struct pid *place = watching(me, m->from);
        CHECK(place && !pid_none(m->from));      /* an EXIT that nobody ordered */
        CHECK(!proc_alive(sched_self, m->from)); /* the pid does not resolve any more */
        *place = (struct pid){0};
        count(&storm.exits);
        break;
    }
    case MSG_LINK_DOWN:
        CHECK(m->u.failure != NULL && (a->p->flags & PROC_TRAP_LINKS));
        break;
    case MSG_TIMER: {
        struct alarm *al = m->u.ptr;
        CHECK(al->owner == me && al->state != IDLE);
        al->state = IDLE;
        count(&storm.timer_deliveries);
        return; /* the node stays the alarm's */
    }
    default:
        break;
    }
    msg_free(m);
}

static enum step mortal_step(struct actor *a) {
    struct mortal *me = a->ud;
    me->a = a;
    if (me->auditor)
        a->p->flags |= PROC_TRAP_LINKS;
    if (atomic_load_explicit(&storm.over, memory_order_relaxed))
        return STEP_WAIT;
    for (uint64_t n = rnd_below(&me->rnd, 6); n; n--) {
        act(me);
        count(&storm.actions);
    }
    if (me->ending) {
        if (rnd_below(&me->rnd, 2))
            a->p->failure = reason("failed in the storm");
        return STEP_EXIT;
    }
    return rnd_below(&me->rnd, 8) == 0 ? STEP_AGAIN : STEP_WAIT;
}

static void mortal_close(struct actor *a) {
    struct mortal *me = a->ud;
    for (int i = 0; i < TIMERS; i++) {
        struct alarm *al = &me->alarms[i];
        if (al->state == ARMED && wheel_stop(&al->tm))
            count(&storm.timer_stops);
        else if (al->state != IDLE)
            count(&storm.timer_losses);
        mem_free(al->m);
    }
    count(&storm.closed);
    mem_free(me);
}

static const struct actor_ops mortal_ops = {mortal_message, mortal_step, mortal_close};

/* --- what threads that are no workers do at the same time ----------------------------------------------------------- */

static void *outsider(void *arg) {
    struct sched_thread *t = node_attach(storm.box.node);
    struct rnd r = {(uint64_t)(uintptr_t)arg};
    while (!atomic_load(&storm.over)) {
        for (int i = 0; i < 20; i++)
            send_storm((struct pid){0}, somebody(&r), 1);
        if (box_live(&storm.box) < LIVE_MAX / 2)
            atomic_store(&storm.board[rnd_below(&r, BOARD)], spawn_mortal(NULL, false).n);
        char name[16];
        int len = snprintf(name, sizeof name, "name%u", (unsigned)rnd_below(&r, NAMES));
        names_register(t, name, (size_t)len, somebody(&r), NULL);
        sched_yield();
        if (atomic_load(&storm.actions) >= storm.limit)
            atomic_store(&storm.over, true);
    }
    node_detach(t);
    return NULL;
}

struct victims {
    struct pid pids[4 * LIVE_MAX];
    size_t n;
};
static struct pid auditors[AUDITORS];

static bool note_victim(struct proc *p, void *ud) {
    struct victims *v = ud;
    for (int i = 0; i < AUDITORS; i++)
        if (pid_eq(p->pid, auditors[i]))
            return true;
    if (v->n < 4 * LIVE_MAX)
        v->pids[v->n++] = p->pid;
    return true;
}

static int open_monitors(struct proc *p, void *ud) {
    return (int)p->monitors.n;
}

/* Asks an auditor, on its worker, how many EXITs it still expects. */
struct question {
    int (*fn)(struct proc *p, void *ud);
    atomic_int answer;
    struct msg m; /* last, for its open end */
};
static void answer(struct proc *p, struct msg *m) {
    struct question *q = (struct question *)((char *)m - offsetof(struct question, m));
    atomic_store(&q->answer, p ? q->fn(p, NULL) : -2);
}
static int ask(struct pid pid, int (*fn)(struct proc *p, void *ud)) {
    struct question q = {.fn = fn, .answer = -1, .m = {.kind = SIG_CALL, .u.call = answer}};
    CHECK(proc_post(sched_self, pid, &q.m) == SEND_OK);
    AWAIT(atomic_load(&q.answer) != -1);
    return atomic_load(&q.answer);
}

/*
 * The storm may abate: everybody waits, and nobody whom the others know is left. Then all are given a message. But somebody who
 * is runnable while every worker sleeps was forgotten.
 */
static bool note_forgotten(struct proc *p, void *ud) {
    struct victims *v = ud;
    if (proc_state(p) == PROC_RUNNABLE && v->n < 4 * LIVE_MAX)
        v->pids[v->n++] = p->pid;
    return true;
}

static bool all_asleep(unsigned workers) {
    return atomic_load(&storm.box.host->idle) == (UINT64_C(1) << workers) - 1;
}

static void keep_going(unsigned workers) {
    static struct victims v;
    unsigned quiet = 0;
    for (unsigned long long last = 0; !atomic_load(&storm.over); usleep(1000)) {
        unsigned long long now = atomic_load(&storm.actions);
        quiet = now == last && all_asleep(workers) ? quiet + 1 : 0;
        last = now;
        if (quiet < 20)
            continue;
        v.n = 0;
        proc_each(sched_self, note_forgotten, &v);
        CHECK(quiet < 1000 || v.n == 0);
        if (v.n > 0)
            continue;
        proc_each(sched_self, note_victim, &v);
        for (size_t i = 0; i < v.n; i++)
            send_storm((struct pid){0}, v.pids[i], 1);
    }
}

static void run_storm(unsigned workers) {
    struct rnd r = rnd_open("storm", 1);
    memset(&storm, 0, sizeof storm);
    atomic_store(&storm.seed, rnd_next(&r) >> 20);
    storm.limit = stress_scale(150000, 20000000);
    struct host_limits limits = {.time_slice_ns = 1000000, .mailbox_messages = 50};
    storm.box = box_open(workers, &limits, NULL);
    for (int i = 0; i < AUDITORS; i++)
        auditors[i] = spawn_mortal(NULL, true);
    pthread_t threads[2];
    for (uintptr_t i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, outsider, (void *)((rnd_next(&r) >> 1) | 1));
    keep_going(workers);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);

    static struct victims v;
    AWAIT((v.n = 0, proc_each(sched_self, note_victim, &v), v.n == 0 || ({
                                                                for (size_t i = 0; i < v.n; i++)
                                                                    proc_kill(sched_self, v.pids[i],
                                                                              reason("the storm is over"));
                                                                false;
                                                            })));
    for (int i = 0; i < AUDITORS; i++)
        AWAIT(ask(auditors[i], open_monitors) == 0); /* all others are dead: every EXIT has to come */
    for (int i = 0; i < AUDITORS; i++)
        proc_kill(sched_self, auditors[i], reason("the storm is over"));
    AWAIT(box_live(&storm.box) == 0);
    cr_expect(box_names(&storm.box) == 0);
    box_close(&storm.box);

#define X(name) printf(", %llu " #name, (unsigned long long)atomic_load(&storm.name));
    printf("%u workers", workers);
    BOOKS(X)
    printf("\n");
#undef X
    cr_expect(storm.made == storm.received + storm.refused + storm.dropped, "messages");
    cr_expect(storm.spawned == storm.closed, "processes");
    cr_expect(storm.timer_starts == storm.timer_deliveries + storm.timer_stops + storm.timer_losses,
              "timers");
    cr_expect(storm.received > 1000 && storm.exits > 100 && storm.timer_deliveries > 10 &&
                  storm.dropped > 0 && storm.names > 100 && storm.refused > 100,
              "a storm in a teacup");
}

Test(sched_storm, one_worker, .timeout = 800) {
    run_storm(1);
}
Test(sched_storm, two_workers, .timeout = 800) {
    run_storm(2);
}
Test(sched_storm, eight_workers, .timeout = 800) {
    run_storm(8);
}
