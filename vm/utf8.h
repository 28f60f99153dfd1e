/* utf8: whether bytes are well-formed UTF-8. Pure functions, callable from any thread. */
#ifndef VM_UTF8_H
#define VM_UTF8_H

#include <stddef.h>

/*
 * The length, 1..4, of the well-formed character at the beginning of the `len` > 0 bytes at `s`; 0 when there is none (overlong forms,
 * surrogates and what lies beyond U+10FFFF are none).
 */
static inline size_t utf8_char_len(const char *s, size_t len) {
    const unsigned char *u = (const unsigned char *)s;
    if (u[0] < 0x80)
        return 1;
    size_t n = u[0] >= 0xf0 ? 4 : u[0] >= 0xe0 ? 3 : 2;
    if (u[0] < 0xc2 || u[0] > 0xf4 || n > len)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((u[i] & 0xc0) != 0x80)
            return 0;
    if ((u[0] == 0xe0 && u[1] < 0xa0) || (u[0] == 0xed && u[1] >= 0xa0) || (u[0] == 0xf0 && u[1] < 0x90) ||
        (u[0] == 0xf4 && u[1] >= 0x90))
        return 0;
    return n;
}

#endif
