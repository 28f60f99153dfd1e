/*
 * payload: payload objects (VTYPE_PAYLOAD): a value together with the name of its format. Internal to vm.
 */
#ifndef VM_PAYLOAD_H
#define VM_PAYLOAD_H

#include "vm/state.h"

/* Pops a value and pushes a payload object of it, or itself when it is one. */
void payload_wrap(lua_State *L);

/* Pushes the value of the payload object at idx. */
void payload_push_data(lua_State *L, int idx);

#endif
