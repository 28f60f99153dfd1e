/*
 * pid: names of processes, and the table that resolves them.
 *
 * A pid's number carries a slot of the table, the index of its host and the generation of that slot; a slot whose
 * generations are used up is retired, so that a number is never used twice in the life of a node. Zero is no process.
 * Later versions that span machines add the node as a member of struct pid and a part of its text before the host.
 *
 * Resolving takes no lock: a slot is one atomic pointer. What it points to may be dereferenced only inside an epoch
 * (sched/epoch.h), since the process may end at any moment.
 *
 *                resolve        allocate         publish          retire
 *   resolve      any threads    independent      old or new       NULL or a closing process
 *   allocate                    pidcache: own    owner only       retired slots come back later
 */
#ifndef SCHED_PID_H
#define SCHED_PID_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sched/tune.h"

struct proc;

struct pid {
    uint64_t n;
};

#define PID_SLOT_BITS 26
#define PID_HOST_BITS 8
#define PID_GEN_BITS 30
#define PID_CHUNK_BITS 12
#define PID_CHUNKS (1u << (PID_SLOT_BITS - PID_CHUNK_BITS))
#define PID_TEXT_MAX 300 /* "{" + host id (at most 255 bytes) + "|0x" + 16 digits + "}" + NUL */

struct pid_slot {
    _Atomic(struct proc *) proc; /* release by pidtab_publish, acquire by pidtab_get */
    uint64_t gen;                /* only its owner: the process that holds it, else the free list that does */
};

struct pidtab {
    _Atomic(struct pid_slot *) chunks[PID_CHUNKS]; /* release when a chunk is added, acquire by pidtab_get */
    pthread_mutex_t lock;                          /* guards what follows */
    uint32_t next_fresh;
    uint32_t *free;
    size_t free_len, free_cap;
};

/* Free slots that one worker keeps for itself, so that spawning takes no lock. Used by its owner thread only. */
struct pidcache {
    uint32_t n;
    uint32_t slots[PIDCACHE_SIZE];
};

static inline bool pid_eq(struct pid a, struct pid b) {
    return a.n == b.n;
}
static inline bool pid_none(struct pid a) {
    return a.n == 0;
}
static inline unsigned pid_host(struct pid a) {
    return (unsigned)(a.n >> PID_SLOT_BITS) & ((1u << PID_HOST_BITS) - 1);
}
static inline uint32_t pid_slot(struct pid a) {
    return (uint32_t)(a.n & ((1u << PID_SLOT_BITS) - 1));
}

void pidtab_init(struct pidtab *t);
void pidtab_destroy(struct pidtab *t); /* no thread uses it any more */

/* A new pid on the host of that index, its slot empty. `cache` may be NULL (any thread). A pid with n == 0 means: no memory, or table full. */
struct pid pidtab_alloc(struct pidtab *t, struct pidcache *cache, unsigned host);

/* Makes `pid` resolve to `p`. By the thread that allocated it. */
void pidtab_publish(struct pidtab *t, struct pid pid, struct proc *p);

/* Makes `pid` resolve to nothing from now on; its slot is not reused before pidtab_free. By the process' worker. */
void pidtab_hide(struct pidtab *t, struct pid pid);

/* Gives the slot back for another generation. After pidtab_hide, once. */
void pidtab_free(struct pidtab *t, struct pidcache *cache, struct pid pid);

/* Gives every slot of `cache` back to the table (a worker that ends). */
void pidtab_flush(struct pidtab *t, struct pidcache *cache);

/* The process in `pid`'s slot, of whatever generation: the caller compares. Inside an epoch. */
static inline struct proc *pidtab_get(struct pidtab *t, struct pid pid) {
    uint32_t slot = pid_slot(pid);
    /* acquire: partner is the release in pidtab_alloc's chunk growth */
    struct pid_slot *c = atomic_load_explicit(&t->chunks[slot >> PID_CHUNK_BITS], memory_order_acquire);
    if (!c)
        return NULL;
    /* acquire: partner is pidtab_publish */
    return atomic_load_explicit(&c[slot & ((1u << PID_CHUNK_BITS) - 1)].proc, memory_order_acquire);
}

/* The highest slot handed out so far, for walks over all processes (slots 1 … result). Any thread. */
uint32_t pidtab_high(struct pidtab *t);

/* "{host|0x0002a}" into buf (at least PID_TEXT_MAX bytes); returns the length. Pure. */
size_t pid_format(struct pid pid, const char *host, size_t host_len, char *buf);

/*
 * The number in a pid's text and, in *host and *host_len, its host part inside `s`. A pid with n == 0 when `s` is no
 * pid. Accepts exactly what pid_format writes (one spelling per pid). Pure.
 */
struct pid pid_parse(const char *s, size_t len, const char **host, size_t *host_len);

/* The same of the digits alone. */
struct pid pid_parse_digits(const char *digits, size_t count);

#endif
