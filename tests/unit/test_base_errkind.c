#include "base/errkind.h"

#include <criterion/criterion.h>

Test(errkind, texts_and_names) {
    cr_assert_str_eq(errkind_text(ERRKIND_NOT_FOUND), "NotFound");
    cr_assert_str_eq(errkind_name(ERRKIND_NOT_FOUND), "NOT_FOUND");
    cr_assert_str_eq(errkind_text(ERRKIND_RATE_LIMITED), "RateLimited");
    cr_assert_str_eq(errkind_name(ERRKIND_RATE_LIMITED), "RATE_LIMITED");
}

Test(errkind, unknown_is_zero_and_empty) {
    enum errkind none = {0};
    cr_assert_eq(none, ERRKIND_UNKNOWN);
    cr_assert_str_eq(errkind_text(none), "");
    cr_assert_str_eq(errkind_name(none), "UNKNOWN");
}

Test(errkind, number_out_of_range_is_unknown) {
    cr_assert_str_eq(errkind_name(ERRKIND_COUNT), "UNKNOWN");
    cr_assert_str_eq(errkind_text((enum errkind)1000), "");
}

Test(errkind, every_text_parses_back) {
    for (int kind = 0; kind < ERRKIND_COUNT; kind++)
        cr_assert_eq((int)errkind_parse(errkind_text((enum errkind)kind)), kind);
    cr_assert_eq(errkind_parse("notfound"), ERRKIND_UNKNOWN);
}
