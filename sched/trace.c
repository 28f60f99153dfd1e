#include "sched/trace.h"

#include <stddef.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "sched/node.h"
#include "sched/proc.h"

/*
 * A bounded queue of cells that carry turn numbers (after D. Vyukov's MPMC queue): cell i may be filled for the n-th time
 * when turn == n * RING + i, and taken when turn is one more.
 */
struct cell {
    _Atomic uint64_t turn; /* release by who has filled or emptied it, acquire by who wants to do the other */
    struct trace_event e;
};

struct trace {
    struct pid pid;
    char *entry; /* NULL */
    struct epoch_item retire;
    _Atomic uint64_t lost;              /* relaxed */
    _Alignas(64) _Atomic uint64_t tail; /* relaxed CAS by those who put */
    _Alignas(64) uint64_t head;         /* of who takes */
    struct cell ring[TRACE_RING];
};

const char *trace_kind_text(enum trace_kind kind) {
#define X(name, word, help) word,
    static const char *const words[] = {TRACE_KINDS(X)};
#undef X
    return words[kind];
}

/* --- events ------------------------------------------------------------------------------------------------------- */

static void copy(char *to, const char *from, size_t len) {
    if (len >= TRACE_TEXT)
        len = TRACE_TEXT - 1;
    if (len)
        memcpy(to, from, len);
    to[len] = '\0';
}

static void copy_label(char *to, struct proc *p) {
    const char *label = p ? atomic_load_explicit(&p->label, memory_order_relaxed) : NULL;
    copy(to, label ? label : "", label ? strlen(label) : 0);
}

static bool is_entry(struct proc *p, const char *entry) {
    const char *label = p ? atomic_load_explicit(&p->label, memory_order_relaxed) : NULL;
    return label && strcmp(label, entry) == 0;
}

/* What happens, before anything of it is copied: most of it is of no interest. */
struct happening {
    enum trace_kind kind;
    struct pid from, to;
    struct proc *source, *target; /* NULL: unknown, or gone */
    const char *topic;
    size_t topic_len;
    uint32_t bytes;
    const struct failure *failure;
};

static bool matches(const struct trace *trace, const struct happening *h) {
    if (trace->entry)
        return is_entry(h->source, trace->entry) || is_entry(h->target, trace->entry);
    return pid_none(trace->pid) || pid_eq(trace->pid, h->from) || pid_eq(trace->pid, h->to);
}

static void fill(struct trace_event *e, const struct happening *h) {
    e->at_ns = clock_wall_ns();
    e->kind = h->kind;
    e->from = h->from;
    e->to = h->to;
    e->bytes = h->bytes;
    e->how = h->failure ? h->failure->how : EXIT_NORMAL;
    copy_label(e->from_entry, h->source);
    copy_label(e->to_entry, h->target);
    copy(e->topic, h->topic, h->topic_len);
    copy(e->reason, h->failure ? h->failure->message : NULL, h->failure ? h->failure->message_len : 0);
}

static void put(struct trace *trace, const struct happening *h) {
    uint64_t tail = atomic_load_explicit(&trace->tail, memory_order_relaxed);
    for (;;) {
        struct cell *c = &trace->ring[tail % TRACE_RING];
        uint64_t turn = atomic_load_explicit(&c->turn, memory_order_acquire); /* partner: trace_take */
        if (turn == tail) {
            if (!atomic_compare_exchange_weak_explicit(&trace->tail, &tail, tail + 1, memory_order_relaxed,
                                                       memory_order_relaxed))
                continue;
            fill(&c->e, h);
            atomic_store_explicit(&c->turn, tail + 1, memory_order_release); /* partner: trace_take */
            return;
        }
        if (turn < tail) { /* still holds what was put a round ago */
            atomic_fetch_add_explicit(&trace->lost, 1, memory_order_relaxed);
            return;
        }
        tail = atomic_load_explicit(&trace->tail, memory_order_relaxed);
    }
}

/* Inside an epoch. */
static void note(struct node *n, const struct happening *h) {
    for (size_t i = 0; i < TRACE_MAX; i++) {
        /* acquire: partner is trace_start */
        struct trace *trace = atomic_load_explicit(&n->traces.v[i], memory_order_acquire);
        if (trace && matches(trace, h))
            put(trace, h);
    }
}

bool trace_take(struct trace *trace, struct trace_event *e) {
    struct cell *c = &trace->ring[trace->head % TRACE_RING];
    if (atomic_load_explicit(&c->turn, memory_order_acquire) != trace->head + 1) /* partner: put */
        return false;
    *e = c->e;
    atomic_store_explicit(&c->turn, trace->head + TRACE_RING, memory_order_release); /* partner: put */
    trace->head++;
    return true;
}

uint64_t trace_lost(struct trace *trace) {
    return atomic_load_explicit(&trace->lost, memory_order_relaxed);
}

/* --- what sched notes ---------------------------------------------------------------------------------------------- */

/* The sender, if it is what this thread runs; others are known by pid only. */
static struct proc *source_of(struct sched_thread *t, struct pid from) {
    return t->current && pid_eq(t->current->pid, from) ? t->current : NULL;
}

void trace_note_post(struct sched_thread *t, struct proc *to, const struct msg *m) {
    static const int8_t kinds[] = {[MSG_USER] = TRACE_SEND,
                                   [MSG_EXIT] = TRACE_EXIT_EVENT,
                                   [MSG_LINK_DOWN] = TRACE_LINK_DOWN,
                                   [MSG_CANCEL] = TRACE_CANCEL,
                                   [MSG_TIMER] = -1,
                                   [MSG_REPLY] = -1,
                                   [SIG_MONITOR] = -1,
                                   [SIG_DEMONITOR] = -1,
                                   [SIG_LINK] = -1,
                                   [SIG_UNLINK] = -1,
                                   [SIG_KILL] = TRACE_KILL,
                                   [SIG_CALL] = -1};
    if (kinds[m->kind] < 0 || (to->system && m->kind != MSG_USER))
        return;
    bool user = m->kind == MSG_USER,
         failure = m->kind == MSG_EXIT || m->kind == MSG_LINK_DOWN || m->kind == SIG_KILL;
    note(t->node, &(struct happening){.kind = (enum trace_kind)kinds[m->kind],
                                      .from = m->from,
                                      .to = to->pid,
                                      .source = source_of(t, m->from),
                                      .target = to,
                                      .topic = user ? m->bytes : NULL,
                                      .topic_len = user ? m->topic_len : 0,
                                      .bytes = m->data_len,
                                      .failure = failure ? m->u.failure : NULL});
}

void trace_note_spawn(struct sched_thread *t, struct proc *p) {
    if (p->system)
        return;
    epoch_enter(&t->reader);
    note(t->node, &(struct happening){.kind = TRACE_SPAWN,
                                      .from = p->parent,
                                      .to = p->pid,
                                      .source = source_of(t, p->parent),
                                      .target = p});
    epoch_leave(&t->reader);
}

void trace_note_exit(struct sched_thread *t, struct proc *p) {
    if (p->system)
        return;
    epoch_enter(&t->reader);
    note(t->node,
         &(struct happening){
             .kind = TRACE_EXIT, .from = p->pid, .source = p, .bytes = p->result_len, .failure = p->failure});
    epoch_leave(&t->reader);
}

/* --- life ---------------------------------------------------------------------------------------------------------- */

static void trace_free(struct trace *trace) {
    mem_free(trace->entry);
    mem_free(trace);
}

static void release_trace(struct epoch_item *item, void *owner) {
    trace_free((struct trace *)((char *)item - offsetof(struct trace, retire)));
}

static struct trace *trace_new(const struct trace_filter *f) {
    struct trace *trace = mem_alloc_aligned(_Alignof(struct trace), sizeof *trace);
    if (!trace)
        return NULL;
    memset(trace, 0, offsetof(struct trace, ring));
    trace->pid = f->pid;
    trace->entry = f->entry ? mem_strdup(f->entry) : NULL;
    for (uint64_t i = 0; i < TRACE_RING; i++)
        atomic_init(&trace->ring[i].turn, i);
    if (!f->entry || trace->entry)
        return trace;
    mem_free(trace);
    return NULL;
}

enum trace_status trace_start(struct sched_thread *t, const struct trace_filter *f, struct trace **result) {
    struct traces *all = &t->node->traces;
    size_t i = 0;
    while (i < TRACE_MAX && atomic_load_explicit(&all->v[i], memory_order_relaxed)) /* own */
        i++;
    if (i == TRACE_MAX)
        return TRACE_TOO_MANY;
    struct trace *trace = trace_new(f);
    if (!trace)
        return TRACE_NO_MEMORY;
    atomic_store_explicit(&all->v[i], trace, memory_order_release); /* partner: note */
    atomic_fetch_add_explicit(&all->count, 1, memory_order_relaxed);
    *result = trace;
    return TRACE_OK;
}

void trace_stop(struct sched_thread *t, struct trace *trace) {
    struct traces *all = &t->node->traces;
    for (size_t i = 0; i < TRACE_MAX; i++)
        if (atomic_load_explicit(&all->v[i], memory_order_relaxed) == trace)
            atomic_store_explicit(&all->v[i], NULL, memory_order_relaxed);
    atomic_fetch_sub_explicit(&all->count, 1, memory_order_relaxed);
    epoch_retire(&t->reader, &trace->retire, release_trace);
    epoch_collect(&t->reader);
}

void trace_close(struct node *n) {
    for (size_t i = 0; i < TRACE_MAX; i++) {
        struct trace *trace = atomic_load_explicit(&n->traces.v[i], memory_order_relaxed);
        if (trace)
            trace_free(trace);
    }
}
