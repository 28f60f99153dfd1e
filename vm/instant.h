/*
 * instant: a point in time with whole nanoseconds, and what one can do with it, zones included.
 *
 * Instants reach about 285 million years to both sides of 1970; results beyond are reported, never wrapped. Durations are
 * nanoseconds in 64 bits (292 years). Pure functions, callable from any thread.
 */
#ifndef VM_INSTANT_H
#define VM_INSTANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vm/civil.h"
#include "vm/tz.h"

struct instant {
    int64_t sec; /* since 1970-01-01 00:00 UTC, |sec| <= CIVIL_SEC_MAX */
    int32_t ns;  /* 0..999,999,999 */
};

/* The first moment of the year 1, UTC: Go's zero time. */
#define INSTANT_ZERO_SEC INT64_C(-62135596800)

struct instant instant_now(void);

/* From seconds and any number of nanoseconds. Here and below: false, leaving *out alone, when out of range. */
bool instant_make(int64_t sec, int64_t ns, struct instant *out);

/* Whether the fields of `t` are in range; for values that come from bytes. */
bool instant_valid(struct instant t);

bool instant_add(struct instant t, int64_t dur, struct instant *out);

/* a - b; the nearest possible duration when it does not fit one. */
int64_t instant_sub(struct instant a, struct instant b);

/* < 0, 0, > 0 */
int instant_cmp(struct instant a, struct instant b);

/* To a multiple of `dur` since the zero time; down, or to the nearest, the later one of two. dur <= 0 changes nothing. */
bool instant_truncate(struct instant t, int64_t dur, struct instant *out);
bool instant_round(struct instant t, int64_t dur, struct instant *out);

/* A date and time in a zone; each number may have any value (see civil_join). */
struct instant_fields {
    int64_t year, month, day, hour, minute, second, ns;
};

bool instant_from_fields(const struct instant_fields *f, const struct zone *z, struct instant *out);

/* The same wall clock so many years, months and days later; then normalised, so Jan 31 and one month is Mar 2 or 3. */
bool instant_add_date(struct instant t, const struct zone *z, int64_t years, int64_t months, int64_t days,
                      struct instant *out);

/* The calendar in a zone; `clock` may be NULL. */
void instant_split(struct instant t, const struct zone *z, struct civil *c, struct zone_clock *clock);

/* Room for Go's own layouts in every zone of the database, NUL included. */
#define INSTANT_TEXT_MAX 128

/* What timelayout_format does, for an instant in a zone. */
size_t instant_format(struct instant t, const struct zone *z, const char *layout, size_t len, char *buf,
                      size_t cap);

/*
 * Reads `text` by `layout`. Text without a zone is in `by_default`; an offset or an abbreviation that `home` has at that time
 * gives `home`, else a fixed zone whose name points into `text`. On failure `why` says what did not fit, in Go's words.
 */
bool instant_parse(const char *layout, size_t layout_len, const char *text, size_t text_len,
                   const struct zone *by_default, const struct zone *home, struct instant *out,
                   struct zone *z, char *why, size_t cap);

#endif
