/*
 * cdata: code with 64-bit integers or imaginary numbers as constants (`1LL`, `2i`), which LuaJIT represents as cdata.
 *
 * LuaJIT opens its library `ffi` by itself for such code and leaves it to package.loaded to keep that library alive. Our
 * states have no package.loaded, so the library is opened and kept here before. No program gets hold of it.
 *
 * Internal to vm; on the thread that uses the state.
 */
#ifndef VM_CDATA_H
#define VM_CDATA_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

/* Opens and keeps what such constants need, once per state: before Lua source is compiled. Raises without memory. */
int cdata_open(lua_State *L);

/* Whether bytecode of our own has such constants. */
bool cdata_needed(const char *bytecode, size_t len);

/* As luaL_loadbuffer, for bytecode of our own. Raises when there is no memory for cdata_open. */
int cdata_load(lua_State *L, const char *bytecode, size_t len, const char *chunk_name);

#endif
