/*
 * info: process.info and process.list. Internal to vm.
 *
 * Only its own worker may look into a process: of another one the answer is made there, by a SIG_CALL, and comes back as
 * a MSG_REPLY.
 */
#ifndef VM_INFO_H
#define VM_INFO_H

#include <lua.h>

int info_process(lua_State *L);
int info_list(lua_State *L);

/* Pushes the table that the payload of a REPLY_INFO holds. */
void info_push(lua_State *L, const char *data);

#endif
