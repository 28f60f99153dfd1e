/*
 * life: one LuaJIT state from its making to its end, and what is set up and taken down around each process that it
 * holds in between. Internal to vm.
 */
#ifndef VM_LIFE_H
#define VM_LIFE_H

#include "vm/entry.h"
#include "vm/vstate.h"

/* Once, before the first state: makes the picture that all others are copied from (vm/image.h). Without one, states are
 * made step by step. */
void life_prepare(struct vm *vm);

/* Once in each worker's thread, before it runs anything: memory for its first states. */
void life_worker_started(void);

/* A new state with the entry's chunk loaded; NULL without memory. Any thread. */
struct vstate *life_new(struct vm *vm, struct ventry *e);

/* Closes a state that holds no process. */
void life_close(struct vstate *vs);

/* The state gets a process. */
void life_begin(struct vstate *vs, struct proc *p);

/* Its environment and its main coroutine, with the chunk on it. Raises without memory; the first thing that runs in
 * the new process, on its worker. */
void life_open(lua_State *L, struct vstate *vs);

/* The process is over: everything of it goes; the state is pooled or closed. */
void life_end(struct vstate *vs);

/* Turns machine code on for a state that runs much, as the host's `jit` and the room for code allow. `interrupted`: its process
 * has just used up a slice; otherwise the coarse clock moved while it ran. */
void life_consider_jit(struct vstate *vs, bool interrupted) __attribute__((noinline));

#endif
