/*
 * rnd: numbers for tests, the same for the same seed.
 */
#ifndef TESTS_SUPPORT_RND_H
#define TESTS_SUPPORT_RND_H

#include <stdint.h>

/* xorshift64*, after S. Vigna; never 0 as state. */
struct rnd {
    uint64_t s;
};
static inline uint64_t rnd_next(struct rnd *r) {
    r->s ^= r->s >> 12;
    r->s ^= r->s << 25;
    r->s ^= r->s >> 27;
    return r->s * UINT64_C(2685821657736338717);
}
static inline uint64_t rnd_below(struct rnd *r, uint64_t n) {
    return (rnd_next(r) >> 11) % n;
}

/* Seeded by TROUPE_SEED, else by `fallback`; prints the seed. */
struct rnd rnd_open(const char *what, uint64_t fallback);

#endif
