/* Module errors: makes error objects and tells them apart. The objects themselves: vm/errobj.h. */
#include <lauxlib.h>
#include <lua.h>
#include <string.h>

#include "vm/codec.h"
#include "vm/errobj.h"
#include "vm/lib.h"

/* Encoded details on their way into a failure; empty unless codec_encode raised, then the next use takes it over. */
static _Thread_local struct codec_buf details_buf;

/* Pushes field `name` of the table at 1; raw, so that no user code runs. */
static int push_field(lua_State *L, const char *name) {
    lua_pushstring(L, name);
    lua_rawget(L, 1);
    return lua_type(L, -1);
}

static void bad_field(lua_State *L, const char *name, const char *expected) {
    luaL_argerror(L, 1,
                  lua_pushfstring(L, "field '%s': %s expected, got %s", name, expected, vtype_word(L, -1)));
}

/* The kind in the table's field `kind`, which is left on the stack. */
static enum errkind read_kind(lua_State *L) {
    int type = push_field(L, "kind");
    if (type == LUA_TNIL)
        return ERRKIND_UNKNOWN;
    if (type != LUA_TSTRING)
        bad_field(L, "kind", "string");
    const char *text = lua_tostring(L, -1);
    enum errkind kind = errkind_parse(text);
    if (kind == ERRKIND_UNKNOWN && *text)
        luaL_argerror(
            L, 1, lua_pushfstring(L, "field 'kind': '%s' is not one of the kinds in module errors", text));
    return kind;
}

/* The same for `retryable`. */
static enum retry read_retryable(lua_State *L) {
    int type = push_field(L, "retryable");
    if (type == LUA_TNIL)
        return RETRY_UNKNOWN;
    if (type != LUA_TBOOLEAN)
        bad_field(L, "retryable", "boolean");
    return lua_toboolean(L, -1) ? RETRY_YES : RETRY_NO;
}

/* Encodes the table's field `details`, if there is one, into details_buf. */
static void read_details(lua_State *L) {
    char why[256];
    details_buf.len = 0;
    if (push_field(L, "details") == LUA_TNIL)
        return;
    switch (codec_encode(L, lua_gettop(L), "details", UINT32_MAX, &details_buf, why, sizeof why)) {
    case CODEC_OK:
        return;
    case CODEC_NO_MEMORY:
        codec_buf_free(&details_buf);
        luaL_error(L, "not enough memory");
        return;
    case CODEC_BAD_VALUE:
    case CODEC_TOO_LARGE:
        codec_buf_free(&details_buf);
        luaL_argerror(L, 1, why);
    }
}

/* Gives `e` a failure that was made here and now. */
static void fill(lua_State *L, struct verror *e, enum errkind kind, enum retry retryable, const char *message,
                 size_t message_len) {
    char trace[ERROBJ_TRACE_MAX];
    size_t trace_len = errobj_traceback(L, 1, trace, sizeof trace);
    struct failure *f = failure_new(kind, EXIT_RETURNED, retryable, message, message_len, trace, trace_len,
                                    details_buf.len ? details_buf.data : NULL, details_buf.len);
    codec_buf_free(&details_buf);
    errobj_own(L, e, f);
}

static int errors_new(lua_State *L) {
    enum errkind kind = ERRKIND_UNKNOWN;
    enum retry retryable = RETRY_UNKNOWN;
    size_t len;
    lua_settop(L, 1);
    details_buf.len = 0;
    if (lua_istable(L, 1)) {
        kind = read_kind(L);
        retryable = read_retryable(L);
        push_field(L, "message");
        if (!lua_isstring(L, -1))
            bad_field(L, "message", "string");
        lua_replace(L, 2); /* in place of the kind */
        lua_settop(L, 2);
    } else if (lua_isstring(L, 1)) {
        lua_pushvalue(L, 1);
    } else {
        luaL_argerror(L, 1, lua_pushfstring(L, "string or table expected, got %s", vtype_word(L, 1)));
    }
    struct verror *e = vtype_new(L, VTYPE_ERROR, sizeof *e);
    if (lua_istable(L, 1)) {
        read_details(L);
        lua_settop(L, 3);
    }
    const char *message = lua_tolstring(L, 2, &len);
    fill(L, e, kind, retryable, message, len);
    return 1;
}

static int errors_wrap(lua_State *L) {
    const struct failure *old = errobj_failure(L, 1);
    if (!old && !lua_isstring(L, 1))
        luaL_argerror(L, 1, lua_pushfstring(L, "error or string expected, got %s", vtype_word(L, 1)));
    size_t context_len, len;
    luaL_checklstring(L, 2, &context_len);
    lua_settop(L, 2);
    lua_pushvalue(L, 2);
    lua_pushliteral(L, ": ");
    if (old)
        lua_pushlstring(L, old->message, old->message_len);
    else
        lua_pushvalue(L, 1);
    lua_concat(L, 3);
    const char *message = lua_tolstring(L, 3, &len);
    struct verror *e = vtype_new(L, VTYPE_ERROR, sizeof *e);
    context_len += 2;
    if (old) {
        context_len += old->context_len;
        errobj_own(L, e,
                   failure_new(old->kind, old->how, old->retryable, message, len, old->stack, old->stack_len,
                               old->details, old->details_len));
    } else {
        details_buf.len = 0;
        fill(L, e, ERRKIND_UNKNOWN, RETRY_UNKNOWN, message, len);
    }
    size_t kept = e->failure->message_len;
    e->failure->context_len = (uint32_t)(context_len < kept ? context_len : kept);
    return 1;
}

static int errors_is(lua_State *L) {
    luaL_checkany(L, 1);
    const char *kind = luaL_checkstring(L, 2);
    const struct failure *f = errobj_failure(L, 1);
    lua_pushboolean(L, f && strcmp(errkind_text(f->kind), kind) == 0);
    return 1;
}

/* Pushes a table for one line of a traceback, "source:line: in function 'name'"; false (nothing pushed): it is none. */
static bool push_frame(lua_State *L, const char *line, const char *end) {
    const char *mark = NULL;
    for (const char *p = line; p + 5 <= end; p++)
        if (memcmp(p, ": in ", 5) == 0 || memcmp(p, ": at ", 5) == 0)
            mark = p;
    if (!mark)
        return false;

    lua_createtable(L, 0, 3);
    const char *digits = mark;
    while (digits > line && digits[-1] >= '0' && digits[-1] <= '9')
        digits--;
    if (digits < mark && digits > line && digits[-1] == ':') {
        int number = 0;
        for (const char *p = digits; p < mark && number < 100000000; p++)
            number = number * 10 + (*p - '0');
        lua_pushinteger(L, number);
        lua_setfield(L, -2, "line");
        lua_pushlstring(L, line, (size_t)(digits - 1 - line));
    } else {
        lua_pushlstring(L, line, (size_t)(mark - line));
    }
    lua_setfield(L, -2, "source");

    static const char function[] = "function ";
    const char *name = mark + 5;
    size_t len = (size_t)(end - name);
    if (len > sizeof function - 1 && memcmp(name, function, sizeof function - 1) == 0) {
        name += sizeof function - 1;
        len -= sizeof function - 1;
        if (len >= 2 && (name[0] == '\'' || name[0] == '`')) {
            name++;
            len -= 2;
        }
    }
    lua_pushlstring(L, name, len);
    lua_setfield(L, -2, "func");
    return true;
}

static int errors_call_stack(lua_State *L) {
    const struct failure *f = ((struct verror *)vtype_check(L, 1, VTYPE_ERROR))->failure;
    lua_createtable(L, 0, 2);
    lua_pushliteral(L, "");
    lua_setfield(L, -2, "thread");
    lua_newtable(L);
    const char *line = f->stack, *end = f->stack + f->stack_len;
    int n = 0;
    while (line < end) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        if (!stop)
            stop = end;
        if (*line == '\t' && push_frame(L, line + 1, stop))
            lua_rawseti(L, -2, ++n);
        line = stop + 1;
    }
    lua_setfield(L, -2, "frames");
    return 1;
}

static const luaL_Reg functions[] = {
    {"new", errors_new}, {"wrap", errors_wrap}, {"is", errors_is}, {"call_stack", errors_call_stack},
    {NULL, NULL},
};

/* But for the one without a text: each state has an empty string of its own. */
static void add_kinds(lua_State *L) {
    for (int kind = 0; kind < ERRKIND_COUNT; kind++) {
        if (*errkind_text((enum errkind)kind) == '\0')
            continue;
        lua_pushstring(L, errkind_text((enum errkind)kind));
        lua_setfield(L, -2, errkind_name((enum errkind)kind));
    }
}

static void push_unknown(lua_State *L) {
    lua_pushstring(L, errkind_text(ERRKIND_UNKNOWN));
}

static const struct vlib_value values[] = {{"UNKNOWN", .push = push_unknown}, {0}};

const struct vlib vlib_errors = {"errors", functions, add_kinds, VLIB_GLOBAL | VLIB_ALWAYS, values};
