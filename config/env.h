/*
 * Environment variables inside a text: ${env:NAME} and ${env:NAME:-default}.
 *
 * The default is used when the variable is unset or empty, as in a shell, and reaches to the next "}". "$${env:"
 * stands for "${env:" itself. Everything else is left as it is.
 */
#ifndef TROUPE_CONFIG_ENV_H
#define TROUPE_CONFIG_ENV_H

#include "config/arena.h"

#include <stdbool.h>
#include <stddef.h>

/* Whether the text has anything to replace. */
bool env_wanted(const char *s, size_t n);

/*
 * The text with everything replaced, NUL-terminated, its length in `*out_n`. NULL when that is not possible; then
 * `*why` says why, in words that follow the name of a field. Inside arena_run; reads the process's environment,
 * which no other thread may change meanwhile.
 */
const char *env_expand(struct arena *a, const char *s, size_t n, size_t *out_n, const char **why);

#endif
