/*
 * start: what both programs do first: standard streams, configuration, log. What is wrong is written to standard error,
 * a line each. Main thread, before other threads exist.
 */
#ifndef SRC_START_H
#define SRC_START_H

#include <stdbool.h>
#include <stdio.h>

#include "config/config.h"
#include "src/options.h"

/* Makes descriptors 0 to 2 belong to nobody else: those that are closed lead to where nothing can be written. */
void start_streams(void);

/* Whether the program has the address space to start with; complains when not. */
bool start_room(const char *program);

/* "PROGRAM: MESSAGE" */
__attribute__((format(printf, 2, 3))) void start_complain(const char *program, const char *fmt, ...);

/*
 * Loads what `o` says (check_source is filled in), and writes every mistake and warning to standard error. NULL, and the
 * exit status in *status: there were mistakes, or not enough memory.
 */
struct config *start_config(const char *program, struct cfg_options *o, int *status);

/* Flushes standard output: 0, or EXIT_CODE_IO after a complaint when something could not be written. */
int start_flush(const char *program);

#endif
