#include "vm/env.h"

#include <luajit.h>
#include <lualib.h>
#include <stdarg.h>
#include <string.h>

#include "base/alloc.h"
#include "vm/base.h"
#include "vm/entry.h"
#include "vm/errobj.h"
#include "vm/library.h"
#include "vm/prelude.h"
#include "vm/require.h"
#include "vm/vm_impl.h"
#include "vm/wippy.h"

/* --- modules ------------------------------------------------------------------------------------------------------ */

static int lib_index(const char *name) {
    for (int i = 0; vlib_all[i]; i++)
        if (same_name(vlib_all[i]->name, name))
            return i;
    return -1;
}

static void push_proxy(lua_State *L, int index);

/* Pushes what stands at `index` in the registry's list `slot`; false and nothing: no table. */
static bool push_listed(lua_State *L, int slot, int index) {
    stack_push_slot(L, slot);
    if (lua_type(L, -1) == LUA_TTABLE) {
        lua_rawgeti(L, -1, index + 1);
        lua_replace(L, -2);
        if (lua_type(L, -1) == LUA_TTABLE)
            return true;
    }
    lua_settop(L, -2);
    return false;
}

/* Puts the table on top of the stack there, where it stays, too. */
static void keep_listed(lua_State *L, int slot, int index) {
    stack_push_slot(L, slot);
    if (lua_type(L, -1) != LUA_TTABLE) {
        lua_settop(L, -2);
        lua_createtable(L, 0, 0);
        lua_pushvalue(L, -1);
        stack_pop_slot(L, slot);
    }
    lua_pushvalue(L, -2);
    lua_rawseti(L, -2, index + 1);
    lua_settop(L, -2);
}

static bool is_own(int index) {
    return vlib_all[index]->flags & (VLIB_OWN | VLIB_LATE);
}

/* Keeps the value on top of the stack in the table at `to`, by the key at 2; the value stays. */
static int keep_member(lua_State *L, int to) {
    lua_pushvalue(L, 2);
    lua_pushvalue(L, -2);
    lua_rawset(L, to);
    return 1;
}

/* In the process' proxy of the module: the real table is nobody's. */
static int keep_in_proxy(lua_State *L, int index) {
    env_push_module(L, vlib_all[index]->name);
    lua_insert(L, -2);
    return keep_member(L, lua_gettop(L) - 1);
}

/* Standard libraries are opened by LuaJIT into the state's hidden globals and its list of libraries, and taken out of there. */
static const struct {
    const char *name;
    lua_CFunction open;
} standard[] = {
    {LUA_STRLIBNAME, luaopen_string}, {LUA_TABLIBNAME, luaopen_table}, {LUA_MATHLIBNAME, luaopen_math},
    {LUA_OSLIBNAME, luaopen_os},      {LUA_BITLIBNAME, luaopen_bit},
};

static void open_standard(lua_State *L, const char *name) {
    for (size_t i = 0; i < sizeof standard / sizeof standard[0]; i++)
        if (strcmp(standard[i].name, name) == 0) {
            lua_pushcfunction(L, standard[i].open);
            lua_pushstring(L, name);
            lua_call(L, 1, 1);
            lua_pushnil(L);
            lua_setfield(L, LUA_GLOBALSINDEX, name);
            lua_getfield(L, LUA_REGISTRYINDEX, "_LOADED");
            lua_pushnil(L);
            lua_setfield(L, -2, name);
            lua_settop(L, -2);
        }
}

/* Some functions of LuaJIT's libraries are bytecode, which changes as it is compiled: these are each state's own. In the table on top
 * of the stack, `true` stands for them. */
static void mark_bytecode(lua_State *L) {
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        if (lua_type(L, -1) == LUA_TFUNCTION && !lua_iscfunction(L, -1)) {
            lua_pushvalue(L, -2);
            lua_pushboolean(L, 1);
            lua_rawset(L, -5);
        }
        lua_settop(L, -2);
    }
}

static void push_bytecode(lua_State *L, const char *lib, const char *key) {
    int top = lua_gettop(L);
    lua_pushliteral(L, "");
    lua_getmetatable(L, -1); /* luaopen_string gives strings another one */
    open_standard(L, lib);
    lua_getfield(L, -1, key);
    lua_pushvalue(L, top + 2);
    lua_setmetatable(L, top + 1);
    lua_replace(L, top + 1);
    lua_settop(L, top + 1);
}

static void push_new_lib(lua_State *L, int index) {
    const struct vlib *lib = vlib_all[index];
    if (lib->flags & VLIB_STANDARD)
        open_standard(L, lib->name);
    else
        lua_createtable(L, 0, 4);
    if (lib->flags & VLIB_LATE)
        mark_bytecode(L);
    if (lib->open)
        lib->open(L);
    for (const luaL_Reg *f = lib->funcs; f && f->name; f++) {
        lua_pushcclosure(L, f->func, 0);
        lua_setfield(L, -2, f->name);
    }
    for (const struct vlib_value *v = lib->values; v && v->name; v++) {
        if (v->push)
            continue;
        if (v->text)
            lua_pushstring(L, v->text);
        else
            lua_pushnumber(L, v->number);
        lua_setfield(L, -2, v->name);
    }
}

/* What a real table does not have: its __index. Upvalue: the module's index. */
static int lib_member(lua_State *L) {
    int index = (int)lua_tointeger(L, lua_upvalueindex(1));
    const struct vlib *lib = vlib_all[index];
    if (lua_type(L, 2) != LUA_TSTRING)
        return 0;
    const char *key = lua_tostring(L, 2);
    if (lib->flags & VLIB_LATE) { /* the table is the state's own, and has what its processes have used */
        env_push_shared_at(L, index);
        lua_pushvalue(L, 2);
        lua_rawget(L, -2);
        if (lua_type(L, -1) == LUA_TBOOLEAN)
            push_bytecode(L, lib->name, key);
        else if (lua_type(L, -1) == LUA_TNIL && !base_push_late(L, lib->name, key))
            return 0;
        return keep_member(L, 1);
    }
    for (const struct vlib_value *v = lib->values; v && v->name; v++)
        if (v->push && same_name(v->name, key)) {
            v->push(L);
            return keep_in_proxy(L, index);
        }
    /* A member table is a proxy of its own. */
    char full[64];
    snprintf(full, sizeof full, "%s.%s", lib->name, key);
    int sub = lib_index(full);
    if (sub < 0 || !(vlib_all[sub]->flags & VLIB_SUB))
        return 0;
    push_proxy(L, sub);
    return keep_in_proxy(L, index);
}

/* For the table on top of the stack, which has no metatable. */
static void look_further(lua_State *L, int index) {
    lua_createtable(L, 0, 1);
    lua_pushinteger(L, index);
    lua_pushcclosure(L, lib_member, 1);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
}

void env_push_shared_at(lua_State *L, int index) {
    if (push_listed(L, REG_LIBS, index))
        return;
    push_new_lib(L, index);
    look_further(L, index);
    keep_listed(L, REG_LIBS, index);
}

bool env_has_own(lua_State *L, int index) {
    bool has = vlib_all[index]->flags & VLIB_OWN && push_listed(L, REG_OWN_LIBS, index);
    if (has)
        lua_settop(L, -2);
    return has;
}

void env_push_real_at(lua_State *L, int index) {
    if (!is_own(index)) {
        env_push_shared_at(L, index);
        return;
    }
    if (push_listed(L, REG_OWN_LIBS, index))
        return;
    if (vlib_all[index]->flags & VLIB_LATE) {
        lua_createtable(L, 0, 2);
        env_push_shared_at(L, index);
        lua_getmetatable(L, -1);
        lua_setmetatable(L, -3);
        lua_settop(L, -2);
    } else {
        push_new_lib(L, index);
    }
    keep_listed(L, REG_OWN_LIBS, index);
}

/* --- the string library, which all strings have for their methods --------------------------------------------------- */

/* Pops a table and makes it the methods of all strings. */
static void set_string_methods(lua_State *L, struct vstate *vs, enum strings which) {
    lua_pushliteral(L, "");
    lua_getmetatable(L, -1);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    lua_settop(L, -4);
    vs->strings = (uint8_t)which;
}

/* A process adds to its string library: as everywhere in Lua, strings then have that method. env_begin takes it back. */
static int string_newindex(lua_State *L) {
    lua_settop(L, 3);
    lua_rawset(L, 1);
    lua_settop(L, 1);
    set_string_methods(L, vstate_of(L), STRINGS_PATCHED);
    return 0;
}

/* The methods that the process' dialect wants. */
static void restore_strings(lua_State *L, struct vstate *vs) {
    enum strings which = vs->wippy ? STRINGS_WIPPY : STRINGS_PLAIN;
    env_push_real_at(L, lib_index(vs->wippy ? vlib_string_wippy.name : vlib_string.name));
    set_string_methods(L, vs, which);
}

void env_push_proxy_meta(lua_State *L, int index) {
    int list = is_own(index) ? REG_OWN_LIB_METAS : REG_LIB_METAS;
    if (push_listed(L, list, index))
        return;
    lua_createtable(L, 0, 2);
    env_push_real_at(L, index);
    lua_setfield(L, -2, "__index");
    lua_pushstring(L, vlib_all[index]->name);
    lua_setfield(L, -2, "__metatable");
    if (vlib_all[index] == &vlib_string || vlib_all[index] == &vlib_string_wippy) {
        lua_pushcclosure(L, string_newindex, 0);
        lua_setfield(L, -2, "__newindex");
    }
    if (vlib_all[index]->flags & VLIB_CALLABLE) {
        env_push_real_at(L, index);
        lua_getfield(L, -1, "__call");
        lua_setfield(L, -3, "__call");
        lua_settop(L, -2);
    }
    stack_seal(L);
    keep_listed(L, list, index);
}

static void push_proxy(lua_State *L, int index) {
    lua_createtable(L, 0, 0);
    env_push_proxy_meta(L, index);
    lua_setmetatable(L, -2);
}

void env_push_loaded(lua_State *L) {
    stack_push_slot(L, REG_LOADED);
    if (lua_type(L, -1) == LUA_TTABLE)
        return;
    lua_settop(L, -2);
    lua_createtable(L, 0, 4);
    lua_pushvalue(L, -1);
    stack_pop_slot(L, REG_LOADED);
}

int env_module(const char *name) {
    int index = lib_index(name);
    return index < 0 || vlib_all[index]->flags & (VLIB_SUB | VLIB_HIDDEN) ? -1 : index;
}

void env_push_module_at(lua_State *L, int index) {
    const char *name = vlib_all[index]->name;
    if (vlib_all[index] == &vlib_string && vstate_of(L)->wippy)
        index = lib_index(vlib_string_wippy.name);
    env_push_loaded(L);
    lua_getfield(L, -1, name);
    if (lua_type(L, -1) == LUA_TNIL) {
        lua_settop(L, -2);
        push_proxy(L, index);
        lua_pushvalue(L, -1);
        lua_setfield(L, -3, name);
        if (vlib_all[index] == &vlib_math)
            base_seed_random(L);
    }
    lua_replace(L, -2);
}

bool env_push_module(lua_State *L, const char *name) {
    int index = env_module(name);
    if (index >= 0)
        env_push_module_at(L, index);
    return index >= 0;
}

bool env_push_real(lua_State *L, const char *name) {
    if (strcmp(name, "_base") == 0) {
        stack_push_slot(L, REG_NATIVE);
        return true;
    }
    int index = lib_index(name);
    if (index < 0)
        return false;
    env_push_real_at(L, index);
    return true;
}

#define PRELUDE_FOLDER "vm/lua/" /* the names of its chunks begin so */

void env_where(lua_State *L, int level) {
    lua_Debug ar;
    while (lua_getstack(L, level, &ar) && lua_getinfo(L, "S", &ar) &&
           strncmp(ar.short_src, PRELUDE_FOLDER, sizeof PRELUDE_FOLDER - 1) == 0)
        level++;
    luaL_where(L, level);
}

int env_raise(lua_State *L, const char *fmt, ...) {
    env_where(L, 1);
    va_list args;
    va_start(args, fmt);
    lua_pushvfstring(L, fmt, args);
    va_end(args);
    lua_concat(L, 2);
    return lua_error(L);
}

void env_push_prelude(lua_State *L, const char *name) {
    const struct prelude_chunk *c = prelude_chunks;
    while (c->name && strcmp(c->name, name) != 0)
        c++;
    char chunk_name[64];
    snprintf(chunk_name, sizeof chunk_name, "=%s", name);
    if (!c->name || luaL_loadbuffer(L, (const char *)c->bytes, c->len, chunk_name) != 0)
        luaL_error(L, "the prelude's part '%s' cannot be loaded", name);
}

/* --- globals ---------------------------------------------------------------------------------------------------------- */

/* Whoever names rawset may add to the string library with it, past string_newindex. */
static void push_rawset(lua_State *L, struct vstate *vs) {
    env_push_module(L, vlib_string.name);
    set_string_methods(L, vs, STRINGS_PATCHED);
    stack_push_slot(L, REG_NATIVE);
    lua_getfield(L, -1, "rawset");
    lua_replace(L, -2);
}

/* Keeps the value on top of the stack in the process' environment, as its global `key` (a stack index). */
static void keep_global(lua_State *L, int key) {
    stack_push_slot(L, REG_ENV);
    lua_pushvalue(L, key);
    lua_pushvalue(L, -3);
    lua_rawset(L, -3);
    lua_settop(L, -2);
}

/* Depends on the entry. */
static void push_require(lua_State *L, struct vstate *vs) {
    stack_push_slot(L, REG_REQUIRE);
    if (lua_type(L, -1) == LUA_TFUNCTION)
        return;
    lua_settop(L, -2);
    require_push(L, vs, NULL);
    lua_pushvalue(L, -1);
    stack_pop_slot(L, REG_REQUIRE);
}

/* __index of the base table: args base, key. What is not the same for all processes. */
static int base_lookup(lua_State *L) {
    if (lua_type(L, 2) != LUA_TSTRING)
        return 0;
    struct vstate *vs = vstate_of(L);
    const char *key = lua_tostring(L, 2);
    if (strcmp(key, "_G") == 0) {
        stack_push_slot(L, REG_ENV);
        return 1;
    }
    if (vs->wippy &&
        wippy_push_cast(L, key)) /* not kept: the next process here may be of the other dialect */
        return 1;
    if (strcmp(key, "rawset") == 0) {
        push_rawset(L, vs);
        keep_global(L, 2);
        return 1;
    }
    if (strcmp(key, "require") == 0) {
        push_require(L, vs);
        return 1;
    }
    int index = env_module(key);
    if (index < 0)
        return 0;
    unsigned flags = vlib_all[index]->flags;
    bool visible = flags & VLIB_GLOBAL || (flags & VLIB_WIPPY && vs->wippy);
    if (!visible && vs->wippy && vs->entry->limited)
        visible = require_declared(vs->entry, key);
    if (!visible)
        return 0;
    env_push_module_at(L, index);
    keep_global(L, 2);
    return 1;
}

/* __index of strings until a method of theirs is called. */
static int string_method(lua_State *L) {
    restore_strings(L, vstate_of(L));
    lua_pushvalue(L, 2);
    lua_gettable(L, 1);
    return 1;
}

_Static_assert(REG_LAST <= 48, "scripts/build-luajit gives the registry room for 48 from the beginning");

/* What the library has, in a state without one. */
static void make_shared(lua_State *L) {
    for (int i = 1; i < REG_LAST; i++) {
        lua_pushboolean(L, 0);
        stack_pop_slot(L, i);
    }
    static const char *const words[] = {
#define WORD_TEXT(name, text) text,
        WORD_MAP(WORD_TEXT)
#undef WORD_TEXT
    };
    for (int i = 0; i < WORD_COUNT; i++) {
        lua_pushstring(L, words[i]);
        stack_pop_slot(L, REG_WORDS + i);
    }
    base_open_native(L);
    stack_pop_slot(L, REG_NATIVE);
    lua_createtable(L, 0, 0);
    base_fill(L);
    lua_createtable(L, 0, 1);
    lua_pushcclosure(L, base_lookup, 0);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    lua_createtable(L, 0, 2);
    lua_pushvalue(L, -2);
    lua_setfield(L, -2, "__index");
    lua_pushstring(L, "environment");
    lua_setfield(L, -2, "__metatable");
    stack_pop_slot(L, REG_ENV_META);
    stack_pop_slot(L, REG_BASE);
    lua_createtable(L, 0, 2);
    base_seal(L, "number");
    stack_pop_slot(L, REG_NUMBER_META);
}

void env_open(lua_State *L) {
    const struct library *lib = vstate_of(L)->vm->library;
    if (lib)
        library_open(L, lib);
    else
        make_shared(L);
    lua_pushliteral(L, "");
    lua_createtable(L, 0, 4);
    lua_pushcclosure(L, string_method, 0);
    lua_setfield(L, -2, "__index");
    base_seal(L, "string");
    lua_setmetatable(L, -2);
    lua_pushinteger(L, 0);
    stack_push_slot(L, REG_NUMBER_META);
    lua_setmetatable(L, -2);
    lua_settop(L, -3);
}

void env_begin(lua_State *L) {
    struct vstate *vs = vstate_of(L);
    if (vs->strings != (vs->wippy ? STRINGS_WIPPY : STRINGS_PLAIN))
        restore_strings(L, vs);
    lua_createtable(L, 0, 0);
    stack_push_slot(L, REG_ENV_META);
    lua_setmetatable(L, -2);
    lua_pushvalue(L, -1);
    stack_pop_slot(L, REG_ENV);
}

static void forget(lua_State *L, int slot) {
    stack_push_slot(L, slot);
    bool set = lua_toboolean(L, -1);
    lua_settop(L, -2);
    if (set) {
        lua_pushboolean(L, 0);
        stack_pop_slot(L, slot);
    }
}

void env_end(lua_State *L, struct vstate *vs) {
    forget(L, REG_ANCHOR);
    forget(L, REG_LOADED);
    if (vs->dest_text)
        forget(L, REG_DEST);
    stack_push_slot(L, REG_ENV);
    lua_pushnil(L);
    if (lua_type(L, -2) == LUA_TTABLE && lua_next(L, -2)) {
        vs->env_clean = false;
        lua_settop(L, -4);
        forget(L, REG_ENV);
    } else {
        lua_settop(L, -2);
    }
}

/* --- anchor -------------------------------------------------------------------------------------------------------------- */

void anchor_push(lua_State *L, struct vstate *vs) {
    stack_push_slot(L, REG_ANCHOR);
    if (lua_type(L, -1) == LUA_TTABLE)
        return;
    lua_settop(L, -2);
    lua_createtable(L, 4, 0);
    lua_pushvalue(L, -1);
    stack_pop_slot(L, REG_ANCHOR);
}

int anchor_take(lua_State *L, struct vstate *vs) {
    int slot = vs->anchor_free;
    if (!slot) {
        slot = vs->anchor_next + 1;
        vs->anchor_next += ANCHOR_STRIDE;
        return slot;
    }
    anchor_push(L, vs); /* a free slot holds the next free one */
    lua_rawgeti(L, -1, slot);
    vs->anchor_free = (int)lua_tointeger(L, -1);
    lua_settop(L, -3);
    return slot;
}

void anchor_drop(lua_State *L, struct vstate *vs, int slot) {
    anchor_push(L, vs);
    lua_pushinteger(L, vs->anchor_free);
    lua_rawseti(L, -2, slot);
    for (int i = 1; i < ANCHOR_STRIDE; i++) {
        lua_pushboolean(L, 0);
        lua_rawseti(L, -2, slot + i);
    }
    vs->anchor_free = slot;
    lua_settop(L, -2);
}
