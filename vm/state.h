/*
 * state: one LuaJIT state, the process that lives in it, and what C functions of the Lua API need of both.
 *
 * A vstate is used by one worker thread at a time (the one that runs its process); nothing in it is atomic except
 * where said. It is recycled: when a process ends cleanly its state is kept, by entry, for the next one.
 *
 * All userdata in a state are made by vtype_new(): users cannot make any, so the first word of every full userdata
 * is a `struct vhead` and type tests read that word only.
 */
#ifndef VM_STATE_H
#define VM_STATE_H

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "vm/stack.h"

struct proc;
struct vstate;

/* strcmp(a, b) == 0, for searches in lists where most names differ in their first letter. */
static inline bool same_name(const char *a, const char *b) {
    return *a == *b && strcmp(a, b) == 0;
}

/* name, text shown in error messages. One line here makes the id; the description is in the owner's .c file. */
#define VTYPE_MAP(X)                                                                                         \
    X(ERROR, "error")                                                                                        \
    X(CHANNEL, "channel")                                                                                    \
    X(CASE, "case")                                                                                          \
    X(TIMER_CHANNEL, "channel") /* only a metatable: such a channel says CHANNEL in its header */            \
    X(MESSAGE, "message")                                                                                    \
    X(FIELD, "message field")                                                                                \
    X(TIMER, "timer")                                                                                        \
    X(TIME, "time")                                                                                          \
    X(DURATION, "duration")                                                                                  \
    X(LOCATION, "location")                                                                                  \
    X(PAYLOAD, "payload")                                                                                    \
    X(LOGGER, "logger")                                                                                      \
    X(SPAWNER, "spawner")                                                                                    \
    X(EXECUTOR, "executor")                                                                                  \
    X(FUTURE, "future")                                                                                      \
    X(SUBSCRIPTION, "subscription")                                                                          \
    X(SEARCH, "search")                                                                                      \
    X(EXTERN_CHANNEL, "channel") /* only a metatable, as TIMER_CHANNEL */

enum vtype {
    VTYPE_NONE,
#define X(name, text) VTYPE_##name,
    VTYPE_MAP(X)
#undef X
        VTYPE_COUNT
};

/* First member of every userdata's block. */
struct vhead {
    uint32_t type; /* enum vtype */
    uint32_t flags;
};

/* Description of one type: its methods and metamethods, both {NULL, NULL}-terminated (either may be NULL). */
struct vtype_desc {
    const luaL_Reg *methods;
    /* __index here overrides the method table; "__missing" is asked for methods that are not in it (args: the table, the key), and
     * may add to it: each state then has its own. */
    const luaL_Reg *meta;
};

/* Defined once each in the .c file that owns the type: vtype_desc_ERROR and so on. */
#define X(name, text) extern const struct vtype_desc vtype_desc_##name;
VTYPE_MAP(X)
#undef X

/* Pushes a new userdata of `size` bytes (zeroed, header filled) with the type's protected metatable. Raises
 * without memory. The block belongs to Lua's collector. */
void *vtype_new(lua_State *L, enum vtype type, size_t size);

/* The same for a type without __gc, in less time; only the header is filled. */
void *vtype_new_plain(lua_State *L, enum vtype type, size_t size);

/* The block when the value at `idx` is of `type`, else NULL. Never raises. */
static inline void *vtype_test(lua_State *L, int idx, enum vtype type) {
    struct vhead *h = stack_userdata(L, idx);
    return h && h->type == (uint32_t)type ? h : NULL;
}

/* Raises "bad argument #n to 'f' (error expected, got x)". */
void vtype_wrong(lua_State *L, int idx, enum vtype type) __attribute__((cold));

/* vtype_test that raises so. */
static inline void *vtype_check(lua_State *L, int idx, enum vtype type) {
    void *block = vtype_test(L, idx, type);
    if (__builtin_expect(!block, 0))
        vtype_wrong(L, idx, type);
    return block;
}

/* The type's word, e.g. "channel". */
const char *vtype_name(enum vtype type);

/* The word for the type of any value, for messages: that of its vtype, or Lua's. Never raises. */
const char *vtype_word(lua_State *L, int idx);

/* Pushes a type's metatable. */
void vtype_push_meta(lua_State *L, enum vtype type);

const struct vtype_desc *vtype_desc(enum vtype type);

/* Whether each state has a metatable of its own for it. */
bool vtype_is_own(enum vtype type);

/* The vstate of any coroutine of the state: the allocator's user data. Costs a load and a call. */
static inline struct vstate *vstate_of(lua_State *L) {
    void *ud;
    lua_getallocf(L, &ud);
    return ud;
}

/* true when this process runs in the wippy dialect; decided once per process. */
bool vstate_wippy(const struct vstate *vs);

#endif
