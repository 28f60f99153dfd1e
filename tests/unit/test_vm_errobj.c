#include "vm/errobj.h"

#include <criterion/criterion.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "tests/support/luabox.h"
#include "vm/codec.h"

extern const struct vlib vlib_errors;

static const struct vlib *const libs[] = {&vlib_errors, NULL};

static bool wippy;

/* In place of the real one, which needs a whole process. */
bool vstate_wippy(const struct vstate *vs) {
    return wippy;
}

static void run(const char *code) {
    luabox_test(libs, code);
}

Test(errobj, of_a_text) {
    run("local e = errors.new('no luck')\n"
        "eq(type(e), 'userdata') eq(e:message(), 'no luck') eq(tostring(e), 'no luck') eq(e:kind(), '')\n"
        "eq(e:retryable(), nil) eq(e:details(), nil) eq(select('#', e:details()), 1)\n"
        "eq(errors.new(42):message(), '42') eq(errors.new('a\\0b'):message(), 'a\\0b') "
        "eq(errors.new(''):message(), '')\n"
        "raises(\"bad argument #1 to 'new' (string or table expected, got nil)\", function() errors.new() "
        "end)\n"
        "raises('string or table expected, got boolean', errors.new, true)\n"
        "raises('string or table expected, got error', errors.new, e)");
}

Test(errobj, of_a_table) {
    run("local e = errors.new { message = 'm', kind = errors.CONFLICT, retryable = true, details = { list = "
        "{ 1, 2 } } }\n"
        "eq(e:message(), 'm') eq(e:kind(), 'Conflict') eq(e:retryable(), true) eq(e:details().list[2], 2)\n"
        "eq(errors.new { message = 'm', retryable = false }:retryable(), false)\n"
        "eq(errors.new { message = 'm', kind = '' }:kind(), '') eq(errors.new { message = 5 }:message(), "
        "'5')\n"
        "eq(errors.new { message = 'm', details = 'text' }:details(), 'text')\n"
        "raises(\"field 'message': string expected, got nil\", errors.new, {})\n"
        "raises(\"field 'message': string expected, got table\", errors.new, { message = {} })\n"
        "raises(\"field 'kind': 'Nope' is not one of the kinds in module errors\", errors.new, { message = "
        "'m', kind = 'Nope' })\n"
        "raises(\"field 'kind': string expected, got number\", errors.new, { message = 'm', kind = 1 })\n"
        "raises(\"field 'retryable': boolean expected, got string\", errors.new, { message = 'm', retryable "
        "= 'yes' })\n"
        "raises('details.f: a function cannot be sent', errors.new, { message = 'm', details = { f = print } "
        "})\n"
        "local meta = setmetatable({ message = 'm' }, { __index = function() error('called') end })\n"
        "eq(errors.new(meta):message(), 'm')");
}

Test(errobj, cannot_be_changed) {
    run("local d = { 1, { 2 } }\n"
        "local e = errors.new { message = 'm', details = d }\n"
        "d[2][1] = 'changed' eq(e:details()[2][1], 2)\n"
        "e:details()[2][1] = 'changed' eq(e:details()[2][1], 2)\n"
        "eq(getmetatable(e), 'error')\n"
        "raises('table expected', setmetatable, e, {})\n"
        "raises('', function() e.message = 1 end)\n"
        "eq(e.nothing, nil)");
}

Test(errobj, as_text) {
    run("local e, f = errors.new('lost'), errors.new('too')\n"
        "eq('call: ' .. e, 'call: lost') eq(e .. '!', 'lost!') eq(e .. f, 'losttoo') eq(1 .. e .. 2, "
        "'1lost2')\n"
        "eq('a' .. 'b' .. e .. 'c' .. 'd', 'ablostcd') eq(('%s|%s'):format(e, f), 'lost|too')\n"
        "eq(errors.new('\\0') .. '\\0', '\\0\\0')\n"
        "raises('attempt to concatenate a nil value', function() return e .. nil end)\n"
        "raises('attempt to concatenate a table value', function() return {} .. e end)");
}

Test(errobj, equal_by_identity) {
    run("local e = errors.new('x') eq(e, e) assert(e ~= errors.new('x')) local t = { [e] = 1 } eq(t[e], 1)");
}

Test(errobj, methods_want_an_error) {
    run("local e = errors.new('x')\n"
        "raises(\"calling 'kind' on bad self (error expected, got table)\", function() local t = { kind = "
        "e.kind } t:kind() end)\n"
        "raises('error expected, got no value', e.message)\n"
        "raises('error expected, got nil', function() local m = e.message m(nil) end)");
}

Test(errobj, kinds) {
    run("local names = { NOT_FOUND = 'NotFound', ALREADY_EXISTS = 'AlreadyExists', INVALID = 'Invalid',\n"
        "    PERMISSION_DENIED = 'PermissionDenied', UNAVAILABLE = 'Unavailable', INTERNAL = 'Internal',\n"
        "    CANCELED = 'Canceled', CONFLICT = 'Conflict', TIMEOUT = 'Timeout', RATE_LIMITED = "
        "'RateLimited', UNKNOWN = '' }\n"
        "for name, text in pairs(names) do\n"
        "    eq(errors[name], text)\n"
        "    local e = errors.new { message = 'm', kind = text }\n"
        "    for other, kind in pairs(names) do eq(errors.is(e, kind), name == other) end\n"
        "end\n"
        "eq(errors.is(nil, errors.INVALID), false) eq(errors.is('text', ''), false) eq(errors.is({}, ''), "
        "false)\n"
        "raises('bad argument #2', errors.is, errors.new('x'), nil) raises('bad argument #1', errors.is)");
}

Test(errobj, wrap) {
    run("local e = errors.new { message = 'm', kind = errors.TIMEOUT, retryable = false, details = { 7 } }\n"
        "local w = errors.wrap(e, 'calling')\n"
        "eq(w:message(), 'calling: m') eq(tostring(w), 'calling: m') eq(w:kind(), 'Timeout') "
        "eq(w:retryable(), false)\n"
        "eq(w:details()[1], 7) eq(w:stack(), e:stack()) eq(e:message(), 'm') assert(w ~= e)\n"
        "eq(errors.wrap(w, 'outer'):message(), 'outer: calling: m') eq(errors.wrap('text', 'c'):message(), "
        "'c: text')\n"
        "eq(errors.wrap('text', 'c'):kind(), '') assert(#errors.wrap('text', 'c'):stack() > 0)\n"
        "eq(errors.wrap('a\\0b', 'c\\0d'):message(), 'c\\0d: a\\0b')\n"
        "raises('error or string expected, got nil', errors.wrap, nil, 'c') raises('bad argument #2', "
        "errors.wrap, e)");
}

Test(errobj, wrap_in_the_wippy_dialect) {
    wippy = true;
    run("local e = errors.new('m')\n"
        "eq(e:message(), 'm')\n"
        "local w = errors.wrap(errors.wrap(e, 'inner'), 'outer')\n"
        "eq(w:message(), 'm') eq(tostring(w), 'outer: inner: m') eq(w .. '', 'outer: inner: m')\n"
        "w = errors.wrap('m', 'c') eq(w:message(), 'm') eq(tostring(w), 'c: m')");
}

Test(errobj, long_messages_are_cut) {
    run("local e = errors.new(('x'):rep(100000))\n"
        "eq(#e:message(), 65536) eq(e:message():sub(-9), '... (cut)')\n"
        "eq(#errors.wrap(e, 'c'):message(), 65536)");
    wippy = true;
    run("local w = errors.wrap('m', ('x'):rep(100000)) eq(#tostring(w), 65536) eq(w:message(), '')");
}

Test(errobj, stack) {
    run("local function inner() local e = errors.new('x') return e end\n"
        "local function outer() local e = inner() return e end\n"
        "local e = outer()\n"
        "local text = e:stack()\n"
        "assert(text:find('^stack traceback:\\n\\ttest:1: in function'), text)\n"
        "assert(text:find('\\n\\ttest:2: in function \\'outer\\'', 1, true), text)\n"
        "assert(text:find('\\n\\ttest:3: in main chunk'), text)\n"
        "local _, f = pcall(function() return errors.new('y') end)\n"
        "assert(f:stack():find(\"\\n\\t%[C%]: in function 'pcall'\"), f:stack())\n"
        "assert(not f:stack():find('0x'))\n"
        "local function deep(n) if n == 0 then return (errors.new('z')) end return (deep(n - 1)) end\n"
        "text = deep(100):stack() eq(text:sub(-5), '\\n\\t...') local _, lines = text:gsub('\\n', '') "
        "eq(lines, 21)");
}

Test(errobj, call_stack) {
    run("local function inner() local e = errors.new('x') return e end\n"
        "local e = inner()\n"
        "local stack = errors.call_stack(e)\n"
        "eq(type(stack.thread), 'string')\n"
        "local f = stack.frames eq(f[1].source, 'test') eq(f[1].line, 1) eq(f[1].func, 'inner')\n"
        "eq(f[2].line, 2) eq(f[2].func, 'main chunk') eq(f[2].source, 'test')\n"
        "local _, g = pcall(function() return errors.new('y') end)\n"
        "f = errors.call_stack(g).frames\n"
        "local found for i = 1, #f do if f[i].func == 'pcall' then found = f[i] end end\n"
        "eq(found.source, '[C]') eq(found.line, nil)\n"
        "raises('error expected, got string', errors.call_stack, 'x')");
}

/* --- from C ------------------------------------------------------------------------------------------------------ */

static int three_ways(lua_State *L) {
    errobj_pushf(L, ERRKIND_INVALID, "topic %s: begins with @", "@x");
    int n = errobj_nil(L, ERRKIND_NOT_FOUND, "process not found: %s", "X");
    return 1 + n + errobj_false(L, ERRKIND_RATE_LIMITED, "mailbox full: %d", 7);
}

static int long_format(lua_State *L) {
    char text[1000];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    errobj_pushf(L, ERRKIND_INVALID, "%s%s", text, "end");
    return 1;
}

Test(errobj, made_in_c) {
    lua_State *L = luabox_open(libs);
    lua_register(L, "three_ways", three_ways);
    lua_register(L, "long_format", long_format);
    luabox_run(L, "local a, b, c, d, e = three_ways()\n"
                  "eq(a:message(), 'topic @x: begins with @') eq(a:kind(), 'Invalid')\n"
                  "eq(b, nil) eq(c:message(), 'process not found: X') eq(c:kind(), 'NotFound')\n"
                  "eq(d, false) eq(e:message(), 'mailbox full: 7') eq(e:kind(), 'RateLimited')\n"
                  "assert(a:stack():find(\"three_ways'\\n\\ttest:1: in main chunk\"), a:stack())\n"
                  "eq(long_format():message(), ('x'):rep(999) .. 'end')");
    lua_close(L);
}

Test(errobj, gives_its_failure) {
    lua_State *L = luabox_open(libs);
    struct failure *f = failure_format(ERRKIND_TIMEOUT, EXIT_LIMIT, "m");
    errobj_push(L, failure_hold(f));
    cr_assert_eq(errobj_failure(L, -1), f);
    cr_assert_eq(atomic_load(&f->refs), 2);
    lua_pushliteral(L, "x");
    cr_assert_null(errobj_failure(L, -1));
    lua_settop(L, 0);
    lua_gc(L, LUA_GCCOLLECT, 0);
    lua_gc(L, LUA_GCCOLLECT, 0);
    cr_assert_eq(atomic_load(&f->refs), 1);
    errobj_push(L, failure_hold(f));
    lua_close(L);
    cr_assert_eq(atomic_load(&f->refs), 1);
    failure_release(f);
}

Test(errobj, tracebacks_fit_any_room) {
    lua_State *L = luabox_open(libs);
    char buf[64];
    cr_assert_eq(errobj_traceback(L, 0, buf, sizeof buf), 0);
    cr_assert_str_eq(buf, "");
    lua_close(L);
}

static int small_trace(lua_State *L) {
    char whole[ERROBJ_TRACE_MAX];
    size_t len = errobj_traceback(L, 0, whole, sizeof whole);
    cr_assert(len > 20);
    for (size_t cap = 1; cap < len + 3; cap++) {
        char *part = malloc(cap);
        size_t got = errobj_traceback(L, 0, part, cap);
        cr_assert_eq(got, cap - 1 < len ? cap - 1 : len);
        cr_assert_arr_eq(part, whole, got);
        cr_assert_eq(part[got], '\0');
        free(part);
    }
    return 0;
}

Test(errobj, tracebacks_are_cut_to_their_room) {
    lua_State *L = luabox_open(libs);
    lua_register(L, "small_trace", small_trace);
    luabox_run(L, "local function f() small_trace() end f()");
    lua_close(L);
}

/* Everything that another process may see of an error goes through the codec. */
Test(errobj, crosses_with_its_context) {
    wippy = true;
    lua_State *L = luabox_open(libs);
    luabox_run(L, "e = errors.wrap(errors.new { message = 'm', retryable = true }, 'context')");
    lua_getglobal(L, "e");
    struct codec_buf b = {0};
    char why[100];
    cr_assert_eq(codec_encode(L, -1, "payload", 0, &b, why, sizeof why), CODEC_OK);
    cr_assert(codec_decode(L, b.data, b.len));
    lua_setglobal(L, "e");
    codec_buf_free(&b);
    luabox_run(L, "eq(e:message(), 'm') eq(tostring(e), 'context: m') eq(e:retryable(), true)");
    lua_close(L);
}

/* --- without memory ---------------------------------------------------------------------------------------------- */

static long left; /* allocations of the state until one fails; 0: none does */

static void *allocate_or_fail(void *ud, void *block, size_t old_size, size_t size) {
    if (size == 0) {
        free(block);
        return NULL;
    }
    if (size > old_size && left > 0 && --left == 0)
        return NULL;
    return realloc(block, size);
}

static struct failure *shared;

static int make_some(lua_State *L) {
    errobj_push(L, failure_hold(shared));
    errobj_pushf(L, ERRKIND_INVALID, "text %d", 1);
    lua_pushcfunction(L, vlib_errors.funcs[0].func);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_call(L, 1, 1);
    lua_pushcfunction(L, vlib_errors.funcs[1].func);
    lua_insert(L, -2);
    lua_pushliteral(L, "context");
    lua_call(L, 2, 1);
    return 1;
}

/* A memory checker sees what is lost when the state, or (where it can be made to fail) the heap, has no memory. */
Test(errobj, every_allocation_fails_once) {
    shared = failure_format(ERRKIND_INTERNAL, EXIT_RAISED, "shared");
    lua_State *L = lua_newstate(allocate_or_fail, NULL);
    luaL_openlibs(L);
    luaL_loadstring(
        L, "local d = {} for i = 1, 900 do d = { d, 'detail' } end return { message = 'm', details = d }");
    lua_call(L, 0, 1);
    int status;
    long n = 1;
    do {
        lua_settop(L, 1);
        lua_pushvalue(L, 1);
        lua_pushcclosure(L, make_some, 1);
        left = n++;
        status = lua_pcall(L, 0, 1, 0);
    } while (left == 0);
    cr_assert_eq(status, 0);
    cr_assert(n > 8);
    left = 0;
#ifdef TROUPE_FAULT
    bool spent;
    n = 1;
    do {
        lua_settop(L, 1);
        lua_pushvalue(L, 1);
        lua_pushcclosure(L, make_some, 1);
        mem_fault_arm(n);
        status = lua_pcall(L, 0, 1, 0);
        spent = mem_fault_count() >= n++;
        mem_fault_arm(0);
        if (spent) {
            cr_assert_neq(status, 0);
            cr_assert_str_eq(lua_tostring(L, -1), "not enough memory");
        }
    } while (spent);
    cr_assert_eq(status, 0);
    cr_assert(n > 5);
#endif
    lua_close(L);
    errobj_push(L = luaL_newstate(), failure_hold(shared)); /* drops what the last raise left behind */
    lua_close(L);
    cr_assert_eq(atomic_load(&shared->refs), 1);
    failure_release(shared);
}

/* --- userdata types ---------------------------------------------------------------------------------------------- */

Test(vtype, names_and_tests) {
    lua_State *L = luabox_open(libs);
    struct verror *e = vtype_new(L, VTYPE_ERROR, sizeof *e);
    cr_assert_eq(e->head.type, VTYPE_ERROR);
    cr_assert_null(e->failure);
    cr_assert_eq(vtype_test(L, -1, VTYPE_ERROR), e);
    cr_assert_eq(vtype_check(L, lua_gettop(L), VTYPE_ERROR), e);
    cr_assert_null(vtype_test(L, -1, VTYPE_CHANNEL));
    cr_assert_str_eq(vtype_name(VTYPE_CHANNEL), "channel");
    cr_assert_str_eq(vtype_name(VTYPE_NONE), "userdata");
    cr_assert_str_eq(vtype_name(VTYPE_COUNT), "userdata");
    cr_assert_str_eq(vtype_word(L, -1), "error");
    lua_pushinteger(L, 1);
    cr_assert_null(vtype_test(L, -1, VTYPE_ERROR));
    cr_assert_str_eq(vtype_word(L, -1), "number");
    cr_assert_str_eq(vtype_word(L, 100), "no value");
    /* one metatable a type, in its registry slot */
    vtype_push_meta(L, VTYPE_ERROR);
    lua_getmetatable(L, 1);
    cr_assert(lua_rawequal(L, -1, -2));
    lua_rawgeti(L, LUA_REGISTRYINDEX, VTYPE_ERROR);
    cr_assert(lua_rawequal(L, -1, -2));
    lua_close(L);
}
