#include "base/dur.h"

#include <string.h>

/* Two spellings of the micro sign are in use: U+00B5 (written when printing) and the Greek letter U+03BC. */
#define MICRO_SIGN "\xc2\xb5"
#define GREEK_MU "\xce\xbc"

/* The magnitude of INT64_MIN; the largest that a negative duration may have. */
#define MAGNITUDE_MAX (UINT64_C(1) << 63)

static const struct {
    const char *name;
    uint64_t ns;
} units[] = {
    {"ns", 1},      {"us", DUR_US}, {MICRO_SIGN "s", DUR_US}, {GREEK_MU "s", DUR_US},
    {"ms", DUR_MS}, {"s", DUR_SEC}, {"m", DUR_MIN},           {"h", DUR_HOUR},
};

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static uint64_t unit_ns(const char *s, size_t n) {
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strlen(units[i].name) == n && memcmp(units[i].name, s, n) == 0)
            return units[i].ns;
    return 0;
}

/* The digits before the point. False on overflow. */
static bool read_whole(const char **p, const char *end, uint64_t *whole) {
    uint64_t v = 0;
    for (; *p < end && is_digit(**p); ++*p) {
        if (v > MAGNITUDE_MAX / 10)
            return false;
        v = v * 10 + (uint64_t)(**p - '0');
        if (v > MAGNITUDE_MAX)
            return false;
    }
    *whole = v;
    return true;
}

/* The digits after the point, as `frac` / `scale`. Digits past what 64 bits hold change nothing and are skipped. */
static void read_fraction(const char **p, const char *end, uint64_t *frac, double *scale) {
    bool full = false;
    *frac = 0;
    *scale = 1;
    for (; *p < end && is_digit(**p); ++*p) {
        if (full)
            continue;
        if (*frac > (MAGNITUDE_MAX - 1) / 10) {
            full = true;
            continue;
        }
        uint64_t next = *frac * 10 + (uint64_t)(**p - '0');
        if (next > MAGNITUDE_MAX) {
            full = true;
            continue;
        }
        *frac = next;
        *scale *= 10;
    }
}

/* One number with its unit, added to `*total`. */
static bool read_term(const char **p, const char *end, uint64_t *total) {
    const char *start = *p;
    uint64_t value, frac = 0;
    double scale = 1;
    if (!read_whole(p, end, &value))
        return false;
    bool digits = *p != start;
    if (*p < end && **p == '.') {
        const char *point = ++*p;
        read_fraction(p, end, &frac, &scale);
        digits = digits || *p != point;
    }
    if (!digits)
        return false;

    const char *name = *p;
    while (*p < end && **p != '.' && !is_digit(**p))
        ++*p;
    uint64_t unit = unit_ns(name, (size_t)(*p - name));
    if (unit == 0 || value > MAGNITUDE_MAX / unit)
        return false;
    value *= unit;
    /* the order of these floating point operations decides the last nanosecond: keep Go's */
    if (frac > 0)
        value += (uint64_t)((double)frac * ((double)unit / scale));
    if (value > MAGNITUDE_MAX || *total > MAGNITUDE_MAX - value)
        return false;
    *total += value;
    return true;
}

bool dur_parse(const char *s, size_t n, int64_t *ns) {
    const char *p = s, *end = s + n;
    bool negative = false;
    if (p < end && (*p == '-' || *p == '+'))
        negative = *p++ == '-';
    if (end - p == 1 && *p == '0') {
        *ns = 0;
        return true;
    }
    if (p == end)
        return false;

    uint64_t total = 0;
    while (p < end)
        if (!read_term(&p, end, &total))
            return false;
    if (!negative && total > INT64_MAX)
        return false;
    *ns = (int64_t)(negative ? -total : total);
    return true;
}

/* Both writers below fill a buffer from its end towards its start and return the new start. */
static char *put_whole(char *w, uint64_t v) {
    do
        *--w = (char)('0' + v % 10);
    while ((v /= 10) > 0);
    return w;
}

/* Writes `v` with `digits` decimals, trailing zeros (and a bare point) left out; `*whole` gets what is before them. */
static char *put_fraction(char *w, uint64_t v, int digits, uint64_t *whole) {
    bool significant = false;
    for (int i = 0; i < digits; i++, v /= 10) {
        significant = significant || v % 10 != 0;
        if (significant)
            *--w = (char)('0' + v % 10);
    }
    if (significant)
        *--w = '.';
    *whole = v;
    return w;
}

/* Under a second: one number in the largest unit that leaves at least one digit before the point. */
static char *put_small(char *w, uint64_t v) {
    static const struct {
        uint64_t below;
        int digits;
        const char *unit;
    } scales[] = {{DUR_US, 0, "ns"}, {DUR_MS, 3, MICRO_SIGN "s"}, {DUR_SEC, 6, "ms"}};
    int i = 0;
    while (v >= scales[i].below)
        i++;
    size_t len = strlen(scales[i].unit);
    w = memcpy(w - len, scales[i].unit, len);
    uint64_t whole;
    w = put_fraction(w, v, scales[i].digits, &whole);
    return put_whole(w, whole);
}

static char *put_large(char *w, uint64_t v) {
    uint64_t seconds;
    *--w = 's';
    w = put_fraction(w, v, 9, &seconds);
    w = put_whole(w, seconds % 60);
    uint64_t minutes = seconds / 60;
    if (minutes > 0) {
        *--w = 'm';
        w = put_whole(w, minutes % 60);
        if (minutes >= 60) {
            *--w = 'h';
            w = put_whole(w, minutes / 60);
        }
    }
    return w;
}

size_t dur_format(int64_t ns, char *buf, size_t cap) {
    char text[DUR_TEXT_MAX], *end = text + sizeof text, *w = end;
    uint64_t v = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;
    if (v == 0) {
        w = memcpy(w - 2, "0s", 2);
    } else {
        w = v < (uint64_t)DUR_SEC ? put_small(w, v) : put_large(w, v);
        if (ns < 0)
            *--w = '-';
    }
    size_t len = (size_t)(end - w);
    if (cap > 0) {
        size_t kept = len < cap ? len : cap - 1;
        memcpy(buf, w, kept);
        buf[kept] = '\0';
    }
    return len;
}
