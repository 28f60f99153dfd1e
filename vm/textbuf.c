#include "vm/textbuf.h"

#include <lauxlib.h>
#include <stdint.h>

void textbuf_open(struct textbuf *b, lua_State *L) {
    luaL_checkstack(L, 3, "text");
    lua_pushnil(L);
    b->L = L;
    b->data = b->first;
    b->len = 0;
    b->cap = sizeof b->first;
    b->slot = lua_gettop(L);
}

void textbuf_grow(struct textbuf *b, size_t n) {
    if (n > SIZE_MAX / 4 - b->len)
        luaL_error(b->L, "text too long");
    size_t cap = b->cap * 2 > b->len + n ? b->cap * 2 : b->len + n;
    /* The program never sees it: it is in no table and has no metatable. */
    char *larger = lua_newuserdata(b->L, cap);
    memcpy(larger, b->data, b->len);
    lua_replace(b->L, b->slot);
    b->data = larger;
    b->cap = cap;
}

void textbuf_push(struct textbuf *b) {
    lua_pushlstring(b->L, b->data, b->len);
}
