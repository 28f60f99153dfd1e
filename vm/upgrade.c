#include "vm/upgrade.h"

#include <string.h>

#include "vm/call.h"
#include "vm/chan.h"
#include "vm/entry.h"
#include "vm/errobj.h"
#include "vm/heap.h"
#include "vm/life.h"
#include "vm/mod_process.h"
#include "vm/pool.h"
#include "vm/spawn.h"
#include "vm/spawner.h"
#include "vm/task.h"
#include "vm/vm_impl.h"

int upgrade_process(lua_State *L) {
    struct vstate *vs = vstate_of(L);
    size_t len;
    const char *id = vs->entry->id;
    if (lua_isnoneornil(L, 1)) {
        lua_settop(L, lua_gettop(L) ? lua_gettop(L) : 1);
        len = strlen(id);
    } else {
        id = process_full_id(L, vs, 1, &len);
    }
    if (vs->top_level)
        return errobj_false(L, ERRKIND_INVALID, "upgrade: the file of %s is still being loaded",
                            vs->entry->id);
    struct ventry *e = ventry_find(vs->vm, id, len);
    if (!e)
        return errobj_false(L, ERRKIND_NOT_FOUND, "upgrade: entry not found: %s", id);
    if (e->kind == VM_LIBRARY || e->kind == VM_OTHER)
        return errobj_false(L, ERRKIND_INVALID, "upgrade: the entry is no process: %s", id);
    task_check_block(L);
    struct vm_args args;
    if (!process_read_args(L, "upgrade", 1, &args)) {
        lua_pushboolean(L, 0);
        lua_replace(L, -3); /* in place of nil */
        return 2;
    }
    upgrade_forget(vs);
    struct vstate *next = pool_take(vs->vm, e);
    if (next && args.len && !codec_buf_put(&next->args, args.data, args.len)) {
        pool_give(next);
        next = NULL;
    }
    if (!next)
        return errobj_false(L, ERRKIND_RATE_LIMITED, "upgrade: not enough memory for a process of %s", id);
    next->arg_count = args.count;
    vs->upgrade = next;
    return task_block(L, vs, TASK_UPGRADE);
}

void upgrade_forget(struct vstate *vs) {
    if (!vs->upgrade)
        return;
    vs->upgrade->args.len = 0;
    vs->upgrade->arg_count = 0;
    pool_give(vs->upgrade);
    vs->upgrade = NULL;
}

/* --- the change ---------------------------------------------------------------------------------------------------- */

static void hand_over(struct vstate *vs, struct vstate *next, struct msg *m) {
    struct msgq one = {0};
    switch (m->kind) {
    case MSG_USER: /* in its place among those of other topics */
        msgq_add(&one, m);
        msgq_merge(&next->unclaimed, &one);
        break;
    case MSG_EXIT:
    case MSG_LINK_DOWN:
        heap_hold(next, m);
        /* fall through */
    case MSG_CANCEL:
        msgq_add(&next->early_events, m);
        break;
    default: /* of the old state's timers, calls and subscriptions */
        vstate_consumed(vs, m);
    }
}

static void hand_over_all(struct vstate *vs, struct vstate *next, struct msgq *q) {
    for (struct msg *m; (m = msgq_take(q));)
        hand_over(vs, next, m);
}

static void hand_over_task(struct vstate *vs, struct vstate *next, struct task *t) {
    struct msg *m = t->msg;
    t->msg = NULL;
    if (!m)
        return;
    if (t->state == TASK_WAIT_PROC) /* an answer that only the old code understands */
        vstate_consumed(vs, m);
    else
        hand_over(vs, next, m);
}

bool upgrade_commit(struct proc *p) {
    struct vstate *vs = p->data, *next = vs->upgrade;
    vs->upgrade = NULL;
    call_forget_all(vs);
    for (struct task *t = vs->ready; t; t = t->next) /* in the order in which they were woken */
        hand_over_task(vs, next, t);
    for (struct chan *ch = vs->topics; ch; ch = ch->next_topic)
        msgq_merge(&next->unclaimed, &ch->queue);
    if (vs->inbox)
        msgq_merge(&next->unclaimed, &vs->inbox->queue);
    msgq_merge(&next->unclaimed, &vs->unclaimed);
    next->arrived = vs->arrived;
    if (vs->events)
        hand_over_all(vs, next, &vs->events->queue);
    hand_over_all(vs, next, &vs->early_events);
    context_give(next, context_hold(vs->context));
    next->upgraded = true;
    p->data = next;
    /* relaxed: see proc.h */
    atomic_store_explicit(&p->label, next->entry->id, memory_order_relaxed);
    life_begin(next, p);
    task_ready(next, &next->main, WAKE_START);
    life_end(vs);
    vm_account(next);
    return true;
}
