/*
 * env: what a process sees as its globals and modules. Internal to vm.
 *
 *   environment  new for every process, empty; its metatable falls back to
 *   base         one for all states (library.h): the base library's safe part; falls back to
 *   loader       C: names of modules give a proxy table, stored in the environment
 *   proxy        empty table, new for every process; falls back to the real module table, which nobody can reach
 */
#ifndef VM_ENV_H
#define VM_ENV_H

#include "vm/lib.h"
#include "vm/vstate.h"

/* Prepares a new state's base table and metatables, whatever its entry. Raises without memory; called protected. */
void env_open(lua_State *L);

/* A new environment for the process that begins; it becomes REG_ENV and is left on the stack. */
void env_begin(lua_State *L);

/* Forgets the process' environment (unless it is empty), anchor and modules. Takes no memory. */
void env_end(lua_State *L, struct vstate *vs);

/* Pushes the proxy (or value) of a module, or returns false and pushes nothing when there is none of that name. */
bool env_push_module(lua_State *L, const char *name);

/* Pushes the real table of a module (false and nothing: no such module), or for "_base" that of the base library: for
 * the prelude only, user code must never get hold of it. */
bool env_push_real(lua_State *L, const char *name);

/* By its index in vlib_all: the real table, and the metatable of its proxies. Of VLIB_LATE: what the state has used of it. */
void env_push_real_at(lua_State *L, int index);

/* Whether the state has made its own of a module (VLIB_OWN). Takes no memory. */
bool env_has_own(lua_State *L, int index);

/* The real table as all states have it, of all but VLIB_OWN: of VLIB_LATE what is not written in Lua. */
void env_push_shared_at(lua_State *L, int index);

void env_push_proxy_meta(lua_State *L, int index);

/* As luaL_where, of the innermost Lua code from `level` on that is no part of the prelude. */
void env_where(lua_State *L, int level);

/* As luaL_error, with that place. */
int env_raise(lua_State *L, const char *fmt, ...) __attribute__((cold, format(printf, 2, 3)));

/* Pushes the compiled chunk of the prelude's part vm/lua/NAME.lua. Raises when there is none. */
void env_push_prelude(lua_State *L, const char *name);

/* The built-in module of that name that programs may have, by its index in vlib_all; -1: none. */
int env_module(const char *name);

/* As env_push_module, of one of these. */
void env_push_module_at(lua_State *L, int index);

/* Pushes this process' table of loaded modules: name, or "import:" and the id of a library -> value. */
void env_push_loaded(lua_State *L);

/* Pushes the anchor table, made at the first use. */
void anchor_push(lua_State *L, struct vstate *vs);

/* The first of ANCHOR_STRIDE free slots of it; and back. */
int anchor_take(lua_State *L, struct vstate *vs);
void anchor_drop(lua_State *L, struct vstate *vs, int slot);

#endif
