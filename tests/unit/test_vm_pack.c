/* Plain tables by the short way: packed inside LuaJIT. */
#include <criterion/criterion.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/codecbox.h"
#include "tests/support/luabox.h"
#include "vm/codec_fmt.h"
#include "vm/state.h"

/* Whatever LuaJIT it is. */
Test(pack, what_is_refused_appends_nothing) {
    static const char *const values[] = {"nil",        "1",         "'x'",         "print",
                                         "newproxy()", "{ print }", "{ [{}] = 1 }"};
    lua_State *L = codecbox_open();
    struct codec_buf b = {0};
    cr_assert(codec_buf_put(&b, "before", 6));
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        lua_pushfstring(L, "return %s", values[i]);
        cr_assert(luaL_loadstring(L, lua_tostring(L, -1)) == 0 && lua_pcall(L, 0, 1, 0) == 0);
        cr_assert_not(codec_pack(L, -1, 0, &b), "%s", values[i]);
        cr_assert(b.len == 6 && memcmp(b.data, "before", 6) == 0, "%s", values[i]);
        lua_settop(L, 0);
    }
    codec_buf_free(&b);
    lua_close(L);
}

#if OWN_LUAJIT

Test(pack, what_is_packed) {
    codecbox_run(
        "local function packs(v) keeps(v) if packed(v) == nil then error('not packed', 2) end end\n"
        "local function takes_the_long_way(v) if packed(v) ~= nil then error('packed', 2) end end\n"
        "packs {} packs { 1, 2, 3 } packs { x = 1 } packs { 1, x = { true, false, { y = 'z' } } } packs { "
        "[1.5] = 1, [-1] = 2 }\n"
        "packs { 1, nil, 3 } packs { [true] = 1, [''] = 2 } packs { [('k'):rep(300)] = 1, [('l'):rep(200)] = "
        "2 }\n"
        "packs { a = ('x'):rep(127), b = ('x'):rep(128), c = ('x'):rep(3000) } packs { -0, 1/0, 0/0, -(0/0) "
        "}\n"
        "local names = {} for i = 1, 32 do names['name' .. i] = i packs(names) end names.more = 0 "
        "packs(names)\n"
        "local long = {} for i = 1, 5 do long[('n'):rep(100) .. i] = i packs(long) end\n"
        "local many = {} for i = 1, 300 do many[i] = { i } end packs(many)\n"
        "local s = {} takes_the_long_way { s, s } takes_the_long_way { [s] = 1 } takes_the_long_way { "
        "errors.new 'x' }\n"
        "takes_the_long_way { print } takes_the_long_way(1) takes_the_long_way('x') takes_the_long_way { [0] "
        "= 1, 2 }\n"
        "s.s = s takes_the_long_way(s) takes_the_long_way { 1, nil, nil, nil, nil, nil, nil, nil, nil, nil, "
        "nil, 12 }\n"
        "takes_the_long_way { ('x'):rep(70000) } local deep = {} for i = 1, 40 do deep = { deep } end "
        "takes_the_long_way(deep)\n"
        "for i = 301, 600 do many[i] = { i } end takes_the_long_way(many)");
}

/* Tables whose nodes lie in many orders, with names that went: what a state knows of their shapes changes no byte. */
Test(pack, a_known_shape_is_packed_like_an_unknown_one) {
    static const char make[] =
        "local seed = ... local function random(n) seed = seed * 16807 % 2147483647 return seed % n + 1 end\n"
        "t = { id = seed, name = 'n' .. seed, tags = { 'a', seed } }\n"
        "for _ = 1, random(6) do t['k' .. random(9)] = random(2) == 1 and seed or { x = seed, ['y' .. seed % "
        "3] = 'z' } end\n"
        "for _ = 1, random(4) do t['k' .. random(9)] = nil end\n"
        "if random(5) == 1 then t.id = nil end if random(9) == 1 then for k in pairs(t) do t[k] = nil end "
        "end";
    lua_State *warm = codecbox_open();
    struct codec_buf known = {0}, unknown = {0};
    for (int i = 0; i < 3000; i++) {
        lua_State *states[] = {warm, luabox_open((const struct vlib *const[]){NULL})};
        struct codec_buf *bufs[] = {&known, &unknown};
        for (int k = 0; k < 2; k++) {
            cr_assert(luaL_loadstring(states[k], make) == 0);
            lua_pushinteger(states[k], i / 3 + 1);
            cr_assert(lua_pcall(states[k], 1, 0, 0) == 0, "%s", lua_tostring(states[k], -1));
            lua_getglobal(states[k], "t");
            bufs[k]->len = 0;
            cr_assert_eq(codec_pack(states[k], -1, 0, bufs[k]), OWN_LUAJIT);
            lua_settop(states[k], 0);
        }
        cr_assert(known.len == unknown.len && memcmp(known.data, unknown.data, known.len) == 0, "seed %d",
                  i / 3 + 1);
        lua_close(states[1]);
    }
    codec_buf_free(&known);
    codec_buf_free(&unknown);
    lua_close(warm);
}

/* The first of a kind is built name by name, the third is a copy of a template: both mean the same, whoever packed them. */
Test(pack, records_of_the_same_names) {
    codecbox_run(
        "for round = 1, 5 do\n"
        "    for kind = 1, 60 do\n"
        "        local t, u = { x = { y = round } }, {}\n"
        "        for i = 1, kind % 32 do t['field' .. i * kind] = i .. '/' .. round end\n"
        "        for i = kind % 32, 1, -1 do u['field' .. i * kind] = i .. '/' .. round end u.x = { y = "
        "round }\n"
        "        keeps(t) keeps(u) keeps { t, u, { t = 1 } } packed(t).new = 1 eq(packed(t).new, nil)\n"
        "    end\n"
        "end");
    lua_State *from = codecbox_open(), *to = codecbox_open();
    struct codec_buf b = {0};
    for (int i = 0; i < 50;
         i++) { /* names get numbers in the order in which a state meets them: other places in the table */
        luabox_run(from, i % 2 ? "t = { alpha = 1, beta = 'two', gamma = { 3 }, delta = true, epsilon = 5 }"
                               : "local t0 = {} t = {} t.epsilon, t.delta, t.gamma, t.beta, t.alpha = 5, "
                                 "true, { 3 }, 'two', 1");
        b.len = 0;
        lua_getglobal(from, "t");
        cr_assert(codec_pack(from, -1, 0, &b));
        lua_settop(from, 0);
        cr_assert(codec_decode(to, b.data, b.len));
        lua_setglobal(to, "t");
        luabox_run(
            to,
            "eq(t.alpha, 1) eq(t.beta, 'two') eq(t.gamma[1], 3) eq(t.delta, true) eq(t.epsilon, 5)\n"
            "local n = 0 for _ in pairs(t) do n = n + 1 end eq(n, 5) t.zeta = 6 t.alpha = nil eq(t.zeta, 6)");
    }
    codec_buf_free(&b);
    lua_close(from);
    lua_close(to);
}

Test(pack, templates_survive_the_collector) {
    codecbox_run(
        "collectgarbage('setpause', 100) collectgarbage('setstepmul', 10000)\n"
        "local kept = {}\n"
        "for i = 1, 1500 do\n"
        "    local kind = i % 20\n"
        "    local t = packed { ['a' .. kind] = i, b = 'text ' .. i, ['c' .. kind] = { d = i, { 'e' .. i } } "
        "}\n"
        "    assert(t['a' .. kind] == i and t.b == 'text ' .. i and t['c' .. kind].d == i and t['c' .. "
        "kind][1][1] == 'e' .. i)\n"
        "    kept[i % 50] = t\n"
        "    if i % 100 == 0 then collectgarbage() end\n"
        "    local old = kept[(i + 1) % 50]\n"
        "    if old then local j = i - 49 assert(old.b == 'text ' .. j and old['c' .. j % 20].d == j) end\n"
        "end");
}

Test(pack, malformed_packed_bytes) {
    enum { ARRAY = LUAJIT_PACK_FIRST, RECORD, TABLE };
    lua_State *L = codecbox_open();
    cr_assert(DECODES(ARRAY, U32(0)));
    cr_assert(DECODES(ARRAY, U32(1), TAG_NIL));
    cr_assert(!DECODES(ARRAY, U32(2), TAG_NIL));
    cr_assert(!DECODES(ARRAY, U32(0xffffffffu), TAG_NIL));
    cr_assert(!DECODES(ARRAY, U32(1), TAG_REF, U32(0)));
    cr_assert(!DECODES(ARRAY, U32(1), TAG_EXT, VTYPE_ERROR, U32(0)));
    cr_assert(!DECODES(ARRAY, U32(1), TAG_TABLE, U32(0), U32(0)));
    cr_assert(!DECODES(ARRAY));
    cr_assert(DECODES(TABLE, U32(0), U32(1), TAG_TRUE, TAG_TRUE));
    cr_assert(!DECODES(TABLE, U32(0), U32(1), TAG_TRUE, TAG_NIL));
    cr_assert(!DECODES(TABLE, U32(0), U32(1), TAG_NIL, TAG_TRUE));
    cr_assert(!DECODES(TABLE, U32(0), U32(1), ARRAY, U32(0), TAG_TRUE));
    cr_assert(!DECODES(TABLE, U32(0), U32(1), TAG_NUMBER, 0, 0, 0, 0, 0, 0, (char)0xf8, 0x7f, TAG_TRUE));
    cr_assert(!DECODES(TABLE, U32(0), U32(0x80000000u), TAG_TRUE, TAG_TRUE));
    for (int i = 0; i < 4; i++) { /* the same names more than once: whatever is remembered */
        cr_assert(DECODES(RECORD, 1, 2, 0, U32(7), 1, 'x', TAG_TRUE));
        cr_assert(!DECODES(RECORD, 1, 2, 0, U32(7), 1, 'x'));
        cr_assert(!DECODES(RECORD, 1, 3, 0, U32(7), 1, 'x', 0, TAG_TRUE));
        cr_assert(!DECODES(RECORD, 1, 2, 0, U32(7), 2, 'x', TAG_TRUE));
        cr_assert(!DECODES(RECORD, 0, 0, 0, U32(7), TAG_TRUE));
        cr_assert(!DECODES(RECORD, 2, 2, 0, U32(7), 1, 'x', TAG_TRUE, TAG_TRUE));
        cr_assert(!DECODES(RECORD, 33, 2, 0, U32(7), 1, 'x', TAG_TRUE));
        cr_assert(!DECODES(RECORD, 1, 2, 4, U32(7), 1, 'x', TAG_TRUE));
        DECODES(RECORD, 2, 4, 0, U32(9), 1, 'x', 1, 'x', TAG_TRUE, TAG_FALSE);
    }
    enum { LEVELS = 10000 };
    char *bytes = malloc(LEVELS * 5);
    for (int i = 0; i < LEVELS; i++) {
        bytes[i * 5] = ARRAY;
        put_u32(bytes + i * 5 + 1, 1);
    }
    cr_assert(!codecbox_decodes(L, bytes, LEVELS * 5));
    free(bytes);
    struct codec_buf b = {0};
    luabox_run(L, "mixed = { { x = 1, y = 'z' }, { x = 1.5, y = -0 }, a = true, [2.5] = ('y'):rep(200), { { "
                  "{} } }, k = 0/0 }");
    lua_getglobal(L, "mixed");
    cr_assert(codec_pack(L, 1, 0, &b));
    codecbox_damage(L, &b, 40);
    lua_gc(L, LUA_GCCOLLECT, 0);
    codec_buf_free(&b);
    lua_close(L);
}

#endif
