/*
 * task: the coroutines of a process that the scheduler resumes: main and those of coroutine.spawn. Internal to vm.
 *
 * A task is ready, running, or blocked in exactly one place: one channel, several (select), a sleep, or an answer from another
 * process. Waking a task never touches Lua (it happens when a message arrives); the values it is resumed with are
 * made when it runs next.
 */
#ifndef VM_TASK_H
#define VM_TASK_H

#include "vm/vstate.h"

/* Prepares the main task on the state's main coroutine. Raises without memory. */
void task_init_main(lua_State *L, struct vstate *vs);

/* Appends to the ready list. */
void task_ready(struct vstate *vs, struct task *t, enum wake_kind wake);

/*
 * Ends a C function that has to wait: `return task_block(L, vs, TASK_RECEIVE)`. Raises when a C function below cannot be
 * yielded through. The caller has queued the task before; task_refuse takes it out again.
 */
int task_block(lua_State *L, struct vstate *vs, enum task_state why);

/* Whether a blocking call made now could yield; raises "attempt to yield across C-call boundary" otherwise. */
void task_check_block(lua_State *L);

/* The blocking call that just yielded cannot wait: unqueues the task; it raises when resumed. */
void task_refuse(lua_State *L, struct vstate *vs);

/* The answer that a task in TASK_WAIT_PROC waits for has come, and is the task's now; NULL: there was no memory for it. */
void task_answered(struct vstate *vs, struct task *t, struct msg *m);

/* The time that limits a wait for another process means nothing any more. */
void task_stop_timing(struct task *t);

/* Takes a blocked task out of all queues it waits in. Touches no Lua. */
void task_unqueue(struct task *t);

/* The behaviour's step: runs ready tasks. */
enum step task_step(struct proc *p);

/* Runs the chunk's top level at once, inside the spawning process. START_DONE: main is ready to run; START_LATER: it
 * yielded, the new process has to be run to go on; START_FAILED: p->failure says why. */
enum start { START_DONE, START_LATER, START_FAILED };
enum start task_start_now(struct proc *p);

/* Frees what the tasks hold; the process has ended. Touches no Lua. */
void task_drop_all(struct vstate *vs);

/* The C half of coroutine.spawn. start(co, ...): true when the new task has come to its first blocking call; nothing when the
 * slice ended before: then start_on(co), with the same results. */
int task_spawn(lua_State *L);
int task_spawn_on(lua_State *L);

/* A slot pair in the anchor for the running task: [hold] for values, [hold + 1] its coroutine. */
int task_hold(lua_State *L, struct vstate *vs, struct task *t);

#endif
