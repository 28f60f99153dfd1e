#include "vm/timelayout.h"

#include <criterion/criterion.h>
#include <string.h>

/* A Wednesday evening in California. */
static const struct timelayout_time example = {
    .civil = {.year = 2009,
              .month = 2,
              .day = 4,
              .hour = 21,
              .minute = 0,
              .second = 57,
              .weekday = 3,
              .year_day = 35},
    .ns = 12345678,
    .offset = -8 * 3600,
    .abbr = "PST",
    .abbr_len = 3,
};

static void check_text(const struct timelayout_time *t, const char *layout, const char *wanted) {
    char got[200];
    size_t n = timelayout_format(layout, strlen(layout), t, got, sizeof got);
    cr_expect_str_eq(got, wanted, "%s: got %s, wanted %s", layout, got, wanted);
    cr_expect_eq(n, strlen(wanted));
}

Test(timelayout, standard_layouts) {
    check_text(&example, TIMELAYOUT_LAYOUT, "02/04 09:00:57PM '09 -0800");
    check_text(&example, TIMELAYOUT_ANSIC, "Wed Feb  4 21:00:57 2009");
    check_text(&example, TIMELAYOUT_UNIX_DATE, "Wed Feb  4 21:00:57 PST 2009");
    check_text(&example, TIMELAYOUT_RUBY_DATE, "Wed Feb 04 21:00:57 -0800 2009");
    check_text(&example, TIMELAYOUT_RFC822, "04 Feb 09 21:00 PST");
    check_text(&example, TIMELAYOUT_RFC822Z, "04 Feb 09 21:00 -0800");
    check_text(&example, TIMELAYOUT_RFC850, "Wednesday, 04-Feb-09 21:00:57 PST");
    check_text(&example, TIMELAYOUT_RFC1123, "Wed, 04 Feb 2009 21:00:57 PST");
    check_text(&example, TIMELAYOUT_RFC1123Z, "Wed, 04 Feb 2009 21:00:57 -0800");
    check_text(&example, TIMELAYOUT_RFC3339, "2009-02-04T21:00:57-08:00");
    check_text(&example, TIMELAYOUT_RFC3339NANO, "2009-02-04T21:00:57.012345678-08:00");
    check_text(&example, TIMELAYOUT_KITCHEN, "9:00PM");
    check_text(&example, TIMELAYOUT_STAMP, "Feb  4 21:00:57");
    check_text(&example, TIMELAYOUT_STAMP_MILLI, "Feb  4 21:00:57.012");
    check_text(&example, TIMELAYOUT_STAMP_MICRO, "Feb  4 21:00:57.012345");
    check_text(&example, TIMELAYOUT_STAMP_NANO, "Feb  4 21:00:57.012345678");
    check_text(&example, TIMELAYOUT_DATE_TIME, "2009-02-04 21:00:57");
    check_text(&example, TIMELAYOUT_DATE_ONLY, "2009-02-04");
    check_text(&example, TIMELAYOUT_TIME_ONLY, "21:00:57");
}

Test(timelayout, every_token) {
    check_text(&example, "January Jan 1 01", "February Feb 2 02");
    check_text(&example, "Monday Mon", "Wednesday Wed");
    check_text(&example, "2 _2 02 002 __2", "4  4 04 035  35");
    check_text(&example, "15 3 03 4 04 5 05", "21 9 09 0 00 57 57");
    check_text(&example, "2006 06", "2009 09");
    check_text(&example, "PM pm", "PM pm");
    check_text(&example, "MST -0700 -07:00 -07 -070000 -07:00:00", "PST -0800 -08:00 -08 -080000 -08:00:00");
    check_text(&example, "Z0700 Z07:00 Z07 Z070000 Z07:00:00", "-0800 -08:00 -08 -080000 -08:00:00");
    check_text(&example, ".0 .000 .000000000 ,000", ".0 .012 .012345678 ,012");
    check_text(&example, "x.9 .99 .999999999 ,99", "x .01 .012345678 ,01");
    check_text(&example, ".00000000000 .99999999999", ".012345678 .012345678");
}

Test(timelayout, what_is_no_token) {
    check_text(&example, "", "");
    check_text(&example, "Janet Month Zoo _ P p - Z . ,", "Janet Month Zoo _ P p - Z . ,");
    check_text(&example, "_2006 _20060", "_2009 _20090");
    check_text(&example, ".0x .01 .90 .", ".0x .02 .90 .");
    check_text(&example, "2006\xc3\xa9", "2009\xc3\xa9");
}

Test(timelayout, midnight_noon_and_utc) {
    struct timelayout_time t = example;
    t.civil.hour = 0;
    t.offset = 0;
    t.abbr_len = 0;
    t.ns = 0;
    check_text(&t, "3 03 PM pm", "12 12 AM am");
    check_text(&t, "Z0700 Z07:00 Z07 Z070000 Z07:00:00 -0700", "Z Z Z Z Z +0000");
    check_text(&t, "MST", "+0000");
    check_text(&t, "5.000 5.999", "57.000 57");
    t.civil.hour = 12;
    check_text(&t, "3PM", "12PM");
    t.civil.hour = 13;
    check_text(&t, "3PM", "1PM");
}

Test(timelayout, odd_years_and_offsets) {
    struct timelayout_time t = example;
    t.civil.year = -5;
    check_text(&t, "2006 06", "-0005 00");
    t.civil.year = 12345;
    check_text(&t, "2006 06", "12345 45");
    t.civil.year = 7;
    check_text(&t, "2006 06", "0007 07");
    t.offset = -(3 * 3600 + 25 * 60 + 45);
    check_text(&t, "-0700 -07:00:00 -07", "-0325 -03:25:45 -03");
    t.offset = 20700;
    t.abbr_len = 0;
    check_text(&t, "Z07:00 MST", "+05:45 +0545");
    t.offset = -30;
    check_text(&t, "-0700 -07:00:00", "+0000 -00:00:30");
}

Test(timelayout, format_cuts_like_snprintf) {
    char buf[8];
    memset(buf, 'x', sizeof buf);
    cr_expect_eq(timelayout_format("2006-01-02", 10, &example, buf, 5), 10);
    cr_expect_str_eq(buf, "2009");
    cr_expect_eq(buf[5], 'x');
    cr_expect_eq(timelayout_format("2006", 4, &example, buf, 0), 4);
    cr_expect_eq(timelayout_format("2006", 4, &example, buf, 1), 4);
    cr_expect_str_eq(buf, "");
}

static struct timelayout_fields parse(const char *layout, const char *text) {
    struct timelayout_fields f = {0};
    char why[300] = "";
    cr_expect(timelayout_parse(layout, strlen(layout), text, strlen(text), &f, why, sizeof why), "%s", why);
    return f;
}

/* Checks the date and time read. */
static void check_parse(const char *layout, const char *text, int year, int month, int day, int hour,
                        int minute, int second, int ns) {
    struct timelayout_fields f = parse(layout, text);
    cr_expect(f.year == year && f.month == month && f.day == day && f.hour == hour && f.minute == minute &&
                  f.second == second && f.ns == ns,
              "%s as %s: got %d-%d-%d %d:%d:%d.%09d", text, layout, f.year, f.month, f.day, f.hour, f.minute,
              f.second, f.ns);
}

Test(timelayout, reads_standard_layouts) {
    check_parse(TIMELAYOUT_ANSIC, "Thu Feb  4 21:00:57 2010", 2010, 2, 4, 21, 0, 57, 0);
    check_parse(TIMELAYOUT_UNIX_DATE, "Thu Feb  4 21:00:57 PST 2010", 2010, 2, 4, 21, 0, 57, 0);
    check_parse(TIMELAYOUT_RUBY_DATE, "Thu Feb 04 21:00:57 -0800 2010", 2010, 2, 4, 21, 0, 57, 0);
    check_parse(TIMELAYOUT_RFC850, "Thursday, 04-Feb-10 21:00:57 PST", 2010, 2, 4, 21, 0, 57, 0);
    check_parse(TIMELAYOUT_RFC1123Z, "Thu, 04 Feb 2010 21:00:57 -0800", 2010, 2, 4, 21, 0, 57, 0);
    check_parse(TIMELAYOUT_RFC3339, "2010-02-04T21:00:57-08:00", 2010, 2, 4, 21, 0, 57, 0);
    check_parse(TIMELAYOUT_RFC3339, "2010-02-04T21:00:57.25Z", 2010, 2, 4, 21, 0, 57, 250000000);
    check_parse(TIMELAYOUT_KITCHEN, "3:04PM", 0, 1, 1, 15, 4, 0, 0);
    check_parse(TIMELAYOUT_STAMP_NANO, "Feb  4 21:00:57.012345678", 0, 2, 4, 21, 0, 57, 12345678);
    check_parse(TIMELAYOUT_DATE_ONLY, "2010-02-04", 2010, 2, 4, 0, 0, 0, 0);
    check_parse("", "", 0, 1, 1, 0, 0, 0, 0);
}

Test(timelayout, reads_leniently_where_go_does) {
    check_parse("Jan 2 2006", "jAn 02 2010", 2010, 1, 2, 0, 0, 0, 0);
    check_parse("January _2", "fEBRUARY  29", 0, 2, 29, 0, 0, 0, 0);
    check_parse("2006 1 2 15:4:5", "2010 02 04 7:08:09", 2010, 2, 4, 7, 8, 9, 0);
    check_parse("06", "69", 1969, 1, 1, 0, 0, 0, 0);
    check_parse("06", "68", 2068, 1, 1, 0, 0, 0, 0);
    check_parse("2006  01", "2010 02", 2010, 2, 1, 0, 0, 0, 0);
    check_parse("2006 01", "2010    02", 2010, 2, 1, 0, 0, 0, 0);
    check_parse("2006 ", "2010", 2010, 1, 1, 0, 0, 0, 0);
    check_parse("15:04:05", "10:20:30,5", 0, 1, 1, 10, 20, 30, 500000000);
    check_parse("15:04:05.999", "10:20:30", 0, 1, 1, 10, 20, 30, 0);
    check_parse("15:04:05.999", "10:20:30.123456789123", 0, 1, 1, 10, 20, 30, 123456789);
    check_parse("05 MST", "10.000000001 UTC", 0, 1, 1, 0, 0, 10, 1);
    check_parse("2006-002", "2024-060", 2024, 2, 29, 0, 0, 0, 0);
    check_parse("2006-002", "2023-060", 2023, 3, 1, 0, 0, 0, 0);
    check_parse("2006-002", "2024-366", 2024, 12, 31, 0, 0, 0, 0);
    check_parse("2006 __2", "2023  60", 2023, 3, 1, 0, 0, 0, 0);
    check_parse("2006-01-02 002", "2023-03-01 060", 2023, 3, 1, 0, 0, 0, 0);
    check_parse("3PM", "12AM", 0, 1, 1, 0, 0, 0, 0);
    check_parse("3PM", "12PM", 0, 1, 1, 12, 0, 0, 0);
    check_parse("3pm", "1am", 0, 1, 1, 1, 0, 0, 0);
    check_parse("15 PM", "13 PM", 0, 1, 1, 13, 0, 0, 0);
    check_parse("2006-01-02", "2024-02-29", 2024, 2, 29, 0, 0, 0, 0);
    check_parse("2006-01-02", "0000-02-29", 0, 2, 29, 0, 0, 0, 0);
}

static void check_zone(const char *layout, const char *text, enum timelayout_zone zone, int32_t offset,
                       const char *abbr) {
    struct timelayout_fields f = parse(layout, text);
    cr_expect_eq(f.zone, zone, "%s as %s: %d", text, layout, (int)f.zone);
    cr_expect_eq(f.offset, offset, "%s as %s: %d", text, layout, f.offset);
    cr_expect(f.abbr_len == strlen(abbr) && (f.abbr_len == 0 || memcmp(f.abbr, abbr, f.abbr_len) == 0),
              "%s: %.*s", text, (int)f.abbr_len, f.abbr_len ? f.abbr : "");
}

Test(timelayout, reads_zones) {
    check_zone("2006", "2010", TIMELAYOUT_ZONE_NONE, 0, "");
    check_zone("Z07:00", "Z", TIMELAYOUT_ZONE_UTC, 0, "");
    check_zone("Z0700 MST", "Z CET", TIMELAYOUT_ZONE_UTC, 0, "CET");
    check_zone("Z07:00:00", "Z", TIMELAYOUT_ZONE_UTC, 0, "");
    check_zone("MST", "UTC", TIMELAYOUT_ZONE_UTC, 0, "");
    check_zone("-0700", "+0530", TIMELAYOUT_ZONE_OFFSET, 19800, "");
    check_zone("-0700", "-0000", TIMELAYOUT_ZONE_OFFSET, 0, "");
    check_zone("-07:00", "-05:30", TIMELAYOUT_ZONE_OFFSET, -19800, "");
    check_zone("-07", "+05", TIMELAYOUT_ZONE_OFFSET, 18000, "");
    check_zone("-070000", "+010203", TIMELAYOUT_ZONE_OFFSET, 3723, "");
    check_zone("-07:00:00", "-01:02:03", TIMELAYOUT_ZONE_OFFSET, -3723, "");
    check_zone("-0700 MST", "+0200 CEST", TIMELAYOUT_ZONE_OFFSET, 7200, "CEST");
    check_zone("MST -0700", "CEST +0200", TIMELAYOUT_ZONE_OFFSET, 7200, "CEST");
    check_zone("-0700", "+2400", TIMELAYOUT_ZONE_OFFSET, 86400, "");
    static const char *const abbrs[] = {"PST", "CEST",  "ACWST",  "WITA", "ChST", "MeST",
                                        "GMT", "GMT+3", "GMT-12", "+03",  "-03"};
    for (size_t i = 0; i < sizeof abbrs / sizeof *abbrs; i++)
        check_zone("MST", abbrs[i], TIMELAYOUT_ZONE_ABBR, 0, abbrs[i]);
}

static void check_fail(const char *layout, const char *text, const char *wanted) {
    struct timelayout_fields f;
    char why[300] = "";
    cr_expect_not(timelayout_parse(layout, strlen(layout), text, strlen(text), &f, why, sizeof why),
                  "%s as %s", text, layout);
    cr_expect_str_eq(why, wanted, "got %s, wanted %s", why, wanted);
}

Test(timelayout, says_what_does_not_fit) {
    check_fail("2006-01-02", "x", "parsing time \"x\" as \"2006-01-02\": cannot parse \"x\" as \"2006\"");
    check_fail("2006-01-02", "2010_02",
               "parsing time \"2010_02\" as \"2006-01-02\": cannot parse \"_02\" as \"-\"");
    check_fail("2006-01-02", "2010-02",
               "parsing time \"2010-02\" as \"2006-01-02\": cannot parse \"\" as \"-\"");
    check_fail("2006-01-02", "2010-2-04",
               "parsing time \"2010-2-04\" as \"2006-01-02\": cannot parse \"2-04\" as \"01\"");
    check_fail("2006", "2010!", "parsing time \"2010!\": extra text: \"!\"");
    check_fail("2006-01-02", "2010-13-01", "parsing time \"2010-13-01\": month out of range");
    check_fail("2006-01-02", "2010-00-01", "parsing time \"2010-00-01\": month out of range");
    check_fail("2006-01-02", "2023-02-29", "parsing time \"2023-02-29\": day out of range");
    check_fail("2006-01-02", "2023-02-00", "parsing time \"2023-02-00\": day out of range");
    check_fail("2006-01-02", "2023-04-31", "parsing time \"2023-04-31\": day out of range");
    check_fail("2006-002", "2023-366", "parsing time \"2023-366\": day-of-year out of range");
    check_fail("2006-002", "2023-000", "parsing time \"2023-000\": day-of-year out of range");
    check_fail("2006-01 002", "2023-04 060",
               "parsing time \"2023-04 060\": day-of-year does not match month");
    check_fail("2006-01-02 002", "2023-03-02 060",
               "parsing time \"2023-03-02 060\": day-of-year does not match day");
    check_fail("15", "24", "parsing time \"24\": hour out of range");
    check_fail("3", "13", "parsing time \"13\": hour out of range");
    check_fail("04", "60", "parsing time \"60\": minute out of range");
    check_fail("05", "60", "parsing time \"60\": second out of range");
    check_fail("-0700", "+2500", "parsing time \"+2500\": time zone offset hour out of range");
    check_fail("-0700", "+0061", "parsing time \"+0061\": time zone offset minute out of range");
    check_fail("-0700", "0100", "parsing time \"0100\" as \"-0700\": cannot parse \"0100\" as \"-0700\"");
    check_fail("-07:00", "+0100",
               "parsing time \"+0100\" as \"-07:00\": cannot parse \"+0100\" as \"-07:00\"");
    check_fail("MST", "cet", "parsing time \"cet\" as \"MST\": cannot parse \"cet\" as \"MST\"");
    check_fail("MST", "ABCD", "parsing time \"ABCD\" as \"MST\": cannot parse \"ABCD\" as \"MST\"");
    check_fail("MST", "GMT+24", "parsing time \"GMT+24\": extra text: \"+24\"");
    check_fail("Jan", "Foo", "parsing time \"Foo\" as \"Jan\": cannot parse \"Foo\" as \"Jan\"");
    check_fail("PM", "pm", "parsing time \"pm\" as \"PM\": cannot parse \"pm\" as \"PM\"");
    check_fail("05.000", "10.12", "parsing time \"10.12\" as \"05.000\": cannot parse \".12\" as \".000\"");
    check_fail("05.000", "10.1234", "parsing time \"10.1234\": extra text: \"4\"");
    check_fail("Monday", "Mon", "parsing time \"Mon\" as \"Monday\": cannot parse \"Mon\" as \"Monday\"");
    check_fail("02", "4", "parsing time \"4\" as \"02\": cannot parse \"4\" as \"02\"");
    check_fail("002", "12", "parsing time \"12\" as \"002\": cannot parse \"12\" as \"002\"");
}

Test(timelayout, messages_quote_and_are_cut) {
    check_fail("2006", "\"\\\n\xff",
               "parsing time \"\\\"\\\\\\x0a\\xff\" as \"2006\": cannot parse "
               "\"\\\"\\\\\\x0a\\xff\" as \"2006\"");
    struct timelayout_fields f;
    char why[16];
    cr_expect_not(timelayout_parse("2006", 4, "abc", 3, &f, why, sizeof why));
    cr_expect_str_eq(why, "parsing time \"a");
    cr_expect_not(timelayout_parse("2006", 4, "abc", 3, &f, why, 1));
    cr_expect_str_eq(why, "");
}
