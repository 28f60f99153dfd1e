#include "vm/civil.h"

static int64_t floor_div(int64_t a, int64_t b) {
    return a / b - (a % b < 0);
}

bool civil_is_leap(int64_t year) {
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

int civil_days_before(int64_t year, int month) {
    static const short before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    return before[month - 1] + (month > 2 && civil_is_leap(year));
}

int civil_month_days(int64_t year, int month) {
    static const signed char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && civil_is_leap(year));
}

/* Days from 1970-01-01 to the first of January; |year| stays far below 2^62 / 366. */
static int64_t days_to_year(int64_t year) {
    int64_t y = year - 1;
    return y * 365 + floor_div(y, 4) - floor_div(y, 100) + floor_div(y, 400) - 719162;
}

void civil_split(int64_t sec, struct civil *c) {
    int64_t days = floor_div(sec, CIVIL_DAY_SEC);
    int rest = (int)(sec - days * CIVIL_DAY_SEC);
    c->hour = rest / 3600;
    c->minute = rest / 60 % 60;
    c->second = rest % 60;
    /* 1970-01-01 was a Thursday. */
    c->weekday = (int)(days + 4 - floor_div(days + 4, 7) * 7);

    /*
     * Counted from 0000-03-01, a leap day is the last day of its year, of its four years, of its century but three and
     * of its cycle. So each division below is exact but for that one day, which the subtrahends take out again.
     */
    int64_t from_march = days + 719468;
    int64_t cycle = floor_div(from_march, 146097);
    int in_cycle = (int)(from_march - cycle * 146097);
    int year = (in_cycle - in_cycle / 1460 + in_cycle / 36524 - in_cycle / 146096) / 365;
    int in_year = in_cycle - (365 * year + year / 4 - year / 100);
    /* From March on, months come in groups of five with 153 days. */
    int month = (5 * in_year + 2) / 153;
    c->day = in_year - (153 * month + 2) / 5 + 1;
    c->month = month < 10 ? month + 3 : month - 9;
    c->year = cycle * CIVIL_CYCLE_YEARS + year + (c->month <= 2);
    c->year_day = civil_days_before(c->year, c->month) + c->day;
}

/* Adds a * b to *sum; false on overflow. */
static bool add_product(int64_t *sum, int64_t a, int64_t b) {
    int64_t p;
    return !__builtin_mul_overflow(a, b, &p) && !__builtin_add_overflow(*sum, p, sum);
}

bool civil_join(int64_t year, int64_t month, int64_t day, int64_t hour, int64_t minute, int64_t second,
                int64_t *sec) {
    /* month - 1 cannot be computed at the very bottom of the range; nor could its year be in range. */
    if (month == INT64_MIN || __builtin_add_overflow(year, floor_div(month - 1, 12), &year))
        return false;
    /* More than enough: CIVIL_SEC_MAX is below year 286,000,000; other fields may still bring the sum back. */
    if (year > INT64_C(1000000000000) || year < -INT64_C(1000000000000))
        return false;
    int in_year = (int)(month - 1 - floor_div(month - 1, 12) * 12) + 1;
    int64_t days = days_to_year(year) + civil_days_before(year, in_year) - 1;
    int64_t sum = second;
    if (__builtin_add_overflow(days, day, &days) || !add_product(&sum, minute, 60) ||
        !add_product(&sum, hour, 3600) || !add_product(&sum, days, CIVIL_DAY_SEC))
        return false;
    if (sum > CIVIL_SEC_MAX || sum < -CIVIL_SEC_MAX)
        return false;
    *sec = sum;
    return true;
}
