#include "sched/wheel.h"

#include <string.h>

#include "sched/os.h"

#define SLOT_BITS 6
#define TICK_MAX ((uint64_t)INT64_MAX >> WHEEL_TICK_SHIFT) /* 46 bits: less than the levels have */

void wheel_init(struct wheel *w, int64_t now_ns) {
    memset(w, 0, sizeof *w);
    pthread_mutex_init(&w->lock, NULL);
    w->now = (uint64_t)now_ns >> WHEEL_TICK_SHIFT;
    atomic_init(&w->next_ns, WHEEL_NEVER);
}

void wheel_destroy(struct wheel *w) {
    pthread_mutex_destroy(&w->lock);
}

/* The level of a tick is that of the highest group of six bits in which it differs from now. */
static void insert(struct wheel *w, struct timer *tm) {
    uint64_t tick = tm->tick > w->now ? tm->tick : w->now + 1;
    unsigned level = (63u - (unsigned)__builtin_clzll(tick ^ w->now)) / SLOT_BITS;
    unsigned slot = (unsigned)(tick >> (level * SLOT_BITS)) & 63;
    tm->level = (uint8_t)level;
    tm->slot = (uint8_t)slot;
    struct timer **head = &w->slots[level][slot];
    tm->next = *head;
    if (*head)
        (*head)->link = &tm->next;
    tm->link = head;
    *head = tm;
    w->used[level] |= UINT64_C(1) << slot;
}

static void unlink_timer(struct wheel *w, struct timer *tm) {
    *tm->link = tm->next;
    if (tm->next)
        tm->next->link = tm->link;
    if (!w->slots[tm->level][tm->slot])
        w->used[tm->level] &= ~(UINT64_C(1) << tm->slot);
}

/* The first tick after now at which a slot of some level comes up; false when the wheel is empty. */
static bool next_event(const struct wheel *w, uint64_t *tick, unsigned *level, unsigned *slot) {
    bool found = false;
    for (unsigned l = 0; l < WHEEL_LEVELS; l++) {
        if (!w->used[l])
            continue;
        unsigned shift = l * SLOT_BITS, here = (unsigned)(w->now >> shift) & 63;
        uint64_t used = w->used[l];
        uint64_t rotated = here == 63 ? used : (used >> (here + 1) | used << (63 - here));
        unsigned ahead = (unsigned)__builtin_ctzll(rotated) + 1;
        uint64_t at = ((w->now >> shift) + ahead) << shift;
        if (!found || at < *tick) {
            *tick = at;
            *level = l;
            *slot = (here + ahead) & 63;
            found = true;
        }
    }
    return found;
}

static void publish_next(struct wheel *w) {
    uint64_t tick;
    unsigned level, slot;
    int64_t ns = next_event(w, &tick, &level, &slot) ? (int64_t)(tick << WHEEL_TICK_SHIFT) : WHEEL_NEVER;
    atomic_store_explicit(&w->next_ns, ns, memory_order_relaxed);
}

/* Under the lock. */
static void change_count(struct wheel *w, size_t by) {
    atomic_store_explicit(&w->count, atomic_load_explicit(&w->count, memory_order_relaxed) + by,
                          memory_order_relaxed);
}

void wheel_start(struct wheel *w, struct timer *tm, int64_t due_ns) {
    uint64_t due = due_ns < 0 ? 0 : (uint64_t)due_ns;
    os_lock(&w->lock);
    tm->wheel = w;
    tm->tick = (due + (1u << WHEEL_TICK_SHIFT) - 1) >> WHEEL_TICK_SHIFT;
    if (tm->tick > TICK_MAX)
        tm->tick = TICK_MAX; /* its nanoseconds would not fit */
    tm->pending = true;
    insert(w, tm);
    change_count(w, 1);
    int64_t ns = (int64_t)(tm->tick << WHEEL_TICK_SHIFT);
    if (tm->level == 0 && ns < wheel_next(w))
        atomic_store_explicit(&w->next_ns, ns, memory_order_relaxed);
    else if (tm->level != 0)
        publish_next(w);
    os_unlock(&w->lock);
}

bool wheel_stop(struct timer *tm) {
    struct wheel *w = tm->wheel;
    if (!w)
        return false;
    os_lock(&w->lock);
    bool was = tm->pending;
    if (was) {
        unlink_timer(w, tm);
        tm->pending = false;
        change_count(w, -(size_t)1);
        publish_next(w); /* or an idle daemon would wake up for nothing */
    }
    os_unlock(&w->lock);
    return was;
}

size_t wheel_fire(struct wheel *w, struct sched_thread *t, int64_t now_ns) {
    uint64_t until = (uint64_t)now_ns >> WHEEL_TICK_SHIFT;
    size_t fired = 0;
    os_lock(&w->lock);
    uint64_t tick;
    unsigned level, slot;
    while (next_event(w, &tick, &level, &slot) && tick <= until) {
        w->now = tick;
        struct timer *list = w->slots[level][slot];
        w->slots[level][slot] = NULL;
        w->used[level] &= ~(UINT64_C(1) << slot);
        while (list) {
            struct timer *tm = list;
            list = tm->next;
            if (tm->tick > tick) {
                insert(w, tm);
                continue;
            }
            tm->pending = false;
            change_count(w, -(size_t)1);
            fired++;
            tm->fire(t, tm);
        }
    }
    if (until > w->now)
        w->now = until;
    publish_next(w);
    os_unlock(&w->lock);
    return fired;
}
