/*
 * call: waiting for the end of another process: process.exec, and the futures of funcs. Internal to vm.
 *
 * Any number of calls may wait for the same process, and the program may monitor it as well. sched knows one relation for all
 * of these (proc_monitor); here is kept whom it serves. An EXIT goes to each call, and to the program as an event only if that
 * asked for it; neither process.unmonitor nor a call that gives up takes the relation away while the others need it.
 */
#ifndef VM_CALL_H
#define VM_CALL_H

#include "vm/vstate.h"

/* Waits for `pid`, a process that was started for this call with a monitor. */
void call_begin(struct vstate *vs, struct vcall *c, struct pid pid);

/* The same for a process that was there before. REL_OK: it waits. */
enum relation_status call_join(struct vstate *vs, struct vcall *c, struct pid pid);

/* It is answered, or nobody wants the answer any more. Nothing when it does not wait. */
void call_end(struct vstate *vs, struct vcall *c);

/* process.monitor and unmonitor. */
enum relation_status call_monitor(struct vstate *vs, struct pid pid);
void call_unmonitor(struct vstate *vs, struct pid pid);

/*
 * MSG_EXIT, or the MSG_REPLY of a failed start: answers the calls that wait for its sender, and takes `m` over; false: nobody
 * but the program wants it, and `m` still is the caller's. Touches no Lua.
 */
bool call_answered(struct vstate *vs, struct msg *m);

/* The program monitors `pid`, too. */
bool call_asked(const struct vstate *vs, struct pid pid);

/* The code that waits is being replaced: what comes is nobody's, unless the program asked for it. Touches no Lua. */
void call_forget_all(struct vstate *vs);

/* The process has ended: nobody waits any more. Touches no Lua. */
void call_drop_all(struct vstate *vs);

#endif
