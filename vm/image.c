#include "vm/image.h"

#include <stdint.h>
#include <string.h>

#include "base/alloc.h"

struct image {
    size_t words;
    size_t moving;   /* of them, how many hold addresses */
    uint16_t *where; /* which, behind `word` */
    uint64_t word[]; /* addresses as distances from the block's begin */
};

/* How many words differ, by `distance`; SIZE_MAX: some differ by something else. */
static size_t count_moving(const uint64_t *one, const uint64_t *other, size_t words) {
    uint64_t distance = (uintptr_t)other - (uintptr_t)one;
    size_t moving = 0;
    for (size_t i = 0; i < words; i++)
        if (one[i] != other[i]) {
            if (other[i] - one[i] != distance)
                return SIZE_MAX;
            moving++;
        }
    return moving;
}

struct image *image_make(const void *block_one, const void *block_other, size_t bytes) {
    const uint64_t *one = block_one, *other = block_other;
    size_t words = bytes / sizeof *one;
    size_t moving = count_moving(one, other, words);
    if (moving == SIZE_MAX || words > UINT16_MAX)
        return NULL;
    struct image *im = mem_alloc(sizeof *im + words * sizeof im->word[0] + moving * sizeof im->where[0]);
    if (!im)
        return NULL;
    *im = (struct image){.words = words, .where = (uint16_t *)(im->word + words)};
    for (size_t i = 0; i < words; i++) {
        im->word[i] = one[i];
        if (one[i] != other[i]) {
            im->word[i] -= (uintptr_t)one;
            im->where[im->moving++] = (uint16_t)i;
        }
    }
    return im;
}

void image_copy(const struct image *im, void *to) {
    uint64_t *word = to;
    memcpy(word, im->word, im->words * sizeof *word);
    for (size_t i = 0; i < im->moving; i++)
        word[im->where[i]] += (uintptr_t)to;
}

void image_free(struct image *im) {
    mem_free(im);
}
