#include "sched/wheel.h"

#include <string.h>

#include "sched/os.h"

#define STEP_BITS 6 /* a slot is 2^STEP_BITS of the level below */
#define MOVED_AT_ONCE 64
#define TICK_MAX ((uint64_t)INT64_MAX >> WHEEL_TICK_SHIFT) /* 46 bits: less than the levels have */
#define NO_TICK UINT64_MAX

void wheel_init(struct wheel *w, int64_t now_ns) {
    memset(w, 0, sizeof *w);
    pthread_mutex_init(&w->lock, NULL);
    w->now = (uint64_t)now_ns >> WHEEL_TICK_SHIFT;
    atomic_init(&w->next_ns, WHEEL_NEVER);
}

void wheel_destroy(struct wheel *w) {
    pthread_mutex_destroy(&w->lock);
}

/* The number of the slot that holds a tick, counted from the beginning of time. */
static uint64_t slot_at(uint64_t tick, unsigned level) {
    return tick >> (level * STEP_BITS);
}

/*
 * The lowest level whose slots reach as far as the tick. Above the lowest, that is two slots ahead at least: nothing comes
 * into a slot whose timers have begun to move down.
 */
static void insert(struct wheel *w, struct timer *tm) {
    uint64_t tick = tm->tick > w->now ? tm->tick : w->now + 1;
    unsigned level = 0;
    while (slot_at(tick, level) - slot_at(w->now, level) >= WHEEL_SLOTS)
        level++;
    unsigned slot = slot_at(tick, level) % WHEEL_SLOTS;
    tm->level = (uint8_t)level;
    tm->slot = (uint8_t)slot;
    struct timer **head = &w->slots[level][slot];
    tm->next = *head;
    if (*head)
        (*head)->link = &tm->next;
    tm->link = head;
    *head = tm;
    w->counts[level][slot]++;
    w->used[level][slot / 64] |= UINT64_C(1) << slot % 64;
}

static void unlink_timer(struct wheel *w, struct timer *tm) {
    *tm->link = tm->next;
    if (tm->next)
        tm->next->link = tm->link;
    w->counts[tm->level][tm->slot]--;
    if (!w->slots[tm->level][tm->slot])
        w->used[tm->level][tm->slot / 64] &= ~(UINT64_C(1) << tm->slot % 64);
}

/* How far behind slot `here` the next one with timers is, 1 to WHEEL_SLOTS - 1; 0: there is none. */
static unsigned slots_ahead(const uint64_t used[static WHEEL_SLOTS / 64], unsigned here) {
    for (unsigned ahead = 1; ahead < WHEEL_SLOTS;) {
        unsigned slot = (here + ahead) % WHEEL_SLOTS;
        uint64_t rest = used[slot / 64] >> slot % 64;
        if (rest) {
            ahead += (unsigned)__builtin_ctzll(rest);
            return ahead < WHEEL_SLOTS ? ahead : 0;
        }
        ahead += 64 - slot % 64;
    }
    return 0;
}

/*
 * The tick after now at which there is something to do for a level: to fire its next slot, or, above the lowest, to move down some
 * timers of the slot that comes next: from when the one before it begins, at each step of the level below. NO_TICK: it is empty.
 */
static uint64_t level_event(const struct wheel *w, unsigned level) {
    uint64_t here = slot_at(w->now, level);
    unsigned ahead = slots_ahead(w->used[level], here % WHEEL_SLOTS);
    if (ahead == 0)
        return NO_TICK;
    if (level == 0)
        return w->now + ahead;
    if (ahead == 1)
        return (slot_at(w->now, level - 1) + 1) << ((level - 1) * STEP_BITS);
    return (here + ahead - 1) << (level * STEP_BITS);
}

/* The same for all levels. */
static uint64_t next_event(const struct wheel *w) {
    uint64_t first = NO_TICK;
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        uint64_t tick = level_event(w, level);
        if (tick < first)
            first = tick;
    }
    return first;
}

static int64_t event_ns(uint64_t tick) {
    return tick == NO_TICK ? WHEEL_NEVER : (int64_t)(tick << WHEEL_TICK_SHIFT);
}

static void publish(struct wheel *w, int64_t ns) {
    atomic_store_explicit(&w->next_ns, ns, memory_order_relaxed);
}

/* Under the lock. */
static void change_count(struct wheel *w, const struct timer *tm, size_t by) {
    if (!tm->own)
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
    change_count(w, tm, 1);
    int64_t ns = event_ns(level_event(w, tm->level));
    if (ns < wheel_next(w))
        publish(w, ns);
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
        change_count(w, tm, -(size_t)1);
        publish(w, event_ns(next_event(w))); /* or an idle daemon would wake up for nothing */
    }
    os_unlock(&w->lock);
    return was;
}

/* Takes up to `most` timers out of a slot: those that are due are fired, the others move down; returns how many fired. */
static size_t empty_slot(struct wheel *w, struct sched_thread *t, unsigned level, uint64_t slot,
                         size_t most) {
    size_t fired = 0;
    struct timer *tm;
    while (most-- && (tm = w->slots[level][slot % WHEEL_SLOTS])) {
        unlink_timer(w, tm);
        if (tm->tick > w->now) {
            insert(w, tm);
            continue;
        }
        tm->pending = false;
        change_count(w, tm, -(size_t)1);
        fired++;
        tm->fire(t, tm);
    }
    return fired;
}

/* Now is a tick with something to do. Highest level first: what comes down may be due. */
static size_t handle_now(struct wheel *w, struct sched_thread *t) {
    size_t fired = 0;
    for (unsigned level = WHEEL_LEVELS - 1; level > 0; level--) {
        uint64_t step = slot_at(w->now, level - 1), slot = slot_at(w->now, level);
        if (step << ((level - 1) * STEP_BITS) != w->now)
            continue;
        fired += empty_slot(w, t, level, slot, SIZE_MAX);
        uint64_t steps_left = ((slot + 1) << STEP_BITS) - step;
        size_t share = w->counts[level][(slot + 1) % WHEEL_SLOTS] / steps_left + 1;
        fired += empty_slot(w, t, level, slot + 1, share > MOVED_AT_ONCE ? share : MOVED_AT_ONCE);
    }
    return fired + empty_slot(w, t, 0, w->now, SIZE_MAX);
}

size_t wheel_fire(struct wheel *w, struct sched_thread *t, int64_t now_ns) {
    uint64_t until = (uint64_t)now_ns >> WHEEL_TICK_SHIFT;
    size_t fired = 0;
    if (!os_trylock(&w->lock))
        return 0;
    uint64_t tick;
    while ((tick = next_event(w)) <= until) {
        w->now = tick;
        fired += handle_now(w, t);
    }
    if (until > w->now)
        w->now = until; /* passes no event: `tick` stays the next one */
    publish(w, event_ns(tick));
    os_unlock(&w->lock);
    return fired;
}
