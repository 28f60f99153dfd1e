/*
 * block: the memory that a state begins in: our struct, LuaJIT's global data, and what the state allocates until the block is
 * full; only then does it go to the heap. So what a dispatch touches lies together, and most of LuaJIT's small objects
 * cost a few instructions. Internal to vm/heap.c; used by the worker that has the state.
 *
 * Pieces are whole words. Freed ones wait in a list for each size up to BLOCK_CLASSES words; larger ones become the rest that
 * new pieces are cut from, when they are larger than that, or small pieces. Nothing is merged: the sizes that a program
 * frees are those that it asks for again.
 */
#ifndef VM_BLOCK_H
#define VM_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BLOCK_WORD 8
#define BLOCK_CLASSES 32

/* Places in the block are word numbers, 0 for none: the struct itself stands in the first words. */
struct block {
    uint16_t top, end; /* the rest that has never been used, or was freed in one piece */
    uint16_t free[BLOCK_CLASSES];
};

/* bytes > 0 */
static inline size_t block_words(size_t bytes) {
    return (bytes - 1) / BLOCK_WORD + 1;
}

static inline void *block_at(void *block, size_t place) {
    return (char *)block + place * BLOCK_WORD;
}

static inline size_t block_place(const void *block, const void *piece) {
    return (size_t)((const char *)piece - (const char *)block) / BLOCK_WORD;
}

/* A freed piece of that size; NULL: there is none. */
static inline void *block_again(struct block *b, void *block, size_t words) {
    if (words > BLOCK_CLASSES || !b->free[words - 1])
        return NULL;
    uint64_t *piece = block_at(block, b->free[words - 1]);
    b->free[words - 1] = (uint16_t)*piece;
    __builtin_prefetch(block_at(block, b->free[words - 1]),
                       1); /* what will be asked for next: freed long ago */
    return piece;
}

/* A piece of the rest; NULL: there is no room. */
static inline void *block_cut(struct block *b, void *block, size_t words) {
    if (words > (size_t)(b->end - b->top))
        return NULL;
    void *piece = block_at(block, b->top);
    b->top = (uint16_t)(b->top + words);
    return piece;
}

/* A whole word: nothing of an address that stood there stays beside it (image.h). */
static inline void block_keep(struct block *b, void *block, size_t place, size_t words) {
    *(uint64_t *)block_at(block, place) = b->free[words - 1];
    b->free[words - 1] = (uint16_t)place;
}

static inline void block_give(struct block *b, void *block, void *piece, size_t bytes) {
    size_t words = block_words(bytes), place = block_place(block, piece);
    if (place + words == b->top) {
        b->top = (uint16_t)place;
        return;
    }
    if (words <= BLOCK_CLASSES) {
        block_keep(b, block, place, words);
        return;
    }
    if (words > (size_t)(b->end - b->top)) {
        size_t rest = b->top, rest_words = (size_t)(b->end - b->top);
        b->top = (uint16_t)place;
        b->end = (uint16_t)(place + words);
        place = rest;
        words = rest_words;
    }
    for (size_t n; words; place += n, words -= n) {
        n = words < BLOCK_CLASSES ? words : BLOCK_CLASSES;
        block_keep(b, block, place, n);
    }
}

/* Zeros in all that is free, but for the places that make up the lists. */
static inline void block_scrub(struct block *b, void *block) {
    for (size_t words = 1; words <= BLOCK_CLASSES; words++)
        for (size_t place = b->free[words - 1]; place;
             place = (uint16_t) * (uint64_t *)block_at(block, place))
            memset(block_at(block, place + 1), 0, (words - 1) * BLOCK_WORD);
    memset(block_at(block, b->top), 0, (size_t)(b->end - b->top) * BLOCK_WORD);
}

/* Whether the piece has the new size where it is now. */
static inline bool block_resize(struct block *b, void *block, void *piece, size_t old, size_t bytes) {
    size_t before = block_words(old), words = block_words(bytes), place = block_place(block, piece);
    if (words == before)
        return true;
    if (place + before != b->top || place + words > b->end)
        return false;
    b->top = (uint16_t)(place + words);
    return true;
}

#endif
