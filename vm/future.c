#include "vm/future.h"

#include <string.h>

#include "vm/call.h"
#include "vm/chan.h"
#include "vm/env.h"
#include "vm/errobj.h"
#include "vm/heap.h"
#include "vm/mod_process.h"
#include "vm/payload.h"
#include "vm/timer.h"

/* VTYPE_FUTURE. Its environment table: [1] the channel, whose own table refers back: they live and die together. */
struct vfuture {
    struct vhead head;
    struct vcall call; /* waits while it is pending */
    struct chan *chan;
    struct msg *answer;      /* MSG_EXIT, or the MSG_REPLY of a failed start */
    size_t adopted;          /* what it counts for */
    struct failure *failure; /* instead: canceled, timed out */
    struct vtimer *timer;
    bool canceled;
};

/* --- completing ------------------------------------------------------------------------------------------------ */

/* Nothing more is wanted from the callee. */
static void detach(struct vstate *vs, struct vfuture *f) {
    call_end(vs, &f->call);
    if (f->timer)
        vtimer_give_up(vs, f->timer);
    f->timer = NULL;
}

static void complete(struct vstate *vs, struct vfuture *f) {
    detach(vs, f);
    struct msg *note = msg_signal(MSG_REPLY, f->call.pid);
    if (note) {
        note->u.ptr = NULL;
        chan_arrive(vs, f->chan, note);
    }
    chan_close(vs, f->chan);
}

void future_answered(struct vstate *vs, struct vfuture *f, struct msg *m) {
    f->answer = m;
    if (m) {
        f->adopted = heap_release(vs, m);
        heap_adopt(vs, f->adopted);
    } else {
        f->failure =
            failure_format(ERRKIND_RATE_LIMITED, EXIT_RETURNED, "call: not enough memory for the answer");
    }
    complete(vs, f);
}

void future_timed_out(struct vstate *vs, struct vfuture *f) {
    f->timer = NULL; /* the caller gives it up */
    proc_cancel(sched_self, f->call.pid, vs->proc->pid, "timeout", 7);
    f->failure = failure_format(ERRKIND_TIMEOUT, EXIT_RETURNED, "call: no answer within the timeout");
    complete(vs, f);
}

static int future_gc(lua_State *L) {
    struct vfuture *f = lua_touserdata(L, 1);
    struct vstate *vs = vstate_of(L);
    if (f->call.link) /* nobody will ask for the result */
        detach(vs, f);
    heap_disown(vs, f->adopted);
    if (f->answer)
        msg_free(f->answer);
    failure_release(f->failure);
    f->answer = NULL;
    f->failure = NULL;
    return 0;
}

/* --- starting -------------------------------------------------------------------------------------------------- */

int future_target(lua_State *L, int base, const char *what) {
    struct vstate *vs = vstate_of(L);
    size_t len;
    const char *id = luaL_checklstring(L, base + 1, &len);
    if (len == 0)
        return errobj_nil(L, ERRKIND_INVALID, "%s: function ID required", what);
    if (!memchr(id, ':', len) || id[0] == ':' || id[len - 1] == ':')
        return errobj_nil(L, ERRKIND_INVALID, "%s: function ID must be namespace:name, got \"%s\"", what, id);
    struct ventry *e = ventry_find(vs->vm, id, len);
    if (!e)
        return errobj_nil(L, ERRKIND_NOT_FOUND, "%s: entry not found: %s", what, id);
    if (e->kind != VM_FUNCTION && !(e->kind == VM_PROCESS && e->default_host))
        return errobj_nil(
            L, ERRKIND_INVALID,
            "%s: not callable: %s is neither a function.lua nor a process.lua with meta.default_host", what,
            id);
    lua_pushstring(L, e->default_host ? e->default_host : vs->proc->host->id);
    lua_insert(L, base + 2);
    return 0;
}

/* Pushes the object; its channel stands in its environment table. */
static struct vfuture *push_future(lua_State *L) {
    struct vfuture *f = vtype_new(L, VTYPE_FUTURE, sizeof *f);
    lua_createtable(L, 1, 0);
    f->chan = chan_new(L, CHAN_FUTURE, 0);
    f->chan->future = f;
    vtype_push_meta(L, VTYPE_EXTERN_CHANNEL);
    lua_setmetatable(L, -2);
    lua_createtable(L, CHAN_VALUES, 0);
    lua_pushvalue(L, -4);
    lua_rawseti(L, -2, CHAN_VALUES);
    lua_setfenv(L, -2);
    f->chan->has_table = true;
    lua_rawseti(L, -2, 1);
    lua_setfenv(L, -2);
    return f;
}

int future_start(lua_State *L, int base, const struct spawn_more *more, int64_t timeout_ns) {
    struct vstate *vs = vstate_of(L);
    struct spawn_request r = {.parent = vs->proc, .monitor = true, .flags = PROC_AWAITED};
    struct pid pid;
    enum spawned s;
    int results = future_target(L, base, "async");
    if (results)
        return results;
    luaL_checkstack(L, 12, "future");
    heap_pace(L, vs);
    struct vfuture *f = push_future(L); /* before the process: making it may raise */
    lua_insert(L, 1);
    struct spawn_more moved;
    if (more) {
        moved = *more;
        moved.self++;
        more = &moved;
    }
    if (timeout_ns && !(f->timer = vtimer_for_future(L, vs, f)))
        return errobj_nil(L, ERRKIND_RATE_LIMITED, "async: too many timers (max_timers)");
    if (!process_start(L, "async", &r, base + 1, more, &s, &pid, &results)) {
        if (f->timer)
            vtimer_give_up(vs, f->timer);
        f->timer = NULL;
        return results;
    }
    f->call.future = f;
    call_begin(vs, &f->call, pid);
    if (timeout_ns)
        vtimer_start(f->timer, timeout_ns);
    lua_settop(L, 1);
    return 1;
}

/* --- the object --------------------------------------------------------------------------------------------------- */

static struct vfuture *check(lua_State *L) {
    struct vfuture *f = vtype_check(L, 1, VTYPE_FUTURE);
    proc_poll(vstate_of(L)->proc);
    return f;
}

static const struct failure *failure_of(const struct vfuture *f) {
    return f->failure ? f->failure : f->answer ? f->answer->u.failure : NULL;
}

static bool is_complete(const struct vfuture *f) {
    return f->answer || f->failure;
}

/* The payload object, or the error object. */
void future_push_element(lua_State *L, const struct vfuture *f) {
    const struct failure *why = failure_of(f);
    if (why) {
        errobj_push(L, failure_hold((struct failure *)why));
        return;
    }
    struct msg *m = f->answer;
    if (!m || m->data_len == 0 || !codec_decode(L, msg_data(m), m->data_len))
        lua_pushnil(L);
    payload_wrap(L);
}

static int future_channel(lua_State *L) {
    vtype_check(L, 1, VTYPE_FUTURE);
    lua_getfenv(L, 1);
    lua_rawgeti(L, -1, 1);
    return 1;
}

static int future_is_complete(lua_State *L) {
    lua_pushboolean(L, is_complete(check(L)));
    return 1;
}

static int future_is_canceled(lua_State *L) {
    lua_pushboolean(L, check(L)->canceled);
    return 1;
}

static int future_result(lua_State *L) {
    const struct vfuture *f = check(L);
    bool failed = failure_of(f) != NULL;
    if (!is_complete(f) || failed)
        lua_pushnil(L);
    if (is_complete(f))
        future_push_element(L, f);
    if (!failed)
        lua_pushnil(L);
    return 2;
}

static int future_error(lua_State *L) {
    const struct vfuture *f = check(L);
    bool failed = failure_of(f) != NULL;
    if (failed)
        future_push_element(L, f);
    else
        lua_pushnil(L);
    lua_pushboolean(L, failed);
    return 2;
}

static int future_cancel(lua_State *L) {
    struct vfuture *f = check(L);
    struct vstate *vs = vstate_of(L);
    if (f->call.link) {
        proc_cancel(sched_self, f->call.pid, vs->proc->pid, "canceled", 8);
        f->failure = failure_format(ERRKIND_CANCELED, EXIT_RETURNED, "call canceled");
        f->canceled = true;
        complete(vs, f);
    }
    lua_pushboolean(L, 1);
    return 1;
}

static const luaL_Reg methods[] = {{"response", future_channel},        {"channel", future_channel},
                                   {"is_complete", future_is_complete}, {"is_canceled", future_is_canceled},
                                   {"result", future_result},           {"error", future_error},
                                   {"cancel", future_cancel},           {NULL, NULL}};
static const luaL_Reg meta[] = {{"__gc", future_gc}, {NULL, NULL}};
const struct vtype_desc vtype_desc_FUTURE = {methods, meta};
