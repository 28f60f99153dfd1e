#include "src/metrics.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uthash.h>

#include "base/alloc.h"
#include "base/clock.h"

static const struct {
    const char *name, *type, *help;
} metrics[] = {
#define X(id, name, type, help) {name, type, help},
    METRICS(X)
#undef X
};

static const char *const labels[METRIC_COUNT] = {
    [METRIC_PROCESSES] = "host, entry", [METRIC_SPAWNS] = "host",         [METRIC_EXITS] = "host, outcome",
    [METRIC_MESSAGES] = "host",         [METRIC_MAILBOX] = "host, entry", [METRIC_QUEUE] = "host",
    [METRIC_STEALS] = "host",           [METRIC_BUSY] = "host",           [METRIC_PREEMPTIONS] = "host",
    [METRIC_MEMORY] = "kind",           [METRIC_TIMERS] = "host",         [METRIC_RESTARTS] = "service",
    [METRIC_SLICES] = "host, le",
};

/* --- the walk over the processes -------------------------------------------------------------------------------- */

/* All processes of one entry on one host. */
struct tally {
    UT_hash_handle hh;
    struct tally_key {
        const char
            *label; /* as an address: an equal text elsewhere would be another tally; see render_tallies */
        const struct host *host;
    } key;
    uint64_t processes, messages;
    char entry[];
};

struct census {
    struct tally *tallies; /* by key */
    struct tally *last;    /* most neighbours are of the same kind */
    uint64_t mailbox_bytes, state_bytes;
    bool failed;
};

static struct tally *tally_of(struct census *c, const char *label, const struct host *host) {
    struct tally_key key;
    memset(&key, 0, sizeof key);
    key.label = label;
    key.host = host;
    if (c->last && memcmp(&c->last->key, &key, sizeof key) == 0)
        return c->last;
    struct tally *t;
    HASH_FIND(hh, c->tallies, &key, sizeof key, t);
    if (!t) {
        /* The text may go when its process does. */
        size_t len = label ? strlen(label) : 0;
        t = mem_calloc(1, sizeof *t + len + 1);
        if (!t)
            return NULL;
        memcpy(t->entry, label ? label : "", len);
        t->key = key;
        HASH_ADD(hh, c->tallies, key, sizeof key, t);
    }
    c->last = t;
    return t;
}

static bool count_one(struct proc *p, void *ud) {
    struct census *c = ud;
    if (p->system)
        return true;
    uint64_t load = mbox_load(&p->mbox);
    struct tally *t = tally_of(c, atomic_load_explicit(&p->label, memory_order_relaxed), p->host);
    if (!t) {
        c->failed = true;
        return false;
    }
    t->processes++;
    t->messages += mbox_count(load);
    c->mailbox_bytes += mbox_bytes(load);
    c->state_bytes +=
        atomic_load_explicit(&p->memory, memory_order_relaxed); /* the host's sum follows in large steps */
    return true;
}

static int by_names(struct tally *a, struct tally *b) {
    int hosts = (a->key.host->index > b->key.host->index) - (a->key.host->index < b->key.host->index);
    return hosts ? hosts : strcmp(a->entry, b->entry);
}

/* Texts that are equal count together. */
static void merge(struct census *c) {
    HASH_SRT(hh, c->tallies, by_names);
    struct tally *t, *next, *first = NULL;
    HASH_ITER (hh, c->tallies, t, next) {
        if (!first || by_names(first, t) != 0) {
            first = t;
            continue;
        }
        first->processes += t->processes;
        first->messages += t->messages;
        HASH_DEL(c->tallies, t);
        mem_free(t);
    }
}

static void census_free(struct census *c) {
    struct tally *t = c->tallies, *next;
    HASH_CLEAR(hh, c->tallies);
    for (; t; t = next) {
        next = t->hh.next;
        mem_free(t);
    }
}

/* --- text ----------------------------------------------------------------------------------------------------------- */

static void head(struct text *out, enum metric m) {
    text_printf(out, "# HELP %s %s\n# TYPE %s %s\n", metrics[m].name, metrics[m].help, metrics[m].name,
                metrics[m].type);
}

static void put_label(struct text *out, const char *name, const char *value) {
    text_str(out, name);
    text_str(out, "=\"");
    for (const char *s = value; *s; s++) {
        if (*s == '\n')
            text_str(out, "\\n");
        else if (*s == '"' || *s == '\\')
            text_printf(out, "\\%c", *s);
        else
            text_char(out, *s);
    }
    text_char(out, '"');
}

static void put_name(struct text *out, enum metric m, const char *suffix, const char *label,
                     const char *value, const char *label2, const char *value2) {
    text_str(out, metrics[m].name);
    text_str(out, suffix);
    text_char(out, '{');
    put_label(out, label, value);
    if (label2) {
        text_char(out, ',');
        put_label(out, label2, value2);
    }
    text_str(out, "} ");
}

static void put_seconds(struct text *out, uint64_t ns) {
    text_printf(out, "%" PRIu64 ".%09" PRIu64 "\n", ns / CLOCK_NS_PER_SEC, ns % CLOCK_NS_PER_SEC);
}

static void render_tallies(struct text *out, enum metric m, const struct census *c) {
    head(out, m);
    for (const struct tally *t = c->tallies; t; t = t->hh.next) {
        put_name(out, m, "", "host", t->key.host->id, "entry", t->entry);
        text_printf(out, "%" PRIu64 "\n", m == METRIC_PROCESSES ? t->processes : t->messages);
    }
}

typedef uint64_t (*host_figure)(struct host *h);

static uint64_t spawned(struct host *h) {
    return host_stat(h, offsetof(struct worker_stats, spawned));
}
static uint64_t messages(struct host *h) {
    return host_stat(h, offsetof(struct worker_stats, messages));
}
static uint64_t steals(struct host *h) {
    return host_stat(h, offsetof(struct worker_stats, steals));
}
static uint64_t preemptions(struct host *h) {
    return host_stat(h, offsetof(struct worker_stats, preemptions));
}

static const host_figure figures[METRIC_COUNT] = {
    [METRIC_SPAWNS] = spawned,          [METRIC_MESSAGES] = messages, [METRIC_QUEUE] = host_queue_len,
    [METRIC_STEALS] = steals,           [METRIC_BUSY] = host_busy_ns, [METRIC_TIMERS] = host_timers,
    [METRIC_PREEMPTIONS] = preemptions,
};

#define each_host(n, h)                                                                                      \
    for (unsigned i_ = 0, count_ = atomic_load_explicit(&(n)->host_count, memory_order_acquire);             \
         i_ < count_; i_++)                                                                                  \
        for (struct host *h = node_host_at(n, i_); h; h = NULL)

static void render_hosts(struct text *out, enum metric m, struct node *n) {
    head(out, m);
    each_host(n, h) {
        uint64_t v = figures[m](h);
        put_name(out, m, "", "host", h->id, NULL, NULL);
        if (m == METRIC_BUSY)
            put_seconds(out, v);
        else
            text_printf(out, "%" PRIu64 "\n", v);
    }
}

static void render_exits(struct text *out, struct node *n) {
    head(out, METRIC_EXITS);
    each_host(n, h) {
        for (unsigned how = 0; how < EXIT_HOW_COUNT; how++) {
            put_name(out, METRIC_EXITS, "", "host", h->id, "outcome", exit_how_text((enum exit_how)how));
            text_printf(out, "%" PRIu64 "\n",
                        host_stat(h, offsetof(struct worker_stats, exits) + how * sizeof(_Atomic uint64_t)));
        }
    }
}

static uint64_t resident_bytes(void) {
    char line[128], *resident = NULL;
    FILE *f = fopen("/proc/self/statm", "re");
    if (!f)
        return 0;
    if (fgets(line, sizeof line, f)) /* all pages, then those that are resident */
        resident = strchr(line, ' ');
    fclose(f);
    return resident ? strtoull(resident, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

static void render_memory(struct text *out, const struct census *c) {
    const struct {
        const char *kind;
        uint64_t bytes;
    } kinds[] = {
        {"processes", c->state_bytes}, {"mailboxes", c->mailbox_bytes}, {"resident", resident_bytes()}};
    head(out, METRIC_MEMORY);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        put_name(out, METRIC_MEMORY, "", "kind", kinds[i].kind, NULL, NULL);
        text_printf(out, "%" PRIu64 "\n", kinds[i].bytes);
    }
}

static void put_restarts(void *ctx, const char *id, uint64_t restarts) {
    put_name(ctx, METRIC_RESTARTS, "", "service", id, NULL, NULL);
    text_printf(ctx, "%" PRIu64 "\n", restarts);
}

static void render_restarts(struct text *out, const struct metrics_source *src) {
    head(out, METRIC_RESTARTS);
    if (src->each_service)
        src->each_service(src->ud, put_restarts, out);
}

static void render_sum(struct text *out, enum metric m, uint64_t sum) {
    head(out, m);
    text_printf(out, "%s %" PRIu64 "\n", metrics[m].name, sum);
}

static void render_slices(struct text *out, struct node *n) {
#define X(bound) bound,
    static const int64_t bounds[] = {SLICE_BOUNDS(X)};
#undef X
    head(out, METRIC_SLICES);
    each_host(n, h) {
        uint64_t buckets[SLICE_BUCKETS] = {0}, sum = 0, ns = host_slices(h, buckets);
        for (unsigned i = 0; i < SLICE_BUCKETS; i++) {
            char le[32] = "+Inf";
            if (i < SLICE_BOUND_COUNT)
                snprintf(le, sizeof le, "%g", (double)bounds[i] / 1e9);
            sum += buckets[i];
            put_name(out, METRIC_SLICES, "_bucket", "host", h->id, "le", le);
            text_printf(out, "%" PRIu64 "\n", sum);
        }
        put_name(out, METRIC_SLICES, "_sum", "host", h->id, NULL, NULL);
        put_seconds(out, ns);
        put_name(out, METRIC_SLICES, "_count", "host", h->id, NULL, NULL);
        text_printf(out, "%" PRIu64 "\n", sum);
    }
}

bool metrics_render(const struct metrics_source *src, struct text *out) {
    struct node *n = src->node;
    struct census c = {0};
    proc_each(sched_self, count_one, &c);
    merge(&c);
    for (unsigned m = 0; m < METRIC_COUNT; m++) {
        switch ((enum metric)m) {
        case METRIC_PROCESSES:
        case METRIC_MAILBOX:
            render_tallies(out, (enum metric)m, &c);
            break;
        case METRIC_EXITS:
            render_exits(out, n);
            break;
        case METRIC_MEMORY:
            render_memory(out, &c);
            break;
        case METRIC_RESTARTS:
            render_restarts(out, src);
            break;
        case METRIC_EVENTS_DROPPED:
            render_sum(out, (enum metric)m, src->events_dropped);
            break;
        case METRIC_LOG_DROPPED:
            render_sum(out, (enum metric)m, src->log_dropped);
            break;
        case METRIC_JIT_STATES:
            render_sum(out, (enum metric)m, src->jit_states);
            break;
        case METRIC_SLICES:
            render_slices(out, n);
            break;
        default:
            render_hosts(out, (enum metric)m, n);
        }
    }
    census_free(&c);
    return !c.failed && !out->failed;
}

void metrics_dump(FILE *out) {
    for (unsigned m = 0; m < METRIC_COUNT; m++)
        fprintf(out, "%s\t%s\t%s\t%s\n", metrics[m].name, metrics[m].type, labels[m] ? labels[m] : "",
                metrics[m].help);
}
