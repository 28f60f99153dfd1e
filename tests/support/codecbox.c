#include "tests/support/codecbox.h"

#include <criterion/criterion.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/luabox.h"
#include "tests/support/rnd.h"
#include "vm/codec_fmt.h"
#include "vm/codec_scalar.h"
#include "vm/state.h"

extern const struct vlib vlib_errors;

static const struct vlib *const libs[] = {&vlib_errors, NULL};

enum { PREFIXES = 100 };

enum codec_status codecbox_encode(lua_State *L, int idx, size_t limit, struct codec_buf *b) {
    char why[256] = "";
    enum codec_status status = codec_encode(L, idx, "payload", limit, b, why, sizeof why);
    cr_assert(status == CODEC_OK ? !*why : *why != 0);
    return status;
}

bool codecbox_exactly(lua_State *L, const char *data, size_t len) {
    char *exact = malloc(len ? len : 1);
    memcpy(exact, data, len);
    bool ok = codec_decode(L, exact, len);
    free(exact);
    return ok;
}

static void check_scalar(lua_State *L, const struct codec_buf *b) {
    struct codec_scalar s;
    size_t size = codec_scalar_size(L, 1, &s);
    if (size == 0)
        return;
    cr_assert_eq(size, b->len);
    char *bytes = malloc(size);
    codec_scalar_put(&s, bytes);
    cr_assert_arr_eq(bytes, b->data, size);
    free(bytes);
}

/* A limit of exactly the size is enough, one less is not, and failing leaves the buffer as it was. */
static void check_limit(lua_State *L, size_t size) {
    struct codec_buf b = {0};
    cr_assert(codec_buf_put(&b, "before", 6));
    cr_assert_eq(codecbox_encode(L, 1, size, &b), CODEC_OK);
    cr_assert_eq(b.len, 6 + size);
    b.len = 6;
    if (size > 1) {
        cr_assert_eq(codecbox_encode(L, 1, size - 1, &b), CODEC_TOO_LARGE);
        cr_assert_eq(b.len, 6);
        cr_assert_arr_eq(b.data, "before", 6);
    }
    codec_buf_free(&b);
}

/* No proper prefix is a value; with something behind it, only codec_decode_next takes it. */
static void check_ends(lua_State *L, struct codec_buf *b) {
    int top = lua_gettop(L);
    size_t step = b->len / PREFIXES + 1;
    for (size_t len = 0; len < b->len; len += step) {
        cr_assert(!codecbox_exactly(L, b->data, len));
        cr_assert_eq(lua_gettop(L), top);
    }
    size_t len = b->len;
    cr_assert(codec_buf_put(b, "", 1));
    cr_assert(!codecbox_exactly(L, b->data, b->len));
    cr_assert_eq(lua_gettop(L), top);
    cr_assert_eq(codec_decode_next(L, b->data, b->len), len);
    cr_assert_eq(lua_gettop(L), top + 1);
    lua_settop(L, top);
    b->len = len;
}

/* copy(v) -> what v is on the other side; or nil, why. */
static int copy(lua_State *L) {
    struct codec_buf b = {0};
    char why[256] = "";
    lua_settop(L, 1);
    enum codec_status status = codec_encode(L, 1, "payload", 0, &b, why, sizeof why);
    cr_assert_eq(lua_gettop(L), 1);
    if (status != CODEC_OK) {
        cr_assert_eq(status, CODEC_BAD_VALUE);
        cr_assert_eq(b.len, 0);
        codec_buf_free(&b);
        lua_pushnil(L);
        lua_pushstring(L, why);
        return 2;
    }
    check_scalar(L, &b);
    check_limit(L, b.len);
    check_ends(L, &b);
    cr_assert(codecbox_exactly(L, b.data, b.len));
    cr_assert_eq(lua_gettop(L), 2);
    codec_buf_free(&b);
    return 1;
}

/* packed(v) -> v's copy by the short way, or nothing. */
static int packed(lua_State *L) {
    struct codec_buf b = {0};
    lua_settop(L, 1);
    cr_assert(codec_buf_put(&b, "before", 6));
    if (!codec_pack(L, 1, 0, &b)) {
        cr_assert_eq(b.len, 6);
        codec_buf_free(&b);
        return 0;
    }
    cr_assert_eq(lua_gettop(L), 1);
    size_t size = b.len - 6;
    cr_assert(codec_is_packed((unsigned char)b.data[6]));
    b.len = 6;
    cr_assert(!codec_pack(L, 1, size - 1, &b));
    cr_assert(codec_pack(L, 1, size + 8, &b)); /* it may want a word of room behind */
    cr_assert_arr_eq(b.data, "before", 6);
    memmove(b.data, b.data + 6, size);
    b.len = size;
    check_ends(L, &b);
    cr_assert(codecbox_exactly(L, b.data, b.len));
    codec_buf_free(&b);
    return 1;
}

static int make_channel(lua_State *L) {
    vtype_new(L, VTYPE_CHANNEL, 64);
    return 1;
}

static int make_light(lua_State *L) {
    lua_pushlightuserdata(L, L);
    return 1;
}

/* same(a, b): equal in every respect that a program can see, sharing and cycles included. */
static const char words[] =
    "local function same(a, b, there, back)\n"
    "    if type(a) ~= 'table' or type(b) ~= 'table' then\n"
    "        return rawequal(a, b) and (a ~= 0 or 1 / a == 1 / b) or a ~= a and b ~= b and tostring(a) == "
    "tostring(b)\n"
    "    end\n"
    "    if there[a] or back[b] then return there[a] == b and back[b] == a end\n"
    "    there[a], back[b] = b, a\n"
    "    if getmetatable(b) then return false end\n"
    "    for k, v in next, a do\n"
    "        if type(k) ~= 'table' and not same(v, rawget(b, k), there, back) then return false end\n"
    "    end\n"
    "    for k in next, b do if type(k) ~= 'table' and rawget(a, k) == nil then return false end end\n"
    "    return true\n"
    "end\n"
    "function keeps(v)\n"
    "    local w, why = copy(v)\n"
    "    if why then error(why, 2) end\n"
    "    if not same(v, w, {}, {}) then error('came back different', 2) end\n"
    "    if type(v) == 'table' and rawequal(v, w) then error('came back itself', 2) end\n"
    "    local p = packed(v)\n"
    "    if p ~= nil and not same(v, p, {}, {}) then error('came back different when packed', 2) end\n"
    "    return w\n"
    "end\n"
    "function refuses(text, v)\n"
    "    local w, why = copy(v)\n"
    "    if why ~= text then error(('got %s, wanted %s'):format(tostring(why or w), text), 2) end\n"
    "end\n";

lua_State *codecbox_open(void) {
    lua_State *L = luabox_open(libs);
    lua_register(L, "copy", copy);
    lua_register(L, "packed", packed);
    lua_register(L, "make_channel", make_channel);
    lua_register(L, "make_light", make_light);
    luabox_run(L, words);
    return L;
}

void codecbox_run(const char *code) {
    lua_State *L = codecbox_open();
    luabox_run(L, code);
    lua_close(L);
}

bool codecbox_decodes(lua_State *L, const char *data, size_t len) {
    int top = lua_gettop(L);
    bool ok = codecbox_exactly(L, data, len);
    cr_assert_eq(lua_gettop(L), top + ok);
    lua_settop(L, top);
    return ok;
}

void codecbox_damage(lua_State *L, const struct codec_buf *b, unsigned tags) {
    enum { TRIES = 6000 };
    struct rnd rnd = rnd_open("damage", 42);
    char *bytes = malloc(b->len);
    int accepted = 0;
    for (int i = 0; i < TRIES; i++) {
        memcpy(bytes, b->data, b->len);
        for (int n = 1 + i % 3; n > 0; n--) {
            uint64_t r = rnd_next(&rnd);
            bytes[r % b->len] = (char)(i % 2 ? r >> 32 : (r >> 32) % tags);
        }
        accepted += codecbox_decodes(L, bytes, b->len);
    }
    cr_assert(accepted > 0 && accepted < TRIES);
    free(bytes);
}
