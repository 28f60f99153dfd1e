#include "sched/pid.h"

#include <string.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "sched/os.h"

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
        os_lock(&t->lock);
        slot = take_slot(t);
        while (slot && cache && cache->n < PIDCACHE_SIZE / 2) {
            uint32_t more = take_slot(t);
            if (!more)
                break;
            cache->slots[cache->n++] = more;
        }
        os_unlock(&t->lock);
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
    os_lock(&t->lock);
    give_slot(t, slot);
    while (cache && cache->n > PIDCACHE_SIZE / 2)
        give_slot(t, cache->slots[--cache->n]);
    os_unlock(&t->lock);
}

void pidtab_flush(struct pidtab *t, struct pidcache *cache) {
    os_lock(&t->lock);
    while (cache->n)
        give_slot(t, cache->slots[--cache->n]);
    os_unlock(&t->lock);
}

uint32_t pidtab_high(struct pidtab *t) {
    os_lock(&t->lock);
    uint32_t high = t->next_fresh - 1;
    os_unlock(&t->lock);
    return high;
}

/* The eight hexadecimal digits of a 32-bit number, the first one at the lowest address. */
static inline uint64_t digits_of(uint32_t n) {
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t d = n;
    d = (d | d << 16) & UINT64_C(0x0000ffff0000ffff);
    d = (d | d << 8) & UINT64_C(0x00ff00ff00ff00ff);
    d = (d | d << 4) & (15 * ones);
    uint64_t letters = (d + 6 * ones) >> 4 & ones; /* 1 in each byte of 10 and more */
    d += '0' * ones + letters * ('a' - '0' - 10);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    d = __builtin_bswap64(d);
#endif
    return d;
}

size_t pid_format(struct pid pid, const char *host, size_t host_len, char *buf) {
    char digits[16];
    uint64_t high = digits_of((uint32_t)(pid.n >> 32)), low = digits_of((uint32_t)pid.n);
    memcpy(digits, &high, 8);
    memcpy(digits + 8, &low, 8);
    int n = (67 - __builtin_clzll(pid.n | 1)) / 4;
    if (n < 5)
        n = 5;
    buf[0] = '{';
    copy_bytes(buf + 1, host, host_len);
    char *o = buf + 1 + host_len;
    memcpy(o, "|0x", 3);
    o += 3;
    copy_bytes(o, digits + 16 - n, (size_t)n);
    o[n] = '}';
    o[n + 1] = '\0';
    return (size_t)(o + n + 1 - buf);
}

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Eight hexadecimal digits at once, the first in the lowest byte. *bad: bits, if these are no such digits. */
static inline uint64_t eight_digits(uint64_t text, uint64_t *bad) {
    uint64_t letters = text >> 6 & EACH(1);
    uint64_t v = (text & EACH(15)) + letters * 9;
    uint64_t large = (v + EACH(6)) >> 4 & EACH(1); /* above nine */
    *bad |= (v & EACH(0xf0)) | ((v + EACH('0') + large * ('a' - '0' - 10)) ^ text);
    v = __builtin_bswap64(v);
    v = (v | v >> 4) & UINT64_C(0x00ff00ff00ff00ff);
    v = (v | v >> 8) & UINT64_C(0x0000ffff0000ffff);
    return (v | v >> 16) & 0xffffffff;
}

struct pid pid_parse_digits(const char *d, size_t count) {
    if (count < 5 || count > 16 || (count > 5 && *d == '0'))
        return (struct pid){0};
    uint64_t n, bad = 0;
    /* Two parts, which overlap unless the number fills them. */
    if (count <= 8) {
        uint64_t v = eight_digits(bytes_half(d) | (uint64_t)bytes_half(d + count - 4) << 32, &bad);
        n = (v >> 16) << 4 * (count - 4) | (v & 0xffff);
    } else {
        n = eight_digits(bytes_word(d), &bad) << 4 * (count - 8);
        n |= eight_digits(bytes_word(d + count - 8), &bad);
    }
    return (struct pid){bad ? 0 : n};
}

struct pid pid_parse(const char *s, size_t len, const char **host, size_t *host_len) {
    const struct pid none = {0};
    if (len < 10 || s[0] != '{' || s[len - 1] != '}')
        return none;
    const char *bar = memrchr(s + 1, '|', len - 2);
    if (!bar || bar[1] != '0' || bar[2] != 'x')
        return none;
    *host = s + 1;
    *host_len = (size_t)(bar - s) - 1;
    return pid_parse_digits(bar + 3, (size_t)(s + len - 1 - (bar + 3)));
}
