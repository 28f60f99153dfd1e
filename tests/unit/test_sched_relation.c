#include <criterion/criterion.h>
#include <string.h>

#include "tests/support/schedbox.h"

#define BOOM "boom"

static const struct note *wait_note(struct puppet *q, unsigned i) {
    AWAIT(puppet_count(q) > i);
    return &q->notes[i];
}

/* Whatever may still be under way to `q` from processes that have been closed has arrived after this. */
static void expect_notes(struct puppet *q, unsigned n) {
    AWAIT(box_live(q->box) == 0 || puppet_count(q) >= n);
    for (int i = 0; i < 3; i++)
        puppet_settle(q);
    cr_expect(puppet_count(q) == n, "%u notes, not %u", puppet_count(q), n);
}

static int links_of(struct proc *p, void *ud) {
    return (int)p->links.n;
}
static int monitors_of(struct proc *p, void *ud) {
    return (int)p->monitors.n;
}
static int watchers_of(struct proc *p, void *ud) {
    return (int)p->watchers.n;
}

Test(sched_relation, a_monitor_hears_of_the_end_once) {
    struct box b = box_open(2, NULL, NULL);
    struct puppet w, a, c;
    puppet_spawn(&w, &b, NULL);
    puppet_spawn(&a, &b, NULL);
    puppet_spawn(&c, &b, NULL);
    cr_expect(puppet_monitor(&w, a.pid) == REL_OK);
    cr_expect(puppet_monitor(&w, a.pid) == REL_EXISTS);
    cr_expect(puppet_monitor(&w, c.pid) == REL_OK);
    puppet_end(&a, NULL, "forty-two");
    const struct note *n = wait_note(&w, 0);
    cr_expect(n->kind == MSG_EXIT && pid_eq(n->from, a.pid) && !n->failed);
    cr_expect_str_eq(n->text, "forty-two");
    puppet_end(&c, BOOM, NULL);
    n = wait_note(&w, 1);
    cr_expect(n->kind == MSG_EXIT && pid_eq(n->from, c.pid) && n->failed && n->how == EXIT_RAISED);
    cr_expect_str_eq(n->text, BOOM);
    expect_notes(&w, 2);
    cr_expect(puppet_do(&w, monitors_of, NULL) == 0);
    box_close(&b);
}

Test(sched_relation, a_failure_has_no_result) {
    struct box b = box_open(1, NULL, NULL);
    struct puppet w, a;
    puppet_spawn(&w, &b, NULL);
    puppet_spawn(&a, &b, NULL);
    puppet_monitor(&w, a.pid);
    puppet_end(&a, BOOM, "a result that was set before");
    const struct note *n = wait_note(&w, 0);
    cr_expect(n->failed && n->len == 0);
    box_close(&b);
}

Test(sched_relation, nothing_relates_to_an_ended_process) {
    struct box b = box_open(1, NULL, NULL);
    struct puppet w, a;
    puppet_spawn(&w, &b, NULL);
    puppet_spawn(&a, &b, NULL);
    puppet_end(&a, NULL, NULL);
    cr_expect(puppet_monitor(&w, a.pid) == REL_NOT_FOUND);
    cr_expect(puppet_unmonitor(&w, a.pid) == REL_NOT_FOUND);
    cr_expect(puppet_link(&w, a.pid) == REL_NOT_FOUND);
    cr_expect(puppet_unlink(&w, a.pid) == REL_NOT_FOUND);
    cr_expect(puppet_do(&w, links_of, NULL) == 0 && puppet_do(&w, monitors_of, NULL) == 0);
    cr_expect(send_number((struct pid){0}, a.pid, 1) == SEND_NOT_FOUND);
    cr_expect(!proc_alive(sched_self, a.pid) && proc_alive(sched_self, w.pid));
    struct pid none = {0};
    cr_expect(puppet_monitor(&w, none) == REL_NOT_FOUND && puppet_link(&w, none) == REL_NOT_FOUND);
    cr_expect(puppet_unmonitor(&w, none) == REL_NOT_FOUND && puppet_unlink(&w, none) == REL_NOT_FOUND);
    expect_notes(&w, 0);
    box_close(&b);
}

Test(sched_relation, what_was_undone_is_not_delivered) {
    struct box b = box_open(2, NULL, NULL);
    struct puppet w, a;
    puppet_spawn(&w, &b, NULL);
    puppet_spawn(&a, &b, NULL);
    puppet_trap(&w, true);
    cr_expect(puppet_unmonitor(&w, a.pid) == REL_OK && puppet_unlink(&w, a.pid) == REL_OK, "of nothing");
    puppet_monitor(&w, a.pid);
    puppet_link(&w, a.pid);
    cr_expect(puppet_unmonitor(&w, a.pid) == REL_OK && puppet_unlink(&w, a.pid) == REL_OK);
    AWAIT(puppet_do(&a, links_of, NULL) == 0 && puppet_do(&a, watchers_of, NULL) == 0);
    puppet_end(&a, BOOM, NULL);
    expect_notes(&w, 0);
    box_close(&b);
}

/* Inside the watcher, which therefore cannot handle what arrives meanwhile. */
struct late {
    struct puppet *victim;
    atomic_bool dead;
};
static int undo_too_late(struct proc *p, void *ud) {
    struct late *l = ud;
    struct pid a = l->victim->pid;
    p->flags |= PROC_TRAP_LINKS;
    if (proc_monitor(p, a) != REL_OK || proc_link(p, a) != REL_OK)
        return 1;
    proc_kill(sched_self, a, failure_format(ERRKIND_CANCELED, EXIT_TERMINATED, "killed"));
    AWAIT(atomic_load(&l->victim->closed) && mbox_pending(&p->mbox));
    if (proc_unmonitor(p, a) != REL_OK || proc_unlink(p, a) != REL_OK)
        return 2;
    return 0;
}

Test(sched_relation, undoing_drops_what_is_already_queued) {
    struct box b = box_open(2, NULL, NULL);
    struct puppet w;
    puppet_spawn(&w, &b, NULL);
    for (int i = 0; i < 50; i++) {
        struct puppet a;
        puppet_spawn(&a, &b, NULL);
        struct late l = {.victim = &a};
        cr_expect(puppet_do(&w, undo_too_late, &l) == 0);
        for (int k = 0; k < 3; k++)
            puppet_settle(&w);
        cr_expect(puppet_count(&w) == 0);
    }
    cr_expect(puppet_do(&w, links_of, NULL) == 0);
    box_close(&b);
}

Test(sched_relation, a_failure_takes_linked_processes_along) {
    struct box b = box_open(2, NULL, NULL);
    struct puppet a, c, d, w;
    puppet_spawn(&a, &b, NULL);
    puppet_spawn(&c, &b, NULL);
    puppet_spawn(&d, &b, NULL);
    puppet_spawn(&w, &b, NULL);
    puppet_monitor(&w, c.pid);
    cr_expect(puppet_link(&a, c.pid) == REL_OK && puppet_link(&a, c.pid) == REL_OK);
    cr_expect(puppet_link(&c, c.pid) == REL_OK, "to itself: no effect");
    cr_expect(puppet_link(&d, c.pid) == REL_OK);
    puppet_trap(&d, true);
    AWAIT(puppet_do(&c, links_of, NULL) == 2);
    puppet_end(&a, BOOM, NULL);
    AWAIT(atomic_load(&c.closed));
    char text[PID_TEXT_MAX], expected[PID_TEXT_MAX + 64];
    node_pid_text(b.node, a.pid, text);
    snprintf(expected, sizeof expected, "linked process failed: %s: " BOOM, text);
    const struct note *n = wait_note(&w, 0);
    cr_expect(n->kind == MSG_EXIT && n->how == EXIT_LINKED && pid_eq(n->from, c.pid));
    cr_expect_str_eq(n->text, expected);
    n = wait_note(&d, 0);
    cr_expect(n->kind == MSG_LINK_DOWN && pid_eq(n->from, c.pid) && n->how == EXIT_LINKED);
    cr_expect(puppet_do(&d, links_of, NULL) == 0);
    expect_notes(&d, 1);
    box_close(&b);
}

Test(sched_relation, a_normal_end_breaks_links_silently) {
    struct box b = box_open(1, NULL, NULL);
    struct puppet a, c;
    puppet_spawn(&a, &b, NULL);
    puppet_spawn(&c, &b, NULL);
    puppet_link(&a, c.pid);
    puppet_trap(&c, true);
    puppet_end(&a, NULL, NULL);
    AWAIT(puppet_do(&c, links_of, NULL) == 0);
    expect_notes(&c, 0);
    box_close(&b);
}

/* One process watches and is linked: it hears EXIT before LINK_DOWN, both after the last message, and then pid and
 * names are gone. */
struct farewell {
    struct pid watcher;
};
static int say_and_fail(struct proc *p, void *ud) {
    struct farewell *f = ud;
    for (uint64_t i = 0; i < 10; i++)
        if (send_number(p->pid, f->watcher, i) != SEND_OK)
            return 1;
    return proc_kill(sched_self, p->pid, failure_format(ERRKIND_INTERNAL, EXIT_RAISED, BOOM)) != SEND_OK;
}

Test(sched_relation, the_end_has_an_order) {
    struct box b = box_open(2, NULL, NULL);
    struct puppet w, a;
    puppet_spawn(&w, &b, NULL);
    puppet_trap(&w, true);
    for (unsigned round = 0; round < 15; round++) {
        unsigned at = puppet_count(&w);
        puppet_spawn(&a, &b, NULL);
        cr_expect(names_register(sched_self, "a", 1, a.pid, NULL) == NAME_OK);
        puppet_link(&w, a.pid);
        puppet_monitor(&w, a.pid);
        struct farewell f = {w.pid};
        cr_expect(puppet_do(&a, say_and_fail, &f) == 0);
        AWAIT(puppet_count(&w) >= at + 11);
        cr_expect(pid_none(names_lookup(sched_self, "a", 1)));
        cr_expect(send_number((struct pid){0}, a.pid, 1) == SEND_NOT_FOUND);
        for (unsigned i = 0; i < 10; i++)
            cr_expect(w.notes[at + i].kind == MSG_USER);
        cr_expect(w.notes[at + 10].kind == MSG_EXIT);
        cr_expect(wait_note(&w, at + 11)->kind == MSG_LINK_DOWN);
    }
    box_close(&b);
}

static int spawn_related(struct proc *p, void *ud) {
    struct puppet *child = ud;
    struct actor *a = p->data;
    struct puppet *me = a->ud;
    puppet_spawn(child, me->box, &(struct spawn){.parent = p, .monitor = true, .link = true});
    return pid_none(child->pid);
}

Test(sched_relation, relation_and_process_come_into_being_together) {
    struct box b = box_open(2, NULL, NULL);
    struct puppet w, child;
    puppet_spawn(&w, &b, NULL);
    puppet_trap(&w, true);
    cr_expect(puppet_do(&w, spawn_related, &child) == 0);
    puppet_end(&child, BOOM, NULL);
    cr_expect(wait_note(&w, 0)->kind == MSG_EXIT && wait_note(&w, 1)->kind == MSG_LINK_DOWN);
    cr_expect(puppet_do(&w, spawn_related, &child) == 0);
    puppet_end(&w, BOOM, NULL);
    AWAIT(atomic_load(&child.closed)); /* the other way round */
    box_close(&b);
}

/* A chain of ten thousand links, then a ring: all end, one after the other. */
static struct pid chain[10000];
static atomic_uint linked, ended;
static void count_end(struct actor *a) {
    atomic_fetch_add_explicit(&ended, 1, memory_order_relaxed);
}
static enum step link_to_previous(struct actor *a) {
    if (a->ud) { /* its first step */
        size_t i = (size_t)((struct pid *)a->ud - chain);
        a->ud = NULL;
        cr_expect(i == 0 || proc_link(a->p, chain[i - 1]) == REL_OK);
        atomic_fetch_add(&linked, 1);
    }
    return STEP_WAIT;
}
static const struct actor_ops member = {.step = link_to_previous, .close = count_end};

static void run_chain(size_t n, bool ring) {
    struct box b = box_open(2, NULL, NULL);
    for (size_t i = 0; i < n; i++)
        chain[i] = actor_spawn(&b, &member, &chain[i], NULL, NULL);
    struct puppet last, watcher;
    puppet_spawn(&last, &b, NULL);
    puppet_spawn(&watcher, &b, NULL);
    cr_expect(puppet_monitor(&watcher, last.pid) == REL_OK);
    AWAIT(puppet_link(&last, chain[n - 1]) == REL_OK);
    if (ring)
        cr_expect(puppet_link(&last, chain[0]) == REL_OK);
    AWAIT(atomic_load(&linked) == n);
    proc_kill(sched_self, chain[n / 2], failure_format(ERRKIND_INTERNAL, EXIT_RAISED, BOOM));
    AWAIT(atomic_load(&ended) == n && atomic_load(&last.closed));
    AWAIT(box_live(&b) == 1);
    const struct note *heard = wait_note(&watcher, 0);
    cr_expect(heard->how == EXIT_LINKED && heard->len < 2000, "the reason has %zu bytes", heard->len);
    box_close(&b);
}

Test(sched_relation, a_chain_of_ten_thousand_links_ends_whole, .timeout = 120) {
    run_chain(10000, false);
}

Test(sched_relation, a_ring_of_links_ends_once) {
    run_chain(100, true);
}
