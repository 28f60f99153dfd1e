#include "src/crashes.h"

#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "sched/host.h"

struct crash {
    struct pid pid;
    int64_t at_ns, age_ns;
    uint64_t memory, mailbox;
    enum exit_how how;
    enum errkind kind;
    /* one block: entry, host, reason, stack, topics, each with a NUL */
    char *texts;
    size_t lens[5];
};

static struct {
    pthread_mutex_t lock; /* guards the rest; failing is rare and slow anyway */
    struct crash v[CRASHES_KEPT];
    size_t next;
} the = {.lock = PTHREAD_MUTEX_INITIALIZER};

static size_t cut(size_t n) {
    return n < CRASHES_TEXT_MAX ? n : CRASHES_TEXT_MAX;
}

void crashes_note(struct proc *p, const char *entry, const struct failure *f, const char *topics) {
    struct crash c = {
        .pid = p->pid,
        .at_ns = clock_wall_ns(),
        .memory = atomic_load_explicit(&p->memory, memory_order_relaxed),
        .mailbox = mbox_count(mbox_load(&p->mbox)),
        .how = f->how,
        .kind = f->kind,
        .lens = {strlen(entry), p->host->id_len, cut(f->message_len), cut(f->stack_len), strlen(topics)}};
    const char *texts[] = {entry, p->host->id, f->message, f->stack, topics};
    size_t all = 0;
    for (int i = 0; i < 5; i++)
        all += c.lens[i];
    c.age_ns = c.at_ns - p->started_ns;
    char *at = c.texts = mem_alloc(all + 1);
    if (!at)
        return;
    for (int i = 0; i < 5; at += c.lens[i], i++)
        if (c.lens[i])
            memcpy(at, texts[i], c.lens[i]);
    pthread_mutex_lock(&the.lock);
    struct crash old = the.v[the.next];
    the.v[the.next] = c;
    the.next = (the.next + 1) % CRASHES_KEPT;
    pthread_mutex_unlock(&the.lock);
    mem_free(old.texts);
}

/* With the lock. */
static void show(const struct crash *c, struct text *out) {
    static const char *const names[] = {"entry", "host", "reason", "stack", "topics"};
    const char *at = c->texts;
    text_printf(out,
                "{\"at\":%.3f,\"age\":%.3f,\"how\":\"%s\",\"kind\":\"%s\",\"memory\":%llu,\"mailbox\":%llu",
                (double)c->at_ns / 1e9, (double)c->age_ns / 1e9, exit_how_text(c->how), errkind_text(c->kind),
                (unsigned long long)c->memory, (unsigned long long)c->mailbox);
    for (int i = 0; i < 5; at += c->lens[i], i++) {
        text_printf(out, ",\"%s\":", names[i]);
        text_json(out, at, c->lens[i]);
    }
    text_char(out, '}');
}

bool crashes_find(struct pid pid, struct text *out) {
    bool found = false;
    pthread_mutex_lock(&the.lock);
    for (size_t i = 0; i < CRASHES_KEPT && !found; i++)
        if (the.v[i].texts && pid_eq(the.v[i].pid, pid)) {
            found = true;
            show(&the.v[i], out);
        }
    pthread_mutex_unlock(&the.lock);
    return found;
}

void crashes_close(void) {
    pthread_mutex_lock(&the.lock);
    for (size_t i = 0; i < CRASHES_KEPT; i++)
        mem_free(the.v[i].texts);
    memset(the.v, 0, sizeof the.v);
    pthread_mutex_unlock(&the.lock);
}
