/* What all states of a vm share. */
#include "vm/library.h"

#include <criterion/criterion.h>
#include <lauxlib.h>
#include <lualib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sched/node.h"
#include "vm/env.h"
#include "vm/own_luajit.h"
#include "vm/vm_impl.h"

static const struct vm_hooks no_vm_hooks;
static const struct node_hooks no_hooks;

/* Otherwise all states have all of their own, and nobody would notice but for the memory it takes. */
Test(library, a_vm_has_one) {
    struct node *node = node_create(&no_hooks);
    struct vm *vm = vm_create(node, &no_vm_hooks);
    cr_assert(vm);
    cr_expect(OWN_LUAJIT ? vm->library != NULL : vm->library == NULL);
    vm_destroy(vm);
    node_destroy(node);
}

#if OWN_LUAJIT

/* --- of a vm ---------------------------------------------------------------------------------------------------------- */

struct place {
    struct node *node;
    struct vm *vm;
    struct vstate vs[2];
    lua_State *L[2];
};

static void *from_heap(void *ud, void *ptr, size_t osize, size_t nsize) {
    if (nsize)
        return realloc(ptr, nsize);
    free(ptr);
    return NULL;
}

static int open_state(lua_State *L) {
    env_open(L);
    return 0;
}

static struct place *open_place(void) {
    static struct place p;
    p.node = node_create(&no_hooks);
    p.vm = vm_create(p.node, &no_vm_hooks);
    for (int i = 0; i < 2; i++) {
        p.vs[i].vm = p.vm;
        luaJIT_seed = p.vm->seed;
        library_use(p.vm->library);
        p.L[i] = lua_newstate(from_heap, &p.vs[i]);
        library_use(NULL);
        luaJIT_seed = NULL;
        cr_assert(p.L[i] && lua_cpcall(p.L[i], open_state, NULL) == 0);
    }
    return &p;
}

static void close_place(struct place *p) {
    for (int i = 0; i < 2; i++)
        lua_close(p->L[i]);
    vm_destroy(p->vm);
    node_destroy(p->node);
}

static const char *interned(lua_State *L, const char *text) {
    lua_pushstring(L, text);
    const char *at = lua_tostring(L, -1);
    lua_settop(L, 0);
    return at;
}

Test(library, names_of_the_runtime_are_there_once_others_in_each_state) {
    struct place *p = open_place();
    static const char *const shared[] = {"spawn_monitored", "receive", "__index",
                                         "upper",           "while",   "pid.exit"};
    for (size_t i = 0; i < sizeof shared / sizeof *shared; i++)
        cr_expect_eq(interned(p->L[0], shared[i]), interned(p->L[1], shared[i]), "%s", shared[i]);
    static const char *const own[] = {"", "nothing of the runtime", "spawn_monitored "};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        cr_expect_neq(interned(p->L[0], own[i]), interned(p->L[1], own[i]), "%s", own[i]);
        cr_expect_eq(interned(p->L[0], own[i]), interned(p->L[0], own[i]), "%s", own[i]);
    }
    close_place(p);
}

Test(library, modules_and_types_are_the_same_in_all_states_and_stay) {
    struct place *p = open_place();
    for (int round = 0; round < 3; round++) {
        for (int i = 0; vlib_all[i]; i++) {
            const void *at[2];
            for (int k = 0; k < 2; k++) {
                if (vlib_all[i]->flags & VLIB_OWN)
                    lua_pushnil(p->L[k]);
                else
                    env_push_shared_at(p->L[k], i);
                at[k] = lua_topointer(p->L[k], -1);
                lua_settop(p->L[k], 0);
            }
            cr_expect_eq(at[0], at[1], "%s", vlib_all[i]->name);
        }
        for (int type = 1; type < VTYPE_COUNT; type++) {
            vtype_push_meta(p->L[0], (enum vtype)type);
            vtype_push_meta(p->L[1], (enum vtype)type);
            cr_expect_eq(lua_topointer(p->L[0], -1) != lua_topointer(p->L[1], -1),
                         vtype_is_own((enum vtype)type), "%s", vtype_name((enum vtype)type));
            lua_settop(p->L[0], 0);
            lua_settop(p->L[1], 0);
        }
        lua_gc(p->L[round & 1], LUA_GCCOLLECT, 0);
        lua_gc(p->L[0], LUA_GCCOLLECT, 0);
    }
    close_place(p);
}

/* A place in the runtime that wrote to what others share would be found at once. */
Test(library, nobody_can_write_to_it, .signal = SIGSEGV) {
    struct place *p = open_place();
    signal(SIGSEGV, SIG_DFL); /* AddressSanitizer catches it, and exits */
    env_push_shared_at(p->L[0], env_module("time"));
    lua_pushliteral(p->L[0], "now");
    lua_pushboolean(p->L[0], 1);
    lua_rawset(p->L[0], -3);
}

/* --- of LuaJIT --------------------------------------------------------------------------------------------------------- */

static const uint64_t seed[4] = {1, 2, 3, 4};

/* As the runtime's library: frees nothing, and is never closed. */
static void *from_pool(void *ud, void *ptr, size_t osize, size_t nsize) {
    static _Alignas(16) char pool[16 << 20];
    static size_t used;
    if (nsize <= osize)
        return nsize ? ptr : NULL;
    size_t at = used;
    used += (nsize + 15) & ~(size_t)15;
    cr_assert_leq(used, sizeof pool);
    return ptr ? memcpy(pool + at, ptr, osize) : pool + at;
}

static lua_State *new_state(lua_State *library) {
    luaJIT_seed = seed;
    luaJIT_library(library);
    lua_State *L = lua_newstate(library ? from_heap : from_pool, NULL);
    luaJIT_library(NULL);
    luaJIT_seed = NULL;
    cr_assert(L);
    return L;
}

Test(library, what_cannot_be_frozen_is_refused) {
    static const char *const values[] = {"function() end",
                                         "coroutine.create(print)",
                                         "newproxy()",
                                         "''",
                                         "{ x = { y = { function() end } } }",
                                         "{ [''] = 1 }",
                                         "setmetatable({}, { __gc = function() end })"};
    for (size_t i = 0; i <= sizeof values / sizeof *values; i++) {
        lua_State *L = new_state(NULL);
        luaL_openlibs(L);
        lua_gc(L, LUA_GCSTOP, 0);
        if (i < sizeof values / sizeof *values) {
            lua_pushfstring(L, "return %s", values[i]);
            cr_assert(luaL_loadstring(L, lua_tostring(L, -1)) == 0 && lua_pcall(L, 0, 1, 0) == 0);
        } else {
            lua_pushlightuserdata(L, &i);
        }
        cr_expect_not(luaJIT_freeze(L), "%s",
                      i < sizeof values / sizeof *values ? values[i] : "light userdata");
    }
}

/* Long and short, and many, so that chains of the library's and the state's own strings are long. */
static void intern_many(lua_State *L, const void **at, int n, int step) {
    for (int i = 0; i < n; i += step) {
        char text[300];
        memset(text, 'x', sizeof text);
        int len = snprintf(text, sizeof text, "%d", i);
        text[len] = 'x';
        lua_pushlstring(L, text, (size_t)(i % 280 + len));
        at[i] = lua_tostring(L, -1);
        lua_rawseti(L, 1, i + 1);
    }
}

Test(library, strings_are_found_there_and_among_the_states_own) {
    enum { N = 6000 };
    static const void *there[N], *here[N], *again[N];
    lua_State *library = new_state(NULL), *L;
    lua_gc(library, LUA_GCSTOP, 0);
    lua_newtable(library);
    intern_many(library, there, N, 3);
    lua_pushvalue(library, 1);
    lua_rawseti(library, LUA_REGISTRYINDEX, 1);
    cr_assert(luaJIT_freeze(library));
    cr_assert(luaJIT_share(library));
    L = new_state(library);
    for (int round = 0; round < 3; round++) {
        lua_settop(L, 0);
        lua_newtable(L);
        intern_many(L, here, N, 1);
        intern_many(L, again, N, 1);
        for (int i = 0; i < N; i++) {
            cr_expect_eq(here[i], again[i]);
            cr_expect_eq(here[i] == there[i], i % 3 == 0);
        }
        lua_gc(L, LUA_GCCOLLECT, 0);
        luaJIT_pushshared(L, library, 1);
        cr_expect(lua_istable(L, -1));
        lua_rawgeti(L, -1, 1);
        cr_expect_eq((const void *)lua_tostring(L, -1), there[0]);
    }
    lua_close(L);
}

/* Another seed hashes the same strings to something else: such a state has all of its own. */
Test(library, states_that_are_seeded_otherwise_share_nothing) {
    lua_State *library = new_state(NULL);
    lua_pushliteral(library, "a name");
    const char *at = lua_tostring(library, -1);
    cr_assert(luaJIT_freeze(library) && luaJIT_share(library));
    luaJIT_library(library);
    lua_State *L = lua_newstate(from_heap, NULL);
    luaJIT_library(NULL);
    cr_expect_neq(interned(L, "a name"), at);
    lua_close(L);
}

#endif
