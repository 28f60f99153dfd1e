/*
 * rows: the rows in a line of the control socket, read without making a tree of it: a list of a hundred thousand processes is
 * read in a fraction of the time. Pure.
 */
#ifndef SRC_ROWS_H
#define SRC_ROWS_H

#include <stdbool.h>
#include <stddef.h>

#define ROWS_CELLS_MAX 16

struct rows_cell {
    const char *s; /* of a string without its quotes, of a number its digits; not terminated */
    size_t len;
    bool text;
};

/*
 * Calls fn for every row of {"id":N,"data":{"rows":[[…],…]}}. false: the line is another one, or has something in it that takes
 * more to read (an escaped character); then fn was not called.
 */
bool rows_read(const char *line, size_t len, void (*fn)(void *ud, const struct rows_cell *cells, size_t n),
               void *ud);

#endif
