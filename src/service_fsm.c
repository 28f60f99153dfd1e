#include "src/service_fsm.h"

#include <math.h>

struct step {
    struct service_fsm *m;
    const struct cfg_lifecycle *life;
    int64_t now;
    uint64_t *rng;
};

const char *service_state_text(enum service_state s) {
    static const char *const texts[] = {
#define X(name, text, help) text,
        SERVICE_STATES(X)
#undef X
    };
    return texts[s];
}

enum service_event service_ended(const struct failure *f) {
    if (!f || f->retryable == RETRY_NO)
        return SERVICE_EV_DONE;
    return f->how == EXIT_RETURNED && f->retryable != RETRY_YES ? SERVICE_EV_DONE : SERVICE_EV_DOWN;
}

/* --- waiting ------------------------------------------------------------------------------------------------------ */

/* Uniform in [0, 1): xorshift64*, after S. Vigna, "An experimental exploration of Marsaglia's xorshift generators". */
static double random_unit(uint64_t *rng) {
    *rng ^= *rng >> 12;
    *rng ^= *rng << 25;
    *rng ^= *rng >> 27;
    return (double)(*rng * UINT64_C(2685821657736338717) >> 11) * 0x1p-53;
}

int64_t service_backoff(const struct cfg_lifecycle *life, int64_t attempt, uint64_t *rng) {
    double initial = (double)life->restart.initial_delay, max = (double)life->restart.max_delay;
    /* 0 stays 0, also when the factor has grown to infinity */
    double wait = initial > 0 ? initial * pow(life->restart.backoff_factor, (double)(attempt - 1)) : 0;
    if (wait > max)
        wait = max;
    wait *= 1 + life->restart.jitter * (2 * random_unit(rng) - 1);
    return wait > 0 ? (int64_t)wait : 0;
}

/* `after` from now on; 0 in the configuration means for ever, or not at all. */
static int64_t due_after(const struct step *s, int64_t after) {
    return after > 0 && after < SERVICE_NEVER - s->now ? s->now + after : SERVICE_NEVER;
}

static unsigned enter(const struct step *s, enum service_state state, int64_t due) {
    s->m->state = state;
    s->m->since = s->now;
    s->m->due = due;
    s->m->final = false;
    return 0;
}

/* --- cells ---------------------------------------------------------------------------------------------------------- */

static unsigned ignore(const struct step *s) {
    return 0;
}

static unsigned spawn(const struct step *s) {
    enter(s, SERVICE_STARTING, due_after(s, s->life->start_timeout));
    return SERVICE_DO_SPAWN;
}

/* Asked for, not a restart: it has all its attempts. */
static unsigned start(const struct step *s) {
    s->m->attempts = 0;
    s->m->stable = false;
    return spawn(s);
}

static unsigned up(const struct step *s) {
    enter(s, SERVICE_RUNNING, due_after(s, s->life->stable_threshold));
    if (s->life->stable_threshold == 0) {
        s->m->attempts = 0;
        s->m->stable = true;
    }
    return 0;
}

static unsigned stable(const struct step *s) {
    s->m->attempts = 0;
    s->m->stable = true;
    s->m->due = SERVICE_NEVER;
    return 0;
}

static unsigned stop(const struct step *s) {
    /* A stop_timeout of 0 does not wait. */
    enter(s, SERVICE_STOPPING, s->now + s->life->stop_timeout);
    return SERVICE_DO_CANCEL;
}

/* Its end follows as DONE or DOWN. */
static unsigned overdue(const struct step *s) {
    s->m->due = SERVICE_NEVER;
    return SERVICE_DO_KILL;
}

static unsigned rest(const struct step *s) {
    return enter(s, SERVICE_STOPPED, SERVICE_NEVER);
}

static unsigned done(const struct step *s) {
    return enter(s, SERVICE_EXITED, SERVICE_NEVER);
}

static unsigned down(const struct step *s) {
    int64_t max = s->life->restart.max_attempts;
    if (max && s->m->attempts >= max) {
        enter(s, SERVICE_FAILED, SERVICE_NEVER);
        s->m->final = true;
        return SERVICE_DID_GIVE_UP;
    }
    int64_t wait = service_backoff(s->life, ++s->m->attempts, s->rng);
    return enter(s, SERVICE_FAILED, s->now + wait);
}

static unsigned (*const table[SERVICE_STATE_COUNT][SERVICE_EVENT_COUNT])(const struct step *s) = {
    /*                     START   STOP    UP      DONE    DOWN    DUE */
    [SERVICE_UNKNOWN] = {start, rest, ignore, ignore, ignore, ignore},
    [SERVICE_STARTING] = {ignore, stop, up, done, down, overdue},
    [SERVICE_RUNNING] = {ignore, stop, ignore, done, down, stable},
    [SERVICE_STOPPING] = {ignore, ignore, ignore, rest, rest, overdue},
    [SERVICE_STOPPED] = {start, ignore, ignore, ignore, ignore, ignore},
    [SERVICE_FAILED] = {start, rest, ignore, ignore, ignore, spawn},
    [SERVICE_EXITED] = {start, ignore, ignore, ignore, ignore, ignore},
};

void service_fsm_init(struct service_fsm *m) {
    *m = (struct service_fsm){.state = SERVICE_UNKNOWN, .due = SERVICE_NEVER};
}

unsigned service_fsm_step(struct service_fsm *m, enum service_event ev, const struct cfg_lifecycle *life,
                          int64_t now, uint64_t *rng) {
    struct step s = {m, life, now, rng};
    return table[m->state][ev](&s);
}
