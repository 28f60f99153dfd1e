/*
 * primed: what the processes of an entry look up. Internal to vm/life.c.
 *
 * Modules, their functions, the methods of types and the base functions are made in a state when they are looked up first,
 * and stay. A process that has a state of its own and lives once pays for that with a third of its instructions. So when the
 * first process of an entry has ended, what its state has of them is noted, and the entry's next picture (vm/image.h) has it
 * already.
 *
 * Nothing that a program could notice: it reaches none of it but through proxies and metatables of its own, as in a
 * state in which another process has been before.
 *
 * Immutable; whoever has it, frees it.
 */
#ifndef VM_PRIMED_H
#define VM_PRIMED_H

#include <lua.h>
#include <stddef.h>

struct primed;

/* What the state has, up to a limit. NULL: nothing, or no memory. Takes no memory of the state's and raises nothing. */
struct primed *primed_of(lua_State *L);

/* Makes the first `most` things of it in a new state; raises without memory. */
void primed_make(lua_State *L, const struct primed *p, size_t most);

/* How many things there are. */
size_t primed_count(const struct primed *p);

void primed_free(struct primed *p); /* NULL: nothing */

#endif
