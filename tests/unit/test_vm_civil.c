#include "vm/civil.h"

#include <criterion/criterion.h>
#include <stdio.h>

static void check_split(int64_t sec, const char *wanted) {
    struct civil c;
    char got[80];
    civil_split(sec, &c);
    snprintf(got, sizeof got, "%lld-%02d-%02d %02d:%02d:%02d %d %d", (long long)c.year, c.month, c.day,
             c.hour, c.minute, c.second, c.weekday, c.year_day);
    cr_expect_str_eq(got, wanted, "%lld: got %s, wanted %s", (long long)sec, got, wanted);
}

Test(civil, known_days) {
    check_split(0, "1970-01-01 00:00:00 4 1");
    check_split(-1, "1969-12-31 23:59:59 3 365");
    check_split(951782400, "2000-02-29 00:00:00 2 60");
    check_split(1709251199, "2024-02-29 23:59:59 4 60");
    check_split(1735689599, "2024-12-31 23:59:59 2 366");
    check_split(-62135596800, "1-01-01 00:00:00 1 1");
    check_split(-62135596801, "0-12-31 23:59:59 0 366");
    check_split(253402300799, "9999-12-31 23:59:59 5 365");
    check_split(-2203891200, "1900-03-01 00:00:00 4 60");
}

Test(civil, far_away) {
    /* The same day of the calendar, so many whole cycles off. */
    const int64_t cycles = 700000;
    struct civil near, far;
    for (int64_t sec = -12345; sec < 4000000000; sec += 86400 * 17 + 12345) {
        civil_split(sec, &near);
        for (int sign = -1; sign <= 1; sign += 2) {
            civil_split(sec + sign * cycles * CIVIL_CYCLE_SEC, &far);
            cr_assert_eq(far.year, near.year + sign * cycles * CIVIL_CYCLE_YEARS);
            cr_assert_eq(far.month, near.month);
            cr_assert_eq(far.day, near.day);
            cr_assert_eq(far.weekday, near.weekday);
        }
    }
    civil_split(CIVIL_SEC_MAX, &far);
    civil_split(-CIVIL_SEC_MAX, &far);
}

Test(civil, every_day_of_two_cycles_follows_the_one_before) {
    struct civil c, prev;
    int64_t sec = -CIVIL_CYCLE_SEC - 719162 * CIVIL_DAY_SEC, back;
    civil_split(sec, &prev);
    for (int i = 1; i < 2 * 146097; i++) {
        civil_split(sec + i * CIVIL_DAY_SEC, &c);
        if (prev.day < civil_month_days(prev.year, prev.month)) {
            cr_assert(c.day == prev.day + 1 && c.month == prev.month && c.year == prev.year);
        } else if (prev.month < 12) {
            cr_assert(c.day == 1 && c.month == prev.month + 1 && c.year == prev.year);
        } else {
            cr_assert(c.day == 1 && c.month == 1 && c.year == prev.year + 1);
        }
        cr_assert_eq(c.weekday, (prev.weekday + 1) % 7);
        cr_assert_eq(c.year_day, c.month == 1 && c.day == 1 ? 1 : prev.year_day + 1);
        cr_assert(civil_join(c.year, c.month, c.day, 0, 0, 0, &back));
        cr_assert_eq(back, sec + i * CIVIL_DAY_SEC);
        prev = c;
    }
}

static void check_join(int64_t year, int64_t month, int64_t day, int64_t hour, int64_t minute, int64_t second,
                       const char *wanted) {
    int64_t sec;
    cr_assert(civil_join(year, month, day, hour, minute, second, &sec));
    check_split(sec, wanted);
}

Test(civil, join_normalises) {
    check_join(2023, 14, 1, 0, 0, 0, "2024-02-01 00:00:00 4 32");
    check_join(2024, 0, 1, 0, 0, 0, "2023-12-01 00:00:00 5 335");
    check_join(2024, -11, 1, 0, 0, 0, "2023-01-01 00:00:00 0 1");
    check_join(2024, -12, 1, 0, 0, 0, "2022-12-01 00:00:00 4 335");
    check_join(2024, 2, 30, 0, 0, 0, "2024-03-01 00:00:00 5 61");
    check_join(2024, 1, 0, 0, 0, 0, "2023-12-31 00:00:00 0 365");
    check_join(2024, 1, 1, -1, -1, -1, "2023-12-31 22:58:59 0 365");
    check_join(2024, 1, 1, 24, 60, 60, "2024-01-02 01:01:00 2 2");
    check_join(1970, 1, 1, 0, 0, 1700000000, "2023-11-14 22:13:20 2 318");
    check_join(1970, 1, -1000000, 24000000, 0, 86400, "1970-01-01 00:00:00 4 1");
}

Test(civil, join_refuses_what_is_out_of_range) {
    static const int64_t extremes[] = {INT64_MIN, INT64_MAX};
    for (int i = 0; i < 6; i++) {
        for (int k = 0; k < 2; k++) {
            int64_t f[6] = {1970, 1, 1, 0, 0, 0}, sec = 42;
            f[i] = extremes[k];
            cr_expect_not(civil_join(f[0], f[1], f[2], f[3], f[4], f[5], &sec), "field %d", i);
            cr_expect_eq(sec, 42);
        }
    }
    int64_t sec;
    cr_expect(civil_join(285000000, 1, 1, 0, 0, 0, &sec));
    cr_expect_not(civil_join(286000000, 1, 1, 0, 0, 0, &sec));
    cr_expect(civil_join(-285000000, 1, 1, 0, 0, 0, &sec));
    cr_expect_not(civil_join(-286000000, 1, 1, 0, 0, 0, &sec));
}

Test(civil, leap_years) {
    cr_expect(civil_is_leap(2024));
    cr_expect(civil_is_leap(2000));
    cr_expect_not(civil_is_leap(1900));
    cr_expect_not(civil_is_leap(2023));
    cr_expect(civil_is_leap(0));
    cr_expect(civil_is_leap(-4));
    cr_expect_not(civil_is_leap(-100));
    cr_expect_eq(civil_month_days(2024, 2), 29);
    cr_expect_eq(civil_month_days(2023, 2), 28);
    cr_expect_eq(civil_days_before(2024, 3), 60);
    cr_expect_eq(civil_days_before(2023, 12), 334);
}
