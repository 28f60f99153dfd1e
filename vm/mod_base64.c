/* The module `base64`: RFC 4648, the usual alphabet, padded; what decodes is exactly what encodes. */
#include <lauxlib.h>
#include <nettle/base64.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "vm/errobj.h"
#include "vm/lib.h"
#include "vm/textbuf.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int base64_encode(lua_State *L) {
    size_t len;
    const char *data = luaL_checklstring(L, 1, &len);
    struct textbuf b;
    textbuf_open(&b, L);
    size_t n = BASE64_ENCODE_RAW_LENGTH(len);
    base64_encode_raw(textbuf_room(&b, n), len, (const uint8_t *)data);
    b.len += n;
    textbuf_push(&b);
    return 1;
}

/* Why a text is not base64; there is a reason. */
static int explain(lua_State *L, const char *text, size_t len) {
    size_t good = 0;
    while (good < len && text[good] && strchr(alphabet, text[good]))
        good++;
    size_t padding = len - good;
    bool only_padding = padding <= 2;
    for (size_t i = good; i < len; i++)
        only_padding = only_padding && text[i] == '=';
    if (!only_padding)
        return errobj_nil(L, ERRKIND_INVALID, "base64.decode: invalid character at byte %zu", good + 1);
    if (len % 4 != 0)
        return errobj_nil(L, ERRKIND_INVALID, "base64.decode: length %zu is no multiple of 4", len);
    return errobj_nil(L, ERRKIND_INVALID, "base64.decode: bits left over at the end");
}

static int base64_decode(lua_State *L) {
    size_t len, n;
    const char *text = luaL_checklstring(L, 1, &len);
    struct base64_decode_ctx context;
    struct textbuf b;
    textbuf_open(&b, L);
    n = BASE64_DECODE_LENGTH(len);
    uint8_t *out = (uint8_t *)textbuf_room(&b, n);
    base64_decode_init(&context);
    /* nettle skips white space; nothing but the alphabet and padding has a length like this. */
    if (!base64_decode_update(&context, &n, out, len, text) || !base64_decode_final(&context) ||
        BASE64_ENCODE_RAW_LENGTH(n) != len)
        return explain(L, text, len);
    b.len = n;
    textbuf_push(&b);
    return 1;
}

static const luaL_Reg funcs[] = {
    {"encode", base64_encode},
    {"decode", base64_decode},
    {NULL, NULL},
};

const struct vlib vlib_base64 = {"base64", funcs, NULL, 0, NULL};
