#include <criterion/criterion.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "vm/heap.h"

#if defined(__has_include) && __has_include(<luajit_troupe.h>)
#include <luajit_troupe.h>
#define PACED 1
#else
#define PACED 0
#define luaJIT_room(L) ((size_t)0)
#endif

#ifdef TROUPE_FAULT
#define BLOCKS 0
#else
#define BLOCKS 1
#endif

enum { ROOM_MOST = 128 * 1024, SLOW_MS = 60 };

/* A state alone in its memory: no process, no entry. */
static struct vstate *open_state(void) {
    struct vstate *vs = mem_calloc(1, HEAP_BLOCK);
    cr_assert(vs);
    heap_begin(vs);
    vs->memory_mark = SIZE_MAX;
    vs->L = lua_newstate(heap_alloc, vs);
    cr_assert(vs->L);
    lua_pushcfunction(vs->L, luaopen_base);
    lua_call(vs->L, 0, 0);
    return vs;
}

static void close_state(struct vstate *vs) {
    lua_close(vs->L);
    cr_expect(vs->memory == 0 && vs->outside == 0, "%zu bytes in %u pieces are left", vs->memory,
              vs->outside);
    heap_end(vs);
}

static void run(struct vstate *vs, const char *code) {
    if (luaL_dostring(vs->L, code))
        cr_assert_fail("%s", lua_tostring(vs->L, -1));
}

static void rest(void) {
    nanosleep(&(struct timespec){.tv_nsec = SLOW_MS * 1000000}, NULL);
}

/* More than the blocks hold stays alive, so that what follows comes from outside. */
static const char fill[] = "alive = {} for i = 1, 250 do alive[i] = { i } end";
static const char churn[] = "for i = 1, 50000 do dead = { i, tostring(i) } end";

Test(heap, garbage_gets_room_where_cycles_follow_each_other) {
    struct vstate *vs = open_state();
    cr_expect(luaJIT_room(vs->L) == 0, "a new state has none");
    run(vs, churn);
    cr_expect(luaJIT_room(vs->L) == (PACED ? ROOM_MOST : 0), "%zu", luaJIT_room(vs->L));
    run(vs, "collectgarbage()");
    cr_expect(luaJIT_room(vs->L) == 0, "none after a full collection");
    run(vs, churn);
    run(vs, "collectgarbage('setpause', 110)");
    run(vs, churn);
    cr_expect(luaJIT_room(vs->L) == 0, "none where the program wants little garbage");
    run(vs, "collectgarbage('setpause', 200) alive = {} for i = 1, 2000 do alive[i] = { i } end");
    run(vs, churn);
    cr_expect(luaJIT_room(vs->L) == 0, "none where much is alive");
    close_state(vs);
}

Test(heap, a_slow_state_gets_no_room) {
    struct vstate *vs = open_state();
    run(vs, "cycles = 0 local function watch()\n"
            "getmetatable(newproxy(true)).__gc = function() cycles = cycles + 1 watch() end end watch() "
            "collectgarbage()");
    rest();
    for (int i = 0; i < 6; i++) {
        lua_getglobal(vs->L, "cycles");
        lua_Number before = lua_tonumber(vs->L, -1), now = before;
        lua_settop(vs->L, 0);
        while (now == before) {
            run(vs, "for i = 1, 20 do dead = { i, tostring(i) } end");
            lua_getglobal(vs->L, "cycles");
            now = lua_tonumber(vs->L, -1);
            lua_settop(vs->L, 0);
        }
        cr_expect(luaJIT_room(vs->L) == 0, "cycle %d: %zu", i, luaJIT_room(vs->L));
        rest();
    }
    close_state(vs);
}

Test(heap, what_a_busy_state_frees_is_kept_until_it_is_trimmed) {
    struct vstate *vs = open_state();
    run(vs, fill);
    run(vs, churn);
    size_t memory = vs->memory;
    uint32_t outside = vs->outside;
    cr_expect(BLOCKS && PACED ? vs->kept > 0 && vs->kept <= ROOM_MOST + BLOCK_CLASSES * BLOCK_WORD
                              : !vs->kept,
              "%u bytes", vs->kept);
    heap_trim(vs);
    cr_expect(vs->kept == 0 && vs->memory == memory && vs->outside == outside);
    run(vs, "for i = 1, 250 do assert(alive[i][1] == i) end");
    run(vs, churn);
    run(vs, "for i = 1, 250 do assert(alive[i][1] == i) end");
    close_state(vs);
}

/*
 * What is not given back: pieces where they are counted, since AddressSanitizer keeps what is freed for a while; so does valgrind,
 * up to 20 MB.
 */
#ifdef TROUPE_FAULT
enum { LEAK_MOST = 0 };
static long held(void) {
    return mem_fault_live();
}
#else
enum { LEAK_MOST = 24 * 1024 };
static long held(void) {
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    cr_assert(f && fscanf(f, "%*d %ld", &pages) == 1);
    fclose(f);
    return pages * sysconf(_SC_PAGESIZE) / 1024;
}
#endif

Test(heap, kept_pieces_go_with_their_state) {
    enum { ROUNDS = 400, WARM = 50 };
    long before = 0;
    for (int i = 0; i < ROUNDS; i++) {
        if (i == WARM)
            before = held();
        struct vstate *vs = open_state();
        run(vs, fill);
        run(vs, "for i = 1, 5000 do dead = { i, tostring(i) } end");
        close_state(vs);
    }
    cr_expect(held() - before <= LEAK_MOST, "%ld %s more after %d states", held() - before,
              LEAK_MOST ? "KiB" : "pieces", ROUNDS - WARM);
}
