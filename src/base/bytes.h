/*
 * bytes: memcmp and memcpy for the few bytes of a name, a topic or a pid, without a call. Any thread; nothing is owned.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t bytes_word(const char *p) {
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint32_t bytes_half(const char *p) {
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* same_bytes for runs of 8 bytes or more, best for a few words of them: never a call. */
static inline bool same_words(const char *a, const char *b, size_t n) {
    if (bytes_word(a + n - 8) != bytes_word(b + n - 8))
        return false;
    for (size_t i = 0; i + 8 < n; i += 8)
        if (bytes_word(a + i) != bytes_word(b + i))
            return false;
    return true;
}

/* Whether two runs of n bytes are the same. Their ends are looked at first: names that are made in a row differ there. */
static inline bool same_bytes(const char *a, const char *b, size_t n) {
    if (n < 4)
        return n == 0 || (a[n - 1] == b[n - 1] && a[n >> 1] == b[n >> 1] && a[0] == b[0]);
    if (n < 8)
        return bytes_half(a + n - 4) == bytes_half(b + n - 4) && bytes_half(a) == bytes_half(b);
    return n > 64 ? memcmp(a, b, n) == 0 : same_words(a, b, n);
}

/* memcpy: two moves that overlap up to 16 bytes, four up to 32. */
static inline void copy_bytes(char *to, const char *from, size_t n) {
    if (n > 32) {
        memcpy(to, from, n);
    } else if (n > 16) {
        uint64_t a = bytes_word(from), b = bytes_word(from + 8), c = bytes_word(from + n - 16),
                 d = bytes_word(from + n - 8);
        memcpy(to, &a, 8);
        memcpy(to + 8, &b, 8);
        memcpy(to + n - 16, &c, 8);
        memcpy(to + n - 8, &d, 8);
    } else if (n >= 8) {
        uint64_t a = bytes_word(from), b = bytes_word(from + n - 8);
        memcpy(to, &a, 8);
        memcpy(to + n - 8, &b, 8);
    } else if (n >= 4) {
        uint32_t a = bytes_half(from), b = bytes_half(from + n - 4);
        memcpy(to, &a, 4);
        memcpy(to + n - 4, &b, 4);
    } else if (n > 0) {
        char a = from[0], b = from[n >> 1], c = from[n - 1];
        to[0] = a;
        to[n >> 1] = b;
        to[n - 1] = c;
    }
}

#endif
