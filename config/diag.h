/*
 * What was found wrong with a configuration: every mistake of a load, each with its place.
 *
 * A report belongs to the caller of the load that made it and is read by one thread at a time.
 */
#ifndef TROUPE_CONFIG_DIAG_H
#define TROUPE_CONFIG_DIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* A place in a file. line and col count from 1; 0: not known, or `file` is no file ("--set runtime.workers=x"). */
struct cfg_pos {
    const char *file;
    int line, col;
};

enum cfg_severity { CFG_WARNING, CFG_ERROR };

struct cfg_diag {
    enum cfg_severity severity;
    struct cfg_pos pos;
    const char *path; /* of the field: "app:worker.lifecycle.restart.jitter", "runtime.workers"; "" if none */
    const char *message; /* what was found and what is allowed, one line */
};

struct cfg_report;

/* Mistakes of both severities, and errors only. Under `strict` there are no warnings, they are errors. */
size_t cfg_report_count(const struct cfg_report *r);
size_t cfg_report_errors(const struct cfg_report *r);

/* The i-th, in order of files and positions in them; those without a position come last. */
const struct cfg_diag *cfg_report_at(const struct cfg_report *r, size_t i);

/* "file:line:col: error: path: message", cut to `cap` like snprintf, whose result it returns. */
size_t cfg_diag_format(const struct cfg_diag *d, char *buf, size_t cap);

/* All of them, a line each; a last line counts those past a bound of 10,000, which are not kept. */
void cfg_report_print(const struct cfg_report *r, FILE *out);

/* NULL is allowed. */
void cfg_report_free(struct cfg_report *r);

#endif
