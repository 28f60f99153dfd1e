#include "vm/image.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"

/* LuaJIT keeps a value's type in the bits above its address. */
#define ADDRESS_MASK ((UINT64_C(1) << 47) - 1)

struct image {
    struct part {
        size_t words, room;
        size_t moving; /* words, of any part, that hold addresses in this one */
    } parts[IMAGE_BLOCKS];
    uint16_t *where; /* which: those for the first part, those for the second; behind `word` */
    uint64_t word[]; /* of all parts, in a row; addresses as distances from the begin of their part */
};

/* The part that both words hold addresses of; -1: none. */
static int part_of(const struct image_part one[], const struct image_part other[], uint64_t word,
                   uint64_t other_word) {
    for (int k = 0; k < IMAGE_BLOCKS; k++)
        if (one[k].at && other_word - word == (uintptr_t)other[k].at - (uintptr_t)one[k].at &&
            (word & ADDRESS_MASK) - (uintptr_t)one[k].at < one[k].room)
            return k;
    return -1;
}

/* Counts the words that differ, by the part whose addresses they hold, and writes them down if `im` is given; false: one of
 * them holds no address. */
static bool compare(const struct image_part one[], const struct image_part other[],
                    size_t moving[IMAGE_BLOCKS], struct image *im) {
    size_t at = 0;
    for (int p = 0; p < IMAGE_BLOCKS; p++) {
        const uint64_t *a = one[p].at, *b = other[p].at;
        for (size_t i = 0; i < one[p].bytes / sizeof *a; i++, at++) {
            int part = a[i] == b[i] ? -1 : part_of(one, other, a[i], b[i]);
            if (a[i] != b[i] && part < 0)
                return false;
            if (im)
                im->word[at] = part < 0 ? a[i] : a[i] - (uintptr_t)one[part].at;
            if (im && part >= 0)
                im->where[(part ? im->parts[0].moving : 0) + moving[part]] = (uint16_t)at;
            if (part >= 0)
                moving[part]++;
        }
    }
    return true;
}

struct image *image_make(const struct image_part one[static IMAGE_BLOCKS],
                         const struct image_part other[static IMAGE_BLOCKS]) {
    size_t moving[IMAGE_BLOCKS] = {0}, words = 0, addresses = 0;
    for (int p = 0; p < IMAGE_BLOCKS; p++) {
        if (one[p].bytes != other[p].bytes || one[p].room != other[p].room)
            return NULL;
        words += one[p].bytes / sizeof(uint64_t);
    }
    if (words > UINT16_MAX || !compare(one, other, moving, NULL))
        return NULL;
    for (int p = 0; p < IMAGE_BLOCKS; p++)
        addresses += moving[p];
    struct image *im = mem_alloc(sizeof *im + words * sizeof im->word[0] + addresses * sizeof im->where[0]);
    if (!im)
        return NULL;
    im->where = (uint16_t *)(im->word + words);
    for (int p = 0; p < IMAGE_BLOCKS; p++) {
        im->parts[p] = (struct part){one[p].bytes / sizeof(uint64_t), one[p].at ? one[p].room : 0, moving[p]};
        moving[p] = 0;
    }
    compare(one, other, moving, im);
    return im;
}

size_t image_room(const struct image *im, unsigned part) {
    return im->parts[part].room;
}

void image_copy(const struct image *im, void *const to[static IMAGE_BLOCKS]) {
    const uint16_t *where = im->where;
    size_t first = im->parts[0].words;
    uint64_t *blocks[IMAGE_BLOCKS] = {to[0], to[1]};
    memcpy(blocks[0], im->word, first * sizeof(uint64_t));
    if (im->parts[1].words)
        memcpy(blocks[1], im->word + first, im->parts[1].words * sizeof(uint64_t));
    for (int p = 0; p < IMAGE_BLOCKS; p++)
        for (size_t i = 0; i < im->parts[p].moving; i++) {
            size_t at = *where++;
            uint64_t *word = at < first ? &blocks[0][at] : &blocks[1][at - first];
            *word += (uintptr_t)to[p];
        }
}

void image_free(struct image *im) {
    mem_free(im);
}
