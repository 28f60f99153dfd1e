/* The module `env`: environment variables, as far as `runtime.env` allows. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vm/errobj.h"
#include "vm/lib.h"
#include "vm/vm_impl.h"
#include "vm/vstate.h"

static bool allowed(lua_State *L, const char *name) {
    const struct vm_hooks *hooks = &vstate_of(L)->vm->hooks;
    return hooks->env_allowed && hooks->env_allowed(name);
}

/* A name that may not be read is as unknown as one that is not set. */
static int env_get(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);
    if (!*name)
        return errobj_nil(L, ERRKIND_INVALID, "env.get: the name is empty");
    const char *value = allowed(L, name) ? getenv(name) : NULL;
    if (!value)
        return errobj_nil(L, ERRKIND_NOT_FOUND, "env.get: variable not found: %s", name);
    lua_pushstring(L, value);
    return 1;
}

static int env_get_all(lua_State *L) {
    lua_createtable(L, 0, 8);
    for (char **e = environ; e && *e; e++) {
        const char *eq = strchr(*e, '=');
        if (!eq)
            continue;
        lua_pushlstring(L, *e, (size_t)(eq - *e));
        if (allowed(L, lua_tostring(L, -1))) {
            lua_pushstring(L, eq + 1);
            lua_rawset(L, -3);
        } else {
            lua_settop(L, -2);
        }
    }
    return 1;
}

static int env_set(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);
    return errobj_false(L, ERRKIND_PERMISSION_DENIED, "env.set: %s: the environment cannot be changed", name);
}

static const luaL_Reg funcs[] = {{"get", env_get}, {"get_all", env_get_all}, {"set", env_set}, {NULL, NULL}};
const struct vlib vlib_env = {"env", funcs, NULL, 0, NULL};
