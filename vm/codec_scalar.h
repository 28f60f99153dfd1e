/*
 * codec_scalar: the short way for messages that are one nil, boolean, number or string of any length.
 *
 * The size is known before a byte is written, so that the sender allocates the message itself and encodes into it: no
 * buffer, no second copy. codec_decode reads the result. Runs on the worker of the state; never raises.
 *
 *     struct codec_scalar s;
 *     size_t size = codec_scalar_size(L, idx, &s);
 *     if (size == 0) ... codec_encode ...
 *     else { allocate size bytes; codec_scalar_put(&s, bytes); }
 */
#ifndef VM_CODEC_SCALAR_H
#define VM_CODEC_SCALAR_H

#include <lua.h>

#include "base/bytes.h"
#include "vm/codec_fmt.h"
#include "vm/stack.h"

/* Valid while the value stays on the stack. */
struct codec_scalar {
    const char *string; /* NULL: no string */
    size_t len;         /* of the string */
    double number;
    unsigned char tag;
};

/* The bytes that the value at `idx` > 0 takes when encoded; 0 when it is none of these types. */
static inline size_t codec_scalar_size(lua_State *L, int idx, struct codec_scalar *s) {
    s->string = NULL;
    if (stack_number(L, idx, &s->number)) {
        s->tag = TAG_NUMBER;
        return NUMBER_SIZE;
    }
    if ((s->string = stack_string(L, idx, &s->len))) {
        s->tag = (unsigned char)(s->len <= SHORT_MAX ? TAG_SHORT + s->len : TAG_LONG);
        return s->tag == TAG_LONG ? LONG_HEAD + s->len : 1 + s->len;
    }
    switch (lua_type(L, idx)) {
    case LUA_TBOOLEAN:
        s->tag = lua_toboolean(L, idx) ? TAG_TRUE : TAG_FALSE;
        return 1;
    case LUA_TNIL:
        s->tag = TAG_NIL;
        return 1;
    default:
        return 0;
    }
}

/* Writes as many bytes as codec_scalar_size said. */
static inline void codec_scalar_put(const struct codec_scalar *s, char *to) {
    *to++ = (char)s->tag;
    if (s->tag == TAG_NUMBER) {
        memcpy(to, &s->number, sizeof s->number);
    } else if (s->tag == TAG_LONG) {
        put_u32(to, (uint32_t)s->len);
        memcpy(to + 4, s->string, s->len);
    } else if (s->string) {
        copy_bytes(to, s->string, s->len);
    }
}

#endif
