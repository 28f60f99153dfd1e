/*
 * upgrade: process.upgrade, a process that goes on with other code in a fresh state. Internal to vm.
 *
 * The new state is taken and gets its arguments inside the call; the change happens when the step ends, since the call
 * itself runs in the old state. Pid, names, links and monitors are the scheduler's and stay; messages that were
 * delivered and not received move over.
 */
#ifndef VM_UPGRADE_H
#define VM_UPGRADE_H

#include "vm/vstate.h"

/* process.upgrade(entry or nil, ...) */
int upgrade_process(lua_State *L);

/* The step ended with vs->upgrade set: the new state moves in, the old one ends. true: the process goes on. */
bool upgrade_commit(struct proc *p) __attribute__((cold));

/* The process ended before that. */
void upgrade_forget(struct vstate *vs);

#endif
