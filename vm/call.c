#include "vm/call.h"

#include <string.h>

#include "vm/future.h"
#include "vm/heap.h"
#include "vm/task.h"

static struct vcall *find(struct vcall *c, struct pid pid) {
    while (c && !pid_eq(c->pid, pid))
        c = c->next;
    return c;
}

/* Of every call that waits for `pid`; true: there is one. */
static bool set_asked(struct vstate *vs, struct pid pid, bool asked) {
    struct vcall *c = find(vs->calls, pid);
    for (struct vcall *each = c; each; each = find(each->next, pid))
        each->asked = asked;
    return c;
}

static void add(struct vstate *vs, struct vcall *c, struct pid pid, bool asked) {
    c->pid = pid;
    c->asked = asked;
    c->next = vs->calls;
    c->link = &vs->calls;
    if (c->next)
        c->next->link = &c->next;
    vs->calls = c;
}

static void take(struct vcall *c) {
    *c->link = c->next;
    if (c->next)
        c->next->link = c->link;
    c->link = NULL;
}

void call_begin(struct vstate *vs, struct vcall *c, struct pid pid) {
    add(vs, c, pid, false);
}

enum relation_status call_join(struct vstate *vs, struct vcall *c, struct pid pid) {
    const struct vcall *other = find(vs->calls, pid);
    enum relation_status s = other ? REL_OK : proc_monitor(vs->proc, pid);
    if (s != REL_OK && s != REL_EXISTS)
        return s;
    add(vs, c, pid, other ? other->asked : s == REL_EXISTS);
    return REL_OK;
}

void call_end(struct vstate *vs, struct vcall *c) {
    if (!c->link)
        return;
    take(c);
    if (!c->asked && !find(vs->calls, c->pid))
        proc_unmonitor(vs->proc, c->pid);
}

enum relation_status call_monitor(struct vstate *vs, struct pid pid) {
    const struct vcall *c = find(vs->calls, pid);
    if (!c || c->asked)
        return proc_monitor(vs->proc, pid);
    set_asked(vs, pid, true);
    return REL_OK;
}

void call_unmonitor(struct vstate *vs, struct pid pid) {
    if (!set_asked(vs, pid, false))
        proc_unmonitor(vs->proc, pid);
}

/* Of an end, or a failed start, that several want to know. NULL: no memory. */
static struct msg *copy(struct vstate *vs, const struct msg *m) {
    struct msg *c = msg_event(MSG_EXIT, m->data_len);
    if (!c)
        return NULL;
    int64_t at = m->kind == MSG_EXIT ? msg_event_at(m) : msg_event_at(c);
    memcpy(c->bytes, &at, sizeof at);
    memcpy(msg_data(c), m->bytes + m->topic_len, m->data_len);
    c->from = m->from;
    c->u.failure = failure_hold(m->u.ptr);
    heap_hold(vs, c);
    return c;
}

static void give(struct vstate *vs, struct vcall *c, struct msg *m) {
    take(c);
    if (c->future)
        future_answered(vs, c->future, m);
    else
        task_answered(vs, (struct task *)((char *)c - offsetof(struct task, call)), m);
}

bool call_answered(struct vstate *vs, struct msg *m) {
    const struct pid pid = m->from;
    struct vcall *c = find(vs->calls, pid);
    if (!c)
        return false;
    bool keep = c->asked && m->kind == MSG_EXIT;
    for (struct vcall *next; c; c = next) {
        next = find(c->next, pid);
        give(vs, c, next || keep ? copy(vs, m) : m);
    }
    return !keep;
}

bool call_asked(const struct vstate *vs, struct pid pid) {
    const struct vcall *c = find(vs->calls, pid);
    return c && c->asked;
}

void call_forget_all(struct vstate *vs) {
    while (vs->calls)
        call_end(vs, vs->calls);
}

void call_drop_all(struct vstate *vs) {
    while (vs->calls)
        take(vs->calls);
}
