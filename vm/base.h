/*
 * base: the base library as processes see it, and the standard libraries' safe parts. Internal to vm.
 */
#ifndef VM_BASE_H
#define VM_BASE_H

#include "vm/lib.h"
#include "vm/vstate.h"

/* Pushes the global function or constant `key`; false and nothing when there is none. */
bool base_push(lua_State *L, struct vstate *vs, const char *key);

/* Pushes the table of LuaJIT's whole base library: for the prelude only. */
void base_push_all(lua_State *L);

/* Runs LuaJIT's luaopen_* for a standard library and pushes its table. */
void base_open_standard(lua_State *L, const char *name);

/* Pushes the text that print shows for the value at idx (calls __tostring). */
void base_push_text(lua_State *L, int idx);

/* Finishes the metatable of all strings or numbers, which is on top of the stack: nobody may read or change it. */
void base_seal(lua_State *L, const char *type);

/* Gives math.random of this process a seed of its own; the module is on top of the stack. */
void base_seed_random(lua_State *L);

extern const struct vlib vlib_string, vlib_table, vlib_math, vlib_bit, vlib_os, vlib_coroutine;

/* Pushes the member `key` of a standard library if it is one of those that are written in Lua, so that they can be interrupted
 * and what they call may block: string.gsub, table.sort. */
bool base_push_late(lua_State *L, const char *lib, const char *key);

#endif
