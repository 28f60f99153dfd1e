/*
 * panic: Lua runs out of memory where no pcall protects. Internal to vm.
 *
 * The scheduler's side of a process (decoding a message onto a coroutine, say) calls the Lua API outside of any
 * protected call: setting one up for each would cost more than the work. When such a call fails, LuaJIT calls the
 * panic function, which jumps to the frame entered last on this thread. The state is not used again, only closed.
 *
 *     struct panic here;
 *     panic_enter(&here);
 *     if (setjmp(here.jump) == 0) { ... } else { ... }
 *     panic_leave(&here);
 *
 * Nothing between may hold C memory that only a local variable knows of.
 */
#ifndef VM_PANIC_H
#define VM_PANIC_H

#include <lua.h>
#include <setjmp.h>

struct panic {
    jmp_buf jump;
    struct panic *outer;
};

void panic_enter(struct panic *p);
void panic_leave(struct panic *p);

/* For lua_atpanic. */
int panic_function(lua_State *L);

#endif
