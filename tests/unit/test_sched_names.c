#include "sched/names.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/rnd.h"
#include "tests/support/schedbox.h"

static enum name_status reg(const char *name, struct pid pid) {
    return names_register(sched_self, name, strlen(name), pid, NULL);
}
static enum name_status unreg(const char *name) {
    return names_unregister(sched_self, name, strlen(name));
}
static struct pid lookup(const char *name) {
    return names_lookup(sched_self, name, strlen(name));
}

Test(sched_names, belong_to_one_process_at_a_time) {
    struct box b = box_open(1, NULL, NULL);
    struct puppet a, c;
    puppet_spawn(&a, &b, NULL);
    puppet_spawn(&c, &b, NULL);
    cr_expect(pid_none(lookup("db")));
    cr_expect(unreg("db") == NAME_NOT_FOUND);
    cr_expect(reg("db", a.pid) == NAME_OK && reg("db", a.pid) == NAME_OK);
    cr_expect(reg("db", c.pid) == NAME_TAKEN);
    cr_expect(pid_eq(lookup("db"), a.pid));
    cr_expect(reg("db2", a.pid) == NAME_OK, "one process may hold many");
    cr_expect(unreg("db") == NAME_OK && unreg("db") == NAME_NOT_FOUND);
    cr_expect(pid_none(lookup("db")) && pid_eq(lookup("db2"), a.pid));
    cr_expect(reg("db", c.pid) == NAME_OK && pid_eq(lookup("db"), c.pid));
    box_close(&b);
}

Test(sched_names, what_is_no_name) {
    struct box b = box_open(1, NULL, NULL);
    struct puppet a;
    puppet_spawn(&a, &b, NULL);
    char text[300];
    memset(text, 'x', sizeof text);
    cr_expect(reg("", a.pid) == NAME_INVALID && reg("{x", a.pid) == NAME_INVALID);
    cr_expect(names_register(sched_self, text, NAME_MAX_BYTES + 1, a.pid, NULL) == NAME_INVALID);
    cr_expect(names_register(sched_self, text, NAME_MAX_BYTES, a.pid, NULL) == NAME_OK);
    cr_expect(pid_eq(names_lookup(sched_self, text, NAME_MAX_BYTES), a.pid));
    cr_expect(pid_none(names_lookup(sched_self, text, NAME_MAX_BYTES - 1)));
    cr_expect(names_register(sched_self, "a\0b", 3, a.pid, NULL) == NAME_OK, "any bytes");
    cr_expect(pid_none(names_lookup(sched_self, "a\0c", 3)) && pid_none(lookup("a")));
    cr_expect(reg("x", (struct pid){0}) == NAME_NO_PROCESS);
    cr_expect(reg("x", (struct pid){a.pid.n + (UINT64_C(1) << 40)}) == NAME_NO_PROCESS, "another generation");
    box_close(&b);
}

Test(sched_names, a_process_is_found_by_name_or_pid) {
    struct box b = box_open(1, NULL, NULL);
    struct puppet a;
    puppet_spawn(&a, &b, NULL);
    reg("db", a.pid);
    char text[PID_TEXT_MAX];
    size_t len = node_pid_text(b.node, a.pid, text);
    cr_expect(pid_eq(proc_lookup(sched_self, "db", 2), a.pid));
    cr_expect(pid_eq(proc_lookup(sched_self, text, len), a.pid));
    cr_expect(pid_none(proc_lookup(sched_self, "", 0)) && pid_none(proc_lookup(sched_self, "dc", 2)));
    char *host = strstr(text, "app:box");
    host[0] = 'b';
    cr_expect(pid_none(proc_lookup(sched_self, text, len)), "the host in the text is not the pid's");
    box_close(&b);
}

/* A thread keeps the last few texts that it read: no other text is taken for one of them. */
Test(sched_names, texts_of_pids_are_told_apart) {
    enum { PIDS = 64, ROUNDS = 4 };
    struct box b = box_open(1, NULL, NULL);
    static struct puppet puppets[PIDS];
    char texts[PIDS][PID_TEXT_MAX], other[PID_TEXT_MAX];
    size_t lens[PIDS];
    for (int i = 0; i < PIDS; i++) {
        puppet_spawn(&puppets[i], &b, NULL);
        lens[i] = node_pid_text(b.node, puppets[i].pid, texts[i]);
    }
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < PIDS; i++) {
            cr_expect(pid_eq(proc_lookup(sched_self, texts[i], lens[i]), puppets[i].pid));
            for (size_t at = 0; at < lens[i]; at++) {
                memcpy(other, texts[i], lens[i]);
                other[at] = '?';
                cr_expect(pid_none(proc_lookup(sched_self, other, lens[i])), "byte %zu of %s", at, texts[i]);
            }
            cr_expect(pid_none(proc_lookup(sched_self, texts[i], lens[i] - 1)));
            struct pid elsewhere = {puppets[i].pid.n ^ UINT64_C(1) << PID_SLOT_BITS};
            cr_expect(pid_none(proc_lookup(sched_self, other, pid_format(elsewhere, "app:box", 7, other))),
                      "of a host that is not app:box");
            cr_expect(
                pid_none(proc_lookup(sched_self, other, pid_format(puppets[i].pid, "app:bxx", 7, other))));
            cr_expect(pid_eq(proc_lookup(sched_self, texts[i], lens[i]), puppets[i].pid));
        }
    box_close(&b);
}

static int register_many(struct proc *p, void *ud) {
    for (int i = 0; i < 500; i++) {
        char name[32];
        snprintf(name, sizeof name, "many.%d", i);
        if (reg(name, p->pid) != NAME_OK)
            return 1;
    }
    return 0;
}

static size_t listed;
static void list(const char *name, size_t len, struct pid pid, void *ud) {
    cr_expect(pid_eq(pid, *(struct pid *)ud));
    listed++;
}

Test(sched_names, go_with_their_process_before_anybody_hears_of_its_end) {
    struct box b = box_open(2, NULL, NULL);
    struct puppet watcher, holder, next;
    puppet_spawn(&watcher, &b, NULL);
    for (int round = 0; round < 20; round++) {
        puppet_spawn(&holder, &b, NULL);
        cr_expect(puppet_do(&holder, register_many, NULL) == 0);
        cr_expect(unreg("many.250") == NAME_OK);
        listed = 0;
        names_each(sched_self, list, &holder.pid);
        cr_expect(listed == 499);
        cr_expect(puppet_monitor(&watcher, holder.pid) == REL_OK);
        unsigned before = puppet_count(&watcher);
        puppet_end(&holder, round % 2 ? "fails" : NULL, NULL);
        AWAIT(puppet_count(&watcher) > before);
        for (int i = 0; i < 500; i += 7) {
            char name[32];
            snprintf(name, sizeof name, "many.%d", i);
            cr_expect(pid_none(lookup(name)));
        }
        puppet_spawn(&next, &b, NULL);
        cr_expect(puppet_do(&next, register_many, NULL) == 0, "all free for the next");
        puppet_end(&next, NULL, NULL);
        AWAIT(pid_none(lookup("many.0")));
    }
    AWAIT(box_names(&b) == 0);
    box_close(&b);
}

/*
 * Names in one and the same bucket come and go while others look them up: each name always belongs to the same process, so a
 * lookup gives that one or nobody, never a neighbour.
 */
enum { NEIGHBOURS = 6 };
struct street {
    struct box *b;
    char names[NEIGHBOURS][32];
    struct puppet *holders;
    atomic_bool over;
    atomic_uint lucky; /* threads that have found somebody, or got a name */
};

static void *walk(void *arg) {
    struct street *s = arg;
    struct sched_thread *t = node_attach(s->b->node);
    bool found = false;
    for (unsigned i = 0; !atomic_load(&s->over); i = (i + 1) % NEIGHBOURS) {
        struct pid pid = names_lookup(t, s->names[i], strlen(s->names[i]));
        cr_assert(pid_none(pid) || pid_eq(pid, s->holders[i].pid), "%s is somebody else", s->names[i]);
        if (!pid_none(pid) && !found) {
            found = true;
            atomic_fetch_add(&s->lucky, 1);
        }
    }
    node_detach(t);
    return NULL;
}

Test(sched_names, a_lookup_never_finds_a_neighbour, .timeout = 60) {
    struct box b = box_open(1, NULL, NULL);
    struct puppet holders[NEIGHBOURS];
    struct street s = {.b = &b, .holders = holders};
    uint32_t bucket = 0;
    for (unsigned n = 0, k = 0; k < NEIGHBOURS; n++) {
        int len = snprintf(s.names[k], sizeof s.names[k], "n%u", n);
        uint32_t h = msg_hash(s.names[k], (size_t)len) & (NAMES_BUCKETS - 1);
        if (k == 0)
            bucket = h;
        if (h == bucket)
            puppet_spawn(&holders[k++], &b, NULL);
    }
    pthread_t readers[2];
    for (int i = 0; i < 2; i++)
        pthread_create(&readers[i], NULL, walk, &s);
    struct rnd r = rnd_open("names", 1);
    bool there[NEIGHBOURS] = {0};
    for (int i = 0; i < 200000; i++) {
        unsigned k = (unsigned)rnd_below(&r, NEIGHBOURS);
        if (there[k])
            cr_assert(unreg(s.names[k]) == NAME_OK);
        else
            cr_assert(reg(s.names[k], holders[k].pid) == NAME_OK);
        there[k] = !there[k];
    }
    if (!there[0])
        cr_assert(reg(s.names[0], holders[0].pid) == NAME_OK);
    AWAIT(atomic_load(&s.lucky) == 2);
    atomic_store(&s.over, true);
    for (int i = 0; i < 2; i++)
        pthread_join(readers[i], NULL);
    box_close(&b);
}

/*
 * Registering against ending: processes are given names from outside while they end. Whatever the order, no name
 * stays behind, and the next process gets it at once.
 */
static enum step end_now(struct actor *a) {
    return STEP_EXIT;
}
static const struct actor_ops mayfly = {.step = end_now};

static void *grab(void *arg) {
    struct street *s = arg;
    struct sched_thread *t = node_attach(s->b->node);
    bool taken = false;
    while (!atomic_load(&s->over)) {
        struct pid pid = actor_spawn(s->b, &mayfly, NULL, NULL, NULL);
        for (unsigned i = 0; i < NEIGHBOURS; i++)
            if (names_register(t, s->names[i], strlen(s->names[i]), pid, NULL) == NAME_OK && !taken) {
                taken = true;
                atomic_fetch_add(&s->lucky, 1);
            }
    }
    node_detach(t);
    return NULL;
}

Test(sched_names, none_stays_behind_when_its_process_ends_meanwhile, .timeout = 60) {
    struct box b = box_open(1, NULL, NULL);
    struct street s = {.b = &b};
    for (unsigned i = 0; i < NEIGHBOURS; i++)
        snprintf(s.names[i], sizeof s.names[i], "name-%u", i);
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, grab, &s);
    usleep(300000); /* the length of the race, not a wait for something */
    AWAIT(atomic_load(&s.lucky) == 2);
    atomic_store(&s.over, true);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    AWAIT(box_live(&b) == 0);
    cr_expect(box_names(&b) == 0, "%zu names of ended processes", box_names(&b));
    struct puppet heir;
    puppet_spawn(&heir, &b, NULL);
    for (unsigned i = 0; i < NEIGHBOURS; i++)
        cr_expect(reg(s.names[i], heir.pid) == NAME_OK);
    box_close(&b);
}
