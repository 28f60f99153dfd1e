#include "src/hooks.h"

#include <fnmatch.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "src/crashes.h"
#include "src/log.h"

#define STUCK_MAX 16

/* Patterns, immutable; those that were replaced stay, since a process may be reading them. */
struct env_list {
    struct env_list *older;
    size_t n;
    char *v[];
};

struct stuck {
    struct pid pid;
    unsigned host, worker;
    int64_t ns;
};

static struct {
    void (*changed)(void *ud);
    void *ud;
    enum cfg_level stuck_level;
    _Atomic(struct env_list *) env; /* release by hooks_allow_env, acquire by env_allowed */
    _Atomic uint64_t hushed;        /* relaxed: set before that process runs */
    atomic_bool ending;             /* relaxed: a hint */
    pthread_mutex_t lock;           /* guards what follows */
    struct stuck stuck[STUCK_MAX];
    size_t stuck_n;
} the = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* --- who says it ------------------------------------------------------------------------------------------------ */

struct named {
    char pid[PID_TEXT_MAX];
    struct log_who who;
};

static void name(struct named *n, struct proc *p) {
    node_pid_text(p->host->node, p->pid, n->pid);
    n->who = (struct log_who){
        .pid = n->pid, .entry = atomic_load_explicit(&p->label, memory_order_relaxed), .host = p->host->id};
}

/* --- what tests print ------------------------------------------------------------------------------------------------- */

#define CAPTURE_MAX 8192

static struct {
    const char *spared; /* constant once processes exist; NULL: nothing is captured */
    pthread_mutex_t lock;
    char text[CAPTURE_MAX];
    size_t len;
} captured = {.lock = PTHREAD_MUTEX_INITIALIZER};

void hooks_capture(const char *spared) {
    captured.spared = spared;
}

static bool capture(struct proc *p, const char *line, size_t len) {
    const char *label = atomic_load_explicit(&p->label, memory_order_relaxed);
    if (!captured.spared || (label && strcmp(label, captured.spared) == 0))
        return false;
    pthread_mutex_lock(&captured.lock);
    if (len <= CAPTURE_MAX) {
        size_t over = captured.len + len > CAPTURE_MAX ? captured.len + len - CAPTURE_MAX : 0;
        memmove(captured.text, captured.text + over, captured.len - over);
        captured.len -= over;
        memcpy(captured.text + captured.len, line, len);
        captured.len += len;
    }
    pthread_mutex_unlock(&captured.lock);
    return true;
}

static bool capture_event(struct proc *p, const char *what, const char *text, size_t len) {
    char line[512];
    const char *label = atomic_load_explicit(&p->label, memory_order_relaxed);
    int n = snprintf(line, sizeof line, "%s: %s: %.*s\n", label ? label : "?", what,
                     len < 400 ? (int)len : 400, text);
    return capture(p, line, n > 0 ? (size_t)n : 0);
}

static size_t take_prints(char *buf, size_t cap) {
    pthread_mutex_lock(&captured.lock);
    size_t n = captured.len < cap ? captured.len : cap;
    memcpy(buf, captured.text, n);
    captured.len = 0;
    pthread_mutex_unlock(&captured.lock);
    return n;
}

static void print(struct proc *p, const char *line, size_t len) {
    if (capture(p, line, len))
        return;
    if (!log_print_is_event()) {
        log_print(NULL, line, len);
        return;
    }
    struct named n;
    name(&n, p);
    log_print(&n.who, line, len);
}

/* --- module logger -------------------------------------------------------------------------------------------------- */

static const enum cfg_level levels[] = {[VM_LOG_DEBUG] = CFG_LEVEL_DEBUG,
                                        [VM_LOG_INFO] = CFG_LEVEL_INFO,
                                        [VM_LOG_WARN] = CFG_LEVEL_WARN,
                                        [VM_LOG_ERROR] = CFG_LEVEL_ERROR};

static bool level_enabled(enum vm_level level) {
    return log_enabled(levels[level]);
}

static struct log_field field_of(const struct vm_field *f) {
    switch (f->type) {
    case VM_FIELD_NUMBER:
        return (struct log_field)LOG_NUM(f->key, f->number);
    case VM_FIELD_BOOL:
        return (struct log_field)LOG_BOOL(f->key, f->flag);
    case VM_FIELD_JSON:
        return (struct log_field)LOG_JSON(f->key, f->text, f->len);
    default:
        return (struct log_field)LOG_STRN(f->key, f->text, f->len);
    }
}

#define FIELDS_MAX 64

static void event(struct proc *p, const struct vm_event *e) {
    if (capture_event(p, "log", e->message, e->message_len))
        return;
    struct named n;
    struct log_field fields[FIELDS_MAX + 2];
    size_t count = 0;
    if (e->logger[0])
        fields[count++] = (struct log_field)LOG_STR("logger", e->logger);
    for (size_t i = 0; i < e->field_count && count <= FIELDS_MAX; i++)
        fields[count++] = field_of(&e->fields[i]);
    fields[count] = (struct log_field){0};
    name(&n, p);
    n.who.entry = e->entry;
    n.who.src = e->src[0] ? e->src : NULL;
    log_event(levels[e->level], &n.who, e->message, e->message_len, fields);
}

/* --- the end of a process ---------------------------------------------------------------------------------------------- */

static void failed(struct proc *p, const char *entry, const struct failure *f, const char *topics) {
    bool terminated = f->how == EXIT_TERMINATED;
    if ((terminated && atomic_load_explicit(&the.ending, memory_order_relaxed)) ||
        (p->parent.n && p->parent.n == atomic_load_explicit(&the.hushed, memory_order_relaxed)))
        return;
    if (!terminated)
        crashes_note(p, entry, f, topics);
    if (capture_event(p, "process failed", f->message, f->message_len))
        return;
    struct named n;
    name(&n, p);
    n.who.entry = entry;
    const char *kind = errkind_text(f->kind);
    const struct log_field fields[] = {
        LOG_STRN("reason", f->message, f->message_len),
        LOG_STR("kind", kind[0] ? kind : NULL),
        LOG_STR("how", exit_how_text(f->how)),
        LOG_DUR("age", clock_wall_ns() - p->started_ns),
        LOG_INT("memory", atomic_load_explicit(&p->memory, memory_order_relaxed)),
        LOG_INT("mailbox", mbox_count(mbox_load(&p->mbox))),
        LOG_STR("topics", topics[0] ? topics : NULL),
        LOG_STRN("stack", f->stack_len ? f->stack : NULL, f->stack_len),
        {0},
    };
    if (terminated)
        log_event(CFG_LEVEL_INFO, &n.who, "process terminated", sizeof "process terminated" - 1, fields);
    else
        log_event(CFG_LEVEL_ERROR, &n.who, "process failed", sizeof "process failed" - 1, fields);
}

void hooks_hush(struct pid parent) {
    atomic_store_explicit(&the.hushed, parent.n, memory_order_relaxed);
}

void hooks_ending(void) {
    atomic_store_explicit(&the.ending, true, memory_order_relaxed);
}

/* --- stuck workers -------------------------------------------------------------------------------------------------------- */

/* Ticker thread, which cannot look at processes: only noted here. */
static void note_stuck(struct worker *w, struct pid pid, int64_t ns) {
    pthread_mutex_lock(&the.lock);
    if (the.stuck_n < STUCK_MAX)
        the.stuck[the.stuck_n++] = (struct stuck){pid, w->host->index, w->index, ns};
    pthread_mutex_unlock(&the.lock);
    if (the.changed)
        the.changed(the.ud);
}

struct search {
    struct pid pid;
    const char *label;
};

static bool find_label(struct proc *p, void *ud) {
    struct search *s = ud;
    if (!pid_eq(p->pid, s->pid))
        return true;
    s->label = atomic_load_explicit(&p->label, memory_order_relaxed);
    return false;
}

static void report(struct node *n, const struct stuck *s) {
    struct host *h = node_host_at(n, s->host);
    char pid[PID_TEXT_MAX];
    /* The label is the id of an entry, which lives as long as the vm. */
    struct search search = {.pid = s->pid};
    proc_each(sched_self, find_label, &search);
    node_pid_text(n, s->pid, pid);
    const struct log_who who = {.pid = pid, .entry = search.label, .host = h ? h->id : NULL};
    const struct log_field fields[] = {LOG_INT("worker", s->worker), LOG_DUR("since", s->ns), {0}};
    static const char msg[] =
        "worker is stuck in a process that does not give way; another one takes its place";
    log_event(the.stuck_level, &who, msg, sizeof msg - 1, fields);
}

void hooks_look(struct node *n) {
    struct stuck list[STUCK_MAX];
    pthread_mutex_lock(&the.lock);
    size_t count = the.stuck_n;
    memcpy(list, the.stuck, count * sizeof *list);
    the.stuck_n = 0;
    pthread_mutex_unlock(&the.lock);
    for (size_t i = 0; i < count; i++)
        report(n, &list[i]);
}

/* --- environment ------------------------------------------------------------------------------------------------------------- */

static bool env_allowed(const char *var) {
    /* acquire: partner is hooks_allow_env */
    const struct env_list *list = atomic_load_explicit(&the.env, memory_order_acquire);
    for (size_t i = 0; list && i < list->n; i++)
        if (fnmatch(list->v[i], var, 0) == 0)
            return true;
    return false;
}

static void free_list(struct env_list *list) {
    for (size_t i = 0; i < list->n; i++)
        mem_free(list->v[i]);
    mem_free(list);
}

bool hooks_allow_env(const struct cfg_strings *patterns) {
    struct env_list *list = mem_calloc(1, sizeof *list + patterns->n * sizeof(char *));
    if (!list)
        return false;
    for (; list->n < patterns->n; list->n++) {
        list->v[list->n] = mem_strdup(patterns->v[list->n]);
        if (!list->v[list->n]) {
            free_list(list);
            return false;
        }
    }
    list->older = atomic_load_explicit(&the.env, memory_order_relaxed);
    /* release: partner is env_allowed */
    atomic_store_explicit(&the.env, list, memory_order_release);
    return true;
}

/* --- life ----------------------------------------------------------------------------------------------------------------------- */

const struct node_hooks hooks_of_node = {.preempt = vm_preempt,
                                         .stuck = note_stuck,
                                         .worker_started = vm_worker_started,
                                         .worker_ended = vm_worker_ended,
                                         .worker_idle = vm_worker_idle,
                                         .idle_ns = VM_IDLE_NS};
const struct vm_hooks hooks_of_vm = {.print = print,
                                     .failed = failed,
                                     .log = event,
                                     .log_enabled = level_enabled,
                                     .take_prints = take_prints,
                                     .env_allowed = env_allowed};

void hooks_open(void (*changed)(void *ud), void *ud, enum cfg_level stuck) {
    the.changed = changed;
    the.stuck_level = stuck;
    the.ud = ud;
    the.stuck_n = 0;
    atomic_store_explicit(&the.hushed, 0, memory_order_relaxed);
    atomic_store_explicit(&the.ending, false, memory_order_relaxed);
}

void hooks_close(void) {
    crashes_close();
    struct env_list *list = atomic_exchange_explicit(&the.env, NULL, memory_order_relaxed);
    while (list) {
        struct env_list *older = list->older;
        free_list(list);
        list = older;
    }
}
