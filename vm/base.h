/*
 * base: the base library as processes see it, and the standard libraries' safe parts. Internal to vm.
 */
#ifndef VM_BASE_H
#define VM_BASE_H

#include "vm/lib.h"
#include "vm/vstate.h"

/* Opens LuaJIT's base library into the state's hidden globals, and pushes them. */
void base_open_native(lua_State *L);

/* Adds what programs have of that, or instead of it, to the table on top of the stack; but for what env.c hands out. */
void base_fill(lua_State *L);

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
