/*
 * table: rows of text in columns that fit the terminal, and the other small things that make output readable: colours, amounts
 * of memory, spans of time. Main thread.
 *
 * What comes from outside is made harmless: control characters never reach the terminal.
 */
#ifndef SRC_TABLE_H
#define SRC_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct table_column {
    const char *title;
    bool right;  /* numbers */
    bool shrink; /* may be cut when the terminal is too narrow */
};

struct table;

#define TABLE_COLUMNS_MAX 16

/* `columns` are constant. NULL: no memory. */
struct table *table_open(const struct table_column *columns, size_t n);

/* The next cell, row by row; copied. */
void table_put(struct table *t, const char *text);
void table_putn(struct table *t, const char *text, size_t len); /* without a NUL in it */
__attribute__((format(printf, 2, 3))) void table_printf(struct table *t, const char *fmt, ...);

/* Prints and frees it. false: there was not enough memory for all of it. */
bool table_close(struct table *t, FILE *out);

/* Frees it unprinted. NULL: nothing. */
void table_drop(struct table *t);

/* Columns of the terminal that `out` is; 0: it is none. */
unsigned table_width(FILE *out);

/* Whether colours may be used: a terminal, and NO_COLOR is not set. */
bool table_colour(FILE *out);

/* Prints text, harmless. */
void table_text(FILE *out, const char *text);

/* "1.5M", "17K", "999", in units of 1024, and of 1000; "3d04h", "1h05m", "12m03s", "7s", "1.2s". Buffers of TABLE_SHORT. */
#define TABLE_SHORT 16
const char *table_bytes(uint64_t n, char *buf);
const char *table_count(uint64_t n, char *buf);
const char *table_span(double seconds, char *buf);

#endif
