#include "sched/pidset.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"

void pidset_clear(struct pidset *s) {
    if (s->cap)
        mem_free(s->u.table);
    memset(s, 0, sizeof *s);
}

/* Slots differ in their low bits, generations above: fold, then spread. */
static uint32_t home(const struct pidset *s, struct pid p) {
    return (uint32_t)((p.n ^ p.n >> (PID_SLOT_BITS + PID_HOST_BITS)) * UINT64_C(0x9e3779b97f4a7c15) >> 32) &
           (s->cap - 1);
}

/* The index of `p`, or that of the free entry where it would go. */
static uint32_t find(const struct pidset *s, struct pid p) {
    uint32_t i = home(s, p);
    while (!pid_none(s->u.table[i]) && !pid_eq(s->u.table[i], p))
        i = (i + 1) & (s->cap - 1);
    return i;
}

static uint32_t find_few(const struct pidset *s, struct pid p) {
    uint32_t i = 0;
    while (i < s->n && !pid_eq(s->u.few[i], p))
        i++;
    return i;
}

bool pidset_has(const struct pidset *s, struct pid p) {
    if (!s->cap)
        return find_few(s, p) < s->n;
    return !pid_none(s->u.table[find(s, p)]);
}

static bool resize(struct pidset *s, uint32_t cap) {
    struct pidset bigger = {.cap = cap};
    bigger.u.table = mem_calloc(cap, sizeof(struct pid));
    if (!bigger.u.table)
        return false;
    uint32_t at = 0;
    for (struct pid p; pidset_next(s, &at, &p); bigger.n++)
        bigger.u.table[find(&bigger, p)] = p;
    if (s->cap)
        mem_free(s->u.table);
    *s = bigger;
    return true;
}

static enum pidset_add add_few(struct pidset *s, struct pid p) {
    if (find_few(s, p) < s->n)
        return PIDSET_PRESENT;
    if (s->n < PIDSET_INLINE)
        s->u.few[s->n] = p;
    else if (!resize(s, 8))
        return PIDSET_NO_MEMORY;
    else
        s->u.table[find(s, p)] = p;
    s->n++;
    return PIDSET_ADDED;
}

enum pidset_add pidset_add(struct pidset *s, struct pid p) {
    assert(!pid_none(p));
    if (!s->cap)
        return add_few(s, p);
    uint32_t i = find(s, p);
    if (!pid_none(s->u.table[i]))
        return PIDSET_PRESENT;
    if ((s->n + 1) * 4 > s->cap * 3) {
        if (!resize(s, s->cap * 2))
            return PIDSET_NO_MEMORY;
        i = find(s, p);
    }
    s->u.table[i] = p;
    s->n++;
    return PIDSET_ADDED;
}

bool pidset_remove(struct pidset *s, struct pid p) {
    if (!s->cap) {
        uint32_t i = find_few(s, p);
        if (i == s->n)
            return false;
        s->u.few[i] = s->u.few[--s->n];
        return true;
    }
    uint32_t i = find(s, p), mask = s->cap - 1;
    if (pid_none(s->u.table[i]))
        return false;
    /* Close the gap: move back every later entry of the run whose home is not after the gap. */
    for (uint32_t j = i;;) {
        j = (j + 1) & mask;
        if (pid_none(s->u.table[j]))
            break;
        if (((j - home(s, s->u.table[j])) & mask) >= ((j - i) & mask)) {
            s->u.table[i] = s->u.table[j];
            i = j;
        }
    }
    s->u.table[i] = (struct pid){0};
    if (--s->n == 0)
        pidset_clear(s);
    return true;
}

bool pidset_next(const struct pidset *s, uint32_t *at, struct pid *p) {
    if (!s->cap) {
        if (*at >= s->n)
            return false;
        *p = s->u.few[(*at)++];
        return true;
    }
    while (*at < s->cap) {
        *p = s->u.table[(*at)++];
        if (!pid_none(*p))
            return true;
    }
    return false;
}
