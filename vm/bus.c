#include "vm/bus.h"

#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "vm/chan.h"
#include "vm/env.h"
#include "vm/errobj.h"
#include "vm/mod_process.h"
#include "vm/spawn.h"
#include "vm/vm_impl.h"

/* One subscription; C memory, since events on their way refer to it. */
struct vsub {
    atomic_uint refs;   /* its process, and each event on its way; relaxed to hold, acq_rel to release */
    atomic_uint queued; /* events not received yet; relaxed, a limit that need not be exact */
    struct vsub *next, **link;         /* in the bus, under its lock */
    struct vsub *next_own, **link_own; /* in its process */
    struct pid pid;
    struct chan *chan;   /* its process only; NULL: closed */
    char *system, *kind; /* kind NULL: any */
};

struct vbus {
    pthread_rwlock_t lock;
    struct vsub *subs;
    _Atomic uint64_t dropped; /* relaxed: a figure */
};

struct vbus *bus_new(void) {
    struct vbus *b = mem_calloc(1, sizeof *b);
    pthread_rwlockattr_t how;
    pthread_rwlockattr_init(&how);
    /* Who subscribes is not to wait until nobody sends any more. */
    pthread_rwlockattr_setkind_np(&how, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    if (b && pthread_rwlock_init(&b->lock, &how) != 0) {
        mem_free(b);
        b = NULL;
    }
    pthread_rwlockattr_destroy(&how);
    return b;
}

void bus_free(struct vbus *b) {
    if (!b)
        return;
    pthread_rwlock_destroy(&b->lock);
    mem_free(b);
}

uint64_t bus_dropped(const struct vbus *b) {
    return atomic_load_explicit(&b->dropped, memory_order_relaxed);
}

static void sub_release(struct vsub *s) {
    /* acq_rel: the last holder sees all that the others did */
    if (atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
        return;
    mem_free(s->system);
    mem_free(s->kind);
    mem_free(s);
}

/* An event is used up, received or dropped. */
static void event_release(struct msg *m) {
    struct vsub *s = m->u.ptr;
    atomic_fetch_sub_explicit(&s->queued, 1, memory_order_relaxed);
    sub_release(s);
    mem_free(m);
}

/* --- receiving --------------------------------------------------------------------------------------------------- */

void bus_arrived(struct vstate *vs, struct msg *m) {
    struct vsub *s = m->u.ptr;
    if (s->chan)
        chan_arrive(vs, s->chan, m);
    else
        vstate_consumed(vs, m);
}

/* Off the bus, and off its process' list. */
static void withdraw(struct vstate *vs, struct vsub *s) {
    struct vbus *b = vs->vm->bus;
    pthread_rwlock_wrlock(&b->lock);
    *s->link = s->next;
    if (s->next)
        s->next->link = s->link;
    pthread_rwlock_unlock(&b->lock);
    *s->link_own = s->next_own;
    if (s->next_own)
        s->next_own->link_own = s->link_own;
    s->chan = NULL;
    vs->bus_subs--;
}

void bus_drop_all(struct vstate *vs) {
    while (vs->subs) {
        struct vsub *s = vs->subs;
        chan_drop_queue(vs, s->chan);
        withdraw(vs, s);
        sub_release(s);
    }
}

/* --- VTYPE_SUBSCRIPTION: its environment table holds [1] the channel ---------------------------------------------- */

struct subscription {
    struct vhead head;
    struct vsub *sub; /* NULL: closed, or its process is gone */
    struct chan *chan;
};

static int sub_channel(lua_State *L) {
    vtype_check(L, 1, VTYPE_SUBSCRIPTION);
    lua_getfenv(L, 1);
    lua_rawgeti(L, -1, 1);
    return 1;
}

static int sub_close(lua_State *L) {
    struct subscription *o = vtype_check(L, 1, VTYPE_SUBSCRIPTION);
    struct vstate *vs = vstate_of(L);
    if (o->chan && !o->chan->closed) {
        struct vsub *s = o->sub;
        withdraw(vs, s);
        chan_close(vs, o->chan);
        anchor_drop(L, vs, o->chan->anchor);
        o->chan->anchor = 0;
        o->sub = NULL;
        sub_release(s);
    }
    lua_pushboolean(L, 1);
    return 1;
}

static const luaL_Reg sub_methods[] = {{"channel", sub_channel}, {"close", sub_close}, {NULL, NULL}};
const struct vtype_desc vtype_desc_SUBSCRIPTION = {sub_methods, NULL};

static int extern_chan_gc(lua_State *L) {
    chan_drop_queue(vstate_of(L), lua_touserdata(L, 1));
    return 0;
}

static const luaL_Reg extern_chan_meta[] = {CHAN_META, {"__gc", extern_chan_gc}, {NULL, NULL}};
const struct vtype_desc vtype_desc_EXTERN_CHANNEL = {chan_methods, extern_chan_meta};

/* --- the module events --------------------------------------------------------------------------------------------- */

/* Every event is held against every subscription of the node: one process must not make that slow for all. */
#define SUBS_MAX 1000
#define SUB_TEXT_MAX 1024

static int subscribe(lua_State *L) {
    struct vstate *vs = vstate_of(L);
    size_t system_len, kind_len = 0;
    const char *system = luaL_checklstring(L, 1, &system_len), *kind = luaL_optlstring(L, 2, NULL, &kind_len);
    if (system_len == 0 || (kind && kind_len == 0))
        return errobj_nil(L, ERRKIND_INVALID, "events.subscribe: the %s is empty",
                          system_len ? "kind" : "system");
    if (vs->bus_subs >= SUBS_MAX)
        return errobj_nil(L, ERRKIND_RATE_LIMITED,
                          "events.subscribe: this process has %d subscriptions already", SUBS_MAX);
    if (system_len + kind_len > SUB_TEXT_MAX)
        return errobj_nil(L, ERRKIND_INVALID,
                          "events.subscribe: system and kind have %zu bytes, more than %d",
                          system_len + kind_len, SUB_TEXT_MAX);
    struct subscription *o = vtype_new(L, VTYPE_SUBSCRIPTION, sizeof *o);
    lua_createtable(L, 1, 0);
    o->chan = chan_new(L, CHAN_EXTERN, 0);
    vtype_push_meta(L, VTYPE_EXTERN_CHANNEL);
    lua_setmetatable(L, -2);
    chan_anchor(L, vs, o->chan); /* what arrives finds it by its address */
    lua_rawseti(L, -2, 1);
    lua_setfenv(L, -2);
    struct vsub *s = mem_calloc(1, sizeof *s);
    if (!s)
        return luaL_error(L, "not enough memory");
    s->system = mem_strdup(system);
    s->kind = kind ? mem_strdup(kind) : NULL;
    atomic_init(&s->refs, 1);
    if (!s->system || (kind && !s->kind)) {
        sub_release(s);
        return luaL_error(L, "not enough memory");
    }
    s->pid = vs->proc->pid;
    s->chan = o->chan;
    s->next_own = vs->subs;
    s->link_own = &vs->subs;
    if (s->next_own)
        s->next_own->link_own = &s->next_own;
    vs->subs = s;
    vs->bus_subs++;
    struct vbus *b = vs->vm->bus;
    pthread_rwlock_wrlock(&b->lock);
    s->next = b->subs;
    s->link = &b->subs;
    if (s->next)
        s->next->link = &s->next;
    b->subs = s;
    pthread_rwlock_unlock(&b->lock);
    o->sub = s;
    return 1;
}

/* Whether `name` matches a pattern in which a segment "*" stands for any one segment; segments are parted by dots. */
static bool matches(const char *pattern, const char *name) {
    for (;;) {
        if (pattern[0] == '*' && (pattern[1] == '.' || !pattern[1])) {
            pattern++;
            if (!*name || *name == '.')
                return false;
            while (*name && *name != '.')
                name++;
        } else {
            while (*pattern && *pattern != '.' && *pattern == *name) {
                pattern++;
                name++;
            }
        }
        if (*pattern != *name)
            return false;
        if (!*pattern)
            return true;
        pattern++;
        name++;
    }
}

/* An event for one subscription; within the limits of its process' mailbox. false: there is no room for it. */
static bool post(struct vsub *s, struct pid from, const struct codec_buf *data) {
    /* relaxed: partner is event_release; a limit */
    bool room = atomic_fetch_add_explicit(&s->queued, 1, memory_order_relaxed) < BUS_BUFFER;
    struct msg *m = room ? msg_new(MSG_REPLY, 0, data->len) : NULL;
    if (!m) {
        atomic_fetch_sub_explicit(&s->queued, 1, memory_order_relaxed);
        return false;
    }
    m->aux = REPLY_BUS;
    m->from = from;
    msg_charge(m);
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    m->u.ptr = s;
    m->release = event_release;
    memcpy(msg_data(m), data->data, data->len);
    enum send_status sent = proc_post(sched_self, s->pid, m);
    if (sent != SEND_OK)
        msg_free(m);
    return sent != SEND_FULL;
}

static int events_send(lua_State *L) {
    static const char *const names[] = {"system", "kind", "path"};
    struct vstate *vs = vstate_of(L);
    struct vbus *b = vs->vm->bus;
    size_t len[3];
    const char *text[3];
    for (int i = 0; i < 3; i++)
        text[i] = luaL_checklstring(L, i + 1, &len[i]);
    for (int i = 0; i < 3; i++)
        if (len[i] == 0)
            return errobj_false(L, ERRKIND_INVALID, "events.send: the %s is empty", names[i]);
    lua_settop(L, 4);
    lua_createtable(L, 0, 4);
    for (int i = 0; i < 3; i++) {
        lua_pushvalue(L, i + 1);
        lua_setfield(L, 5, names[i]);
    }
    lua_pushvalue(L, 4);
    lua_setfield(L, 5, "data");
    char why[256];
    struct codec_buf *data = process_scratch();
    data->len = 0;
    enum codec_status status = codec_encode(L, 5, "event", MSG_DATA_MAX, data, why, sizeof why);
    if (status != CODEC_OK)
        return errobj_false(L, status == CODEC_NO_MEMORY ? ERRKIND_RATE_LIMITED : ERRKIND_INVALID,
                            "events.send: %s", status == CODEC_BAD_VALUE ? why : "the event is too large");
    pthread_rwlock_rdlock(&b->lock);
    for (struct vsub *s = b->subs; s; s = s->next)
        if (matches(s->system, text[0]) && (!s->kind || matches(s->kind, text[1])) &&
            !post(s, vs->proc->pid, data))
            atomic_fetch_add_explicit(&b->dropped, 1, memory_order_relaxed);
    pthread_rwlock_unlock(&b->lock);
    lua_pushboolean(L, 1);
    return 1;
}

static const luaL_Reg funcs[] = {{"subscribe", subscribe}, {"send", events_send}, {NULL, NULL}};
const struct vlib vlib_events = {"events", funcs, NULL, 0, NULL};
