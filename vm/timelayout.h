/*
 * timelayout: times as text after Go's layouts, in which the reference time "Mon Jan 2 15:04:05 MST 2006" shows how
 * each part is to look.
 *
 * This file knows text and calendar fields only: zones are an offset and an abbreviation here; what instant the fields are is
 * the caller's business (vm/instant.h). Pure functions, callable from any thread; no allocation.
 */
#ifndef VM_TIMELAYOUT_H
#define VM_TIMELAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vm/civil.h"

/* name in Lua, layout */
#define TIMELAYOUT_MAP(X)                                                                                    \
    X(LAYOUT, "01/02 03:04:05PM '06 -0700")                                                                  \
    X(ANSIC, "Mon Jan _2 15:04:05 2006")                                                                     \
    X(UNIX_DATE, "Mon Jan _2 15:04:05 MST 2006")                                                             \
    X(RUBY_DATE, "Mon Jan 02 15:04:05 -0700 2006")                                                           \
    X(RFC822, "02 Jan 06 15:04 MST")                                                                         \
    X(RFC822Z, "02 Jan 06 15:04 -0700")                                                                      \
    X(RFC850, "Monday, 02-Jan-06 15:04:05 MST")                                                              \
    X(RFC1123, "Mon, 02 Jan 2006 15:04:05 MST")                                                              \
    X(RFC1123Z, "Mon, 02 Jan 2006 15:04:05 -0700")                                                           \
    X(RFC3339, "2006-01-02T15:04:05Z07:00")                                                                  \
    X(RFC3339NANO, "2006-01-02T15:04:05.999999999Z07:00")                                                    \
    X(KITCHEN, "3:04PM")                                                                                     \
    X(STAMP, "Jan _2 15:04:05")                                                                              \
    X(STAMP_MILLI, "Jan _2 15:04:05.000")                                                                    \
    X(STAMP_MICRO, "Jan _2 15:04:05.000000")                                                                 \
    X(STAMP_NANO, "Jan _2 15:04:05.000000000")                                                               \
    X(DATE_TIME, "2006-01-02 15:04:05")                                                                      \
    X(DATE_ONLY, "2006-01-02")                                                                               \
    X(TIME_ONLY, "15:04:05")

#define X(name, text) static const char TIMELAYOUT_##name[] __attribute__((unused)) = text;
TIMELAYOUT_MAP(X)
#undef X

struct timelayout_time {
    struct civil civil; /* what the clock shows */
    int32_t ns;
    int32_t offset; /* seconds east of UTC */
    const char *abbr;
    size_t abbr_len; /* 0: none known, the offset is printed instead */
};

/*
 * Writes `t` as `layout` shows, and a NUL. Like snprintf: returns the length without the NUL, and cuts the text when
 * `cap` is too small (0 writes nothing).
 */
size_t timelayout_format(const char *layout, size_t len, const struct timelayout_time *t, char *buf,
                         size_t cap);

enum timelayout_zone {
    TIMELAYOUT_ZONE_NONE,   /* the text says nothing about it */
    TIMELAYOUT_ZONE_UTC,    /* "Z" or "UTC" */
    TIMELAYOUT_ZONE_OFFSET, /* an offset, perhaps an abbreviation too */
    TIMELAYOUT_ZONE_ABBR    /* an abbreviation only */
};

struct timelayout_fields {
    int year, month, day, hour, minute, second; /* a valid date and time */
    int32_t ns;
    enum timelayout_zone zone;
    int32_t offset;
    const char *abbr; /* inside the text given */
    size_t abbr_len;
};

/*
 * Reads `text`, all of it, by `layout`. What the layout does not mention is that of 0000-01-01 00:00:00. On failure
 * false, and `why` (NUL-terminated, cut at cap > 0) says in Go's words what did not fit where.
 */
bool timelayout_parse(const char *layout, size_t layout_len, const char *text, size_t text_len,
                      struct timelayout_fields *f, char *why, size_t cap);

#endif
