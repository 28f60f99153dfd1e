#include "tests/support/schedbox.h"

#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"

void box_pause(int64_t since, int round, const char *file, int line, const char *what) {
    if (clock_mono_ns() - since > 30 * CLOCK_NS_PER_SEC) {
        fprintf(stderr, "%s:%d: waited 30 s for: %s\n", file, line, what);
        abort();
    }
    if (round < 20)
        sched_yield();
    else
        usleep(50);
}

struct box box_open(unsigned workers, const struct host_limits *limits, const struct node_hooks *hooks) {
    static const struct node_hooks no_hooks;
    static const struct host_limits no_limits = {.time_slice_ns = 1000000};
    struct box b = {.node = node_create(hooks ? hooks : &no_hooks)};
    if (b.node)
        b.host = host_create(b.node, "app:box", workers, limits ? limits : &no_limits);
    if (!b.host) {
        fprintf(stderr, "box_open: no node or no host\n");
        abort();
    }
    return b;
}

void box_close(struct box *b) {
    node_destroy(b->node);
}

uint64_t box_live(struct box *b) {
    return host_live(b->host);
}

size_t box_names(struct box *b) {
    size_t n = 0;
    for (size_t i = 0; i < NAMES_BUCKETS; i++)
        for (struct name_entry *e = atomic_load(&b->node->names.buckets[i]); e; e = atomic_load(&e->next))
            n++;
    return n;
}

/* --- actors --------------------------------------------------------------------------------------------------- */

static void actor_deliver(struct proc *p, struct msg *m) {
    struct actor *a = p->data;
    proc_consumed(p, m);
    if (a->ops->message)
        a->ops->message(a, m);
    else
        msg_free(m);
}

static enum step actor_step(struct proc *p) {
    struct actor *a = p->data;
    return a->ops->step ? a->ops->step(a) : STEP_WAIT;
}

static void actor_close(struct proc *p) {
    struct actor *a = p->data;
    if (a->ops->close)
        a->ops->close(a);
    mem_free(a);
}

static const struct behaviour actor_behaviour = {
    .name = "actor",
    .deliver = actor_deliver,
    .step = actor_step,
    .close = actor_close,
};

struct pid actor_spawn(struct box *b, const struct actor_ops *ops, void *ud, const struct spawn *how,
                       enum spawn_status *status) {
    struct spawn s = how ? *how : (struct spawn){0};
    struct actor *a = malloc(sizeof *a);
    *a = (struct actor){.ops = ops, .ud = ud};
    if (!s.host)
        s.host = b->host;
    s.behaviour = &actor_behaviour;
    s.data = a;
    s.label = "actor";
    enum spawn_status ignored;
    struct proc *p = proc_new(sched_self, &s, status ? status : &ignored);
    if (!p) {
        free(a);
        return (struct pid){0};
    }
    a->p = p;
    struct pid pid = p->pid;
    proc_start(sched_self, p);
    return pid;
}

struct msg *number_msg(struct pid from, uint64_t number) {
    struct msg *m = msg_new(MSG_USER, 0, sizeof number);
    if (!m)
        return NULL;
    m->from = from;
    memcpy(msg_data(m), &number, sizeof number);
    return m;
}

uint64_t msg_number(struct msg *m) {
    uint64_t number;
    memcpy(&number, msg_data(m), sizeof number);
    return number;
}

enum send_status send_number(struct pid from, struct pid to, uint64_t number) {
    struct msg *m = number_msg(from, number);
    enum send_status s = proc_post(sched_self, to, m);
    if (s != SEND_OK)
        msg_free(m);
    return s;
}

/* --- puppets -------------------------------------------------------------------------------------------------- */

static void puppet_message(struct actor *a, struct msg *m) {
    struct puppet *q = a->ud;
    unsigned i = atomic_load_explicit(&q->count, memory_order_relaxed);
    if (i < PUPPET_NOTES) {
        struct note *n = &q->notes[i];
        *n = (struct note){.kind = m->kind, .from = m->from, .len = m->data_len};
        const char *text = msg_data(m);
        size_t len = m->data_len;
        if ((m->kind == MSG_EXIT || m->kind == MSG_LINK_DOWN) && m->u.failure) {
            n->failed = true;
            n->how = m->u.failure->how;
            text = m->u.failure->message;
            len = m->u.failure->message_len;
        }
        memcpy(n->text, text, len < sizeof n->text ? len : sizeof n->text - 1);
    }
    msg_free(m);
    atomic_store_explicit(&q->count, i + 1, memory_order_release);
}

static enum step puppet_step(struct actor *a) {
    struct puppet *q = a->ud;
    if (!q->end)
        return STEP_WAIT;
    a->p->failure = q->why;
    if (q->result) {
        a->p->result = mem_strdup(q->result);
        a->p->result_len = (uint32_t)strlen(q->result);
    }
    return STEP_EXIT;
}

static void puppet_close(struct actor *a) {
    struct puppet *q = a->ud;
    atomic_store_explicit(&q->closed, true, memory_order_release);
}

static const struct actor_ops puppet_ops = {puppet_message, puppet_step, puppet_close};

void puppet_spawn(struct puppet *q, struct box *b, const struct spawn *how) {
    memset(q, 0, sizeof *q);
    q->box = b;
    q->pid = actor_spawn(b, &puppet_ops, q, how, NULL);
}

unsigned puppet_count(struct puppet *q) {
    return atomic_load_explicit(&q->count, memory_order_acquire);
}

struct order {
    int (*fn)(struct proc *p, void *ud);
    void *ud;
    int result;
    atomic_bool done; /* release by the process, acquire by the test */
    struct msg m;     /* last, for its open end */
};

static void carry_out(struct proc *p, struct msg *m) {
    struct order *o = (struct order *)((char *)m - offsetof(struct order, m));
    o->result = p ? o->fn(p, o->ud) : -1;
    atomic_store_explicit(&o->done, true, memory_order_release);
}

int puppet_do(struct puppet *q, int (*fn)(struct proc *p, void *ud), void *ud) {
    struct order o = {.m = {.kind = SIG_CALL, .u.call = carry_out}, .fn = fn, .ud = ud};
    if (proc_post(sched_self, q->pid, &o.m) != SEND_OK)
        return -1;
    AWAIT(atomic_load_explicit(&o.done, memory_order_acquire));
    return o.result;
}

static int nothing(struct proc *p, void *ud) {
    return 0;
}

void puppet_settle(struct puppet *q) {
    puppet_do(q, nothing, NULL);
}

static int order_end(struct proc *p, void *ud) {
    struct actor *a = p->data;
    struct puppet *q = a->ud;
    q->end = true;
    return 0;
}

void puppet_end(struct puppet *q, const char *message, const char *result) {
    q->why = message ? failure_format(ERRKIND_INTERNAL, EXIT_RAISED, "%s", message) : NULL;
    q->result = result;
    puppet_do(q, order_end, NULL);
    AWAIT(atomic_load_explicit(&q->closed, memory_order_acquire));
}

#define RELATION(name)                                                                                       \
    static int do_##name(struct proc *p, void *ud) {                                                         \
        return (int)proc_##name(p, *(struct pid *)ud);                                                       \
    }                                                                                                        \
    enum relation_status puppet_##name(struct puppet *q, struct pid target) {                                \
        return (enum relation_status)puppet_do(q, do_##name, &target);                                       \
    }
RELATION(monitor)
RELATION(unmonitor)
RELATION(link)
RELATION(unlink)

static int do_trap(struct proc *p, void *ud) {
    p->flags = *(bool *)ud ? p->flags | PROC_TRAP_LINKS : p->flags & ~(uint32_t)PROC_TRAP_LINKS;
    return 0;
}

void puppet_trap(struct puppet *q, bool on) {
    puppet_do(q, do_trap, &on);
}

/* --- scale ----------------------------------------------------------------------------------------------------------- */

uint64_t stress_scale(uint64_t small, uint64_t full) {
    const char *scale = getenv("STRESS_SCALE");
    return scale && strcmp(scale, "full") == 0 ? full : small;
}
