/* Pieces of a block never overlap, keep what is in them, and come back when they were given. */
#include "vm/block.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define HEAD 64
#define SIZE 14336
#define PIECES 400

struct piece {
    unsigned char *at;
    size_t size;
    unsigned char mark;
};

static _Alignas(16) unsigned char memory[SIZE];

static struct block fresh(void) {
    return (struct block){.top = HEAD / BLOCK_WORD, .end = SIZE / BLOCK_WORD};
}

static void *take(struct block *b, void *block, size_t bytes) {
    void *piece = block_again(b, block, block_words(bytes));
    return piece ? piece : block_cut(b, block, block_words(bytes));
}

static void check(const struct piece *p) {
    cr_assert(p->at >= memory + HEAD && p->at + p->size <= memory + SIZE);
    cr_assert_eq((uintptr_t)p->at % BLOCK_WORD, 0);
    for (size_t i = 0; i < p->size; i++)
        cr_assert_eq(p->at[i], p->mark, "byte %zu of a piece of %zu was written by somebody else", i,
                     p->size);
}

static void fill(struct piece *p, unsigned char mark) {
    p->mark = mark;
    memset(p->at, mark, p->size);
}

static void random_run(unsigned seed, size_t largest) {
    struct block b = fresh();
    struct piece pieces[PIECES] = {0};
    srand(seed);
    for (int step = 0; step < 20000; step++) {
        struct piece *p = &pieces[rand() % PIECES];
        size_t size = 1 + (size_t)rand() % largest;
        if (!p->at) {
            p->at = take(&b, memory, size);
            p->size = size;
            if (p->at)
                fill(p, (unsigned char)step);
            continue;
        }
        check(p);
        size_t keep = size < p->size ? size : p->size;
        if (rand() % 4 == 0 && block_resize(&b, memory, p->at, p->size, size)) {
            for (size_t i = 0; i < keep; i++)
                cr_assert_eq(p->at[i], p->mark);
            p->size = size;
            fill(p, p->mark);
        } else {
            block_give(&b, memory, p->at, p->size);
            p->at = NULL;
        }
    }
    for (int i = 0; i < PIECES; i++)
        if (pieces[i].at)
            check(&pieces[i]);
}

Test(vm_block, pieces_never_overlap) {
    for (unsigned seed = 1; seed <= 20; seed++)
        random_run(seed, seed % 2 ? 200 : 1500);
}

Test(vm_block, is_used_to_the_last_word) {
    struct block b = fresh();
    size_t words = 0;
    while (take(&b, memory, BLOCK_WORD))
        words++;
    cr_expect_eq(words, (SIZE - HEAD) / BLOCK_WORD);
    cr_expect_null(take(&b, memory, 1));
}

Test(vm_block, a_freed_piece_is_the_next_of_its_size) {
    struct block b = fresh();
    void *first = take(&b, memory, 40), *second = take(&b, memory, 40);
    cr_assert(first && second);
    block_give(&b, memory, first, 40);
    cr_expect_eq(take(&b, memory, 33), first);
}

Test(vm_block, a_large_freed_piece_is_cut_again) {
    struct block b = fresh();
    void *large = take(&b, memory, 4096), *rest = take(&b, memory, SIZE - HEAD - 4096);
    cr_assert(large && rest);
    cr_expect_null(take(&b, memory, 8));
    block_give(&b, memory, large, 4096);
    size_t words = 0;
    for (void *p; (p = take(&b, memory, 64)); words += 8)
        cr_assert((unsigned char *)p < (unsigned char *)rest);
    cr_expect_eq(words, 4096 / BLOCK_WORD);
}

Test(vm_block, is_zero_where_it_is_free) {
    struct block b = fresh();
    memset(memory, 'x', SIZE);
    void *pieces[40];
    for (size_t i = 0; i < 40; i++)
        cr_assert(pieces[i] = take(&b, memory, (i % BLOCK_CLASSES + 1) * BLOCK_WORD));
    for (size_t i = 0; i < 40; i += 2)
        block_give(&b, memory, pieces[i], (i % BLOCK_CLASSES + 1) * BLOCK_WORD);
    block_scrub(&b, memory);
    for (size_t i = 0; i < 40; i++)
        for (size_t k = i % 2 ? 0 : BLOCK_WORD, size = (i % BLOCK_CLASSES + 1) * BLOCK_WORD; k < size; k++)
            cr_assert_eq(((char *)pieces[i])[k], i % 2 ? 'x' : 0, "piece %zu, byte %zu", i, k);
    for (size_t i = b.top * BLOCK_WORD; i < b.end * BLOCK_WORD; i++)
        cr_assert_eq(memory[i], 0);
    for (size_t i = 0; i < 40; i += 2)
        cr_expect_not_null(take(&b, memory, (i % BLOCK_CLASSES + 1) * BLOCK_WORD), "the lists are as before");
}

Test(vm_block, sizes_that_no_block_has) {
    struct block b = fresh();
    cr_expect_null(take(&b, memory, SIZE));
    cr_expect_null(take(&b, memory, (size_t)1 << 40));
    cr_expect_null(take(&b, memory, SIZE_MAX));
    cr_expect_not_null(take(&b, memory, SIZE - HEAD));
}
