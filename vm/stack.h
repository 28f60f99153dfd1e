/*
 * stack: the arguments of C functions, for those few that every message goes through, and the fixed places of the registry. Internal
 * to vm.
 *
 * Each is what the Lua API says of the same value, in a fraction of the instructions where LuaJIT is Troupe's own build: no index
 * has to be told from a pseudo-index, and nothing is converted.
 */
#ifndef VM_STACK_H
#define VM_STACK_H

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>

#include "vm/own_luajit.h"

/* The number at arg > 0; false: it is none. */
static inline bool stack_number(lua_State *L, int arg, double *number) {
#if OWN_LUAJIT
    return luaJIT_number(L, arg, number);
#else
    *number = lua_tonumber(L, arg);
    return lua_type(L, arg) == LUA_TNUMBER;
#endif
}

/* The string at arg > 0; NULL: it is none. */
static inline const char *stack_string(lua_State *L, int arg, size_t *len) {
#if OWN_LUAJIT
    return luaJIT_string(L, arg, len);
#else
    return lua_type(L, arg) == LUA_TSTRING ? lua_tolstring(L, arg, len) : NULL;
#endif
}

/* luaL_checklstring; arg > 0. */
static inline const char *stack_check_string(lua_State *L, int arg, size_t *len) {
    const char *s = stack_string(L, arg, len);
    return __builtin_expect(s != NULL, 1) ? s : luaL_checklstring(L, arg, len);
}

/* The block of the userdata at idx, which may be negative, too; NULL: it is none. Light userdata: none. */
static inline void *stack_userdata(lua_State *L, int idx) {
#if OWN_LUAJIT
    if (idx > 0)
        return luaJIT_userdata(L, idx);
#endif
    return lua_type(L, idx) == LUA_TUSERDATA ? lua_touserdata(L, idx) : NULL;
}

/* Pushes the value of a fixed place of the registry: enum registry_slot. */
static inline void stack_push_slot(lua_State *L, int slot) {
#if OWN_LUAJIT
    luaJIT_pushslot(L, slot);
#else
    lua_rawgeti(L, LUA_REGISTRYINDEX, slot);
#endif
}

/* Pops the value on top of the stack into such a place. */
static inline void stack_pop_slot(lua_State *L, int slot) {
#if OWN_LUAJIT
    luaJIT_popslot(L, slot);
#else
    lua_rawseti(L, LUA_REGISTRYINDEX, slot);
#endif
}

/* luaJIT_seal */
static inline void stack_seal(lua_State *L) {
#if OWN_LUAJIT
    luaJIT_seal(L);
#endif
}

/* luaL_checkstack */
static inline void stack_check(lua_State *L, int slots, const char *what) {
#if OWN_LUAJIT
    if (__builtin_expect(luaJIT_slots(L, slots), 1))
        return;
#endif
    luaL_checkstack(L, slots, what);
}

#endif
