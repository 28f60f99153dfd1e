#include "config/utf8.h"

size_t utf8_next(const char *s, size_t n, uint32_t *c) {
    /* by length: bits of the first byte that are fixed, and the smallest number that needs so many bytes */
    static const struct {
        unsigned char mask, lead;
        uint32_t least;
    } forms[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
    unsigned char first = (unsigned char)s[0];
    for (size_t len = 1; len <= sizeof forms / sizeof forms[0]; len++) {
        if ((first & forms[len - 1].mask) != forms[len - 1].lead)
            continue;
        if (len > n)
            return 0;
        uint32_t v = first & (unsigned char)~forms[len - 1].mask;
        for (size_t i = 1; i < len; i++) {
            if ((s[i] & 0xc0) != 0x80)
                return 0;
            v = v << 6 | ((unsigned char)s[i] & 0x3f);
        }
        if (v < forms[len - 1].least || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
            return 0;
        *c = v;
        return len;
    }
    return 0;
}

size_t utf8_valid(const char *s, size_t n) {
    size_t i = 0;
    while (i < n) {
        uint32_t c;
        size_t len = utf8_next(s + i, n - i, &c);
        if (len == 0)
            return i;
        i += len;
    }
    return n;
}
