/*
 * luajit_troupe: what Troupe's build of LuaJIT has besides LuaJIT's own API; scripts/build-luajit adds it.
 *
 * Everything here is a shorter way for something that the public API can do too, value by value: whoever uses it keeps the
 * long way for what it refuses, and for a LuaJIT without this header. As with the rest of the API, a function is for the
 * thread that runs the state.
 */
#ifndef LUAJIT_TROUPE_H
#define LUAJIT_TROUPE_H

#include <stdint.h>

#include "lua.h"

/*
 * Plain small tables as bytes and back. Plain: holds nothing but booleans, numbers, strings and plain tables, each table
 * once (so it is a tree), no table is a key, and arrays have few holes. Metatables are not looked at.
 */

/* The first byte of packed tables is one of these; nothing else in it is for others to read. */
enum { LUAJIT_PACK_FIRST = 0x20, LUAJIT_PACK_LAST = 0x22 };

/*
 * Writes the table at `idx` to the `cap` bytes at `to`; returns how many it took, or 0 when it is not plain, is nested too
 * deep, has too many tables or too many bytes. Calls nothing; raises when the state is out of memory. registry[slot] as for
 * luaJIT_unpack, but not the same slot: the names of records that were packed before are known there by their tables' nodes.
 */
LUA_API size_t luaJIT_pack(lua_State *L, int slot, int idx, char *to, size_t cap);

/*
 * Pushes the table that the first bytes at `data` hold; returns how many they were, or 0, and pushes nothing, when they are
 * no valid encoding: any bytes will do. Needs one free stack slot. L may be a coroutine that waits to be resumed. Raises
 * like any allocation when the state is out of memory.
 *
 * registry[slot], in its array part, is this function's own: it keeps tables there by the names of their keys, so that the
 * next record with the same ones is a copy and no key is interned. Bounded; takes nothing before the second record.
 */
LUA_API size_t luaJIT_unpack(lua_State *L, int slot, const char *data, size_t len);

/*
 * The arguments of a C function, 1 being the first: what lua_tolstring, lua_tonumber and lua_touserdata say of values that are a
 * string, a number, a full userdata already. NULL, 0: it is something else, or there is none; nothing is converted.
 */
LUA_API const char *luaJIT_string(lua_State *L, int arg, size_t *len);
LUA_API int luaJIT_number(lua_State *L, int arg, double *number);
LUA_API void *luaJIT_userdata(lua_State *L, int arg);

/* lua_rawgeti and lua_rawseti of registry[slot], slot > 0. */
LUA_API void luaJIT_pushslot(lua_State *L, int slot);
LUA_API void luaJIT_popslot(lua_State *L, int slot);

/* Whether the stack has n free slots: then lua_checkstack(L, n) would do nothing. */
LUA_API int luaJIT_slots(lua_State *L, int n);

/*
 * The table on top of the stack is a metatable that programs cannot reach. What is found behind its __index, if that is a table,
 * will never change and stays there as long as the state; more may be added. (Writing to the metatable undoes this.)
 */
LUA_API void luaJIT_seal(lua_State *L);

/*
 * What many states share: strings, C functions and tables of one state, the library, that nobody writes to any more. The library
 * itself runs nothing from luaJIT_share on, must outlive the states, and may be in memory that cannot be written. Its collector
 * is stopped before the first luaJIT_freeze.
 */

/* Pops a value of the library's and freezes it with all that can be reached from it. 0: there is something else than strings
 * (but the empty one), numbers, booleans, C functions and tables among it; the state is of no use any more. */
LUA_API int luaJIT_freeze(lua_State *L);

/* The last step: freezes all strings that the library has. 0: it cannot be shared. Raises without memory. */
LUA_API int luaJIT_share(lua_State *L);

/* States that this thread makes from now on share the library's strings, if they are seeded alike; NULL, the beginning: none. */
LUA_API void luaJIT_library(lua_State *library);

/* Pushes the frozen value at registry[slot] of the library. For states that share its strings. Needs one free stack slot. */
LUA_API void luaJIT_pushshared(lua_State *L, lua_State *library, int slot);

/*
 * lua_newuserdata and lua_setmetatable in one, for objects that have no finaliser: the metatable is registry[slot], which has
 * no __gc and gets none. Its collection costs less: the collector looks at those that might have one in each cycle. The bytes
 * are not cleared. NULL, and nothing pushed: no table stands there.
 */
LUA_API void *luaJIT_newplain(lua_State *L, int slot, size_t size);

/*
 * How much garbage the state may make at least before its collector begins a cycle: 0 in most states, some ten KB in one whose
 * cycles follow each other at once (lj_pace.h). What is freed in such a state is soon asked for again.
 */
LUA_API size_t luaJIT_room(lua_State *L);

/*
 * Copies of states. Two states that were made with the same seed and used alike differ, byte by byte, in the addresses of
 * their own pieces only; so the memory of one, those addresses changed, is another state, when all its pieces lie
 * together. The caller owns that memory (it is lua_newstate's allocator), compares, copies and changes the addresses.
 */

/* What states of this thread are seeded with from now on, four words at random; NULL, the beginning: each with its own. */
extern __thread const uint64_t *luaJIT_seed;

/*
 * Gets a state ready to be copied: no dead values in its stacks. 0: it cannot be, since it has machine code, cdata, full
 * userdata, or tables whose order depends on addresses. L: the main thread, which nothing runs in.
 */
LUA_API int luaJIT_settle(lua_State *L);

/* Each copy gets a sequence of pseudo-random numbers of its own (where machine code goes; not strings' hashes). */
LUA_API void luaJIT_vary(lua_State *L, uint64_t with);

/* 1: lua_close would do nothing but free memory, so that a caller who frees all of it need not call it. */
LUA_API int luaJIT_only_memory(lua_State *L);

#endif
