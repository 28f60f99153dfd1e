/*
 * codecbox: a luabox for tests of the value codec. Lua code in it may use
 *   copy(v)           what v is on the other side, or nil, why; checks on the way what must hold for every value
 *   packed(v)         v's copy by the short way (codec_pack), or nothing
 *   keeps(v)          checks that both are like v, sharing and cycles included, and no less; returns the copy
 *   refuses(text, v)  checks that v cannot be sent, for this reason
 *   make_channel(), make_light()   values that cannot
 * and the module errors.
 */
#ifndef TESTS_SUPPORT_CODECBOX_H
#define TESTS_SUPPORT_CODECBOX_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vm/codec.h"

lua_State *codecbox_open(void);

/* In a box of its own. */
void codecbox_run(const char *code);

/* codec_encode; checks that there is a reason exactly when it fails. */
enum codec_status codecbox_encode(lua_State *L, int idx, size_t limit, struct codec_buf *b);

/* codec_decode of bytes in a block of exactly their size, so that a memory checker sees one read too far. */
bool codecbox_exactly(lua_State *L, const char *data, size_t len);

/* The same; the value, if it is one, is dropped. */
bool codecbox_decodes(lua_State *L, const char *data, size_t len);

/*
 * Decodes copies of `b` in which up to three bytes are others, half of them below `tags`, the number of tags that there are: some
 * are valid all the same, others are not.
 */
void codecbox_damage(lua_State *L, const struct codec_buf *b, unsigned tags);

/* The same for these bytes, with the `L` of where it stands. */
#define DECODES(...)                                                                                         \
    ({                                                                                                       \
        const char bytes[] = {__VA_ARGS__};                                                                  \
        codecbox_decodes(L, bytes, sizeof bytes);                                                            \
    })

#define U32(n) (char)((n)&0xff), (char)((n) >> 8 & 0xff), (char)((n) >> 16 & 0xff), (char)((n) >> 24 & 0xff)

#endif
