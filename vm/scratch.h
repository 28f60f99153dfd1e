/*
 * scratch: a Lua state of no process, without libraries: for values that are encoded or decoded outside of one.
 *
 * What the codec makes of userdata works in it (text, comparison), except what needs a process. Any thread; a state is
 * used by one at a time. Everything that makes Lua values may raise: inside lua_cpcall.
 */
#ifndef VM_SCRATCH_H
#define VM_SCRATCH_H

#include <lua.h>

/* NULL without memory; ends with lua_close. */
lua_State *scratch_open(void);

#endif
