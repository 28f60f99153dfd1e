#include "vm/spawner.h"

#include <string.h>

#include "base/alloc.h"
#include "sched/names.h"
#include "vm/errobj.h"
#include "vm/future.h"
#include "vm/lib.h"
#include "vm/message.h"
#include "vm/mod_process.h"
#include "vm/wippy.h"

/*
 * Environment table of a spawner: its name, or false; an array of topic, encoded payload, topic, ...; an encoded context, or
 * false for that of the process. As strings of the state they count as its memory, and its collector knows of them.
 */
enum { NAME = 1, MESSAGES, CONTEXT, PARTS = CONTEXT };

enum { WHY = 256 };

/* VTYPE_SPAWNER and VTYPE_EXECUTOR: the same data, other methods. */
struct spawner {
    struct vhead head;
    struct spawn_more more;
};

/* --- contexts ----------------------------------------------------------------------------------------------------- */

struct vcontext *context_hold(struct vcontext *c) {
    if (c)
        atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    return c;
}

static struct vcontext *context_new(const char *data, size_t len) {
    struct vcontext *c = mem_alloc(sizeof *c + len);
    if (!c)
        return NULL;
    atomic_init(&c->refs, 1);
    c->len = (uint32_t)len;
    memcpy(c->data, data, len);
    return c;
}

void context_give(struct vstate *vs, struct vcontext *c) {
    if (vs->context)
        vs->charged -= sizeof *c + vs->context->len;
    context_release(vs->context);
    vs->context = c;
    if (c)
        vs->charged += sizeof *c + c->len;
}

void context_release(struct vcontext *c) {
    /* acq_rel: the last holder sees all that the others did */
    if (c && atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) == 1)
        mem_free(c);
}

static void push_table(lua_State *L, const char *data, size_t len) {
    if (!data || !codec_decode(L, data, len))
        lua_createtable(L, 0, 0);
}

void context_push(lua_State *L, const struct vcontext *c) {
    push_table(L, c ? c->data : NULL, c ? c->len : 0);
}

/* Pushes the encoded context of the spawner below it on the stack, with the pairs of the table at idx. false: nil and an error
 * object are on the stack instead. */
static bool context_extend(lua_State *L, int idx, const char *what) {
    struct codec_buf *b = process_scratch();
    char why[WHY];
    size_t len;
    lua_getfenv(L, -1);
    lua_rawgeti(L, -1, CONTEXT);
    const char *base = lua_tolstring(L, -1, &len);
    if (base)
        push_table(L, base, len);
    else
        context_push(L, vstate_of(L)->context);
    int table = lua_gettop(L);
    lua_pushnil(L);
    while (lua_next(L, idx)) {
        if (lua_type(L, -2) != LUA_TSTRING) {
            errobj_nil(L, ERRKIND_INVALID, "%s: keys must be strings, one is a %s", what, vtype_word(L, -2));
            return false;
        }
        if (lua_objlen(L, -2) == 0) {
            errobj_nil(L, ERRKIND_INVALID, "%s: a key is empty", what);
            return false;
        }
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, table);
    }
    b->len = 0;
    enum codec_status s = codec_encode(L, table, "context", MSG_DATA_MAX, b, why, sizeof why);
    if (s != CODEC_OK) {
        errobj_nil(L, s == CODEC_NO_MEMORY ? ERRKIND_RATE_LIMITED : ERRKIND_INVALID, "%s: %s", what,
                   s == CODEC_BAD_VALUE ? why : "the context is too large");
        return false;
    }
    lua_settop(L, table - 3);
    lua_pushlstring(L, b->data, b->len);
    return true;
}

/* --- objects ------------------------------------------------------------------------------------------------------ */

/* Pushes a copy of the spawner at `from` (NULL: one of the running process), its table copied. */
static struct spawner *copy(lua_State *L, enum vtype type, const struct spawner *from, int idx) {
    struct spawner *s = vtype_new(L, type, sizeof *s);
    s->more.trap_links = from ? from->more.trap_links : -1;
    s->more.timeout_ns = from ? from->more.timeout_ns : 0;
    lua_createtable(L, PARTS, 0);
    if (from) {
        lua_getfenv(L, idx);
        lua_rawgeti(L, -1, NAME);
        lua_rawseti(L, -3, NAME);
        lua_rawgeti(L, -1, CONTEXT);
        lua_rawseti(L, -3, CONTEXT);
        lua_rawgeti(L, -1, MESSAGES);
        int messages = lua_gettop(L);
        size_t n = lua_objlen(L, messages);
        lua_createtable(L, (int)n + 2, 0);
        for (int i = 1; i <= (int)n; i++) {
            lua_rawgeti(L, messages, i);
            lua_rawseti(L, messages + 1, i);
        }
        lua_rawseti(L, messages - 2, MESSAGES);
        lua_settop(L, messages - 2);
    } else {
        lua_pushboolean(L, 0);
        lua_rawseti(L, -2, NAME);
        lua_pushboolean(L, 0);
        lua_rawseti(L, -2, CONTEXT);
        lua_createtable(L, 0, 0);
        lua_rawseti(L, -2, MESSAGES);
    }
    lua_setfenv(L, -2);
    return s;
}

static struct spawner *check(lua_State *L) {
    struct spawner *s = vtype_test(L, 1, VTYPE_EXECUTOR);
    return s ? s : vtype_check(L, 1, VTYPE_SPAWNER);
}

/* with_context and with_options of process (no self), spawners and executors. */
static int with_context(lua_State *L, enum vtype type, const struct spawner *from, int arg) {
    luaL_checktype(L, arg, LUA_TTABLE);
    lua_settop(L, arg);
    copy(L, type, from, 1);
    int self = lua_gettop(L);
    if (!context_extend(L, arg, "with_context"))
        return 2;
    lua_getfenv(L, self);
    lua_insert(L, -2);
    lua_rawseti(L, -2, CONTEXT);
    lua_settop(L, self);
    return 1;
}

static int with_options(lua_State *L, enum vtype type, const struct spawner *from, int arg) {
    luaL_checktype(L, arg, LUA_TTABLE);
    lua_settop(L, arg);
    struct spawner *s = copy(L, type, from, 1);
    int self = lua_gettop(L);
    lua_pushnil(L);
    while (lua_next(L, arg)) {
        const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
        if (type == VTYPE_SPAWNER && strcmp(key, "trap_links") == 0) {
            if (lua_type(L, -1) != LUA_TBOOLEAN)
                return errobj_nil(L, ERRKIND_INVALID, "with_options: trap_links must be a boolean, got %s",
                                  vtype_word(L, -1));
            s->more.trap_links = lua_toboolean(L, -1);
        } else if (type == VTYPE_EXECUTOR && strcmp(key, "timeout") == 0) {
            lua_Number ms = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : -1;
            if (!(ms >= 0 && ms <= 1e12))
                return errobj_nil(L, ERRKIND_INVALID,
                                  "with_options: timeout must be a number of milliseconds");
            s->more.timeout_ns = (int64_t)(ms * 1e6);
        } else {
            lua_pushvalue(L, -2);
            const char *text = lua_tostring(L, -1);
            return errobj_nil(L, ERRKIND_INVALID, "with_options: unknown option: %s",
                              text ? text : luaL_typename(L, -1));
        }
        lua_settop(L, -2);
    }
    lua_settop(L, self);
    return 1;
}

int spawner_with_context(lua_State *L) {
    return with_context(L, VTYPE_SPAWNER, NULL, 1);
}

int spawner_with_options(lua_State *L) {
    return with_options(L, VTYPE_SPAWNER, NULL, 1);
}

static int method_with_context(lua_State *L) {
    const struct spawner *s = check(L);
    return with_context(L, (enum vtype)s->head.type, s, 2);
}

static int method_with_options(lua_State *L) {
    const struct spawner *s = check(L);
    return with_options(L, (enum vtype)s->head.type, s, 2);
}

static int method_with_name(lua_State *L) {
    size_t len;
    const struct spawner *from = vtype_check(L, 1, VTYPE_SPAWNER);
    const char *name = luaL_checklstring(L, 2, &len);
    if (len == 0 || name[0] == '{' || len > NAME_MAX_BYTES)
        return errobj_nil(L, ERRKIND_INVALID, "with_name: \"%s\" is no valid name", name);
    lua_settop(L, 2);
    copy(L, VTYPE_SPAWNER, from, 1);
    lua_getfenv(L, 3);
    lua_pushvalue(L, 2);
    lua_rawseti(L, -2, NAME);
    lua_settop(L, 3);
    return 1;
}

static int method_with_message(lua_State *L) {
    size_t len;
    char why[WHY];
    const struct spawner *from = vtype_check(L, 1, VTYPE_SPAWNER);
    const char *topic = luaL_checklstring(L, 2, &len);
    int n = lua_gettop(L) - 2;
    if (len == 0 || topic[0] == '@' || len > MSG_TOPIC_MAX)
        return errobj_nil(L, ERRKIND_INVALID, "with_message: \"%s\" is no valid topic", topic);
    struct codec_buf *b = process_scratch();
    b->len = 0;
    message_unfold(L, 3, n + 2);
    if (vstate_of(L)->wippy)
        wippy_unwrap(L, 3, n + 2);
    enum codec_status s = codec_encode_n(L, 3, n, "payload", MSG_DATA_MAX, b, why, sizeof why);
    if (s != CODEC_OK)
        return errobj_nil(L, s == CODEC_NO_MEMORY ? ERRKIND_RATE_LIMITED : ERRKIND_INVALID,
                          "with_message: %s", s == CODEC_BAD_VALUE ? why : "the message is too large");
    lua_pushlstring(L, b->data, b->len);
    int encoded = lua_gettop(L);
    copy(L, VTYPE_SPAWNER, from, 1);
    lua_getfenv(L, -1);
    lua_rawgeti(L, -1, MESSAGES);
    int at = (int)lua_objlen(L, -1);
    lua_pushvalue(L, 2);
    lua_rawseti(L, -2, at + 1);
    lua_pushvalue(L, encoded);
    lua_rawseti(L, -2, at + 2);
    lua_settop(L, encoded + 1);
    return 1;
}

/* --- starting ------------------------------------------------------------------------------------------------------- */

/* Pushes the spawner's table's part. The caller has made sure of stack. */
static void push_part(const struct spawn_more *more, int part) {
    lua_getfenv(more->L, more->self);
    lua_rawgeti(more->L, -1, part);
    lua_remove(more->L, -2);
}

/* Sends the messages to `to`, up to the first that does not get there. SEND_FULL: also without memory. */
static enum send_status post_messages(const struct spawn_more *more, struct pid to) {
    lua_State *L = more->L;
    push_part(more, MESSAGES);
    int list = lua_gettop(L);
    int n = (int)lua_objlen(L, list);
    enum send_status s = SEND_OK;
    for (int i = 1; i < n && s == SEND_OK; i += 2) {
        size_t topic_len, len;
        lua_rawgeti(L, list, i);
        lua_rawgeti(L, list, i + 1);
        const char *topic = lua_tolstring(L, -2, &topic_len), *data = lua_tolstring(L, -1, &len);
        struct msg *m = msg_new(MSG_USER, topic_len, len);
        s = SEND_FULL;
        if (m) {
            m->from = vstate_of(L)->proc->pid;
            m->topic_hash = msg_hash(topic, topic_len);
            memcpy(m->bytes, topic, topic_len);
            memcpy(msg_data(m), data, len);
            s = proc_post(sched_self, to, m);
            if (s != SEND_OK)
                msg_free(m);
        }
        lua_settop(L, list);
    }
    lua_settop(L, list - 1);
    return s;
}

struct pid spawner_find(const struct spawn_more *more, enum send_status *sent) {
    lua_State *L = more->L;
    struct pid pid = {0};
    luaL_checkstack(L, 8, "spawner");
    push_part(more, NAME);
    if (lua_type(L, -1) == LUA_TSTRING) {
        size_t len;
        const char *name = lua_tolstring(L, -1, &len);
        pid = names_lookup(sched_self, name, len);
        if (!pid_none(pid) && !proc_alive(sched_self, pid))
            pid = (struct pid){0};
    }
    lua_settop(L, -2);
    if (!pid_none(pid))
        *sent = post_messages(more, pid);
    return pid;
}

struct failure *spawner_prepare(const struct spawn_more *more, struct proc *p) {
    lua_State *L = more->L;
    struct vstate *vs = p->data;
    struct failure *why = NULL;
    push_part(more, CONTEXT);
    if (lua_type(L, -1) == LUA_TSTRING) {
        size_t len;
        const char *data = lua_tolstring(L, -1, &len);
        struct vcontext *c = context_new(data, len);
        if (!c)
            why = failure_format(ERRKIND_RATE_LIMITED, EXIT_START, "not enough memory for the context");
        else
            context_give(vs, c);
    }
    lua_settop(L, -2);
    if (more->trap_links == 1)
        p->flags |= PROC_TRAP_LINKS;
    push_part(more, NAME);
    if (!why && lua_type(L, -1) == LUA_TSTRING) {
        size_t len;
        const char *name = lua_tolstring(L, -1, &len);
        if (names_register(sched_self, name, len, p->pid, p) != NAME_OK)
            why = failure_format(ERRKIND_ALREADY_EXISTS, EXIT_START, "name already registered: %s", name);
    }
    lua_settop(L, -2);
    if (!why && post_messages(more, p->pid) != SEND_OK)
        why = failure_format(ERRKIND_RATE_LIMITED, EXIT_START,
                             "the messages do not fit the new process' mailbox");
    return why;
}

static int start(lua_State *L, const char *what, bool monitor, bool link, bool exec) {
    struct spawner *s = vtype_check(L, 1, VTYPE_SPAWNER);
    s->more.L = L;
    s->more.self = 1;
    return process_spawn_from(L, what, monitor, link, exec, 1, &s->more);
}

static int method_spawn(lua_State *L) {
    return start(L, "spawn", false, false, false);
}
static int method_spawn_monitored(lua_State *L) {
    return start(L, "spawn_monitored", true, false, false);
}
static int method_spawn_linked(lua_State *L) {
    return start(L, "spawn_linked", false, true, false);
}
static int method_spawn_linked_monitored(lua_State *L) {
    return start(L, "spawn_linked_monitored", true, true, false);
}
static int method_exec(lua_State *L) {
    return start(L, "exec", true, false, true);
}

static const luaL_Reg spawner_methods[] = {{"with_context", method_with_context},
                                           {"with_options", method_with_options},
                                           {"with_name", method_with_name},
                                           {"with_message", method_with_message},
                                           {"spawn", method_spawn},
                                           {"spawn_monitored", method_spawn_monitored},
                                           {"spawn_linked", method_spawn_linked},
                                           {"spawn_linked_monitored", method_spawn_linked_monitored},
                                           {"exec", method_exec},
                                           {NULL, NULL}};
const struct vtype_desc vtype_desc_SPAWNER = {spawner_methods, NULL};

/* --- the module ctx ---------------------------------------------------------------------------------------------------- */

static int ctx_get(lua_State *L) {
    size_t len;
    const char *key = luaL_checklstring(L, 1, &len);
    if (len == 0)
        return errobj_nil(L, ERRKIND_INVALID, "ctx.get: the key is empty");
    context_push(L, vstate_of(L)->context);
    lua_pushvalue(L, 1);
    lua_rawget(L, -2);
    if (lua_isnil(L, -1))
        return errobj_nil(L, ERRKIND_NOT_FOUND, "ctx.get: key not found: %s", key);
    return 1;
}

static int ctx_all(lua_State *L) {
    context_push(L, vstate_of(L)->context);
    return 1;
}

static const luaL_Reg ctx_funcs[] = {{"get", ctx_get}, {"all", ctx_all}, {NULL, NULL}};
const struct vlib vlib_ctx = {"ctx", ctx_funcs, NULL, 0, NULL};

/* --- the module funcs: calls as processes ---------------------------------------------------------------------------- */

static struct spawner *executor_of(lua_State *L, int base) {
    struct spawner *s = base ? vtype_check(L, 1, VTYPE_EXECUTOR) : NULL;
    if (s) {
        s->more.L = L;
        s->more.self = 1;
    }
    return s;
}

static int call_now(lua_State *L, int base) {
    struct spawner *s = executor_of(L, base);
    int n = future_target(L, base, "call");
    return n ? n : process_spawn_from(L, "call", true, false, true, base, s ? &s->more : NULL);
}

static int call_later(lua_State *L, int base) {
    struct spawner *s = executor_of(L, base);
    return future_start(L, base, s ? &s->more : NULL, s ? s->more.timeout_ns : 0);
}

static int funcs_call(lua_State *L) {
    return call_now(L, 0);
}
static int funcs_async(lua_State *L) {
    return call_later(L, 0);
}
static int funcs_new(lua_State *L) {
    lua_settop(L, 0);
    copy(L, VTYPE_EXECUTOR, NULL, 0);
    return 1;
}
static int executor_call(lua_State *L) {
    return call_now(L, 1);
}
static int executor_async(lua_State *L) {
    return call_later(L, 1);
}

static const luaL_Reg executor_methods[] = {{"with_context", method_with_context},
                                            {"with_options", method_with_options},
                                            {"call", executor_call},
                                            {"async", executor_async},
                                            {NULL, NULL}};
const struct vtype_desc vtype_desc_EXECUTOR = {executor_methods, NULL};

static const luaL_Reg funcs_funcs[] = {
    {"call", funcs_call}, {"async", funcs_async}, {"new", funcs_new}, {NULL, NULL}};
const struct vlib vlib_funcs = {"funcs", funcs_funcs, NULL, 0, NULL};
