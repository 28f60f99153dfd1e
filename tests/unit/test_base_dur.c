#include "base/dur.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <string.h>

static bool parse(const char *s, int64_t *ns) {
    return dur_parse(s, strlen(s), ns);
}

Test(dur, reads_what_go_reads) {
    static const struct {
        const char *text;
        int64_t ns;
    } cases[] = {
        {"0", 0},
        {"+0", 0},
        {"-0", 0},
        {"0s", 0},
        {"5s", 5 * DUR_SEC},
        {"+5s", 5 * DUR_SEC},
        {"-5s", -5 * DUR_SEC},
        {"1478s", 1478 * DUR_SEC},
        {"5.0s", 5 * DUR_SEC},
        {"5.6s", 5 * DUR_SEC + 600 * DUR_MS},
        {"5.s", 5 * DUR_SEC},
        {".5s", 500 * DUR_MS},
        {"-.5s", -500 * DUR_MS},
        {"1.004s", DUR_SEC + 4 * DUR_MS},
        {"1.0040s", DUR_SEC + 4 * DUR_MS},
        {"100.00100s", 100 * DUR_SEC + DUR_MS},
        {"1h30m", DUR_HOUR + 30 * DUR_MIN},
        {"1.5s", 1500 * DUR_MS},
        {"500ms", 500 * DUR_MS},
        {"-2m", -2 * DUR_MIN},
        {"10ns", 10},
        {"11us", 11 * DUR_US},
        {"12µs", 12 * DUR_US}, /* U+00B5 */
        {"12μs", 12 * DUR_US}, /* U+03BC */
        {"13ms", 13 * DUR_MS},
        {"14s", 14 * DUR_SEC},
        {"15m", 15 * DUR_MIN},
        {"16h", 16 * DUR_HOUR},
        {"10.5s4m", 4 * DUR_MIN + 10500 * DUR_MS},
        {"-2m3.4s", -(2 * DUR_MIN + 3400 * DUR_MS)},
        {"1h2m3s4ms5us6ns", DUR_HOUR + 2 * DUR_MIN + 3 * DUR_SEC + 4 * DUR_MS + 5 * DUR_US + 6},
        {"39h9m14.425s", 39 * DUR_HOUR + 9 * DUR_MIN + 14425 * DUR_MS},
        {"52763797000ns", 52763797000},
        {"0.3333333333333333333h", 20 * DUR_MIN},
        {"9007199254740993ns", INT64_C(9007199254740993)},
        {"9223372036854775807ns", INT64_MAX},
        {"9223372036854775.807us", INT64_MAX},
        {"9223372036s854ms775us807ns", INT64_MAX},
        {"-9223372036854775808ns", INT64_MIN},
        {"-9223372036854775.808us", INT64_MIN},
        {"-2562047h47m16.854775808s", INT64_MIN},
        {"0.100000000000000000000h", 6 * DUR_MIN},
        {"0.830103483285477580700h", 49 * DUR_MIN + 48372539827},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t ns = 77;
        cr_expect(parse(cases[i].text, &ns), "%s is a duration", cases[i].text);
        cr_expect(ns == cases[i].ns, "%s: %" PRId64 ", not %" PRId64, cases[i].text, ns, cases[i].ns);
    }
}

Test(dur, refuses_the_rest_and_leaves_the_result_alone) {
    static const char *const cases[] = {
        "",
        "3",
        "-",
        "+",
        "s",
        ".",
        "-.",
        ".s",
        "+.s",
        "1d",
        "1.2.3s",
        "1s ",
        " 1s",
        "1 s",
        "--1s",
        "1e3s",
        "0x1s",
        "1S",
        "1sm1",
        "00",
        "1h-1m",
        "1\xb5s",
        "inf",
        "1week",
        "3000000h",
        "9223372036854775808ns",
        "9223372036854775.808us",
        "9223372036854ms775us808ns",
        "-9223372036854775809ns",
        "99999999999999999999s",
        "9223372036854775807ns1ns",
        "1s.",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t ns = 77;
        cr_expect(!parse(cases[i], &ns), "\"%s\" is no duration", cases[i]);
        cr_expect(ns == 77, "\"%s\" changed the result", cases[i]);
    }
    int64_t ns = 77;
    cr_expect(!dur_parse("1s\0", 3, &ns), "a NUL byte counts");
    cr_expect(dur_parse("1s5", 2, &ns) && ns == DUR_SEC, "bytes past the end do not");
}

Test(dur, prints_as_go_prints) {
    static const struct {
        int64_t ns;
        const char *text;
    } cases[] = {
        {0, "0s"},
        {1, "1ns"},
        {999, "999ns"},
        {DUR_US, "1µs"},
        {1100, "1.1µs"},
        {2200 * DUR_US, "2.2ms"},
        {100 * DUR_MS, "100ms"},
        {3300 * DUR_MS, "3.3s"},
        {1500 * DUR_MS, "1.5s"},
        {DUR_MIN, "1m0s"},
        {4 * DUR_MIN + 5 * DUR_SEC, "4m5s"},
        {4 * DUR_MIN + 5001 * DUR_MS, "4m5.001s"},
        {DUR_HOUR, "1h0m0s"},
        {DUR_HOUR + 30 * DUR_MIN + 45 * DUR_SEC, "1h30m45s"},
        {5 * DUR_HOUR + 6 * DUR_MIN + 7001 * DUR_MS, "5h6m7.001s"},
        {8 * DUR_MIN + 1, "8m0.000000001s"},
        {-DUR_US, "-1µs"},
        {-90 * DUR_SEC, "-1m30s"},
        {INT64_MAX, "2562047h47m16.854775807s"},
        {INT64_MIN, "-2562047h47m16.854775808s"},
        {INT64_MIN + 1, "-2562047h47m16.854775807s"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char buf[DUR_TEXT_MAX];
        size_t n = dur_format(cases[i].ns, buf, sizeof buf);
        cr_expect(strcmp(buf, cases[i].text) == 0, "%s, not %s", buf, cases[i].text);
        cr_expect(n == strlen(cases[i].text), "length of %s", buf);
    }
}

Test(dur, cuts_to_the_room_there_is) {
    char buf[4] = "zzz";
    cr_expect(dur_format(DUR_HOUR, buf, 0) == 6 && buf[0] == 'z');
    cr_expect(dur_format(DUR_HOUR, buf, 1) == 6 && strcmp(buf, "") == 0);
    cr_expect(dur_format(DUR_HOUR, buf, sizeof buf) == 6 && strcmp(buf, "1h0") == 0);
}

Test(dur, reads_back_what_it_printed) {
    uint64_t x = 88172645463325252u; /* xorshift: the same numbers on every run */
    for (int i = 0; i < 20000; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        /* the shift spreads the magnitudes; below 2^52 ns a double holds the fraction exactly */
        int64_t ns = (int64_t)x >> (12 + i % 51), back = 0;
        char buf[DUR_TEXT_MAX];
        size_t n = dur_format(ns, buf, sizeof buf);
        cr_assert(dur_parse(buf, n, &back), "%s", buf);
        cr_assert(back == ns, "%s: %" PRId64 ", not %" PRId64, buf, back, ns);
    }
}
