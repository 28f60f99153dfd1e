/*
 * strlib: find, match, gmatch and gsub of the string library, on vm/strmatch.h. Internal to vm.
 *
 * A search that outlasts its time slice is a blocking call like any other: the coroutine yields, and the scheduler goes on
 * with the search at each dispatch (strlib_continue) before it resumes the coroutine with the result. Below a C
 * function, through which nothing can yield, it goes on in place and raises when the process has to end.
 */
#ifndef VM_STRLIB_H
#define VM_STRLIB_H

#include "vm/vstate.h"

extern const luaL_Reg strlib_funcs[];

/* Pushes those members of the string library that are written in Lua; false: `key` is none. */
bool strlib_push_late(lua_State *L, const char *key);

/* For a task in TASK_MATCH, outside of Lua: searches for the rest of the slice. The number of results pushed on co (with
 * t->raise set when there is an error instead), or -1: not done yet. */
int strlib_continue(lua_State *co, struct vstate *vs, struct task *t);

/* The same, in place, to the end; L runs. */
int strlib_finish(lua_State *L, struct vstate *vs, struct task *t);

#endif
