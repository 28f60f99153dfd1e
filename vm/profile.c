#include "vm/profile.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <uthash.h>

#include "base/alloc.h"
#include "vm/inspect.h"
#include "vm/vstate.h"

#define FOLDED_MAX 4096

struct stack {
    UT_hash_handle hh;
    uint64_t count;
    char folded[];
};

static struct {
    pthread_mutex_t lock; /* guards everything; workers take it only when they were asked for a sample */
    bool on;
    struct pid pid;
    char *entry;
    struct stack *stacks;
    struct vm_profile_sums sums;
} the = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* --- one sample --------------------------------------------------------------------------------------------------- */

static size_t put_frame(char *at, size_t cap, const struct vm_frame *f) {
    int n = f->defined ? snprintf(at, cap, ";%s (%s:%d)", f->function, f->source, f->defined)
                       : snprintf(at, cap, ";%s (%s)", f->function, f->source);
    size_t len = n < 0 ? 0 : (size_t)n < cap ? (size_t)n : cap - 1;
    for (size_t i = 1; i < len; i++) /* what separates frames, and lines */
        if (at[i] == ';' || at[i] == '\n')
            at[i] = ':';
    return len;
}

static int depth_of(lua_State *L) {
    lua_Debug ar;
    int n = 0;
    while (n < VM_PROFILE_FRAMES && lua_getstack(L, n, &ar))
        n++;
    return n;
}

static size_t fold(lua_State *L, const char *entry, char *buf) {
    struct vm_frame f;
    struct vm_frame_buf texts;
    size_t len = (size_t)snprintf(buf, FOLDED_MAX, "%s", entry);
    if (len >= FOLDED_MAX)
        len = FOLDED_MAX - 1;
    for (int level = depth_of(L); level-- > 0;)
        if (len + 1 < FOLDED_MAX && vm_frame_at(L, level, &f, &texts))
            len += put_frame(buf + len, FOLDED_MAX - len, &f);
    return len;
}

/* With the lock. */
static void count(const char *folded, size_t len) {
    struct stack *s;
    HASH_FIND(hh, the.stacks, folded, len, s);
    if (!s && HASH_COUNT(the.stacks) < VM_PROFILE_STACKS && (s = mem_calloc(1, sizeof *s + len + 1))) {
        memcpy(s->folded, folded, len);
        HASH_ADD_KEYPTR(hh, the.stacks, s->folded, len, s);
    }
    if (s)
        s->count++;
    else
        the.sums.lost++;
    the.sums.samples++;
}

/* With the lock. */
static bool wanted(struct proc *p, const char *entry) {
    if (the.entry)
        return strcmp(the.entry, entry) == 0;
    return pid_none(the.pid) || pid_eq(the.pid, p->pid);
}

bool profile_hook(lua_State *L) {
    struct worker *w = sched_self->worker;
    if (!worker_asked(w))
        return true;
    struct proc *p = vstate_of(L)->proc;
    const char *label = atomic_load_explicit(&p->label, memory_order_relaxed);
    char folded[FOLDED_MAX];
    size_t len = fold(L, label ? label : "?", folded);
    pthread_mutex_lock(&the.lock);
    if (the.on && wanted(p, label ? label : "?"))
        count(folded, len);
    pthread_mutex_unlock(&the.lock);
    return worker_must_yield(w);
}

/* --- the owner's side --------------------------------------------------------------------------------------------- */

enum vm_profile_status vm_profile_start(const struct vm_profile_filter *f) {
    if (the.on) /* only this thread changes it */
        return VM_PROFILE_BUSY;
    char *entry = f->entry ? mem_strdup(f->entry) : NULL;
    if (f->entry && !entry)
        return VM_PROFILE_NO_MEMORY;
    pthread_mutex_lock(&the.lock);
    the.on = true;
    the.pid = f->pid;
    the.entry = entry;
    the.sums = (struct vm_profile_sums){0};
    pthread_mutex_unlock(&the.lock);
    return VM_PROFILE_OK;
}

void vm_profile_tick(struct node *n) {
    uint64_t idle = 0;
    unsigned hosts = atomic_load_explicit(&n->host_count, memory_order_acquire);
    for (unsigned i = 0; i < hosts; i++) {
        struct host *h = node_host_at(n, i);
        unsigned workers = atomic_load_explicit(&h->worker_count, memory_order_acquire);
        for (unsigned k = 0; k < workers; k++)
            idle += !worker_ask(atomic_load_explicit(&h->workers[k], memory_order_acquire));
    }
    pthread_mutex_lock(&the.lock);
    the.sums.idle += idle;
    pthread_mutex_unlock(&the.lock);
}

struct vm_profile_sums vm_profile_stop(void (*fn)(void *ud, const char *folded, uint64_t count), void *ud) {
    struct stack *s, *next;
    pthread_mutex_lock(&the.lock);
    struct vm_profile_sums sums = the.sums;
    struct stack *stacks = the.stacks;
    the.on = false;
    the.stacks = NULL;
    mem_free(the.entry);
    the.entry = NULL;
    pthread_mutex_unlock(&the.lock);
    HASH_ITER (hh, stacks, s, next) {
        if (fn)
            fn(ud, s->folded, s->count);
        HASH_DEL(stacks, s);
        mem_free(s);
    }
    return sums;
}
