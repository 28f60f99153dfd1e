/*
 * inbox: where messages and events go inside a process: listeners, the inbox, events. Internal to vm.
 *
 * Nothing that reached the mailbox is lost while the process lives: what nobody listens for waits in `unclaimed` and goes to
 * the first channel that matches.
 */
#ifndef VM_INBOX_H
#define VM_INBOX_H

#include "vm/vstate.h"

/* The behaviour's deliver. Touches no Lua. */
void inbox_deliver(struct proc *p, struct msg *m);

/* Pushes the element that `m` is in `ch` (value, message object, event table) and frees `m`. */
void inbox_push_element(lua_State *L, struct vstate *vs, struct chan *ch, struct msg *m);

/* The topic of the last message, or the `back`-th before it, back < VSTATE_TOPICS, where those that follow each other count once. Its
 * first VSTATE_TOPIC_MAX - 1 bytes; "": there were not so many. */
const char *inbox_topic_seen(const struct vstate *vs, unsigned back);

/* Frees everything that waits. */
void inbox_drop_all(struct vstate *vs);

/* No EXIT of `pid` is delivered any more, not even one that is queued. */
void inbox_forget_exit(struct vstate *vs, struct pid pid);

int inbox_listen(lua_State *L);
int inbox_unlisten(lua_State *L);
int inbox_inbox(lua_State *L);
int inbox_events(lua_State *L);

#endif
