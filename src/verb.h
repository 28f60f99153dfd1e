/*
 * verb: the commands of the tool. Each is one row of the table in src/verbs.c and one file verb_NAME.c.
 */
#ifndef SRC_VERB_H
#define SRC_VERB_H

#include "src/options.h"

#define TOOL "troupe"

struct verb {
    const char *name;
    const struct options_syntax *syntax;
    int (*run)(const struct options *o); /* returns the exit status */
};

/* Ends with a row whose name is NULL. */
extern const struct verb verbs[];

extern const struct options_syntax verb_run_syntax, verb_check_syntax;
int verb_run(const struct options *o);
int verb_check(const struct options *o);
extern const struct options_syntax verb_test_syntax;
int verb_test(const struct options *o);

/* Whether the argument names a Lua file, not an entry or a configuration. */
bool verb_is_script(const char *name);

/* Options that several verbs have. */
#define OPTION_HELP                                                                                          \
    { "help", 'h', NULL, false, "print this, and exit" }
#define OPTION_SET                                                                                           \
    { "set", 's', "PATH=VALUE", true, "override a field, e.g. runtime.workers=2" }
#define OPTION_STRICT                                                                                        \
    { "strict", 0, NULL, false, "warnings of the configuration are mistakes" }

#endif
