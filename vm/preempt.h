/*
 * preempt: the hook that interrupts Lua code. Internal to vm.
 *
 * The ticker signals a worker's thread; the handler (vm_preempt) sets a count hook in the state that runs there, which
 * is what a Lua program's own interrupt handler does (lua.c); the hook then yields at the next instruction, compiled loops
 * included, since LuaJIT is built with LUAJIT_ENABLE_CHECKHOOK. Where a yield is impossible (a C function such as
 * table.sort below) the hook tries again later, and raises when the process has to end.
 */
#ifndef VM_PREEMPT_H
#define VM_PREEMPT_H

#include "vm/vstate.h"

/* Lets the state's next instruction be interrupted; also from a signal handler in the thread that runs it. */
void preempt_arm(struct vstate *vs, int instructions);

void preempt_disarm(struct vstate *vs);

/* The process cannot give way here: asks for the hook again soon, or raises when the process has to end. */
void preempt_put_off(lua_State *L, struct vstate *vs);

/* The running task's `raise` is raised at the first instruction after the next resume. */
void preempt_raise(lua_State *L, struct vstate *vs);

/* true when this LuaJIT lets a compiled endless loop be interrupted. Takes a few milliseconds; once per program. */
bool preempt_self_check(void);

#endif
