#include "vm/chan.h"

#include <string.h>

#include "base/alloc.h"
#include "vm/env.h"
#include "vm/inbox.h"
#include "vm/task.h"

#define SEND_ON_CLOSED "send on closed channel"

/* VTYPE_CASE. Its environment table: [1] the channel, [2] the value of a send. */
struct vcase {
    struct vhead head;
    struct chan *chan;
    bool send;
};

static void push_value_table(lua_State *L, int idx) {
    lua_getfenv(L, idx);
}

/* --- making ------------------------------------------------------------------------------------------------------ */

static struct chan *make(lua_State *L, enum chan_kind kind, size_t more) {
    struct chan *ch = vtype_new(L, VTYPE_CHANNEL, sizeof *ch + more);
    ch->kind = (uint8_t)kind;
    ch->receivers_end = &ch->receivers;
    ch->senders_end = &ch->senders;
    return ch;
}

struct chan *chan_new_topic(lua_State *L, const char *topic, size_t len, uint32_t hash) {
    struct chan *ch = make(L, CHAN_TOPIC, len);
    ch->topic = memcpy(ch + 1, topic, len);
    ch->topic_len = (uint16_t)len;
    ch->topic_hash = hash;
    return ch;
}

struct chan *chan_new(lua_State *L, enum chan_kind kind, uint32_t cap) {
    struct chan *ch = make(L, kind, 0);
    ch->cap = cap;
    if (kind == CHAN_LOCAL) {
        lua_createtable(L, 1, 0);
        lua_setfenv(L, -2);
        ch->has_table = true;
    }
    return ch;
}

/* Pushes the channel's own table; idx is the channel. */
static void push_table(lua_State *L, int idx, struct chan *ch) {
    if (!ch->has_table) {
        lua_createtable(L, 1, 0);
        lua_pushvalue(L, -1);
        lua_setfenv(L, idx);
        ch->has_table = true;
        return;
    }
    push_value_table(L, idx);
}

void chan_anchor(lua_State *L, struct vstate *vs, struct chan *ch) {
    int slot = anchor_take(L, vs);
    anchor_push(L, vs);
    lua_pushvalue(L, -2);
    lua_rawseti(L, -2, slot);
    lua_settop(L, -2);
    ch->anchor = slot;
}

void chan_push(lua_State *L, struct vstate *vs, struct chan *ch) {
    anchor_push(L, vs);
    lua_rawgeti(L, -1, ch->anchor);
    lua_replace(L, -2);
}

/* --- queues of waiters ---------------------------------------------------------------------------------------------- */

static void enqueue(struct waiter *w, struct task *t, struct chan *ch, bool send, uint16_t index) {
    struct waiter ***end = send ? &ch->senders_end : &ch->receivers_end;
    w->task = t;
    w->chan = ch;
    w->send = send;
    w->index = index;
    w->next = NULL;
    w->link = *end;
    **end = w;
    *end = &w->next;
    w->queued = true;
}

static void dequeue(struct waiter *w) {
    if (!w->queued)
        return;
    *w->link = w->next;
    if (w->next)
        w->next->link = w->link;
    else if (w->send)
        w->chan->senders_end = w->link;
    else
        w->chan->receivers_end = w->link;
    w->queued = false;
}

void task_unqueue(struct task *t) {
    dequeue(&t->one);
    for (uint16_t i = 0; i < t->many_n; i++)
        dequeue(&t->many[i]);
    t->many_n = 0;
}

/* Takes the first waiter's task out of all its queues and makes it ready. Its channel, case and message stand in the task. */
static struct task *wake_first(struct vstate *vs, struct waiter *w, enum wake_kind wake) {
    struct task *t = w->task;
    t->wake_chan = w->chan;
    t->wake_index = w->index;
    task_unqueue(t);
    task_ready(vs, t, wake);
    return t;
}

void chan_arrive(struct vstate *vs, struct chan *ch, struct msg *m) {
    if (ch->receivers)
        wake_first(vs, ch->receivers, WAKE_MSG)->msg = m;
    else
        msgq_add(&ch->queue, m);
}

void chan_close(struct vstate *vs, struct chan *ch) {
    ch->closed = true;
    while (ch->receivers)
        wake_first(vs, ch->receivers, WAKE_CLOSED);
    while (ch->senders)
        wake_first(vs, ch->senders, WAKE_CLOSED);
}

void chan_drop_queue(struct vstate *vs, struct chan *ch) {
    for (struct msg *m; (m = msgq_take(&ch->queue));)
        vstate_consumed(vs, m);
}

/* --- values of local channels ----------------------------------------------------------------------------------------- */

/* Appends the value on top of the stack to the buffer and pops it. */
static void buffer_put(lua_State *L, int idx, struct chan *ch) {
    push_table(L, idx, ch);
    lua_insert(L, -2);
    lua_rawseti(L, -2, CHAN_VALUES + (int)((ch->first + ch->count) % ch->cap));
    lua_settop(L, -2);
    ch->count++;
}

static void buffer_take(lua_State *L, int idx, struct chan *ch) {
    push_table(L, idx, ch);
    int key = CHAN_VALUES + (int)ch->first;
    lua_rawgeti(L, -1, key);
    lua_pushnil(L);
    lua_rawseti(L, -3, key);
    lua_replace(L, -2);
    ch->first = (ch->first + 1) % ch->cap;
    ch->count--;
}

/* The value that a blocked sender holds: its own, or that of its case. */
static void push_held(lua_State *L, struct vstate *vs, struct waiter *w) {
    anchor_push(L, vs);
    lua_rawgeti(L, -1, w->task->hold);
    if (w->index) { /* cases */
        lua_rawgeti(L, -1, w->index);
        lua_getfenv(L, -1);
        lua_rawgeti(L, -1, 2);
        lua_replace(L, -5);
        lua_settop(L, -4);
        return;
    }
    lua_replace(L, -2);
}

/* Stores the value on top of the stack (popped) for a task that has been woken with WAKE_VALUE. */
static void hold_value(lua_State *L, struct vstate *vs, struct task *t) {
    anchor_push(L, vs);
    lua_insert(L, -2);
    lua_rawseti(L, -2, t->hold);
    lua_settop(L, -2);
}

/* For a woken select, the cases stand in `hold` and are still needed: the value goes beside them. */
static void give_value(lua_State *L, struct vstate *vs, struct waiter *w) {
    struct task *t = w->task;
    if (w->index) {
        anchor_push(L, vs);
        lua_rawgeti(L, -1, t->hold);
        lua_pushvalue(L, -3);
        lua_rawseti(L, -2, 0); /* cases[0]: no case of the program stands there */
        lua_settop(L, -4);
    } else {
        hold_value(L, vs, t);
    }
    wake_first(vs, w, WAKE_VALUE);
}

/* --- trying ------------------------------------------------------------------------------------------------------------ */

enum tried { TRIED_NO, TRIED_OK, TRIED_CLOSED };

/* TRIED_OK pushes the element. idx: the channel on the stack. Takes nothing out of the mailbox: what a select finds
 * there while it tries one case may belong to a case that it has tried before, and nobody would look at that again. */
static enum tried try_receive(lua_State *L, struct vstate *vs, struct chan *ch, int idx) {
    if (ch->kind != CHAN_LOCAL) {
        struct msg *m = msgq_take(&ch->queue);
        if (!m)
            return ch->closed ? TRIED_CLOSED : TRIED_NO;
        inbox_push_element(L, vs, ch, m);
        return TRIED_OK;
    }
    if (ch->count) {
        buffer_take(L, idx, ch);
        if (ch->senders) { /* room for one who waits */
            push_held(L, vs, ch->senders);
            buffer_put(L, idx, ch);
            wake_first(vs, ch->senders, WAKE_SENT);
        }
        return TRIED_OK;
    }
    if (ch->senders) {
        push_held(L, vs, ch->senders);
        wake_first(vs, ch->senders, WAKE_SENT);
        return TRIED_OK;
    }
    return ch->closed ? TRIED_CLOSED : TRIED_NO;
}

/* Sends the value on top of the stack; TRIED_OK pops it. */
static enum tried try_send(lua_State *L, struct vstate *vs, struct chan *ch, int idx) {
    if (ch->closed)
        return TRIED_CLOSED;
    if (ch->receivers) {
        give_value(L, vs, ch->receivers);
        return TRIED_OK;
    }
    if (ch->count < ch->cap) {
        buffer_put(L, idx, ch);
        return TRIED_OK;
    }
    return TRIED_NO;
}

/* --- methods ------------------------------------------------------------------------------------------------------------- */

int chan_receive_value(lua_State *L, struct vstate *vs, struct chan *ch, int idx) {
    if (ch->kind != CHAN_LOCAL && !ch->queue.first)
        proc_poll(vs->proc);
    if (ch->kind == CHAN_LOCAL || ch->queue.first || ch->closed) {
        enum tried tried = try_receive(L, vs, ch, idx);
        if (tried == TRIED_CLOSED)
            lua_pushnil(L);
        if (tried != TRIED_NO) {
            lua_pushboolean(L, tried == TRIED_OK);
            return 2;
        }
    }
    task_check_block(L);
    struct task *t = vs->current;
    if (!ch->anchor) { /* nothing else may keep it alive while we wait */
        int slot = task_hold(L, vs, t);
        anchor_push(L, vs);
        lua_pushvalue(L, idx);
        lua_rawseti(L, -2, slot);
    }
    enqueue(&t->one, t, ch, false, 0);
    return task_block(L, vs, TASK_RECEIVE);
}

static int chan_receive(lua_State *L) {
    struct chan *ch = vtype_check(L, 1, VTYPE_CHANNEL);
    return chan_receive_value(L, vstate_of(L), ch, 1);
}

/* `what`: the method that needs a channel of the program's own. */
static struct chan *check_local(lua_State *L, const char *what) {
    struct chan *ch = vtype_test(L, 1, VTYPE_CHANNEL);
    if (!ch)
        env_raise(L, "bad argument #1 to '%s' (channel expected, got %s); call it as ch:%s(…)", what,
                  vtype_word(L, 1), what);
    else if (ch->kind != CHAN_LOCAL)
        env_raise(L, "%s: cannot send to a channel that the runtime feeds", what);
    return ch;
}

static int chan_send(lua_State *L) {
    struct chan *ch = check_local(L, "send");
    struct vstate *vs = vstate_of(L);
    lua_settop(L, 2);
    switch (try_send(L, vs, ch, 1)) {
    case TRIED_OK:
        lua_pushboolean(L, 1);
        return 1;
    case TRIED_CLOSED:
        return env_raise(L, SEND_ON_CLOSED);
    case TRIED_NO:
        break;
    }
    task_check_block(L);
    struct task *t = vs->current;
    int slot = task_hold(L, vs, t);
    anchor_push(L, vs);
    lua_pushvalue(L, 2);
    lua_rawseti(L, -2, slot);
    lua_pushvalue(L, 1);
    lua_rawseti(L, -2, slot + ANCHOR_CHAN);
    enqueue(&t->one, t, ch, true, 0);
    return task_block(L, vs, TASK_SEND);
}

/* What ends a channel that the program must not close; NULL: it may. */
static const char *what_ends(enum chan_kind kind) {
    switch (kind) {
    case CHAN_LOCAL:
    case CHAN_TIMER:
        return NULL;
    case CHAN_TOPIC:
        return "process.unlisten ends that of a topic";
    case CHAN_INBOX:
        return "the inbox is open as long as the process runs";
    case CHAN_EVENTS:
        return "that of process.events is open as long as the process runs";
    case CHAN_FUTURE:
        return "that of a future closes after its result; the future's cancel() ends it before";
    case CHAN_EXTERN:
        return "the subscription's close() ends it";
    }
    return NULL;
}

static int chan_close_method(lua_State *L) {
    struct chan *ch = vtype_check(L, 1, VTYPE_CHANNEL);
    const char *ends = what_ends(ch->kind);
    if (ends)
        luaL_error(L, "close: cannot close a channel that the runtime feeds: %s", ends);
    if (!ch->closed)
        chan_close(vstate_of(L), ch);
    return 0;
}

int chan_len(lua_State *L) {
    struct chan *ch = vtype_check(L, 1, VTYPE_CHANNEL);
    if (ch->kind != CHAN_LOCAL)
        proc_poll(vstate_of(L)->proc);
    lua_pushinteger(L, (lua_Integer)(ch->kind == CHAN_LOCAL ? ch->count : ch->queue.n));
    return 1;
}

int chan_tostring(lua_State *L) {
    lua_pushfstring(L, "channel: %p", lua_topointer(L, 1));
    return 1;
}

/* --- select ----------------------------------------------------------------------------------------------------------------- */

static void new_case(lua_State *L, struct chan *ch, bool send) {
    struct vcase *c = vtype_new(L, VTYPE_CASE, sizeof *c);
    c->chan = ch;
    c->send = send;
    lua_createtable(L, send ? 2 : 1, 0);
    lua_pushvalue(L, 1);
    lua_rawseti(L, -2, 1);
    if (send) {
        lua_pushvalue(L, 2);
        lua_rawseti(L, -2, 2);
    }
    lua_setfenv(L, -2);
}

/* The same object each time: a select in a loop allocates nothing for it. */
static int chan_case_receive(lua_State *L) {
    struct chan *ch = vtype_check(L, 1, VTYPE_CHANNEL);
    push_table(L, 1, ch);
    lua_rawgeti(L, -1, CHAN_CASE);
    if (lua_type(L, -1) == LUA_TUSERDATA)
        return 1;
    new_case(L, ch, false);
    lua_pushvalue(L, -1);
    lua_rawseti(L, -4, CHAN_CASE);
    return 1;
}

static int chan_case_send(lua_State *L) {
    struct chan *ch = check_local(L, "case_send");
    lua_settop(L, 2);
    new_case(L, ch, true);
    return 1;
}

/* Pushes the channel object of a case. */
static void push_case_chan(lua_State *L, int idx) {
    lua_getfenv(L, idx);
    lua_rawgeti(L, -1, 1);
    lua_replace(L, -2);
}

/* Makes { channel =, value =, ok = } of [channel, value] on top of the stack, pops both. */
static void push_result(lua_State *L, bool ok) {
    lua_createtable(L, 0, 3);
    lua_insert(L, -3);
    vstate_push_word(L, WORD_VALUE);
    lua_insert(L, -2);
    lua_rawset(L, -4);
    vstate_set_word(L, WORD_CHANNEL);
    lua_pushboolean(L, ok);
    vstate_set_word(L, WORD_OK);
}

static void reserve_waiters(lua_State *L, struct task *t, int n) {
    if (n <= t->many_cap)
        return;
    struct waiter *grown = mem_realloc(t->many, (size_t)n * sizeof *grown);
    if (!grown)
        env_raise(L, "not enough memory");
    t->many = grown;
    t->many_cap = (uint16_t)n;
}

/* Tries the case at the top of the stack. TRIED_OK: the result table is on the stack; TRIED_CLOSED: it is a send. */
static enum tried try_case(lua_State *L, struct vstate *vs) {
    int at = lua_gettop(L);
    struct vcase *c = lua_touserdata(L, at);
    push_case_chan(L, at);
    enum tried r;
    if (c->send) {
        lua_getfenv(L, at);
        lua_rawgeti(L, -1, 2);
        lua_replace(L, -2);
        r = try_send(L, vs, c->chan, at + 1);
        if (r == TRIED_CLOSED)
            return r;
        lua_settop(L, at + 1);
        lua_pushnil(L);
    } else {
        r = try_receive(L, vs, c->chan, at + 1);
        if (r == TRIED_CLOSED)
            lua_pushnil(L);
    }
    if (r == TRIED_NO)
        return r;
    push_result(L, r == TRIED_OK);
    return TRIED_OK;
}

/* Tries them all, in order; the array at idx is on top of the stack, and is again with TRIED_NO. */
static enum tried try_cases(lua_State *L, struct vstate *vs, int idx, int n) {
    for (int i = 1; i <= n; i++) {
        lua_rawgeti(L, idx, i);
        enum tried r = try_case(L, vs);
        if (r != TRIED_NO)
            return r;
        lua_settop(L, idx);
    }
    return TRIED_NO;
}

/* The task waits for the cases of the array at idx; there is room for its waiters. */
static void enqueue_cases(lua_State *L, struct task *t, int idx, int n) {
    for (int i = 1; i <= n; i++) {
        lua_rawgeti(L, idx, i);
        const struct vcase *c = lua_touserdata(L, -1);
        lua_settop(L, -2);
        enqueue(&t->many[i - 1], t, c->chan, c->send, (uint16_t)i);
    }
    t->many_n = (uint16_t)n;
}

static int channel_select(lua_State *L) {
    if (lua_type(L, 1) != LUA_TTABLE)
        return env_raise(L, "bad argument #1 to 'select' (table of cases expected, got %s)",
                         lua_isnil(L, 1) ? "no value" : vtype_word(L, 1));
    struct vstate *vs = vstate_of(L);
    bool has_default = lua_toboolean(L, 2);
    lua_settop(L, 1);
    if (!has_default) {
        lua_getfield(L, 1, "default");
        has_default = lua_toboolean(L, -1);
        lua_settop(L, 1);
    }
    size_t n = lua_objlen(L, 1);
    if (n > UINT16_MAX - 1)
        return env_raise(L, "select: more than %d cases", UINT16_MAX - 1);
    for (int i = 1; i <= (int)n; i++) {
        lua_rawgeti(L, 1, i);
        if (!vtype_test(L, -1, VTYPE_CASE))
            return env_raise(L, "select: case %d is a %s, not made by case_receive or case_send", i,
                             vtype_word(L, -1));
        lua_settop(L, 1);
    }
    proc_poll(vs->proc); /* the first ready case in list order wins: what has arrived must be seen before */
    enum tried r = try_cases(L, vs, 1, (int)n);
    if (r != TRIED_NO)
        return r == TRIED_OK ? 1 : env_raise(L, SEND_ON_CLOSED);
    if (has_default) {
        lua_createtable(L, 0, 2);
        lua_pushboolean(L, 1);
        lua_setfield(L, -2, "default");
        lua_pushboolean(L, 1);
        lua_setfield(L, -2, "ok");
        return 1;
    }
    task_check_block(L);
    struct task *t = vs->current;
    reserve_waiters(L, t, (int)n);
    int slot = task_hold(L, vs, t);
    anchor_push(L, vs);
    lua_createtable(L, (int)n, 0); /* a copy: the program may change its own meanwhile */
    for (int i = 1; i <= (int)n; i++) {
        lua_rawgeti(L, 1, i);
        lua_rawseti(L, -2, i);
    }
    lua_rawseti(L, -2, slot);
    enqueue_cases(L, t, 1, (int)n);
    return task_block(L, vs, TASK_SELECT);
}

/* --- waking -------------------------------------------------------------------------------------------------------------------- */

static void clear_hold(lua_State *co, struct vstate *vs, struct task *t) {
    if (!t->hold)
        return;
    anchor_push(co, vs);
    lua_pushboolean(co, 0);
    lua_rawseti(co, -2, t->hold);
    lua_settop(co, -2);
}

/* The element for a receiver: value and whether there is one. */
static bool push_element(lua_State *co, struct vstate *vs, struct task *t) {
    switch (t->wake) {
    case WAKE_MSG: {
        struct msg *m = t->msg;
        t->msg = NULL;
        inbox_push_element(co, vs, t->wake_chan, m);
        return true;
    }
    case WAKE_VALUE:
        anchor_push(co, vs);
        lua_rawgeti(co, -1, t->hold);
        if (t->wake_index) {
            lua_rawgeti(co, -1, 0);
            lua_replace(co, -2);
        }
        lua_replace(co, -2);
        return true;
    default:
        lua_pushnil(co);
        return t->wake == WAKE_SENT;
    }
}

static __attribute__((cold)) int receive_anew(lua_State *co, struct vstate *vs, struct task *t) {
    t->msg = msgq_take(&t->wake_chan->queue);
    if (!t->msg) {
        enqueue(&t->one, t, t->wake_chan, false, 0);
        return -1;
    }
    t->wake = WAKE_MSG;
    return chan_push_wake(co, vs, t);
}

static __attribute__((cold)) int select_anew(lua_State *co, struct vstate *vs, struct task *t) {
    luaL_checkstack(co, LUA_MINSTACK, "select");
    anchor_push(co, vs);
    lua_rawgeti(co, -1, t->hold);
    lua_replace(co, -2);
    int cases = lua_gettop(co), n = (int)lua_objlen(co, cases);
    enum tried r = try_cases(co, vs, cases, n);
    if (r == TRIED_NO) {
        enqueue_cases(co, t, cases, n);
        lua_settop(co, cases - 1);
        return -1;
    }
    clear_hold(co, vs, t);
    if (r == TRIED_OK)
        lua_replace(co, cases);
    else
        t->raise = SEND_ON_CLOSED;
    lua_settop(co, r == TRIED_OK ? cases : cases - 1);
    return r == TRIED_OK;
}

static __attribute__((noinline)) int push_wake(lua_State *co, struct vstate *vs, struct task *t) {
    if (t->wake == WAKE_ANEW)
        return t->state == TASK_RECEIVE ? receive_anew(co, vs, t) : select_anew(co, vs, t);
    if (t->state == TASK_SEND) {
        clear_hold(co, vs, t);
        if (t->wake == WAKE_CLOSED) {
            t->raise = SEND_ON_CLOSED;
            return 0;
        }
        lua_pushboolean(co, 1);
        return 1;
    }
    if (t->state == TASK_RECEIVE) {
        bool ok = push_element(co, vs, t);
        if (t->hold)
            clear_hold(co, vs, t);
        lua_pushboolean(co, ok);
        return 2;
    }
    anchor_push(co, vs);
    lua_rawgeti(co, -1, t->hold);
    lua_rawgeti(co, -1, t->wake_index);
    struct vcase *c = lua_touserdata(co, -1);
    if (c->send && t->wake == WAKE_CLOSED) {
        lua_settop(co, -4);
        t->raise = SEND_ON_CLOSED;
        return 0;
    }
    push_case_chan(co, lua_gettop(co));
    lua_replace(co, -4);
    lua_settop(co, -3);
    bool ok = push_element(co, vs, t);
    clear_hold(co, vs, t);
    push_result(co, ok);
    return 1;
}

int chan_push_wake(lua_State *co, struct vstate *vs, struct task *t) {
    if (t->state != TASK_RECEIVE || t->wake != WAKE_MSG || t->hold)
        return push_wake(co, vs, t);
    struct msg *m = t->msg;
    t->msg = NULL;
    inbox_push_element(co, vs, t->wake_chan, m);
    lua_pushboolean(co, 1);
    return 2;
}

/* --- the module ------------------------------------------------------------------------------------------------------------------ */

static int channel_new(lua_State *L) {
    lua_Number n = luaL_optnumber(L, 1, 0);
    luaL_argcheck(L, n >= 0 && n <= 1e8 && n == (lua_Number)(uint32_t)n, 1,
                  "capacity must be a whole number from 0 to 1e8");
    chan_new(L, CHAN_LOCAL, (uint32_t)n);
    return 1;
}

const luaL_Reg chan_methods[] = {{"receive", chan_receive},
                                 {"close", chan_close_method},
                                 {"case_receive", chan_case_receive},
                                 {"case_send", chan_case_send},
                                 {NULL, NULL}};
/* Pushes ch:send and channel.select as programs see them: vm/lua/channel.lua. */
static void push_wrapped(lua_State *L) {
    env_push_prelude(L, "channel");
    lua_pushcclosure(L, chan_send, 0);
    lua_pushcclosure(L, channel_select, 0);
    lua_call(L, 2, 2);
}

/* Args: the method table, a key that is not in it. */
int chan_missing(lua_State *L) {
    const char *key = lua_tostring(L, 2);
    if (!key || strcmp(key, "send") != 0)
        return 0;
    push_wrapped(L);
    lua_settop(L, -2);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, -2);
    lua_rawset(L, 1);
    return 1;
}

static void open_channel(lua_State *L) {
    push_wrapped(L);
    lua_setfield(L, -3, "select");
    lua_settop(L, -2);
}

static const luaL_Reg meta[] = {CHAN_META, {NULL, NULL}};
static int case_tostring(lua_State *L) {
    lua_pushfstring(L, "case: %p", lua_topointer(L, 1));
    return 1;
}
static const luaL_Reg case_meta[] = {{"__tostring", case_tostring}, {NULL, NULL}};
const struct vtype_desc vtype_desc_CHANNEL = {chan_methods, meta};
const struct vtype_desc vtype_desc_CASE = {NULL, case_meta};

static const luaL_Reg channel_funcs[] = {{"new", channel_new}, {NULL, NULL}};
const struct vlib vlib_channel = {"channel", channel_funcs, open_channel,
                                  VLIB_GLOBAL | VLIB_ALWAYS | VLIB_OWN, NULL};
