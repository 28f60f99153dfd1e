/*
 * The writing side of a report (config/diag.h), for the modules that load. One thread at a time; the functions that
 * add run inside arena_run and copy what they are given.
 */
#ifndef TROUPE_CONFIG_REPORT_H
#define TROUPE_CONFIG_REPORT_H

#include "config/arena.h"
#include "config/diag.h"

/* Mistakes kept; further ones are only counted, and a last line says how many. */
#define REPORT_MAX 10000

/* An empty report; NULL when there is no memory. `guard` must be in arena_run while something is added. */
struct cfg_report *report_new(struct arena_guard *guard, bool strict);

/* Places the file named `name` after those named so far; files that are never named come in order of mention. */
void report_file(struct cfg_report *r, const char *name);

/* Adds one. `path` may be NULL. Under strict a warning becomes an error. */
__attribute__((format(printf, 4, 5))) void report_error(struct cfg_report *r, struct cfg_pos pos,
                                                        const char *path, const char *fmt, ...);
__attribute__((format(printf, 4, 5))) void report_warning(struct cfg_report *r, struct cfg_pos pos,
                                                          const char *path, const char *fmt, ...);

/* Puts everything in its final order; called once, when nothing will be added any more. Needs no arena_run. */
void report_finish(struct cfg_report *r);

#endif
