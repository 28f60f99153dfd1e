#include "vm/tidy.h"

#include "base/clock.h"
#include "vm/heap.h"
#include "vm/timer.h"

/* How much a process may have got more by, in bytes; and a quarter of what it had after the last time. */
#define MORE_LEAST (8 * 1024)

/* How long nothing may have happened; and the most, after this has been doubled for a process that went on working. */
#define QUIET (2 * CLOCK_NS_PER_SEC)
#define QUIET_MOST (64 * CLOCK_NS_PER_SEC)

/* States up to this are collected in one go, some tenths of a millisecond; larger ones in steps of LuaJIT's. */
#define AT_ONCE ((size_t)128 * 1024)
#define STEP_KIB 64

void tidy_begin(struct vstate *vs) {
    size_t more = vs->memory / 4;
    vs->tidy = (struct tidy){.above = vs->memory + (more > MORE_LEAST ? more : MORE_LEAST)};
    vs->tidy_timer.wait_ns = QUIET;
}

static void set_timer(struct vstate *vs) {
    if (!vs->tidy_timer.timer)
        vs->tidy_timer.timer = vtimer_for_tidy(vs);
    if (!vs->tidy_timer.timer) /* no memory: asked again when it next waits */
        return;
    vs->tidy.timed = true;
    vs->tidy.turns = vs->turns;
    vtimer_start(vs->tidy_timer.timer, vs->tidy_timer.wait_ns);
}

void tidy_due(struct vstate *vs) {
    vs->tidy.timed = false;
    vs->tidy.running = vs->turns == vs->tidy.turns && !vs->dirty;
    if (!vs->tidy.running && vs->tidy_timer.wait_ns < QUIET_MOST)
        vs->tidy_timer.wait_ns *= 2;
}

/* One cycle of the collector may be under way, which does not find what has become garbage since it began: so two. true: they
 * are through, or there was no memory for them. */
static bool collect(struct vstate *vs) {
    if (vs->memory <= AT_ONCE && vs->tidy.cycles == 0) {
        heap_collect(vs, LUA_GCCOLLECT, 0);
        return true;
    }
    while (vs->tidy.cycles < 2) {
        int ended = heap_collect(vs, LUA_GCSTEP, STEP_KIB);
        if (ended < 0)
            return true;
        vs->tidy.cycles += (uint8_t)ended;
        if (worker_must_yield(sched_self->worker))
            break;
    }
    return vs->tidy.cycles == 2;
}

enum step tidy_step(struct vstate *vs) {
    if (!vs->tidy.running) {
        set_timer(vs);
        return STEP_WAIT;
    }
    if (!collect(vs))
        return STEP_AGAIN;
    heap_trim(vs);
    tidy_begin(vs);
    return STEP_WAIT;
}
