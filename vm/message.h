/*
 * message: message objects (VTYPE_MESSAGE) and what `msg.topic` and `msg.payload` show (VTYPE_FIELD). Internal to vm.
 *
 * msg:topic(), msg:from(), msg:payload() are methods; since the seed also prints msg.topic and msg.payload without
 * calling them, those two are the values themselves where these can be made callable (strings, numbers), else small
 * objects that can be called, and whose text, concatenation, index and length are those of the value.
 */
#ifndef VM_MESSAGE_H
#define VM_MESSAGE_H

#include "vm/vstate.h"

/* Kinds of events as programs see them: process.event. */
#define EVENT_EXIT "pid.exit"
#define EVENT_LINK_DOWN "pid.link.down"
#define EVENT_CANCEL "pid.cancel"

/* Pushes the message object of `m`, which is not taken. Raises without memory. */
void message_push(lua_State *L, const struct msg *m);

/* Stack slots `from` to `to`: where msg.payload stands, called or not, its value stands then. Raises without stack. */
void message_unfold(lua_State *L, int from, int to);

/* __call of strings and numbers: what msg.topic gives can be called with the message, and is then itself. */
int message_call_value(lua_State *L);

#endif
