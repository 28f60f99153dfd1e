#include "vm/life.h"

#include <luajit.h>
#include <lualib.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "vm/base.h"
#include "vm/bus.h"
#include "vm/call.h"
#include "vm/cdata.h"
#include "vm/env.h"
#include "vm/heap.h"
#include "vm/image.h"
#include "vm/inbox.h"
#include "vm/library.h"
#include "vm/own_luajit.h"
#include "vm/panic.h"
#include "vm/pool.h"
#include "vm/preempt.h"
#include "vm/spawner.h"
#include "vm/task.h"
#include "vm/tidy.h"
#include "vm/timer.h"
#include "vm/vm_impl.h"

#ifdef TROUPE_JEMALLOC
#include <jemalloc/jemalloc.h>
#endif

#if !OWN_LUAJIT /* no images: luaJIT_settle refuses, lua_close is always called */
static const uint64_t *luaJIT_seed;
static int luaJIT_settle(lua_State *L) {
    return 0;
}
static void luaJIT_vary(lua_State *L, uint64_t with) {
}
static int luaJIT_only_memory(lua_State *L) {
    return 0;
}
#endif

/* A state that has grown by more than this is collected before it is pooled. */
#define GROWTH_KEPT (48u * 1024)

/* And it is closed if it is still larger by this; all libraries together, with the module `test`, take less. */
#define LIBRARIES_KEPT (144u * 1024)

/* States of an entry that are made before one is kept as a picture, which takes 6 KB and more for the entry's life. */
#define IMAGE_AFTER 4

/* Room for arguments and results that a pooled state keeps. */
#define ARGS_KEPT 4096

/*
 * Compiling pays for code that computes, not for code that mostly sends and waits: a loop over messages runs as fast
 * interpreted (its time goes into the runtime's C functions), and a thousand such states with machine code of their own
 * miss the instruction cache (ring: 1.7 times slower). So a state gets machine code when a process in it used up a whole
 * slice, or when the coarse clock moved during so many of its dispatches that they take about 5 µs and more each.
 */
#define HOT_TICKS 6
#define HOT_STEPS_PER_TICK 100

/*
 * And when its entry is known to compute: each slice that a process of the entry uses up counts HOT_SLICE, up to HOT_MOST; each
 * state that begins with machine code because of that takes one back.
 */
#define HOT_SLICE 2
#define HOT_ENTRY 4
#define HOT_MOST 16

/* --- memory ------------------------------------------------------------------------------------------------------ */

/*
 * Memory that a worker has touched before it runs anything; room for about 280 states. Otherwise those that run first wait for
 * the kernel, which hands out memory in pieces of 4 KiB until an arena of jemalloc's has grown over a whole huge page. What
 * is not used for 10 s goes back (jemalloc's dirty_decay_ms).
 */
#define AT_HAND ((size_t)4 << 20)
#define PAGE 4096

#ifdef TROUPE_JEMALLOC
/*
 * jemalloc's settings, read by it at program start; MALLOC_CONF in the environment overrides them. Huge pages: a hundred
 * thousand states are 0.9 GB, and faulting those in page by page took 4 times as long as making the states. Messages
 * up to 128 KiB are cached per thread; so are more small blocks than by default, since collectors free and programs take
 * them by hundreds in turn (workload table: 7 %). What is cut from an unused extent may be 256 times as small, not 64
 * times: else what a worker has at hand (AT_HAND) would serve large requests only. First blocks of states (HEAP_BLOCK) are cut by
 * eight, not one: half of the arena's work for them (timers, CPU with two workers: 0.93 times). (The programs have a thread in the
 * background that gives memory back: src/room.c.)
 */
const char *malloc_conf = "thp:always,metadata_thp:auto,tcache_max:131072,"
                          "tcache_nslots_small_max:2000,lg_tcache_nslots_mul:4,lg_extent_max_active_fit:8,"
                          "slab_sizes:8192-8192:16";
_Static_assert(HEAP_BLOCK == 8192, "slab_sizes names the size of first blocks");
#endif

/* --- making ------------------------------------------------------------------------------------------------------- */

static bool imports_cdata(struct vm *vm, const struct ventry *e) {
    for (size_t i = 0; i < e->import_count; i++) {
        const struct ventry *lib = ventry_find(vm, e->imports[i].id, strlen(e->imports[i].id));
        if (lib && (cdata_needed(lib->bytecode, lib->bytecode_len) || imports_cdata(vm, lib)))
            return true;
    }
    return false;
}

static int open_env(lua_State *L) {
    env_open(L);
    return 0;
}

static int open_entry(lua_State *L) {
    struct vstate *vs = vstate_of(L);
    const struct ventry *e = vs->entry;
    lua_pushstring(L, e->method);
    stack_pop_slot(L, REG_METHOD);
    if (imports_cdata(vs->vm, e)) /* now, while no limit can stop it half-way */
        cdata_open(L);
    if (cdata_load(L, e->bytecode, e->bytecode_len, e->chunk_name) != 0)
        return lua_error(L);
    stack_pop_slot(L, REG_CHUNK);
    return 0;
}

/* Frees a state, or half of one. */
static void dispose(struct vstate *vs) {
    vs->memory_mark = SIZE_MAX;
    if (vs->L && (vs->outside || !luaJIT_only_memory(vs->L)))
        lua_close(vs->L);
    ventry_release(vs->entry);
    heap_end(vs);
}

/* Makes a state without an entry in the block, step by step; NULL without memory, and the block is freed. */
static struct vstate *build(struct vm *vm, void *block, lua_Alloc alloc) {
    struct vstate *vs = block;
    memset(vs, 0, sizeof *vs);
    vs->vm = vm;
    vs->vm_node = vm->node;
    vs->memory_mark = SIZE_MAX;
    vs->ready_end = &vs->ready;
    heap_begin(vs);
    luaJIT_seed = vm->seeded ? vm->seed : NULL;
    library_use(vm->library);
    vs->L = lua_newstate(alloc, vs);
    luaJIT_seed = NULL;
    library_use(NULL);
    if (vs->L) {
        lua_atpanic(vs->L, panic_function);
        if (lua_cpcall(vs->L, open_env, NULL) == 0)
            return vs;
    }
    dispose(vs);
    return NULL;
}

/* NULL without memory, and the block is freed. */
static struct vstate *copy(const struct image *im, void *block) {
    size_t more = image_room(im, 1);
    void *to[IMAGE_BLOCKS] = {block, more ? mem_alloc(more) : NULL};
    if (more && !to[1]) {
        mem_free(block);
        return NULL;
    }
    image_copy(im, to);
    return block;
}

/* A state without an entry; NULL without memory. */
static struct vstate *blank(struct vm *vm, void *block) {
    return vm->image ? copy(vm->image, block) : build(vm, block, heap_alloc);
}

/* Gives a blank state (NULL stays that) its entry; NULL without memory, and the state is closed. */
static struct vstate *load(struct vstate *vs, struct ventry *e) {
    if (!vs)
        return NULL;
    vs->entry = ventry_hold(e);
    if (lua_cpcall(vs->L, open_entry, NULL) == 0) {
        vs->baseline = vs->memory;
        return vs;
    }
    dispose(vs);
    return NULL;
}

static void forget_process(struct vstate *vs) {
    memset(&vs->proc, 0, sizeof *vs - offsetof(struct vstate, proc));
    vs->ready_end = &vs->ready;
}

/* What processes have used of that which each state makes for itself: a bit for each module (vlib_all) and each type. */
struct used {
    uint64_t libs, types;
};
_Static_assert(VTYPE_COUNT <= 64, "a bit for each");

static struct used used_in(lua_State *L) {
    struct used u = {0, 0};
    for (int i = 0; vlib_all[i]; i++)
        if (env_has_own(L, i) && vlib_all[i] != &vlib_math) /* whose random numbers are an object */
            u.libs |= UINT64_C(1) << i;
    for (int type = 1; type < VTYPE_COUNT; type++) {
        stack_push_slot(L, type);
        if (vtype_is_own((enum vtype)type) && lua_type(L, -1) == LUA_TTABLE)
            u.types |= UINT64_C(1) << type;
        lua_settop(L, -2);
    }
    return u;
}

static void make_used(lua_State *L, const struct used *u) {
    for (int i = 0; vlib_all[i]; i++)
        if (u->libs >> i & 1) {
            env_push_proxy_meta(L, i);
            lua_settop(L, 0);
        }
    for (int type = 1; type < VTYPE_COUNT; type++)
        if (u->types >> type & 1) {
            vtype_push_meta(L, (enum vtype)type);
            lua_settop(L, 0);
        }
}

/* As a process of the entry leaves it that has ended and used this. */
static int prime(lua_State *L) {
    struct vstate *vs = vstate_of(L);
    const struct used *used = lua_touserdata(L, 1);
    lua_settop(L, 0);
    make_used(L, used);
    life_open(L, vs);
    stack_push_slot(L, REG_ENV);
    lua_getfield(L, -1, "require");
    lua_settop(L, 0);
    lua_settop(vs->main.co, 0);
    forget_process(vs);
    vs->baseline = vs->memory;
    return 0;
}

/* A state for a picture; NULL: there can be none, or no memory. */
static struct vstate *sitter(struct vm *vm, struct ventry *e, struct used *used) {
    void *block = mem_calloc(1, HEAP_BLOCK);
    struct vstate *vs = !block ? NULL : e ? blank(vm, block) : build(vm, block, heap_alloc_clean);
    if (vs && e) {
        lua_setallocf(vs->L, heap_alloc_clean, vs);
        vs->pictured = true;
        vs = load(vs, e);
    }
    if (!vs)
        return NULL;
    bool done = !e || lua_cpcall(vs->L, prime, used) == 0;
    vs->pictured = false;
    lua_setallocf(vs->L, heap_alloc, vs);
    if (done && !vs->outside && luaJIT_settle(vs->L))
        return vs;
    dispose(vs);
    return NULL;
}

/* A picture of what build makes; with an entry, of what load and prime make of that. NULL: there can be none, or no memory. */
static struct image *picture(struct vm *vm, struct ventry *e, struct used used) {
    struct vstate *one = sitter(vm, e, &used), *other = one ? sitter(vm, e, &used) : NULL;
    struct image *im = NULL;
    if (other) {
        struct image_part parts[2][IMAGE_BLOCKS];
        heap_parts(one, parts[0]);
        heap_parts(other, parts[1]);
        im = image_make(parts[0], parts[1]);
        dispose(other);
    }
    if (one)
        dispose(one);
    return im;
}

void life_prepare(struct vm *vm) {
    vm->seeded = getrandom(vm->seed, sizeof vm->seed, 0) == (ssize_t)sizeof vm->seed;
    if (!vm->seeded)
        return;
    vm->library = library_make(vm);
    vm->image = picture(vm, NULL, (struct used){0, 0});
}

/* Whether the thread's arena still has that much from others that have ended: hosts whose workers come and go would add up. */
static bool room_left(void) {
#ifdef TROUPE_JEMALLOC
    unsigned arena;
    uint64_t now = 1;
    size_t pages, size = sizeof arena;
    char name[48];
    if (mallctl("thread.arena", &arena, &size, NULL, 0) != 0 ||
        mallctl("epoch", NULL, NULL, &now, sizeof now) != 0)
        return false;
    snprintf(name, sizeof name, "stats.arenas.%u.pdirty", arena);
    size = sizeof pages;
    return mallctl(name, &pages, &size, NULL, 0) == 0 && pages >= AT_HAND / PAGE;
#else
    return false;
#endif
}

void life_worker_started(void) {
    struct rlimit address_space;
    if (room_left())
        return;
    if (getrlimit(RLIMIT_AS, &address_space) != 0 || address_space.rlim_cur != RLIM_INFINITY)
        return; /* there may be none to spare */
    volatile char *room = mem_alloc_aligned(AT_HAND, AT_HAND);
    for (size_t i = 0; room && i < AT_HAND; i += PAGE)
        room[i] = 0;
    mem_free((void *)room);
}

/* The entry's picture, taken when it gets its IMAGE_AFTERth state; NULL: none. */
static const struct image *image_of(struct vm *vm, struct ventry *e) {
    /* acquire: partner is the release below */
    const struct image *im = atomic_load_explicit(&e->image, memory_order_acquire);
    if (im || !vm->image || atomic_load_explicit(&e->made, memory_order_relaxed) > IMAGE_AFTER ||
        atomic_fetch_add_explicit(&e->made, 1, memory_order_relaxed) != IMAGE_AFTER)
        return im;
    struct image *own = picture(vm, e, (struct used){0, 0});
    atomic_store_explicit(&e->image, own, memory_order_release);
    return own;
}

/* The first process of an entry with a picture has ended: if it has used what each state makes for itself, a second picture has
 * that. */
static void learn(struct vstate *vs) {
    struct ventry *e = vs->entry;
    struct image *first = atomic_load_explicit(&e->image, memory_order_acquire);
    if (!first || atomic_load_explicit(&e->learned, memory_order_relaxed) ||
        atomic_exchange_explicit(&e->learned, true, memory_order_relaxed))
        return;
    struct used used = used_in(vs->L);
    struct image *second = used.libs || used.types ? picture(vs->vm, e, used) : NULL;
    if (!second)
        return;
    e->first_image = first;
    atomic_store_explicit(&e->image, second, memory_order_release);
}

struct vstate *life_new(struct vm *vm, struct ventry *e) {
    const struct image *im = image_of(vm, e);
    void *block = mem_alloc(HEAP_BLOCK);
    if (!block)
        return NULL;
    struct vstate *vs = im ? copy(im, block) : load(blank(vm, block), e);
    if (im)
        ventry_hold(e);
    if (vs && vm->image)
        luaJIT_vary(vs->L, (uintptr_t)vs ^ (uint64_t)clock_mono_ns());
    return vs;
}

void life_close(struct vstate *vs) {
    if (vs->jit_on)
        atomic_fetch_sub_explicit(&vs->vm->jit_states, 1, memory_order_relaxed);
    codec_buf_free(&vs->args);
    dispose(vs);
}

/* --- machine code -------------------------------------------------------------------------------------------------------- */

/* callunroll: how far side traces follow a recursion, 3 by default, of which naive recursion profits most (vm/README.md). */
static int jit_start(lua_State *L) {
    static const char *const options[] = {"sizemcode=64", "maxmcode=512", "callunroll=5"};
    enum { OPTIONS = sizeof options / sizeof options[0] };
    lua_pushcfunction(L, luaopen_jit);
    lua_pushliteral(L, LUA_JITLIBNAME);
    lua_call(L, 1, 0);
    lua_getfield(L, LUA_GLOBALSINDEX, LUA_JITLIBNAME);
    lua_getfield(L, -1, "opt");
    lua_getfield(L, -1, "start");
    for (int i = 0; i < OPTIONS; i++)
        lua_pushstring(L, options[i]);
    lua_call(L, OPTIONS, 0);
    lua_pushnil(L);
    lua_setfield(L, LUA_GLOBALSINDEX, LUA_JITLIBNAME);
    luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_ON);
    return 0;
}

/* relaxed, and a change that crosses another may be lost: a guess */
static int heat(const struct ventry *e) {
    return atomic_load_explicit(&e->heat, memory_order_relaxed);
}

static void add_heat(struct ventry *e, int change) {
    int now = heat(e) + change;
    if (now <= HOT_MOST)
        atomic_store_explicit(&e->heat, now, memory_order_relaxed);
}

/* As far as the host's policy and the room for code allow. */
static bool turn_jit_on(struct vstate *vs) {
    const struct vm_host *h = vs->proc->host->user;
    enum vm_jit policy = h ? h->jit : VM_JIT_AUTO;
    if (policy == VM_JIT_OFF || !vs->vm->compiles)
        return false;
    unsigned n = atomic_fetch_add_explicit(&vs->vm->jit_states, 1, memory_order_relaxed);
    if (policy == VM_JIT_AUTO && n >= VM_JIT_STATES) {
        atomic_fetch_sub_explicit(&vs->vm->jit_states, 1, memory_order_relaxed);
        return false;
    }
    vs->jit_on = true;
    size_t mark = vs->memory_mark;
    vs->memory_mark = SIZE_MAX;
    if (lua_cpcall(vs->L, jit_start, NULL) != 0)
        lua_settop(vs->L, 0);
    vs->memory_mark = mark;
    return true;
}

void life_consider_jit(struct vstate *vs, bool interrupted) {
    if (interrupted)
        add_heat(vs->entry, HOT_SLICE);
    else if (vs->ticks < HOT_TICKS || vs->steps > (uint64_t)vs->ticks * HOT_STEPS_PER_TICK)
        return;
    if (vs->jit_on)
        return;
    vs->steps = vs->ticks = 0; /* refused now, asked again later */
    turn_jit_on(vs);
}

/* --- a process moves in --------------------------------------------------------------------------------------------- */

void life_open(lua_State *L, struct vstate *vs) {
    task_init_main(L, vs);
    stack_push_slot(L, REG_CHUNK);
    if (!vs->env_clean) {
        env_begin(L);
        lua_setfenv(L, -2);
        vs->env_clean = true;
    }
    lua_xmove(L, vs->main.co, 1);
}

void life_begin(struct vstate *vs, struct proc *p) {
    const struct vm_host *h = p->host->user;
    vs->proc = p;
    vs->memory_limit = host_limit(p->host, process_memory);
    vs->memory_mark = vs->memory_limit ? vs->memory_limit / 2 : SIZE_MAX;
    vs->wippy = ventry_is_wippy(vs->entry, h);
    vs->top_level = true;
    tidy_begin(vs);
    if (vs->strings != (vs->wippy ? STRINGS_WIPPY : STRINGS_PLAIN))
        vs->env_clean = false; /* begins with the methods of its dialect */
    /* LuaJIT turns it off in a state that finds no room for machine code: there may be some now. */
    if (vs->jit_on)
        luaJIT_setmode(vs->L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_ON);
    else if (h && h->jit == VM_JIT_ON)
        turn_jit_on(vs);
    else if (heat(vs->entry) >= HOT_ENTRY && turn_jit_on(vs))
        add_heat(vs->entry, -1);
}

/* --- and out ----------------------------------------------------------------------------------------------------------- */

/* Needs no protection: nothing here takes memory but what heap_collect does, and the only finalisers are our own. */
static void clear(lua_State *L, struct vstate *vs) {
    env_end(L, vs);
    if (!vs->env_clean) { /* the chunk is not to keep alive what the process has left in its globals */
        stack_push_slot(L, REG_CHUNK);
        stack_push_slot(L, REG_BASE);
        lua_setfenv(L, -2);
        lua_settop(L, -2);
    }
    lua_State *co = vs->main.co;
    if (co && vs->main.state == TASK_DEAD) {
        lua_settop(co, 0);
    } else if (co) {
        lua_pushboolean(L, 0);
        stack_pop_slot(L, REG_MAIN);
    }
    if (vs->memory > vs->baseline + GROWTH_KEPT)
        heap_collect(vs, LUA_GCCOLLECT, 0);
    if (vs->memory >
        vs->baseline + LIBRARIES_KEPT) /* objects with finalisers go, with what they hold, in the second */
        heap_collect(vs, LUA_GCCOLLECT, 0);
}

void life_end(struct vstate *vs) {
    heap_consider(vs);
    vtimer_drop_all(vs);
    inbox_drop_all(vs);
    call_drop_all(vs);
    if (vs->subs)
        bus_drop_all(vs);
    context_give(vs, NULL);
    if (vs->in_hand)
        vstate_consumed(vs, vs->in_hand);
    task_drop_all(vs);
    if (vs->armed)
        preempt_disarm(vs);
    vs->memory_mark = SIZE_MAX;
    if (vs->over_memory || vs->dirty) {
        life_close(vs);
        return;
    }
    vs->memory_limit = 0;
    if (vs->pressed)
        heap_relax(vs);
    learn(vs);
    clear(vs->L, vs);
    heap_trim(vs);
    if (vs->memory > vs->baseline + LIBRARIES_KEPT) {
        life_close(vs);
        return;
    }
    vs->args.len = 0;
    if (vs->args.cap > ARGS_KEPT)
        codec_buf_free(&vs->args);
    forget_process(vs);
    pool_give(vs);
}
