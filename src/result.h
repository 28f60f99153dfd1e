/* result: what a program returned, for a terminal and for the exit status. Main thread. */
#ifndef SRC_RESULT_H
#define SRC_RESULT_H

#include <stdbool.h>
#include <stddef.h>

#include "src/text.h"

#define RESULT_STATUS_MAX 255 /* a status has eight bits */

struct result {
    bool present; /* not nil */
    bool number;
    double value; /* of a number */
};

/*
 * Reads an encoded value (vm/codec.h); `len` 0 is nil. Its text is appended to `out`: JSON for a table, for everything else
 * what print shows. false: `err` says why there is no text.
 */
bool result_read(const char *data, size_t len, struct result *r, struct text *out, char *err, size_t cap);

/*
 * The exit status that a program which ended normally wants: a whole number is one, everything else means success. false: no
 * status is like that number, and *status is that of a failure.
 */
bool result_status(const struct result *r, int *status);

#endif
