/* scripts/luajit/lj_areas.h: machine code of many states. */
#include <criterion/criterion.h>
#include <lauxlib.h>
#include <lualib.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#if defined(__has_include) && __has_include(<luajit_troupe.h>)
#define AREAS 1
#else
#define AREAS 0
#endif

#define STATES 400 /* of one area each: some chunks */

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

/* Chunks are the only thing that is asked for like this: how often, and whether there is room. */
static atomic_int chunks_wanted;
static atomic_bool no_room;

void *mmap64(void *at, size_t len, int prot, int flags, int fd, off_t offset) {
    if (flags & MAP_FIXED_NOREPLACE) {
        atomic_fetch_add(&chunks_wanted, 1);
        if (atomic_load(&no_room))
            return MAP_FAILED;
    }
    return (void *)syscall(SYS_mmap, at, len, prot, flags, fd, offset); // NOLINT(performance-no-int-to-ptr)
}

static lua_State *compiled(const char *program) {
    lua_State *L = luaL_newstate();
    cr_assert(L);
    luaL_openlibs(L);
    cr_assert(luaL_dostring(L, "jit.opt.start('sizemcode=64', 'maxmcode=512')") == 0);
    cr_assert(luaL_dostring(L, program) == 0, "%s", lua_tostring(L, -1));
    return L;
}

static const char loop[] = "local x = 0 for i = 1, 1000 do x = x + i % 7 end result = x";

/* The least of some tries, in ns for each error. */
static double error_takes(lua_State *L) {
    double least = 1e18;
    for (int i = 0; i < 7; i++) {
        int64_t since = clock_mono_ns();
        cr_assert(luaL_dostring(L, "for i = 1, 300 do pcall(error, 'x') end") == 0);
        double took = (double)(clock_mono_ns() - since) / 300;
        least = took < least ? took : least;
    }
    return least;
}

Test(areas, an_error_takes_no_longer_when_many_states_have_machine_code) {
    lua_State *mine = compiled(loop), *others[STATES];
    double alone = error_takes(mine);
    for (int i = 0; i < STATES; i++)
        others[i] = compiled(loop);
    double among = error_takes(mine);
    if (AREAS)
        cr_expect(among < alone * 4, "%.0f ns, and %.0f ns without them", among, alone);
    for (int i = 0; i < STATES; i++)
        lua_close(others[(i * 7) % STATES]); /* in some order: whole chunks go in between */
    lua_close(mine);
}

/* Taken, given back and taken again: it is the state's own each time. */
Test(areas, areas_of_closed_states_are_used_again) {
    lua_State *some[STATES];
    for (int i = 0; i < STATES; i++)
        some[i] = compiled(loop);
    for (int round = 0; round < 3; round++)
        for (int i = round; i < STATES; i += 2) {
            lua_close(some[i]);
            some[i] = compiled(loop);
        }
    for (int i = 0; i < STATES; i++) {
        cr_assert(luaL_dostring(some[i], loop) == 0);
        lua_getglobal(some[i], "result");
        cr_expect(lua_tonumber(some[i], -1) == 3003);
        lua_close(some[i]);
    }
}

static bool has_code(lua_State *L) {
    cr_assert(luaL_dostring(L, "return require('jit.util').traceinfo(1) ~= nil") == 0, "%s",
              lua_tostring(L, -1));
    return lua_toboolean(L, -1);
}

/* Those that find no room for machine code do not look for it again and again, and the next second finds what there is. */
Test(areas, no_room_costs_little) {
    atomic_store(&no_room, true);
    time_t since = time(NULL);
    for (int i = 0; i < STATES; i++) {
        lua_State *L = compiled(loop);
        cr_expect(!AREAS || !has_code(L));
        cr_assert(luaL_dostring(L, "return (jit.status())") == 0);
        cr_expect(!AREAS || !lua_toboolean(L, -1), "it would try again at each loop");
        lua_getglobal(L, "result");
        cr_expect(lua_tonumber(L, -1) == 3003);
        lua_close(L);
    }
    int seconds = (int)(time(NULL) - since) + 2;
    cr_expect(!AREAS || (chunks_wanted > 0 && chunks_wanted < 100 * seconds), "%d times for %d states",
              (int)chunks_wanted, STATES);
    atomic_store(&no_room, false);
    nanosleep(&(struct timespec){.tv_sec = 1, .tv_nsec = 100000000}, NULL);
    lua_State *L = compiled(loop);
    cr_expect(has_code(L));
    lua_close(L);
}

static void *limited(void *ud, void *ptr, size_t osize, size_t nsize) {
    size_t *left = ud;
    if (nsize > osize && nsize - osize > *left)
        return NULL;
    *left += osize - nsize;
    if (nsize)
        return realloc(ptr, nsize);
    free(ptr);
    return NULL;
}

/* Want of memory is told by what compiled code calls, and the error is unwound through that code. */
Test(areas, an_error_leaves_compiled_code) {
    size_t left = (size_t)16 << 20;
    lua_State *L = lua_newstate(limited, &left);
    cr_assert(L);
    luaL_openlibs(L);
    cr_assert(luaL_dostring(L, "jit.opt.start('sizemcode=64', 'maxmcode=512')\n"
                               "result = 0\n"
                               "for round = 1, 50 do\n"
                               "    local ok, e = pcall(function()\n"
                               "        local s = 'x'\n"
                               "        for i = 1, 200 do s = s .. ('y'):rep(100000) end\n"
                               "    end)\n"
                               "    if not ok and e == 'not enough memory' then result = result + 1 end\n"
                               "    collectgarbage()\n"
                               "end") == 0,
              "%s", lua_tostring(L, -1));
    lua_getglobal(L, "result");
    cr_expect(lua_tonumber(L, -1) == 50, "%g", lua_tonumber(L, -1));
    lua_close(L);
}
