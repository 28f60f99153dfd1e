#include "src/verb.h"

#include <string.h>

const struct verb verbs[] = {
    {"run", &verb_run_syntax, verb_run},
    {"test", &verb_test_syntax, verb_test},
    {"check", &verb_check_syntax, verb_check},
    {0},
};

bool verb_is_script(const char *name) {
    size_t n = strlen(name);
    return n > 4 && strcmp(name + n - 4, ".lua") == 0;
}
