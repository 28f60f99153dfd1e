/*
 * regex: whether a text has a match of a regular expression (Perl's, through GLib; in practice what JSON Schema uses of
 * JavaScript's). Unanchored, UTF-8.
 *
 * Compiled patterns are kept in a small table for the whole daemon. Callable from any thread; a look-up takes a mutex, matching does not.
 * The work of a match is limited, so that no pattern can hold up a worker for long.
 */
#ifndef VM_REGEX_H
#define VM_REGEX_H

#include <stddef.h>

enum regex_result {
    REGEX_MATCH,
    REGEX_NO_MATCH,
    REGEX_BAD_PATTERN, /* `why` says what is wrong */
    REGEX_BAD_TEXT,    /* not UTF-8 */
    REGEX_TOO_HARD     /* the limit was reached */
};

/* `why` is NUL-terminated, cut at cap. */
enum regex_result regex_search(const char *pattern, size_t pattern_len, const char *text, size_t len,
                               char *why, size_t cap);

#endif
