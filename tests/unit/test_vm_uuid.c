#include <criterion/criterion.h>

#include "tests/support/luabox.h"

extern const struct vlib vlib_uuid;
static const struct vlib *const libs[] = {&vlib_uuid, NULL};

Test(uuid, made_ones_are_well_formed_and_different) {
    luabox_test(libs, "local seen = {} "
                      "for _, v in ipairs{1, 4, 7} do for i = 1, 1000 do "
                      "  local id = uuid['v' .. v]() "
                      "  assert(id:match('^%x%x%x%x%x%x%x%x%-%x%x%x%x%-' .. v .. "
                      "'%x%x%x%-[89ab]%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$'), id) "
                      "  eq(id, id:lower()) eq(seen[id], nil) seen[id] = true "
                      "  eq(uuid.version(id), v) eq(uuid.variant(id), 'RFC4122') eq(uuid.validate(id), true) "
                      "end end");
}

Test(uuid, from_names) {
    luabox_test(
        libs, "local dns = '6ba7b810-9dad-11d1-80b4-00c04fd430c8' "
              "eq(uuid.v3(dns, 'www.example.com'), '5df41881-3aed-3515-88a7-2f4a814cf09e') "
              "eq(uuid.v5(dns, 'www.example.com'), '2ed6657d-e927-568b-95e1-2665a8aea6a2') "
              "eq(uuid.v5(dns:upper(), 'www.example.com'), '2ed6657d-e927-568b-95e1-2665a8aea6a2') "
              "assert(uuid.v5(dns, 'a\\0b') ~= uuid.v5(dns, 'a\\0c')) eq(uuid.version(uuid.v3(dns, '')), 3) "
              "fails('Invalid', 'uuid.v3: \"x\" is no UUID', uuid.v3('x', 'y')) "
              "fails('Invalid', 'uuid.v5: UUID expected, got no value', uuid.v5()) "
              "fails('Invalid', 'uuid.v5: string expected, got no value', uuid.v5(dns)) "
              "fails('Invalid', 'uuid.v3: string expected, got number', uuid.v3(dns, 5))");
}

Test(uuid, version_7_sorts_by_time) {
    luabox_test(libs,
                "local last = '' for i = 1, 20000 do local id = uuid.v7() assert(id > last) last = id end "
                "local t = uuid.parse(last).timestamp assert(math.abs(t - os.time()) <= 2, t)");
}

Test(uuid, validate) {
    luabox_test(
        libs,
        "local v = uuid.validate "
        "eq(v('f47ac10b-58cc-4372-a567-0e02b2c3d479'), true) eq(v('F47AC10B-58CC-4372-A567-0E02B2C3D479'), "
        "true) "
        "eq(v('{f47ac10b-58cc-4372-a567-0e02b2c3d479}'), true) "
        "eq(v('urn:uuid:f47ac10b-58cc-4372-a567-0e02b2c3d479'), true) "
        "eq(v('f47ac10b58cc4372a5670e02b2c3d479'), true) eq(v('00000000-0000-0000-0000-000000000000'), true) "
        "for _, bad in ipairs{'', 'x', 'f47ac10b-58cc-4372-a567-0e02b2c3d47', "
        "'f47ac10b-58cc-4372-a567-0e02b2c3d479a', "
        "  'g47ac10b-58cc-4372-a567-0e02b2c3d479', 'f47ac10b_58cc-4372-a567-0e02b2c3d479', "
        "'{f47ac10b-58cc-4372-a567-0e02b2c3d479', "
        "  '(f47ac10b-58cc-4372-a567-0e02b2c3d479)', 'f47ac10b-58cc4372-a567-0e02b2c3d479-', "
        "'f47ac10b58cc4372a5670e02b2c3d47-', "
        "  'urn:uuid:f47ac10b58cc4372a5670e02b2c3d479', ('\\0'):rep(36), ('\\0'):rep(32), "
        "'f47ac10b58cc4372\\0a5670e02b2c3d47', "
        "  5, true, {}, print} do eq(v(bad), false) end "
        "eq(v(), false) eq(v(nil), false)");
}

Test(uuid, parse) {
    luabox_test(
        libs,
        "local p = uuid.parse('c232ab00-9414-11ec-b3c8-9f6bdeced846') "
        "eq(p.version, 1) eq(p.variant, 'RFC4122') eq(p.timestamp, 1645557742) eq(p.node, '9f6bdeced846') "
        "p = uuid.parse('017f22e2-79b0-7cc3-98c4-dc0c0c07398f') "
        "eq(p.version, 7) eq(p.timestamp, 1645557742) eq(p.node, nil) eq(p.variant, 'RFC4122') "
        "p = uuid.parse('919108f7-52d1-4320-9bac-f847db4148a8') "
        "eq(p.version, 4) eq(p.timestamp, nil) eq(p.node, nil) "
        "p = uuid.parse('00000000-0000-0000-0000-000000000000') eq(p.version, 0) eq(p.variant, 'NCS') "
        "eq(uuid.variant('919108f7-52d1-4320-dbac-f847db4148a8'), 'Microsoft') "
        "eq(uuid.variant('919108f7-52d1-4320-fbac-f847db4148a8'), 'Future') "
        "local function at(s) return uuid.parse(s).timestamp end "
        "eq(at('00000000-0000-1000-8000-000000000000'), -12219292800) "
        "eq(at('13814000-1dd2-11b2-8000-000000000000'), 0) eq(at('13813fff-1dd2-11b2-8000-000000000000'), "
        "-1) "
        "eq(at('ffffffff-ffff-1fff-bfff-ffffffffffff'), 103072857660) "
        "eq(uuid.parse('c232ab00-9414-11ec-f3c8-9f6bdeced846').timestamp, nil) "
        "eq(uuid.version('{919108f752d143209bacf847db4148a8}'), nil) "
        "local now = uuid.parse(uuid.v1()) assert(math.abs(now.timestamp - os.time()) <= 2) eq(#now.node, "
        "12)");
}

Test(uuid, format) {
    luabox_test(libs,
                "local f, id = uuid.format, 'f47ac10b-58cc-4372-a567-0e02b2c3d479' "
                "eq(f(id), id) eq(f(id, nil), id) eq(f(id:upper(), 'standard'), id) "
                "eq(f(id, 'simple'), 'f47ac10b58cc4372a5670e02b2c3d479') eq(f(id, 'urn'), 'urn:uuid:' .. id) "
                "eq(f(f(id, 'simple')), id) eq(f(f(id, 'urn')), id) eq(f('{' .. id .. '}'), id) "
                "fails('Invalid', 'uuid.format: unknown format \"short\"', f(id, 'short')) "
                "fails('Invalid', 'uuid.format: string expected, got table', f(id, {})) "
                "fails('Invalid', 'uuid.format: \"x\" is no UUID', f('x', 'simple'))");
}

Test(uuid, wrong_arguments_are_returned) {
    luabox_test(libs, "for _, name in ipairs{'version', 'variant', 'parse', 'format'} do "
                      "  fails('Invalid', 'uuid.' .. name .. ': \"nope\" is no UUID', uuid[name]('nope')) "
                      "  fails('Invalid', 'uuid.' .. name .. ': UUID expected, got number', uuid[name](5)) "
                      "  fails('Invalid', 'uuid.' .. name .. ': UUID expected, got no value', uuid[name]()) "
                      "end local _, err = uuid.parse(1) assert(not err:retryable())");
}
