/*
 * civil: the proleptic Gregorian calendar, as arithmetic on numbers. Knows nothing of zones: seconds here count from
 * 1970-01-01 00:00:00 of whatever clock the caller has in mind.
 *
 * Years go far beyond 1..9999 in both directions (year 0 is 1 BC). Pure functions, callable from any thread.
 */
#ifndef VM_CIVIL_H
#define VM_CIVIL_H

#include <stdbool.h>
#include <stdint.h>

#define CIVIL_DAY_SEC INT64_C(86400)

/* The calendar repeats, weekdays included, after this many years and seconds. */
#define CIVIL_CYCLE_YEARS 400
#define CIVIL_CYCLE_SEC (INT64_C(146097) * CIVIL_DAY_SEC)

/* Every count of seconds that civil_split accepts and civil_join yields: about 285 million years, exact as a double. */
#define CIVIL_SEC_MAX (INT64_C(1) << 53)

struct civil {
    int64_t year;
    int month; /* 1..12 */
    int day;   /* 1..31 */
    int hour, minute, second;
    int weekday;  /* 0 = Sunday */
    int year_day; /* 1..366 */
};

bool civil_is_leap(int64_t year);

/* Days of a month, 1..12. */
int civil_month_days(int64_t year, int month);

/* Days before the first of a month, 1..12, in its year. */
int civil_days_before(int64_t year, int month);

/* The fields of `sec`, |sec| <= CIVIL_SEC_MAX. */
void civil_split(int64_t sec, struct civil *c);

/*
 * The seconds of a date and time whose fields may have any value: month 14 is February of the next year, day 0 the
 * last of the month before, hour -1 is 23 on the day before. false, leaving *sec alone, when the result would be out of range.
 */
bool civil_join(int64_t year, int64_t month, int64_t day, int64_t hour, int64_t minute, int64_t second,
                int64_t *sec);

#endif
