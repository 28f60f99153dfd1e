/* troupe check FILE: whether a configuration, or a Lua file, could be run. */
#include "src/exitcode.h"
#include "src/start.h"
#include "src/verb.h"

enum { OPT_STRICT, OPT_SET, OPT_HELP };

static const struct option_def defs[] = {
    [OPT_STRICT] = OPTION_STRICT, [OPT_SET] = OPTION_SET, [OPT_HELP] = OPTION_HELP};

const struct options_syntax verb_check_syntax = {
    .command = TOOL " check",
    .args = "FILE",
    .args_min = 1,
    .args_max = 1,
    .summary = "Loads a configuration (or one Lua file), compiles its sources, and prints every mistake.",
    .options = defs,
    .count = sizeof defs / sizeof defs[0]};

int verb_check(const struct options *o) {
    struct cfg_options load = {
        .set = o->found[OPT_SET].v, .set_n = o->found[OPT_SET].n, .strict = options_given(o, OPT_STRICT)};
    if (verb_is_script(o->args[0])) {
        load.scripts = o->args;
        load.scripts_n = 1;
    } else {
        load.file = o->args[0];
    }
    int status;
    cfg_unref(start_config(TOOL, &load, &status));
    return status;
}
