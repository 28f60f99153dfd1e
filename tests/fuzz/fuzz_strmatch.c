/*
 * Matches any pattern against any subject, stopped and moved at every turn, and compares with LuaJIT's own string.find: the same
 * place, the same captures, or the same error. The first byte is the length of the pattern, the second one the budget of a turn.
 */
#include "vm/strmatch.h"

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

/* Small: what takes 2^n steps here is one C call there. */
#define MOST 20

static lua_State *reference(void) {
    static lua_State *L;
    if (!L) {
        L = luaL_newstate();
        if (!L)
            abort();
        luaL_openlibs(L);
        lua_getglobal(L, "string");
        lua_getfield(L, -1, "find");
        lua_replace(L, 1);
    }
    lua_settop(L, 1);
    return L;
}

/* What string.find returns, from index 2 on: first, last, captures. 0: nil; -1: error, its text pushed. */
static int find_reference(lua_State *L, const char *s, size_t len, const char *p) {
    lua_pushvalue(L, 1);
    lua_pushlstring(L, s, len);
    lua_pushstring(L, p);
    if (lua_pcall(L, 2, LUA_MULTRET, 0) != 0)
        return -1;
    return lua_isnil(L, 2) ? 0 : lua_gettop(L) - 1;
}

static enum strm_result find(struct strm *at[2], const char *s, size_t len, const char *p, int64_t turn,
                             struct strm_frame *frames, struct strm **end) {
    int now = 0;
    strm_begin(at[0], s, len, p, 0, frames);
    for (;;) {
        int64_t budget = turn;
        enum strm_result r = strm_run(at[now], false, &budget);
        if (r != STRM_MORE) {
            *end = at[now];
            return r;
        }
        memcpy(at[!now], at[now], sizeof *at[now]);
        strm_moved(at[!now], at[now]);
        memset(at[now], 0xa5, sizeof *at[now]);
        now = !now;
    }
}

static void check_capture(lua_State *L, int idx, const struct strm *m, int i) {
    ptrdiff_t len = m->capture[i].len;
    if (len == STRM_POSITION) {
        if (lua_type(L, idx) != LUA_TNUMBER || lua_tointeger(L, idx) != m->capture[i].init - m->src + 1)
            abort();
        return;
    }
    size_t wanted;
    const char *text = lua_tolstring(L, idx, &wanted);
    if (lua_type(L, idx) != LUA_TSTRING || len < 0 || (size_t)len != wanted ||
        memcmp(text, m->capture[i].init, wanted) != 0)
        abort();
}

static void compare(lua_State *L, int n, const struct strm *m, enum strm_result r) {
    if (r == STRM_BAD) {
        if (n != -1 || !strstr(lua_tostring(L, -1), m->error))
            abort();
    } else if (n == -1) {
        /* Captures that were left open are found by whoever pushes them; and nothing is too complex here. */
        const char *why = lua_tostring(L, -1);
        bool open = false;
        for (int i = 0; r == STRM_FOUND && i < m->level; i++)
            open |= m->capture[i].len == STRM_UNFINISHED;
        if (!strstr(why, open ? "unfinished capture" : "too complex"))
            abort();
    } else if ((r == STRM_FOUND) != (n > 0)) {
        abort();
    } else if (r == STRM_FOUND) {
        if (lua_tointeger(L, 2) != m->start - m->src + 1 || lua_tointeger(L, 3) != m->s - m->src ||
            n != 2 + m->level)
            abort();
        for (int i = 0; i < m->level; i++)
            check_capture(L, 4 + i, m, i);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2 || data[0] > MOST || size - 2 < data[0] || size - 2 - data[0] > MOST)
        return 0;
    size_t plen = data[0], len = size - 2 - plen;
    /* Of exactly their sizes: a sanitizer sees a read behind them. */
    char *p = malloc(plen + 1), *s = malloc(len ? len : 1);
    struct strm *at[2] = {malloc(sizeof(struct strm)), malloc(sizeof(struct strm))}, *end;
    struct strm_frame *frames = NULL;
    if (!p || !s || !at[0] || !at[1])
        abort();
    memcpy(p, data + 2, plen);
    memcpy(s, data + 2 + plen, len);
    p[plen] = '\0';
    lua_State *L = reference();
    if (!strpbrk(p, "^$*+?.([%-")) /* taken literally by string.find */
        goto out;
    int n = find_reference(L, s, len, p);
    size_t needed = strm_frames_needed(strlen(p));
    if (data[1] & 1 || needed > STRM_FRAMES)
        frames = malloc(needed * sizeof *frames);
    enum strm_result r = find(at, s, len, p, data[1] / 2 + 1, frames, &end);
    compare(L, n, end, r);
out:
    free(frames);
    free(at[0]);
    free(at[1]);
    free(s);
    free(p);
    return 0;
}
