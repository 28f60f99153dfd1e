#include "vm/preempt.h"

#include <luajit.h>
#include <lualib.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "vm/task.h"

/* Between two tries where the process cannot yield. */
#define RETRY_INSTRUCTIONS 1000

static void hook(lua_State *L, lua_Debug *ar) {
    struct vstate *vs = vstate_of(L);
    preempt_disarm(vs);
    struct task *t = vs->current;
    if (!t)
        return;
    if (t->raise) {
        const char *why = t->raise;
        t->raise = NULL;
        luaL_error(L, "%s", why);
    }
    if (lua_isyieldable(L)) {
        vs->preempted = true;
        lua_yield(L, 0);
        return;
    }
    preempt_arm(vs, RETRY_INSTRUCTIONS);
    if (proc_poll(vs->proc) || vs->over_memory)
        luaL_error(L, "process terminated");
}

void preempt_arm(struct vstate *vs, int instructions) {
    lua_sethook(vs->L, hook, LUA_MASKCOUNT, instructions);
    vs->armed = 1;
}

void preempt_disarm(struct vstate *vs) {
    vs->armed = 0;
    lua_sethook(vs->L, NULL, 0, 0);
}

void preempt_raise(lua_State *L, struct vstate *vs) {
    preempt_arm(vs, 1);
}

void task_rearm(lua_State *L) {
    preempt_arm(vstate_of(L), RETRY_INSTRUCTIONS);
}

void vm_preempt(void *running) {
    preempt_arm(running, 1);
}

/* --- self-check: an endless compiled loop in a thread of its own, and a hook set by a signal handler in it ---------- */

static lua_State *volatile checked;
static volatile sig_atomic_t interrupted;

static void check_hook(lua_State *L, lua_Debug *ar) {
    lua_sethook(L, NULL, 0, 0);
    interrupted = 1;
    luaL_error(L, "interrupted");
}

static void check_handler(int sig) {
    if (checked)
        lua_sethook(checked, check_hook, LUA_MASKCOUNT, 1);
}

static void *check_main(void *arg) {
    /* Long enough to be caught in, short enough to end when it cannot be. */
    static const char loop[] = "local x = 0 for i = 1, 2e8 do x = x + i % 7 end return x";
    lua_State *L = arg;
    if (luaL_loadstring(L, loop) == 0) {
        checked = L;
        lua_pcall(L, 0, 1, 0);
        checked = NULL;
    }
    return NULL;
}

bool preempt_self_check(void) {
    lua_State *L = luaL_newstate();
    if (!L)
        return false;
    luaL_openlibs(L);
    struct sigaction sa = {.sa_handler = check_handler, .sa_flags = SA_RESTART}, old;
    sigemptyset(&sa.sa_mask);
    sigaction(SIGURG, &sa, &old);
    pthread_t thread;
    interrupted = 0;
    if (pthread_create(&thread, NULL, check_main, L) == 0) {
        struct timespec pause = {.tv_nsec = 5000000};
        for (int i = 0; i < 5 && !interrupted; i++) {
            nanosleep(&pause, NULL);
            pthread_kill(thread, SIGURG);
        }
        pthread_join(thread, NULL);
    }
    sigaction(SIGURG, &old, NULL);
    lua_close(L);
    return interrupted;
}
