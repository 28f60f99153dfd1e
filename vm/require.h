/*
 * require: built-in modules, and the libraries that entries import. Internal to vm.
 *
 * A library's chunk runs once per process, in the process' environment. When the library's entry has `imports:` or
 * `modules:` of its own, its code has a `require` that looks there first and in those of the process' entry then.
 */
#ifndef VM_REQUIRE_H
#define VM_REQUIRE_H

#include "vm/vstate.h"

/* Pushes the function `require` for the code of `own`, an entry whose lists come first; NULL: only the process' own. */
void require_push(lua_State *L, struct vstate *vs, const char *own);

/* Pushes the compiled chunk of an entry's code as a function in the process' environment. Raises when there is none. */
void require_push_chunk(lua_State *L, struct vstate *vs, const char *id);

/* Pushes the traceback of the error on top of co, which it ended, if a library's chunk raised that: with the chunk's own
 * levels, which are gone. false and nothing: it did not. */
bool require_push_trace(lua_State *L, lua_State *co);

/* Whether the entry's list `modules:` has this name, or there is none. */
bool require_declared(const struct ventry *e, const char *name);

#endif
