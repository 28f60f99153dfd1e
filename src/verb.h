/*
 * verb: the commands of the tool. Each is one row of the table in src/verbs.c; they stand in verb_*.c, those that belong
 * together in one file.
 */
#ifndef SRC_VERB_H
#define SRC_VERB_H

#include <stdint.h>

#include "src/options.h"

#define TOOL "troupe"

struct verb {
    const char *name;
    const struct options_syntax *syntax;
    int (*run)(const struct options *o); /* returns the exit status */
};

/* Ends with a row whose name is NULL. */
extern const struct verb verbs[];

/* name in C, name, in order of --help */
#define VERBS(X)                                                                                             \
    X(init, "init")                                                                                          \
    X(run, "run")                                                                                            \
    X(test, "test")                                                                                          \
    X(check, "check")                                                                                        \
    X(ps, "ps")                                                                                              \
    X(top, "top")                                                                                            \
    X(info, "info")                                                                                          \
    X(hosts, "hosts")                                                                                        \
    X(services, "services")                                                                                  \
    X(names, "names")                                                                                        \
    X(spawn, "spawn")                                                                                        \
    X(send, "send")                                                                                          \
    X(call, "call")                                                                                          \
    X(cancel, "cancel")                                                                                      \
    X(kill, "kill")                                                                                          \
    X(trace, "trace")                                                                                        \
    X(stack, "stack")                                                                                        \
    X(profile, "profile")                                                                                    \
    X(start, "start")                                                                                        \
    X(stop, "stop")                                                                                          \
    X(restart, "restart")                                                                                    \
    X(reload, "reload")                                                                                      \
    X(shutdown, "shutdown")                                                                                  \
    X(log_level, "log-level")                                                                                \
    X(ping, "ping")

#define X(id, name)                                                                                          \
    extern const struct options_syntax verb_##id##_syntax;                                                   \
    int verb_##id(const struct options *o);
VERBS(X)
#undef X

/* Whether the argument names a Lua file, not an entry or a configuration. */
bool verb_is_script(const char *name);

/* A whole number as options give it, from 0 on; -1: it is none. */
int64_t verb_number(const char *text);

/* Whether `text` is a duration, not below zero; complains if not. */
bool verb_duration(const char *option, const char *text);

/* Options that several verbs have. */
#define OPTION_HELP                                                                                          \
    { "help", 'h', NULL, false, "print this, and exit" }
#define OPTION_SET                                                                                           \
    { "set", 's', "PATH=VALUE", true, "override a field, e.g. runtime.workers=2" }
#define OPTION_STRICT                                                                                        \
    { "strict", 0, NULL, false, "warnings of the configuration are mistakes" }

#endif
