#include "vm/preempt.h"

#include <luajit.h>
#include <lualib.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

#include "vm/env.h"
#include "vm/panic.h"
#include "vm/profile.h"
#include "vm/task.h"

/* Between two tries where the process cannot yield. */
#define RETRY_INSTRUCTIONS 1000

static void hook(lua_State *L, lua_Debug *ar) {
    struct vstate *vs = vstate_of(L);
    preempt_disarm(vs);
    struct task *t = vs->current;
    /* While a coroutine's yield is passed on, up to the scheduler (vm/lua/coroutine.lua), nothing else may intervene. */
    if (!t || vs->preempted || vs->blocked)
        return;
    if (t->raise) {
        const char *why = t->raise;
        t->raise = NULL;
        env_where(L, 0); /* the function that made the blocking call, or the prelude's */
        lua_pushstring(L, why);
        lua_concat(L, 2);
        lua_error(L);
    }
    if (!vs->over_memory && !profile_hook(L))
        return;
    if (lua_isyieldable(L)) {
        vs->preempted = true;
        lua_yield(L, 0);
        return;
    }
    preempt_put_off(L, vs);
}

static bool must_end(struct vstate *vs) {
    struct proc *p = vs->proc;
    /* A top level that runs inside its spawner's spawn must not outlive an order to the spawner either. */
    return proc_poll(p) || p->failure || vs->over_memory || proc_overran(p) ||
           (vs->starting_in && (proc_poll(vs->starting_in) || proc_overran(vs->starting_in)));
}

/* An error that calls no error handler: a handler that does not return would be called again inside itself for each
 * error that ends it. Lua's own errors of that kind are those for want of memory. */
static void raise_end(lua_State *L, struct vstate *vs) {
    lua_gc(L, LUA_GCSTOP, 0); /* so that the next request is this one */
    vs->refuse_memory = true;
    lua_newuserdata(L, 1);
}

void preempt_put_off(lua_State *L, struct vstate *vs) {
    bool end = must_end(vs);
    /* When it has to end: at every instruction. Whatever catches this error, what comes next raises the next one. */
    preempt_arm(vs, end ? 1 : RETRY_INSTRUCTIONS);
    if (!end)
        return;
    vs->dirty = true; /* the error may come in the midst of the prelude's own code */
    raise_end(L, vs);
}

void preempt_arm(struct vstate *vs, int instructions) {
    vs->hook_changes = true;
    lua_sethook(vs->L, hook, LUA_MASKCOUNT, instructions);
    vs->armed = 1;
    vs->hook_changes = false;
}

void preempt_disarm(struct vstate *vs) {
    vs->hook_changes = true;
    vs->armed = 0;
    lua_sethook(vs->L, NULL, 0, 0);
    vs->hook_changes = false;
}

void preempt_raise(lua_State *L, struct vstate *vs) {
    preempt_arm(vs, 1);
}

/*
 * In a signal handler, in the midst of anything. lua_sethook may be called so, but two calls inside one another may leave
 * LuaJIT's dispatch table half of this and half of that: ours keep off each other, and where it is LuaJIT's own change that we
 * interrupt (a trace begins or ends) the next signal, half a slice later, finds the hook still armed and sets it anew.
 */
void vm_preempt(void *running) {
    struct vstate *vs = running;
    if (vs->hook_changes)
        return;
    if (vs->armed)
        lua_sethook(vs->L, NULL, 0, 0);
    preempt_arm(vs, 1);
}

/* --- self-check: a compiled loop in a thread of its own, and a hook set by a signal handler in it ------------------- */

/* One at a time: it takes place before there are workers. */
static struct {
    _Atomic(lua_State *)
        state; /* in the loop, which is compiled; relaxed: a hint to whoever signals, all of it the handler's
                                 * own thread otherwise */
    int64_t began_ns;  /* on the thread's own clock; release and acquire by `state` */
    atomic_bool ended; /* relaxed: a hint; the join orders the rest */
    bool interrupted;  /* in the loop, not after it; read after the join */
} check;

/* Lines tell where it was interrupted; the loop ends by itself when it cannot be. */
static const char check_loop[] = "local x, n = 0, ...\n"
                                 "for i = 1, n do x = x + i % 7 end\n"
                                 "return x";
#define CHECK_LINE 2
#define CHECK_TURNS 3e7
#define CHECK_WARM_UP 1000

static void check_hook(lua_State *L, lua_Debug *ar) {
    lua_sethook(L, NULL, 0, 0);
    check.interrupted = lua_getinfo(L, "l", ar) && ar->currentline == CHECK_LINE;
    luaL_error(L, "interrupted");
}

static void check_handler(int sig) {
    lua_State *L = atomic_load_explicit(&check.state, memory_order_relaxed);
    if (L)
        lua_sethook(L, check_hook, LUA_MASKCOUNT, 1);
}

static int64_t thread_ns(clockid_t clock) {
    struct timespec t = {0};
    clock_gettime(clock, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int run_loop(lua_State *L, lua_Number turns) {
    lua_pushvalue(L, 1);
    lua_pushnumber(L, turns);
    return lua_pcall(L, 1, 0, 0);
}

static void check_run(lua_State *L) {
    luaL_openlibs(L);
    if (luaL_loadstring(L, check_loop) == 0 && run_loop(L, CHECK_WARM_UP) == 0) {
        check.began_ns = thread_ns(CLOCK_THREAD_CPUTIME_ID);
        /* release: partner is preempt_self_check */
        atomic_store_explicit(&check.state, L, memory_order_release);
        run_loop(L, CHECK_TURNS);
    }
}

static void *check_main(void *arg) {
    struct panic here;
    lua_State *L = arg;
    panic_enter(&here);
    lua_atpanic(L, panic_function);
    /* A panic: no memory, or LuaJIT may not change what its machine code's pages are for (too many mappings). */
    if (setjmp(here.jump) == 0)
        check_run(L);
    atomic_store_explicit(&check.state, NULL, memory_order_relaxed);
    panic_leave(&here);
    atomic_store_explicit(&check.ended, true, memory_order_relaxed);
    return NULL;
}

/* Signals the thread once it has surely come to the loop: by its own clock, whatever else the machine does. */
static void check_signal(pthread_t thread) {
    clockid_t clock;
    if (pthread_getcpuclockid(thread, &clock) != 0)
        return;
    while (!atomic_load_explicit(&check.ended, memory_order_relaxed)) {
        struct timespec pause = {.tv_nsec = 500000};
        nanosleep(&pause, NULL);
        if (atomic_load_explicit(&check.state, memory_order_acquire) &&
            thread_ns(clock) > check.began_ns + 1000000)
            pthread_kill(thread, SIGURG);
    }
}

bool preempt_self_check(void) {
    lua_State *L = luaL_newstate();
    if (!L)
        return false;
    struct sigaction sa = {.sa_handler = check_handler, .sa_flags = SA_RESTART}, old;
    sigemptyset(&sa.sa_mask);
    sigaction(SIGURG, &sa, &old);
    pthread_t thread;
    check.interrupted = false;
    atomic_store_explicit(&check.ended, false, memory_order_relaxed);
    if (pthread_create(&thread, NULL, check_main, L) == 0) {
        check_signal(thread);
        pthread_join(thread, NULL);
    }
    sigaction(SIGURG, &old, NULL);
    lua_close(L);
    return check.interrupted;
}
