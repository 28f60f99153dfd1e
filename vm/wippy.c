#include "vm/wippy.h"

#include <string.h>

#include "vm/env.h"
#include "vm/errobj.h"
#include "vm/payload.h"
#include "vm/state.h"

/* --- casts: the argument itself, or an error ----------------------------------------------------------------------- */

static int cast_failed(lua_State *L, int idx, const char *wanted) {
    return luaL_error(L, "cannot cast %s to %s", vtype_word(L, idx), wanted);
}

static int cast_integer(lua_State *L) {
    lua_Number n = lua_type(L, 1) == LUA_TNUMBER ? lua_tonumber(L, 1) : 0.5;
    if (n != (lua_Number)(int64_t)n)
        return cast_failed(L, 1, "integer");
    lua_settop(L, 1);
    return 1;
}

static int cast_number(lua_State *L) {
    if (lua_type(L, 1) != LUA_TNUMBER)
        return cast_failed(L, 1, "number");
    lua_settop(L, 1);
    return 1;
}

static int cast_boolean(lua_State *L) {
    if (lua_type(L, 1) != LUA_TBOOLEAN)
        return cast_failed(L, 1, "boolean");
    lua_settop(L, 1);
    return 1;
}

/* __call of the string library's proxy, which is the first argument. */
static int cast_string(lua_State *L) {
    if (lua_type(L, 2) != LUA_TSTRING)
        return cast_failed(L, 2, "string");
    lua_settop(L, 2);
    return 1;
}

static const luaL_Reg casts[] = {
    {"integer", cast_integer}, {"number", cast_number}, {"boolean", cast_boolean}};

bool wippy_push_cast(lua_State *L, const char *key) {
    for (size_t i = 0; i < sizeof casts / sizeof casts[0]; i++)
        if (same_name(casts[i].name, key)) {
            lua_pushcclosure(L, casts[i].func, 0);
            return true;
        }
    return false;
}

/* --- payloads -------------------------------------------------------------------------------------------------------- */

void wippy_unwrap(lua_State *L, int from, int to) {
    for (int i = from; i <= to; i++)
        if (vtype_test(L, i, VTYPE_PAYLOAD)) {
            luaL_checkstack(L, 4, "payload");
            payload_push_data(L, i);
            lua_replace(L, i);
        }
}

/* --- strings --------------------------------------------------------------------------------------------------------- */

/* The text of an error object; other values as they are, for the library to complain about. */
static int text_of(lua_State *L) {
    const struct failure *f = errobj_failure(L, 1);
    if (f)
        lua_pushlstring(L, f->message, f->message_len);
    else
        lua_settop(L, 1);
    return 1;
}

static void open_string(lua_State *L) {
    env_push_prelude(L, "wippy");
    env_push_real(L, "string");
    env_push_shared_at(L, env_module("string"));
    lua_pushcclosure(L, text_of, 0);
    env_push_real(L, "_base");
    lua_pushvalue(L, -6); /* the table to be filled */
    lua_call(L, 5, 0);
    lua_pushcclosure(L, cast_string, 0);
    lua_setfield(L, -2, "__call");
}

const struct vlib vlib_string_wippy = {"string.wippy", NULL, open_string,
                                       VLIB_HIDDEN | VLIB_CALLABLE | VLIB_OWN, NULL};
