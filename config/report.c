#include "config/report.h"

#include "base/alloc.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_MAX 1024

struct item {
    struct cfg_diag diag;
    size_t file; /* index in the report's files */
    size_t seq;  /* order of adding */
};

struct cfg_report {
    struct arena arena;
    bool strict;
    struct {
        struct file {
            const char *name, *shown;
        } * v;
        size_t n, cap;
    } files;
    struct {
        struct item *v;
        size_t n, cap;
    } items;
    size_t errors, dropped;
    size_t last_file; /* mistakes come in runs of the same file */
};

struct cfg_report *report_new(struct arena_guard *guard, bool strict) {
    struct cfg_report *r = mem_calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    r->strict = strict;
    arena_init(&r->arena, guard);
    return r;
}

void cfg_report_free(struct cfg_report *r) {
    if (r == NULL)
        return;
    arena_free(&r->arena);
    mem_free(r);
}

/* How many bytes at `s` are one control character; 0: it is none. */
static int is_control(const char *s) {
    unsigned char c = (unsigned char)s[0], next = (unsigned char)s[1];
    if (c == 0xc2 && next >= 0x80 && next < 0xa0)
        return 2;
    return (c < 0x20 && c != '\0') || c == 0x7f;
}

/*
 * A copy of a text that may hold anything a file, a key or a name does, with control characters (UTF-8's C1 too)
 * escaped: a mistake is one line, and cannot talk to the terminal.
 */
static const char *clean_copy(struct cfg_report *r, const char *s) {
    size_t n = strlen(s), bad = 0;
    for (size_t i = 0; i < n; i++)
        bad += is_control(s + i);
    char *copy = arena_alloc(&r->arena, n + bad * 6 + 1), *w = copy;
    for (size_t i = 0; i < n; i++) {
        int bytes = is_control(s + i);
        if (bytes == 0)
            *w++ = s[i];
        else
            w += sprintf(w, "\\x%02X", (unsigned)(unsigned char)s[i += (size_t)bytes - 1]);
    }
    return copy;
}

static size_t file_index(struct cfg_report *r, const char *name) {
    if (r->last_file < r->files.n && strcmp(r->files.v[r->last_file].name, name) == 0)
        return r->last_file;
    size_t i = 0;
    while (i < r->files.n && strcmp(r->files.v[i].name, name) != 0)
        i++;
    if (i == r->files.n)
        *ARENA_PUSH(&r->arena, &r->files) = (struct file){arena_strdup(&r->arena, name), clean_copy(r, name)};
    return r->last_file = i;
}

void report_file(struct cfg_report *r, const char *name) {
    file_index(r, name);
}

static void add(struct cfg_report *r, enum cfg_severity severity, struct cfg_pos pos, const char *path,
                const char *fmt, va_list ap) {
    if (r->strict)
        severity = CFG_ERROR;
    if (severity == CFG_ERROR)
        r->errors++;
    if (r->items.n == REPORT_MAX) {
        r->dropped++;
        return;
    }
    char text[MESSAGE_MAX];
    vsnprintf(text, sizeof text, fmt, ap);
    size_t file = file_index(r, pos.file);
    pos.file = r->files.v[file].shown;
    struct item *item = ARENA_PUSH(&r->arena, &r->items);
    *item = (struct item){
        .diag = {.severity = severity,
                 .pos = pos,
                 .path = path != NULL ? clean_copy(r, path) : "",
                 .message = clean_copy(r, text)},
        .file = file,
        .seq = r->items.n,
    };
}

void report_error(struct cfg_report *r, struct cfg_pos pos, const char *path, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    add(r, CFG_ERROR, pos, path, fmt, ap);
    va_end(ap);
}

void report_warning(struct cfg_report *r, struct cfg_pos pos, const char *path, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    add(r, CFG_WARNING, pos, path, fmt, ap);
    va_end(ap);
}

static int order(size_t a, size_t b) {
    return (a > b) - (a < b);
}

static int compare(const void *pa, const void *pb) {
    const struct item *a = pa, *b = pb;
    int c = order(a->file, b->file);
    if (c == 0)
        c = order((size_t)a->diag.pos.line, (size_t)b->diag.pos.line);
    if (c == 0)
        c = order((size_t)a->diag.pos.col, (size_t)b->diag.pos.col);
    return c != 0 ? c : order(a->seq, b->seq);
}

void report_finish(struct cfg_report *r) {
    if (r->items.n > 0)
        qsort(r->items.v, r->items.n, sizeof *r->items.v, compare);
}

size_t cfg_report_count(const struct cfg_report *r) {
    return r->items.n;
}

size_t cfg_report_errors(const struct cfg_report *r) {
    return r->errors;
}

const struct cfg_diag *cfg_report_at(const struct cfg_report *r, size_t i) {
    return &r->items.v[i].diag;
}

size_t cfg_diag_format(const struct cfg_diag *d, char *buf, size_t cap) {
    char place[48] = "";
    if (d->pos.line > 0 && d->pos.col > 0)
        snprintf(place, sizeof place, ":%d:%d", d->pos.line, d->pos.col);
    else if (d->pos.line > 0)
        snprintf(place, sizeof place, ":%d", d->pos.line);
    int n = snprintf(buf, cap, "%s%s: %s: %s%s%s", d->pos.file, place,
                     d->severity == CFG_ERROR ? "error" : "warning", d->path, d->path[0] != '\0' ? ": " : "",
                     d->message);
    return (size_t)n;
}

void cfg_report_print(const struct cfg_report *r, FILE *out) {
    for (size_t i = 0; i < r->items.n; i++) {
        /* a path may be as long as the file's names make it: what does not fit is cut */
        char line[MESSAGE_MAX * 4];
        cfg_diag_format(&r->items.v[i].diag, line, sizeof line);
        fprintf(out, "%s\n", line);
    }
    if (r->dropped > 0)
        fprintf(out, "%zu more mistakes are not shown\n", r->dropped);
}
