#include "vm/heap.h"

#include <string.h>

#include "base/alloc.h"
#include "vm/entry.h"
#include "vm/own_luajit.h"
#include "vm/preempt.h"

#if !OWN_LUAJIT
static size_t luaJIT_room(lua_State *L) {
    return 0;
}
#endif

/*
 * States of an entry whose processes have ended with more than CROWDED pieces outside of the first block get a second one when it
 * is full, others when MORE_AT pieces are outside. Both sizes are below jemalloc's for large pieces, which cost ten times as
 * much.
 */
#ifdef TROUPE_FAULT
#define MORE_MOST 0
#else
#define MORE_MOST HEAP_BLOCK
#endif
#define MORE_STEP 1024
#define MORE_AT 64 /* pieces outside at which a state gets the largest one at once */
#define CROWDED 24

struct more {
    struct block block; /* its places are counted from here */
    size_t size;
    /* Freed pieces that lie outside: whole words as in a block, too; each begins with the address of the next one. */
    void *spare[BLOCK_CLASSES];
};
#define MORE_HEAD ((sizeof(struct more) + 15) & ~(size_t)15)

/*
 * Over its limit, the process ends at its next instruction, whatever it catches. Until then small requests are still
 * granted: an error for want of memory in the midst of anything is what LuaJIT has been tested for least.
 */
#define OVERDRAFT_ONE (64u * 1024)
#define OVERDRAFT_ALL (1024u * 1024)

static bool overdraw(struct vstate *vs, size_t more) {
    if (!vs->over_memory) {
        vs->over_memory = true;
        vs->memory_then = vs->memory;
        if (vs->current)
            preempt_arm(vs, 1);
    }
    return more <= OVERDRAFT_ONE && vs->memory + more <= vs->memory_then + OVERDRAFT_ALL;
}

/*
 * LuaJIT's collector lets a state grow to two or three times of what is alive in it. Near a limit that would end processes
 * for their garbage: from half of it on it works ten times as hard, and begins anew as soon as a tenth was added.
 */
#define PRESSED_PAUSE 110
#define PRESSED_STEPMUL 1000
#define RELAXED_PAUSE 200
#define RELAXED_STEPMUL 200

/* Only changes figures of the collector's: may be called by the allocator. */
static void press(struct vstate *vs) {
    vs->pressed = true;
    lua_gc(vs->L, LUA_GCSETPAUSE, PRESSED_PAUSE);
    lua_gc(vs->L, LUA_GCSETSTEPMUL, PRESSED_STEPMUL);
    lua_gc(vs->L, LUA_GCRESTART, 0);
}

void heap_relax(struct vstate *vs) {
    vs->pressed = false;
    if (vs->memory_limit)
        vs->memory_mark = vs->memory_limit / 2;
    lua_gc(vs->L, LUA_GCSETPAUSE, RELAXED_PAUSE);
    lua_gc(vs->L, LUA_GCSETSTEPMUL, RELAXED_STEPMUL);
}

/* What the process has published is in the host's sum already (but for what its worker collects, WORKER_MEMORY_STEP). */
static bool over_host_limit(struct vstate *vs, size_t more) {
    struct host *h = vs->proc->host;
    uint64_t limit = host_limit(h, memory);
    if (!limit || !vs->current)
        return false;
    uint64_t own = vs->memory + vs->charged + more - vs->proc->memory_counted;
    int64_t sum = (int64_t)(atomic_load_explicit(&h->memory, memory_order_relaxed) + own);
    if (sum <= (int64_t)limit) {
        if (sum > (int64_t)limit / 2 && !vs->pressed)
            press(vs);
        return false;
    }
    vs->over_host = true;
    return true;
}

static bool over_limit(struct vstate *vs, size_t more) {
    size_t sum = vs->memory + vs->charged + more;
    if (sum > vs->memory_mark) {
        if (sum > vs->memory_limit)
            return true;
        vs->memory_mark = vs->memory_limit;
        if (!vs->pressed)
            press(vs);
    }
    /* Now and then: whenever another 64 KiB are begun. */
    return ((vs->memory + more) ^ vs->memory) >> 16 && vs->proc && over_host_limit(vs, more);
}

bool heap_charge(struct vstate *vs, size_t bytes) {
    if (over_limit(vs, bytes) && !overdraw(vs, bytes))
        return false;
    vs->charged += bytes;
    return true;
}

/* What is there already cannot be refused. */
static void accept(struct vstate *vs, size_t *figure, size_t bytes) {
    if (over_limit(vs, bytes))
        overdraw(vs, bytes);
    *figure += bytes;
}

/* So much more than is known to be in use, outside of the state, before the collector looks again. */
#define FOREIGN_STEP (256u * 1024)

void heap_adopt(struct vstate *vs, size_t bytes) {
    accept(vs, &vs->memory, bytes);
    vs->foreign += bytes;
}

void heap_pace(lua_State *L, struct vstate *vs) {
    if (vs->foreign > 2 * vs->foreign_kept + vs->memory / 2 + FOREIGN_STEP) {
        lua_gc(L, LUA_GCCOLLECT, 0);
        vs->foreign_kept = vs->foreign;
    }
}

void heap_disown(struct vstate *vs, size_t bytes) {
    vs->memory -= bytes;
    vs->foreign -= bytes;
}

void heap_hold(struct vstate *vs, struct msg *m) {
    size_t bytes = msg_size(m);
    if (m->kind == MSG_EXIT || m->kind == MSG_LINK_DOWN)
        bytes += m->u.failure ? failure_size(m->u.failure) : 0;
    m->charge = (uint32_t)((bytes + MSG_CHARGE_UNIT - 1) / MSG_CHARGE_UNIT);
    accept(vs, &vs->charged, (size_t)m->charge * MSG_CHARGE_UNIT);
}

size_t heap_release(struct vstate *vs, struct msg *m) {
    size_t bytes = (size_t)m->charge * MSG_CHARGE_UNIT;
    vs->charged -= bytes;
    m->charge = 0;
    return bytes;
}

static inline bool inside(const void *block, size_t size, const void *ptr) {
    return (size_t)((const char *)ptr - (const char *)block) < size;
}

/* The block that a piece lies in, with its address; NULL: it is the heap's. */
static inline struct block *block_of(struct vstate *vs, const void *ptr, void **base) {
    if (inside(vs, HEAP_BLOCK, ptr)) {
        *base = vs;
        return &vs->block;
    }
    if (vs->more && inside(vs->more, vs->more->size, ptr)) {
        *base = vs->more;
        return &vs->more->block;
    }
    return NULL;
}

/* The last word is nobody's: what points behind the last piece is an address in the block, too (vm/image.h). */
static uint16_t end_of(size_t size) {
    return (uint16_t)(size / BLOCK_WORD - 1);
}

static void size_more(struct more *m, size_t size) {
    m->size = size;
    m->block.end = end_of(size);
}

/* The first block is full, and a second one is worth its memory: from the beginning, or because there is much outside by now. */
static __attribute__((noinline)) void open_more(struct vstate *vs) {
    unsigned size = vs->outside || vs->pictured ? MORE_MOST : 0;
    if (!size && vs->entry)
        size = atomic_load_explicit(&vs->entry->more_size, memory_order_relaxed);
    if (!size || !(vs->more = vs->pictured ? mem_calloc(1, size) : mem_alloc(size)))
        return;
    memset(vs->more, 0, sizeof *vs->more);
    vs->more->block.top = MORE_HEAD / BLOCK_WORD;
    size_more(vs->more, size);
}

/* A freed piece of that size that lies outside; NULL: there is none. */
static inline void *spare_again(struct vstate *vs, size_t words) {
    void **piece = words > BLOCK_CLASSES ? NULL : vs->more->spare[words - 1];
    if (!piece)
        return NULL;
    __builtin_prefetch(*piece, 1); /* what will be asked for next: freed long ago */
    vs->more->spare[words - 1] = *piece;
    vs->kept -= (uint32_t)(words * BLOCK_WORD);
    return piece;
}

/* Whether the piece is kept. */
static inline bool spare_keep(struct vstate *vs, void *piece, size_t words) {
    if (!vs->more || words > BLOCK_CLASSES || vs->kept >= luaJIT_room(vs->L))
        return false;
    *(void **)piece = vs->more->spare[words - 1];
    vs->more->spare[words - 1] = piece;
    vs->kept += (uint32_t)(words * BLOCK_WORD);
    return true;
}

/* Tells jemalloc the size where that is known. */
static void free_outside(struct vstate *vs, void *piece, size_t words) {
    if (vs->oversized)
        mem_free(piece);
    else
        mem_free_sized(piece, words * BLOCK_WORD);
}

void heap_trim(struct vstate *vs) {
    for (size_t words = 1; vs->kept && words <= BLOCK_CLASSES; words++)
        for (void *piece; (piece = spare_again(vs, words));)
            free_outside(vs, piece, words);
}

/* No piece of that size has been freed. */
static __attribute__((noinline)) void *take_new(struct vstate *vs, size_t bytes) {
    size_t words = block_words(bytes);
    void *p = block_cut(&vs->block, vs, words);
    if (p)
        return p;
    if (!vs->more && (vs->outside == 0 || vs->outside == MORE_AT))
        open_more(vs);
    if (vs->more && (p = block_cut(&vs->more->block, vs->more, words)))
        return p;
    if ((p = mem_alloc(words * BLOCK_WORD)))
        vs->outside++;
    return p;
}

static inline void *take(struct vstate *vs, size_t bytes) {
    size_t words = block_words(bytes);
    void *p = block_again(&vs->block, vs, words);
    if (!p && vs->more) {
        p = block_again(&vs->more->block, vs->more, words);
        if (!p && (p = spare_again(vs, words)))
            vs->outside++;
    }
    return p ? p : take_new(vs, bytes);
}

static void *resize(struct vstate *vs, void *ptr, size_t osize, size_t nsize) {
    void *base = NULL;
    struct block *b = ptr ? block_of(vs, ptr, &base) : NULL;
    if (ptr && !b) {
        void *p = mem_realloc(ptr, block_words(nsize) * BLOCK_WORD);
        if (p || nsize > osize)
            return p;
        vs->oversized = true;
        return ptr;
    }
    if (ptr && block_resize(b, base, ptr, osize, nsize))
        return ptr;
    void *p = take(vs, nsize);
    if (!p)
        return nsize > osize ? NULL : ptr; /* what is behind it stays unused until the state goes */
    if (ptr) {
        memcpy(p, ptr, osize < nsize ? osize : nsize);
        block_give(b, base, ptr, osize);
    }
    return p;
}

/* A piece in place of another one, or something to do about a limit. */
static __attribute__((noinline)) void *alloc_slowly(struct vstate *vs, void *ptr, size_t osize,
                                                    size_t nsize) {
    if (vs->refuse_memory) {
        vs->refuse_memory = false;
        return NULL;
    }
    if (nsize > osize && over_limit(vs, nsize - osize) && !overdraw(vs, nsize - osize))
        return NULL;
    void *p = resize(vs, ptr, osize, nsize);
    if (p)
        vs->memory += nsize - osize;
    return p;
}

/* `ptr` may be NULL. */
static __attribute__((noinline)) void give(struct vstate *vs, void *ptr, size_t size) {
    vs->memory -= size;
    void *base;
    struct block *b = block_of(vs, ptr, &base);
    if (b) {
        block_give(b, base, ptr, size);
    } else if (ptr) {
        vs->outside--;
        size_t words = block_words(size);
        if (!spare_keep(vs, ptr, words))
            free_outside(vs, ptr, words);
    }
}

void *heap_alloc(void *ud, void *ptr, size_t osize, size_t nsize) {
    struct vstate *vs = ud;
    if (nsize == 0) {
        give(vs, ptr, osize);
        return NULL;
    }
    /* Nearly always a new piece while no limit is near: what over_limit would find is looked at once, here. */
    size_t sum = vs->memory + nsize;
    if (__builtin_expect(
            ptr || sum + vs->charged > vs->memory_mark || (sum ^ vs->memory) >> 16 || vs->refuse_memory, 0))
        return alloc_slowly(vs, ptr, osize, nsize);
    void *p = take(vs, nsize);
    if (p)
        vs->memory = sum;
    return p;
}

void *heap_alloc_clean(void *ud, void *ptr, size_t osize, size_t nsize) {
    char *p = heap_alloc(ud, ptr, osize, nsize);
    size_t kept = !ptr ? 0 : osize < nsize ? osize : nsize;
    if (p)
        memset(p + kept, 0, block_words(nsize) * BLOCK_WORD - kept);
    return p;
}

struct collection {
    int what, data, result;
};

static int run_collection(lua_State *L) {
    struct collection *c = lua_touserdata(L, 1);
    c->result = lua_gc(L, c->what, c->data);
    return 0;
}

int heap_collect(struct vstate *vs, int what, int data) {
    struct collection c = {what, data, -1};
    return lua_cpcall(vs->L, run_collection, &c) == 0 ? c.result : -1;
}

void heap_begin(struct vstate *vs) {
    vs->block.top = HEAP_HEAD / BLOCK_WORD;
    vs->block.end = end_of(HEAP_BLOCK);
}

void heap_end(struct vstate *vs) {
    heap_trim(vs);
    mem_free(vs->more);
    mem_free(vs);
}

void heap_consider(const struct vstate *vs) {
    const size_t first = HEAP_BLOCK - HEAP_HEAD;
    if (vs->outside <= CROWDED || vs->memory <= first)
        return;
    size_t size = (vs->memory - first + MORE_HEAD + 2 * MORE_STEP - 1) / MORE_STEP * MORE_STEP;
    if (size <= MORE_MOST && size > atomic_load_explicit(&vs->entry->more_size, memory_order_relaxed))
        atomic_store_explicit(&vs->entry->more_size, (unsigned)size, memory_order_relaxed);
}

/* The part of a block with something in it: all of it when its rest is no more what follows on that. */
static struct image_part part(void *at, struct block *b, size_t size) {
    block_scrub(b, at);
    size_t words = b->end == end_of(size) ? b->top : end_of(size);
    return (struct image_part){at, words * BLOCK_WORD, size};
}

void heap_parts(struct vstate *vs, struct image_part parts[static IMAGE_BLOCKS]) {
    struct more *m = vs->more;
    parts[0] = part(vs, &vs->block, HEAP_BLOCK);
    parts[1] = (struct image_part){0};
    if (!m)
        return;
    size_t needed = (size_t)m->block.top * BLOCK_WORD + MORE_STEP;
    if (m->block.end == end_of(m->size) && needed < m->size)
        size_more(m, needed / MORE_STEP * MORE_STEP);
    parts[1] = part(m, &m->block, m->size);
}
