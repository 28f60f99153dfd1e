#include "sched/pid.h"

#include <string.h>

#include "base/alloc.h"

#define CHUNK (1u << PID_CHUNK_BITS)

void pidtab_init(struct pidtab *t) {
    memset(t, 0, sizeof *t);
    t->next_fresh = 1;
    pthread_mutex_init(&t->lock, NULL);
}

void pidtab_destroy(struct pidtab *t) {
    for (size_t i = 0; i < PID_CHUNKS; i++)
        mem_free(atomic_load_explicit(&t->chunks[i], memory_order_relaxed));
    mem_free(t->free);
    pthread_mutex_destroy(&t->lock);
}

static struct pid_slot *slot_at(struct pidtab *t, uint32_t slot) {
    /* acquire: partner is the release in fresh_slot */
    struct pid_slot *c = atomic_load_explicit(&t->chunks[slot >> PID_CHUNK_BITS], memory_order_acquire);
    return &c[slot & (CHUNK - 1)];
}

/* With the lock held: a slot that was never used, 0 when there is none. */
static uint32_t fresh_slot(struct pidtab *t) {
    uint32_t slot = t->next_fresh;
    if (slot >= (1u << PID_SLOT_BITS))
        return 0;
    if (!atomic_load_explicit(&t->chunks[slot >> PID_CHUNK_BITS], memory_order_relaxed)) {
        struct pid_slot *c = mem_calloc(CHUNK, sizeof *c);
        if (!c)
            return 0;
        /* release: partner is pidtab_get */
        atomic_store_explicit(&t->chunks[slot >> PID_CHUNK_BITS], c, memory_order_release);
    }
    t->next_fresh++;
    return slot;
}

static uint32_t take_slot(struct pidtab *t) {
    return t->free_len ? t->free[--t->free_len] : fresh_slot(t);
}

struct pid pidtab_alloc(struct pidtab *t, struct pidcache *cache, unsigned host) {
    uint32_t slot = 0;
    if (cache && cache->n) {
        slot = cache->slots[--cache->n];
    } else {
        pthread_mutex_lock(&t->lock);
        slot = take_slot(t);
        while (slot && cache && cache->n < PIDCACHE_SIZE / 2) {
            uint32_t more = take_slot(t);
            if (!more)
                break;
            cache->slots[cache->n++] = more;
        }
        pthread_mutex_unlock(&t->lock);
    }
    if (!slot)
        return (struct pid){0};
    uint64_t gen = slot_at(t, slot)->gen;
    return (struct pid){(gen << PID_HOST_BITS | host) << PID_SLOT_BITS | slot};
}

void pidtab_publish(struct pidtab *t, struct pid pid, struct proc *p) {
    /* release: partner is pidtab_get */
    atomic_store_explicit(&slot_at(t, pid_slot(pid))->proc, p, memory_order_release);
}

void pidtab_hide(struct pidtab *t, struct pid pid) {
    /* seq_cst: partner is names_register, which inserts a name and then looks whether its process still lives */
    atomic_store_explicit(&slot_at(t, pid_slot(pid))->proc, NULL, memory_order_seq_cst);
}

/* With the lock held. A slot that finds no room in the list is lost, which costs 16 bytes and nothing else. */
static void give_slot(struct pidtab *t, uint32_t slot) {
    if (t->free_len == t->free_cap) {
        size_t cap = t->free_cap ? t->free_cap * 2 : 1024;
        uint32_t *grown = mem_realloc(t->free, cap * sizeof *grown);
        if (!grown)
            return;
        t->free = grown;
        t->free_cap = cap;
    }
    t->free[t->free_len++] = slot;
}

void pidtab_free(struct pidtab *t, struct pidcache *cache, struct pid pid) {
    uint32_t slot = pid_slot(pid);
    if (++slot_at(t, slot)->gen >> PID_GEN_BITS)
        return; /* all generations used: the slot retires */
    if (cache && cache->n < PIDCACHE_SIZE) {
        cache->slots[cache->n++] = slot;
        return;
    }
    pthread_mutex_lock(&t->lock);
    give_slot(t, slot);
    while (cache && cache->n > PIDCACHE_SIZE / 2)
        give_slot(t, cache->slots[--cache->n]);
    pthread_mutex_unlock(&t->lock);
}

void pidtab_flush(struct pidtab *t, struct pidcache *cache) {
    pthread_mutex_lock(&t->lock);
    while (cache->n)
        give_slot(t, cache->slots[--cache->n]);
    pthread_mutex_unlock(&t->lock);
}

uint32_t pidtab_high(struct pidtab *t) {
    pthread_mutex_lock(&t->lock);
    uint32_t high = t->next_fresh - 1;
    pthread_mutex_unlock(&t->lock);
    return high;
}

size_t pid_format(struct pid pid, const char *host, size_t host_len, char *buf) {
    static const char digits[] = "0123456789abcdef";
    char *o = buf;
    *o++ = '{';
    memcpy(o, host, host_len);
    o += host_len;
    *o++ = '|';
    *o++ = '0';
    *o++ = 'x';
    int n = 5;
    while (n < 16 && pid.n >> (4 * n))
        n++;
    while (n-- > 0)
        *o++ = digits[pid.n >> (4 * n) & 15];
    *o++ = '}';
    *o = '\0';
    return (size_t)(o - buf);
}

struct pid pid_parse(const char *s, size_t len, const char **host, size_t *host_len) {
    const struct pid none = {0};
    if (len < 10 || s[0] != '{' || s[len - 1] != '}')
        return none;
    uint64_t n = 0;
    size_t i = len - 2;
    unsigned shift = 0;
    for (; s[i] != 'x'; i--) {
        unsigned c = (unsigned char)s[i], d;
        if (c - '0' < 10)
            d = c - '0';
        else if (c - 'a' < 6)
            d = c - 'a' + 10;
        else
            return none;
        if (shift == 64 || i < 4)
            return none;
        n |= (uint64_t)d << shift;
        shift += 4;
    }
    size_t count = len - 2 - i;
    if (count < 5 || (count > 5 && s[i + 1] == '0') || i < 3 || s[i - 1] != '0' || s[i - 2] != '|')
        return none;
    *host = s + 1;
    *host_len = i - 3;
    return (struct pid){n};
}
