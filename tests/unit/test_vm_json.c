/* json.encode and json.decode as Lua sees them; json.validate is in test_vm_jsonschema. */
#include <criterion/criterion.h>
#include <lauxlib.h>
#include <locale.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/luabox.h"
#include "vm/errobj.h"
#include "vm/jsonenc.h"

extern const struct vlib vlib_json, vlib_time;
static const struct vlib *const libs[] = {&vlib_json, &vlib_time, NULL};

/* --- encode ------------------------------------------------------------------------------------------------------ */

Test(json, encode_scalars) {
    luabox_test(
        libs,
        "local e = json.encode "
        "eq(e(nil), 'null') eq(e(true), 'true') eq(e(false), 'false') eq(e('x'), '\"x\"') eq(e(''), '\"\"') "
        "eq(e(1/0), 'null') eq(e(-1/0), 'null') eq(e(0/0), 'null') "
        "raises('value expected', e)");
}

Test(json, encode_numbers) {
    luabox_test(
        libs,
        "local e = json.encode "
        "eq(e(0), '0') eq(e(-0), '-0') eq(e(1), '1') eq(e(-17), '-17') eq(e(2^53), '9007199254740992') "
        "eq(e(1e15), '1000000000000000') eq(e(123456789012), '123456789012') "
        "eq(e(0.5), '0.5') eq(e(-1.25), '-1.25') eq(e(0.1), '0.1') eq(e(3.14159), '3.14159') "
        "eq(e(0.00001), '0.00001') eq(e(1e-7), '1e-07') eq(e(1e21), '1e+21') eq(e(1e300), '1e+300') "
        "eq(e(0.1 + 0.2), '0.30000000000000004') eq(e(1/3), '0.3333333333333333') "
        "eq(e(5e-324), '4.94065645841247e-324') eq(e(1.7976931348623157e308), '1.7976931348623157e+308')");
}

Test(json, numbers_read_back) {
    uint64_t seed = 88172645463325252u;
    char text[JSONENC_NUMBER_MAX + 1];
    for (int i = 0; i < 200000; i++) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        double n;
        memcpy(&n, &seed, sizeof n);
        if (i % 4 == 1)
            n = (double)(int64_t)(seed >> 30) / 1000;
        else if (i % 4 == 2)
            n = (double)(seed % 100000) / 1e9;
        else if (i % 4 == 3)
            n = (double)(int64_t)seed;
        if (!isfinite(n))
            continue;
        text[jsonenc_number(n, text)] = '\0';
        double back = strtod(text, NULL);
        cr_assert(memcmp(&back, &n, sizeof n) == 0, "%.17g became %s", n, text);
    }
}

Test(json, numbers_have_a_point_in_every_locale) {
    if (!setlocale(LC_NUMERIC, "de_DE.UTF-8"))
        cr_skip_test("no locale with a decimal comma");
    luabox_test(
        libs,
        "eq(json.encode(1e-7 / 3), '3.3333333333333334e-08') eq(json.decode('1.234567890123456789'), 1 + "
        "1234567890123456789 / 1e19 * 10 - 1)");
}

Test(json, encode_strings) {
    luabox_test(libs, "local e = json.encode "
                      "eq(e('a\"b\\\\c/d'), [[\"a\\\"b\\\\c/d\"]]) "
                      "eq(e('\\b\\t\\n\\f\\r\\0\\1\\31\\127'), "
                      "'\"\\\\b\\\\t\\\\n\\\\f\\\\r\\\\u0000\\\\u0001\\\\u001f\\127\"') "
                      "eq(e('gr\\195\\188n \\226\\130\\172 \\240\\159\\152\\128'), '\"gr\\195\\188n "
                      "\\226\\130\\172 \\240\\159\\152\\128\"') "
                      "for n = 0, 40 do local s = ('x'):rep(n) eq(e(s), '\"' .. s .. '\"') "
                      "  eq(e(s .. '\"' .. s), '\"' .. s .. '\\\\\"' .. s .. '\"') "
                      "  eq(e(s .. '\\195\\188' .. s), '\"' .. s .. '\\195\\188' .. s .. '\"') end");
}

Test(json, encode_bad_utf8) {
    luabox_test(
        libs, "for _, s in ipairs{'\\255', '\\192\\128', '\\195', '\\237\\160\\128', '\\244\\144\\128\\128', "
              "'\\226\\130', "
              "'\\128', '\\224\\128\\128', '\\240\\128\\128\\128', 'long enough\\255to skip'} do "
              "  fails('Internal', 'json.encode: value.a[2]: a string that is not UTF-8 cannot be encoded', "
              "        json.encode{a = {1, s}}) "
              "  fails('Internal', 'not UTF-8', json.encode{[s] = 1}) "
              "end");
}

Test(json, encode_tables) {
    luabox_test(
        libs,
        "local e = json.encode "
        "eq(e{}, '[]') eq(e{1, 2, 3}, '[1,2,3]') eq(e{a = 1}, '{\"a\":1}') eq(e{{}, {{}}}, '[[],[[]]]') "
        "eq(e{a = {b = {c = {1, {d = 'x'}}}}}, '{\"a\":{\"b\":{\"c\":[1,{\"d\":\"x\"}]}}}') "
        "eq(e{['1'] = 2}, '{\"1\":2}') eq(e{[''] = 1}, '{\"\":1}') eq(e{1/0, 0/0}, '[null,null]') "
        "eq(e{false, true}, '[false,true]') "
        "local many = {} for i = 1, 1000 do many[i] = i end "
        "eq(e(many), '[' .. table.concat(many, ',') .. ']')");
}

Test(json, encode_sequences_however_made) {
    luabox_test(libs, "local e = json.encode "
                      "eq(e{[3] = 3, [2] = 2, [1] = 1}, '[1,2,3]') "
                      "local t = {} for i = 20, 1, -1 do t[i] = i end "
                      "eq(e(t), '[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20]') "
                      "local u = {1, 2, 3} u[5] = 5 u[4] = {4} eq(e(u), '[1,2,3,[4],5]') "
                      "local s = {1, 2, 3, 4} s[4] = nil eq(e(s), '[1,2,3]')");
}

Test(json, encode_deep_out_of_order_takes_no_extra_time) {
    luabox_test(libs, "local t = {} for i = 1, 120 do local u = {} u[3] = 3 u[2] = 2 u[1] = t t = u end "
                      "eq(#json.encode(t), 120 * 6 + 2)");
}

Test(json, encode_refuses) {
    luabox_test(
        libs,
        "local e = json.encode "
        "fails('Internal', 'json.encode: value: an array with holes cannot be encoded', e{1, nil, 3}) "
        "fails('Internal', 'an array with holes', e{[2] = 1}) fails('Internal', 'an array with holes', e{1, "
        "[1e9] = 2}) "
        "fails('Internal', 'no index', e{[0] = 1}) fails('Internal', 'no index', e{[1.5] = 1}) "
        "fails('Internal', 'no index', e{1, [-1] = 1}) "
        "fails('Internal', 'value: a table with both string keys and others', e{1, a = 2}) "
        "fails('Internal', 'a table with both string keys and others', e{a = 2, b = 3, [7] = 1}) "
        "fails('Internal', 'keys other than strings and indexes', e{[true] = 1}) "
        "fails('Internal', 'keys other than strings and indexes', e{[{}] = 1}) "
        "fails('Internal', 'json.encode: value: a function cannot be encoded', e(print)) "
        "fails('Internal', 'value.a.b[2].c: a function cannot be encoded', e{a = {b = {0, {c = print}}}}) "
        "fails('Internal', 'value[\"odd key\"]: a coroutine cannot be encoded', "
        "      e{['odd key'] = coroutine.create(print)}) "
        "fails('Internal', 'value[2]: a location cannot be encoded', e{1, time.utc}) "
        "fails('Internal', 'value[3]: a function', e{[3] = print, [1] = 1, [2] = 2}) "
        "local c = {a = {}} c.a.b = {c} fails('Internal', 'value.a.b[1]: a table that contains itself', "
        "e(c)) "
        "local _, err = e(print) assert(not err:retryable())");
}

Test(json, encode_depth) {
    luabox_test(libs, "local function nest(n) local t = {} for i = 2, n do t = {t} end return t end "
                      "eq(json.encode(nest(128)), ('['):rep(128) .. (']'):rep(128)) "
                      "fails('Internal', 'more than 128 levels', json.encode(nest(129))) "
                      "fails('Internal', 'value[1][1][1]', json.encode(nest(129))) "
                      "fails('Internal', 'more than 128 levels', json.encode(nest(100000))) "
                      "local shared = {1} eq(json.encode{shared, shared}, '[[1],[1]]')");
}

Test(json, encode_ignores_metatables) {
    luabox_test(libs, "local loud = setmetatable({1, 2}, {__index = error, __len = error, __pairs = error, "
                      "__tostring = error}) "
                      "eq(json.encode(loud), '[1,2]')");
}

Test(json, encode_objects) {
    lua_State *L = luabox_open(libs);
    errobj_pushf(L, ERRKIND_NOT_FOUND, "no \"x\"");
    lua_setglobal(L, "err");
    luabox_run(L, "eq(json.encode(err), '\"no \\\\\"x\\\\\"\"') "
                  "eq(json.encode{t = time.date(2024, 7, 1, 12, 0, 0, 5e8, time.utc)}, "
                  "'{\"t\":\"2024-07-01T12:00:00.5Z\"}') "
                  "eq(json.encode{time.parse_duration('90s')}, '[\"1m30s\"]')");
    lua_close(L);
}

Test(json, encode_long_texts) {
    luabox_test(libs,
                "for n = 2030, 2060 do local s = ('y'):rep(n) eq(json.encode(s), '\"' .. s .. '\"') end "
                "local s = ('\\n'):rep(100000) eq(#json.encode{s, s}, 400007)");
}

/* --- decode ------------------------------------------------------------------------------------------------------ */

Test(json, decode_scalars) {
    luabox_test(libs,
                "local d = json.decode "
                "eq(d('null'), nil) eq(select('#', d('null')), 1) eq(d('true'), true) eq(d('false'), false) "
                "eq(d('\"x\"'), 'x') eq(d('\"\"'), '') eq(d(' \\t\\r\\n1 \\n'), 1) "
                "raises('string expected', d) raises('string expected', d, {})");
}

Test(json, decode_numbers) {
    luabox_test(
        libs,
        "local d = json.decode "
        "eq(d('0'), 0) eq(1 / d('-0'), -1/0) eq(1 / d('-0.0'), -1/0) eq(d('123'), 123) eq(d('-1.5'), -1.5) "
        "eq(d('1e3'), 1000) eq(d('1E+3'), 1000) eq(d('25e-1'), 2.5) eq(d('0.1'), 0.1) "
        "eq(d('123456789012345'), 123456789012345) eq(d('1234567890123456789'), 1234567890123456789) "
        "eq(d('0.30000000000000004'), 0.1 + 0.2) eq(d('1e-400'), 0) eq(d('5e-324'), 5e-324) "
        "eq(d('0.000000000000001'), 1e-15) eq(d('9007199254740993'), 2^53) "
        "eq(d('1.7976931348623157e308'), 1.7976931348623157e308)");
}

Test(json, decode_strings) {
    luabox_test(libs, "local d = json.decode "
                      "eq(d([[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]]), '\"\\\\/\\b\\f\\n\\r\\t') "
                      "eq(d([[\"\\u0041\\u00fc\\u20AC\\ud83d\\ude00\\u0000z\"]]), "
                      "'A\\195\\188\\226\\130\\172\\240\\159\\152\\128\\0z') "
                      "eq(d('\"gr\\195\\188n\"'), 'gr\\195\\188n') eq(d('\"\\127\"'), '\\127') "
                      "eq(d([[\"x\\\\\"]]), 'x\\\\') eq(d([[\"\\u0001\"]]), '\\1') "
                      "local s = ('a\\n'):rep(5000) eq(d(json.encode(s)), s)");
}

Test(json, decode_containers) {
    luabox_test(libs,
                "local d = json.decode "
                "local t = d'[1,\"a\",true,null,[2],{\"k\":[]}]' "
                "eq(t[1], 1) eq(t[2], 'a') eq(t[3], true) eq(t[4], nil) eq(t[5][1], 2) eq(#t[6].k, 0) "
                "eq(next(d'[]'), nil) eq(next(d'{}'), nil) eq(next(d' [ ] '), nil) eq(next(d' { } '), nil) "
                "local o = d' { \"a\" : 1 , \"b\" : { \"c\" : null } } ' eq(o.a, 1) eq(next(o.b), nil) "
                "eq(d'{\"a\":1,\"a\":2}'.a, 2) eq(d'{\"a\":1,\"a\":null}'.a, nil) eq(d'{\"\":7}'[''], 7) "
                "eq(d'{\"a\\\\u0000b\":7}'['a\\0b'], 7) eq(d'{\"1\":7}'[1], nil) eq(#d'[null,null,3]', 3)");
}

Test(json, decode_sizes) {
    luabox_test(
        libs, "for n = 0, 70 do "
              "  local a, o = {}, {} for i = 1, n do a[i] = i o[i] = '\"k' .. i .. '\":' .. i end "
              "  local da = json.decode('[' .. table.concat(a, ',') .. ']') eq(#da, n) "
              "  local od = json.decode('{' .. table.concat(o, ',') .. '}') "
              "  local count = 0 for k, v in pairs(od) do eq(k, 'k' .. v) count = count + 1 end eq(count, n) "
              "  for i = 1, n do eq(da[i], i) end "
              "end "
              "local dup = {} for i = 1, 40 do dup[i] = '\"k\":' .. i end "
              "eq(json.decode('{' .. table.concat(dup, ',') .. '}').k, 40)");
}

Test(json, decode_depth) {
    luabox_test(libs,
                "local function nest(n) return ('['):rep(n) .. (']'):rep(n) end "
                "local t = json.decode(nest(1000)) for i = 1, 998 do t = t[1] end eq(#t, 1) eq(#t[1], 0) "
                "fails('Internal', 'line 1, column 1002: more than 1000 levels', json.decode(nest(1002))) "
                "fails('Internal', 'more than 1000 levels', json.decode(('['):rep(1e6))) "
                "fails('Internal', 'more than 1000 levels', json.decode(('{\"a\":'):rep(1e5))) "
                "local wide = ('[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,'):rep(900) .. '0' .. (']'):rep(900) "
                "eq(json.encode(json.decode(wide)[16][16][15]), '15') "
                "local function run() return json.decode(wide) end "
                "eq(coroutine.wrap(run)()[1], 1)");
}

Test(json, decode_says_where) {
    luabox_test(
        libs,
        "local function bad(text, message) fails('Internal', message, json.decode(text)) "
        "end "
        "fails('Invalid', 'json.decode: empty text', json.decode('')) "
        "bad(' ', 'line 1, column 2: unexpected end of text') "
        "bad('x', 'line 1, column 1: expected a value') bad('tru', 'line 1, column 1: expected a value') "
        "bad('nul', 'expected a value') bad('fals', 'expected a value') bad('trux', 'expected a value') "
        "bad('truex', 'line 1, column 5: text after the value') bad('1 2', 'column 3: text after the value') "
        "bad('[1,2', 'line 1, column 5: unexpected end of text') bad('[', 'column 2: unexpected end of "
        "text') "
        "bad('[1,]', 'line 1, column 4: expected a value') bad('[,1]', 'column 2: expected a value') "
        "bad('[1 2]', 'column 4: expected \\',\\' or \\']\\'') bad('[1}', 'expected \\',\\' or \\']\\'') "
        "bad('{', 'unexpected end of text') bad('{1:2}', 'column 2: expected a string as key') "
        "bad('{\"a\" 1}', 'column 6: expected \\':\\'') bad('{\"a\":1,}', 'column 8: expected a string as "
        "key') "
        "bad('{\"a\":1 \"b\"}', 'expected \\',\\' or \\'}\\'') bad('{\"a\"', 'unexpected end of text') "
        "bad('{\\n  \"gr\\195\\188n\": x}', 'line 2, column 11: expected a value') "
        "bad('01', 'column 1: invalid number') bad('1.', 'unexpected end of text') bad('1.x', 'invalid "
        "number') "
        "bad('-', 'unexpected end of text') bad('-x', 'invalid number') bad('+1', 'expected a value') "
        "bad('.5', 'expected a value') bad('1e', 'unexpected end of text') bad('1ex', 'invalid number') "
        "bad('0x10', 'text after the value') bad('NaN', 'expected a value') bad('1e999', 'number out of "
        "range') "
        "bad('\"abc', 'line 1, column 5: unexpected end of text') bad('\"a\\nb\"', 'control character in a "
        "string') "
        "bad('\"a\\0b\"', 'column 3: control character') bad('\"\\\\x\"', 'invalid escape') "
        "bad('\"\\\\u12g4\"', 'invalid escape') bad('\"\\\\u12', 'unexpected end of text') "
        "bad('\"\\\\ud800\"', 'unpaired surrogate') bad('\"\\\\udc00\"', 'unpaired surrogate') "
        "bad('\"\\\\ud800\\\\u0041\"', 'unpaired surrogate') bad('\"\\255\"', 'column 2: invalid UTF-8') "
        "bad('\"\\237\\160\\128\"', 'invalid UTF-8') bad('\"\\195', 'invalid UTF-8') bad('1\\0', 'text after "
        "the value') "
        "bad('\\239\\187\\191{}', 'column 1: expected a value') bad('// x\\n1', 'expected a value') "
        "bad('[1] // x', 'text after the value') bad(\"'a'\", 'expected a value') "
        "local _, err = json.decode('x') assert(not err:retryable())");
}

Test(json, values_survive_the_round_trip) {
    luabox_test(libs,
                "local function same(a, b) "
                "  if type(a) ~= 'table' then return a == b end "
                "  for k, v in pairs(a) do if not same(v, b[k]) then return false end end "
                "  for k in pairs(b) do if a[k] == nil then return false end end "
                "  return true end "
                "math.randomseed(7) "
                "local function make(depth) "
                "  local r = math.random(depth > 0 and 7 or 4) "
                "  if r == 1 then return math.random() elseif r == 2 then return math.random(-1e6, 1e6) "
                "  elseif r == 3 then return math.random() < 0.5 "
                "  elseif r == 4 then local s = {} for i = 1, math.random(0, 30) do s[i] = "
                "string.char(math.random(0, 127)) end "
                "    return table.concat(s) "
                "  elseif r <= 5 then local t = {} for i = 1, math.random(1, 40) do t[i] = make(depth - 1) "
                "end return t "
                "  else local t = {} for i = 1, math.random(1, 40) do t['k' .. math.random(1, 1e6)] = "
                "make(depth - 1) end return t "
                "  end end "
                "for i = 1, 200 do local v = make(3) local text = assert(json.encode(v)) "
                "  assert(same(v, json.decode(text)), text) end");
}

/* The state's allocator refuses one allocation after the other; nothing may leak, crash, or come out wrong. */
static long allocations_left;

static void *failing_alloc(void *ud, void *block, size_t old_size, size_t size) {
    if (size == 0) {
        free(block);
        return NULL;
    }
    if (size > old_size && allocations_left >= 0 && allocations_left-- == 0)
        return NULL;
    return realloc(block, size);
}

static int round_trip(lua_State *L) {
    return luaL_dostring(L, "return json.encode(json.decode(text)) == text") ? lua_error(L) : 1;
}

Test(json, out_of_memory) {
    lua_State *L = luabox_open(libs);
    luabox_run(L, "local t = {} for i = 1, 300 do t[i] = {[('k' .. i)] = {('\\n'):rep(i), i / 8}} end text = "
                  "json.encode(t)");
    void *ud;
    lua_Alloc normal = lua_getallocf(L, &ud);
    long tries = 0;
    for (bool done = false; !done; tries++) {
        allocations_left = tries * 7;
        lua_setallocf(L, failing_alloc, ud);
        int status = lua_cpcall(L, round_trip, NULL);
        done = status == 0 && allocations_left >= 0;
        lua_setallocf(L, normal, ud);
        cr_assert(status == 0 || status == LUA_ERRMEM || status == LUA_ERRRUN);
        lua_settop(L, 0);
    }
    cr_expect_gt(tries, 50);
    lua_close(L);
}
