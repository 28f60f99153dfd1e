#include "vm/base.h"

#include <lualib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "vm/cstack.h"
#include "vm/env.h"
#include "vm/message.h"
#include "vm/preempt.h"
#include "vm/require.h"
#include "vm/strlib.h"
#include "vm/task.h"
#include "vm/vm_impl.h"
#include "vm/wippy.h"

/* --- functions that differ from LuaJIT's -------------------------------------------------------------------------- */

void base_push_text(lua_State *L, int idx) {
    if (luaL_callmeta(L, idx, "__tostring")) {
        if (lua_type(L, -1) != LUA_TSTRING)
            luaL_error(L, "'tostring' must return a string to 'print'");
        return;
    }
    switch (lua_type(L, idx)) {
    case LUA_TNUMBER:
    case LUA_TSTRING:
        lua_pushvalue(L, idx);
        lua_tolstring(L, -1, NULL);
        break;
    case LUA_TBOOLEAN:
        lua_pushstring(L, lua_toboolean(L, idx) ? "true" : "false");
        break;
    case LUA_TNIL:
        lua_pushliteral(L, "nil");
        break;
    default:
        lua_pushfstring(L, "%s: %p", luaL_typename(L, idx), lua_topointer(L, idx));
    }
}

static int base_print(lua_State *L) {
    struct vstate *vs = vstate_of(L);
    int n = lua_gettop(L);
    if (vs->wippy)
        wippy_unwrap(L, 1, n);
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (int i = 1; i <= n; i++) {
        if (i > 1)
            luaL_addchar(&b, '\t');
        base_push_text(L, i);
        luaL_addvalue(&b);
    }
    luaL_addchar(&b, '\n');
    luaL_pushresult(&b);
    size_t len;
    const char *line = lua_tolstring(L, -1, &len);
    if (vs->vm->hooks.print)
        vs->vm->hooks.print(vs->proc, line, len);
    return 0;
}

/* Only what cannot outlive the process; the collector's settings would, so such a state is not used again. */
static int base_collectgarbage(lua_State *L) {
    static const char *const names[] = {"collect", "count",    "step",       "stop",
                                        "restart", "setpause", "setstepmul", NULL};
    static const int ops[] = {LUA_GCCOLLECT, LUA_GCCOUNT,    LUA_GCSTEP,      LUA_GCSTOP,
                              LUA_GCRESTART, LUA_GCSETPAUSE, LUA_GCSETSTEPMUL};
    int op = ops[luaL_checkoption(L, 1, "collect", names)];
    int arg = (int)luaL_optinteger(L, 2, 0);
    if (op == LUA_GCCOUNT) {
        lua_pushnumber(L,
                       (lua_Number)lua_gc(L, LUA_GCCOUNT, 0) + (lua_Number)lua_gc(L, LUA_GCCOUNTB, 0) / 1024);
        return 1;
    }
    if (op != LUA_GCCOLLECT && op != LUA_GCSTEP)
        vstate_of(L)->dirty = true;
    int r = lua_gc(L, op, arg);
    if (op == LUA_GCSTEP)
        lua_pushboolean(L, r);
    else
        lua_pushinteger(L, r);
    return 1;
}

static int os_getenv(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);
    struct vstate *vs = vstate_of(L);
    const char *v = vs->vm->hooks.env_allowed && vs->vm->hooks.env_allowed(name) ? getenv(name) : NULL;
    if (v)
        lua_pushstring(L, v);
    else
        lua_pushnil(L);
    return 1;
}

/* --- the base library ----------------------------------------------------------------------------------------------- */

static const char *const safe[] = {"assert",       "error",    "getmetatable", "ipairs", "next",
                                   "pairs",        "pcall",    "rawequal",     "rawget", "select",
                                   "setmetatable", "tonumber", "tostring",     "type",   "unpack",
                                   "xpcall",       "_VERSION", "gcinfo",       "rawlen"};

static const luaL_Reg own[] = {{"print", base_print}, {"collectgarbage", base_collectgarbage}};

void base_open_native(lua_State *L) {
    lua_pushcfunction(L, luaopen_base);
    lua_pushliteral(L, "");
    lua_call(L, 1, 0);
    lua_pushvalue(L, LUA_GLOBALSINDEX);
}

void base_fill(lua_State *L) {
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        lua_pushcclosure(L, own[i].func, 0);
        lua_setfield(L, -2, own[i].name);
    }
    for (size_t i = 0; i < sizeof safe / sizeof safe[0]; i++) {
        lua_getfield(L, LUA_GLOBALSINDEX, safe[i]);
        lua_setfield(L, -2, safe[i]);
    }
}

/* --- standard libraries: each gets its real table on top of the stack ---------------------------------------------- */

static void drop(lua_State *L, const char *name) {
    lua_pushnil(L);
    lua_setfield(L, -2, name);
}

void base_seal(lua_State *L, const char *type) {
    lua_pushstring(L, type);
    lua_setfield(L, -2, "__metatable");
    lua_pushcclosure(L, message_call_value, 0);
    lua_setfield(L, -2, "__call");
}

static void trim_string(lua_State *L) {
    static const char *const gone[] = {"dump", "find", "match", "gmatch", "gfind", "gsub"};
    for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++)
        drop(L, gone[i]);
    /* luaopen_string has given all strings its own metatable: nobody may read or change it. */
    lua_pushliteral(L, "");
    if (lua_getmetatable(L, -1)) {
        base_seal(L, "string");
        lua_settop(L, -2);
    }
    lua_settop(L, -2);
}

/* table.new and table.clear wait in package.preload, where the table library has put them. */
static void extend_table(lua_State *L) {
    static const char *const extra[] = {"new", "clear"};
    drop(L, "sort");
    lua_getfield(L, LUA_REGISTRYINDEX, "_PRELOAD");
    for (int i = 0; i < 2 && lua_type(L, -1) == LUA_TTABLE; i++) {
        lua_pushfstring(L, "table.%s", extra[i]);
        lua_rawget(L, -2);
        if (lua_type(L, -1) == LUA_TFUNCTION) {
            lua_call(L, 0, 1);
            lua_setfield(L, -3, extra[i]);
        } else {
            lua_settop(L, -2);
        }
    }
    lua_settop(L, -2);
}

/* Ten thousand processes that draw the same numbers would be of no use. */
void base_seed_random(lua_State *L) {
    double seed = 0;
    uint64_t bits;
    if (getrandom(&bits, sizeof bits, GRND_NONBLOCK) == (ssize_t)sizeof bits)
        seed = (double)(bits >> 11);
    lua_getfield(L, -1, "randomseed");
    lua_pushnumber(L, seed);
    lua_call(L, 1, 0);
}

static void trim_os(lua_State *L) {
    static const char *const kept[] = {"time", "date", "clock", "difftime"};
    lua_createtable(L, 0, 5);
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        lua_getfield(L, -2, kept[i]);
        lua_setfield(L, -2, kept[i]);
    }
    lua_pushcclosure(L, os_getenv, 0);
    lua_setfield(L, -2, "getenv");
    lua_replace(L, -2);
}

/* --- for table.sort: vm/lua/table.lua ------------------------------------------------------------------------------ */

static int sort_invalid(lua_State *L) {
    return env_raise(L, "invalid order function for sorting");
}

static bool is_cdata(int type) {
    return type > LUA_TTHREAD; /* the one type that Lua 5.1 has no name for */
}

/* Pushes what orders a table or userdata, nil when nothing does. Only values of one type with the same can be compared. */
static void push_order(lua_State *L, int idx) {
    int type = lua_type(L, idx);
    if ((type != LUA_TTABLE && type != LUA_TUSERDATA) || !luaL_getmetafield(L, idx, "__lt"))
        lua_pushnil(L);
}

/* order(v): for 64-bit integers `true`, which LuaJIT compares as it does numbers. */
static int sort_order(lua_State *L) {
    if (is_cdata(lua_type(L, 1)))
        lua_pushboolean(L, true);
    else
        push_order(L, 1);
    return 1;
}

/* check(a, b): raises as `a < b` would. */
static int sort_check(lua_State *L) {
    int a = lua_type(L, 1), b = lua_type(L, 2);
    if (is_cdata(a) || is_cdata(b) || (a == b && (a == LUA_TNUMBER || a == LUA_TSTRING)))
        return 0;
    if (a != b)
        return env_raise(L, "attempt to compare %s with %s", lua_typename(L, a), lua_typename(L, b));
    push_order(L, 1);
    push_order(L, 2);
    if (lua_type(L, -1) == LUA_TNIL || !lua_rawequal(L, -1, -2))
        return env_raise(L, "attempt to compare two %s values", lua_typename(L, a));
    return 0;
}

bool base_push_late(lua_State *L, const char *lib, const char *key) {
    if (strcmp(lib, LUA_STRLIBNAME) == 0)
        return strlib_push_late(L, key);
    if (strcmp(lib, LUA_TABLIBNAME) != 0 || strcmp(key, "sort") != 0)
        return false;
    env_push_prelude(L, "table");
    lua_pushcclosure(L, sort_invalid, 0);
    lua_pushcclosure(L, sort_check, 0);
    lua_pushcclosure(L, sort_order, 0);
    env_push_real(L, "_base");
    lua_call(L, 4, 1);
    return true;
}

const struct vlib vlib_string = {"string", strlib_funcs, trim_string,
                                 VLIB_GLOBAL | VLIB_ALWAYS | VLIB_STANDARD | VLIB_LATE, NULL};
const struct vlib vlib_table = {"table", NULL, extend_table,
                                VLIB_GLOBAL | VLIB_ALWAYS | VLIB_STANDARD | VLIB_LATE, NULL};
const struct vlib vlib_math = {"math", NULL, NULL, VLIB_GLOBAL | VLIB_ALWAYS | VLIB_STANDARD | VLIB_OWN,
                               NULL};
const struct vlib vlib_bit = {"bit", NULL, NULL, VLIB_GLOBAL | VLIB_ALWAYS | VLIB_STANDARD, NULL};
const struct vlib vlib_os = {"os", NULL, trim_os, VLIB_GLOBAL | VLIB_ALWAYS | VLIB_STANDARD, NULL};

/* --- coroutine ------------------------------------------------------------------------------------------------------- */

/* Why the coroutine that just yielded nothing did so: "block", "preempt", or false: the program meant it. */
static int coro_leaving(lua_State *L) {
    struct vstate *vs = vstate_of(L);
    if (vs->blocked || vs->preempted)
        lua_pushstring(L, vs->blocked ? "block" : "preempt");
    else
        lua_pushboolean(L, 0);
    return 1;
}

/* Such an interruption cannot be passed on: the process goes on a little. */
static int coro_put_off(lua_State *L) {
    struct vstate *vs = vstate_of(L);
    vs->preempted = false;
    preempt_put_off(L, vs);
    return 0;
}

/* A blocking call cannot be passed on: it raises where it was made, at the next resume. */
static int coro_refuse(lua_State *L) {
    struct vstate *vs = vstate_of(L);
    struct task *t = vs->current;
    if (t->state != TASK_MATCH) {
        task_refuse(L, vs);
        return 0;
    }
    /* A search needs nobody: it goes on here, and the coroutine gets its results. */
    vs->blocked = false;
    t->state = TASK_READY;
    int n = strlib_finish(L, vs, t);
    if (t->raise)
        preempt_raise(L, vs);
    return n;
}

/* "main" or "task" when the running coroutine is one of the scheduler's, false in those made by create and wrap. */
static int coro_place(lua_State *L) {
    struct vstate *vs = vstate_of(L);
    if (!vs->current || vs->current->co != L)
        lua_pushboolean(L, 0);
    else
        lua_pushstring(L, vs->current == &vs->main ? "main" : "task");
    return 1;
}

/* Each coroutine that is resumed inside another takes some of the C stack. */
static int coro_room(lua_State *L) {
    lua_pushboolean(L, !cstack_low());
    return 1;
}

static void open_coroutine(lua_State *L) {
    static const char *const natives[] = {"error", "select", "setmetatable", "type"};
    stack_push_slot(L, REG_NATIVE);
    int native = lua_gettop(L);
    env_push_prelude(L, "coroutine");
    lua_getfield(L, native, "coroutine");
    lua_pushcclosure(L, coro_leaving, 0);
    lua_pushcclosure(L, coro_put_off, 0);
    lua_pushcclosure(L, coro_refuse, 0);
    lua_pushcclosure(L, coro_place, 0);
    lua_pushcclosure(L, coro_room, 0);
    lua_pushcclosure(L, task_spawn, 0);
    lua_pushcclosure(L, task_spawn_on, 0);
    for (size_t i = 0; i < sizeof natives / sizeof natives[0]; i++)
        lua_getfield(L, native, natives[i]);
    lua_pushvalue(L, native - 1); /* the real table, to be filled */
    lua_call(L, 13, 0);
    lua_settop(L, native - 1);
}

const struct vlib vlib_coroutine = {"coroutine", NULL, open_coroutine, VLIB_GLOBAL | VLIB_ALWAYS | VLIB_OWN,
                                    NULL};
