/*
 * options: command lines read by a table. Parsing, --help, manual pages and completions come from the same table.
 *
 * Read by getopt_long: an option is "--name", "--name VALUE" or "--name=VALUE", or its letter: "-n VALUE", "-nVALUE", and
 * "-abc" for three without a value. Options may stand anywhere; what follows "--" are arguments, and so is "-" and whatever
 * begins with "-" and a digit. Nothing is abbreviated.
 * Main thread, before other threads exist.
 */
#ifndef SRC_OPTIONS_H
#define SRC_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct option_def {
    const char *name;  /* without "--" */
    char letter;       /* 0: none */
    const char *value; /* what the value is called in help; NULL: takes none */
    bool repeat;       /* may be given more than once */
    const char *help;
};

/* One command line syntax. */
struct options_syntax {
    const char *command; /* "trouped", "troupe run" */
    const char *args;    /* the arguments as in usage, "FILE [ARGS...]"; "" */
    size_t args_min, args_max;
    const char *summary; /* one line */
    const struct option_def *options;
    size_t count;
};

#define OPTIONS_ARGS_MAX ((size_t)-1)

struct options {
    /* Parallel to the table: the values of each option in order (an option without value: one NULL). */
    struct option_values {
        const char **v;
        size_t n;
    } * found;
    const char **args;
    size_t args_n;
    const char **storage; /* of all the lists */
};

/*
 * Reads argv[1..argc-1]. false: `err` (cut at `cap`) says what is wrong ("--confg: unknown option; did you mean --config?").
 * The result points into argv; options_free in either case.
 */
bool options_parse(const struct options_syntax *s, int argc, char **argv, struct options *o, char *err,
                   size_t cap);
void options_free(struct options *o);

/* By the option's index in the table. */
bool options_given(const struct options *o, size_t index);
const char *options_value(const struct options *o, size_t index); /* the last; NULL: not given */

/* Whether the table has an option "help" and it was given. */
bool options_wants_help(const struct options_syntax *s, const struct options *o);

/* usage and all options, as --help prints them */
void options_help(const struct options_syntax *s, FILE *out);

/* Prints text in lines of 80 characters, of which all but the first are indented. */
void options_wrap(FILE *out, const char *text, unsigned indent);

/* The table as tab-separated lines: command, option, letter, value, repeat, help. Manual and completion are made from it. */
void options_dump(const struct options_syntax *s, FILE *out);

#endif
