#include "vm/pool.h"

#include "base/alloc.h"
#include "vm/life.h"
#include "vm/vm_impl.h"

#define MAGAZINE 32
#define MAGAZINES 512 /* per worker; entries whose serials collide displace each other */

struct magazine {
    struct ventry *entry; /* no reference: every state in it holds one */
    unsigned n;
    struct vstate *states[MAGAZINE];
};

struct worker_pool {
    struct magazine *slots[MAGAZINES];
};

/* Moves the last `n` states of a magazine to the shared list. */
static void share(struct magazine *m, unsigned n) {
    struct ventry *e = m->entry;
    struct vm *vm = m->states[0]->vm;
    unsigned shared = 0;
    bool room = atomic_load_explicit(&vm->pooled, memory_order_relaxed) < POOL_TOTAL;
    pthread_mutex_lock(&e->pool_lock);
    while (room && shared < n && e->pool_count < POOL_PER_ENTRY && !e->retired) {
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

/* The magazine of an entry in this worker, perhaps taken from another entry; NULL without memory. */
static struct magazine *magazine_of(struct worker *w, struct ventry *e) {
    struct worker_pool *pool = pool_of(w);
    if (!pool)
        return NULL;
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
    struct magazine *m = w ? magazine_of(w, e) : NULL;
    struct vstate *vs = m && m->n ? m->states[--m->n] : NULL;
    if (!vs && atomic_load_explicit(&e->pool_hint, memory_order_relaxed))
        vs = take_shared(e, m);
    return vs ? vs : life_new(vm, e);
}

void pool_give(struct vstate *vs) {
    struct worker *w = sched_self->worker;
    struct ventry *e = vs->entry;
    struct magazine *m = w && !e->retired ? magazine_of(w, e) : NULL;
    if (!m) {
        life_close(vs);
        return;
    }
    if (m->n == MAGAZINE) {
        atomic_store_explicit(&e->pool_hint, true, memory_order_relaxed);
        share(m, MAGAZINE / 2);
    }
    m->states[m->n++] = vs;
}

void pool_drain(struct ventry *e) {
    pthread_mutex_lock(&e->pool_lock);
    struct vstate *vs = e->pool;
    e->pool = NULL;
    e->pool_count = 0;
    pthread_mutex_unlock(&e->pool_lock);
    while (vs) {
        struct vstate *next = vs->next;
        life_close(vs);
        vs = next;
    }
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
    mem_free(pool);
    w->user = NULL;
}
