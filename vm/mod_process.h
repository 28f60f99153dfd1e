/*
 * mod_process: the module `process`. Internal to vm.
 */
#ifndef VM_MOD_PROCESS_H
#define VM_MOD_PROCESS_H

#include "vm/lib.h"
#include "vm/vstate.h"

extern const struct vlib vlib_process, vlib_registry, vlib_event;

/* Pushes what a task that waited for another process is resumed with; frees its message. */
int reply_push(lua_State *co, struct vstate *vs, struct task *t);

#endif
