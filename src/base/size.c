#include "base/size.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* From large to small: size_format takes the first that divides. */
static const struct {
    const char *name;
    int shift;
} units[] = {{"PiB", 50}, {"TiB", 40}, {"GiB", 30}, {"MiB", 20}, {"KiB", 10}, {"B", 0}, {"", 0}};

#define UNIT_COUNT (sizeof units / sizeof units[0])

bool size_parse(const char *s, size_t n, int64_t *bytes) {
    int64_t value = 0;
    size_t i = 0;
    for (; i < n && s[i] >= '0' && s[i] <= '9'; i++)
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, s[i] - '0', &value))
            return false;
    if (i == 0)
        return false;
    for (size_t u = 0; u < UNIT_COUNT; u++) {
        if (strlen(units[u].name) != n - i || memcmp(units[u].name, s + i, n - i) != 0)
            continue;
        if (value > INT64_MAX >> units[u].shift)
            return false;
        *bytes = value << units[u].shift;
        return true;
    }
    return false;
}

size_t size_format(int64_t bytes, char *buf, size_t cap) {
    size_t u = UNIT_COUNT - 1;
    if (bytes != 0)
        for (size_t i = UNIT_COUNT - 2; i-- > 0;)
            if (bytes % (INT64_C(1) << units[i].shift) == 0)
                u = i;
    int len = snprintf(buf, cap, "%" PRId64 "%s", bytes / (INT64_C(1) << units[u].shift), units[u].name);
    return (size_t)len;
}
