/*
 * What encoding and decoding cost, in nanoseconds per value, for the shapes that messages have; LuaJIT's own
 * string.buffer beside it for comparison (it keeps no sharing, checks no cycles, knows no error objects).
 *
 * usage: bench_codec [MILLISECONDS PER FIGURE (200)]
 *
 * Each shape is first sent through the codec and compared with the original; a difference ends the program. Every figure
 * is the least of five runs: the machine's noise only adds. The state uses malloc (jemalloc) like the daemon's.
 */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "vm/codec.h"
#include "vm/codec_scalar.h"

enum { RUNS = 5 };

static const struct {
    const char *name;
    const char *code; /* returns the value */
} shapes[] = {
    {"true", "return true"},
    {"number", "return 42"},
    {"string 8", "return 'worker-1'"},
    {"string 100", "return ('x'):rep(100)"},
    {"string 64 KiB", "return ('x'):rep(65536)"},
    {"{}", "return {}"},
    {"{id=1}", "return { id = 1 }"},
    {"record",
     "return { id = 1, name = 'worker-1', tags = { 'a', 'b', 'c' }, nested = { x = 1.5, y = 2.5 } }"},
    {"100 records",
     "local t = {} for i = 1, 100 do t[i] = { id = i, name = 'worker-' .. i, tags = { 'a', 'b', 'c' }, "
     "nested = { x = 1.5, y = 2.5 } } end return t"},
    {"1000 numbers", "local t = {} for i = 1, 1000 do t[i] = i * 0.5 end return t"},
    {"1000 words", "local t = {} for i = 1, 1000 do t[i] = 'word' .. i end return t"},
    {"map of 1000", "local t = {} for i = 1, 1000 do t['key' .. i] = i end return t"},
    {"tree of 127",
     "local function f(n) if n > 0 then return { l = f(n - 1), r = f(n - 1), v = n } end end return f(7)"},
    {"shared", "local s = { 1, 2 } return { s, s, s, s }"},
};

static const char same[] =
    "local function same(a, b, seen)\n"
    "    if type(a) ~= 'table' or type(b) ~= 'table' then return a == b end\n"
    "    if seen[a] then return seen[a] == b end\n"
    "    seen[a] = b\n"
    "    for k, v in pairs(a) do if not same(v, b[k], seen) then return false end end\n"
    "    for k in pairs(b) do if a[k] == nil then return false end end\n"
    "    return true\n"
    "end\n"
    "local a, b = ... return same(a, b, {})";

/* encode, decode(text): n times each, both compiled; the nanoseconds per operation are the caller's to compute. */
static const char buffer[] = "local buf = require('string.buffer').new({ dict = { 'id', 'name', 'tags', "
                             "'nested', 'x', 'y', 'l', 'r', 'v' } })\n"
                             "local function encode(v, n) for i = 1, n do buf:reset():encode(v) end end\n"
                             "local function decode(v, n) local s = buf:reset():encode(v):tostring() for i = "
                             "1, n do v = buf:set(s):decode() end "
                             "end\n"
                             "return encode, decode";

static void *allocate(void *ud, void *block, size_t old_size, size_t size) {
    if (size)
        return realloc(block, size);
    free(block);
    return NULL;
}

static void die(lua_State *L, const char *what) {
    fprintf(stderr, "bench_codec: %s: %s\n", what, lua_tostring(L, -1));
    exit(1);
}

static void check(lua_State *L, const char *name, struct codec_buf *b) {
    char why[200];
    b->len = 0;
    if (codec_encode(L, 1, name, 0, b, why, sizeof why) != CODEC_OK) {
        lua_pushstring(L, why);
        die(L, name);
    }
    if (luaL_loadstring(L, same) != 0)
        die(L, "same");
    lua_pushvalue(L, 1);
    if (!codec_decode(L, b->data, b->len)) {
        lua_pushliteral(L, "does not decode");
        die(L, name);
    }
    if (lua_pcall(L, 2, 1, 0) != 0)
        die(L, name);
    if (!lua_toboolean(L, -1)) {
        lua_pushliteral(L, "came back different");
        die(L, name);
    }
    lua_settop(L, 1);
}

/* One thing to measure: op(L, b, n) does it n times with the value at 1. */
typedef void operation(lua_State *L, struct codec_buf *b, long n);

static void encode(lua_State *L, struct codec_buf *b, long n) {
    char why[200];
    for (long i = 0; i < n; i++) {
        b->len = 0;
        codec_encode(L, 1, "payload", 0, b, why, sizeof why);
    }
}

static void decode(lua_State *L, struct codec_buf *b, long n) {
    for (long i = 0; i < n; i++) {
        codec_decode(L, b->data, b->len);
        lua_settop(L, -2);
    }
}

static void put_scalar(lua_State *L, struct codec_buf *b, long n) {
    struct codec_scalar s;
    for (long i = 0; i < n; i++) {
        if (codec_scalar_size(L, 1, &s) == 0)
            return;
        codec_scalar_put(&s, b->data);
    }
}

static void buffer_encode(lua_State *L, struct codec_buf *b, long n) {
    lua_pushvalue(L, 2);
    lua_pushvalue(L, 1);
    lua_pushnumber(L, (double)n);
    if (lua_pcall(L, 2, 0, 0) != 0)
        die(L, "string.buffer");
}

static void buffer_decode(lua_State *L, struct codec_buf *b, long n) {
    lua_pushvalue(L, 3);
    lua_pushvalue(L, 1);
    lua_pushnumber(L, (double)n);
    if (lua_pcall(L, 2, 0, 0) != 0)
        die(L, "string.buffer");
}

static double measure(operation *op, lua_State *L, struct codec_buf *b, int64_t budget) {
    long n = 16;
    int64_t took;
    for (;;) {
        int64_t t = clock_mono_ns();
        op(L, b, n);
        took = clock_mono_ns() - t;
        if (took > budget / 8)
            break;
        n *= 2;
    }
    double least = (double)took / (double)n;
    n = (long)((double)budget / least / RUNS) + 1;
    for (int run = 0; run < RUNS; run++) {
        int64_t t = clock_mono_ns();
        op(L, b, n);
        double each = (double)(clock_mono_ns() - t) / (double)n;
        if (each < least)
            least = each;
    }
    return least;
}

int main(int argc, char **argv) {
    int64_t budget = (argc > 1 ? atol(argv[1]) : 200) * INT64_C(1000000);
    lua_State *L = lua_newstate(allocate, NULL);
    if (!L)
        return 1;
    luaL_openlibs(L);
    struct codec_buf b = {0};
    printf("%-14s %8s %10s %10s %10s | string.buffer %10s %10s\n", "", "bytes", "encode", "decode", "scalar",
           "encode", "decode");
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        lua_settop(L, 0);
        if (luaL_dostring(L, shapes[i].code) != 0)
            die(L, shapes[i].name);
        check(L, shapes[i].name, &b);
        if (luaL_dostring(L, buffer) != 0)
            die(L, "string.buffer");
        struct codec_scalar s;
        double enc = measure(encode, L, &b, budget), dec = measure(decode, L, &b, budget);
        printf("%-14s %8zu %10.1f %10.1f ", shapes[i].name, b.len, enc, dec);
        if (codec_scalar_size(L, 1, &s) > 0)
            printf("%10.1f", measure(put_scalar, L, &b, budget));
        else
            printf("%10s", "");
        enc = measure(buffer_encode, L, &b, budget);
        dec = measure(buffer_decode, L, &b, budget);
        printf(" | %24.1f %10.1f\n", enc, dec);
        fflush(stdout);
        lua_settop(L, 0);
        lua_gc(L, LUA_GCCOLLECT, 0);
    }
    codec_buf_free(&b);
    lua_close(L);
    return 0;
}
