#include "vm/instant.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SEC INT64_C(1000000000)

static struct zone load(const char *name) {
    struct zone z;
    cr_assert_eq(zone_load(name, strlen(name), &z), TZ_OK, "%s", name);
    return z;
}

static void check(bool ok, struct instant got, int64_t sec, int32_t ns) {
    cr_expect(ok);
    cr_expect(got.sec == sec && got.ns == ns, "got %lld.%09d, wanted %lld.%09d", (long long)got.sec, got.ns,
              (long long)sec, ns);
}

Test(instant, make_carries_nanoseconds) {
    struct instant t;
    check(instant_make(5, 1500000000, &t), t, 6, 500000000);
    check(instant_make(5, -1, &t), t, 4, 999999999);
    check(instant_make(0, INT64_MAX, &t), t, 9223372036, 854775807);
    check(instant_make(0, INT64_MIN, &t), t, -9223372037, 145224192);
    check(instant_make(CIVIL_SEC_MAX, 999999999, &t), t, CIVIL_SEC_MAX, 999999999);
    t = (struct instant){7, 7};
    cr_expect_not(instant_make(CIVIL_SEC_MAX, 1000000000, &t));
    cr_expect_not(instant_make(-CIVIL_SEC_MAX, -1, &t));
    cr_expect_not(instant_make(INT64_MAX, INT64_MAX, &t));
    cr_expect_not(instant_make(INT64_MIN, INT64_MIN, &t));
    check(true, t, 7, 7);
}

Test(instant, validity) {
    cr_expect(instant_valid((struct instant){0, 0}));
    cr_expect(instant_valid((struct instant){-CIVIL_SEC_MAX, 999999999}));
    cr_expect_not(instant_valid((struct instant){0, 1000000000}));
    cr_expect_not(instant_valid((struct instant){0, -1}));
    cr_expect_not(instant_valid((struct instant){INT64_MIN, 0}));
}

Test(instant, add_and_sub) {
    struct instant t, a = {100, 900000000};
    check(instant_add(a, 200000000, &t), t, 101, 100000000);
    check(instant_add(a, -950000000, &t), t, 99, 950000000);
    check(instant_add(a, INT64_MAX, &t), t, 9223372137, 754775807);
    check(instant_add(a, INT64_MIN, &t), t, -9223371936, 45224192);
    cr_expect_eq(instant_sub(t, a), INT64_MIN);
    cr_expect_eq(instant_sub(a, a), 0);
    cr_expect_eq(instant_sub((struct instant){1, 0}, (struct instant){0, 999999999}), 1);
    cr_expect_eq(instant_sub((struct instant){0, 999999999}, (struct instant){1, 0}), -1);
    cr_expect_eq(instant_sub((struct instant){CIVIL_SEC_MAX, 0}, (struct instant){-CIVIL_SEC_MAX, 0}),
                 INT64_MAX);
    cr_expect_eq(instant_sub((struct instant){-CIVIL_SEC_MAX, 0}, (struct instant){CIVIL_SEC_MAX, 0}),
                 INT64_MIN);
    cr_expect_not(instant_add((struct instant){CIVIL_SEC_MAX, 0}, SEC, &t));
}

Test(instant, order) {
    struct instant a = {1, 5}, b = {1, 6}, c = {2, 0};
    cr_expect(instant_cmp(a, b) < 0 && instant_cmp(b, a) > 0 && instant_cmp(a, a) == 0);
    cr_expect(instant_cmp(b, c) < 0 && instant_cmp(c, b) > 0);
}

Test(instant, now_is_now) {
    time_t before = time(NULL);
    struct instant t = instant_now();
    /* time() reads a coarser clock, which may lag behind. */
    cr_expect(t.sec >= before && t.sec <= time(NULL) + 1);
    cr_expect(instant_valid(t));
}

Test(instant, round_and_truncate) {
    /* 2012-12-07 12:15:30.918273645 */
    const struct instant t = {1354882530, 918273645};
    struct instant r;
    check(instant_round(t, 1, &r), r, 1354882530, 918273645);
    check(instant_round(t, 1000, &r), r, 1354882530, 918274000);
    check(instant_round(t, SEC, &r), r, 1354882531, 0);
    check(instant_round(t, 2 * SEC, &r), r, 1354882530, 0);
    check(instant_round(t, 60 * SEC, &r), r, 1354882560, 0);
    check(instant_round(t, 600 * SEC, &r), r, 1354882800, 0);
    check(instant_round(t, 3600 * SEC, &r), r, 1354881600, 0);
    check(instant_truncate(t, 1000, &r), r, 1354882530, 918273000);
    check(instant_truncate(t, SEC, &r), r, 1354882530, 0);
    check(instant_truncate(t, 60 * SEC, &r), r, 1354882500, 0);
    check(instant_truncate(t, 600 * SEC, &r), r, 1354882200, 0);
    /* Weeks begin on Monday: so did the year 1. */
    check(instant_truncate(t, 7 * 86400 * SEC, &r), r, 1354492800, 0);
    /* Half way up, also before the zero time. */
    check(instant_round((struct instant){0, 500000000}, SEC, &r), r, 1, 0);
    check(instant_round((struct instant){-62135596810, 500000000}, SEC, &r), r, -62135596809, 0);
    check(instant_truncate((struct instant){-62135596810, 500000000}, 7 * SEC, &r), r, -62135596814, 0);
    for (int64_t d = -1; d <= 0; d++) {
        check(instant_round(t, d, &r), r, t.sec, t.ns);
        check(instant_truncate(t, d, &r), r, t.sec, t.ns);
    }
    cr_expect_not(instant_round((struct instant){CIVIL_SEC_MAX, 999999999}, SEC, &r));
}

static void check_date(const char *zone, int64_t year, int64_t month, int64_t day, int64_t hour,
                       int64_t minute, int64_t second, int64_t ns, int64_t sec, int32_t got_ns) {
    struct zone z = load(zone);
    struct instant_fields f = {year, month, day, hour, minute, second, ns};
    struct instant t;
    check(instant_from_fields(&f, &z, &t), t, sec, got_ns);
}

Test(instant, from_fields) {
    check_date("UTC", 2024, 2, 29, 12, 30, 45, 123, 1709209845, 123);
    check_date("Europe/Berlin", 2024, 7, 1, 12, 0, 0, 0, 1719828000, 0);
    check_date("America/New_York", 2024, 7, 1, 12, 0, 0, 0, 1719849600, 0);
    check_date("UTC", 2024, 1, 1, 0, 0, 0, -1, 1704067199, 999999999);
    check_date("UTC", 2024, 1, 1, 0, 0, 0, 3500000000, 1704067203, 500000000);
    check_date("UTC", 1, 1, 1, 0, 0, 0, 0, INSTANT_ZERO_SEC, 0);
    struct zone utc = zone_utc();
    struct instant t;
    struct instant_fields far = {.year = INT64_MAX, .month = 1, .day = 1};
    cr_expect_not(instant_from_fields(&far, &utc, &t));
    struct instant_fields many_ns = {
        .year = 1970, .month = 1, .day = 1, .second = INT64_MAX, .ns = INT64_MAX};
    cr_expect_not(instant_from_fields(&many_ns, &utc, &t));
}

Test(instant, add_date) {
    struct zone utc = zone_utc(), berlin = load("Europe/Berlin");
    const struct instant jan31 = {1706659200, 5}; /* 2024-01-31 */
    struct instant t;
    check(instant_add_date(jan31, &utc, 0, 1, 0, &t), t, 1709337600, 5);  /* Mar 2, of which Feb has 29 */
    check(instant_add_date(jan31, &utc, 1, 0, 1, &t), t, 1738368000, 5);  /* 2025-02-01 */
    check(instant_add_date(jan31, &utc, 0, -1, 0, &t), t, 1703980800, 5); /* 2023-12-31 */
    check(instant_add_date(jan31, &utc, 0, 0, -31, &t), t, 1703980800, 5);
    /* A day across the beginning of summer time has 23 hours. */
    check(instant_add_date((struct instant){1711796400, 0}, &berlin, 0, 0, 1, &t), t, 1711796400 + 23 * 3600,
          0);
    cr_expect_not(instant_add_date(jan31, &utc, INT64_MAX, 0, 0, &t));
    cr_expect_not(instant_add_date(jan31, &utc, 0, INT64_MIN, 0, &t));
    cr_expect_not(instant_add_date(jan31, &utc, 0, 0, INT64_MAX, &t));
}

static void check_parse(const char *layout, const char *text, const struct zone *by_default,
                        const struct zone *home, int64_t sec, const char *zone, int32_t offset) {
    struct instant t;
    struct zone z;
    struct zone_clock c;
    char why[300] = "";
    cr_assert(
        instant_parse(layout, strlen(layout), text, strlen(text), by_default, home, &t, &z, why, sizeof why),
        "%s", why);
    zone_at(&z, t.sec, &c);
    size_t len;
    const char *name = zone_name(&z, &len);
    cr_expect_eq(t.sec, sec, "%s: %lld", text, (long long)t.sec);
    cr_expect_eq(c.offset, offset, "%s: %d", text, c.offset);
    cr_expect(len == strlen(zone) && memcmp(name, zone, len) == 0, "%s: %.*s", text, (int)len, name);
}

Test(instant, parse_finds_the_zone) {
    struct zone utc = zone_utc(), berlin = load("Europe/Berlin");
    check_parse("2006-01-02 15:04", "2024-07-01 12:00", &utc, &berlin, 1719835200, "UTC", 0);
    check_parse("2006-01-02 15:04", "2024-07-01 12:00", &berlin, &berlin, 1719828000, "Europe/Berlin", 7200);
    check_parse("2006-01-02 15:04Z07:00", "2024-07-01 12:00Z", &berlin, &berlin, 1719835200, "UTC", 0);
    check_parse("2006-01-02 15:04Z07:00", "2024-07-01 12:00+02:00", &utc, &berlin, 1719828000,
                "Europe/Berlin", 7200);
    check_parse("2006-01-02 15:04Z07:00", "2024-07-01 12:00+01:00", &utc, &berlin, 1719831600, "", 3600);
    check_parse("2006-01-02 15:04 -0700 MST", "2024-07-01 12:00 +0200 CEST", &utc, &berlin, 1719828000,
                "Europe/Berlin", 7200);
    check_parse("2006-01-02 15:04 -0700 MST", "2024-07-01 12:00 +0200 EET", &utc, &berlin, 1719828000, "EET",
                7200);
    check_parse("2006-01-02 15:04 MST", "2024-07-01 12:00 CEST", &utc, &berlin, 1719828000, "Europe/Berlin",
                7200);
    check_parse("2006-01-02 15:04 MST", "2024-07-01 12:00 CET", &utc, &berlin, 1719831600, "Europe/Berlin",
                7200);
    check_parse("2006-01-02 15:04 MST", "2024-07-01 12:00 PST", &utc, &berlin, 1719835200, "PST", 0);
    check_parse("2006-01-02 15:04 MST", "2024-07-01 12:00 GMT+3", &utc, &berlin, 1719824400, "GMT+3", 10800);
    check_parse("2006-01-02 15:04 MST", "2024-07-01 12:00 GMT-11", &utc, &berlin, 1719874800, "GMT-11",
                -39600);
    check_parse("2006-01-02 15:04 MST", "2024-07-01 12:00 UTC", &berlin, &berlin, 1719835200, "UTC", 0);
}

Test(instant, parse_says_why_not) {
    struct zone utc = zone_utc(), z;
    struct instant t;
    char why[300] = "";
    cr_expect_not(instant_parse("2006", 4, "x", 1, &utc, &utc, &t, &z, why, sizeof why));
    cr_expect_str_eq(why, "parsing time \"x\" as \"2006\": cannot parse \"x\" as \"2006\"");
}

Test(instant, format) {
    struct zone berlin = load("Europe/Berlin"), fixed = zone_fixed("", 0, 5400);
    const char *layout = "2006-01-02 15:04:05.999999999 -0700 MST";
    char text[INSTANT_TEXT_MAX];
    cr_expect_eq(instant_format((struct instant){1719828000, 5000}, &berlin, layout, strlen(layout), text,
                                sizeof text),
                 strlen(text));
    cr_expect_str_eq(text, "2024-07-01 12:00:00.000005 +0200 CEST");
    instant_format((struct instant){0, 0}, &fixed, layout, strlen(layout), text, sizeof text);
    cr_expect_str_eq(text, "1970-01-01 01:30:00 +0130 +0130");
    instant_format((struct instant){-CIVIL_SEC_MAX, 0}, &fixed, layout, strlen(layout), text, sizeof text);
    cr_expect_eq(text[0], '-');
}

Test(instant, text_reads_back) {
    const char *layout = "2006-01-02 15:04:05.999999999 -0700 MST";
    static const char *const zones[] = {"UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"};
    for (size_t k = 0; k < 4; k++) {
        struct zone z = load(zones[k]), got_zone;
        for (int64_t sec = 0; sec < 4000000000; sec += 7654321) {
            struct instant t = {sec, (int32_t)(sec * 7919 % SEC)}, got;
            char text[INSTANT_TEXT_MAX], why[300] = "";
            size_t n = instant_format(t, &z, layout, strlen(layout), text, sizeof text);
            cr_assert(
                instant_parse(layout, strlen(layout), text, n, &z, &z, &got, &got_zone, why, sizeof why),
                "%s", why);
            cr_assert_eq(instant_cmp(got, t), 0, "%s", text);
            cr_assert(zone_same(&got_zone, &z), "%s", text);
        }
    }
}
