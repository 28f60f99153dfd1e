/* json.validate and json.validate_string, and the formats and patterns they use. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/support/luabox.h"
#include "vm/jsonformat.h"
#include "vm/regex.h"

extern const struct vlib vlib_json;
static const struct vlib *const libs[] = {&vlib_json, NULL};

/* ok(schema, text...): each text fits; no(schema, message, text...): none does, and the message has this in it. */
static void schema_test(const char *code) {
    lua_State *L = luabox_open(libs);
    luabox_run(L, "function ok(schema, ...) for _, text in ipairs{...} do "
                  "  local fits, err = json.validate_string(schema, text) "
                  "  if fits ~= true then error(text .. ' does not fit: ' .. tostring(err), 2) end "
                  "end end "
                  "function no(schema, message, ...) for _, text in ipairs{...} do "
                  "  local fits, err = json.validate_string(schema, text) "
                  "  if fits ~= false then error(text .. ' fits', 2) end "
                  "  eq(err:kind(), 'Invalid') assert(not err:retryable()) "
                  "  if not tostring(err):find(message, 1, true) then "
                  "    error(('got message %s, wanted %s'):format(tostring(err), message), 2) end "
                  "end end");
    luabox_run(L, code);
    lua_close(L);
}

Test(jsonschema, type) {
    schema_test(
        "ok('{\"type\":\"null\"}', 'null') ok('{\"type\":\"boolean\"}', 'true', 'false') "
        "ok('{\"type\":\"number\"}', '1', '1.5') ok('{\"type\":\"integer\"}', '1', '1.0', '1e3', '-0') "
        "ok('{\"type\":\"string\"}', '\"\"') ok('{\"type\":\"array\"}', '[]', '[1]') "
        "ok('{\"type\":\"object\"}', '{}', '{\"a\":null}') "
        "no('{\"type\":\"object\"}', 'data: expected object, got array', '[]', '[1]') "
        "no('{\"type\":\"array\"}', 'data: expected array, got object', '{}', '{\"a\":1}') "
        "no('{\"type\":\"integer\"}', 'data: expected integer, got number', '1.5') "
        "no('{\"type\":\"string\"}', 'data: expected string, got null', 'null') "
        "ok('{\"type\":[\"string\",\"null\"]}', 'null', '\"x\"') "
        "no('{\"type\":[\"string\",\"null\"]}', 'expected string or null, got number', '1') "
        "no('{\"type\":\"text\"}', 'schema: unknown type \"text\"', '1') "
        "no('{\"type\":[]}', 'schema: type is empty', '1') no('{\"type\":7}', 'schema: unknown type', '1')");
}

Test(jsonschema, enum_and_const) {
    schema_test(
        "ok('{\"enum\":[1,\"a\",null,[1,{\"b\":[]}],{}]}', '1', '\"a\"', 'null', '[1,{\"b\":[]}]', '{}') "
        "no('{\"enum\":[1,\"a\",null,[1,{\"b\":[]}],{}]}', 'data: none of the values allowed', "
        "   '2', '\"1\"', 'false', '[]', '[1]', '[1,{\"b\":{}}]', '[1,{\"b\":[]},2]', '{\"a\":1}') "
        "no('{\"enum\":[]}', 'none of the values allowed', '1') no('{\"enum\":1}', 'schema: enum is no "
        "array', '1') "
        "ok('{\"const\":null}', 'null') ok('{\"const\":{\"a\":[1,2]}}', '{\"a\":[1,2]}') ok('{\"const\":1}', "
        "'1.0') "
        "no('{\"const\":{\"a\":[1,2]}}', 'data: not the value required', '{\"a\":[2,1]}', "
        "'{\"a\":[1,2],\"b\":1}', '{}')");
}

Test(jsonschema, objects) {
    schema_test("local s = "
                "'{\"properties\":{\"a\":{\"type\":\"string\"},\"b\":{\"properties\":{\"c\":{\"type\":"
                "\"null\"}}}},\"required\":[\"a\"]}' "
                "ok(s, '{\"a\":\"x\"}', '{\"a\":\"x\",\"z\":1}', '{\"a\":\"x\",\"b\":{\"c\":null}}', '1', "
                "'[]', '\"x\"') "
                "no(s, 'data: missing property \"a\"', '{}', '{\"b\":{}}') "
                "no(s, 'data.a: expected string, got null', '{\"a\":null}') "
                "no(s, 'data.b.c: expected null, got number', '{\"a\":\"x\",\"b\":{\"c\":1}}') "
                "local closed = '{\"properties\":{\"a\":{}},\"additionalProperties\":false}' "
                "ok(closed, '{}', '{\"a\":1}', '[1]') no(closed, 'data: unexpected property \"b\"', "
                "'{\"a\":1,\"b\":2}') "
                "ok('{\"additionalProperties\":{\"type\":\"number\"}}', '{}', '{\"x\":1,\"y\":2}') "
                "ok('{\"additionalProperties\":true}', '{\"x\":1}') "
                "no('{\"additionalProperties\":{\"type\":\"number\"}}', 'data[\"x y\"]: expected number, got "
                "string', '{\"x y\":\"z\"}') "
                "no('{\"additionalProperties\":false}', 'unexpected property', '{\"a\":1}') "
                "no('{\"required\":\"a\"}', 'schema: required is no array', '{}') "
                "no('{\"required\":[1]}', 'schema: required has an element', '{}') "
                "no('{\"properties\":[1]}', 'schema: properties is no object', '{}')");
}

Test(jsonschema, arrays) {
    schema_test("ok('{\"items\":{\"type\":\"number\"}}', '[]', '[1,2]', '{}', '7') "
                "no('{\"items\":{\"type\":\"number\"}}', 'data[2]: expected number, got null', '[1,null]') "
                "no('{\"items\":{\"items\":{\"type\":\"number\"}}}', 'data[1][2]: expected number, got "
                "string', '[[1,\"x\"]]') "
                "ok('{\"items\":[{\"type\":\"number\"},{\"type\":\"string\"}]}', '[]', '[1]', '[1,\"x\"]', "
                "'[1,\"x\",null]') "
                "no('{\"items\":[{\"type\":\"number\"},{\"type\":\"string\"}]}', 'data[2]: expected string', "
                "'[1,2]') "
                "ok('{\"items\":{}}', '[1,{}]') ok('{\"items\":true}', '[1]') no('{\"items\":false}', "
                "'data[1]: nothing is allowed here', '[1]') "
                "ok('{\"items\":[]}', '[1]')");
}

Test(jsonschema, limits) {
    schema_test(
        "ok('{\"minimum\":1,\"maximum\":3}', '1', '3', '\"x\"', '[]') "
        "no('{\"minimum\":1,\"maximum\":3}', 'data: 0, expected at least 1', '0') "
        "no('{\"minimum\":1,\"maximum\":3}', 'data: 3.5, expected at most 3', '3.5') "
        "ok('{\"exclusiveMinimum\":1,\"exclusiveMaximum\":3}', '1.5', '2') "
        "no('{\"exclusiveMinimum\":1}', 'data: 1, expected more than 1', '1') "
        "no('{\"exclusiveMaximum\":3}', 'data: 3, expected less than 3', '3') "
        "ok('{\"minimum\":1,\"exclusiveMinimum\":false}', '1') "
        "no('{\"minimum\":1,\"exclusiveMinimum\":true}', 'data: 1, expected more than 1', '1') "
        "no('{\"maximum\":1,\"exclusiveMaximum\":true}', 'data: 1, expected less than 1', '1') "
        "ok('{\"minLength\":2,\"maxLength\":3}', '\"ab\"', '\"\\195\\188\\195\\188\\195\\188\"', '1') "
        "no('{\"minLength\":2}', 'data: 1 characters, expected at least 2', '\"\\195\\188\"') "
        "no('{\"maxLength\":3}', 'data: 4 characters, expected at most 3', '\"abcd\"') "
        "ok('{\"minItems\":1,\"maxItems\":2}', '[1]', '[1,2]', '{}', '\"\"') "
        "no('{\"minItems\":1}', 'data: 0 items, expected at least 1', '[]') "
        "no('{\"maxItems\":2}', 'data: 3 items, expected at most 2', '[1,null,null]') "
        "ok('{\"minProperties\":1,\"maxProperties\":2}', '{\"a\":1}', '{\"a\":1,\"b\":2}', '[]') "
        "no('{\"minProperties\":1}', 'data: 0 properties, expected at least 1', '{}') "
        "no('{\"maxProperties\":2}', 'data: 3 properties', '{\"a\":1,\"b\":2,\"c\":3}') "
        "no('{\"minimum\":\"1\"}', 'schema: minimum is no number', '1') "
        "no('{\"exclusiveMinimum\":true}', 'schema: exclusiveMinimum is no number', '1')");
}

Test(jsonschema, pattern) {
    schema_test("ok('{\"pattern\":\"^a+$\"}', '\"aaa\"', '1', 'null') "
                "no('{\"pattern\":\"^a+$\"}', 'data: does not match pattern \"^a+$\"', '\"aab\"', '\"\"') "
                "ok('{\"pattern\":\"b\"}', '\"abc\"') ok('{\"pattern\":\"^.$\"}', '\"\\195\\188\"') "
                "ok('{\"pattern\":\"^(a)\\\\\\\\1$\"}', '\"aa\"') "
                "no('{\"pattern\":\"(\"}', 'schema: pattern \"(\": missing', '\"x\"', '1') "
                "no('{\"pattern\":\"(*LIMIT_MATCH=99999999)x\"}', 'schema: pattern', '\"x\"') "
                "no('{\"pattern\":\"^(a+)+$\"}', 'takes too long', '\"' .. ('a'):rep(60) .. 'b\"') "
                "no('{\"pattern\":7}', 'schema: pattern is no string', '\"x\"')");
}

Test(jsonschema, combinations) {
    schema_test(
        "ok('{\"allOf\":[{\"minimum\":1},{\"maximum\":2}]}', '1', '2') "
        "no('{\"allOf\":[{\"minimum\":1},{\"maximum\":2}]}', 'data: 3, expected at most 2', '3') "
        "ok('{\"anyOf\":[{\"type\":\"string\"},{\"minimum\":5}]}', '\"x\"', '5') "
        "no('{\"anyOf\":[{\"type\":\"string\"},{\"minimum\":5}]}', 'data: fits no schema of anyOf', '4') "
        "ok('{\"oneOf\":[{\"type\":\"number\"},{\"minimum\":5}]}', '4', '\"x\"') "
        "no('{\"oneOf\":[{\"type\":\"number\"},{\"minimum\":5}]}', 'fits more than one schema of oneOf', "
        "'5') "
        "no('{\"oneOf\":[{\"type\":\"null\"},{\"const\":1}]}', 'fits no schema of oneOf', '5') "
        "ok('{\"not\":{\"type\":\"string\"}}', '1') "
        "no('{\"not\":{\"type\":\"string\"}}', 'data: fits the schema of not', '\"x\"') "
        "no('{\"not\":{}}', 'fits the schema of not', '1') ok('{\"not\":false}', '1') "
        "no('{\"not\":{\"type\":\"text\"}}', 'schema: unknown type', '1') "
        "no('{\"anyOf\":[{\"type\":\"text\"},{}]}', 'schema: unknown type', '1') "
        "no('{\"anyOf\":[]}', 'schema: anyOf is no array of schemas', '1') "
        "no('{\"allOf\":{}}', 'schema: allOf is no array of schemas', '1') "
        "no('{\"oneOf\":1}', 'schema: oneOf is no array of schemas', '1') "
        "no('{\"allOf\":[1]}', 'schema: number where a schema is expected', '1') "
        "ok('true', '1') no('false', 'data: nothing is allowed here', '1') ok('{}', '1', 'null') "
        "no('[]', 'schema: array where a schema is expected', '1') no('3', 'schema: number where', '1')");
}

Test(jsonschema, references) {
    schema_test(
        "local list = "
        "'{\"type\":\"object\",\"properties\":{\"next\":{\"$ref\":\"#\"},\"v\":{\"$ref\":\"#/$defs/value\"}},"
        "\"required\":[\"v\"],\"$defs\":{\"value\":{\"type\":\"number\"},\"a/b~c\":[{\"type\":\"null\"}]}}' "
        "ok(list, '{\"v\":1}', '{\"v\":1,\"next\":{\"v\":2,\"next\":{\"v\":3}}}') "
        "no(list, 'data.next.next: missing property \"v\"', '{\"v\":1,\"next\":{\"v\":2,\"next\":{}}}') "
        "no(list, 'data.next.v: expected number', '{\"v\":1,\"next\":{\"v\":\"x\"}}') "
        "ok('{\"$ref\":\"#/definitions/a~1b~0c/0\",\"definitions\":{\"a/b~c\":[{\"type\":\"null\"}]}}', "
        "'null') "
        "no('{\"$ref\":\"#/definitions/a~1b~0c/0\",\"definitions\":{\"a/b~c\":[{\"type\":\"null\"}]}}', "
        "'expected null', '1') "
        "no('{\"$ref\":\"#/nowhere\"}', 'schema: $ref \"#/nowhere\": not found', '1') "
        "no('{\"$ref\":\"#/a/b\",\"a\":1}', 'not found', '1') "
        "no('{\"$ref\":\"http://x/y\"}', 'schema: $ref \"http://x/y\": only references within the schema', "
        "'1') "
        "no('{\"$ref\":\"#a\"}', 'only references within', '1') no('{\"$ref\":1}', 'only references within', "
        "'1') "
        "no('{\"$ref\":\"#\"}', 'schema: more than 128 levels', '1') "
        "ok('{\"$ref\":\"#/$defs/n\",\"minimum\":3,\"$defs\":{\"n\":{\"type\":\"number\"}}}', '3') "
        "no('{\"$ref\":\"#/$defs/n\",\"minimum\":3,\"$defs\":{\"n\":{\"type\":\"number\"}}}', 'at least 3', "
        "'2')");
}

Test(jsonschema, too_much_work_is_refused) {
    schema_test("local s = "
                "'{\"anyOf\":[{\"$ref\":\"#/d\"},{\"$ref\":\"#/"
                "d\"}],\"d\":{\"items\":{\"$ref\":\"#\"},\"maxItems\":1,\"minItems\":1}}' "
                "no(s, 'schema: too much to compare', ('['):rep(30) .. (']'):rep(30))");
}

Test(jsonschema, unknown_keywords_and_formats_have_no_effect) {
    schema_test("ok('{\"title\":\"x\",\"default\":1,\"format\":\"color\",\"examples\":[1]}', '\"x\"')");
}

Test(jsonschema, lua_values) {
    luabox_test(
        libs,
        "local v = json.validate "
        "local s = {type = 'object', properties = {name = {type = 'string'}, tags = {type = 'array', items = "
        "{type = 'string'}}}, "
        "  required = {'name'}, additionalProperties = false} "
        "eq(v(s, {name = 'x'}), true) eq(select('#', v(s, {name = 'x'})), 1) eq(v(s, {name = 'x', tags = "
        "{}}), true) "
        "eq(v(s, {name = 'x', tags = {'a'}}), true) "
        "fails('Invalid', 'json.validate: data: missing property \"name\"', v(s, {})) "
        "fails('Invalid', 'data.tags[2]: expected string, got number', v(s, {name = 'x', tags = {'a', 2}})) "
        "eq(v({type = 'array'}, {}), true) eq(v({type = 'object'}, {}), true) eq(v({}, 1), true) "
        "eq(v({enum = {{}, 1}}, {}), true) eq(v({const = {a = {1}}}, {a = {1}}), true) eq(v('true', false), "
        "true) "
        "eq(v('{\"type\":\"number\"}', 0/0), true) fails('Invalid', 'got number', v({type = 'integer'}, "
        "1/0)) "
        "fails('Invalid', 'data: a function is no JSON value', v({}, print)) "
        "fails('Invalid', 'data.f: a function is no JSON value', v({properties = {f = {}}}, {f = print})) "
        "local loop = {} loop[1] = loop fails('Invalid', 'more than 128 levels', v({const = loop}, loop)) "
        "fails('Invalid', 'more than 128 levels', v({items = {['$ref'] = '#'}}, loop)) "
        "local again = {type = 'array'} again.items = again "
        "eq(v(again, {{}, {{}}}), true) fails('Invalid', 'data[1][1]: expected array', v(again, {{1}})) "
        "eq(v(setmetatable({}, {__index = function() error('called') end}), 1), true)");
}

Test(jsonschema, arguments) {
    luabox_test(
        libs,
        "local v, vs = json.validate, json.validate_string "
        "fails('Invalid', 'data is required', v({})) fails('Invalid', 'data is required', v({}, nil)) "
        "fails('Invalid', 'data is required', vs({})) eq(v({}), false) "
        "fails('Invalid', 'json.validate: schema: line 1, column 2: unexpected end', v('{', 1)) "
        "fails('Invalid', 'json.validate_string: empty text', vs({}, '')) "
        "fails('Internal', 'json.validate_string: line 1, column 3: ', vs({}, '[1')) eq(vs({}, '[1'), false) "
        "raises('table or string expected', v) raises('table or string expected', v, 1, 1) "
        "raises('string expected', vs, {}, {})");
}

/* --- formats ------------------------------------------------------------------------------------------------------ */

static bool fits(const char *format, const char *text) {
    return jsonformat_check(format, strlen(format), text, strlen(text));
}

#define ALL(format, wanted, ...)                                                                             \
    do {                                                                                                     \
        static const char *const texts[] = {__VA_ARGS__};                                                    \
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)                                            \
            cr_expect_eq(fits(format, texts[i]), wanted, "%s %s", format, texts[i]);                         \
    } while (0)

Test(jsonformat, email) {
    ALL("email", true, "joe@example.com", "a.b+c@x-y.example", "o'brien@a", "!#$%&'*+-/=?^_`{|}~@x",
        "j\xc3\xbcrgen@b\xc3\xbc.de");
    ALL("email", false, "", "joe", "@example.com", "joe@", ".joe@x", "joe.@x", "j..oe@x", "joe@-x", "joe@x-",
        "joe@x..y", "joe@.x", "joe@x.", "a b@x", "a@b@c d", "a@b_c", "joe@x y", "\"a\"@x",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@x");
}

Test(jsonformat, uri) {
    ALL("uri", true, "http://example.com", "https://u:p@h:80/p/a?q=1#f", "mailto:a@b.c",
        "urn:isbn:0451450523", "file:///x", "http://[::1]:80/", "a+b-c.d:x", "x:", "http://x/%20",
        "http://x/?a=1");
    ALL("uri", false, "", "example.com", "/path", "//host/x", ":x", "1a:x", "http://a b", "http://x/%2",
        "http://x/%zz", "http://x#a#b", "http://[::1", "http://x/[a]", "http://x/\"", "http://x/\xc3\xbc",
        "x:\\y", "a_b:c");
}

Test(jsonformat, date_time) {
    ALL("date-time", true, "2024-02-29T12:00:00Z", "2024-02-29t12:00:00z", "2024-12-31T23:59:60Z",
        "2024-12-31T15:59:60-08:00", "2025-01-01T00:59:60.5+01:00", "2024-07-01T00:00:00.123456789+05:30",
        "0000-01-01T00:00:00-00:00");
    ALL("date-time", false, "", "2024-02-29", "2023-02-29T12:00:00Z", "2024-13-01T00:00:00Z",
        "2024-00-01T00:00:00Z", "2024-01-00T00:00:00Z", "2024-01-01T24:00:00Z", "2024-01-01T00:60:00Z",
        "2024-01-01T00:00:61Z", "2024-01-01T00:00:60Z", "2024-01-01 00:00:00Z", "2024-01-01T00:00:00",
        "2024-01-01T00:00:00.Z", "2024-01-01T00:00:00+0100", "2024-01-01T00:00:00+24:00",
        "2024-01-01T00:00:00+01:60", "2024-01-01T0:00:00Z", "2024-01-01T00:00:00Zx", "2024-01-01T00:00:00,5Z",
        "12024-01-01T00:00:00Z");
}

Test(jsonformat, unknown_ones_fit) {
    cr_expect(fits("hostname", "any thing"));
    cr_expect(fits("", ""));
    cr_expect(jsonformat_check("emails", 6, "x", 1));
}

/* --- patterns ----------------------------------------------------------------------------------------------------- */

static enum regex_result search(const char *pattern, const char *text) {
    char why[100];
    return regex_search(pattern, strlen(pattern), text, strlen(text), why, sizeof why);
}

Test(regex, many_patterns_share_the_table) {
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 300; i++) {
            char pattern[20], text[20];
            snprintf(pattern, sizeof pattern, "^x%d$", i);
            snprintf(text, sizeof text, "x%d", i);
            cr_assert_eq(search(pattern, text), REGEX_MATCH);
            cr_assert_eq(search(pattern, "x"), REGEX_NO_MATCH);
        }
    }
}

Test(regex, what_is_refused) {
    char why[100], large[20000];
    cr_expect_eq(search("[", "x"), REGEX_BAD_PATTERN);
    cr_expect_eq(search("\xff", "x"), REGEX_BAD_PATTERN);
    cr_expect_eq(search("x", "\xff"), REGEX_BAD_TEXT);
    cr_expect_eq(search("(*UTF8)x", "x"), REGEX_BAD_PATTERN);
    cr_expect_eq(regex_search("a\0b", 3, "a", 1, why, sizeof why), REGEX_BAD_PATTERN);
    memset(large, 'x', sizeof large);
    cr_expect_eq(regex_search(large, sizeof large, "x", 1, why, sizeof why), REGEX_BAD_PATTERN);
    cr_expect_str_eq(why, "too long");
    cr_expect_eq(search("^(x+)+$", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxy"), REGEX_TOO_HARD);
    cr_expect_eq(regex_search("^.{20000}$", 10, large, sizeof large, why, sizeof why), REGEX_MATCH);
}
