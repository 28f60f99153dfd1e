#include "src/values.h"

#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>
#include <string.h>

#include "vm/base.h"
#include "vm/codec.h"
#include "vm/jsonenc.h"
#include "vm/payload.h"
#include "vm/scratch.h"

/* Of what is shown that is no JSON; cycles end there. */
#define DEPTH_MAX 20
#define SHOWN_MAX ((size_t)1 << 20)

/* --- from JSON ---------------------------------------------------------------------------------------------------- */

struct encoding {
    const json_t *list;
    const char *root;
    struct codec_buf buf;
    char *err;
    size_t cap;
    bool done;
};

static void push(lua_State *L, const json_t *v);

static void push_object(lua_State *L, const json_t *v) {
    lua_createtable(L, 0, (int)json_object_size(v));
    for (void *it = json_object_iter((json_t *)(uintptr_t)v); it;
         it = json_object_iter_next((json_t *)(uintptr_t)v, it)) {
        lua_pushlstring(L, json_object_iter_key(it), json_object_iter_key_len(it));
        push(L, json_object_iter_value(it));
        lua_rawset(L, -3);
    }
}

static void push(lua_State *L, const json_t *v) {
    luaL_checkstack(L, 4, "too deep");
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        push_object(L, v);
        break;
    case JSON_ARRAY:
        lua_createtable(L, (int)json_array_size(v), 0);
        for (size_t i = 0; i < json_array_size(v); i++) {
            push(L, json_array_get(v, i));
            lua_rawseti(L, -2, (int)i + 1);
        }
        break;
    case JSON_STRING:
        lua_pushlstring(L, json_string_value(v), json_string_length(v));
        break;
    case JSON_INTEGER:
        lua_pushnumber(L, (lua_Number)json_integer_value(v));
        break;
    case JSON_REAL:
        lua_pushnumber(L, json_real_value(v));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        lua_pushboolean(L, json_is_true(v));
        break;
    case JSON_NULL:
        lua_pushnil(L);
    }
}

/* Protected: making Lua values takes memory. */
static int encode_all(lua_State *L) {
    struct encoding *e = lua_touserdata(L, 1);
    for (size_t i = 0; i < json_array_size(e->list); i++) {
        char root[64], why[256];
        push(L, json_array_get(e->list, i));
        snprintf(root, sizeof root, "%s %zu", e->root, i + 1);
        enum codec_status s = codec_encode(L, -1, root, 0, &e->buf, why, sizeof why);
        if (s != CODEC_OK) {
            snprintf(e->err, e->cap, "%s", why);
            return 0;
        }
        lua_settop(L, 1);
    }
    e->done = true;
    return 0;
}

bool values_from_json(const json_t *list, const char *root, struct vm_args *args, char *err, size_t cap) {
    *args = (struct vm_args){0};
    if (!json_array_size(list))
        return true;
    struct encoding e = {.list = list, .root = root, .err = err, .cap = cap};
    snprintf(err, cap, "%s: not enough memory", root);
    lua_State *L = scratch_open();
    if (L) {
        if (lua_cpcall(L, encode_all, &e) != 0 && lua_type(L, -1) == LUA_TSTRING)
            snprintf(err, cap, "%s: %s", root, lua_tostring(L, -1));
        lua_close(L);
    }
    if (!e.done) {
        codec_buf_free(&e.buf);
        return false;
    }
    *args = (struct vm_args){e.buf.data, e.buf.len, (unsigned)json_array_size(list)};
    return true;
}

/* --- to JSON ------------------------------------------------------------------------------------------------------ */

struct decoding {
    const char *data;
    size_t len;
    struct text *out;
    bool done;
};

static void put_number(struct text *out, double n) {
    char text[JSONENC_NUMBER_MAX];
    text_put(out, text, jsonenc_number(n, text));
}

static void put_value(lua_State *L, int idx, int depth, struct text *out);

/* The number of its keys when they are 1 to some n, holes allowed as long as there are no more of them than values; else 0. */
static int array_length(lua_State *L, int idx) {
    double last = 0;
    int n = 0;
    for (lua_pushnil(L); lua_next(L, idx); lua_settop(L, -2), n++) {
        double k = lua_type(L, -2) == LUA_TNUMBER ? lua_tonumber(L, -2) : 0;
        if (k < 1 || k > 1e9 || k != (double)(int)k) {
            lua_settop(L, -3);
            return 0;
        }
        last = k > last ? k : last;
    }
    return n && last <= 2.0 * n ? (int)last : 0;
}

static void put_key(lua_State *L, struct text *out) {
    size_t n;
    lua_pushvalue(L, -2);
    base_push_text(L, lua_gettop(L));
    const char *s = lua_tolstring(L, -1, &n);
    text_json(out, s, n);
    lua_settop(L, -3);
}

static void put_object(lua_State *L, int idx, int depth, struct text *out) {
    bool any = false;
    text_char(out, '{');
    for (lua_pushnil(L); lua_next(L, idx); lua_settop(L, -2)) {
        if (any)
            text_char(out, ',');
        any = true;
        put_key(L, out);
        text_char(out, ':');
        put_value(L, lua_gettop(L), depth, out);
    }
    text_char(out, '}');
}

static void put_table(lua_State *L, int idx, int depth, struct text *out) {
    luaL_checkstack(L, 8, "too deep");
    int n = array_length(L, idx);
    if (!n) {
        put_object(L, idx, depth, out);
        return;
    }
    for (int i = 1; i <= n; i++) {
        text_char(out, i == 1 ? '[' : ',');
        lua_rawgeti(L, idx, i);
        put_value(L, lua_gettop(L), depth, out);
        lua_settop(L, -2);
    }
    text_char(out, ']');
}

/* Anything as JSON: what JSON does not know as the text that print shows. */
static void put_value(lua_State *L, int idx, int depth, struct text *out) {
    size_t n;
    switch (lua_type(L, idx)) {
    case LUA_TNIL:
        text_str(out, "null");
        break;
    case LUA_TBOOLEAN:
        text_str(out, lua_toboolean(L, idx) ? "true" : "false");
        break;
    case LUA_TNUMBER:
        put_number(out, lua_tonumber(L, idx));
        break;
    case LUA_TTABLE:
        if (depth < DEPTH_MAX && out->len < SHOWN_MAX) {
            put_table(L, idx, depth + 1, out);
            break;
        }
        text_str(out, "\"...\"");
        break;
    default: {
        base_push_text(L, idx);
        const char *s = lua_tolstring(L, -1, &n);
        text_json(out, s, n);
        lua_settop(L, -2);
    }
    }
}

/* Protected: making Lua values takes memory. */
static int decode_one(lua_State *L) {
    struct decoding *d = lua_touserdata(L, 1);
    struct textbuf b;
    char why[128];
    lua_settop(L, 0);
    if (!codec_decode(L, d->data, d->len))
        return 0;
    if (vtype_test(L, 1, VTYPE_PAYLOAD)) { /* means its data */
        payload_push_data(L, 1);
        lua_replace(L, 1);
    }
    textbuf_open(&b, L);
    if (jsonenc_value(L, 1, "value", &b, why, sizeof why))
        text_put(d->out, b.data, b.len);
    else
        put_value(L, 1, 0, d->out);
    d->done = !d->out->failed;
    return 0;
}

bool values_to_json(const char *data, size_t len, struct text *out) {
    if (!len) {
        text_str(out, "null");
        return !out->failed;
    }
    struct decoding d = {data, len, out, false};
    lua_State *L = scratch_open();
    if (L) {
        lua_cpcall(L, decode_one, &d);
        lua_close(L);
    }
    return d.done;
}
