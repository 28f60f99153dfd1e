#include "vm/inbox.h"

#include "base/bytes.h"
#include "vm/bus.h"
#include "vm/call.h"
#include "vm/chan.h"
#include "vm/env.h"
#include "vm/errobj.h"
#include "vm/future.h"
#include "vm/heap.h"
#include "vm/message.h"
#include "vm/spawn.h"
#include "vm/task.h"
#include "vm/timer.h"

/* --- routing ------------------------------------------------------------------------------------------------------- */

static bool is_topic(const struct chan *ch, const char *topic, size_t len, uint32_t hash) {
    return ch->topic_hash == hash && ch->topic_len == len && same_bytes(ch->topic, topic, len);
}

static struct chan *find_topic(struct vstate *vs, const char *topic, size_t len, uint32_t hash) {
    for (struct chan *ch = vs->topics; ch; ch = ch->next_topic)
        if (is_topic(ch, topic, len, hash))
            return ch;
    return NULL;
}

const char *inbox_topic_seen(const struct vstate *vs, unsigned back) {
    return vs->topics_seen[(vs->topic_at + VSTATE_TOPICS - 1 - back) % VSTATE_TOPICS];
}

static __attribute__((noinline)) void remember_topic(struct vstate *vs, const struct msg *m) {
    size_t n = m->topic_len < VSTATE_TOPIC_MAX - 1 ? m->topic_len : VSTATE_TOPIC_MAX - 1;
    const char *last = inbox_topic_seen(vs, 0);
    if (same_bytes(last, m->bytes, n) && last[n] == '\0')
        return;
    char *to = vs->topics_seen[vs->topic_at++ % VSTATE_TOPICS];
    copy_bytes(to, m->bytes, n);
    to[n] = '\0';
}

static void route_user(struct vstate *vs, struct msg *m) {
    m->u.order = ++vs->arrived;
    struct chan *ch = find_topic(vs, m->bytes, m->topic_len, m->topic_hash);
    if (!ch || ch != vs->topic_last) {
        vs->topic_last = ch;
        remember_topic(vs, m);
    }
    if (!ch)
        ch = vs->inbox;
    if (ch)
        chan_arrive(vs, ch, m);
    else
        msgq_add(&vs->unclaimed, m);
}

static struct task *waits_for(struct task *t, struct pid pid, bool info) {
    return t->state == TASK_WAIT_PROC && pid_eq(t->wait_pid, pid) &&
                   t->wait_what == (info ? WAIT_INFO : WAIT_START)
             ? t
             : NULL;
}

/* The task that waits for an answer from `pid`. */
static struct task *find_waiting(struct vstate *vs, struct pid pid, bool info) {
    struct task *found = waits_for(&vs->main, pid, info);
    for (struct task *t = vs->tasks; t && !found; t = t->all_next)
        found = waits_for(t, pid, info);
    return found;
}

static void route_reply(struct vstate *vs, struct msg *m) {
    bool info = m->kind == MSG_REPLY && m->aux == REPLY_INFO;
    bool failed = m->kind == MSG_REPLY && m->aux == REPLY_STARTED && m->u.ptr;
    if (failed && !call_asked(vs, m->from)) { /* its EXIT or LINK_DOWN, which follows, is nobody's business */
        pidset_remove(&vs->proc->monitors, m->from);
        pidset_remove(&vs->proc->links, m->from);
    }
    if (failed && call_answered(vs, m))
        return;
    struct task *t = find_waiting(vs, m->from, info);
    if (t)
        task_answered(vs, t, m);
    else
        vstate_consumed(vs, m);
}

static __attribute__((noinline)) void deliver_other(struct vstate *vs, struct msg *m) {
    if (vstate_holds(m))
        heap_hold(vs, m);
    switch (m->kind) {
    case MSG_TIMER:
        vtimer_fired(vs, m);
        break;
    case MSG_REPLY:
        if (m->aux == REPLY_BUS)
            bus_arrived(vs, m);
        else
            route_reply(vs, m);
        break;
    case MSG_EXIT:
        if (vs->calls && call_answered(vs, m))
            break;
        /* fall through */
    default:
        if (vs->events)
            chan_arrive(vs, vs->events, m);
        else
            msgq_add(&vs->early_events, m);
    }
}

void inbox_deliver(struct proc *p, struct msg *m) {
    if (m->kind == MSG_USER)
        route_user(p->data, m);
    else
        deliver_other(p->data, m);
}

static bool is_exit(const struct msg *m, struct pid pid) {
    return m->kind == MSG_EXIT && pid_eq(m->from, pid);
}

void inbox_forget_exit(struct vstate *vs, struct pid pid) {
    for (struct task *t = vs->ready; t;
         t = t->next) /* those that it has woken, but that have not run since */
        if (t->wake == WAKE_MSG && is_exit(t->msg, pid)) {
            vstate_consumed(vs, t->msg);
            t->msg = NULL;
            t->wake = WAKE_ANEW;
        }
    struct msgq *queues[] = {&vs->early_events, vs->events ? &vs->events->queue : NULL};
    for (int i = 0; i < 2; i++) {
        struct msgq kept = {0};
        for (struct msg *m; queues[i] && (m = msgq_take(queues[i]));)
            if (is_exit(m, pid))
                vstate_consumed(vs, m);
            else
                msgq_add(&kept, m);
        if (queues[i])
            *queues[i] = kept;
    }
}

static void drop(struct vstate *vs, struct msgq *q) {
    for (struct msg *m; (m = msgq_take(q));)
        vstate_consumed(vs, m);
}

void inbox_drop_all(struct vstate *vs) {
    for (struct chan *ch = vs->topics; ch; ch = ch->next_topic) {
        drop(vs, &ch->queue);
        ch->topic = NULL;
    }
    if (vs->inbox)
        drop(vs, &vs->inbox->queue);
    if (vs->events)
        drop(vs, &vs->events->queue);
    drop(vs, &vs->unclaimed);
    drop(vs, &vs->early_events);
    vs->topics = vs->inbox = vs->events = NULL;
}

/* --- elements --------------------------------------------------------------------------------------------------------- */

static void push_payload(lua_State *L, const struct msg *m) {
    const char *data = m->bytes + m->topic_len;
    if (m->data_len == 0)
        lua_pushnil(L);
    else if (!codec_decode(L, data, m->data_len))
        luaL_error(L, "a message that cannot be decoded");
}

static void set_error(lua_State *L, const char *key, struct failure *f) {
    errobj_push(L, failure_hold(f));
    lua_setfield(L, -2, key);
}

/* { value =, error = }, Wippy's shape of a result. */
static void set_wippy_result(lua_State *L, const struct msg *m) {
    lua_createtable(L, 0, 2);
    if (m->u.failure)
        set_error(L, "error", m->u.failure);
    else if (m->kind == MSG_EXIT) {
        push_payload(L, m);
        lua_setfield(L, -2, "value");
    }
    lua_setfield(L, -2, "result");
}

static void push_kind(lua_State *L, const struct msg *m) {
    if (m->kind == MSG_EXIT)
        vstate_push_word(L, WORD_EXIT);
    else
        lua_pushstring(L, m->kind == MSG_LINK_DOWN ? EVENT_LINK_DOWN : EVENT_CANCEL);
}

static void push_event(lua_State *L, struct vstate *vs, const struct msg *m) {
    lua_createtable(L, 0, 4);
    push_kind(L, m);
    vstate_set_word(L, WORD_KIND);
    if (!pid_none(m->from)) {
        char text[PID_TEXT_MAX];
        size_t len = node_pid_text(vs->vm_node, m->from, text);
        lua_pushlstring(L, text, len);
        vstate_set_word(L, WORD_FROM);
    }
    lua_pushnumber(L, (lua_Number)msg_event_at(m) / 1e9);
    vstate_set_word(L, WORD_AT);
    if (m->kind == MSG_CANCEL) {
        lua_pushlstring(L, m->bytes + m->topic_len, m->data_len);
        lua_setfield(L, -2, "reason");
        return;
    }
    if (m->u.failure)
        set_error(L, "error", m->u.failure);
    if (vs->wippy) {
        set_wippy_result(L, m);
    } else if (m->kind == MSG_EXIT && !m->u.failure && m->data_len) {
        push_payload(L, m);
        vstate_set_word(L, WORD_RESULT);
    }
}

static __attribute__((noinline)) void push_other(lua_State *L, struct vstate *vs, struct chan *ch,
                                                 struct msg *m) {
    if (ch->kind == CHAN_EVENTS)
        push_event(L, vs, m);
    else if (ch->kind == CHAN_TIMER)
        vtimer_push_element(L, m);
    else if (ch->kind == CHAN_FUTURE)
        future_push_element(L, ch->future);
    else if (ch->kind == CHAN_INBOX || ch->full_messages)
        message_push(L, m);
    else
        push_payload(L, m);
}

void inbox_push_element(lua_State *L, struct vstate *vs, struct chan *ch, struct msg *m) {
    if (vs->in_hand)
        vstate_consumed(vs, vs->in_hand);
    /* What raises here (no memory) leaves `m` to the next one, or to the end of the process. */
    vs->in_hand = m;
    stack_check(L, 8, "message");
    if (ch->kind == CHAN_TOPIC && !ch->full_messages)
        push_payload(L, m);
    else
        push_other(L, vs, ch, m);
    vs->in_hand = NULL;
    proc_reduce(vs->proc, 1);
    vstate_consumed(vs, m);
}

/* --- functions of the module process ------------------------------------------------------------------------------------ */

/* Moves what waits in `from` and belongs to `ch` (any topic when its topic is NULL) there, in order. */
static void claim(struct vstate *vs, struct msgq *from, struct chan *ch) {
    struct msgq rest = {0};
    for (struct msg *m; (m = msgq_take(from));)
        if (!ch->topic || is_topic(ch, m->bytes, m->topic_len, m->topic_hash))
            chan_arrive(vs, ch, m);
        else
            msgq_add(&rest, m);
    *from = rest;
}

int inbox_listen(lua_State *L) {
    struct vstate *vs = vstate_of(L);
    size_t len;
    const char *topic = luaL_checklstring(L, 1, &len);
    bool messages = false;
    if (!lua_isnoneornil(L, 2)) {
        luaL_checktype(L, 2, LUA_TTABLE);
        lua_getfield(L, 2, "message");
        messages = lua_toboolean(L, -1);
    }
    if (len == 0 || topic[0] == '@')
        return errobj_nil(L, ERRKIND_INVALID,
                          len ? "listen: topic \"%s\" is reserved: topics that begin with @ are the runtime's"
                              : "listen: the topic is empty%s",
                          len ? topic : "");
    if (len > MSG_TOPIC_MAX)
        return errobj_nil(L, ERRKIND_INVALID, "listen: the topic has %zu bytes, more than %d", len,
                          MSG_TOPIC_MAX);
    proc_poll(vs->proc);
    uint32_t hash = msg_hash(topic, len);
    struct chan *ch = find_topic(vs, topic, len, hash);
    if (ch) {
        ch->full_messages |= messages;
        chan_push(L, vs, ch);
        return 1;
    }
    ch = chan_new_topic(L, topic, len, hash);
    chan_anchor(L, vs, ch);
    ch->full_messages = messages;
    ch->next_topic = vs->topics;
    vs->topics = ch;
    claim(vs, &vs->unclaimed, ch);
    return 1;
}

/* What was delivered before is lost to nobody: it is handed on, in its place, like any message without a listener. */
static void hand_back(struct vstate *vs, struct msgq *left) {
    while (left->first && vs->inbox && vs->inbox->receivers)
        chan_arrive(vs, vs->inbox, msgq_take(left));
    msgq_merge(vs->inbox ? &vs->inbox->queue : &vs->unclaimed, left);
}

int inbox_unlisten(lua_State *L) {
    struct vstate *vs = vstate_of(L);
    struct chan *ch = vtype_check(L, 1, VTYPE_CHANNEL);
    luaL_argcheck(L, ch->kind == CHAN_TOPIC, 1, "not a channel made by process.listen");
    proc_poll(vs->proc);
    for (struct chan **at = &vs->topics; *at; at = &(*at)->next_topic)
        if (*at == ch) {
            *at = ch->next_topic;
            ch->topic = NULL;
            vs->topic_last = NULL;
            hand_back(vs, &ch->queue);
            chan_close(vs, ch);
            anchor_drop(L, vs, ch->anchor);
            ch->anchor = 0;
            break;
        }
    lua_pushboolean(L, 1);
    return 1;
}

static int singleton(lua_State *L, struct chan **at, enum chan_kind kind, struct msgq *waiting) {
    struct vstate *vs = vstate_of(L);
    proc_poll(vs->proc);
    if (*at) {
        chan_push(L, vs, *at);
        return 1;
    }
    struct chan *ch = chan_new(L, kind, 0);
    chan_anchor(L, vs, ch);
    *at = ch;
    claim(vs, waiting, ch);
    return 1;
}

int inbox_inbox(lua_State *L) {
    struct vstate *vs = vstate_of(L);
    return singleton(L, &vs->inbox, CHAN_INBOX, &vs->unclaimed);
}

int inbox_events(lua_State *L) {
    struct vstate *vs = vstate_of(L);
    return singleton(L, &vs->events, CHAN_EVENTS, &vs->early_events);
}
