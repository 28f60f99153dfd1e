/*
 * A 64-bit hash of bytes (FNV-1a, mixed at the end): tells whether a text changed. Not for tables that an attacker
 * fills, not a checksum against intent. Pure, callable from any thread.
 */
#ifndef TROUPE_CONFIG_HASH64_H
#define TROUPE_CONFIG_HASH64_H

#include <stddef.h>
#include <stdint.h>

#define HASH64_START UINT64_C(0xcbf29ce484222325)

/* Continues `h` (HASH64_START at first) with `n` bytes. */
static inline uint64_t hash64_add(uint64_t h, const void *data, size_t n) {
    const unsigned char *p = data;
    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * UINT64_C(0x100000001b3);
    return h;
}

/* The finished hash: every input bit reaches every output bit. */
static inline uint64_t hash64_end(uint64_t h) {
    h = (h ^ (h >> 33)) * UINT64_C(0xff51afd7ed558ccd);
    h = (h ^ (h >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
    return h ^ (h >> 33);
}

#endif
