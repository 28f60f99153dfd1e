#include "base/errkind.h"

#include <string.h>

static const struct {
    const char *name;
    const char *text;
} kinds[ERRKIND_COUNT] = {
#define ERRKIND_ROW(name, text) [ERRKIND_##name] = {#name, text},
    ERRKIND_MAP(ERRKIND_ROW)
#undef ERRKIND_ROW
};

static enum errkind known(enum errkind kind) {
    return (unsigned)kind < ERRKIND_COUNT ? kind : ERRKIND_UNKNOWN;
}

const char *errkind_text(enum errkind kind) {
    return kinds[known(kind)].text;
}

const char *errkind_name(enum errkind kind) {
    return kinds[known(kind)].name;
}

enum errkind errkind_parse(const char *text) {
    for (unsigned i = 0; i < ERRKIND_COUNT; i++)
        if (strcmp(kinds[i].text, text) == 0)
            return (enum errkind)i;
    return ERRKIND_UNKNOWN;
}
