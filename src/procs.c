#include "src/procs.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/alloc.h"
#include "base/clock.h"

enum { STATE_WAITING, STATE_READY, STATE_RUNNING };

const char *procs_column_text(enum procs_column c) {
#define X(name, word, help) word,
    static const char *const words[] = {PROCS_COLUMNS(X)};
#undef X
    return words[c];
}

enum procs_column procs_column_find(const char *name) {
    unsigned c = 0;
    while (c < PROCS_COLUMN_COUNT && strcmp(procs_column_text((enum procs_column)c), name) != 0)
        c++;
    return (enum procs_column)c;
}

const char *procs_state_text(const struct procs_row *r) {
    static const char *const words[] = {"waiting", "ready", "running"};
    return words[r->state];
}

/* --- gathering ---------------------------------------------------------------------------------------------------- */

/* Texts of entries, kept: a label may go with its process. */
struct procs_entry {
    UT_hash_handle hh;
    uint32_t index;
    char text[];
};

struct gathering {
    const struct procs_query *q;
    struct procs *p;
    size_t cap;
    struct pid running[256]; /* what workers run at this moment, sorted; more than that many count as ready */
    size_t running_n;
    const char *last_label;
    struct procs_entry *last_entry;
    struct procs_past *past; /* what is to be remembered, by slot */
    size_t past_n;
    bool failed;
};

static bool find_entry(struct gathering *g, const char *label, uint32_t *index) {
    struct procs_entry *e = g->last_entry;
    if (e && label == g->last_label && strcmp(e->text, label) == 0) {
        *index = e->index;
        return true;
    }
    HASH_FIND_STR(g->p->entries, label, e);
    if (!e) {
        size_t len = strlen(label);
        e = mem_calloc(1, sizeof *e + len + 1);
        if (!e)
            return false;
        memcpy(e->text, label, len);
        e->index = HASH_COUNT(g->p->entries);
        HASH_ADD_KEYPTR(hh, g->p->entries, e->text, len, e);
    }
    g->last_label = label;
    g->last_entry = e;
    *index = e->index;
    return true;
}

static int by_pid(const void *a, const void *b) {
    uint64_t x = ((const struct pid *)a)->n, y = ((const struct pid *)b)->n;
    return (x > y) - (x < y);
}

static void find_running(struct gathering *g, struct node *n) {
    unsigned hosts = atomic_load_explicit(&n->host_count, memory_order_acquire);
    for (unsigned i = 0; i < hosts; i++) {
        struct host *h = node_host_at(n, i);
        unsigned workers = atomic_load_explicit(&h->worker_count, memory_order_acquire);
        for (unsigned k = 0; k < workers && g->running_n < sizeof g->running / sizeof g->running[0]; k++) {
            struct worker *w = atomic_load_explicit(&h->workers[k], memory_order_acquire);
            if (atomic_load_explicit(&w->run_seq, memory_order_relaxed) & 1)
                g->running[g->running_n++].n = atomic_load_explicit(&w->run_pid, memory_order_relaxed);
        }
    }
    qsort(g->running, g->running_n, sizeof g->running[0], by_pid);
}

static uint8_t state_of(const struct gathering *g, struct proc *p) {
    if (proc_state(p) == PROC_WAITING)
        return STATE_WAITING;
    return bsearch(&p->pid, g->running, g->running_n, sizeof g->running[0], by_pid) ? STATE_RUNNING
                                                                                    : STATE_READY;
}

static void add_rates(struct gathering *g, struct procs_row *r, uint64_t received) {
    const struct procs_memory *before = g->q->memory;
    uint32_t slot = pid_slot(r->pid);
    if (slot < g->past_n)
        g->past[slot] = (struct procs_past){r->pid.n, r->reductions, received};
    if (g->p->interval <= 0)
        return;
    struct procs_past zero = {0}, *then = slot < before->n ? &before->v[slot] : &zero;
    if (then->pid != r->pid.n)
        then = &zero; /* it is new: all that it has done was done since */
    uint64_t mask = (UINT64_C(1) << (64 - MBOX_UNITS_BITS)) - 1; /* the count is of that many bits */
    r->rate = (double)(r->reductions - then->reductions) / g->p->interval;
    r->messages = (double)((received - then->received) & mask) / g->p->interval;
}

static struct procs_row *new_row(struct gathering *g) {
    struct procs *p = g->p;
    if (p->n == g->cap) {
        size_t cap = g->cap ? 2 * g->cap : 256;
        struct procs_row *v = mem_realloc(p->v, cap * sizeof *v);
        if (!v)
            return NULL;
        p->v = v;
        g->cap = cap;
    }
    return &p->v[p->n++];
}

/* Inside an epoch. */
static bool gather_one(struct proc *p, void *ud) {
    struct gathering *g = ud;
    const struct procs_query *q = g->q;
    if (p->system || proc_state(p) == PROC_ENDED)
        return true;
    const char *label = atomic_load_explicit(&p->label, memory_order_relaxed);
    size_t memory = atomic_load_explicit(&p->memory, memory_order_relaxed);
    if (!label)
        label = "";
    g->p->total++;
    g->p->memory += memory;
    if ((q->host && strcmp(q->host, p->host->id) != 0) || (q->entry && strcmp(q->entry, label) != 0))
        return true;
    struct procs_row *r = new_row(g);
    g->failed = !r || !find_entry(g, label, &r->entry);
    if (g->failed)
        return false;
    /* acquire: as in mbox_load */
    uint64_t consumed = atomic_load_explicit(&p->mbox.consumed, memory_order_acquire);
    uint64_t sent = atomic_load_explicit(&p->mbox.sent, memory_order_relaxed);
    r->pid = p->pid;
    r->host = p->host;
    r->state = state_of(g, p);
    r->mailbox = mbox_count(sent - consumed);
    r->memory = memory;
    r->reductions = atomic_load_explicit(&p->reductions, memory_order_relaxed);
    r->started_ns = p->started_ns;
    r->rate = r->messages = 0;
    if (q->memory)
        add_rates(g, r, mbox_count(consumed));
    return true;
}

static bool name_entries(struct procs *p) {
    p->entry_names = mem_calloc(HASH_COUNT(p->entries) + 1, sizeof *p->entry_names);
    for (struct procs_entry *e = p->entries; p->entry_names && e; e = e->hh.next)
        p->entry_names[e->index] = e->text;
    return p->entry_names;
}

static bool gather(struct node *n, const struct procs_query *q, struct procs *p) {
    struct gathering g = {.q = q, .p = p};
    int64_t now = clock_mono_ns();
    if (q->memory) {
        g.past_n = (size_t)pidtab_high(&n->pids) + 1;
        g.past = mem_calloc(g.past_n, sizeof *g.past);
        if (!g.past)
            return false;
        if (q->memory->at_ns)
            p->interval = (double)(now - q->memory->at_ns) / 1e9;
    }
    find_running(&g, n);
    proc_each(sched_self, gather_one, &g);
    if (q->memory) {
        procs_memory_free(q->memory);
        *q->memory = (struct procs_memory){now, g.past_n, g.past};
    }
    return !g.failed && name_entries(p);
}

/* --- order -------------------------------------------------------------------------------------------------------- */

struct order {
    const struct procs *p;
    enum procs_column sort;
    bool reverse;
};

static int compare_u64(uint64_t a, uint64_t b) {
    return (a > b) - (a < b);
}

static int compare_double(double a, double b) {
    return (a > b) - (a < b);
}

/* Negative: `a` comes first. */
static int compare(const struct procs_row *a, const struct procs_row *b, const struct order *o) {
    int c = 0;
    switch (o->sort) {
    case PROCS_ENTRY:
        c = a->entry == b->entry ? 0 : strcmp(procs_entry(o->p, a), procs_entry(o->p, b));
        break;
    case PROCS_STATE:
        c = b->state - a->state;
        break;
    case PROCS_MAILBOX:
        c = compare_u64(b->mailbox, a->mailbox);
        break;
    case PROCS_MEMORY:
        c = compare_u64(b->memory, a->memory);
        break;
    case PROCS_REDUCTIONS:
        c = compare_u64(b->reductions, a->reductions);
        break;
    case PROCS_AGE:
        c = (a->started_ns > b->started_ns) - (a->started_ns < b->started_ns);
        break;
    case PROCS_RATE:
        c = compare_double(b->rate, a->rate);
        break;
    case PROCS_MESSAGES:
        c = compare_double(b->messages, a->messages);
        break;
    case PROCS_PID:
    case PROCS_COLUMN_COUNT:
        break;
    }
    if (!c)
        c = compare_u64(a->pid.n, b->pid.n);
    return o->reverse ? -c : c;
}

static int compare_void(const void *a, const void *b, void *o) {
    return compare(a, b, o);
}

static void swap(struct procs_row *a, struct procs_row *b) {
    struct procs_row t = *a;
    *a = *b;
    *b = t;
}

/* Brings the first `k` of n > k rows to the front, in any order (C. A. R. Hoare's "find", 1961). */
static void select_first(struct procs_row *v, size_t n, size_t k, const struct order *o) {
    size_t low = 0, high = n - 1;
    while (low < high) {
        struct procs_row pivot = v[low + (high - low) / 2];
        size_t i = low, j = high;
        for (;;) {
            while (compare(&v[i], &pivot, o) < 0)
                i++;
            while (compare(&pivot, &v[j], o) < 0)
                j--;
            if (i >= j)
                break;
            swap(&v[i++], &v[j--]);
        }
        /* v[low..j] come before v[j+1..high] */
        if (k <= j)
            high = j;
        else
            low = j + 1;
    }
}

static void sort(struct procs *p, const struct procs_query *q) {
    struct order o = {p, q->sort, q->reverse};
    p->matched = p->n;
    if (q->limit && q->limit < p->n) {
        select_first(p->v, p->n, q->limit, &o);
        p->n = q->limit;
    }
    /* They come by slot, not by number: also pids are to be sorted. */
    if (p->n > 1)
        qsort_r(p->v, p->n, sizeof *p->v, compare_void, &o);
}

bool procs_take(struct node *n, const struct procs_query *q, struct procs *p) {
    *p = (struct procs){0};
    if (!gather(n, q, p))
        return false;
    sort(p, q);
    return true;
}

void procs_free(struct procs *p) {
    struct procs_entry *e = p->entries, *next;
    HASH_CLEAR(hh, p->entries);
    for (; e; e = next) {
        next = e->hh.next;
        mem_free(e);
    }
    mem_free(p->entry_names);
    mem_free(p->v);
    *p = (struct procs){0};
}

void procs_memory_free(struct procs_memory *m) {
    mem_free(m->v);
    *m = (struct procs_memory){0};
}
