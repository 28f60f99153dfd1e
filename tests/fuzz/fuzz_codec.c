/*
 * The codec, from both sides. The first byte decides:
 *   even  the rest is decoded as it is; what decodes must encode and come back the same
 *   odd   the rest builds a Lua value (see build), which must come back the same, or be refused with a reason
 *
 * One state for all inputs, with little memory: what wants more than that raises, and that is fine.
 */
#include <lauxlib.h>
#include <lua.h>
#include <luajit.h>
#include <lualib.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vm/codec.h"
#include "vm/errobj.h"
#include "vm/state.h"

#define WEAK __attribute__((weak))

/* Stand-ins, used only where the program does not bring the real ones. */
#define X(name, text) WEAK const struct vtype_desc vtype_desc_##name = {NULL, NULL};
VTYPE_MAP(X)
#undef X

WEAK bool vstate_wippy(const struct vstate *vs) {
    return false;
}

/* Equal as far as programs see; tables as keys are only counted, since which is which cannot be told. */
static const char same[] =
    "local function same(a, b, there, back)\n"
    "    if type(a) == 'userdata' then return type(b) == 'userdata' and tostring(a) == tostring(b) end\n"
    "    if type(a) ~= 'table' or type(b) ~= 'table' then return a == b or a ~= a and b ~= b end\n"
    "    if there[a] or back[b] then return there[a] == b and back[b] == a end\n"
    "    there[a], back[b] = b, a\n"
    "    local objects = 0\n"
    "    for k, v in next, a do\n"
    "        if type(k) == 'table' or type(k) == 'userdata' then objects = objects + 1\n"
    "        elseif not same(v, b[k], there, back) then return false end\n"
    "    end\n"
    "    for k in next, b do\n"
    "        if type(k) == 'table' or type(k) == 'userdata' then objects = objects - 1\n"
    "        elseif a[k] == nil then return false end\n"
    "    end\n"
    "    return objects == 0\n"
    "end\n"
    "return function(a, b) return same(a, b, {}, {}) end";

enum { MEMORY_MAX = 64 << 20, SAME = 1 /* stack slot of the function above */ };

static lua_State *state;
static size_t memory;
static struct codec_buf buf;

static void *allocate(void *ud, void *block, size_t old_size, size_t size) {
    if (size == 0) {
        memory -= old_size;
        free(block);
        return NULL;
    }
    if (size > old_size && memory + size - old_size > MEMORY_MAX)
        return NULL;
    void *p = realloc(block, size);
    if (p)
        memory += size - old_size;
    return p;
}

static void fail(const char *what) {
    fprintf(stderr, "%s\n", what);
    abort();
}

struct input {
    const uint8_t *at, *end;
};

static unsigned next(struct input *in) {
    return in->at < in->end ? *in->at++ : 0;
}

static void push_bytes(lua_State *L, struct input *in, size_t len) {
    size_t left = (size_t)(in->end - in->at);
    if (len > left)
        len = left;
    lua_pushlstring(L, (const char *)in->at, len);
    in->at += len;
}

static void push_double(lua_State *L, struct input *in) {
    uint64_t bits = 0;
    double d;
    for (int i = 0; i < 8; i++)
        bits = bits << 8 | next(in);
    memcpy(&d, &bits, 8);
    lua_pushnumber(L, d);
}

static void push_error(lua_State *L, struct input *in) {
    unsigned len = next(in) % 32;
    char text[32] = {0};
    for (unsigned i = 0; i < len && i < sizeof text - 1; i++)
        text[i] = (char)next(in);
    errobj_pushf(L, (enum errkind)(next(in) % ERRKIND_COUNT), "%s", text);
}

/*
 * Pushes one value built by the bytes: a little stack machine whose stack is the Lua stack from `base` on. Tables that
 * were made stay reachable there, so that any can be put into any other.
 */
static void build(lua_State *L, struct input *in) {
    int base = lua_gettop(L);
    lua_newtable(L);
    while (in->at < in->end) {
        unsigned op = next(in);
        int made = lua_gettop(L) - base;
        if (made > 200 || !lua_checkstack(L, 20))
            break;
        int table = base + 1 + (int)(next(in) % (unsigned)made);
        if (!lua_istable(L, table))
            table = base + 1;
        switch (op % 16) {
        case 0: /* a new table in a table */
            lua_newtable(L);
            lua_pushvalue(L, -1);
            lua_rawseti(L, table, (int)next(in));
            break;
        case 1: /* any value so far, under a number */
            lua_pushvalue(L, base + 1 + (int)(next(in) % (unsigned)made));
            lua_rawseti(L, table, (int)next(in) - 3);
            break;
        case 2: /* any value so far, under any value */
            lua_pushvalue(L, base + 1 + (int)(next(in) % (unsigned)made));
            if (lua_isnil(L, -1) || (lua_isnumber(L, -1) && lua_tonumber(L, -1) != lua_tonumber(L, -1))) {
                lua_pop(L, 1);
                break;
            }
            lua_pushvalue(L, base + 1 + (int)(next(in) % (unsigned)made));
            lua_rawset(L, table);
            break;
        case 3: /* a word as key */
            push_bytes(L, in, next(in) % 9);
            push_double(L, in);
            lua_rawset(L, table);
            break;
        case 4: /* an element more */
            lua_pushinteger(L, (lua_Integer)next(in));
            lua_rawseti(L, table, (int)lua_objlen(L, table) + 1);
            break;
        case 5:
            push_double(L, in);
            break;
        case 6:
            push_bytes(L, in, next(in));
            break;
        case 7:
            lua_pushboolean(L, next(in) & 1);
            break;
        case 8:
            push_error(L, in);
            break;
        case 9: /* a chain */
            for (unsigned n = next(in) * 5; n > 0; n--) {
                lua_newtable(L);
                lua_insert(L, -2);
                lua_rawseti(L, -2, 1);
            }
            break;
        case 10: /* many elements */
            lua_newtable(L);
            for (int i = (int)next(in) * 16; i > 0; i--) {
                lua_pushinteger(L, i);
                lua_rawseti(L, -2, i);
            }
            break;
        case 11: /* what cannot cross, now and then */
            if (next(in) % 16 == 0) {
                lua_pushvalue(L, SAME);
                lua_rawseti(L, table, (int)next(in));
            }
            break;
        case 12: /* a hole */
            lua_pushnil(L);
            lua_rawseti(L, table, (int)next(in) % 32);
            break;
        default: /* the next values go there */
            lua_pushvalue(L, table);
        }
    }
    lua_pushvalue(L, base + 1);
    lua_replace(L, base + 1);
    lua_settop(L, base + 1);
}

static void comes_back(lua_State *L, int idx) {
    char why[128] = "";
    buf.len = 0;
    switch (codec_encode(L, idx, "value", 0, &buf, why, sizeof why)) {
    case CODEC_OK:
        break;
    case CODEC_BAD_VALUE:
        if (strncmp(why, "value", 5) != 0)
            fail(why);
        return;
    default:
        fail("encoding failed without a limit");
    }
    lua_pushvalue(L, SAME);
    lua_pushvalue(L, idx);
    if (!codec_decode(L, buf.data, buf.len))
        fail("what was encoded does not decode");
    if (lua_pcall(L, 2, 1, 0) != 0)
        return; /* deeper than Lua calls go, or no memory */
    if (!lua_toboolean(L, -1))
        fail("came back different");
    size_t len = buf.len;
    if (len > 1 && codec_encode(L, idx, "value", len - 1, &buf, why, sizeof why) != CODEC_TOO_LARGE)
        fail("more bytes than the limit allows");
}

/* The same by the short way, where it is one for it. */
static void comes_back_packed(lua_State *L, int idx) {
    buf.len = 0;
    if (!codec_pack(L, idx, 0, &buf))
        return;
    lua_pushvalue(L, SAME);
    lua_pushvalue(L, idx);
    if (!codec_decode(L, buf.data, buf.len))
        fail("what was packed does not decode");
    if (lua_pcall(L, 2, 1, 0) == 0 && !lua_toboolean(L, -1))
        fail("came back different when packed");
}

static int run(lua_State *L) {
    struct input *in = lua_touserdata(L, 1);
    luaL_checkstack(L, 20, NULL);
    lua_pushlightuserdata(L, &state);
    lua_rawget(L, LUA_REGISTRYINDEX);
    lua_replace(L, SAME);
    lua_settop(L, SAME);
    if (next(in) & 1) {
        build(L, in);
        comes_back(L, SAME + 1);
        lua_settop(L, SAME + 1);
        comes_back_packed(L, SAME + 1);
        return 0;
    }
    bool whole = codec_decode(L, (const char *)in->at, (size_t)(in->end - in->at));
    if (lua_gettop(L) != SAME + whole)
        fail("decoding left something on the stack");
    lua_settop(L, SAME);
    size_t used = codec_decode_next(L, (const char *)in->at, (size_t)(in->end - in->at));
    if (used > (size_t)(in->end - in->at) || (whole && used != (size_t)(in->end - in->at)))
        fail("decoding took more than there is");
    if (lua_gettop(L) != SAME + (used > 0))
        fail("decoding left something on the stack");
    if (used > 0) {
        comes_back(L, SAME + 1);
        lua_settop(L, SAME + 1);
        comes_back_packed(L, SAME + 1);
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!state) {
        state = lua_newstate(allocate, NULL);
        luaL_openlibs(state);
        /* The compiler keeps its buffers by pointers in front of them, which LeakSanitizer does not recognise. */
        luaJIT_setmode(state, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
        lua_pushlightuserdata(state, &state);
        if (luaL_dostring(state, same) != 0)
            fail(lua_tostring(state, -1));
        lua_rawset(state, LUA_REGISTRYINDEX);
    }
    struct input in = {data, data + size};
    lua_cpcall(state, run, &in); /* an error is one of memory: the state's limit */
    lua_settop(state, 0);
    if (memory > MEMORY_MAX / 4)
        lua_gc(state, LUA_GCCOLLECT, 0);
    return 0;
}
