/*
 * cstack: does the thread's C stack still have room? Internal to vm.
 *
 * Lua code that C code calls (comparators, callbacks, error handlers, coroutines inside coroutines) nests as deep as
 * a program likes; a thread's stack is small. LuaJIT as scripts/build-luajit makes it looks at the same floor in every call
 * from C to Lua and raises "stack overflow" below it. What is above the floor is for Lua's calls, what is below for what
 * C functions need between two looks.
 */
#ifndef VM_CSTACK_H
#define VM_CSTACK_H

#include <stdbool.h>

/* Before the calling thread runs Lua for a process; cheap but for its first call. */
void cstack_enter(void);

/* Whether the calling thread, after cstack_enter, is below the floor. */
bool cstack_low(void);

#endif
