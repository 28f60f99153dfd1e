#include "vm/errobj.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "vm/codec.h"
#include "vm/lib.h"

enum { TRACE_LEVELS = 20 };

/* What an error object looks like inside an encoded value; message, stack and details follow. */
struct wire {
    uint8_t kind, how, retryable, unused;
    uint32_t context_len, message_len, stack_len, details_len;
};

/*
 * The reference that errobj_push was given, until a userdata owns it. vtype_new may raise, and then nothing of ours runs:
 * the next error object that this thread makes drops what was left behind.
 */
static _Thread_local struct failure *unowned;

/* Encoded details on their way into a failure; empty unless codec_encode raised, then the next use takes it over. */
static _Thread_local struct codec_buf details_buf;

/* --- tracebacks -------------------------------------------------------------------------------------------------- */

struct text {
    char *at, *end; /* end: the place of the last NUL */
};

static void add(struct text *t, const char *s, size_t max) {
    size_t len = strnlen(s, max), room = (size_t)(t->end - t->at);
    if (len > room)
        len = room;
    memcpy(t->at, s, len);
    t->at += len;
}

static void add_line(struct text *t, int line) {
    char digits[16];
    snprintf(digits, sizeof digits, ":%d", line);
    add(t, digits, sizeof digits);
}

static void add_frame(struct text *t, const lua_Debug *ar) {
    add(t, "\n\t", 2);
    add(t, ar->short_src, sizeof ar->short_src);
    if (ar->currentline > 0)
        add_line(t, ar->currentline);
    if (*ar->namewhat) {
        add(t, ": in function '", 32);
        add(t, ar->name, 80);
        add(t, "'", 1);
    } else if (*ar->what == 'm') {
        add(t, ": in main chunk", 32);
    } else if (*ar->what == 'C') {
        add(t, ": in a function", 32);
    } else {
        add(t, ": in function <", 32);
        add(t, ar->short_src, sizeof ar->short_src);
        add_line(t, ar->linedefined);
        add(t, ">", 1);
    }
}

size_t errobj_traceback(lua_State *L, int level, char *buf, size_t cap) {
    struct text t = {buf, buf + cap - 1};
    lua_Debug ar;
    for (int n = 0; lua_getstack(L, level + n, &ar); n++) {
        if (n == 0)
            add(&t, "stack traceback:", 32);
        if (n == TRACE_LEVELS) {
            add(&t, "\n\t...", 32);
            break;
        }
        lua_getinfo(L, "Snl", &ar);
        add_frame(&t, &ar);
    }
    *t.at = '\0';
    return (size_t)(t.at - buf);
}

/* --- making objects ---------------------------------------------------------------------------------------------- */

struct failure *errobj_failure(lua_State *L, int idx) {
    struct verror *e = vtype_test(L, idx, VTYPE_ERROR);
    return e ? e->failure : NULL;
}

void errobj_push(lua_State *L, struct failure *f) {
    failure_release(unowned);
    unowned = f;
    struct verror *e = vtype_new(L, VTYPE_ERROR, sizeof *e);
    e->failure = f;
    unowned = NULL;
}

/* Gives a new failure to the object, which is still empty; raises when there is none. */
static void own(lua_State *L, struct verror *e, struct failure *f) {
    if (!f)
        luaL_error(L, "not enough memory");
    e->failure = f;
}

static void push_formatted(lua_State *L, enum errkind kind, const char *fmt, va_list args) {
    struct verror *e = vtype_new(L, VTYPE_ERROR, sizeof *e);
    char first[256];
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(first, sizeof first, fmt, args);
    size_t len = n < 0 ? 0 : (size_t)n;
    char *text = len < sizeof first ? first : mem_alloc(len + 1);
    struct failure *f = NULL;
    if (text) {
        if (text != first)
            vsnprintf(text, len + 1, fmt, again);
        char trace[ERROBJ_TRACE_MAX];
        size_t trace_len = errobj_traceback(L, 0, trace, sizeof trace);
        f = failure_new(kind, EXIT_RETURNED, RETRY_UNKNOWN, text, len, trace, trace_len, NULL, 0);
        if (text != first)
            mem_free(text);
    }
    va_end(again);
    own(L, e, f);
}

void errobj_pushf(lua_State *L, enum errkind kind, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    push_formatted(L, kind, fmt, args);
    va_end(args);
}

int errobj_nil(lua_State *L, enum errkind kind, const char *fmt, ...) {
    va_list args;
    lua_pushnil(L);
    va_start(args, fmt);
    push_formatted(L, kind, fmt, args);
    va_end(args);
    return 2;
}

int errobj_false(lua_State *L, enum errkind kind, const char *fmt, ...) {
    va_list args;
    lua_pushboolean(L, 0);
    va_start(args, fmt);
    push_formatted(L, kind, fmt, args);
    va_end(args);
    return 2;
}

/* --- methods ----------------------------------------------------------------------------------------------------- */

static const struct failure *check(lua_State *L) {
    return ((struct verror *)vtype_check(L, 1, VTYPE_ERROR))->failure;
}

static int error_kind(lua_State *L) {
    lua_pushstring(L, errkind_text(check(L)->kind));
    return 1;
}

static int error_message(lua_State *L) {
    const struct failure *f = check(L);
    uint32_t skip = vstate_wippy(vstate_of(L)) ? f->context_len : 0;
    lua_pushlstring(L, f->message + skip, f->message_len - skip);
    return 1;
}

static int error_retryable(lua_State *L) {
    const struct failure *f = check(L);
    if (f->retryable == RETRY_UNKNOWN)
        lua_pushnil(L);
    else
        lua_pushboolean(L, f->retryable == RETRY_YES);
    return 1;
}

/* Decoded anew at each call: whatever the caller does to the table, the object stays what it is. */
static int error_details(lua_State *L) {
    const struct failure *f = check(L);
    if (!f->details || !codec_decode(L, f->details, f->details_len))
        lua_pushnil(L);
    return 1;
}

static int error_stack(lua_State *L) {
    const struct failure *f = check(L);
    lua_pushlstring(L, f->stack, f->stack_len);
    return 1;
}

static int error_tostring(lua_State *L) {
    const struct failure *f = check(L);
    lua_pushlstring(L, f->message, f->message_len);
    return 1;
}

static int error_gc(lua_State *L) {
    struct verror *e = vtype_test(L, 1, VTYPE_ERROR);
    if (e) {
        failure_release(e->failure);
        e->failure = NULL;
    }
    return 0;
}

/* Pushes an operand of `..` as text. */
static void push_operand(lua_State *L, int idx) {
    const struct failure *f = errobj_failure(L, idx);
    if (f)
        lua_pushlstring(L, f->message, f->message_len);
    else if (lua_isstring(L, idx))
        lua_pushvalue(L, idx);
    else
        luaL_error(L, "attempt to concatenate a %s value", vtype_word(L, idx));
}

static int error_concat(lua_State *L) {
    push_operand(L, 1);
    push_operand(L, 2);
    lua_concat(L, 2);
    return 1;
}

static const luaL_Reg methods[] = {
    {"kind", error_kind},       {"message", error_message}, {"retryable", error_retryable},
    {"details", error_details}, {"stack", error_stack},     {NULL, NULL},
};

static const luaL_Reg meta[] = {
    {"__tostring", error_tostring},
    {"__concat", error_concat},
    {"__gc", error_gc},
    {NULL, NULL},
};

const struct vtype_desc vtype_desc_ERROR = {methods, meta};

/* --- inside encoded values --------------------------------------------------------------------------------------- */

static bool put(lua_State *L, int idx, struct codec_buf *b) {
    const struct failure *f = errobj_failure(L, idx);
    struct wire w = {
        .kind = (uint8_t)f->kind,
        .how = (uint8_t)f->how,
        .retryable = (uint8_t)f->retryable,
        .context_len = f->context_len,
        .message_len = f->message_len,
        .stack_len = f->stack_len,
        .details_len = f->details_len,
    };
    return codec_buf_put(b, &w, sizeof w) && codec_buf_put(b, f->message, f->message_len) &&
           codec_buf_put(b, f->stack, f->stack_len) && codec_buf_put(b, f->details, f->details_len);
}

static bool get(lua_State *L, const char *data, size_t len) {
    struct wire w;
    if (len < sizeof w)
        return false;
    memcpy(&w, data, sizeof w);
    if (w.kind >= ERRKIND_COUNT || w.how >= EXIT_HOW_COUNT || w.retryable > RETRY_YES ||
        w.message_len > FAILURE_TEXT_MAX || w.stack_len > FAILURE_TEXT_MAX || w.context_len > w.message_len ||
        len - sizeof w != (size_t)w.message_len + w.stack_len + w.details_len)
        return false;

    const char *message = data + sizeof w, *stack = message + w.message_len, *details = stack + w.stack_len;
    struct verror *e = vtype_new(L, VTYPE_ERROR, sizeof *e);
    struct failure *f = failure_new((enum errkind)w.kind, (enum exit_how)w.how, (enum retry)w.retryable,
                                    message, w.message_len, stack, w.stack_len, details, w.details_len);
    if (f)
        f->context_len = w.context_len;
    own(L, e, f);
    return true;
}

const struct codec_ext codec_ext_ERROR = {put, get};

/* --- module errors ----------------------------------------------------------------------------------------------- */

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
    own(L, e, f);
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
    push_operand(L, 1);
    lua_concat(L, 3);
    const char *message = lua_tolstring(L, 3, &len);
    struct verror *e = vtype_new(L, VTYPE_ERROR, sizeof *e);
    context_len += 2;
    if (old) {
        context_len += old->context_len;
        own(L, e,
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
    const struct failure *f = check(L);
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

static void add_kinds(lua_State *L) {
    for (int kind = 0; kind < ERRKIND_COUNT; kind++) {
        lua_pushstring(L, errkind_text((enum errkind)kind));
        lua_setfield(L, -2, errkind_name((enum errkind)kind));
    }
}

const struct vlib vlib_errors = {"errors", functions, add_kinds, VLIB_GLOBAL | VLIB_ALWAYS};
