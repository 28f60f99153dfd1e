#include "vm/errobj.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "vm/codec.h"
#include "vm/heap.h"

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

/* ":123"; by hand, since every failing call of the API pays for its traceback. */
static void add_line(struct text *t, int line) {
    char digits[16], *p = digits + sizeof digits;
    unsigned n = line > 0 ? (unsigned)line : 0;
    do
        *--p = (char)('0' + n % 10);
    while ((n /= 10) > 0);
    *--p = ':';
    add(t, p, (size_t)(digits + sizeof digits - p));
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

/* The state's vstate; NULL: it is none that processes live in (vm/scratch.h). */
static struct vstate *counting(lua_State *L) {
    struct vstate *vs = vstate_of(L);
    return vs && vs->L ? vs : NULL;
}

/* An object that refers to `f` exists. */
static void count(lua_State *L, const struct failure *f) {
    struct vstate *vs = counting(L);
    if (!vs)
        return;
    heap_adopt(vs, failure_size(f));
    heap_pace(L, vs);
}

void errobj_push(lua_State *L, struct failure *f) {
    failure_release(unowned);
    unowned = f;
    struct verror *e = vtype_new(L, VTYPE_ERROR, sizeof *e);
    e->failure = f;
    unowned = NULL;
    count(L, f);
}

void errobj_thread_ends(void) {
    failure_release(unowned);
    unowned = NULL;
}

void errobj_own(lua_State *L, struct verror *e, struct failure *f) {
    if (!f)
        luaL_error(L, "not enough memory");
    e->failure = f;
    count(L, f);
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
    errobj_own(L, e, f);
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

int errobj_raise(lua_State *L, enum errkind kind, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    push_formatted(L, kind, fmt, args);
    va_end(args);
    return lua_error(L);
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
    if (e && e->failure) {
        struct vstate *vs = counting(L);
        if (vs)
            heap_disown(vs, failure_size(e->failure));
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

static enum codec_status put(lua_State *L, int idx, size_t limit, struct codec_buf *b, char *why,
                             size_t cap) {
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
    return codec_put_status(codec_buf_put(b, &w, sizeof w) && codec_buf_put(b, f->message, f->message_len) &&
                            codec_buf_put(b, f->stack, f->stack_len) &&
                            codec_buf_put(b, f->details, f->details_len));
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
    errobj_own(L, e, f);
    return true;
}

const struct codec_ext codec_ext_ERROR = {put, get};
