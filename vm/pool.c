#include "vm/pool.h"

#include <string.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "sched/os.h"
#include "vm/life.h"
#include "vm/vm_impl.h"

#define MAGAZINE 32
#define MAGAZINES 512      /* per worker; entries whose serials collide displace each other */
#define FOUND 16           /* entries that a worker finds without the set's hash table */
#define SWEPT_AT_ONCE 4    /* states closed beside a spawn or an end, 5 µs each */
#define TRIMMED_AT_ONCE 32 /* and by a worker that has nothing to do */

struct magazine {
    struct ventry *entry; /* no reference: every state in it holds one */
    unsigned n;
    unsigned least; /* of n, since it was trimmed last */
    struct vstate *states[MAGAZINE];
};

struct worker_pool {
    struct vm *vm; /* NULL: nothing was ever put in */
    /* References: what pool_code gave last, and another before, of which the caller may still have something in hand. */
    struct vm_code *code, *before;
    struct ventry *found[FOUND]; /* in `code`, lately */
    /* In no magazine are states of entries that were retired before this generation of the code; on the way to `target`,
     * `swept` slots have been looked at. */
    unsigned generation, target, swept;
    unsigned trimmed; /* slots that have been looked at in the present round of trimming */
    bool left;        /* after it there will be some states left, here or in shared lists */
    size_t bytes;     /* of the states in its magazines */
    struct magazine *slots[MAGAZINES];
};

static void put(struct worker_pool *pool, struct magazine *m, struct vstate *vs) {
    m->states[m->n++] = vs;
    pool->bytes += vs->memory;
}

static struct vstate *take(struct worker_pool *pool, struct magazine *m) {
    struct vstate *vs = m->states[--m->n];
    if (m->n < m->least)
        m->least = m->n;
    pool->bytes -= vs->memory;
    return vs;
}

/* How many states there are in all shared lists, and of how many bytes. */
static void count_shared(struct vm *vm, unsigned count, size_t bytes) {
    atomic_fetch_add_explicit(&vm->pooled, count, memory_order_relaxed);
    atomic_fetch_add_explicit(&vm->pooled_bytes, bytes, memory_order_relaxed);
}

static struct vstate *take_from(struct ventry *e) {
    struct vstate *vs = e->pool;
    e->pool = vs->next;
    if (--e->pool_count < e->pool_least)
        e->pool_least = e->pool_count;
    return vs;
}

/* Moves `n` states of a magazine to the shared list. */
static void share(struct worker_pool *pool, struct magazine *m, unsigned n) {
    struct ventry *e = m->entry;
    struct vm *vm = m->states[0]->vm;
    unsigned shared = 0;
    size_t bytes = 0;
    bool room = atomic_load_explicit(&vm->pooled, memory_order_relaxed) < POOL_TOTAL &&
                atomic_load_explicit(&vm->pooled_bytes, memory_order_relaxed) < POOL_BYTES;
    pthread_mutex_lock(&e->pool_lock);
    while (room && shared < n && e->pool_count < POOL_PER_ENTRY &&
           !atomic_load_explicit(&e->retired, memory_order_relaxed)) {
        struct vstate *vs = take(pool, m);
        vs->next = e->pool;
        e->pool = vs;
        e->pool_count++;
        shared++;
        bytes += vs->memory;
    }
    pthread_mutex_unlock(&e->pool_lock);
    count_shared(vm, shared, bytes);
    for (; shared < n; shared++)
        life_close(take(pool, m)); /* the last one may free the entry: not touched any more */
}

static struct worker_pool *pool_of(struct worker *w) {
    if (!w->user)
        w->user = mem_calloc(1, sizeof(struct worker_pool));
    return w->user;
}

/* Closes some states of retired entries. Empty magazines go too: whose they are cannot be told. */
static void sweep(struct worker_pool *pool, unsigned now) {
    if (pool->target != now) {
        pool->target = now;
        pool->swept = 0;
    }
    for (unsigned closed = 0; pool->swept < MAGAZINES; pool->swept++) {
        struct magazine **at = &pool->slots[pool->swept], *m = *at;
        while (m && m->n && atomic_load_explicit(&m->entry->retired, memory_order_relaxed)) {
            if (closed++ == SWEPT_AT_ONCE)
                return;
            life_close(take(pool, m));
        }
        if (m && !m->n) {
            mem_free(m);
            *at = NULL;
        }
    }
    pool->generation = now;
}

/* The magazine of an entry in this worker, perhaps taken from another entry; NULL without memory. */
static struct magazine *magazine_of(struct worker *w, struct vm *vm, struct ventry *e) {
    struct worker_pool *pool = pool_of(w);
    if (!pool)
        return NULL;
    /* acquire: partner is vm_install; the entries that it retired are seen as such */
    unsigned now = atomic_load_explicit(&vm->generation, memory_order_acquire);
    if (pool->generation != now)
        sweep(pool, now);
    pool->vm = vm;
    struct magazine **at = &pool->slots[e->serial % MAGAZINES];
    if (!*at)
        *at = mem_calloc(1, sizeof **at);
    if (!*at)
        return NULL;
    if ((*at)->entry != e) {
        if ((*at)->n)
            share(pool, *at, (*at)->n);
        (*at)->entry = e;
    }
    return *at;
}

static struct vstate *take_shared(struct worker_pool *pool, struct ventry *e, struct magazine *m) {
    pthread_mutex_lock(&e->pool_lock);
    unsigned before = e->pool_count;
    size_t bytes = 0;
    struct vstate *vs = e->pool ? take_from(e) : NULL;
    if (vs) {
        bytes = vs->memory;
        while (m && m->n < MAGAZINE / 2 && e->pool) {
            struct vstate *more = take_from(e);
            bytes += more->memory;
            put(pool, m, more);
        }
    }
    unsigned taken = before - e->pool_count;
    atomic_store_explicit(&e->pool_hint, e->pool != NULL, memory_order_relaxed);
    pthread_mutex_unlock(&e->pool_lock);
    if (taken)
        count_shared(vs->vm, -taken, -bytes);
    return vs;
}

struct vstate *pool_take(struct vm *vm, struct ventry *e) {
    struct worker *w = sched_self->worker;
    struct magazine *m = w ? magazine_of(w, vm, e) : NULL;
    struct vstate *vs = m && m->n ? take(w->user, m) : NULL;
    if (!vs && atomic_load_explicit(&e->pool_hint, memory_order_relaxed))
        vs = take_shared(w ? w->user : NULL, e, m);
    return vs ? vs : life_new(vm, e);
}

void pool_give(struct vstate *vs) {
    struct worker *w = sched_self->worker;
    struct ventry *e = vs->entry;
    struct magazine *m = w ? magazine_of(w, vs->vm, e) : NULL;
    struct worker_pool *pool = m ? w->user : NULL;
    /* `retired` is looked at after the generation: what is put in before that is seen to change will be swept out again. */
    if (!m || atomic_load_explicit(&e->retired, memory_order_relaxed) ||
        pool->bytes + vs->memory > POOL_BYTES) {
        life_close(vs);
        return;
    }
    if (m->n == MAGAZINE) {
        atomic_store_explicit(&e->pool_hint, true, memory_order_relaxed);
        share(pool, m, MAGAZINE / 2);
    }
    put(pool, m, vs);
}

static void close_all(struct vstate *vs) {
    while (vs) {
        struct vstate *next = vs->next;
        life_close(vs);
        vs = next;
    }
}

/* Closes what of a shared list was not needed since it was trimmed last, at most `most`; nothing if that was not long ago. How
 * many that were. */
static unsigned trim_shared(struct ventry *e, int64_t quiet_ns, unsigned most) {
    struct vstate *unneeded = NULL;
    unsigned n = 0;
    size_t bytes = 0;
    int64_t now = os_now();
    pthread_mutex_lock(&e->pool_lock);
    if (now - e->pool_trimmed_ns >= quiet_ns) {
        for (; e->pool_least && n < most; n++) {
            struct vstate *vs = take_from(e);
            bytes += vs->memory;
            vs->next = unneeded;
            unneeded = vs;
        }
        if (n < most) {
            e->pool_least = e->pool_count;
            e->pool_trimmed_ns = now;
        }
        atomic_store_explicit(&e->pool_hint, e->pool != NULL, memory_order_relaxed);
    }
    pthread_mutex_unlock(&e->pool_lock);
    if (unneeded)
        count_shared(unneeded->vm, -n, -bytes);
    close_all(unneeded);
    return n;
}

int64_t pool_worker_idle(struct worker *w) {
    const int64_t quiet_ns = w->host->node->hooks.idle_ns;
    struct worker_pool *pool = w->user;
    if (!pool || !pool->vm)
        return OS_NEVER;
    unsigned closed = 0;
    for (; pool->trimmed < MAGAZINES; pool->trimmed++) {
        struct magazine *m = pool->slots[pool->trimmed];
        if (!m)
            continue;
        for (; m->least; closed++) {
            if (closed == TRIMMED_AT_ONCE)
                return 0;
            life_close(take(pool, m));
        }
        m->least = m->n;
        pool->left |= m->n != 0;
    }
    const struct vm_code *code = pool_code(pool->vm);
    for (struct ventry *e = code ? code->entries : NULL; e; e = e->hh.next) {
        closed += trim_shared(e, quiet_ns, TRIMMED_AT_ONCE - closed);
        if (closed == TRIMMED_AT_ONCE)
            return 0;
        pool->left |= atomic_load_explicit(&e->pool_hint, memory_order_relaxed);
    }
    int64_t again = pool->left ? quiet_ns : OS_NEVER;
    pool->trimmed = 0;
    pool->left = false;
    return again;
}

void pool_retire(struct vm *vm, struct ventry *e) {
    pthread_mutex_lock(&e->pool_lock);
    struct vstate *all = e->pool;
    size_t bytes = 0;
    for (const struct vstate *vs = all; vs; vs = vs->next)
        bytes += vs->memory;
    /* relaxed: whoever must see it does so by the generation */
    atomic_store_explicit(&e->retired, true, memory_order_relaxed);
    count_shared(vm, -e->pool_count, -bytes);
    e->pool = NULL;
    e->pool_count = e->pool_least = 0;
    pthread_mutex_unlock(&e->pool_lock);
    close_all(all);
}

/* Another set was installed since this worker looked last. */
static struct vm_code *change_code(struct vm *vm, struct worker_pool *pool) {
    pthread_mutex_lock(&vm->code_lock);
    struct vm_code *c = atomic_load_explicit(&vm->code, memory_order_relaxed);
    if (c && (pool || !c->kept))
        atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    if (c && !pool && !c->kept) { /* no memory to remember the reference in: the set stays to the end */
        c->kept = true;
        c->next_kept = vm->kept;
        vm->kept = c;
    }
    pthread_mutex_unlock(&vm->code_lock);
    if (pool) {
        vm_code_release(pool->before);
        pool->before = pool->code;
        pool->code = c;
        memset(pool->found, 0, sizeof pool->found);
    }
    return c;
}

struct vm_code *pool_code(struct vm *vm) {
    /* acquire: partner is vm_install */
    struct vm_code *c = atomic_load_explicit(&vm->code, memory_order_acquire);
    struct worker *w = sched_self->worker;
    if (!w) /* the owner: nobody else installs */
        return c;
    struct worker_pool *pool = pool_of(w);
    return pool && pool->code == c ? c : change_code(vm, pool);
}

struct ventry *ventry_find(struct vm *vm, const char *id, size_t len) {
    struct vm_code *c = pool_code(vm);
    if (!c || !len)
        return NULL;
    struct worker_pool *pool = sched_self->worker ? sched_self->worker->user : NULL;
    struct ventry **found =
        pool && pool->code == c ? &pool->found[((unsigned char)id[len - 1] + len) % FOUND] : NULL;
    if (found && *found && (*found)->id_len == len && same_bytes((*found)->id, id, len))
        return *found;
    struct ventry *e = NULL;
    HASH_FIND(hh, c->entries, id, len, e);
    if (found && e)
        *found = e;
    return e;
}

void pool_worker_ended(struct worker *w) {
    struct worker_pool *pool = w->user;
    if (!pool)
        return;
    for (unsigned i = 0; i < MAGAZINES; i++) {
        struct magazine *m = pool->slots[i];
        while (m && m->n)
            life_close(m->states[--m->n]);
        mem_free(m);
    }
    vm_code_release(pool->before);
    vm_code_release(pool->code);
    mem_free(pool);
    w->user = NULL;
}
