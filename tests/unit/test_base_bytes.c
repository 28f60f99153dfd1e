#include "base/bytes.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { MOST = 200 };

/* Memory that ends with the last byte, so that AddressSanitizer sees whoever reads or writes behind it. */
static char *exactly(size_t n) {
    char *p = malloc(n);
    for (size_t i = 0; i < n; i++)
        p[i] = (char)(i * 37 + 11);
    return p;
}

Test(base_bytes, one_byte_that_differs_is_seen_wherever_it_stands) {
    for (size_t n = 0; n <= MOST; n++) {
        char *a = exactly(n), *b = exactly(n);
        cr_expect(same_bytes(a, b, n), "%zu bytes", n);
        for (size_t at = 0; at < n; at++)
            for (int bit = 0; bit < 8; bit++) {
                b[at] ^= (char)(1 << bit);
                cr_expect(!same_bytes(a, b, n), "%zu bytes, byte %zu, bit %d", n, at, bit);
                b[at] ^= (char)(1 << bit);
            }
        free(a);
        free(b);
    }
}

Test(base_bytes, all_bytes_are_copied_and_no_more) {
    for (size_t n = 0; n <= MOST; n++) {
        char *from = exactly(n), *to = calloc(1, n + 2);
        copy_bytes(to + 1, from, n);
        cr_expect(n == 0 || memcmp(to + 1, from, n) == 0, "%zu bytes", n);
        cr_expect(to[0] == 0 && to[n + 1] == 0, "%zu bytes", n);
        free(from);
        free(to);
    }
}
