#include "vm/payload.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "vm/codec.h"
#include "vm/errobj.h"
#include "vm/jsondec.h"
#include "vm/jsonenc.h"
#include "vm/lib.h"

#define FORMATS(X)                                                                                           \
    X(JSON, "json/plain")                                                                                    \
    X(YAML, "yaml/plain")                                                                                    \
    X(STRING, "text/plain")                                                                                  \
    X(BYTES, "application/octet-stream")                                                                     \
    X(MSGPACK, "application/msgpack")                                                                        \
    X(LUA, "lua/any")                                                                                        \
    X(GOLANG, "golang/any")                                                                                  \
    X(ERROR, "golang/error")

enum format {
#define X(name, text) FORMAT_##name,
    FORMATS(X)
#undef X
        FORMAT_COUNT
};

static const char *const format_text[] = {
#define X(name, text) text,
    FORMATS(X)
#undef X
};

enum { WHY_MAX = 400 };

/* Its environment table: [1] the value. */
struct payload {
    struct vhead head;
    enum format format;
};

/* Pops the value, pushes the object. */
static struct payload *wrap(lua_State *L, enum format format) {
    struct payload *p = vtype_new(L, VTYPE_PAYLOAD, sizeof *p);
    p->format = format;
    lua_createtable(L, 1, 0);
    lua_pushvalue(L, -3);
    lua_rawseti(L, -2, 1);
    lua_setfenv(L, -2);
    lua_replace(L, -2);
    return p;
}

void payload_wrap(lua_State *L) {
    if (!vtype_test(L, -1, VTYPE_PAYLOAD))
        wrap(L, errobj_failure(L, -1) ? FORMAT_ERROR : FORMAT_LUA);
}

void payload_push_data(lua_State *L, int idx) {
    lua_getfenv(L, idx);
    lua_rawgeti(L, -1, 1);
    lua_replace(L, -2);
}

static int payload_data(lua_State *L) {
    vtype_check(L, 1, VTYPE_PAYLOAD);
    payload_push_data(L, 1);
    return 1;
}

static int payload_format(lua_State *L) {
    const struct payload *p = vtype_check(L, 1, VTYPE_PAYLOAD);
    lua_pushstring(L, format_text[p->format]);
    return 1;
}

static int payload_tostring(lua_State *L) {
    const struct payload *p = vtype_check(L, 1, VTYPE_PAYLOAD);
    lua_pushfstring(L, "payload{format=%s}", format_text[p->format]);
    return 1;
}

/* Replaces the JSON text on top of the stack by its value; false: nil and an error object are on the stack. */
static bool decode_json(lua_State *L, const char *what) {
    size_t len;
    const char *text = lua_tolstring(L, -1, &len);
    struct jsondec_fault fault;
    if (!text || lua_type(L, -1) != LUA_TSTRING) {
        errobj_nil(L, ERRKIND_INTERNAL, "%s: JSON text must be a string, got %s", what, vtype_word(L, -1));
        return false;
    }
    if (!jsondec_value(L, text, len, 0, &fault)) {
        errobj_nil(L, ERRKIND_INTERNAL, "%s: line %zu, column %zu: %s", what, fault.line, fault.column,
                   fault.what);
        return false;
    }
    lua_replace(L, -2);
    return true;
}

/* The value as Lua has it: JSON text is read. */
static int payload_unmarshal(lua_State *L) {
    const struct payload *p = vtype_check(L, 1, VTYPE_PAYLOAD);
    payload_push_data(L, 1);
    if (p->format == FORMAT_JSON && !decode_json(L, "unmarshal"))
        return 2;
    return 1;
}

static int impossible(lua_State *L, enum format from, enum format to) {
    return errobj_nil(L, ERRKIND_INTERNAL, "transcode: no way from %s to %s", format_text[from],
                      format_text[to]);
}

/* Replaces the value on top by its text for STRING and BYTES; false when it has none. */
static bool to_text(lua_State *L) {
    switch (lua_type(L, -1)) {
    case LUA_TSTRING:
        return true;
    case LUA_TNUMBER:
        lua_tolstring(L, -1, NULL);
        return true;
    case LUA_TBOOLEAN:
        lua_pushstring(L, lua_toboolean(L, -1) ? "true" : "false");
        lua_replace(L, -2);
        return true;
    default:
        if (!errobj_failure(L, -1))
            return false;
        luaL_callmeta(L, -1, "__tostring");
        lua_replace(L, -2);
        return true;
    }
}

static bool encode_json(lua_State *L) {
    struct textbuf b;
    char why[WHY_MAX];
    int value = lua_gettop(L);
    textbuf_open(&b, L);
    if (!jsonenc_value(L, value, "value", &b, why, sizeof why)) {
        errobj_nil(L, ERRKIND_INTERNAL, "transcode: %s", why);
        return false;
    }
    textbuf_push(&b);
    lua_replace(L, value);
    lua_settop(L, value);
    return true;
}

static int payload_transcode(lua_State *L) {
    const struct payload *p = vtype_check(L, 1, VTYPE_PAYLOAD);
    const char *name = luaL_checkstring(L, 2);
    enum format from = p->format, to = 0;
    while (to < FORMAT_COUNT && strcmp(format_text[to], name) != 0)
        to++;
    if (to == FORMAT_COUNT)
        return errobj_nil(L, ERRKIND_INTERNAL, "transcode: unknown format: %s", name);
    lua_settop(L, 2);
    payload_push_data(L, 1);
    if (from != to) {
        bool text = from == FORMAT_JSON || from == FORMAT_STRING || from == FORMAT_BYTES;
        switch (to) {
        case FORMAT_JSON:
            if (text && from != FORMAT_JSON) { /* text that is JSON already is taken as it is */
                lua_pushvalue(L, -1);
                if (!decode_json(L, "transcode"))
                    return 2;
                lua_settop(L, -2);
            } else if (!encode_json(L)) {
                return 2;
            }
            break;
        case FORMAT_STRING:
        case FORMAT_BYTES:
            if (!to_text(L) && !encode_json(L))
                return 2;
            break;
        case FORMAT_LUA:
        case FORMAT_GOLANG:
            if (from == FORMAT_JSON && !decode_json(L, "transcode"))
                return 2;
            if (from == FORMAT_YAML || from == FORMAT_MSGPACK)
                return impossible(L, from, to);
            break;
        default:
            return impossible(L, from, to);
        }
    }
    wrap(L, to);
    return 1;
}

static const luaL_Reg methods[] = {{"data", payload_data},
                                   {"unmarshal", payload_unmarshal},
                                   {"get_format", payload_format},
                                   {"transcode", payload_transcode},
                                   {NULL, NULL}};
static const luaL_Reg meta[] = {{"__tostring", payload_tostring}, {NULL, NULL}};
const struct vtype_desc vtype_desc_PAYLOAD = {methods, meta};

/* --- inside encoded values ------------------------------------------------------------------------------------------ */

static enum codec_status put(lua_State *L, int idx, size_t limit, struct codec_buf *b, char *why,
                             size_t cap) {
    const struct payload *p = lua_touserdata(L, idx);
    unsigned char format = (unsigned char)p->format;
    if (!lua_checkstack(L, 8)) {
        snprintf(why, cap, ": too many values on the Lua stack");
        return CODEC_BAD_VALUE;
    }
    if (limit < 2)
        return CODEC_TOO_LARGE;
    if (!codec_buf_put(b, &format, 1))
        return CODEC_NO_MEMORY;
    enum codec_status s = codec_scratch_push();
    if (s != CODEC_OK) {
        snprintf(why, cap, ": payloads nested deeper than %d", CODEC_NEST);
        return s;
    }
    payload_push_data(L, idx);
    s = codec_encode(L, lua_gettop(L), "", limit - 1, b, why, cap);
    codec_scratch_pop();
    lua_settop(L, -2);
    return s;
}

static bool get(lua_State *L, const char *data, size_t len) {
    if (len < 1 || (unsigned char)data[0] >= FORMAT_COUNT || codec_scratch_push() != CODEC_OK)
        return false;
    bool ok = codec_decode(L, data + 1, len - 1);
    codec_scratch_pop();
    if (ok)
        wrap(L, (enum format)(unsigned char)data[0]);
    return ok;
}

const struct codec_ext codec_ext_PAYLOAD = {put, get};

/* --- the module ------------------------------------------------------------------------------------------------------- */

static int payload_new(lua_State *L) {
    luaL_checkany(L, 1);
    lua_settop(L, 1);
    payload_wrap(L);
    return 1;
}

static const struct vlib_value format_values[] = {
#define X(name, format) {#name, .text = format},
    FORMATS(X)
#undef X
        {0},
};

static const luaL_Reg funcs[] = {{"new", payload_new}, {NULL, NULL}};
const struct vlib vlib_payload = {"payload", funcs, NULL, VLIB_GLOBAL, NULL};
const struct vlib vlib_payload_format = {"payload.format", NULL, NULL, VLIB_SUB, format_values};
