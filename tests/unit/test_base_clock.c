#include "base/clock.h"

#include <criterion/criterion.h>

Test(clock, monotonic_never_goes_back) {
    int64_t last = clock_mono_ns();
    cr_assert_gt(last, 0);
    for (int i = 0; i < 100000; i++) {
        int64_t now = clock_mono_ns();
        cr_assert_geq(now, last);
        last = now;
    }
}

Test(clock, wall_is_unix_time_in_nanoseconds) {
    int64_t before = time(NULL);
    int64_t seconds = clock_wall_ns() / CLOCK_NS_PER_SEC;
    int64_t after = time(NULL);
    /* time() reads the coarse clock, up to one tick behind */
    cr_assert(before <= seconds && seconds <= after + 1, "%ld <= %ld <= %ld", (long)before, (long)seconds,
              (long)after);
}
