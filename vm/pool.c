#include "vm/pool.h"

#include "base/alloc.h"
#include "vm/life.h"
#include "vm/vm_impl.h"

#define MAGAZINE 32
#define MAGAZINES 512   /* per worker; entries whose serials collide displace each other */
#define SWEPT_AT_ONCE 4 /* states closed beside a spawn or an end, 5 µs each */

struct magazine {
    struct ventry *entry; /* no reference: every state in it holds one */
    unsigned n;
    struct vstate *states[MAGAZINE];
};

struct worker_pool {
    /* References: what pool_code gave last, and another before, of which the caller may still have something in hand. */
    struct vm_code *code, *before;
    /* In no magazine are states of entries that were retired before this generation of the code; on the way to `target`,
     * `swept` slots have been looked at. */
    unsigned generation, target, swept;
    struct magazine *slots[MAGAZINES];
};

/* Moves the last `n` states of a magazine to the shared list. */
static void share(struct magazine *m, unsigned n) {
    struct ventry *e = m->entry;
    struct vm *vm = m->states[0]->vm;
    unsigned shared = 0;
    bool room = atomic_load_explicit(&vm->pooled, memory_order_relaxed) < POOL_TOTAL;
    pthread_mutex_lock(&e->pool_lock);
    while (room && shared < n && e->pool_count < POOL_PER_ENTRY &&
           !atomic_load_explicit(&e->retired, memory_order_relaxed)) {
        struct vstate *vs = m->states[--m->n];
        vs->next = e->pool;
        e->pool = vs;
        e->pool_count++;
        shared++;
    }
    pthread_mutex_unlock(&e->pool_lock);
    atomic_fetch_add_explicit(&vm->pooled, shared, memory_order_relaxed);
    for (; shared < n; shared++)
        life_close(m->states[--m->n]); /* the last one may free the entry: not touched any more */
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
            life_close(m->states[--m->n]);
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
    struct magazine **at = &pool->slots[e->serial % MAGAZINES];
    if (!*at)
        *at = mem_calloc(1, sizeof **at);
    if (!*at)
        return NULL;
    if ((*at)->entry != e) {
        if ((*at)->n)
            share(*at, (*at)->n);
        (*at)->entry = e;
    }
    return *at;
}

static struct vstate *take_shared(struct ventry *e, struct magazine *m) {
    pthread_mutex_lock(&e->pool_lock);
    struct vstate *vs = e->pool;
    unsigned before = e->pool_count;
    if (vs) {
        e->pool = vs->next;
        e->pool_count--;
        while (m && m->n < MAGAZINE / 2 && e->pool) {
            m->states[m->n++] = e->pool;
            e->pool = e->pool->next;
            e->pool_count--;
        }
    }
    unsigned taken = before - e->pool_count;
    atomic_store_explicit(&e->pool_hint, e->pool != NULL, memory_order_relaxed);
    pthread_mutex_unlock(&e->pool_lock);
    if (taken)
        atomic_fetch_sub_explicit(&vs->vm->pooled, taken, memory_order_relaxed);
    return vs;
}

struct vstate *pool_take(struct vm *vm, struct ventry *e) {
    struct worker *w = sched_self->worker;
    struct magazine *m = w ? magazine_of(w, vm, e) : NULL;
    struct vstate *vs = m && m->n ? m->states[--m->n] : NULL;
    if (!vs && atomic_load_explicit(&e->pool_hint, memory_order_relaxed))
        vs = take_shared(e, m);
    return vs ? vs : life_new(vm, e);
}

void pool_give(struct vstate *vs) {
    struct worker *w = sched_self->worker;
    struct ventry *e = vs->entry;
    struct magazine *m = w ? magazine_of(w, vs->vm, e) : NULL;
    /* Looked at after the generation: what is put in before that is seen to change will be swept out again. */
    if (!m || atomic_load_explicit(&e->retired, memory_order_relaxed)) {
        life_close(vs);
        return;
    }
    if (m->n == MAGAZINE) {
        atomic_store_explicit(&e->pool_hint, true, memory_order_relaxed);
        share(m, MAGAZINE / 2);
    }
    m->states[m->n++] = vs;
}

void pool_retire(struct vm *vm, struct ventry *e) {
    pthread_mutex_lock(&e->pool_lock);
    struct vstate *vs = e->pool;
    /* relaxed: whoever must see it does so by the generation */
    atomic_store_explicit(&e->retired, true, memory_order_relaxed);
    atomic_fetch_sub_explicit(&vm->pooled, e->pool_count, memory_order_relaxed);
    e->pool = NULL;
    e->pool_count = 0;
    pthread_mutex_unlock(&e->pool_lock);
    while (vs) {
        struct vstate *next = vs->next;
        life_close(vs);
        vs = next;
    }
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
