#include "vm/tz.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "vm/civil.h"

static struct zone load(const char *name) {
    struct zone z;
    cr_assert_eq(zone_load(name, strlen(name), &z), TZ_OK, "%s", name);
    return z;
}

static void check_at(const char *name, int64_t sec, int32_t offset, const char *abbr) {
    struct zone z = load(name);
    struct zone_clock c;
    zone_at(&z, sec, &c);
    cr_expect_eq(c.offset, offset, "%s %lld: offset %d, wanted %d", name, (long long)sec, c.offset, offset);
    cr_expect(c.abbr_len == strlen(abbr) && memcmp(c.abbr, abbr, c.abbr_len) == 0, "%s %lld: %.*s, wanted %s",
              name, (long long)sec, (int)c.abbr_len, c.abbr, abbr);
}

Test(tz, offsets_through_the_centuries) {
    check_at("America/New_York", -5000000000, -17762, "LMT");
    check_at("America/New_York", 1720000000, -14400, "EDT");
    check_at("America/New_York", 1735689600, -18000, "EST");
    check_at("Europe/Berlin", 1711846799, 3600, "CET");
    check_at("Europe/Berlin", 1711846800, 7200, "CEST");
    check_at("Europe/Berlin", 1729990799, 7200, "CEST");
    check_at("Europe/Berlin", 1729990800, 3600, "CET");
    check_at("Asia/Kolkata", 0, 19800, "IST");
    check_at("America/Sao_Paulo", 1735689600, -10800, "-03");
    check_at("Pacific/Apia", 0, -39600, "-11");
    check_at("Pacific/Apia", 1735689600, 46800, "+13");
    check_at("Etc/GMT+5", 0, -18000, "-05");
    check_at("UTC", 1735689600, 0, "UTC");
    check_at("", 1735689600, 0, "UTC");
}

Test(tz, future_follows_the_last_rule_for_ever) {
    /* 2 July and 2 January of the year 2100, and the same days so many calendar cycles later. */
    for (int64_t cycles = 0; cycles < 700000; cycles = cycles * 7 + 1) {
        int64_t shift = cycles * CIVIL_CYCLE_SEC;
        check_at("Europe/Berlin", 4118083200 + shift, 7200, "CEST");
        check_at("Europe/Berlin", 4102444800 + shift, 3600, "CET");
        check_at("Australia/Sydney", 4118083200 + shift, 36000, "AEST");
        check_at("Australia/Sydney", 4102444800 + shift, 39600, "AEDT");
        check_at("Europe/Dublin", 4102444800 + shift, 0, "GMT");
    }
    check_at("Europe/Berlin", -CIVIL_SEC_MAX, 3208, "LMT");
}

Test(tz, unknown_names) {
    static const char *const names[] = {"Nowhere/City",
                                        "/etc/localtime",
                                        "../zoneinfo/UTC",
                                        "Europe/../Europe/Berlin",
                                        "+05:00",
                                        "GMT+5",
                                        "EST5EDT,M3.2.0,M11.1.0",
                                        "Europe",
                                        "Europe/",
                                        "Europe//Berlin",
                                        "europe/berlin\n",
                                        "zone.tab",
                                        "tzdata.zi",
                                        "utc ",
                                        "local"};
    struct zone z;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cr_expect_eq(zone_load(names[i], strlen(names[i]), &z), TZ_UNKNOWN, "%s", names[i]);
    cr_expect_eq(zone_load("Europe/Berlin\0x", 15, &z), TZ_UNKNOWN);
    char longest[5000];
    memset(longest, 'a', sizeof longest);
    cr_expect_eq(zone_load(longest, sizeof longest, &z), TZ_UNKNOWN);
}

Test(tz, one_zone_per_name) {
    struct zone a = load("Europe/Berlin"), b = load("Europe/Berlin"), c = load("Europe/Paris");
    cr_expect_eq(a.tz, b.tz);
    cr_expect(zone_same(&a, &b));
    cr_expect_not(zone_same(&a, &c));
    size_t len;
    cr_expect_arr_eq(zone_name(&a, &len), "Europe/Berlin", 13);
    cr_expect_eq(len, 13);
    struct zone utc = load("UTC"), empty = load(""), local = load("Local");
    cr_expect(zone_is_utc(&utc) && zone_is_utc(&empty) && !zone_is_utc(&local));
    cr_expect(zone_is_local(&local) && !zone_is_local(&utc));
    cr_expect_arr_eq(zone_name(&local, &len), "Local", 5);
    struct zone f = zone_fixed("X", 1, 60), g = zone_fixed("X", 1, 61), h = zone_fixed("Y", 1, 60);
    cr_expect(zone_same(&f, &f));
    cr_expect(!zone_same(&f, &g) && !zone_same(&f, &h) && !zone_same(&f, &a));
}

Test(tz, fixed) {
    struct zone z = zone_fixed("ABC", 3, -3600);
    struct zone_clock c;
    zone_at(&z, 1700000000, &c);
    cr_expect_eq(c.offset, -3600);
    cr_expect_eq(c.abbr_len, 3);
    cr_expect_eq(zone_from_wall(&z, 0), 3600);
    z = zone_fixed(NULL, 0, 0);
    zone_at(&z, 0, &c);
    cr_expect_eq(c.abbr_len, 0);
    cr_expect_not_null(c.abbr);
}

Test(tz, abbreviations) {
    struct zone london = load("Europe/London"), berlin = load("Europe/Berlin"), utc = zone_utc();
    int32_t offset;
    cr_expect(zone_find_abbr(&berlin, "CEST", 4, 1720000000, &offset));
    cr_expect_eq(offset, 7200);
    cr_expect(zone_find_abbr(&berlin, "CEST", 4, 1705312800, &offset), "known, though not in January");
    cr_expect_eq(offset, 7200);
    /* British Standard Time was an hour ahead all year in 1968-71, BST as summer time is too; double summer time was two. */
    cr_expect(zone_find_abbr(&london, "BDST", 4, -899474400, &offset));
    cr_expect_eq(offset, 7200);
    cr_expect_not(zone_find_abbr(&berlin, "EST", 3, 0, &offset));
    cr_expect_not(zone_find_abbr(&berlin, "", 0, 0, &offset));
    cr_expect(zone_find_abbr(&utc, "UTC", 3, 0, &offset));
    cr_expect_eq(offset, 0);
    cr_expect_not(zone_find_abbr(&utc, "CET", 3, 0, &offset));
    struct zone nameless = zone_fixed("", 0, 60);
    cr_expect_not(zone_find_abbr(&nameless, "", 0, 0, &offset));
}

Test(tz, from_wall) {
    struct zone berlin = load("Europe/Berlin");
    /* 2024-07-01 12:00 and 2024-01-01 12:00 */
    cr_expect_eq(zone_from_wall(&berlin, 1719835200), 1719835200 - 7200);
    cr_expect_eq(zone_from_wall(&berlin, 1704110400), 1704110400 - 3600);
    /* 2024-03-31 02:30 did not exist, 2024-10-27 02:30 was there twice: either offset of that day will do. */
    int64_t gap = zone_from_wall(&berlin, 1711852200) - 1711852200;
    cr_expect(gap == -3600 || gap == -7200);
    int64_t twice = zone_from_wall(&berlin, 1729996200) - 1729996200;
    cr_expect(twice == -3600 || twice == -7200);
}

static void check_local(const char *env, const char *abbr, int32_t offset) {
    if (env)
        setenv("TZ", env, 1);
    else
        unsetenv("TZ");
    check_at("Local", 1720000000, offset, abbr);
}

Test(tz, local_from_environment) {
    check_local("America/New_York", "EDT", -14400);
}

Test(tz, local_from_empty_environment) {
    check_local("", "UTC", 0);
}

Test(tz, local_from_wrong_environment) {
    check_local("No/Where", "UTC", 0);
}

static void *load_many(void *seen) {
    static const char *const names[] = {"Europe/Berlin", "Europe/Paris", "Asia/Tokyo",
                                        "America/Lima",  "Africa/Cairo", "Asia/Dubai"};
    for (int i = 0; i < 600; i++)
        ((const struct tz **)seen)[i % 6] = load(names[i % 6]).tz;
    return NULL;
}

Test(tz, threads_agree) {
    pthread_t threads[4];
    const struct tz *seen[4][6];
    for (int i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, load_many, seen[i]), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (int i = 1; i < 4; i++)
        cr_expect_arr_eq(seen[i], seen[0], sizeof seen[0]);
}
