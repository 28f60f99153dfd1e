#include "src/rows.h"

#include <string.h>

struct reader {
    const char *at, *end;
};

static bool skip(struct reader *r, const char *text) {
    size_t n = strlen(text);
    if ((size_t)(r->end - r->at) < n || memcmp(r->at, text, n) != 0)
        return false;
    r->at += n;
    return true;
}

static bool is_number(char c) {
    return (c >= '0' && c <= '9') || c == '.' || c == '-';
}

static bool read_cell(struct reader *r, struct rows_cell *cell) {
    cell->text = skip(r, "\"");
    cell->s = r->at;
    while (r->at < r->end && (cell->text ? *r->at != '"' && *r->at != '\\' : is_number(*r->at)))
        r->at++;
    cell->len = (size_t)(r->at - cell->s);
    return cell->text ? skip(r, "\"") : cell->len > 0;
}

static bool read_row(struct reader *r, struct rows_cell *cells, size_t *n) {
    *n = 0;
    if (!skip(r, "["))
        return false;
    do {
        if (*n == ROWS_CELLS_MAX || !read_cell(r, &cells[(*n)++]))
            return false;
    } while (skip(r, ","));
    return skip(r, "]");
}

static bool read_all(struct reader r, void (*fn)(void *ud, const struct rows_cell *cells, size_t n),
                     void *ud) {
    struct rows_cell cells[ROWS_CELLS_MAX];
    size_t n;
    if (!skip(&r, "{\"id\":"))
        return false;
    while (r.at < r.end && is_number(*r.at))
        r.at++;
    if (!skip(&r, ",\"data\":{\"rows\":["))
        return false;
    do {
        if (!read_row(&r, cells, &n))
            return false;
        if (fn)
            fn(ud, cells, n);
    } while (skip(&r, ","));
    return skip(&r, "]}}") && r.at == r.end;
}

bool rows_read(const char *line, size_t len, void (*fn)(void *ud, const struct rows_cell *cells, size_t n),
               void *ud) {
    struct reader r = {line, line + len};
    return read_all(r, NULL, NULL) && read_all(r, fn, ud);
}
