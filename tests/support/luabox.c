#include "tests/support/luabox.h"

#include <criterion/criterion.h>
#include <lauxlib.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

#include "vm/state.h"
#include "vm/timer.h"

/* Stand-ins, used only where the module at hand does not bring the real ones. */
#define WEAK __attribute__((weak))

#define X(name, text) WEAK const struct vtype_desc vtype_desc_##name = {NULL, NULL};
VTYPE_MAP(X)
#undef X

WEAK bool vstate_wippy(const struct vstate *vs) {
    return false;
}

WEAK int vtimer_sleep(lua_State *L) {
    return luaL_error(L, "no scheduler here");
}

WEAK int vtimer_after(lua_State *L) {
    return luaL_error(L, "no scheduler here");
}

WEAK int vtimer_timer(lua_State *L) {
    return luaL_error(L, "no scheduler here");
}

WEAK int vtimer_ticker(lua_State *L) {
    return luaL_error(L, "no scheduler here");
}

static const char words[] =
    "function eq(got, wanted)\n"
    "    if got == wanted or got ~= got and wanted ~= wanted then return end\n"
    "    error(('got %s (%s), wanted %s (%s)'):format(tostring(got), type(got), tostring(wanted), "
    "type(wanted)), 2)\n"
    "end\n"
    "function fails(kind, text, ...)\n"
    "    local value, err = ...\n"
    "    if value then error('got ' .. tostring(value) .. ', wanted a failure', 2) end\n"
    "    if type(err) ~= 'userdata' then error('got no error object but ' .. tostring(err), 2) end\n"
    "    if err:kind() ~= kind then error(('got kind %s (%s), wanted %s'):format(err:kind(), tostring(err), "
    "kind), 2) end\n"
    "    if not tostring(err):find(text, 1, true) then\n"
    "        error(('got message %s, wanted %s'):format(tostring(err), text), 2)\n"
    "    end\n"
    "end\n"
    "function raises(text, fn, ...)\n"
    "    local ok, why = pcall(fn, ...)\n"
    "    if ok then error('raised nothing, wanted ' .. text, 2) end\n"
    "    if not tostring(why):find(text, 1, true) then error(('raised %s, wanted %s'):format(tostring(why), "
    "text), 2) end\n"
    "end\n";

/* The allocator's user data stands where real states have their vstate. */
static void *allocate(void *ud, void *block, size_t old_size, size_t size) {
    if (size)
        return realloc(block, size);
    free(block);
    return NULL;
}

static int traceback(lua_State *L) {
    lua_getglobal(L, "tostring");
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
    luaL_traceback(L, L, lua_tostring(L, -1), 1);
    return 1;
}

lua_State *luabox_open(const struct vlib *const *libs) {
    static _Alignas(64) char no_state[4096];
    lua_State *L = lua_newstate(allocate, no_state);
    cr_assert_not_null(L);
    luaL_openlibs(L);
    luabox_run(L, words);
    for (; *libs; libs++) {
        lua_newtable(L);
        for (const luaL_Reg *f = (*libs)->funcs; f && f->name; f++) {
            lua_pushcfunction(L, f->func);
            lua_setfield(L, -2, f->name);
        }
        for (const struct vlib_value *v = (*libs)->values; v && v->name; v++) {
            if (v->push)
                v->push(L);
            else if (v->text)
                lua_pushstring(L, v->text);
            else
                lua_pushnumber(L, v->number);
            lua_setfield(L, -2, v->name);
        }
        if ((*libs)->open)
            (*libs)->open(L);
        lua_setglobal(L, (*libs)->name);
    }
    return L;
}

void luabox_run(lua_State *L, const char *code) {
    lua_pushcfunction(L, traceback);
    int failed = luaL_loadbuffer(L, code, strlen(code), "=test") || lua_pcall(L, 0, 0, -2);
    cr_assert(!failed, "%s", lua_tostring(L, -1));
    lua_pop(L, 1);
}

void luabox_test(const struct vlib *const *libs, const char *code) {
    lua_State *L = luabox_open(libs);
    luabox_run(L, code);
    lua_close(L);
}
