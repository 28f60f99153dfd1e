#include <criterion/criterion.h>
#include <string.h>

#include "base/alloc.h"
#include "tests/support/schedbox.h"

/* Holds a process up inside, so that its mailbox fills. */
struct hold {
    atomic_bool in, go, dead;
    struct msg m; /* last, for its open end */
};
static void hold_here(struct proc *p, struct msg *m) {
    struct hold *h = (struct hold *)((char *)m - offsetof(struct hold, m));
    if (!p) {
        atomic_store(&h->dead, true);
        return;
    }
    atomic_store(&h->in, true);
    AWAIT(atomic_load(&h->go));
}
static void hold(struct hold *h, struct pid pid) {
    *h = (struct hold){.m = {.kind = SIG_CALL, .u.call = hold_here}};
    cr_assert(proc_post(sched_self, pid, &h->m) == SEND_OK);
    AWAIT(atomic_load(&h->in));
}

static struct failure *killed(void) {
    return failure_format(ERRKIND_CANCELED, EXIT_TERMINATED, "killed");
}

/* --- life ------------------------------------------------------------------------------------------------------- */

static atomic_int steps, closes;
static void life_deliver(struct proc *p, struct msg *m) {
    proc_consumed(p, m);
    msg_free(m);
}
static enum step life_step(struct proc *p) {
    cr_assert(atomic_load(&closes) == 0 && sched_self->current == p);
    return atomic_fetch_add(&steps, 1) < 2 ? STEP_AGAIN : STEP_EXIT;
}
static void life_close(struct proc *p) {
    cr_assert(!proc_alive(sched_self, p->pid), "the pid is gone by then");
    atomic_fetch_add(&closes, 1);
}
static atomic_int hook_ended;
static void hook(struct proc *p) {
    cr_assert(atomic_load(&closes) == 0);
    atomic_fetch_add(&hook_ended, 1);
}

Test(sched_proc, steps_then_close) {
    static const struct behaviour life = {
        .name = "life", .deliver = life_deliver, .step = life_step, .close = life_close};
    struct node_hooks hooks = {.ended = hook};
    struct box b = box_open(1, NULL, &hooks);
    enum spawn_status status;
    struct spawn how = {.host = b.host, .behaviour = &life, .label = "x"};
    struct proc *p = proc_new(sched_self, &how, &status);
    cr_assert(p && status == SPAWN_OK && box_live(&b) == 1);
    struct pid pid = p->pid;
    cr_expect(proc_alive(sched_self, pid), "before the start");
    cr_expect(send_number((struct pid){0}, pid, 1) == SEND_OK);
    proc_start(sched_self, p);
    AWAIT(atomic_load(&hook_ended) == 1);
    cr_expect(atomic_load(&steps) == 3, "the hook is called before close, and that may still be under way");
    cr_expect(!proc_alive(sched_self, pid) && box_live(&b) == 0);
    box_close(&b);
    cr_expect(atomic_load(&closes) == 1);
}

Test(sched_proc, a_host_says_why_it_starts_nothing) {
    struct host_limits limits = {.time_slice_ns = 1000000, .max_processes = 2};
    struct box b = box_open(1, &limits, NULL);
    struct puppet q[3];
    enum spawn_status status;
    static const struct actor_ops ops;
    puppet_spawn(&q[0], &b, NULL);
    puppet_spawn(&q[1], &b, NULL);
    cr_expect(pid_none(actor_spawn(&b, &ops, NULL, NULL, &status)) && status == SPAWN_LIMIT);
    cr_expect(box_live(&b) == 2, "what was refused is not counted");
    struct spawn system = {.flags = PROC_SYSTEM};
    puppet_spawn(&q[2], &b, &system);
    cr_expect(!pid_none(q[2].pid) && box_live(&b) == 2, "system processes are not counted");
    puppet_end(&q[0], NULL, NULL);
    AWAIT(box_live(&b) == 1);
    host_close(b.host);
    cr_expect(pid_none(actor_spawn(&b, &ops, NULL, NULL, &status)) && status == SPAWN_STOPPED);
    cr_expect(proc_alive(sched_self, q[1].pid), "closing ends nothing");
    host_open(b.host, &limits);
    cr_expect(!pid_none(actor_spawn(&b, &ops, NULL, NULL, &status)));
    limits.max_processes = 3;
    host_open(b.host, &limits);
    cr_expect(!pid_none(actor_spawn(&b, &ops, NULL, NULL, &status)));
    cr_expect(pid_none(actor_spawn(&b, &ops, NULL, NULL, &status)) && status == SPAWN_LIMIT);
    box_close(&b);
}

/* A pool that is always full: on each EXIT the parent may start the next one. */
static struct box *pool_box;
static atomic_int pool_refused, pool_started;
static enum step pool_child(struct actor *a) {
    return STEP_EXIT;
}
static const struct actor_ops pool_child_ops = {.step = pool_child};
static void pool_start(struct actor *a) {
    struct spawn how = {.parent = a->p, .monitor = true};
    if (pid_none(actor_spawn(pool_box, &pool_child_ops, NULL, &how, NULL)))
        atomic_fetch_add(&pool_refused, 1);
    else
        atomic_fetch_add(&pool_started, 1);
}
static void pool_message(struct actor *a, struct msg *m) {
    cr_assert(m->kind == MSG_EXIT);
    msg_free(m);
    pool_start(a);
}
static enum step pool_step(struct actor *a) {
    for (; a->ud; a->ud = NULL)
        for (int i = 0; i < 5; i++)
            pool_start(a);
    return atomic_load(&pool_started) < 20000 ? STEP_WAIT : STEP_EXIT;
}
static const struct actor_ops pool_ops = {.message = pool_message, .step = pool_step};

Test(sched_proc, whose_exit_was_seen_is_counted_no_more, .timeout = 60) {
    struct host_limits limits = {.time_slice_ns = 1000000, .max_processes = 6};
    struct box b = box_open(2, &limits, NULL);
    pool_box = &b;
    actor_spawn(&b, &pool_ops, &b, NULL, NULL);
    AWAIT(box_live(&b) == 0);
    cr_expect(atomic_load(&pool_refused) == 0);
    box_close(&b);
}

static enum step only_wait(struct actor *a) {
    return STEP_WAIT;
}
static void count_close(struct actor *a) {
    atomic_fetch_add(&closes, 1);
}

static int abort_child(struct proc *p, void *ud) {
    struct puppet *watcher = ud;
    static const struct actor_ops child = {.step = only_wait, .close = count_close};
    struct actor *a = mem_alloc(sizeof *a);
    *a = (struct actor){.ops = &child};
    /* actor_spawn without the start; the behaviour of all actors is the same */
    struct spawn how = {.host = watcher->box->host,
                        .behaviour = p->behaviour,
                        .data = a,
                        .parent = p,
                        .monitor = true,
                        .link = true};
    enum spawn_status status;
    struct proc *c = proc_new(sched_self, &how, &status);
    if (!c || p->links.n != 1 || p->monitors.n != 1)
        return -2;
    struct msg *m = msg_signal(SIG_MONITOR, watcher->pid);
    if (proc_post(sched_self, c->pid, m) != SEND_OK)
        return -3;
    struct pid pid = c->pid;
    proc_abort(sched_self, c, failure_format(ERRKIND_INTERNAL, EXIT_START, "no such file"));
    return proc_alive(sched_self, pid) ? -4 : (int)(p->links.n + p->monitors.n);
}

Test(sched_proc, an_aborted_start_is_unknown_to_its_parent) {
    struct box b = box_open(1, NULL, NULL);
    struct puppet parent, watcher;
    puppet_spawn(&parent, &b, NULL);
    puppet_spawn(&watcher, &b, NULL);
    cr_expect(puppet_do(&parent, abort_child, &watcher) == 0);
    cr_expect(atomic_load(&closes) == 1 && box_live(&b) == 2);
    puppet_settle(&parent);
    cr_expect(puppet_count(&parent) == 0);
    box_close(&b);
}

/* --- kill and cancel ---------------------------------------------------------------------------------------------- */

static enum step busy(struct actor *a) {
    atomic_fetch_add(&steps, 1);
    return STEP_AGAIN;
}
static enum step polls_and_waits(struct actor *a) {
    atomic_fetch_add(&steps, 1);
    AWAIT(proc_poll(a->p)); /* until the order to end is there */
    return STEP_WAIT;
}

static void kill_one(const struct actor_ops *ops) {
    struct box b = box_open(1, NULL, NULL);
    struct puppet w;
    puppet_spawn(&w, &b, NULL);
    struct pid pid = actor_spawn(&b, ops, NULL, NULL, NULL);
    if (ops->step)
        AWAIT(atomic_load(&steps) > 0);
    if (ops->step != polls_and_waits)
        cr_expect(puppet_monitor(&w, pid) == REL_OK);
    cr_expect(proc_kill(sched_self, pid, killed()) == SEND_OK);
    AWAIT(atomic_load(&closes) == 1);
    cr_expect(proc_kill(sched_self, pid, killed()) == SEND_NOT_FOUND);
    if (ops->step != polls_and_waits) {
        AWAIT(puppet_count(&w) == 1);
        cr_expect(w.notes[0].how == EXIT_TERMINATED);
        cr_expect_str_eq(w.notes[0].text, "killed");
    }
    box_close(&b);
}

Test(sched_proc, kill_ends_one_that_waits) {
    kill_one(&(struct actor_ops){.close = count_close});
}
Test(sched_proc, kill_ends_one_that_is_busy) {
    kill_one(&(struct actor_ops){.step = busy, .close = count_close});
}
Test(sched_proc, kill_ends_one_that_polls_and_then_waits) {
    kill_one(&(struct actor_ops){.step = polls_and_waits, .close = count_close});
}

Test(sched_proc, the_first_of_two_kills_counts_and_what_came_later_is_dropped) {
    struct box b = box_open(1, NULL, NULL);
    struct puppet a, w;
    puppet_spawn(&a, &b, NULL);
    puppet_spawn(&w, &b, NULL);
    puppet_monitor(&w, a.pid);
    struct hold h;
    hold(&h, a.pid);
    send_number((struct pid){0}, a.pid, 1);
    proc_kill(sched_self, a.pid, killed());
    proc_kill(sched_self, a.pid, failure_format(ERRKIND_INTERNAL, EXIT_LIMIT, "second"));
    send_number((struct pid){0}, a.pid, 2);
    atomic_store(&h.go, true);
    AWAIT(puppet_count(&w) == 1);
    cr_expect(w.notes[0].how == EXIT_TERMINATED);
    cr_expect(puppet_count(&a) == 1, "the message before the kill was delivered, the one after it was not");
    box_close(&b);
}

Test(sched_proc, cancel_is_an_event_and_forces_nothing) {
    struct box b = box_open(1, NULL, NULL);
    struct puppet a;
    puppet_spawn(&a, &b, NULL);
    cr_expect(proc_cancel(sched_self, a.pid, (struct pid){77}, "service stopping", 16) == SEND_OK);
    cr_expect(proc_cancel(sched_self, a.pid, (struct pid){0}, NULL, 0) == SEND_OK);
    AWAIT(puppet_count(&a) == 2);
    cr_expect(a.notes[0].kind == MSG_CANCEL && a.notes[0].from.n == 77 && a.notes[0].len == 16);
    cr_expect_str_eq(a.notes[0].text, "service stopping");
    cr_expect(a.notes[1].len == 0);
    puppet_end(&a, NULL, NULL);
    cr_expect(proc_cancel(sched_self, a.pid, (struct pid){0}, "x", 1) == SEND_NOT_FOUND);
    box_close(&b);
}

Test(sched_proc, a_call_always_gets_its_node_back) {
    struct box b = box_open(1, NULL, NULL);
    struct puppet a;
    puppet_spawn(&a, &b, NULL);
    struct hold first, last = {.m = {.kind = SIG_CALL, .u.call = hold_here}};
    hold(&first, a.pid);
    proc_kill(sched_self, a.pid, killed());
    cr_expect(proc_post(sched_self, a.pid, &last.m) == SEND_OK);
    atomic_store(&first.go, true);
    AWAIT(atomic_load(&last.dead));
    AWAIT(!proc_alive(sched_self, a.pid));
    cr_expect(proc_post(sched_self, a.pid, &last.m) == SEND_NOT_FOUND, "the caller still owns it");
    box_close(&b);
}

/* --- limits ------------------------------------------------------------------------------------------------------- */

Test(sched_proc, a_full_mailbox_refuses_and_forgets_nothing) {
    struct host_limits limits = {.time_slice_ns = 1000000, .mailbox_messages = 10};
    struct box b = box_open(1, &limits, NULL);
    struct puppet a;
    puppet_spawn(&a, &b, NULL);
    struct hold h;
    hold(&h, a.pid);
    for (unsigned i = 0; i < 10; i++)
        cr_expect(send_number((struct pid){0}, a.pid, i) == SEND_OK);
    for (unsigned i = 0; i < 10; i++)
        cr_expect(send_number((struct pid){0}, a.pid, i) == SEND_FULL);
    cr_expect(proc_cancel(sched_self, a.pid, (struct pid){0}, "x", 1) == SEND_OK,
              "signals and events always fit");
    atomic_store(&h.go, true);
    AWAIT(puppet_count(&a) == 11);
    puppet_settle(&a);
    cr_expect(send_number((struct pid){0}, a.pid, 11) == SEND_OK);
    box_close(&b);
}

Test(sched_proc, bytes_are_limited_too_and_a_reload_changes_that) {
    struct host_limits limits = {.time_slice_ns = 1000000, .mailbox_bytes = 1000};
    struct box b = box_open(1, &limits, NULL);
    struct puppet a;
    puppet_spawn(&a, &b, NULL);
    struct msg *m = msg_new(MSG_USER, 0, 1000);
    memset(msg_data(m), 'x', 1000);
    cr_expect(proc_post(sched_self, a.pid, m) == SEND_FULL);
    limits.mailbox_bytes = 2000;
    host_open(b.host, &limits);
    cr_expect(proc_post(sched_self, a.pid, m) == SEND_OK);
    AWAIT(puppet_count(&a) == 1);
    box_close(&b);
}

Test(sched_proc, policy_kill_ends_the_one_that_overflows) {
    struct host_limits limits = {.time_slice_ns = 1000000, .mailbox_messages = 3, .mailbox_kill = true};
    struct box b = box_open(1, &limits, NULL);
    struct puppet a, w;
    puppet_spawn(&a, &b, NULL);
    puppet_spawn(&w, &b, NULL);
    puppet_monitor(&w, a.pid);
    struct hold h;
    hold(&h, a.pid);
    for (unsigned i = 0; i < 3; i++)
        cr_expect(send_number((struct pid){0}, a.pid, i) == SEND_OK);
    for (unsigned i = 0; i < 1000; i++)
        cr_expect(send_number((struct pid){0}, a.pid, i) == SEND_FULL);
    unsigned waiting = 0;
    for (struct msg *m = atomic_load(&atomic_load(&b.node->pids.chunks[0])[pid_slot(a.pid)].proc->mbox.head);
         m; m = m->next)
        waiting++;
    cr_expect(waiting == 4, "three messages and one order to end, not %u nodes", waiting);
    atomic_store(&h.go, true);
    AWAIT(puppet_count(&w) == 1);
    cr_expect(w.notes[0].how == EXIT_LIMIT);
    cr_expect(strstr(w.notes[0].text, "mailbox limit exceeded") != NULL);
    cr_expect(strstr(w.notes[0].text, "mailbox_messages 3") != NULL);
    box_close(&b);
}

Test(sched_proc, run_time_without_waiting_is_limited) {
    struct host_limits limits = {.time_slice_ns = 1000000, .max_run_ns = 20000000};
    struct box b = box_open(1, &limits, NULL);
    struct puppet w;
    puppet_spawn(&w, &b, NULL);
    static const struct actor_ops ops = {.step = busy};
    struct pid pid = actor_spawn(&b, &ops, NULL, NULL, NULL);
    cr_expect(puppet_monitor(&w, pid) == REL_OK);
    AWAIT(puppet_count(&w) == 1);
    cr_expect(w.notes[0].how == EXIT_LIMIT && strstr(w.notes[0].text, "run time limit exceeded"));
    box_close(&b);
}

static int account(struct proc *p, void *ud) {
    proc_account(p, *(size_t *)ud);
    return 0;
}

Test(sched_proc, memory_is_summed_up_and_given_back) {
    struct box b = box_open(2, NULL, NULL);
    struct puppet q[8];
    static const size_t mb = 1 << 20;
    size_t sum = 0;
    for (size_t i = 0; i < 8; i++) {
        puppet_spawn(&q[i], &b, NULL);
        for (size_t k = 0; k <= i; k++) {
            size_t bytes = k * mb + 12345;
            puppet_do(&q[i], account, &bytes);
        }
        sum += i * mb + 12345;
    }
    size_t shown = host_memory(b.host);
    cr_expect(shown == sum, "%zu instead of %zu", shown, sum);
    for (int i = 0; i < 8; i++)
        puppet_end(&q[i], NULL, NULL);
    AWAIT(box_live(&b) == 0);
    AWAIT(host_memory(b.host) == 0);
    box_close(&b);
}

/* --- looking around ------------------------------------------------------------------------------------------------- */

struct census {
    size_t n, waiting;
    bool stop;
};
static bool count_one(struct proc *p, void *ud) {
    struct census *c = ud;
    c->n++;
    c->waiting += proc_state(p) == PROC_WAITING;
    return !c->stop;
}

Test(sched_proc, living_processes_can_be_walked) {
    struct box b = box_open(2, NULL, NULL);
    struct puppet q[20];
    for (int i = 0; i < 20; i++)
        puppet_spawn(&q[i], &b, NULL);
    for (int i = 0; i < 5; i++)
        puppet_end(&q[i], NULL, NULL);
    AWAIT(box_live(&b) == 15);
    for (int i = 5; i < 20; i++)
        puppet_settle(&q[i]);
    struct hold h;
    hold(&h, q[10].pid);
    struct census c = {0};
    AWAIT((c = (struct census){0}, proc_each(sched_self, count_one, &c), c.waiting == 14));
    cr_expect(c.n == 15);
    atomic_store(&h.go, true);
    c = (struct census){.stop = true};
    proc_each(sched_self, count_one, &c);
    cr_expect(c.n == 1);
    box_close(&b);
}

Test(sched_proc, a_node_that_ends_closes_everything) {
    static const struct actor_ops sleeper = {.close = count_close},
                                  worker = {.step = busy, .close = count_close};
    struct box b = box_open(2, NULL, NULL);
    struct pid last = {0};
    for (int i = 0; i < 500; i++) {
        struct pid pid = actor_spawn(&b, i % 50 ? &sleeper : &worker, NULL, NULL, NULL);
        char name[16];
        snprintf(name, sizeof name, "n%d", i);
        cr_expect(names_register(sched_self, name, strlen(name), pid, NULL) == NAME_OK);
        for (int k = 0; k < 3; k++)
            send_number(last, pid, 1);
        last = pid;
    }
    box_close(&b);
    cr_expect(atomic_load(&closes) == 500);
}

#ifdef TROUPE_FAULT
/* Each allocation of this scene fails once: nothing leaks (the sanitizer's business), crashes or hangs. */
static int play(struct proc *p, void *ud) {
    struct puppet *me = ud, child;
    puppet_spawn(&child, me->box, &(struct spawn){.parent = p, .monitor = true, .link = true});
    if (!pid_none(child.pid)) {
        struct msg *m = number_msg(p->pid, 1);
        if (m && proc_post(sched_self, child.pid, m) != SEND_OK)
            msg_free(m);
        names_register(sched_self, "fault", 5, child.pid, NULL);
        for (uint64_t i = 0; i < 4; i++) {
            proc_monitor(p, (struct pid){child.pid.n + i});
            proc_link(p, child.pid);
        }
        proc_cancel(sched_self, child.pid, p->pid, "why", 3);
        /* kill may fail for lack of memory, too */
        while (proc_kill(sched_self, child.pid, killed()) == SEND_FULL)
            ;
        AWAIT(!proc_alive(sched_self, child.pid) && atomic_load(&child.closed));
        proc_unlink(p, child.pid);
        return 1;
    }
    return 0;
}

Test(sched_proc, every_allocation_may_fail, .timeout = 120) {
    struct box b = box_open(2, NULL, NULL);
    struct puppet a;
    puppet_spawn(&a, &b, NULL);
    puppet_trap(&a, true);
    mem_fault_arm(0);
    int monitored = puppet_do(&a, play, &a);
    long all = mem_fault_count();
    cr_assert(all > 5 && all < 60);
    for (long n = 1; n <= all + 2; n++) {
        mem_fault_arm(n);
        monitored += puppet_do(&a, play, &a);
        mem_fault_arm(0);
    }
    AWAIT(box_live(&b) == 1);
    puppet_settle(&a);
    int exits = 0;
    for (unsigned i = 0; i < puppet_count(&a); i++)
        exits += a.notes[i].kind == MSG_EXIT;
    cr_expect(puppet_count(&a) <= PUPPET_NOTES && exits == monitored, "%d EXITs of %d processes", exits,
              monitored);
    box_close(&b);
}

Test(sched_proc, a_node_or_host_without_memory_is_none) {
    static const struct node_hooks hooks;
    static const struct host_limits limits = {.time_slice_ns = 1000000};
    unsigned made = 0;
    for (long n = 1; n < 40; n++) {
        mem_fault_arm(n);
        struct node *node = node_create(&hooks);
        if (node) {
            made += host_create(node, "app:box", 2, &limits) != NULL;
            node_destroy(node);
        }
        mem_fault_arm(0);
    }
    cr_expect(made > 20 && made < 39);
}
#endif
