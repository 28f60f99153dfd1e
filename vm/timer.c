#include "vm/timer.h"

#include <stddef.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "sched/wheel.h"
#include "vm/chan.h"
#include "vm/durobj.h"
#include "vm/errobj.h"
#include "vm/future.h"
#include "vm/heap.h"
#include "vm/mod_process.h"
#include "vm/task.h"
#include "vm/tidy.h"
#include "vm/timeobj.h"

#define TICKER_BUFFER 16

enum use { USE_SLEEP, USE_AFTER, USE_TIMER, USE_TICKER, USE_FUTURE, USE_TIDY };

struct vtimer {
    struct timer wheel;
    struct pid pid;
    struct vtimer *next, **link; /* in vs->timer_list */
    struct task *task;           /* USE_SLEEP */
    struct vfuture *future;      /* USE_FUTURE */
    struct chan *chan;           /* the others; NULL when Lua has dropped the channel */
    int64_t due, period;
    uint8_t use;
    bool kept;    /* by its process */
    bool armed;   /* started, and its firing not yet seen by the process */
    bool stopped; /* the firing that is under way does not count */
    /* Written under the wheel's lock by who fires it, or by whoever takes the signal: 1 while the signal is on its way. */
    atomic_bool under_way; /* release when it is let go, acquire by give_up */
    struct msg signal;     /* pushed into the mailbox when due; its memory is ours. Constant but for `next` */
};

/* The node, and so the timer, is out of the mailbox of a process that has ended. */
static void signal_dropped(struct msg *m) {
    struct vtimer *v = (struct vtimer *)((char *)m - offsetof(struct vtimer, signal));
    if (!v->kept)
        mem_free(v);
    else
        atomic_store_explicit(&v->under_way, false, memory_order_release);
}

/* Under the wheel's lock, on whatever thread fires. */
static void fire(struct sched_thread *t, struct timer *tm) {
    struct vtimer *v = (struct vtimer *)((char *)tm - offsetof(struct vtimer, wheel));
    atomic_store_explicit(&v->under_way, true, memory_order_relaxed);
    if (proc_post(t, v->pid, &v->signal) != SEND_OK)
        /* Its process is ending and gives the timer up after taking this lock. */
        atomic_store_explicit(&v->under_way, false, memory_order_release);
}

static struct vtimer *make(struct vstate *vs, enum use use) {
    struct vtimer *v = mem_calloc(1, sizeof *v);
    if (!v)
        return NULL;
    v->signal.kind = MSG_TIMER;
    v->signal.release = signal_dropped;
    v->wheel.fire = fire;
    v->wheel.own = use == USE_TIDY;
    v->pid = vs->proc->pid;
    v->use = (uint8_t)use;
    v->kept = true;
    v->next = vs->timer_list;
    v->link = &vs->timer_list;
    if (v->next)
        v->next->link = &v->next;
    vs->timer_list = v;
    return v;
}

static struct vtimer *vtimer_new(lua_State *L, struct vstate *vs, enum use use) {
    struct vm_host *h = vs->proc->host->user;
    if (h && h->max_timers && vs->timers >= h->max_timers)
        return NULL;
    struct vtimer *v = heap_charge(vs, sizeof *v) ? make(vs, use) : NULL;
    if (!v) {
        luaL_error(L, "not enough memory");
        return NULL;
    }
    vs->timers++;
    return v;
}

struct vtimer *vtimer_for_tidy(struct vstate *vs) {
    return make(vs, USE_TIDY);
}

static void start(struct vtimer *v, int64_t delay) {
    int64_t now = clock_mono_ns();
    if (delay < 0)
        delay = 0;
    v->due = delay > INT64_MAX - now ? INT64_MAX : now + delay;
    v->armed = true;
    v->stopped = false;
    wheel_start(&sched_self->worker->wheel, &v->wheel, v->due);
}

/* Before a timer is started again: an old signal of it may still be in the mailbox, and may not be pushed twice. false:
 * it could not be taken in, because the process is about to end. */
static bool settle(struct vstate *vs, struct vtimer *v) {
    if (atomic_load_explicit(&v->under_way, memory_order_relaxed))
        proc_poll(vs->proc);
    return !atomic_load_explicit(&v->under_way, memory_order_relaxed);
}

/* Returns whether it was pending. A firing under way is forgotten when it arrives. */
static bool stop(struct vtimer *v) {
    bool pending = v->armed;
    if (pending && !wheel_stop(&v->wheel))
        v->stopped = atomic_load_explicit(&v->under_way, memory_order_relaxed);
    v->armed = false;
    return pending;
}

/* The process needs it no more. */
static void give_up(struct vstate *vs, struct vtimer *v) {
    stop(v);
    *v->link = v->next;
    if (v->next)
        v->next->link = v->link;
    if (v->use != USE_TIDY) {
        vs->timers--;
        vs->charged -= sizeof *v;
    }
    v->kept = false;
    /* acquire: partner is signal_dropped. While the signal is in our own mailbox nobody else touches it. */
    if (!atomic_load_explicit(&v->under_way, memory_order_acquire))
        mem_free(v);
}

void vtimer_drop_all(struct vstate *vs) {
    while (vs->timer_list) {
        struct vtimer *v = vs->timer_list;
        if (v->chan)
            v->chan->timer = NULL;
        give_up(vs, v);
    }
}

/* --- firing -------------------------------------------------------------------------------------------------------- */

static void tick(struct vstate *vs, struct vtimer *v) {
    v->due += v->period;
    int64_t now = clock_mono_ns();
    if (v->due <= now) /* late: the ticks that were missed are dropped */
        v->due += (now - v->due) / v->period * v->period + v->period;
    v->armed = true;
    wheel_start(&sched_self->worker->wheel, &v->wheel, v->due);
}

void vtimer_fired(struct vstate *vs, struct msg *m) {
    struct vtimer *v = (struct vtimer *)((char *)m - offsetof(struct vtimer, signal));
    atomic_store_explicit(&v->under_way, false, memory_order_relaxed);
    if (!v->kept) {
        mem_free(v);
        return;
    }
    if (v->stopped) { /* and perhaps started again since */
        v->stopped = false;
        return;
    }
    v->armed = false;
    if (v->use == USE_SLEEP) {
        if (v->task->state != TASK_WAIT_PROC)
            task_ready(vs, v->task, WAKE_NOTHING);
        else if (!process_wait_over(vs, v->task))
            start(v, CLOCK_NS_PER_SEC / 100);
        return;
    }
    if (v->use == USE_TIDY) {
        tidy_due(vs);
        return;
    }
    if (v->use == USE_FUTURE) {
        future_timed_out(vs, v->future);
        give_up(vs, v);
        return;
    }
    struct chan *ch = v->chan;
    struct msg *note = NULL;
    if (ch && !ch->closed && (v->use != USE_TICKER || ch->queue.n < TICKER_BUFFER))
        note = msg_event(MSG_TIMER, 0);
    if (note) {
        chan_arrive(vs, ch, note);
        if (v->use == USE_AFTER)
            chan_close(vs, ch);
    }
    if (v->use == USE_TICKER)
        tick(vs, v);
    else if (v->use == USE_AFTER) {
        if (ch)
            ch->timer = NULL;
        give_up(vs, v);
    }
}

void vtimer_push_element(lua_State *L, const struct msg *m) {
    int64_t at = msg_event_at(m);
    int64_t sec = at / CLOCK_NS_PER_SEC;
    vtime_push(L, sec, (int32_t)(at - sec * CLOCK_NS_PER_SEC));
}

/* --- functions ------------------------------------------------------------------------------------------------------ */

/* The duration at idx; false: nil/false and an error object have to be returned. */
static bool duration_arg(lua_State *L, int idx, int64_t *ns) {
    return vdur_get(L, idx, ns);
}

static int bad_duration(lua_State *L, const char *what, bool nil) {
    lua_settop(L, 1);
    const char *text = lua_tostring(L, 1);
    return nil ? errobj_nil(L, ERRKIND_INVALID, "%s: invalid duration \"%s\"", what, text ? text : "?")
               : errobj_false(L, ERRKIND_INVALID, "%s: invalid duration \"%s\"", what, text ? text : "?");
}

static int too_many(lua_State *L, struct vstate *vs, const char *what) {
    return errobj_nil(L, ERRKIND_RATE_LIMITED,
                      "%s: %u timers already, the limit of this process (max_timers)", what, vs->timers);
}

int vtimer_sleep(lua_State *L) {
    struct vstate *vs = vstate_of(L);
    int64_t ns;
    if (!duration_arg(L, 1, &ns))
        return bad_duration(L, "sleep", false);
    task_check_block(L);
    struct task *t = vs->current;
    if (ns <= 0)
        return task_block(L, vs, TASK_READY); /* only gives way */
    if (!t->sleep) {
        t->sleep = vtimer_new(L, vs, USE_SLEEP);
        if (!t->sleep)
            return too_many(L, vs, "sleep");
        t->sleep->task = t;
    }
    if (settle(vs, t->sleep))
        start(t->sleep, ns);
    return task_block(L, vs, TASK_SLEEP);
}

bool vtimer_limit_wait(lua_State *L, struct vstate *vs, struct task *t, int64_t ns) {
    if (!t->sleep) {
        t->sleep = vtimer_new(L, vs, USE_SLEEP);
        if (!t->sleep)
            return false;
        t->sleep->task = t;
    }
    if (settle(vs, t->sleep))
        start(t->sleep, ns);
    return true;
}

struct vtimer *vtimer_for_future(lua_State *L, struct vstate *vs, struct vfuture *f) {
    struct vtimer *v = vtimer_new(L, vs, USE_FUTURE);
    if (v)
        v->future = f;
    return v;
}

void vtimer_start(struct vtimer *v, int64_t ns) {
    start(v, ns);
}

void vtimer_give_up(struct vstate *vs, struct vtimer *v) {
    give_up(vs, v);
}

void vtimer_cancel_sleep(struct task *t) {
    stop(t->sleep);
}

void vtimer_free_sleep(struct task *t) {
    t->sleep = NULL; /* vtimer_drop_all frees it with the others */
}

/* __gc of a timer's channel: nobody can see it fire any more. */
static int timer_chan_gc(lua_State *L) {
    struct chan *ch = lua_touserdata(L, 1);
    if (ch->timer) {
        give_up(vstate_of(L), ch->timer);
        ch->timer = NULL;
    }
    chan_drop_queue(vstate_of(L), ch);
    return 0;
}

static const luaL_Reg timer_chan_meta[] = {CHAN_META, {"__gc", timer_chan_gc}, {NULL, NULL}};
const struct vtype_desc vtype_desc_TIMER_CHANNEL = {chan_methods, timer_chan_meta};

/* Pushes a timer's channel. It is a channel like any other, but for its metatable. */
static struct chan *push_timer_chan(lua_State *L, struct vtimer *v) {
    struct chan *ch = chan_new(L, CHAN_TIMER, 0);
    ch->timer = v;
    v->chan = ch;
    vtype_push_meta(L, VTYPE_TIMER_CHANNEL);
    lua_setmetatable(L, -2);
    return ch;
}

int vtimer_after(lua_State *L) {
    struct vstate *vs = vstate_of(L);
    int64_t ns;
    if (!duration_arg(L, 1, &ns))
        return bad_duration(L, "after", true);
    struct vtimer *v = vtimer_new(L, vs, USE_AFTER);
    if (!v)
        return too_many(L, vs, "after");
    push_timer_chan(L, v);
    start(v, ns);
    return 1;
}

/* VTYPE_TIMER: its environment table holds [1] the channel. The channel points to the vtimer, as long as both live. */
struct timer_object {
    struct vhead head;
    struct chan *chan;
};

static int new_object(lua_State *L, const char *what, enum use use) {
    struct vstate *vs = vstate_of(L);
    int64_t ns;
    if (!duration_arg(L, 1, &ns))
        return bad_duration(L, what, true);
    if (use == USE_TICKER && ns <= 0)
        return errobj_nil(L, ERRKIND_INVALID, "ticker: the duration must be positive");
    struct timer_object *o = vtype_new(L, VTYPE_TIMER, sizeof *o);
    struct vtimer *v = vtimer_new(L, vs, use);
    if (!v)
        return too_many(L, vs, what);
    lua_createtable(L, 1, 0);
    o->chan = push_timer_chan(L, v);
    lua_rawseti(L, -2, 1);
    lua_setfenv(L, -2);
    v->period = ns;
    start(v, ns);
    return 1;
}

int vtimer_timer(lua_State *L) {
    return new_object(L, "timer", USE_TIMER);
}

int vtimer_ticker(lua_State *L) {
    return new_object(L, "ticker", USE_TICKER);
}

static struct vtimer *check_object(lua_State *L) {
    struct timer_object *o = vtype_check(L, 1, VTYPE_TIMER);
    return o->chan->timer;
}

static int timer_channel(lua_State *L) {
    vtype_check(L, 1, VTYPE_TIMER);
    lua_getfenv(L, 1);
    lua_rawgeti(L, -1, 1);
    return 1;
}

static int timer_stop(lua_State *L) {
    struct vtimer *v = check_object(L);
    proc_poll(vstate_of(L)->proc); /* one that has fired is not pending any more */
    lua_pushboolean(L, stop(v));
    return 1;
}

static int timer_reset(lua_State *L) {
    struct vtimer *v = check_object(L);
    int64_t ns;
    if (!vdur_get(L, 2, &ns)) {
        lua_replace(L, 1);
        return bad_duration(L, "reset", true);
    }
    if (v->use == USE_TICKER && ns <= 0)
        return errobj_nil(L, ERRKIND_INVALID, "reset: the duration of a ticker must be positive");
    proc_poll(vstate_of(L)->proc);
    bool was = stop(v);
    if (v->use == USE_TICKER)
        v->period = ns;
    if (settle(vstate_of(L), v))
        start(v, ns);
    lua_pushboolean(L, was);
    return 1;
}

static const luaL_Reg methods[] = {{"channel", timer_channel},
                                   {"response", timer_channel},
                                   {"stop", timer_stop},
                                   {"reset", timer_reset},
                                   {NULL, NULL}};
const struct vtype_desc vtype_desc_TIMER = {methods, NULL};
