/*
 * luabox: a bare Lua state for unit tests of modules: the base libraries, the modules named, and a few words to check
 * with. No process, no scheduler: what blocks does not work here.
 *
 * Lua code in it may use
 *   eq(got, wanted)           raises unless got == wanted (nan equals nan); shows both
 *   fails(kind, text, ...)    checks that ... is `nil or false, err` with err:kind() == kind and `text` in its message
 *   raises(text, fn, ...)     checks that fn(...) raises a message with `text` in it
 */
#ifndef TESTS_SUPPORT_LUABOX_H
#define TESTS_SUPPORT_LUABOX_H

#include <lua.h>

#include "vm/lib.h"

/* A new state with these modules as globals; the list ends with NULL. */
lua_State *luabox_open(const struct vlib *const *libs);

/* Runs `code`; a Lua error fails the Criterion test, with its message and traceback. */
void luabox_run(lua_State *L, const char *code);

/* luabox_open, luabox_run, close. */
void luabox_test(const struct vlib *const *libs, const char *code);

#endif
