#include "vm/cdata.h"

#include <lauxlib.h>
#include <lualib.h>

/* Of a bytecode dump: the byte of flags, and the one that says that there are cdata among the constants. */
enum { FLAGS_AT = 4, FLAG_CDATA = 4 };

static const char kept; /* its address is the key in the registry */

int cdata_open(lua_State *L) {
    lua_pushlightuserdata(L, (void *)&kept);
    lua_rawget(L, LUA_REGISTRYINDEX);
    bool done = lua_type(L, -1) == LUA_TTABLE;
    lua_settop(L, -2);
    if (done)
        return 0;
    lua_pushlightuserdata(L, (void *)&kept);
    lua_pushcfunction(L, luaopen_ffi);
    lua_pushliteral(L, LUA_FFILIBNAME);
    lua_call(L, 1, 1);
    lua_rawset(L, LUA_REGISTRYINDEX);
    return 0;
}

bool cdata_needed(const char *bytecode, size_t len) {
    return len > FLAGS_AT && bytecode[FLAGS_AT] & FLAG_CDATA;
}

int cdata_load(lua_State *L, const char *bytecode, size_t len, const char *chunk_name) {
    if (cdata_needed(bytecode, len))
        cdata_open(L);
    return luaL_loadbuffer(L, bytecode, len, chunk_name);
}
