/*
 * chan: channels and select. Internal to vm.
 *
 * Elements of a channel are either values that the process' own coroutines sent (CHAN_LOCAL) or nodes that came from
 * outside: messages of a topic, the inbox, events, timers, replies. Those are kept as they came and become Lua values when they are
 * received. Waiters are served in order of arrival.
 */
#ifndef VM_CHAN_H
#define VM_CHAN_H

#include "vm/lib.h"
#include "vm/vstate.h"

/* Pushes a new channel. Raises without memory. */
struct chan *chan_new(lua_State *L, enum chan_kind kind, uint32_t cap);

/* The same of kind CHAN_TOPIC; len > 0 bytes of the topic, which are copied, and their msg_hash. */
struct chan *chan_new_topic(lua_State *L, const char *topic, size_t len, uint32_t hash);

/* Keeps the channel at the top of the stack alive until the process ends. */
void chan_anchor(lua_State *L, struct vstate *vs, struct chan *ch);

/* Pushes an anchored channel. */
void chan_push(lua_State *L, struct vstate *vs, struct chan *ch);

/* A node arrived for `ch`: to the first waiter, else queued. Touches no Lua. Takes `m` over. */
void chan_arrive(struct vstate *vs, struct chan *ch, struct msg *m);

/* Nothing arrives any more; waiters are woken. Touches no Lua. */
void chan_close(struct vstate *vs, struct chan *ch);

/* Pushes what the task is resumed with; returns how many values. On its coroutine `co`. */
int chan_push_wake(lua_State *co, struct vstate *vs, struct task *t);

/* Waits for the next element as ch:receive() does; for functions that wrap one. */
int chan_receive_value(lua_State *L, struct vstate *vs, struct chan *ch, int idx);

/* Whether something from outside could wake a task that waits for `ch`. */
static inline bool chan_external(const struct chan *ch) {
    return ch->kind != CHAN_LOCAL;
}

/* Frees the queue of a channel that will not be read any more. */
void chan_drop_queue(struct vstate *vs, struct chan *ch);

/* What every metatable of channels has. */
extern const luaL_Reg chan_methods[];
int chan_len(lua_State *L);
int chan_tostring(lua_State *L);
int chan_missing(lua_State *L);
#define CHAN_META                                                                                            \
    {"__len", chan_len}, {"__tostring", chan_tostring}, {                                                    \
        "__missing", chan_missing                                                                            \
    }

extern const struct vlib vlib_channel;

#endif
