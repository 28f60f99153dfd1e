#include "vm/inspect.h"

#include <stdio.h>
#include <string.h>

#include "vm/inbox.h"
#include "vm/newborn.h"
#include "vm/vstate.h"

/* --- stacks ------------------------------------------------------------------------------------------------------- */

static void name_function(const lua_Debug *ar, char *buf, size_t cap) {
    if (ar->name && ar->name[0])
        snprintf(buf, cap, "%s", ar->name);
    else if (strcmp(ar->what, "main") == 0)
        snprintf(buf, cap, "main chunk");
    else if (ar->linedefined > 0)
        snprintf(buf, cap, "function at line %d", ar->linedefined);
    else
        snprintf(buf, cap, "?");
}

bool vm_frame_at(lua_State *co, int level, struct vm_frame *f, struct vm_frame_buf *buf) {
    lua_Debug ar;
    if (!lua_getstack(co, level, &ar) || !lua_getinfo(co, "Sln", &ar))
        return false;
    name_function(&ar, buf->function, sizeof buf->function);
    snprintf(buf->source, sizeof buf->source, "%s", ar.short_src);
    *f = (struct vm_frame){.function = buf->function,
                           .source = buf->source,
                           .line = ar.currentline > 0 ? ar.currentline : 0,
                           .defined = ar.linedefined > 0 ? ar.linedefined : 0};
    return true;
}

static void show_stack(lua_State *co, const struct vm_inspector *v, void *ud) {
    struct vm_frame f;
    struct vm_frame_buf buf;
    for (int level = 0; level < VM_FRAMES_MAX && vm_frame_at(co, level, &f, &buf); level++)
        v->frame(ud, &f);
}

/* --- tasks -------------------------------------------------------------------------------------------------------- */

static void name_chan(const struct chan *ch, char *buf, size_t cap) {
    static const char *const words[] = {
        [CHAN_LOCAL] = "channel",      [CHAN_TOPIC] = "topic", [CHAN_INBOX] = "inbox",
        [CHAN_EVENTS] = "events",      [CHAN_TIMER] = "timer", [CHAN_FUTURE] = "future",
        [CHAN_EXTERN] = "subscription"};
    if (ch->kind == CHAN_TOPIC)
        snprintf(buf, cap, "topic %.*s", (int)ch->topic_len, ch->topic);
    else
        snprintf(buf, cap, "%s", words[ch->kind]);
}

static void name_wait(const struct task *t, char *buf, size_t cap) {
    buf[0] = '\0';
    if (t->state == TASK_RECEIVE || t->state == TASK_SEND) {
        if (t->one.queued)
            name_chan(t->one.chan, buf, cap);
        return;
    }
    if (t->state != TASK_SELECT)
        return;
    size_t len = 0;
    for (uint16_t i = 0; i < t->many_n && len + 2 < cap; i++) {
        if (i)
            len += (size_t)snprintf(buf + len, cap - len, ", ");
        name_chan(t->many[i].chan, buf + len, cap - len);
        len += strlen(buf + len);
    }
}

static const char *state_word(const struct vstate *vs, const struct task *t) {
#define X(name, word) word,
    static const char *const words[] = {TASK_STATES(X)};
#undef X
    return vs->current == t ? "running" : words[t->state];
}

static void show_task(const struct vstate *vs, const struct task *t, const struct vm_inspector *v, void *ud) {
    char on[256];
    name_wait(t, on, sizeof on);
    v->task(ud, &(struct vm_task){.main = t == &vs->main, .state = state_word(vs, t), .on = on});
    if (t->co)
        show_stack(t->co, v, ud);
}

/* --- queues ------------------------------------------------------------------------------------------------------- */

static void show_queue(const char *what, const char *topic, size_t len, uint32_t n,
                       const struct vm_inspector *v, void *ud) {
    v->queue(ud, &(struct vm_queue){.what = what, .topic = topic, .topic_len = len, .len = n});
}

static void show_queues(const struct vstate *vs, const struct vm_inspector *v, void *ud) {
    for (const struct chan *ch = vs->topics; ch; ch = ch->next_topic)
        show_queue("topic", ch->topic, ch->topic_len, ch->queue.n, v, ud);
    if (vs->inbox)
        show_queue("inbox", "", 0, vs->inbox->queue.n, v, ud);
    if (vs->events)
        show_queue("events", "", 0, vs->events->queue.n, v, ud);
    if (vs->unclaimed.n)
        show_queue("unclaimed", "", 0, vs->unclaimed.n, v, ud);
}

static void show_received(const struct vstate *vs, const struct vm_inspector *v, void *ud) {
    for (unsigned i = 0; i < VSTATE_TOPICS; i++) {
        const char *topic = inbox_topic_seen(vs, i);
        if (topic[0])
            v->received(ud, topic);
    }
}

bool vm_inspect(struct proc *p, const struct vm_inspector *v, void *ud) {
    const struct vstate *vs = newborn_vstate(p);
    if (!vs)
        return false;
    show_task(vs, &vs->main, v, ud);
    for (const struct task *t = vs->tasks; t; t = t->all_next)
        show_task(vs, t, v, ud);
    show_queues(vs, v, ud);
    show_received(vs, v, ud);
    return true;
}
