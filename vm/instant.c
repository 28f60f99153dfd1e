#include "vm/instant.h"

#include <string.h>

#include "base/clock.h"
#include "vm/timelayout.h"

#define NS_PER_SEC CLOCK_NS_PER_SEC

struct instant instant_now(void) {
    int64_t ns = clock_wall_ns();
    struct instant t = {0, 0};
    instant_make(0, ns, &t);
    return t;
}

bool instant_valid(struct instant t) {
    return t.sec >= -CIVIL_SEC_MAX && t.sec <= CIVIL_SEC_MAX && t.ns >= 0 && t.ns < NS_PER_SEC;
}

bool instant_make(int64_t sec, int64_t ns, struct instant *out) {
    int64_t carry = ns / NS_PER_SEC;
    int32_t rest = (int32_t)(ns % NS_PER_SEC);
    if (rest < 0) {
        rest += (int32_t)NS_PER_SEC;
        carry--;
    }
    struct instant t = {0, rest};
    if (__builtin_add_overflow(sec, carry, &t.sec) || !instant_valid(t))
        return false;
    *out = t;
    return true;
}

bool instant_add(struct instant t, int64_t dur, struct instant *out) {
    /* In two steps, since t.ns + dur may overflow. */
    return instant_make(t.sec + dur / NS_PER_SEC, t.ns + dur % NS_PER_SEC, out);
}

int64_t instant_sub(struct instant a, struct instant b) {
    __int128 d = (__int128)(a.sec - b.sec) * NS_PER_SEC + (a.ns - b.ns);
    return d > INT64_MAX ? INT64_MAX : d < INT64_MIN ? INT64_MIN : (int64_t)d;
}

int instant_cmp(struct instant a, struct instant b) {
    if (a.sec != b.sec)
        return a.sec < b.sec ? -1 : 1;
    return (a.ns > b.ns) - (a.ns < b.ns);
}

/* How far `t` is past a multiple of `dur` > 0. */
static int64_t past_multiple(struct instant t, int64_t dur) {
    __int128 since_zero = (__int128)(t.sec - INSTANT_ZERO_SEC) * NS_PER_SEC + t.ns;
    int64_t r = (int64_t)(since_zero % dur);
    return r < 0 ? r + dur : r;
}

bool instant_truncate(struct instant t, int64_t dur, struct instant *out) {
    return instant_add(t, dur > 0 ? -past_multiple(t, dur) : 0, out);
}

bool instant_round(struct instant t, int64_t dur, struct instant *out) {
    if (dur <= 0)
        return instant_add(t, 0, out);
    int64_t r = past_multiple(t, dur);
    return instant_add(t, r < dur - r ? -r : dur - r, out);
}

bool instant_from_fields(const struct instant_fields *f, const struct zone *z, struct instant *out) {
    struct instant part;
    int64_t wall;
    /* Nanoseconds first: they may carry into the seconds, which may be anything as well. */
    if (!instant_make(0, f->ns, &part) || __builtin_add_overflow(f->second, part.sec, &part.sec) ||
        !civil_join(f->year, f->month, f->day, f->hour, f->minute, part.sec, &wall))
        return false;
    return instant_make(zone_from_wall(z, wall), part.ns, out);
}

void instant_split(struct instant t, const struct zone *z, struct civil *c, struct zone_clock *clock) {
    struct zone_clock own;
    if (!clock)
        clock = &own;
    zone_at(z, t.sec, clock);
    civil_split(t.sec + clock->offset, c);
}

bool instant_add_date(struct instant t, const struct zone *z, int64_t years, int64_t months, int64_t days,
                      struct instant *out) {
    struct civil c;
    instant_split(t, z, &c, NULL);
    struct instant_fields f = {.hour = c.hour, .minute = c.minute, .second = c.second, .ns = t.ns};
    if (__builtin_add_overflow(c.year, years, &f.year) || __builtin_add_overflow(c.month, months, &f.month) ||
        __builtin_add_overflow(c.day, days, &f.day))
        return false;
    return instant_from_fields(&f, z, out);
}

size_t instant_format(struct instant t, const struct zone *z, const char *layout, size_t len, char *buf,
                      size_t cap) {
    struct zone_clock clock;
    struct timelayout_time text = {.ns = t.ns};
    instant_split(t, z, &text.civil, &clock);
    text.offset = clock.offset;
    text.abbr = clock.abbr;
    text.abbr_len = clock.abbr_len;
    return timelayout_format(layout, len, &text, buf, cap);
}

/* The offset that "GMT+3" names, in seconds; 0 for any other abbreviation. */
static int32_t gmt_offset(const char *abbr, size_t len) {
    int32_t hours = 0;
    if (len <= 4 || memcmp(abbr, "GMT", 3) != 0)
        return 0;
    for (size_t i = 4; i < len; i++)
        hours = hours * 10 + (abbr[i] - '0');
    return (abbr[3] == '-' ? -hours : hours) * 3600;
}

bool instant_parse(const char *layout, size_t layout_len, const char *text, size_t text_len,
                   const struct zone *by_default, const struct zone *home, struct instant *out,
                   struct zone *z, char *why, size_t cap) {
    struct timelayout_fields f;
    int64_t wall = 0;
    if (!timelayout_parse(layout, layout_len, text, text_len, &f, why, cap))
        return false;
    civil_join(f.year, f.month, f.day, f.hour, f.minute, f.second,
               &wall); /* years 0 to 9999 are all in range */
    struct zone_clock clock;
    int32_t offset;
    switch (f.zone) {
    case TIMELAYOUT_ZONE_NONE:
        *z = *by_default;
        *out = (struct instant){zone_from_wall(z, wall), f.ns};
        return true;
    case TIMELAYOUT_ZONE_UTC:
        *z = zone_utc();
        *out = (struct instant){wall, f.ns};
        return true;
    case TIMELAYOUT_ZONE_OFFSET:
        *out = (struct instant){wall - f.offset, f.ns};
        zone_at(home, out->sec, &clock);
        if (clock.offset == f.offset && (f.abbr_len == 0 || (clock.abbr_len == f.abbr_len &&
                                                             memcmp(clock.abbr, f.abbr, f.abbr_len) == 0)))
            *z = *home;
        else
            *z = zone_fixed(f.abbr, f.abbr_len, f.offset);
        return true;
    default:
        if (zone_find_abbr(home, f.abbr, f.abbr_len, wall, &offset)) {
            *z = *home;
        } else {
            offset = gmt_offset(f.abbr, f.abbr_len);
            *z = zone_fixed(f.abbr, f.abbr_len, offset);
        }
        *out = (struct instant){wall - offset, f.ns};
        return true;
    }
}
