/*
 * errobj: error objects, the Lua side of sched's `struct failure` (userdata type VTYPE_ERROR).
 *
 * type(e) == "userdata"; methods kind() message() retryable() details() stack(); tostring, `..` and %s give the message.
 * Immutable. The object holds one reference on its failure and drops it when collected; nothing else to free.
 * All functions run on the worker of the state and may raise when the state is out of memory.
 */
#ifndef VM_ERROBJ_H
#define VM_ERROBJ_H

#include "sched/failure.h"
#include "vm/state.h"

struct verror {
    struct vhead head;
    struct failure *failure;
};

/* Pushes an object for `f`; takes over one reference of the caller's (also when it raises). */
void errobj_push(lua_State *L, struct failure *f);

/* The calling thread runs no Lua any more: drops what an errobj_push that raised has left. */
void errobj_thread_ends(void);

/*
 * For an object that vtype_new made and that has no failure yet: gives it this one, raises "not enough memory" when it is
 * NULL. The order keeps memory errors harmless: first what may raise, then the failure.
 */
void errobj_own(lua_State *L, struct verror *e, struct failure *f);

/* Pushes an object with a formatted message. */
void errobj_pushf(lua_State *L, enum errkind kind, const char *fmt, ...)
    __attribute__((cold, format(printf, 3, 4)));

/* `return errobj_nil(L, ERRKIND_INVALID, "...")`: pushes nil and the object, returns 2. */
int errobj_nil(lua_State *L, enum errkind kind, const char *fmt, ...)
    __attribute__((cold, format(printf, 3, 4)));

/* The same with false. */
int errobj_false(lua_State *L, enum errkind kind, const char *fmt, ...)
    __attribute__((cold, format(printf, 3, 4)));

/* Raises the object. */
int errobj_raise(lua_State *L, enum errkind kind, const char *fmt, ...)
    __attribute__((cold, format(printf, 3, 4)));

/*
 * Writes the traceback of L from `level` on (0: the running function) to buf, NUL-terminated and cut at cap, and returns
 * its length; "" when L runs nothing. In the form of Lua's own, but C functions never show their address.
 */
size_t errobj_traceback(lua_State *L, int level, char *buf, size_t cap);

/* Enough room for every traceback. */
#define ERROBJ_TRACE_MAX 4096

/* The failure behind the error object at `idx` (borrowed), or NULL when it is none. Never raises. */
struct failure *errobj_failure(lua_State *L, int idx);

#endif
