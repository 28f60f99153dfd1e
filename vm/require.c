#include "vm/require.h"

#include <lauxlib.h>
#include <string.h>

#include "vm/cdata.h"
#include "vm/entry.h"
#include "vm/env.h"
#include "vm/errobj.h"

/* --- names -------------------------------------------------------------------------------------------------------- */

bool require_declared(const struct ventry *e, const char *name) {
    if (!e->limited)
        return true;
    for (size_t i = 0; i < e->module_count; i++)
        if (strcmp(e->modules[i], name) == 0)
            return true;
    return false;
}

static const struct vimport *find_import(const struct ventry *e, const char *name) {
    for (size_t i = 0; e && i < e->import_count; i++)
        if (strcmp(e->imports[i].alias, name) == 0)
            return &e->imports[i];
    return NULL;
}

static bool has_lists(const struct ventry *e) {
    return e->limited || e->import_count;
}

/* The entry whose code the running require was made for: its upvalue. NULL: the process' own, or one that is gone. */
static struct ventry *own_entry(lua_State *L, struct vstate *vs) {
    size_t len;
    const char *id = lua_tolstring(L, lua_upvalueindex(1), &len);
    return id ? ventry_find(vs->vm, id, len) : NULL;
}

/* --- libraries ---------------------------------------------------------------------------------------------------- */

/* Pushes the globals of a library's code: the process' environment, with a `require` of its own and (wippy) the modules that it lists. */
static void push_library_env(lua_State *L, struct vstate *vs, const struct ventry *lib) {
    lua_createtable(L, 0, 1);
    require_push(L, vs, lib->id);
    lua_setfield(L, -2, "require");
    for (size_t i = 0; vs->wippy && lib->limited && i < lib->module_count; i++)
        if (env_push_module(L, lib->modules[i]))
            lua_setfield(L, -2, lib->modules[i]);
    lua_createtable(L, 0, 3);
    stack_push_slot(L, REG_ENV);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, "__index");
    lua_setfield(L, -2, "__newindex");
    lua_pushliteral(L, "environment");
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
}

void require_push_chunk(lua_State *L, struct vstate *vs, const char *id) {
    const struct ventry *e = ventry_find(vs->vm, id, strlen(id));
    if (!e)
        luaL_error(L, "library not found: %s", id);
    if (cdata_load(L, e->bytecode, e->bytecode_len, e->chunk_name) != 0)
        lua_error(L);
    if (has_lists(e))
        push_library_env(L, vs, e);
    else
        stack_push_slot(L, REG_ENV);
    lua_setfenv(L, -2);
}

/* --- the function -------------------------------------------------------------------------------------------------- */

/* Pushes the built-in module `name`; or a text why there is none for this code, and returns false. */
static bool push_builtin(lua_State *L, struct vstate *vs, const struct ventry *own, const char *name) {
    const struct ventry *e = own ? own : vs->entry;
    int module = env_module(name);
    if (module >= 0 && !(vlib_all[module]->flags & VLIB_ALWAYS) &&
        !(own && own->limited && require_declared(own, name)) && !require_declared(vs->entry, name)) {
        lua_pushfstring(L, "module '%s' not found: entry %s has a list `modules:` without it; add it there",
                        name, (own && own->limited ? own : vs->entry)->id);
        return false;
    }
    if (module >= 0) {
        env_push_module_at(L, module);
        return true;
    }
    if (strcmp(name, "table.new") == 0 || strcmp(name, "table.clear") == 0) {
        env_push_module(L, "table");
        lua_getfield(L, -1, name + 6);
        return true;
    }
    if (e->script)
        lua_pushfstring(
            L,
            "module '%s' not found: it is no built-in module, and a file that is run by its name has "
            "no imports; make the file an entry with imports: { %s: namespace:library } (a test: "
            "and meta: { type: test })",
            name, name);
    else
        lua_pushfstring(
            L,
            "module '%s' not found: it is no built-in module and no alias in `imports:` of entry %s; declare "
            "it there as { %s: namespace:library }",
            name, e->id, name);
    return false;
}

/* require for code without imports. */
static int require_builtin(lua_State *L) {
    struct vstate *vs = vstate_of(L);
    const char *name = luaL_checkstring(L, 1);
    if (!push_builtin(L, vs, own_entry(L, vs), name)) {
        luaL_where(L, 1);
        lua_insert(L, -2);
        lua_concat(L, 2);
        return lua_error(L);
    }
    return 1;
}

/* The three results of require_find, for a library. The same one under two aliases is one instance. */
static int find_library(lua_State *L, struct vstate *vs, const struct vimport *import) {
    env_push_loaded(L);
    lua_pushfstring(L, "import:%s", import->id);
    lua_pushvalue(L, -1);
    lua_rawget(L, -3);
    if (lua_type(L, -1) == LUA_TLIGHTUSERDATA) {
        lua_pushnil(L);
        lua_pushfstring(L, "module '%s' is required while it is being loaded", import->alias);
        return 2;
    }
    if (lua_type(L, -1) != LUA_TNIL) {
        lua_pushboolean(L, 0);
        lua_insert(L, -2);
        return 2;
    }
    lua_settop(L, -2);
    require_push_chunk(L, vs, import->id);
    lua_insert(L, -2);
    lua_pushvalue(L, -1);
    lua_pushlightuserdata(L, vs);
    lua_rawset(L, -5);
    return 2;
}

/* Args: name. Returns the chunk of a library and the key that it is kept under; or false and the module; or nil and why not. */
static int require_find(lua_State *L) {
    struct vstate *vs = vstate_of(L);
    const char *name = luaL_checkstring(L, 1);
    const struct ventry *own = own_entry(L, vs);
    const struct vimport *import = find_import(own, name);
    if (!import)
        import = find_import(vs->entry, name);
    if (import)
        return find_library(L, vs, import);
    if (push_builtin(L, vs, own, name))
        lua_pushboolean(L, 0);
    else
        lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
}

/* What the table of loaded modules has besides them: the last error that a library's chunk raised, the traceback from
 * where it did, the coroutine, and whether that error is on its way up. */
enum { NOTE_ERROR = 1, NOTE_TRACE, NOTE_THREAD, NOTE_PASSED };

/* The error handler around a library's chunk: what is above the chunk will be gone when require passes the error on. */
static int require_note(lua_State *L) {
    char trace[ERROBJ_TRACE_MAX];
    lua_settop(L, 1);
    env_push_loaded(L);
    lua_rawgeti(L, 2, NOTE_PASSED);
    lua_rawgeti(L, 2, NOTE_ERROR);
    if (!lua_toboolean(L, 3) || !lua_rawequal(L, 1, 4)) {
        lua_pushlstring(L, trace, errobj_traceback(L, 1, trace, sizeof trace));
        lua_rawseti(L, 2, NOTE_TRACE);
        lua_pushvalue(L, 1);
        lua_rawseti(L, 2, NOTE_ERROR);
        lua_pushthread(L);
        lua_rawseti(L, 2, NOTE_THREAD);
    }
    lua_pushboolean(L, false);
    lua_rawseti(L, 2, NOTE_PASSED);
    lua_settop(L, 1);
    return 1;
}

bool require_push_trace(lua_State *L, lua_State *co) {
    int top = lua_gettop(L);
    stack_push_slot(L, REG_LOADED);
    if (lua_type(L, -1) == LUA_TTABLE) {
        lua_rawgeti(L, -1, NOTE_TRACE);
        lua_rawgeti(L, -2, NOTE_THREAD);
        lua_rawgeti(L, -3, NOTE_ERROR);
        lua_pushvalue(co, -1);
        lua_xmove(co, L, 1);
        if (lua_tothread(L, -3) == co && lua_rawequal(L, -1, -2)) {
            lua_settop(L, top + 2);
            lua_replace(L, top + 1);
            return true;
        }
    }
    lua_settop(L, top);
    return false;
}

/* Args: key, what xpcall gave for its chunk. Keeps and returns the library, or raises its error; then it may be tried again. */
static int require_keep(lua_State *L) {
    bool ok = lua_toboolean(L, 2);
    lua_settop(L, 3);
    if (ok && lua_type(L, 3) == LUA_TNIL) {
        lua_pushboolean(L, 1);
        lua_replace(L, 3);
    }
    env_push_loaded(L);
    lua_pushvalue(L, 1);
    if (ok)
        lua_pushvalue(L, 3);
    else
        lua_pushnil(L);
    lua_rawset(L, -3);
    lua_pushboolean(L, !ok);
    lua_rawseti(L, -2, NOTE_PASSED);
    lua_settop(L, 3);
    return ok ? 1 : lua_error(L);
}

static void push_upvalue(lua_State *L, const char *own) {
    if (own)
        lua_pushstring(L, own);
    else
        lua_pushnil(L);
}

void require_push(lua_State *L, struct vstate *vs, const char *own) {
    const struct ventry *e = own ? ventry_find(vs->vm, own, strlen(own)) : NULL;
    if (vs->entry->import_count || (e && e->import_count)) {
        env_push_prelude(L, "require");
        push_upvalue(L, own);
        lua_pushcclosure(L, require_find, 1);
        lua_pushcclosure(L, require_keep, 0);
        lua_pushcclosure(L, require_note, 0);
        env_push_real(L, "_base");
        lua_call(L, 4, 1);
    } else {
        push_upvalue(L, own);
        lua_pushcclosure(L, require_builtin, 1);
    }
}
