/*
 * image: a picture of a new state, from which others are made by copying. Internal to vm/life.c.
 *
 * A new state lies in one block (vm/block.h) or two with everything that it has, our struct included. Two of them that
 * were made alike in different places differ only where words hold addresses within their blocks, each by the distance of
 * those: that is how image_make finds out which words those are, and that there is nothing else to it. Making a state
 * takes some 45,000 instructions, copying one 3,000.
 *
 * Immutable; used by any thread. Owned by the vm (states with no entry's code) or by an entry (with its code).
 */
#ifndef VM_IMAGE_H
#define VM_IMAGE_H

#include <stddef.h>

#define IMAGE_BLOCKS 2

/* A block of a state. */
struct image_part {
    void *at;     /* aligned to a word; NULL: the state has no such block */
    size_t bytes; /* of it that are copied, whole words; what is behind them stays as it is */
    size_t room;  /* its size, >= bytes */
};

struct image;

/*
 * From two states in blocks that were filled with zeros before the states were made; an address of a block's end, where
 * another one may begin, is not among what they hold. NULL: they differ in more than addresses, or there is no memory. The
 * blocks stay the caller's.
 */
struct image *image_make(const struct image_part one[static IMAGE_BLOCKS],
                         const struct image_part other[static IMAGE_BLOCKS]);

/* The size of the block that its part needs; 0: it has no such part. */
size_t image_room(const struct image *im, unsigned part);

/* Writes a state to blocks of these sizes. */
void image_copy(const struct image *im, void *const to[static IMAGE_BLOCKS]);

void image_free(struct image *im); /* NULL: nothing */

#endif
