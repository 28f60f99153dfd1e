#include "src/verb.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/dur.h"
#include "src/start.h"

const struct verb verbs[] = {
#define X(id, name) {name, &verb_##id##_syntax, verb_##id},
    VERBS(X)
#undef X
        {0},
};

bool verb_is_script(const char *name) {
    size_t n = strlen(name);
    return n > 4 && strcmp(name + n - 4, ".lua") == 0;
}

int64_t verb_number(const char *text) {
    char *end;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    return errno || end == text || *end || n < 0 ? -1 : n;
}

bool verb_duration(const char *option, const char *text) {
    int64_t ns;
    if (dur_parse(text, strlen(text), &ns) && ns >= 0)
        return true;
    start_complain(TOOL, "%s %s: must be a duration such as 500ms, 10s or 1m30s", option, text);
    return false;
}
