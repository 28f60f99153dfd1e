/*
 * timer: the functions of the module `time` that wait. vm/mod_time.c lists them; each is called by Lua on the worker of
 * the calling process.
 */
#ifndef VM_TIMER_H
#define VM_TIMER_H

#include <lua.h>

int vtimer_sleep(lua_State *L);
int vtimer_after(lua_State *L);
int vtimer_timer(lua_State *L);
int vtimer_ticker(lua_State *L);

#endif
