/*
 * Monitors and links of a running process (declared in sched/proc.h).
 *
 * Each relation is kept at both ends. The asking end is written first: were it the other way round, an EXIT could arrive
 * that nobody here expects yet, and would be dropped. Both ends are sets, so that repeating a signal is harmless; link
 * therefore tells the other end every time, which also mends what a concurrent unlink of the other end undid.
 */
#include "sched/msg.h"
#include "sched/pidset.h"
#include "sched/proc.h"

static enum relation_status tell(struct proc *p, struct pid target, enum msg_kind kind) {
    struct msg *m =
        msg_event(kind, 0); /* with room for the answer, should the target have no memory for us */
    if (!m)
        return REL_NO_MEMORY;
    m->from = p->pid;
    if (proc_post(sched_self, target, m) == SEND_OK)
        return REL_OK;
    msg_free(m);
    return REL_NOT_FOUND;
}

enum relation_status proc_monitor(struct proc *p, struct pid target) {
    if (pid_none(target))
        return REL_NOT_FOUND;
    switch (pidset_add(&p->monitors, target)) {
    case PIDSET_PRESENT:
        return REL_EXISTS;
    case PIDSET_NO_MEMORY:
        return REL_NO_MEMORY;
    case PIDSET_ADDED:
        break;
    }
    enum relation_status s = tell(p, target, SIG_MONITOR);
    if (s != REL_OK)
        pidset_remove(&p->monitors, target);
    return s;
}

/* What the other end does not learn, for lack of memory or because it is gone, is harmless: an EXIT or LINK_DOWN that this
 * end does not expect is dropped. */
static enum relation_status undo(struct proc *p, struct pidset *mine, struct pid target, enum msg_kind kind) {
    if (!pidset_remove(mine, target))
        return proc_alive(sched_self, target) ? REL_OK : REL_NOT_FOUND;
    tell(p, target, kind);
    return REL_OK;
}

enum relation_status proc_unmonitor(struct proc *p, struct pid target) {
    return undo(p, &p->monitors, target, SIG_DEMONITOR);
}

enum relation_status proc_link(struct proc *p, struct pid target) {
    if (pid_eq(p->pid, target))
        return REL_OK;
    if (pid_none(target))
        return REL_NOT_FOUND;
    enum pidset_add added = pidset_add(&p->links, target);
    if (added == PIDSET_NO_MEMORY)
        return REL_NO_MEMORY;
    enum relation_status s = tell(p, target, SIG_LINK);
    if (s != REL_OK && added == PIDSET_ADDED)
        pidset_remove(&p->links, target);
    return s;
}

enum relation_status proc_unlink(struct proc *p, struct pid target) {
    return undo(p, &p->links, target, SIG_UNLINK);
}
