/*
 * textbuf: a growing text on its way to a Lua string. Short texts stay on the C stack; longer ones move to memory of
 * the state (counted against its limit, collected by Lua), so nothing is lost when something raises half-way.
 *
 * A buffer occupies one slot of the Lua stack from textbuf_open to textbuf_push; what is pushed meanwhile goes above it.
 * All functions that may grow it raise when the state is out of memory. Used within one C function, on the state's worker.
 */
#ifndef VM_TEXTBUF_H
#define VM_TEXTBUF_H

#include <lua.h>
#include <stddef.h>
#include <string.h>

#define TEXTBUF_FIRST 2048

struct textbuf {
    lua_State *L;
    char *data;
    size_t len, cap;
    int slot; /* of the Lua stack: nil, or the userdata that `data` points into */
    char first[TEXTBUF_FIRST];
};

/* Empty; pushes the slot. */
void textbuf_open(struct textbuf *b, lua_State *L);

/* Makes room for `n` more bytes; for the functions below. */
void textbuf_grow(struct textbuf *b, size_t n);

/* Where to write up to `n` bytes; then add what was written to b->len. */
static inline char *textbuf_room(struct textbuf *b, size_t n) {
    if (b->cap - b->len < n)
        textbuf_grow(b, n);
    return b->data + b->len;
}

static inline void textbuf_put(struct textbuf *b, const char *s, size_t n) {
    memcpy(textbuf_room(b, n), s, n);
    b->len += n;
}

static inline void textbuf_char(struct textbuf *b, char c) {
    *textbuf_room(b, 1) = c;
    b->len++;
}

/* Pushes the text as a string. */
void textbuf_push(struct textbuf *b);

#endif
