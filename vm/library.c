#include "vm/library.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "base/alloc.h"
#include "vm/env.h"
#include "vm/own_luajit.h"
#include "vm/vm_impl.h"

#if OWN_LUAJIT

/* One huge page, where the kernel has such: what each message touches of the library then takes one entry of the processor's table
 * of pages (pingpong: 1.04 times). Ten times as much as there is to put into it. */
#define ROOM ((size_t)2 << 20)
#define ALIGNED(n) (((n) + 15) & ~(size_t)15)

struct library {
    struct vstate vs; /* first: the allocator's user data is the state's struct (vstate_of) */
    lua_State *L;
    char *room;
    size_t used;
};

/* lua_Alloc: nothing is given back. */
static void *put(void *ud, void *ptr, size_t osize, size_t nsize) {
    struct library *lib = ud;
    if (nsize <= osize)
        return nsize ? ptr : NULL;
    if (ALIGNED(nsize) > ROOM - lib->used)
        return NULL;
    void *p = lib->room + lib->used;
    lib->used += ALIGNED(nsize);
    if (ptr)
        memcpy(p, ptr, osize);
    return p;
}

static void intern(lua_State *L, const luaL_Reg *functions) {
    lua_settop(L, 0);
    for (const luaL_Reg *f = functions; f && f->name; f++) {
        lua_pushstring(L, f->name);
        lua_settop(L, 0);
    }
}

/* Names that occur in what each state makes for itself: makes all of that, and drops it. */
static void intern_names(lua_State *L) {
    for (int i = 0; vlib_all[i]; i++) {
        if (vlib_all[i]->flags & VLIB_OWN)
            env_push_real_at(L, i);
        intern(L, vlib_all[i]->funcs);
    }
    for (int type = 1; type < VTYPE_COUNT; type++)
        intern(L, vtype_desc((enum vtype)type)->methods);
    static const int own[] = {REG_OWN_LIBS, REG_OWN_LIB_METAS};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        lua_pushboolean(L, 0);
        stack_pop_slot(L, own[i]);
    }
}

static int fill(lua_State *L) {
    lua_gc(L, LUA_GCSTOP, 0);
    env_open(L);
    intern_names(L);
    for (int i = 0; vlib_all[i]; i++) {
        if (vlib_all[i]->flags & VLIB_OWN)
            continue;
        env_push_shared_at(L, i);
        if (!(vlib_all[i]->flags & VLIB_LATE))
            env_push_proxy_meta(L, i);
        lua_settop(L, 0);
    }
    for (int type = 1; type < VTYPE_COUNT; type++) {
        if (!vtype_is_own((enum vtype)type))
            vtype_push_meta(L, (enum vtype)type);
        lua_settop(L, 0);
    }
    for (int slot = 1; slot < REG_LAST; slot++) {
        stack_push_slot(L, slot);
        if (!luaJIT_freeze(L))
            return luaL_error(L, "place %d of the registry cannot be shared", slot);
    }
    return luaJIT_share(L) ? 0 : luaL_error(L, "strings cannot be shared");
}

/* At a multiple of its size; NULL: there is none. */
static char *map_room(void) {
    char *p = mmap(NULL, 2 * ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    size_t before = -(uintptr_t)p & (ROOM - 1);
    if (before)
        munmap(p, before);
    munmap(p + before + ROOM, ROOM - before);
    madvise(p + before, ROOM, MADV_HUGEPAGE);
    return p + before;
}

struct library *library_make(struct vm *vm) {
    struct library *lib = mem_calloc(1, sizeof *lib);
    if (!lib)
        return NULL;
    lib->room = map_room();
    if (!lib->room) {
        mem_free(lib);
        return NULL;
    }
    lib->vs.vm = vm;
    luaJIT_seed = vm->seed;
    lib->L = lua_newstate(put, lib);
    luaJIT_seed = NULL;
    if (!lib->L || lua_cpcall(lib->L, fill, NULL) != 0 || mprotect(lib->room, ROOM, PROT_READ) != 0) {
        library_free(lib);
        return NULL;
    }
    return lib;
}

void library_use(const struct library *lib) {
    luaJIT_library(lib ? lib->L : NULL);
}

void library_open(lua_State *L, const struct library *lib) {
    for (int slot = 1; slot < REG_LAST; slot++) {
        luaJIT_pushshared(L, lib->L, slot);
        stack_pop_slot(L, slot);
    }
}

void library_free(struct library *lib) {
    if (!lib)
        return;
    munmap(lib->room, ROOM);
    mem_free(lib);
}

#else

struct library *library_make(struct vm *vm) {
    return NULL;
}

void library_use(const struct library *lib) {
}

void library_open(lua_State *L, const struct library *lib) {
}

void library_free(struct library *lib) {
}

#endif
