#include "src/table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/alloc.h"
#include "config/utf8.h"
#include "src/text.h"

#define GAP 2
#define SHRINK_MIN 12 /* no column is cut to less */

struct table {
    const struct table_column *columns;
    size_t n, cells;
    size_t shown; /* the first so many columns */
    unsigned width[TABLE_COLUMNS_MAX];
    struct text text; /* cells one after the other, each with a NUL */
};

/* --- harmless text ------------------------------------------------------------------------------------------------ */

/* The bytes of the next character of `s`, 0 at its end; *shown is what is printed of it. */
static size_t next_char(const char *s, const char **shown, size_t *shown_len) {
    uint32_t c;
    size_t left = strnlen(s, 8), n = left ? utf8_next(s, left, &c) : 0;
    if (!left)
        return 0;
    *shown = s;
    *shown_len = n;
    if (!n || c < 0x20 || (c >= 0x7f && c < 0xa0)) {
        *shown = "?";
        *shown_len = 1;
    }
    return n ? n : 1;
}

/* Bytes from `s` on that are one printed character each: nearly everything. */
static size_t plain(const char *s) {
    size_t n = 0;
    while ((unsigned char)s[n] >= 0x20 && (unsigned char)s[n] < 0x7f)
        n++;
    return n;
}

static unsigned count_chars(const char *s) {
    const char *shown;
    size_t len, n = plain(s);
    unsigned count = (unsigned)n;
    for (s += n; (n = next_char(s, &shown, &len)); s += n)
        count++;
    return count;
}

/* At most `max` characters; the last one says that something is missing. Returns how many. */
static unsigned print_chars(FILE *out, const char *s, unsigned max) {
    const char *shown;
    size_t len, n = plain(s);
    unsigned count = 0;
    if (!s[n] && n <= max) {
        fwrite_unlocked(s, 1, n, out);
        return (unsigned)n;
    }
    while ((n = next_char(s, &shown, &len))) {
        if (++count == max && next_char(s + n, &shown, &len)) {
            fputs("…", out);
            return count;
        }
        next_char(s, &shown, &len);
        fwrite_unlocked(shown, 1, len, out);
        s += n;
    }
    return count;
}

void table_text(FILE *out, const char *text) {
    print_chars(out, text, (unsigned)-1);
}

/* --- the terminal ------------------------------------------------------------------------------------------------- */

unsigned table_width(FILE *out) {
    struct winsize w;
    if (!isatty(fileno(out)))
        return 0;
    return ioctl(fileno(out), TIOCGWINSZ, &w) == 0 && w.ws_col ? w.ws_col : 80;
}

bool table_colour(FILE *out) {
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(fileno(out)) && !(no && no[0]) && !(term && strcmp(term, "dumb") == 0);
}

/* --- tables ------------------------------------------------------------------------------------------------------- */

struct table *table_open(const struct table_column *columns, size_t n) {
    struct table *t = mem_calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->columns = columns;
    t->n = t->shown = n;
    text_open(&t->text);
    for (size_t i = 0; i < n; i++)
        t->width[i] = count_chars(columns[i].title);
    return t;
}

void table_putn(struct table *t, const char *text, size_t len) {
    if (!t)
        return;
    size_t from = t->text.len;
    text_put(&t->text, text, len);
    text_put(&t->text, "", 1);
    unsigned width = t->text.failed ? 0 : count_chars(t->text.s + from), *most = &t->width[t->cells++ % t->n];
    if (width > *most)
        *most = width;
}

void table_put(struct table *t, const char *text) {
    table_putn(t, text, strlen(text));
}

void table_printf(struct table *t, const char *fmt, ...) {
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    table_put(t, text);
}

/* Takes what is too much from the widest column that may be cut, again and again; then leaves out the last columns. */
static void fit(struct table *t, unsigned room) {
    for (;;) {
        unsigned all = 0;
        size_t widest = t->n;
        for (size_t i = 0; i < t->shown; i++) {
            all += t->width[i] + (i ? GAP : 0);
            if (t->columns[i].shrink && t->width[i] > SHRINK_MIN &&
                (widest == t->n || t->width[i] > t->width[widest]))
                widest = i;
        }
        if (all <= room || (widest == t->n && t->shown == 1))
            return;
        if (widest != t->n)
            t->width[widest]--;
        else
            t->shown--;
    }
}

static void pad(FILE *out, unsigned n) {
    static const char blanks[] = "                                ";
    for (; n >= sizeof blanks - 1; n -= sizeof blanks - 1)
        fwrite_unlocked(blanks, 1, sizeof blanks - 1, out);
    fwrite_unlocked(blanks, 1, n, out);
}

static void print_cell(const struct table *t, FILE *out, size_t i, const char *s) {
    if (i >= t->shown)
        return;
    unsigned width = t->width[i], n = count_chars(s), shown = n < width ? n : width;
    if (i)
        pad(out, GAP);
    if (t->columns[i].right)
        pad(out, width - shown);
    print_chars(out, s, width);
    if (!t->columns[i].right && i + 1 < t->shown)
        pad(out, width - shown);
}

void table_drop(struct table *t) {
    if (!t)
        return;
    text_close(&t->text);
    mem_free(t);
}

bool table_close(struct table *t, FILE *out) {
    if (!t)
        return false;
    bool whole = !t->text.failed, bold = table_colour(out);
    unsigned room = table_width(out);
    const char *s = t->text.s;
    if (room)
        fit(t, room);
    fputs(bold ? "\033[1m" : "", out);
    for (size_t i = 0; i < t->n; i++)
        print_cell(t, out, i, t->columns[i].title);
    fputs(bold ? "\033[0m\n" : "\n", out);
    for (size_t cell = 0, i = 0; whole && cell < t->cells; cell++, s += strlen(s) + 1) {
        print_cell(t, out, i, s);
        if (++i < t->n)
            continue;
        fputc('\n', out);
        i = 0;
    }
    table_drop(t);
    return whole;
}

/* --- amounts ------------------------------------------------------------------------------------------------------ */

static const char *amount(uint64_t n, double step, const char *units, char *buf) {
    if (n < 1000) {
        snprintf(buf, TABLE_SHORT, "%u", (unsigned)n);
        return buf;
    }
    double v = (double)n;
    int unit = -1;
    do {
        v /= step;
        unit++;
    } while (v >= 999.5 && units[unit + 1]);
    snprintf(buf, TABLE_SHORT, v < 9.95 ? "%.1f%c" : "%.0f%c", v, units[unit]);
    return buf;
}

const char *table_bytes(uint64_t n, char *buf) {
    return amount(n, 1024, "KMGTPE", buf);
}

const char *table_count(uint64_t n, char *buf) {
    return amount(n, 1000, "kMGTPE", buf);
}

const char *table_span(double seconds, char *buf) {
    uint64_t s = (uint64_t)seconds;
    if (seconds < 9.95 && seconds != (double)s)
        snprintf(buf, TABLE_SHORT, "%.1fs", seconds < 0 ? 0 : seconds);
    else if (s < 60)
        snprintf(buf, TABLE_SHORT, "%us", (unsigned)s);
    else if (s < 3600)
        snprintf(buf, TABLE_SHORT, "%um%02us", (unsigned)(s / 60), (unsigned)(s % 60));
    else if (s < 86400)
        snprintf(buf, TABLE_SHORT, "%uh%02um", (unsigned)(s / 3600), (unsigned)(s / 60 % 60));
    else
        snprintf(buf, TABLE_SHORT, "%ud%02uh", (unsigned)(s / 86400 % 1000000), (unsigned)(s / 3600 % 24));
    return buf;
}
