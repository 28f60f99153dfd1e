/*
 * image: a picture of a new state, from which others are made by copying. Internal to vm/life.c.
 *
 * A new state lies in one block (vm/block.h) with everything that it has, our struct included. Two of them that
 * were made alike in different places differ only where words hold addresses within their block, each by the distance of the
 * two: that is how image_make finds out which words those are, and that there is nothing else to it. Making a state
 * takes some 45,000 instructions, copying one 3,000.
 *
 * Immutable; used by any thread. Owned by the vm (states with no entry's code) or by an entry (with its code).
 */
#ifndef VM_IMAGE_H
#define VM_IMAGE_H

#include <stddef.h>

struct image;

/*
 * From the first `bytes` bytes of two blocks, which were filled with zeros before the states in them were made. NULL: they
 * differ in more than addresses, or there is no memory. The blocks stay the caller's.
 */
struct image *image_make(const void *one, const void *other, size_t bytes);

/* Writes a state to the block at `to`, aligned like the two; what is behind those bytes stays as it is. */
void image_copy(const struct image *im, void *to);

void image_free(struct image *im); /* NULL: nothing */

#endif
