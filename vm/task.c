#include "vm/task.h"

#include <setjmp.h>
#include <string.h>

#include "base/alloc.h"
#include "vm/call.h"
#include "vm/chan.h"
#include "vm/cstack.h"
#include "vm/env.h"
#include "vm/errobj.h"
#include "vm/heap.h"
#include "vm/inbox.h"
#include "vm/life.h"
#include "vm/mod_process.h"
#include "vm/panic.h"
#include "vm/preempt.h"
#include "vm/spawn.h"
#include "vm/strlib.h"
#include "vm/tidy.h"
#include "vm/timer.h"
#include "vm/upgrade.h"
#include "vm/vm_impl.h"

/* --- states ------------------------------------------------------------------------------------------------------- */

void task_init_main(lua_State *L, struct vstate *vs) {
    stack_push_slot(L, REG_MAIN);
    lua_State *co = lua_tothread(L, -1);
    lua_settop(L, -2);
    if (!co) {
        co = lua_newthread(L);
        stack_pop_slot(L, REG_MAIN);
    }
    vs->main.co = co;
}

void task_ready(struct vstate *vs, struct task *t, enum wake_kind wake) {
    t->wake = wake;
    t->next = NULL;
    *vs->ready_end = t;
    vs->ready_end = &t->next;
}

static struct task *take_ready(struct vstate *vs) {
    struct task *t = vs->ready;
    if (t) {
        vs->ready = t->next;
        if (!vs->ready)
            vs->ready_end = &vs->ready;
    }
    return t;
}

int task_hold(lua_State *L, struct vstate *vs, struct task *t) {
    if (!t->hold)
        t->hold = anchor_take(L, vs);
    return t->hold;
}

void task_check_block(lua_State *L) {
    if (!vstate_of(L)->current)
        env_raise(L, "a blocking call cannot be made here");
    if (!lua_isyieldable(L))
        env_raise(L, "attempt to yield across C-call boundary");
}

int task_block(lua_State *L, struct vstate *vs, enum task_state why) {
    vs->current->state = why;
    vs->blocked = true;
    return lua_yield(L, 0);
}

void task_answered(struct vstate *vs, struct task *t, struct msg *m) {
    t->wait_pid = (struct pid){0}; /* what else comes from there is no answer */
    t->msg = m;
    if (!m) {
        task_stop_timing(t);
        t->raise = "not enough memory";
    }
    task_ready(vs, t, m ? WAKE_REPLY : WAKE_NOTHING);
}

void task_stop_timing(struct task *t) {
    if (t->timed)
        vtimer_cancel_sleep(t);
    t->timed = false;
}

void task_refuse(lua_State *L, struct vstate *vs) {
    struct task *t = vs->current;
    vs->blocked = false;
    task_unqueue(t);
    call_end(vs, &t->call);
    task_stop_timing(t);
    if (t->state == TASK_SLEEP)
        vtimer_cancel_sleep(t);
    t->state = TASK_READY;
    t->raise = "attempt to yield across C-call boundary";
    preempt_raise(L, vs);
}

/* --- coroutine.spawn ------------------------------------------------------------------------------------------------ */

/* How a task's turn ended. */
enum turn {
    TURN_WAITS,    /* it is blocked, or done */
    TURN_GAVE_WAY, /* it is the last of the ready ones */
    TURN_CUT, /* interrupted in the midst of something: it is on no list, and goes on before any other of the process */
    TURN_EXIT /* the process ends, or is replaced */
};

static enum turn run_task(struct proc *p, struct vstate *vs, struct task *t);

/*
 * Runs a new task up to its first blocking call, inside the one that spawned it. When the slice ends before, both are
 * interrupted; the spawning one goes on first, and with it, by task_spawn_on, the new one.
 */
static int begin(lua_State *L, struct vstate *vs, struct task *t) {
    struct task *caller = vs->current;
    enum turn turn;
    for (;;) {
        turn = run_task(vs->proc, vs, t);
        vs->current = caller;
        if (turn != TURN_CUT || lua_isyieldable(L))
            break;
        preempt_put_off(L, vs);
    }
    if (turn == TURN_EXIT) { /* the caller never runs again */
        if (!lua_isyieldable(L)) {
            preempt_put_off(L, vs);
            return env_raise(L, "the process ends");
        }
        vs->blocked = true;
        return lua_yield(L, 0);
    }
    if (turn == TURN_CUT) {
        t->next = vs->cut;
        vs->cut = t;
        vs->preempted = true;
        return lua_yield(L, 0);
    }
    lua_pushboolean(L, true);
    return 1;
}

int task_spawn_on(lua_State *L) {
    struct vstate *vs = vstate_of(L);
    struct task **link = &vs->cut;
    while ((*link)->co != lua_tothread(L, 1))
        link = &(*link)->next;
    struct task *t = *link;
    *link = t->next;
    return begin(L, vs, t);
}

int task_spawn(lua_State *L) {
    struct vstate *vs = vstate_of(L);
    struct vm_host *limits = vs->proc->host->user;
    lua_State *co = lua_tothread(L, 1);
    if (limits && limits->max_coroutines && vs->live_tasks >= limits->max_coroutines)
        return errobj_raise(
            L, ERRKIND_RATE_LIMITED,
            "coroutine.spawn: %u coroutines already, the limit of this process (max_coroutines)",
            vs->live_tasks);
    struct task *t = mem_calloc(1, sizeof *t);
    if (!t)
        return env_raise(L, "not enough memory");
    /* On the list before anything can raise: whatever happens, task_drop_all finds it. */
    t->all_next = vs->tasks;
    t->all_link = &vs->tasks;
    if (vs->tasks)
        vs->tasks->all_link = &t->all_next;
    vs->tasks = t;
    vs->live_tasks++;
    t->state = TASK_DEAD;
    task_hold(L, vs, t);
    anchor_push(L, vs);
    lua_pushvalue(L, 1);
    lua_rawseti(L, -2, t->hold + ANCHOR_CO);
    lua_settop(L, -2);
    t->co = co;
    t->nargs = lua_gettop(L) - 1;
    if (!lua_checkstack(co, t->nargs + 1))
        return env_raise(L, "stack overflow");
    lua_xmove(L, co, t->nargs);
    t->state = TASK_READY;
    t->wake = WAKE_START;
    return begin(L, vs, t);
}

static void forget_task(lua_State *L, struct vstate *vs, struct task *t) {
    if (t == &vs->main)
        return;
    if (t->hold)
        anchor_drop(L, vs, t->hold); /* may raise: it is still on the list then */
    *t->all_link = t->all_next;
    if (t->all_next)
        t->all_next->all_link = t->all_link;
    vs->live_tasks--;
    vtimer_free_sleep(t);
    mem_free(t->many);
    mem_free(t);
}

/* --- running ------------------------------------------------------------------------------------------------------------ */

static void fail(struct proc *p, struct failure *f) {
    if (!p->failure)
        p->failure = f;
    else
        failure_release(f);
}

/* Values for the task to be resumed with, on its coroutine. */
static int push_wake(struct vstate *vs, struct task *t) {
    switch (t->wake) {
    case WAKE_START:
        if (!t->co) { /* the process begins */
            life_open(vs->L, vs);
            return 0;
        }
        return t->nargs;
    case WAKE_NOTHING:
        return 0;
    case WAKE_MATCH:
        return strlib_continue(t->co, vs, t);
    case WAKE_REPLY:
        return reply_push(t->co, vs, t);
    default:
        return chan_push_wake(t->co, vs, t);
    }
}

static enum turn cut(struct task *t, enum wake_kind wake) {
    t->wake = wake;
    return TURN_CUT;
}

static enum turn run_task(struct proc *p, struct vstate *vs, struct task *t) {
    struct worker *w = sched_self->worker;
    vs->current = t;
    int n = push_wake(vs, t);
    lua_State *co = t->co;
    if (n < 0) {
        vs->current = NULL;
        return t->wake == WAKE_ANEW ? TURN_WAITS : cut(t, WAKE_MATCH);
    }
    t->state = TASK_READY;
    if (t->raise)
        preempt_raise(co, vs);
    void *outer = worker_published(w);
    worker_publish(w, vs);
    int rc = lua_resume(co, n);
    worker_publish(w, outer);
    vs->blocked = false;
    vs->current = NULL;
    if (vs->armed)
        preempt_disarm(vs);
    if (p->failure || p->kill || vs->upgrade_now)
        return TURN_EXIT; /* by a coroutine that it spawned, or by its own order */
    if (rc == LUA_YIELD) {
        if (vs->preempted) {
            vs->preempted = false;
            return cut(t, WAKE_NOTHING);
        }
        if (t->state == TASK_MATCH)
            return cut(t, WAKE_MATCH);
        if (t->state == TASK_UPGRADE) {
            vs->upgrade_now = true;
            return TURN_EXIT;
        }
        if (t->state != TASK_READY)
            return TURN_WAITS;
        task_ready(vs, t, WAKE_NOTHING);
        return TURN_GAVE_WAY;
    }
    t->state = rc == 0 ? TASK_DEAD : TASK_FAILED;
    if (rc == 0 && t->raise) {
        fail(p, failure_format(ERRKIND_UNKNOWN, EXIT_RAISED, "%s", t->raise));
        return TURN_EXIT;
    }
    if (rc != 0) {
        fail(p, spawn_failure_from(co, vs, vs->top_level ? EXIT_START : EXIT_RAISED));
        return TURN_EXIT;
    }
    if (t != &vs->main) {
        forget_task(co, vs, t);
        return TURN_WAITS;
    }
    if (vs->top_level) {
        if (!spawn_prepare_main(p))
            return TURN_EXIT;
        task_ready(vs, t, WAKE_START);
        return TURN_WAITS;
    }
    spawn_main_returned(p, co, lua_gettop(co));
    return TURN_EXIT;
}

/* One of the ready tasks, or a new process' main. */
static enum step take_turn(struct proc *p, struct vstate *vs, struct task *t) {
    switch (run_task(p, vs, t)) {
    case TURN_WAITS:
        return STEP_WAIT;
    case TURN_CUT:
        t->next = vs->ready;
        vs->ready = t;
        if (!t->next)
            vs->ready_end = &t->next;
        return STEP_AGAIN;
    case TURN_GAVE_WAY:
        return STEP_AGAIN;
    case TURN_EXIT:
        break;
    }
    return STEP_EXIT;
}

/* Whether something outside the process could still wake one of its tasks. */
static bool hopeful(const struct task *t) {
    switch (t->state) {
    case TASK_RECEIVE:
        return t->one.queued && chan_external(t->one.chan);
    case TASK_SELECT:
        for (uint16_t i = 0; i < t->many_n; i++)
            if (chan_external(t->many[i].chan))
                return true;
        return false;
    case TASK_SLEEP:
    case TASK_WAIT_PROC:
    case TASK_MATCH:
    case TASK_READY:
        return true;
    default:
        return false;
    }
}

static bool deadlocked(struct vstate *vs) {
    if (hopeful(&vs->main))
        return false;
    for (struct task *t = vs->tasks; t; t = t->all_next)
        if (hopeful(t))
            return false;
    return true;
}

static enum step run_ready(struct proc *p, struct vstate *vs) {
    struct worker *w = sched_self->worker;
    for (struct task *t; (t = take_ready(vs));) {
        enum step s = take_turn(p, vs, t);
        if (vs->over_memory)
            s = STEP_EXIT;
        if (s != STEP_WAIT)
            return s;
        if (proc_poll(p))
            return STEP_EXIT;
        if (vs->ready && worker_must_yield(w))
            return STEP_AGAIN;
    }
    if (deadlocked(vs)) {
        fail(p, spawn_deadlock(vs));
        return STEP_EXIT;
    }
    return tidy_wanted(vs) ? tidy_step(vs) : STEP_WAIT;
}

static __attribute__((cold)) void limit_failure(struct proc *p, struct vstate *vs) {
    codec_scratch_recover();
    failure_release(p->failure);
    if (vs->over_host)
        p->failure = failure_format(
            ERRKIND_RATE_LIMITED, EXIT_LIMIT,
            "memory limit exceeded: the processes of host %s use more than %llu bytes (memory)", p->host->id,
            (unsigned long long)host_limit(p->host, memory));
    else
        p->failure =
            failure_format(ERRKIND_RATE_LIMITED, EXIT_LIMIT,
                           "memory limit exceeded: more than %zu bytes (process_memory)", vs->memory_limit);
}

static int64_t coarse_tick(const struct vstate *vs) {
    return atomic_load_explicit(&vs->vm_node->tick, memory_order_relaxed);
}

/* Not only interrupted early because a timer was due: others often are. */
static bool used_up_its_slice(struct proc *p) {
    return worker_held_ns(sched_self->worker, os_now()) >= host_limit(p->host, time_slice_ns);
}

/* After a step that began when the coarse clock showed `tick`: whether the state should get machine code. */
static void look_at_work(struct proc *p, struct vstate *vs, enum step s, int64_t tick) {
    if (s == STEP_EXIT || (s == STEP_AGAIN && vs->tidy.running))
        return;
    if (s == STEP_AGAIN && used_up_its_slice(p)) {
        life_consider_jit(vs, true);
        return;
    }
    if (vs->jit_on)
        return;
    vs->steps++;
    if (tick != coarse_tick(vs)) {
        vs->ticks++;
        life_consider_jit(vs, false);
    }
}

/* Lua was out of memory outside of any coroutine. */
static __attribute__((cold)) void step_failed(struct proc *p, struct vstate *vs) {
    codec_scratch_recover();
    vs->dirty = true;
    worker_publish(sched_self->worker, NULL);
    vs->current = NULL;
    fail(p, failure_format(ERRKIND_INTERNAL, EXIT_RAISED, "not enough memory"));
}

enum step task_step(struct proc *p) {
    struct vstate *volatile vs = p->data;
    const int64_t tick = coarse_tick(vs);
    struct panic here;
    enum step s;
    vs->turns++;
    cstack_enter();
    panic_enter(&here);
    if (setjmp(here.jump) == 0) {
        s = run_ready(p, vs);
    } else {
        step_failed(p, vs);
        s = STEP_EXIT;
    }
    panic_leave(&here);
    if (vs->over_memory) {
        limit_failure(p, vs);
        s = STEP_EXIT;
    }
    if (s == STEP_EXIT && vs->upgrade_now && !p->failure && upgrade_commit(p))
        return STEP_AGAIN;
    vm_account(vs);
    if (vs->pressed && vs->memory < vs->memory_limit / 4)
        heap_relax(vs);
    look_at_work(p, vs, s, tick);
    return s;
}

static int run_main(lua_State *L) {
    struct proc *p = lua_touserdata(L, 1);
    struct vstate *vs = p->data;
    vs->start_step = take_turn(p, vs, &vs->main);
    return 0;
}

enum start task_start_now(struct proc *p) {
    struct vstate *vs = p->data;
    enum start result = START_FAILED;
    vs->start_step = STEP_EXIT;
    /* Protected by a call, not by a panic frame: frames of the spawning process' Lua code are below us. */
    if (lua_cpcall(vs->L, run_main, p) != 0) {
        lua_settop(vs->L, 0);
        vs->dirty = true;
        vs->current = NULL;
        worker_publish(sched_self->worker, NULL);
        fail(p, failure_format(ERRKIND_INTERNAL, EXIT_START, "not enough memory"));
    } else if (vs->start_step == STEP_WAIT) {
        result = vs->top_level ? START_LATER : START_DONE;
    } else if (vs->start_step == STEP_AGAIN) {
        result = START_LATER;
    }
    if (vs->over_memory) {
        limit_failure(p, vs);
        result = START_FAILED;
    }
    if (result == START_FAILED && !p->failure) { /* it was ordered to end */
        p->failure = p->kill;
        p->kill = NULL;
    }
    return result;
}

void task_drop_all(struct vstate *vs) {
    task_unqueue(&vs->main);
    vtimer_free_sleep(&vs->main);
    mem_free(vs->main.many);
    if (vs->main.msg)
        vstate_consumed(vs, vs->main.msg);
    for (struct task *t = vs->tasks, *next; t; t = next) {
        next = t->all_next;
        task_unqueue(t);
        if (t->msg)
            vstate_consumed(vs, t->msg);
        vtimer_free_sleep(t);
        mem_free(t->many);
        mem_free(t);
    }
    vs->tasks = NULL;
    vs->live_tasks = 0;
}
