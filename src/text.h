/*
 * text: a growing string in C memory. Short ones need no allocation.
 *
 * Running out of memory is remembered, not reported at each step: what is put afterwards is dropped, `failed` says
 * so at the end, and the text is still terminated. Used by one thread at a time.
 */
#ifndef SRC_TEXT_H
#define SRC_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct text {
    char *s; /* `len` bytes and a NUL */
    size_t len, cap;
    bool failed;
    char first[1024];
};

/* An empty text. Not to be moved or copied afterwards. */
void text_open(struct text *t);
void text_close(struct text *t);

void text_put(struct text *t, const char *s, size_t n);
void text_str(struct text *t, const char *s);
void text_char(struct text *t, char c);
__attribute__((format(printf, 2, 3))) void text_printf(struct text *t, const char *fmt, ...);

/* A JSON string, quotes included; bytes that are not UTF-8 become U+FFFD. */
void text_json(struct text *t, const char *s, size_t n);

#endif
