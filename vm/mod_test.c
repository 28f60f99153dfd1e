/* The module `test`: vm/lua/test.lua, which gets what it needs of the state from here. */
#include "vm/env.h"
#include "vm/require.h"
#include "vm/vm_impl.h"

/* lib(name): the real table of a module, so that what a test patches does not reach its runner. */
static int real_table(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);
    if (!env_push_real(L, name))
        return luaL_error(L, "no module '%s'", name);
    return 1;
}

static int environment(lua_State *L) {
    stack_push_slot(L, REG_ENV);
    return 1;
}

/* What processes other than tests have printed since the last call. */
static int drain(lua_State *L) {
    const struct vm_hooks *hooks = &vstate_of(L)->vm->hooks;
    char text[8192];
    size_t len = hooks->take_prints ? hooks->take_prints(text, sizeof text) : 0;
    lua_pushlstring(L, text, len);
    return 1;
}

/* load(id): the code of an entry as a function. */
static int load_entry(lua_State *L) {
    require_push_chunk(L, vstate_of(L), luaL_checkstring(L, 1));
    return 1;
}

static void open_test(lua_State *L) {
    env_push_prelude(L, "test");
    lua_pushcclosure(L, real_table, 0);
    lua_pushcclosure(L, environment, 0);
    lua_pushcclosure(L, drain, 0);
    lua_pushcclosure(L, load_entry, 0);
    lua_pushvalue(L, -6); /* the real table, to be filled */
    lua_call(L, 5, 0);
}

const struct vlib vlib_test = {"test", NULL, open_test, VLIB_ALWAYS | VLIB_OWN, NULL};
