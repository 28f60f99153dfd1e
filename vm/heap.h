/*
 * heap: the memory of a state, and the limits on it. Internal to vm; used by the worker that has the state.
 *
 * A state begins in one block (vm/block.h) together with our struct, goes on in a second one, and then in single pieces from
 * mem_alloc. In a state that makes garbage all the time (luaJIT_room), small ones that the collector frees are kept for its
 * next requests. In others they go back, where the worker's other states find them, still in its cache.
 */
#ifndef VM_HEAP_H
#define VM_HEAP_H

#include "vm/image.h"
#include "vm/vstate.h"

/*
 * The first block's size. It suits processes that only wait. AddressSanitizer sees what LuaJIT does with its objects only when
 * they come from mem_alloc: then the block holds our struct alone.
 */
#ifdef TROUPE_FAULT
#define HEAP_BLOCK (HEAP_HEAD + BLOCK_WORD)
#else
#define HEAP_BLOCK ((size_t)8192)
#endif
#define HEAP_HEAD ((sizeof(struct vstate) + 15) & ~(size_t)15)

/* Makes the first block, which begins with `vs` and is zero up to HEAP_HEAD, ready for heap_alloc. */
void heap_begin(struct vstate *vs);

/* lua_Alloc; `ud` is the struct vstate. A piece that is to become smaller always does, as LuaJIT expects. */
void *heap_alloc(void *ud, void *ptr, size_t osize, size_t nsize);

/*
 * The same for a state of which a picture will be taken: new pieces are zero to the end of their last word. What a former piece
 * has left there, beside a few bytes that are in use, would not be told from an address.
 */
void *heap_alloc_clean(void *ud, void *ptr, size_t osize, size_t nsize);

/* Gives the blocks back, `vs` with them; nothing of the state may be outside of them any more. */
void heap_end(struct vstate *vs);

/* Gives back the freed pieces that are kept. */
void heap_trim(struct vstate *vs);

/* lua_gc outside of a protected call: the collector asks for memory when it halves the table of strings. -1: there was none. */
int heap_collect(struct vstate *vs, int what, int data);

/* The state has held a process to its end: whether later ones of the entry should begin with more room. */
void heap_consider(const struct vstate *vs);

/* The blocks as parts of a picture, nothing but zeros where they are free; a second one gets the size that the state needs. */
void heap_parts(struct vstate *vs, struct image_part parts[static IMAGE_BLOCKS]);

/* Counts memory outside of the state that the process made us take; false: it must not, its limit is reached. Given back
 * by vs->charged -= bytes. Inside the process. */
bool heap_charge(struct vstate *vs, size_t bytes);

/* What an object of the state refers to outside of it, and gives back when it is collected: counts as the state's memory; over a
 * limit, the process ends at its next instruction. Touch no Lua values. */
void heap_adopt(struct vstate *vs, size_t bytes);
void heap_disown(struct vstate *vs, size_t bytes);

/* Runs the collector if there is much of that, as it runs for what lies inside. Where objects are made that refer to such. */
void heap_pace(lua_State *L, struct vstate *vs);

/* A message of those that vstate_holds waits in the process from now on: it counts as its memory until vstate_consumed. Touches
 * no Lua values. */
void heap_hold(struct vstate *vs, struct msg *m);

/* It does not any more, but goes on living; returns how many bytes that were. */
size_t heap_release(struct vstate *vs, struct msg *m);

/* The collector works as usual again: a process that was near its limit is not any more. Inside the process. */
void heap_relax(struct vstate *vs) __attribute__((cold));

#endif
