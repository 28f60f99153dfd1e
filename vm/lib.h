/*
 * lib: built-in modules as static tables of C functions.
 *
 * The real table of a module is one for all states (library.h), or (VLIB_OWN) made at the first use in a state. User code
 * never sees the real table but a proxy that lives as long as the process, so that whatever a process writes into `time` or
 * `string` is gone with it.
 *
 * Functions run on the worker of the calling process. Convention for failures: wrong argument types raise
 * (luaL_argerror and friends), everything else returns nil (or false) and an error object: vm/errobj.h.
 */
#ifndef VM_LIB_H
#define VM_LIB_H

#include <lauxlib.h>
#include <lua.h>

/* A member that is no function: what `push` pushes (an object; made when a process looks it up), else the text, else the
 * number. */
struct vlib_value {
    const char *name;
    double number;
    const char *text;
    void (*push)(lua_State *L);
};

struct vlib {
    const char *name;      /* as in require(name); "process.registry" is reached as process.registry */
    const luaL_Reg *funcs; /* {NULL, NULL}-terminated; may be NULL */
    void (*open)(
        lua_State *L); /* may be NULL: adds constants to the real table, which is on top of the stack */
    unsigned flags;    /* VLIB_* */
    const struct vlib_value *values; /* NULL name at the end; may be NULL */
};

enum {
    VLIB_GLOBAL = 1,  /* also a global, without require */
    VLIB_ALWAYS = 2,  /* may be required even when the entry's `modules:` does not list it */
    VLIB_SUB = 4,     /* a member of another module ("a.b"), not a module of its own */
    VLIB_WIPPY = 8,   /* global only in the wippy dialect */
    VLIB_HIDDEN = 16, /* for the prelude only */
    VLIB_LATE = 128, /* has members written in Lua (base_push_late): each state has a table of what it uses */
    VLIB_OWN = 256,  /* each state has its own: written in Lua, or with objects inside */
    VLIB_CALLABLE = 64, /* its member `__call` makes the proxy callable */
    VLIB_STANDARD = 32  /* one of LuaJIT's own, opened by vm/env.c; `open` takes away what is not allowed */
};

/* The list of all modules, NULL-terminated (vm/libs.c). */
extern const struct vlib *const vlib_all[];

#endif
