/*
 * repeats: holds back what is said again and again, and counts it.
 *
 * The same thing may be said REPEATS_BURST times in REPEATS_WINDOW; what comes on top is counted, and the count is told
 * when the window is over. A fixed table: a rare collision of two things only makes one of them heard once more.
 * Time is given by the caller. Not thread-safe by itself.
 */
#ifndef SRC_REPEATS_H
#define SRC_REPEATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/dur.h"

#define REPEATS_BURST 10
#define REPEATS_WINDOW (10 * DUR_SEC)
#define REPEATS_SLOTS 128
#define REPEATS_TEXT 200

struct repeat {
    uint64_t key;
    int64_t until; /* end of the window; 0: unused */
    uint32_t said;
    uint32_t held;
    int level;
    char msg[REPEATS_TEXT], entry[REPEATS_TEXT]; /* cut */
};

struct repeats {
    struct repeat slots[REPEATS_SLOTS];
};

/* What one thing is known by: FNV-1a over the parts; start with REPEATS_KEY. */
#define REPEATS_KEY UINT64_C(14695981039346656037)
uint64_t repeats_key(uint64_t key, const char *s, size_t n);

/*
 * Whether it may be said now. If the place was taken by something whose window is over and of which some were held back,
 * that is copied to *over (else over->held is 0).
 */
bool repeats_admit(struct repeats *r, uint64_t key, int level, const char *msg, size_t msg_len,
                   const char *entry, int64_t now, struct repeat *over);

/* Finds one whose window is over with some held back: copies it to *over, forgets it, true. */
bool repeats_over(struct repeats *r, int64_t now, struct repeat *over);

/* When the next such window ends; INT64_MAX: nothing is held back. */
int64_t repeats_next(const struct repeats *r);

#endif
