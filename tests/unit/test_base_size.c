#include "base/size.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <string.h>

Test(size, reads_bytes_and_binary_units) {
    static const struct {
        const char *text;
        int64_t bytes;
    } cases[] = {
        {"0", 0},
        {"0MiB", 0},
        {"1500", 1500},
        {"007", 7},
        {"12B", 12},
        {"64KiB", 65536},
        {"10MiB", INT64_C(10) << 20},
        {"1GiB", INT64_C(1) << 30},
        {"3TiB", INT64_C(3) << 40},
        {"2PiB", INT64_C(2) << 50},
        {"8191PiB", INT64_C(8191) << 50},
        {"9223372036854775807", INT64_MAX},
        {"9007199254740991KiB", (INT64_MAX >> 10) << 10},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t bytes = -1;
        cr_expect(size_parse(cases[i].text, strlen(cases[i].text), &bytes), "%s is a size", cases[i].text);
        cr_expect(bytes == cases[i].bytes, "%s: %" PRId64, cases[i].text, bytes);
    }
}

Test(size, refuses_the_rest_and_leaves_the_result_alone) {
    static const char *const cases[] = {
        "",
        "KiB",
        "-1",
        "+1",
        "1.5GiB",
        "1 GiB",
        " 1",
        "1 ",
        "1KB",
        "1K",
        "1kib",
        "1Kib",
        "0x10",
        "1EiB",
        "1KiBs",
        "1e3",
        "1_000",
        "9223372036854775808",
        "8192PiB",
        "9007199254740992KiB",
        "99999999999999999999999999",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t bytes = -77;
        cr_expect(!size_parse(cases[i], strlen(cases[i]), &bytes), "\"%s\" is no size", cases[i]);
        cr_expect(bytes == -77, "\"%s\" changed the result", cases[i]);
    }
    int64_t bytes = -77;
    cr_expect(!size_parse("1\0", 2, &bytes), "a NUL byte counts");
    cr_expect(size_parse("1KiBx", 4, &bytes) && bytes == 1024, "bytes past the end do not");
}

Test(size, prints_the_largest_unit_that_divides) {
    static const struct {
        int64_t bytes;
        const char *text;
    } cases[] = {
        {0, "0"},
        {1, "1"},
        {1023, "1023"},
        {1024, "1KiB"},
        {1536, "1536"},
        {65536, "64KiB"},
        {1 << 20, "1MiB"},
        {(1 << 20) + 1024, "1025KiB"},
        {INT64_C(5) << 30, "5GiB"},
        {INT64_C(5) << 40, "5TiB"},
        {INT64_C(5) << 50, "5PiB"},
        {INT64_MAX, "9223372036854775807"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char buf[SIZE_TEXT_MAX];
        size_t n = size_format(cases[i].bytes, buf, sizeof buf);
        cr_expect(strcmp(buf, cases[i].text) == 0, "%s, not %s", buf, cases[i].text);
        cr_expect(n == strlen(cases[i].text), "length of %s", buf);
    }
    char small[3];
    cr_expect(size_format(65536, small, sizeof small) == 5 && strcmp(small, "64") == 0, "cut: %s", small);
}

Test(size, reads_back_what_it_printed) {
    uint64_t x = 88172645463325252u;
    for (int i = 0; i < 20000; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        int shift = i % 5 * 10; /* so that every unit turns up */
        int64_t bytes = (int64_t)(x >> (shift + 1 + i % 13)) << shift, back = -1;
        char buf[SIZE_TEXT_MAX];
        size_t n = size_format(bytes, buf, sizeof buf);
        cr_assert(size_parse(buf, n, &back) && back == bytes, "%s: %" PRId64, buf, bytes);
    }
}
