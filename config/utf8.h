/* Reading UTF-8. Pure, callable from any thread. */
#ifndef TROUPE_CONFIG_UTF8_H
#define TROUPE_CONFIG_UTF8_H

#include <stddef.h>
#include <stdint.h>

/*
 * Bytes of the character at `s` (`n` > 0 bytes are there), its number in `*c`; 0 when they are no UTF-8: cut short,
 * longer than needed, a surrogate, past U+10FFFF.
 */
size_t utf8_next(const char *s, size_t n, uint32_t *c);

/* Offset of the first byte that is no UTF-8; `n` when all of them are. */
size_t utf8_valid(const char *s, size_t n);

#endif
