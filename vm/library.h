/*
 * library: what all states of a vm have in common, once: the names that the runtime uses, the base functions, the built-in
 * modules with their C functions, the types' metatables and methods. Internal to vm.
 *
 * Lies in the registry of a LuaJIT state that runs nothing once it is made (luaJIT_freeze), in pages that cannot be written from
 * then on. States made while it is there have its objects in their own registry's places (enum registry_slot): to them they are
 * like their own, but that nothing must ever write to them. What is written in Lua, has objects of the state's, or changes, is not in it:
 * VLIB_OWN and VLIB_LATE (lib.h), types with "__missing".
 *
 * Immutable; used by any thread. Owned by the vm; outlives all of its states.
 */
#ifndef VM_LIBRARY_H
#define VM_LIBRARY_H

#include <lua.h>

struct library;
struct vm;

/* For a vm without one, by its seed. NULL: LuaJIT is not Troupe's own, or there is no memory; states then have all of their own. */
struct library *library_make(struct vm *vm);

/* States that this thread makes from now on will have it; NULL: none. */
void library_use(const struct library *lib);

/* Fills the fixed places of a new state's registry, those that are the state's own with `false`. Raises without memory. */
void library_open(lua_State *L, const struct library *lib);

void library_free(struct library *lib); /* NULL: nothing */

#endif
