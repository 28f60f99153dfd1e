/*
 * message: message objects (VTYPE_MESSAGE) and what `msg.topic` and `msg.payload` show (VTYPE_FIELD). Internal to vm.
 *
 * msg:topic(), msg:from(), msg:payload() are methods; since the seed also prints msg.topic and msg.payload without
 * calling them, those two are small objects that can be called, and whose text, concatenation, index and length are
 * those of the value.
 */
#ifndef VM_MESSAGE_H
#define VM_MESSAGE_H

#include "vm/vstate.h"

/* Kinds of events as programs see them: process.event. */
#define EVENT_EXIT "pid.exit"
#define EVENT_LINK_DOWN "pid.link.down"
#define EVENT_CANCEL "pid.cancel"

/* Pops the payload on top of the stack and pushes the message object of `m` with it. `m` is not taken. */
void message_wrap(lua_State *L, const struct msg *m);

#endif
