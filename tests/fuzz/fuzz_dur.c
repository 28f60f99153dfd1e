/* Reads anything as a duration and as a size. What can be read is printed, and that must read as the same. */
#include "base/dur.h"
#include "base/size.h"

#include <stdint.h>
#include <stdlib.h>

static int64_t magnitude(int64_t v) {
    return v < 0 ? -(v + 1) : v;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = (const char *)data;
    int64_t v, back;
    char buf[DUR_TEXT_MAX + SIZE_TEXT_MAX];
    if (dur_parse(text, size, &v)) {
        size_t n = dur_format(v, buf, sizeof buf);
        /* fractions go through a double, as in Go: exact up to 2^53 in the digits after the point */
        if (n >= DUR_TEXT_MAX || !dur_parse(buf, n, &back) || magnitude(back - v) > 1)
            abort();
    }
    if (size_parse(text, size, &v)) {
        size_t n = size_format(v, buf, sizeof buf);
        if (v < 0 || n >= SIZE_TEXT_MAX || !size_parse(buf, n, &back) || back != v)
            abort();
    }
    return 0;
}
