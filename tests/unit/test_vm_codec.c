/*
 * Most of these tests are Lua programs around copy(v), which sends v through the codec and on the way checks what must
 * hold for every value: see codecbox.h. Plain tables by the short way: test_vm_pack.c.
 */
#include "vm/codec.h"

#include <criterion/criterion.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "tests/support/codecbox.h"
#include "tests/support/luabox.h"
#include "tests/support/rnd.h"
#include "vm/codec_fmt.h"
#include "vm/state.h"

extern const struct vlib vlib_errors, vlib_payload;

/* --- what crosses ------------------------------------------------------------------------------------------------ */

Test(codec, scalars) {
    codecbox_run("keeps(nil) keeps(true) keeps(false) keeps(0) keeps(-1) keeps(1e308) keeps(2^53) keeps('') "
                 "keeps('x')\n"
                 "eq(select('#', copy(nil)), 1)");
}

Test(codec, special_doubles) {
    codecbox_run("for _, v in ipairs { 1/0, 0, 2^-1074, 2.2250738585072014e-308, 2^1023, 2^31, 2^63, "
                 "0x1.fffffffffffffp1023 } do\n"
                 "    keeps(v) eq(copy(-v), -v)\n"
                 "end\n"
                 "eq(1 / copy(-0), -1 / 0)\n"
                 "eq(1 / copy({ -0 })[1], -1 / 0)");
}

/* bits(n) -> the sign and exponent of n as an integer, shows what Lua cannot */
static int bits(lua_State *L) {
    double d = luaL_checknumber(L, 1);
    uint64_t all;
    memcpy(&all, &d, 8);
    lua_pushinteger(L, (lua_Integer)(all >> 48));
    return 1;
}

/* A program can have two NaNs: what 0/0 gives, and its negation. */
Test(codec, both_nans) {
    lua_State *L = codecbox_open();
    lua_register(L, "bits", bits);
    luabox_run(L, "local nan = 0/0\n"
                  "assert(bits(nan) ~= bits(-nan))\n"
                  "for i = 1, 200 do\n"
                  "    eq(bits(copy(nan)), bits(nan)) eq(bits(copy(-nan)), bits(-nan))\n"
                  "    local t = copy { 1, x = { nan, -nan, nan } }\n"
                  "    eq(bits(t.x[1]), bits(nan)) eq(bits(t.x[2]), bits(-nan)) eq(bits(t.x[3]), bits(nan))\n"
                  "    eq(t[1], 1)\n"
                  "end");
    lua_close(L);
    /* on a coroutine that waits to be resumed, as the scheduler does it */
    L = codecbox_open();
    lua_register(L, "bits", bits);
    luabox_run(L, "co = coroutine.create(function() while true do got = bits(coroutine.yield()) end end)\n"
                  "coroutine.resume(co)");
    lua_getglobal(L, "co");
    lua_State *co = lua_tothread(L, -1);
    static const unsigned tops[] = {0x7ff8, 0xfff8, 0x7ff8};
    for (size_t i = 0; i < 3; i++) {
        char bytes[NUMBER_SIZE] = {TAG_NUMBER, 0, 0, 0, 0, 0, 0, (char)0xf8, (char)(tops[i] >> 8)};
        cr_assert(codec_decode(co, bytes, sizeof bytes));
        cr_assert_eq(lua_resume(co, 1), LUA_YIELD);
        lua_getglobal(L, "got");
        cr_assert_eq((unsigned)lua_tointeger(L, -1), tops[i]);
    }
    lua_close(L);
}

Test(codec, doubles_of_any_bits) {
    lua_State *L = codecbox_open();
    struct codec_buf b = {0};
    struct rnd rnd = rnd_open("doubles", 20230119);
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = rnd_next(&rnd), back;
        if (i % 4 == 0)
            bits &= UINT64_C(0x800fffffffffffff); /* subnormal */
        double d;
        memcpy(&d, &bits, 8);
        lua_pushnumber(L, d);
        d = lua_tonumber(L, -1); /* Lua has made one NaN of all */
        memcpy(&bits, &d, 8);
        b.len = 0;
        cr_assert_eq(codecbox_encode(L, -1, 0, &b), CODEC_OK);
        cr_assert(codec_decode(L, b.data, b.len));
        d = lua_tonumber(L, -1);
        memcpy(&back, &d, 8);
        cr_assert_eq(bits, back);
        lua_settop(L, 0);
    }
    codec_buf_free(&b);
    lua_close(L);
}

Test(codec, strings) {
    codecbox_run(
        "local all = {} for i = 0, 255 do all[#all + 1] = string.char(i) end\n"
        "all = table.concat(all)\n"
        "keeps(all)\n"
        "for i = 0, 256 do keeps(all:sub(1, i)) keeps({ [all:sub(1, i)] = all:sub(i + 1) }) end\n"
        "keeps(('x'):rep(127)) keeps(('x'):rep(128)) keeps(('x'):rep(2^20)) keeps { a = ('\\0'):rep(2^20), b "
        "= 1 }");
}

Test(codec, tables) {
    codecbox_run(
        "keeps {} keeps { {} } keeps { 1, 2, 3 } keeps { a = 1 } keeps { 1, 2, x = 3, [true] = 4, [false] = "
        "5, [1.5] = 6 }\n"
        "keeps { [0] = 'zero', 'one', 'two' } keeps { [-1] = 1, [2^53] = 2, [1/0] = 3, [-1/0] = 4, [2^31] = "
        "5, [2^32] = 6 }\n"
        "keeps { ['1'] = 'text', [1] = 'number', ['2'] = 'text' } keeps { ['1'] = 1, ['2'] = 2, ['3'] = 3 }\n"
        "keeps { id = 1, name = 'worker-1', tags = { 'a', 'b', 'c' }, nested = { x = 1.5, y = 2.5 } }\n"
        "local big = {} for i = 1, 3000 do big[i] = i % 3 == 0 and { i } or i end keeps(big)\n"
        "local map = {} for i = 1, 3000 do map['k' .. i] = i % 7 == 0 and { i } or i end keeps(map)");
}

Test(codec, holes) {
    codecbox_run(
        "local t keeps { 1, nil, 3 } keeps { nil, nil, 3 } keeps { 1, 2, 3, nil, nil, 6, nil, nil, nil, 10 "
        "}\n"
        "keeps { [1000000] = 1 } keeps { 1, [1000000] = 1 } keeps { [3] = 3, [2] = 2 } keeps { [10] = 1, "
        "[11] = 2 }\n"
        "t = {} for i = 1, 100 do t[i] = i end for i = 1, 100, 2 do t[i] = nil end keeps(t)\n"
        "t = {} for i = 100, 1, -1 do t[i] = i end keeps(t)\n"
        "t = {} for i = 1, 64 do t[i] = i end for i = 1, 63 do t[i] = nil end keeps(t)\n"
        "t = { 1, nil, { 2 }, nil, x = { nil, { 3 } } } keeps(t)");
}

/* Integer keys that stand in a table's hash part come in any order. */
Test(codec, integer_keys_in_the_hash_part) {
    codecbox_run("local new = require 'table.new'\n"
                 "for n = 1, 40 do\n"
                 "    local t = new(0, 64)\n"
                 "    for i = n, 1, -1 do t[i] = i t['s' .. i] = i t[tostring(i)] = -i end\n"
                 "    keeps(t)\n"
                 "end");
}

Test(codec, tables_as_keys) {
    codecbox_run("local function one(t) local k, v = next(t) return k, v end\n"
                 "local k, v = one(copy { [{ 1, { 2 }, x = 3 }] = { 'value' } })\n"
                 "eq(k[1], 1) eq(k[2][1], 2) eq(k.x, 3) eq(v[1], 'value')\n"
                 "k, v = one(copy { [{ [{ [{}] = 1 }] = 2 }] = 3 }) eq(v, 3)\n"
                 "k, v = one(k) eq(v, 2) k, v = one(k) eq(v, 1) eq(next(k), nil)\n"
                 "local key = { 'k' } local t = copy { [key] = key, key = key, list = { key } }\n"
                 "eq(t[t.key], t.key) eq(t.list[1], t.key)\n"
                 "local self = {} self[self] = self t = copy(self) eq(t[t], t)\n"
                 "t = copy { [{ 'a' }] = 1, [{ 'b' }] = 2, z = 3, 4, 5 }\n"
                 "local sum = 0 for key, value in pairs(t) do sum = sum + value end eq(sum, 15)");
}

Test(codec, sharing_and_cycles) {
    codecbox_run("local s = { 1 } keeps { s, s, { s }, x = s, y = { z = { s } } }\n"
                 "local t = copy { s, s } eq(t[1], t[2]) t = copy { { 1 }, { 1 } } assert(t[1] ~= t[2])\n"
                 "t = {} t.self = t keeps(t) t[1] = { t } keeps(t) t[t] = nil\n"
                 "local a, b = {}, {} a.b, b.a = b, a keeps(a) keeps { a, b, a, b }\n"
                 "local list for i = 1, 500 do list = { next = list, value = s } end keeps(list)\n"
                 "local many = {} for i = 1, 5000 do many[i] = { i } end\n"
                 "for i = 1, 5000 do many[5000 + i] = many[5001 - i] end keeps(many) keeps { 1 }");
}

Test(codec, metatables_are_ignored) {
    codecbox_run(
        "local function never() error('called') end\n"
        "local meta = { __index = never, __newindex = never, __len = never, __pairs = never, __eq = never, "
        "__gc = never,\n"
        "    __metatable = 'locked' }\n"
        "local t = copy(setmetatable({ 1, x = 2 }, meta))\n"
        "eq(getmetatable(t), nil) eq(t[1], 1) eq(t.x, 2)");
}

Test(codec, depth) {
    codecbox_run(
        "local function nest(n, make) local t = {} for i = 2, n do t = make(t) end return t end\n"
        "local deep = 'payload: nested deeper than 1000 tables'\n"
        "for _, make in ipairs {\n"
        "    function(t) return { t } end, function(t) return { x = t } end, function(t) return { [t] = 1 } "
        "end,\n"
        "    function(t) return { 1, 2, t, x = { t } } end,\n"
        "} do\n"
        "    assert(copy(nest(1000, make))) refuses(deep, nest(1001, make)) refuses(deep, nest(1500, make))\n"
        "end\n"
        "local t, n = copy(nest(1000, function(t) return { t } end)), 0\n"
        "while t do n, t = n + 1, t[1] end eq(n, 1000)");
}

Test(codec, random_values) {
    codecbox_run(
        "local seed = 7\n"
        "local function random(n) seed = (seed * 16807) % 2147483647 return seed % n end\n"
        "local made\n"
        "local function scalar()\n"
        "    local kind = random(8)\n"
        "    if kind == 0 then return true elseif kind == 1 then return false\n"
        "    elseif kind == 2 then return random(100) - 50 elseif kind == 3 then return random(2^30) / 7\n"
        "    elseif kind == 4 then return ('x'):rep(random(300)) elseif kind == 5 then return -0\n"
        "    else return string.char(random(256), random(256), random(256)) end\n"
        "end\n"
        "local function value(depth)\n"
        "    local kind = random(10)\n"
        "    if kind < 6 or depth == 0 then return scalar() end\n"
        "    if kind == 9 and #made > 0 then return made[random(#made) + 1] end\n"
        "    local t = {}\n"
        "    made[#made + 1] = t\n"
        "    for i = 1, random(6) do t[i] = random(8) > 0 and value(depth - 1) or nil end\n"
        "    for i = 1, random(6) do t[scalar()] = value(depth - 1) end\n"
        "    return t\n"
        "end\n"
        "for i = 1, 200 do made = {} keeps(value(i % 8)) keeps(made) end");
}

Test(codec, error_objects) {
    codecbox_run(
        "local e = errors.new { message = 'no \\0 luck', kind = errors.TIMEOUT, retryable = true, details = "
        "{ a = { 1 } } }\n"
        "local t = copy { e = e, list = { e } }\n"
        "for _, f in ipairs { t.e, t.list[1], copy(e) } do\n"
        "    eq(type(f), 'userdata') assert(f ~= e)\n"
        "    eq(f:message(), 'no \\0 luck') eq(f:kind(), 'Timeout') eq(f:retryable(), true) "
        "eq(f:details().a[1], 1)\n"
        "    eq(f:stack(), e:stack())\n"
        "end\n"
        "e = copy(errors.new('plain')) eq(e:details(), nil) eq(e:retryable(), nil) eq(e:kind(), '')");
}

/* --- several values as one --------------------------------------------------------------------------------------- */

static int copy_n(lua_State *L) {
    struct codec_buf b = {0};
    char why[256] = "";
    int n = lua_gettop(L);
    enum codec_status status = codec_encode_n(L, 1, n, "argument", 0, &b, why, sizeof why);
    cr_assert_eq(lua_gettop(L), n);
    if (status == CODEC_OK) {
        size_t len = b.len;
        b.len = 0;
        if (n > 0) {
            cr_assert_eq(codec_encode_n(L, -n, n, "argument", 0, &b, why, sizeof why), CODEC_OK);
            cr_assert_eq(b.len, len);
            b.len = 0;
        }
        if (n != 1 && len > 1) {
            cr_assert_eq(codec_encode_n(L, 1, n, "argument", len - 1, &b, why, sizeof why), CODEC_TOO_LARGE);
            cr_assert_eq(b.len, 0);
        }
        cr_assert_eq(codec_encode_n(L, 1, n, "argument", len, &b, why, sizeof why), CODEC_OK);
        cr_assert(codecbox_exactly(L, b.data, b.len));
    } else {
        cr_assert_eq(b.len, 0);
        lua_pushnil(L);
        lua_pushstring(L, why);
    }
    codec_buf_free(&b);
    return lua_gettop(L) - n;
}

Test(codec, several_values) {
    lua_State *L = codecbox_open();
    lua_register(L, "copy_n", copy_n);
    luabox_run(L, "eq(copy_n(), nil) eq(copy_n(5), 5) eq(copy_n('x'), 'x') eq(copy_n({ 3 })[1], 3)\n"
                  "local t = copy_n(1, 'two', { 3 }) eq(#t, 3) eq(t[1], 1) eq(t[2], 'two') eq(t[3][1], 3)\n"
                  "t = copy_n(nil, nil, 3) eq(t[1], nil) eq(t[3], 3) eq(#t, 3)\n"
                  "t = copy_n(nil, nil) eq(next(t), nil)\n"
                  "local s = { 1 } t = copy_n(s, s, { s }) eq(t[1], t[2]) eq(t[3][1], t[1])\n"
                  "local deep = {} for i = 2, 1000 do deep = { deep } end assert(copy_n(deep, deep))\n"
                  "local function why(...) return (select(2, copy_n(...))) end\n"
                  "eq(why(1, 2, print), 'argument[3]: a function cannot be sent')\n"
                  "eq(why(1, { x = print }), 'argument[2].x: a function cannot be sent')\n"
                  "eq(why({ { print } }), 'argument[1][1]: a function cannot be sent')\n"
                  "eq(why(1, { deep }), 'argument[2]: nested deeper than 1000 tables')\n"
                  "local all = {} for i = 1, 6000 do all[i] = i end\n"
                  "t = copy_n(unpack(all)) eq(#t, 6000) eq(t[6000], 6000)");
    lua_close(L);
}

/* --- what does not cross ----------------------------------------------------------------------------------------- */

Test(codec, paths) {
    codecbox_run(
        "local f, co = function() end, coroutine.create(function() end)\n"
        "refuses('payload: a function cannot be sent', f)\n"
        "refuses('payload: a function cannot be sent', print)\n"
        "refuses('payload: a coroutine cannot be sent', co)\n"
        "refuses('payload: a cdata value cannot be sent', 1LL)\n"
        "refuses('payload: a channel cannot be sent', make_channel())\n"
        "refuses('payload: a light userdata value cannot be sent', make_light())\n"
        "refuses('payload.cb: a function cannot be sent', { cb = f })\n"
        "refuses('payload.list[3]: a coroutine cannot be sent', { list = { 1, 2, co } })\n"
        "refuses('payload.a.b.c: a function cannot be sent', { a = { b = { c = f } } })\n"
        "refuses('payload[1][2][3]: a function cannot be sent', { { 1, { 1, 2, f } } })\n"
        "refuses('payload[1.5]: a function cannot be sent', { [1.5] = f })\n"
        "refuses('payload[true]: a channel cannot be sent', { [true] = make_channel() })\n"
        "refuses('payload[table]: a function cannot be sent', { [{}] = f })\n"
        "refuses('payload[\"two words\"]: a function cannot be sent', { ['two words'] = f })\n"
        "refuses('payload[\"\"]: a function cannot be sent', { [''] = f })\n"
        "refuses('payload[\"\\\\\"\\\\000\\\\n\"]: a function cannot be sent' and\n"
        "    'payload[\"\\\\\"\\\\000\\\\010\"]: a function cannot be sent', { ['\"\\0\\n'] = f })\n"
        "refuses('payload: a key that is a function cannot be sent', { [f] = 1 })\n"
        "refuses('payload.x: a key that is a coroutine cannot be sent', { x = { [co] = 1 } })\n"
        "refuses('payload: a key that is a channel cannot be sent', { [make_channel()] = 1 })\n"
        "refuses('payload<key>.x: a function cannot be sent', { [{ x = f }] = 1 })\n"
        "refuses('payload.y<key>[1].x: a function cannot be sent', { y = { [{ { x = f } }] = 1 } })\n"
        "refuses('payload<key>: a key that is a function cannot be sent', { [{ [f] = 1 }] = 1 })");
}

Test(codec, paths_through_objects) {
    lua_State *L = codecbox_open();
    lua_pushcfunction(L, vlib_payload.funcs[0].func);
    lua_setglobal(L, "pack");
    luabox_run(
        L, "refuses('payload: a function cannot be sent', pack(print))\n"
           "refuses('payload.a.cb: a function cannot be sent', { a = pack { cb = print } })\n"
           "refuses('payload.a[2].cb: a function cannot be sent', { a = pack { 1, pack { cb = print } } })\n"
           "refuses('payload.a: a key that is a function cannot be sent', { a = pack { [print] = 1 } })\n"
           "refuses('payload<key>.x: a function cannot be sent', { [pack { x = print }] = 1 })\n"
           "local deep = {} for i = 1, 1000 do deep = { deep } end\n"
           "refuses('payload.a: nested deeper than 1000 tables', { a = pack(deep) })\n"
           "local w, why = copy { a = pack { [('k'):rep(1000)] = { [('l'):rep(1000)] = { [('m'):rep(1000)] = "
           "print } } } }\n"
           "assert(why:match('^payload%.a%[\"k.*%.%.%.: a function cannot be sent$'), why)\n"
           "assert(copy { pack { ('x'):rep(1000), 'y' } })"); /* which tries all limits */
    lua_close(L);
}

Test(codec, long_paths_are_cut_but_say_why) {
    codecbox_run(
        "local t = { f = print } for i = 1, 300 do t = { level = t } end\n"
        "local v, why = copy(t)\n"
        "assert(#why < 256 and why:match('^payload%.level%.level.*%.%.%.: a function cannot be sent$'), "
        "why)\n"
        "v, why = copy { [('k'):rep(1000)] = print }\n"
        "eq(why, 'payload[\"' .. ('k'):rep(40) .. '...\"]: a function cannot be sent')");
}

Test(codec, why_fits_any_room) {
    lua_State *L = codecbox_open();
    struct codec_buf b = {0};
    luabox_run(L, "deep = { a = { b = { c = { print } } } }");
    lua_getglobal(L, "deep");
    for (size_t cap = 0; cap < 80; cap++) {
        char *why = malloc(cap + 1);
        memset(why, 'x', cap + 1);
        cr_assert_eq(codec_encode(L, 1, "payload", 0, &b, why, cap), CODEC_BAD_VALUE);
        cr_assert(cap == 0 || strlen(why) < cap);
        cr_assert_eq(why[cap], 'x');
        cr_assert_eq(codec_encode(L, 1, "payload", 3, &b, why, cap), CODEC_TOO_LARGE);
        cr_assert(cap == 0 || strlen(why) < cap);
        cr_assert_eq(why[cap], 'x');
        free(why);
    }
    char why[80];
    codec_encode(L, 1, "payload", 3, &b, why, sizeof why);
    cr_assert_str_eq(why, "payload: larger than 3 bytes");
    codec_buf_free(&b);
    lua_close(L);
}

Test(codec, too_many_values_on_the_stack) {
    lua_State *L = codecbox_open();
    struct codec_buf b = {0};
    char why[100];
    cr_assert(lua_checkstack(L, LUAI_MAXCSTACK - lua_gettop(L)));
    luabox_run(L, "deep = {} for i = 1, 900 do deep = { deep } end");
    lua_settop(L, LUAI_MAXCSTACK - 500);
    lua_getglobal(L, "deep");
    int top = lua_gettop(L);
    cr_assert_eq(codec_encode(L, -1, "payload", 0, &b, why, sizeof why), CODEC_BAD_VALUE);
    cr_assert_str_eq(why, "payload: too many values on the Lua stack");
    cr_assert_eq(lua_gettop(L), top);
    lua_replace(L, 1);
    lua_settop(L, 1);
    cr_assert_eq(codec_encode(L, -1, "payload", 0, &b, why, sizeof why), CODEC_OK);
    lua_settop(L, LUAI_MAXCSTACK - 500);
    cr_assert(!codec_decode(L, b.data, b.len));
    cr_assert_eq(lua_gettop(L), LUAI_MAXCSTACK - 500);
    codec_buf_free(&b);
    lua_close(L);
}

/* --- bytes that are no value ------------------------------------------------------------------------------------- */

Test(codec, malformed_bytes) {
    lua_State *L = codecbox_open();
    cr_assert(!codecbox_decodes(L, "", 0));
    cr_assert(DECODES(TAG_NIL));
    cr_assert(!DECODES(TAG_NIL, TAG_NIL));
    cr_assert(!DECODES(TAG_EXT + 1));
    cr_assert(!DECODES(TAG_TABLE + 4, U32(0), U32(0)));
    cr_assert(DECODES(TAG_TABLE, U32(0), U32(0)));
    cr_assert(DECODES(TAG_TABLE, U32(1), U32(0), TAG_NIL));
    cr_assert(DECODES(TAG_TABLE, U32(0), U32(1), TAG_TRUE, TAG_TRUE));
    /* counts beyond the bytes there are */
    cr_assert(!DECODES(TAG_TABLE, U32(2), U32(0), TAG_NIL));
    cr_assert(!DECODES(TAG_TABLE, U32(0xffffffffu), U32(0xffffffffu), TAG_NIL, TAG_NIL));
    cr_assert(!DECODES(TAG_TABLE, U32(0), U32(0x80000000u), TAG_NIL, TAG_NIL));
    cr_assert(!DECODES((char)(TAG_SHORT + 2), 'x'));
    cr_assert(!DECODES(TAG_LONG, U32(2), 'x'));
    cr_assert(!DECODES(TAG_LONG, U32(0xffffffffu), 'x'));
    /* keys and values that Lua refuses */
    cr_assert(!DECODES(TAG_TABLE, U32(0), U32(1), TAG_NIL, TAG_TRUE));
    cr_assert(!DECODES(TAG_TABLE, U32(0), U32(1), TAG_TRUE, TAG_NIL));
    cr_assert(DECODES(TAG_TABLE, U32(0), U32(1), TAG_NUMBER, 0, 0, 0, 0, 0, 0, 0, 0, TAG_TRUE));
    cr_assert(!DECODES(TAG_TABLE, U32(0), U32(1), TAG_NUMBER, 0, 0, 0, 0, 0, 0, (char)0xf8, 0x7f, TAG_TRUE));
    cr_assert(
        !DECODES(TAG_TABLE, U32(0), U32(1), TAG_NUMBER, 0, 0, 0, 0, 0, 0, (char)0xf8, (char)0xff, TAG_TRUE));
    cr_assert(
        !DECODES(TAG_TABLE, U32(0), U32(1), TAG_NUMBER, 1, 1, 1, 1, 1, 1, (char)0xf1, (char)0xff, TAG_TRUE));
    /* references */
    cr_assert(!DECODES(TAG_REF, U32(0)));
    cr_assert(!DECODES(TAG_TABLE, U32(1), U32(0), TAG_REF, U32(0)));
    cr_assert(!DECODES(TAG_TABLE + TABLE_ROOT, U32(1), U32(0), TAG_REF, U32(0)));
    cr_assert(!DECODES(TAG_TABLE + TABLE_SHARED, U32(1), U32(0), TAG_REF, U32(0)));
    cr_assert(DECODES(TAG_TABLE + TABLE_SHARED + TABLE_ROOT, U32(1), U32(0), TAG_REF, U32(0)));
    cr_assert(!DECODES(TAG_TABLE + TABLE_SHARED + TABLE_ROOT, U32(1), U32(0), TAG_REF, U32(9)));
    cr_assert(!DECODES(TAG_TABLE + TABLE_SHARED + TABLE_ROOT, U32(1), U32(0), TAG_REF, U32(0xffffffffu)));
    /* userdata */
    cr_assert(!DECODES(TAG_EXT, VTYPE_NONE, U32(0)));
    cr_assert(!DECODES(TAG_EXT, VTYPE_CHANNEL, U32(0)));
    cr_assert(!DECODES(TAG_EXT, VTYPE_COUNT, U32(0)));
    cr_assert(!DECODES(TAG_EXT, (char)0xff, U32(0)));
    cr_assert(!DECODES(TAG_EXT, VTYPE_ERROR, U32(0)));
    cr_assert(!DECODES(TAG_EXT, VTYPE_ERROR, U32(1), 0));
    lua_close(L);
}

Test(codec, nesting_of_malformed_bytes_is_bounded) {
    lua_State *L = codecbox_open();
    enum { LEVELS = 100000 };
    char *bytes = malloc(LEVELS * TABLE_HEAD);
    for (int i = 0; i < LEVELS; i++) {
        char *head = bytes + (size_t)i * TABLE_HEAD;
        *head = TAG_TABLE;
        put_u32(head + 1, i % 2);
        put_u32(head + 5, (i + 1) % 2);
    }
    cr_assert(!codecbox_decodes(L, bytes, LEVELS * TABLE_HEAD));
    free(bytes);
    lua_close(L);
}

/* A valid value with bytes changed here and there: accepted or not, never worse. */
Test(codec, mutated_bytes) {
    lua_State *L = codecbox_open();
    struct codec_buf b = {0};
    luabox_run(L,
               "local s = { 1, 'x', errors.new { message = 'm', details = { 1 } } }\n"
               "mixed = { s, s, a = s, [s] = { 1.5, -0, true, ('y'):rep(200), { { {} } } }, ['k'] = 0/0 }");
    lua_getglobal(L, "mixed");
    cr_assert_eq(codecbox_encode(L, 1, 0, &b), CODEC_OK);
    codecbox_damage(L, &b, 24);
    codec_buf_free(&b);
    lua_close(L);
}

/* --- a state that runs out of memory ----------------------------------------------------------------------------- */

static long left; /* allocations until one fails, 0: none does */

static void *allocate_or_fail(void *ud, void *block, size_t old_size, size_t size) {
    if (size == 0) {
        free(block);
        return NULL;
    }
    if (size > old_size && left > 0 && --left == 0)
        return NULL;
    return realloc(block, size);
}

static struct codec_buf oom_buf;

static int encode_and_decode(lua_State *L) {
    char why[256];
    oom_buf.len = 0;
    cr_assert_eq(codec_encode(L, 1, "payload", 0, &oom_buf, why, sizeof why), CODEC_OK);
    cr_assert(codec_decode(L, oom_buf.data, oom_buf.len));
    for (int i = 0; i < 5; i++) {
        lua_getglobal(L, "plain");
        oom_buf.len = 0;
        cr_assert_eq(codec_pack(L, -1, 0, &oom_buf), OWN_LUAJIT);
        cr_assert(!OWN_LUAJIT || codec_decode(L, oom_buf.data, oom_buf.len));
    }
    return 0;
}

Test(codec, every_allocation_of_the_state_fails_once) {
    lua_State *L = lua_newstate(allocate_or_fail, NULL);
    luaL_openlibs(L);
    lua_pushcfunction(L, vlib_errors.funcs[0].func);
    lua_setglobal(L, "new_error");
    cr_assert_eq(
        luaL_dostring(L, "plain = { { a = 1, b = { 'x' } }, { a = 2, b = {}, c = true }, ['key'] = 4 }"), 0);
    luaL_loadstring(
        L, "local s = { 1, 'x' } local t = { s, s, a = s, [s] = { 1.5, -0, true, { { {} } } }, k = -(0/0) }\n"
           "for i = 1, 50 do t = { t, s, 'some text ' .. i } end t.e = new_error { message = 'm', details = "
           "t }\n"
           "return t");
    lua_call(L, 0, 1);
    lua_gc(L, LUA_GCCOLLECT, 0);
    long n = 1;
    int status;
    do {
        lua_State *co = lua_newthread(L); /* its stack is small, so it has to grow */
        lua_pushcfunction(co, encode_and_decode);
        lua_pushvalue(L, 1);
        lua_xmove(L, co, 1);
        left = n++;
        status = lua_pcall(co, 1, 0, 0);
        cr_assert(status == 0 || lua_isstring(co, -1), "%d: %s", status, luaL_typename(co, -1));
        lua_settop(L, 1);
    } while (left == 0);
    cr_assert_eq(status, 0);
    cr_assert(n > 50, "%ld allocations", n);
    left = 0;
    codec_buf_free(&oom_buf);
    lua_close(L);
}

#ifdef TROUPE_FAULT
Test(codec, every_allocation_of_ours_fails_once) {
    lua_State *L = codecbox_open();
    luabox_run(
        L,
        "t = {} for i = 1, 200 do t[i] = { errors.new { message = ('m'):rep(500), details = { 1 } } } end");
    lua_getglobal(L, "t");
    char why[100];
    for (long n = 1;; n++) {
        struct codec_buf b = {0};
        mem_fault_arm(n);
        enum codec_status status = codec_encode(L, 1, "payload", 0, &b, why, sizeof why);
        bool spent = mem_fault_count() >= n;
        mem_fault_arm(0);
        if (!spent) {
            cr_assert_eq(status, CODEC_OK);
            cr_assert(n > 5);
            codec_buf_free(&b);
            break;
        }
        cr_assert_eq(status, CODEC_NO_MEMORY);
        cr_assert_str_eq(why, "payload: not enough memory");
        cr_assert_eq(b.len, 0);
        cr_assert_eq(lua_gettop(L), 1);
        codec_buf_free(&b);
    }
    lua_close(L);
}
#endif

/* --- threads ----------------------------------------------------------------------------------------------------- */

static void *deep_on_a_small_stack(void *arg) {
    lua_State *L = arg;
    struct codec_buf b = {0};
    lua_getglobal(L, "deep");
    cr_assert_eq(codecbox_encode(L, -1, 0, &b), CODEC_OK);
    cr_assert(codec_decode(L, b.data, b.len));
    codec_buf_free(&b);
    return NULL;
}

Test(codec, little_c_stack_and_no_trace_of_a_thread) {
    lua_State *L = codecbox_open();
    luabox_run(L, "deep = {} for i = 2, 1000 do deep = { deep } end");
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 128 * 1024);
    for (int i = 0; i < 3; i++) {
        pthread_t thread;
        cr_assert_eq(pthread_create(&thread, &attr, deep_on_a_small_stack, L), 0);
        pthread_join(thread, NULL);
    }
    pthread_attr_destroy(&attr);
    lua_close(L);
}
