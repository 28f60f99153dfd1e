/* The module `time` and its objects as Lua sees them; the arithmetic below is tested by test_vm_instant and its kin. */
#include <criterion/criterion.h>
#include <lauxlib.h>
#include <stdlib.h>

#include "tests/support/luabox.h"
#include "vm/codec.h"
#include "vm/errobj.h"
#include "vm/timeobj.h"

extern const struct vlib vlib_time;
static const struct vlib *const libs[] = {&vlib_time, NULL};

static void in_berlin(void) {
    setenv("TZ", "Europe/Berlin", 1);
}

TestSuite(time, .init = in_berlin);

Test(time, constants) {
    luabox_test(
        libs, "eq(time.NANOSECOND, 1) eq(time.MICROSECOND, 1e3) eq(time.MILLISECOND, 1e6)"
              "eq(time.SECOND, 1e9) eq(time.MINUTE, 6e10) eq(time.HOUR, 3.6e12)"
              "eq(time.JANUARY, 1) eq(time.MAY, 5) eq(time.DECEMBER, 12)"
              "eq(time.SUNDAY, 0) eq(time.SATURDAY, 6)"
              "eq(time.RFC3339, '2006-01-02T15:04:05Z07:00')"
              "eq(time.RFC3339NANO, '2006-01-02T15:04:05.999999999Z07:00')"
              "eq(time.DATE_TIME, '2006-01-02 15:04:05') eq(time.KITCHEN, '3:04PM')"
              "for name in ('RFC822 RFC822Z RFC850 RFC1123 RFC1123Z STAMP STAMP_MILLI STAMP_MICRO STAMP_NANO "
              "DATE_ONLY TIME_ONLY'):gmatch('%S+') do eq(type(time[name]), 'string') end "
              "eq(tostring(time.utc), 'UTC') eq(tostring(time.localtz), 'Local')");
}

Test(time, now) {
    luabox_test(libs, "local before = os.time() local t = time.now() "
                      "assert(t:unix() >= before and t:unix() <= os.time() + 1) "
                      "eq(type(t), 'userdata') eq(t:location():name(), 'Local') "
                      "assert(not time.now():before(t)) assert(t:unix_nano() > 1.7e18)");
}

Test(time, unix) {
    luabox_test(libs, "local t = time.unix(1700000000, 5) "
                      "eq(t:unix(), 1700000000) eq(t:nanosecond(), 5) eq(t:unix_nano(), 1.7e18) "
                      "eq(time.unix(0):unix(), 0) eq(time.unix(-1):unix(), -1) "
                      "eq(time.unix(1.5):nanosecond(), 5e8) eq(time.unix(-0.25):unix(), -1) "
                      "eq(time.unix(-0.25):nanosecond(), 75e7) eq(time.unix(5, -1):nanosecond(), 999999999) "
                      "eq(time.unix(0, 2.5e9):unix(), 2) eq(time.unix('7'):unix(), 7)"
                      "eq(time.unix(0.9999999999):unix(), 1)");
}

Test(time, unix_out_of_range) {
    luabox_test(libs, "fails('Invalid', 'time.unix: out of range', time.unix(1e300)) "
                      "fails('Invalid', 'time.unix: out of range', time.unix(0/0)) "
                      "fails('Invalid', 'time.unix: out of range', time.unix(-1/0)) "
                      "fails('Invalid', 'time.unix: out of range', time.unix(0, 1/0)) "
                      "fails('Invalid', 'time.unix: out of range', time.unix(2^53, 2e9)) "
                      "eq(time.unix(2^53):unix(), 2^53) eq(time.unix(-2^53):unix(), -2^53) "
                      "raises('number expected', time.unix, {}) raises('number expected', time.unix) "
                      "raises('number expected', time.unix, 1, true)");
}

Test(time, date) {
    luabox_test(libs, "local t = time.date(2024, 2, 29, 12, 30, 45, 123456789, time.utc) "
                      "local y, mo, d = t:date() eq(y, 2024) eq(mo, 2) eq(d, 29) "
                      "local h, mi, s = t:clock() eq(h, 12) eq(mi, 30) eq(s, 45) "
                      "eq(t:year(), 2024) eq(t:month(), time.FEBRUARY) eq(t:day(), 29) eq(t:hour(), 12) "
                      "eq(t:minute(), 30) eq(t:second(), 45) eq(t:nanosecond(), 123456789) "
                      "eq(t:weekday(), time.THURSDAY) eq(t:year_day(), 60) eq(t:unix(), 1709209845) "
                      "eq(time.date(2024, 14, 0):format('2006-01-02 15:04'), '2025-01-31 00:00') "
                      "eq(time.date(2024, 7, 1, 12):unix(), 1719828000) "
                      "eq(time.date(2024, 7, 1, 12, 0, 0, 0, time.utc):unix(), 1719835200) "
                      "eq(tostring(time.date(12024, 7, 1, 12, nil, nil, nil, time.utc)), "
                      "   '12024-07-01 12:00:00 +0000 UTC')");
}

Test(time, date_wrong) {
    luabox_test(libs, "fails('Invalid', 'time.date: out of range', time.date(1e12, 1, 1)) "
                      "fails('Invalid', 'time.date: out of range', time.date(0/0, 1, 1)) "
                      "fails('Invalid', 'time.date: out of range', time.date(2024, 1, 1/0)) "
                      "raises('number expected', time.date, 2024, 1) "
                      "raises('number expected', time.date, 2024, 1, 1, 'x') "
                      "raises('location expected, got string', time.date, 2024, 1, 1, 0, 0, 0, 0, 'UTC')");
}

Test(time, parse) {
    luabox_test(libs,
                "local t = time.parse(time.RFC3339, '2024-12-29T15:04:05Z') "
                "eq(t:unix(), 1735484645) eq(tostring(t:location()), 'UTC') "
                "eq(time.parse(time.RFC3339, '2024-12-29T15:04:05.25+01:00'):unix_nano(), 1735481045.25e9) "
                "eq(tostring(time.parse(time.RFC3339, '2024-12-29T15:04:05+01:00'):location()), 'Local') "
                "eq(tostring(time.parse(time.RFC3339, '2024-12-29T15:04:05+05:00')), '2024-12-29 15:04:05 "
                "+0500 +0500') "
                "eq(time.parse(time.DATE_TIME, '2024-07-01 12:00:00'):unix(), 1719835200) "
                "eq(time.parse(time.DATE_TIME, '2024-07-01 12:00:00', time.localtz):unix(), 1719828000) "
                "local ny = time.load_location('America/New_York') "
                "eq(tostring(time.parse(time.DATE_TIME, '2024-07-01 12:00:00', ny)), '2024-07-01 12:00:00 "
                "-0400 EDT') "
                "eq(tostring(time.parse(time.RFC1123, 'Mon, 01 Jul 2024 12:00:00 XYZ', ny)), "
                "   '2024-07-01 12:00:00 +0000 XYZ')");
}

Test(time, parse_wrong) {
    luabox_test(
        libs,
        "fails('Invalid', 'parsing time \"x\" as \"2006-01-02\": cannot parse \"x\" as \"2006\"', "
        "      time.parse(time.DATE_ONLY, 'x')) "
        "fails('Invalid', 'parsing time \"2023-02-29\": day out of range', "
        "      time.parse(time.DATE_ONLY, '2023-02-29')) "
        "fails('Invalid', 'parsing time \"2024-01-01z\": extra text: \"z\"', "
        "      time.parse(time.DATE_ONLY, '2024-01-01z')) "
        "local _, err = time.parse(time.DATE_ONLY, 'x') assert(not err:retryable()) "
        "fails('Invalid', 'parsing time', time.parse('%s%n', ('%d'):rep(9999))) "
        "raises('string expected', time.parse, time.RFC3339) raises('string expected', time.parse, {}, 'x') "
        "raises('location expected', time.parse, '2006', '2024', 'UTC')");
}

Test(time, parse_duration) {
    luabox_test(
        libs,
        "local d = time.parse_duration('1h30m45s') "
        "eq(tostring(d), '1h30m45s') eq(d:nanoseconds(), 5445e9) eq(d:microseconds(), 5445e6) "
        "eq(d:milliseconds(), 5445e3) eq(d:seconds(), 5445) eq(d:minutes(), 90.75) eq(d:hours(), 1.5125) "
        "eq(tostring(time.parse_duration(1500 * time.MILLISECOND)), '1.5s') "
        "eq(tostring(time.parse_duration(d)), '1h30m45s') "
        "eq(tostring(time.parse_duration('-2m')), '-2m0s') eq(tostring(time.parse_duration('0')), '0s') "
        "eq(time.parse_duration('1.9us'):microseconds(), 1) "
        "eq(time.parse_duration('-1.9us'):microseconds(), -1) "
        "eq(time.parse_duration(1.9):nanoseconds(), 1)");
}

Test(time, parse_duration_wrong) {
    luabox_test(
        libs, "fails('Invalid', 'time.parse_duration: invalid duration \"abc\"', time.parse_duration('abc')) "
              "fails('Invalid', 'invalid duration \"\"', time.parse_duration('')) "
              "fails('Invalid', 'invalid duration \"10\"', time.parse_duration('10')) "
              "fails('Invalid', 'invalid duration', time.parse_duration(0/0)) "
              "fails('Invalid', 'invalid duration inf', time.parse_duration(1/0)) "
              "fails('Invalid', 'invalid duration', time.parse_duration(2^63)) "
              "eq(time.parse_duration(-2^63):nanoseconds(), -2^63) "
              "raises('duration expected, got nil', time.parse_duration, nil) "
              "raises('duration expected, got no value', time.parse_duration) "
              "raises('duration expected, got time', time.parse_duration, time.now())");
}

Test(time, locations) {
    luabox_test(libs,
                "local berlin = time.load_location('Europe/Berlin') "
                "eq(tostring(berlin), 'Europe/Berlin') eq(berlin:name(), 'Europe/Berlin') "
                "eq(berlin:string(), 'Europe/Berlin') "
                "eq(berlin, time.load_location('Europe/Berlin')) assert(berlin ~= time.utc) "
                "eq(time.load_location(''), time.utc) eq(time.load_location('UTC'), time.utc) "
                "eq(time.load_location('Local'), time.localtz) "
                "local f = time.fixed_zone('Here', 5400) eq(tostring(f), 'Here') "
                "eq(f, time.fixed_zone('Here', 5400)) assert(f ~= time.fixed_zone('There', 5400)) "
                "eq(tostring(time.unix(0):in_location(f)), '1970-01-01 01:30:00 +0130 Here') "
                "eq(tostring(time.fixed_zone('', -3600)), '') "
                "local all = {} for i = 0, 255 do all[#all + 1] = string.char(i) end all = table.concat(all, "
                "'', 1, 255)"
                "eq(tostring(time.fixed_zone(all, 0)), all) "
                "local t = time.unix(0):in_location(time.fixed_zone(all, 60)) all = nil collectgarbage() "
                "eq(#t:location():name(), 255)");
}

Test(time, locations_wrong) {
    luabox_test(
        libs,
        "fails('NotFound', 'unknown time zone Mars/Base', time.load_location('Mars/Base')) "
        "fails('NotFound', 'unknown time zone ../UTC', time.load_location('../UTC')) "
        "fails('NotFound', 'unknown time zone /etc/localtime', time.load_location('/etc/localtime')) "
        "fails('Invalid', 'offset out of range', time.fixed_zone('x', 360001)) "
        "fails('Invalid', 'offset out of range', time.fixed_zone('x', 0/0)) "
        "fails('Invalid', 'name too long', time.fixed_zone(('x'):rep(256), 0)) "
        "raises('string expected', time.load_location) raises('number expected', time.fixed_zone, 'x')");
}

Test(time, add_and_sub) {
    luabox_test(
        libs,
        "local t = time.date(2024, 1, 1, 0, 0, 0, 0, time.utc) "
        "eq(t:add('1h30m'):format(time.TIME_ONLY), '01:30:00') "
        "eq(t:add(time.SECOND):second(), 1) eq(t:add(time.parse_duration('-1ns')):nanosecond(), 999999999) "
        "local d = t:add('36h'):sub(t) eq(d:hours(), 36) eq(tostring(t:sub(t:add('1ms'))), '-1ms') "
        "eq(tostring(t:add('1h'):location()), 'UTC') "
        "eq(time.unix(2^50):sub(time.unix(0)):nanoseconds(), 2^63) "
        "fails('Invalid', 'time:add: invalid duration \"soon\"', t:add('soon')) "
        "fails('Invalid', 'time:add: result out of range', time.unix(2^53):add('1s')) "
        "raises('duration expected', t.add, t) raises('time expected, got number', t.sub, t, 5) "
        "raises('time expected, got table', t.add, {}, 5)");
}

Test(time, add_date) {
    luabox_test(
        libs,
        "local t = time.date(2024, 1, 31, 10, 0, 0, 7, time.utc) "
        "eq(t:add_date(0, 1, 0):format(time.DATE_ONLY), '2024-03-02') "
        "eq(t:add_date(1, -1, 1):format(time.DATE_ONLY), '2025-01-01') "
        "eq(t:add_date(1):format(time.DATE_TIME), '2025-01-31 10:00:00') eq(t:add_date():nanosecond(), 7) "
        "local b = time.date(2024, 3, 30, 12, 0, 0, 0, time.localtz) "
        "eq(b:add_date(0, 0, 1):sub(b):hours(), 23) eq(b:add_date(0, 0, 1):hour(), 12) "
        "fails('Invalid', 'time:add_date: result out of range', t:add_date(1e15)) "
        "fails('Invalid', 'time:add_date: result out of range', t:add_date(0/0, 0, 0)) "
        "raises('number expected', t.add_date, t, {})");
}

Test(time, comparison) {
    luabox_test(libs, "local a, b = time.unix(1, 5), time.unix(1, 6) "
                      "assert(a:before(b) and not b:before(a) and not a:before(a)) "
                      "assert(b:after(a) and not a:after(b) and not a:after(a)) "
                      "assert(a:equal(time.unix(1, 5):utc()) and not a:equal(b)) "
                      "assert(a < b and b > a and a <= b and a <= a and a >= a and not (b <= a)) "
                      "assert(a == time.unix(1, 5):utc() and a ~= b and a ~= 5) "
                      "raises('time expected, got no value', a.before, a) "
                      "raises('attempt to compare', function() return a < 5 end) "
                      "raises('attempt to compare', function() return a < time.parse_duration(5) end)");
}

Test(time, operators) {
    luabox_test(libs, "local t = time.date(2024, 1, 1, 0, 0, 0, 0, time.utc) "
                      "eq((t + '1h'):hour(), 1) eq(('1h' + t):hour(), 1) eq((t + time.MINUTE):minute(), 1) "
                      "eq((t - '1h'):hour(), 23) eq((t - time.parse_duration('2h')):hour(), 22) "
                      "eq(tostring((t + '90s') - t), '1m30s') eq(tostring((t + '1h'):location()), 'UTC') "
                      "eq((t - -2^63):unix(), (t + 9223372036854774784):unix() + 0) "
                      "raises('invalid duration', function() return t + 'x' end) "
                      "raises('out of range', function() return time.unix(2^53) + '1s' end) "
                      "raises('duration expected, got time', function() return t + t end) "
                      "raises('time expected', function() return 5 - t end)");
}

Test(time, duration_operators) {
    luabox_test(
        libs,
        "local D = time.parse_duration local d = D('90s') "
        "eq(d + d, D('3m')) eq(d + '10s', D('100s')) eq('10s' + d, D('100s')) eq(d + 1, D('90.000000001s')) "
        "eq(d - '100s', D('-10s')) eq(5e9 - D('2s'), D('3s')) eq(-d, D('-90s')) "
        "eq(d * 2, D('3m')) eq(2 * d, D('3m')) eq(d * 0.5, D('45s')) eq(d / 2, D('45s')) eq(d / d, 1) "
        "eq(d / D('30s'), 3) eq(D(2^53) * 1023, D(2^53 * 1023)) eq(d / 0.5, D('3m')) "
        "assert(d < D('91s') and d <= d and d > D('1s') and d == D('1m30s') and d ~= D(1)) "
        "eq(D(7) / 2, D(3)) "
        "raises('out of range', function() return D(2^62) + D(2^62) end) "
        "raises('out of range', function() return D(-2^63) - D(1) end) "
        "raises('out of range', function() return -D(-2^63) end) "
        "raises('out of range', function() return D(2^62) * 3 end) "
        "raises('out of range', function() return D(2^62) * 2.5 end) "
        "raises('out of range', function() return d / 0 end) "
        "raises('expected', function() return d * d end) "
        "raises('expected', function() return 5 / d end) "
        "raises('invalid duration', function() return d + 'x' end) "
        "raises('expected', function() return d + {} end) "
        "raises('attempt to compare', function() return d < 5 end) "
        "raises('duration expected', d.seconds, 5)");
}

Test(time, format) {
    luabox_test(libs,
                "local t = time.date(2024, 7, 1, 9, 5, 7, 12345678, time.localtz) "
                "eq(t:format_rfc3339(), '2024-07-01T09:05:07+02:00') "
                "eq(t:format(time.RFC3339NANO), '2024-07-01T09:05:07.012345678+02:00') "
                "eq(tostring(t), '2024-07-01 09:05:07.012345678 +0200 CEST') "
                "eq(t:format('Monday, 2 January 2006, 3:04PM'), 'Monday, 1 July 2024, 9:05AM') "
                "eq(t:format(''), '') eq(t:format('\\0x\\0'), '\\0x\\0') "
                "eq(t:format(('2006-'):rep(100)), ('2024-'):rep(100)) "
                "eq(t:format(('x'):rep(127)), ('x'):rep(127)) eq(t:format(('x'):rep(128)), ('x'):rep(128)) "
                "eq(string.format('%s', t), tostring(t)) "
                "raises('string expected', t.format, t)");
}

Test(time, zones_of_a_time) {
    luabox_test(libs,
                "local t = time.date(2024, 7, 1, 12, 0, 0, 0, time.utc) "
                "eq(t:in_local():hour(), 14) eq(t:in_location(time.load_location('Asia/Tokyo')):hour(), 21) "
                "eq(t:in_local():utc():hour(), 12) eq(t:in_local(), t) "
                "eq(t:location(), time.utc) eq(t:in_local():location(), time.localtz) "
                "eq(tostring(t:in_location(time.fixed_zone('', 3600))), '2024-07-01 13:00:00 +0100 +0100') "
                "raises('location expected', t.in_location, t, 'UTC')");
}

Test(time, round_and_truncate) {
    luabox_test(libs, "local t = time.date(2024, 7, 1, 12, 34, 56, 789000000, time.utc) "
                      "eq(t:round('1s'):second(), 57) eq(t:truncate('1s'):second(), 56) "
                      "eq(t:round('1h'):hour(), 13) eq(t:truncate('1h'):format(time.TIME_ONLY), '12:00:00') "
                      "eq(t:truncate(0), t) eq(t:round(-5), t) "
                      "fails('Invalid', 'time:round: invalid duration \"x\"', t:round('x')) "
                      "fails('Invalid', 'time:truncate: invalid duration', t:truncate(0/0)) "
                      "raises('duration expected', t.round, t)");
}

Test(time, is_zero) {
    luabox_test(
        libs, "assert(time.date(1, 1, 1, 0, 0, 0, 0, time.utc):is_zero()) assert(not time.unix(0):is_zero()) "
              "assert(not time.date(1, 1, 1, 0, 0, 0, 1, time.utc):is_zero())");
}

Test(time, objects_are_closed) {
    luabox_test(libs, "for _, o in ipairs{time.now(), time.utc, time.parse_duration(1)} do "
                      "  eq(type(getmetatable(o)), 'string') "
                      "  raises('', function() o.x = 1 end) eq(o.nonsense, nil) "
                      "end");
}

Test(time, pushed_from_c) {
    lua_State *L = luabox_open(libs);
    vtime_push(L, 1720000000, 42);
    lua_setglobal(L, "t");
    luabox_run(L, "eq(tostring(t), '2024-07-03 11:46:40.000000042 +0200 CEST')");
    lua_close(L);
}

/* Encodes and decodes the global `a` into the global `b`. */
static void cross(lua_State *L) {
    struct codec_buf buf = {0};
    char why[200];
    lua_getglobal(L, "a");
    cr_assert_eq(codec_encode(L, -1, "value", 0, &buf, why, sizeof why), CODEC_OK, "%s", why);
    cr_assert(codec_decode(L, buf.data, buf.len));
    lua_setglobal(L, "b");
    lua_pop(L, 1);
    codec_buf_free(&buf);
}

Test(time, values_cross_whole) {
    lua_State *L = luabox_open(libs);
    static const char *const values[] = {
        "time.now()",
        "time.unix(-1, 999999999):utc()",
        "time.date(12345, 1, 1, 0, 0, 0, 1, time.load_location('America/New_York'))",
        "time.date(-500, 1, 1, 0, 0, 0, 1, time.fixed_zone('Odd\\0', -12345))",
        "time.unix(0):in_location(time.fixed_zone('', 60))",
        "time.utc",
        "time.localtz",
        "time.load_location('Asia/Tokyo')",
        "time.fixed_zone(('n'):rep(255), 360000)",
        "time.parse_duration(-2^63)",
        "time.parse_duration('1ns')",
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        lua_pushfstring(L, "a = %s", values[i]);
        luabox_run(L, lua_tostring(L, -1));
        cross(L);
        luabox_run(
            L, "eq(b, a) assert(not rawequal(a, b)) eq(tostring(b), tostring(a)) "
               "if a.location then eq(b:location(), a:location()) eq(b:nanosecond(), a:nanosecond()) end");
        lua_pop(L, 1);
    }
    lua_close(L);
}

static bool decodes(lua_State *L, const struct codec_ext *ext, const char *data, size_t len) {
    int top = lua_gettop(L);
    /* A copy of its own size, so that a checker sees reads beyond it. */
    char *copy = malloc(len ? len : 1);
    cr_assert_not_null(copy);
    memcpy(copy, data, len);
    bool ok = ext->get(L, copy, len);
    free(copy);
    cr_assert_eq(lua_gettop(L), top + ok);
    lua_settop(L, top);
    return ok;
}

Test(time, decoding_survives_any_bytes) {
    lua_State *L = luabox_open(libs);
    luaL_loadstring(L, "return time.unix(5, 7):in_location(time.fixed_zone('abc', 60))");
    lua_call(L, 0, 1);
    struct codec_buf good = {0};
    cr_assert_eq(codec_ext_TIME.put(L, -1, SIZE_MAX, &good, NULL, 0), CODEC_OK);
    cr_assert(decodes(L, &codec_ext_TIME, good.data, good.len));
    for (size_t n = 0; n < good.len; n++)
        cr_expect_not(decodes(L, &codec_ext_TIME, good.data, n), "%zu bytes", n);
    for (size_t i = 0; i < good.len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            char saved = good.data[i];
            good.data[i] = (char)(saved ^ 1 << bit);
            decodes(L, &codec_ext_TIME, good.data, good.len);
            decodes(L, &codec_ext_LOCATION, good.data, good.len);
            decodes(L, &codec_ext_LOCATION, good.data + 12, good.len - 12);
            good.data[i] = saved;
        }
    }
    cr_expect_not(decodes(L, &codec_ext_DURATION, good.data, 7));
    cr_expect_not(decodes(L, &codec_ext_DURATION, good.data, 9));
    cr_expect(decodes(L, &codec_ext_DURATION, good.data, 8));
    codec_buf_free(&good);
    lua_close(L);
}
