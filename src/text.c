#include "src/text.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "config/utf8.h"

void text_open(struct text *t) {
    t->s = t->first;
    t->len = 0;
    t->cap = sizeof t->first;
    t->failed = false;
    t->first[0] = '\0';
}

void text_close(struct text *t) {
    if (t->s != t->first)
        mem_free(t->s);
}

/* Room for `n` bytes and a NUL. */
static bool reserve(struct text *t, size_t n) {
    if (t->failed)
        return false;
    if (n < t->cap - t->len)
        return true;
    size_t cap = t->cap * 2 > t->len + n + 1 ? t->cap * 2 : t->len + n + 1;
    char *s = mem_realloc(t->s == t->first ? NULL : t->s, cap);
    if (!s) {
        t->failed = true;
        return false;
    }
    if (t->s == t->first)
        memcpy(s, t->first, t->len + 1);
    t->s = s;
    t->cap = cap;
    return true;
}

void text_put(struct text *t, const char *s, size_t n) {
    if (!n || !reserve(t, n))
        return;
    memcpy(t->s + t->len, s, n);
    t->len += n;
    t->s[t->len] = '\0';
}

void text_str(struct text *t, const char *s) {
    text_put(t, s, strlen(s));
}

void text_char(struct text *t, char c) {
    text_put(t, &c, 1);
}

void text_printf(struct text *t, const char *fmt, ...) {
    if (t->failed)
        return;
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(t->s + t->len, t->cap - t->len, fmt, args);
    va_end(args);
    if (n < 0 || (size_t)n >= t->cap - t->len) {
        t->s[t->len] = '\0';
        if (n < 0 || !reserve(t, (size_t)n))
            return;
        va_start(args, fmt);
        vsnprintf(t->s + t->len, t->cap - t->len, fmt, args);
        va_end(args);
    }
    t->len += (size_t)n;
}

static void json_escape(struct text *t, unsigned char c) {
    static const char shorts[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    for (const char *p = shorts; *p; p += 2)
        if ((unsigned char)*p == c) {
            text_char(t, '\\');
            text_char(t, p[1]);
            return;
        }
    text_printf(t, "\\u%04x", c);
}

void text_json(struct text *t, const char *s, size_t n) {
    text_char(t, '"');
    for (size_t i = 0; i < n;) {
        size_t plain = i;
        while (plain < n && (unsigned char)s[plain] >= 0x20 && (unsigned char)s[plain] < 0x7f &&
               s[plain] != '"' && s[plain] != '\\')
            plain++;
        text_put(t, s + i, plain - i);
        i = plain;
        if (i == n)
            break;
        uint32_t c;
        size_t len = utf8_next(s + i, n - i, &c);
        if (!len)
            text_str(t, "\\ufffd");
        else if (len > 1)
            text_put(t, s + i, len);
        else
            json_escape(t, (unsigned char)s[i]);
        i += len ? len : 1;
    }
    text_char(t, '"');
}
