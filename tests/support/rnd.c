#include "tests/support/rnd.h"

#include <stdio.h>
#include <stdlib.h>

struct rnd rnd_open(const char *what, uint64_t fallback) {
    const char *text = getenv("TROUPE_SEED");
    uint64_t seed = text && *text ? strtoull(text, NULL, 0) : fallback;
    printf("%s: seed %llu (TROUPE_SEED=%llu replays)\n", what, (unsigned long long)seed,
           (unsigned long long)seed);
    fflush(stdout);
    struct rnd r = {(seed + 1) * UINT64_C(0x9e3779b97f4a7c15)};
    if (!r.s)
        r.s = 1;
    for (int i = 0; i < 8; i++)
        rnd_next(&r);
    return r;
}
