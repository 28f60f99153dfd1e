/*
 * JSON of any bytes: read by our decoder and by jansson, which must agree on what is JSON and on what it says; written again, read again.
 * With a NUL in the input, what is before it is also taken for a schema of what is behind.
 */
#include <jansson.h>
#include <lauxlib.h>
#include <lualib.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vm/jsondec.h"
#include "vm/jsonenc.h"
#include "vm/jsonschema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Text in memory of its own size, with the 0 behind it that Lua's strings have. */
struct text {
    const char *at;
    size_t len;
};

static void demand(bool ok) {
    if (!ok)
        abort();
}

/* --- do both say the same? --------------------------------------------------------------------------------------- */

static bool same(lua_State *L, int idx, const json_t *j);

static bool same_array(lua_State *L, int idx, const json_t *j) {
    for (size_t i = 0; i < json_array_size(j); i++) {
        lua_rawgeti(L, idx, (int)i + 1);
        bool ok = same(L, lua_gettop(L), json_array_get(j, i));
        lua_settop(L, -2);
        if (!ok)
            return false;
    }
    return true;
}

/* Counts the members that Lua can hold: those that are not null. */
static bool same_object(lua_State *L, int idx, json_t *j) {
    const char *key;
    json_t *value;
    size_t members = 0;
    json_object_foreach (j, key, value) {
        lua_pushstring(L, key);
        lua_rawget(L, idx);
        bool ok = same(L, lua_gettop(L), value);
        lua_settop(L, -2);
        if (!ok)
            return false;
        members += !json_is_null(value);
    }
    for (lua_pushnil(L); lua_next(L, idx); lua_settop(L, -2))
        if (members-- == 0)
            return false;
    return members == 0;
}

static bool same(lua_State *L, int idx, const json_t *j) {
    size_t len;
    const char *s;
    double a, b;
    luaL_checkstack(L, 10, "compare");
    switch (json_typeof(j)) {
    case JSON_NULL:
        return lua_isnil(L, idx);
    case JSON_TRUE:
    case JSON_FALSE:
        return lua_type(L, idx) == LUA_TBOOLEAN && lua_toboolean(L, idx) == json_is_true(j);
    case JSON_INTEGER:
    case JSON_REAL:
        a = lua_tonumber(L, idx);
        b = json_number_value(j);
        return lua_type(L, idx) == LUA_TNUMBER && memcmp(&a, &b, sizeof a) == 0;
    case JSON_STRING:
        s = lua_type(L, idx) == LUA_TSTRING ? lua_tolstring(L, idx, &len) : NULL;
        return s && len == json_string_length(j) && memcmp(s, json_string_value(j), len) == 0;
    case JSON_ARRAY:
        return lua_type(L, idx) == LUA_TTABLE && same_array(L, idx, j);
    default:
        /* An empty table is written as an array, and so is one whose members are all null. */
        return lua_type(L, idx) == LUA_TTABLE && same_object(L, idx, (json_t *)j);
    }
}

static json_t *load(struct text t) {
    json_error_t error;
    return json_loadb(t.at, t.len, JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &error);
}

/* jansson takes no NUL in a key, one behind the text, and more levels than we do; its verdict does not count then. */
static bool comparable(struct text t) {
    size_t open = 0;
    for (size_t i = 0; i < t.len; i++)
        open += t.at[i] == '[' || t.at[i] == '{';
    return open <= JSONDEC_DEPTH && !memmem(t.at, t.len, "\\u0000", 6) && !memchr(t.at, 0, t.len);
}

static void check_text(lua_State *L, struct text t) {
    struct jsondec_fault fault;
    bool ours = jsondec_value(L, t.at, t.len, 0, &fault);
    demand(ours ||
           (fault.what && fault.line > 0 && fault.column > 0 && fault.line + fault.column <= t.len + 2));
    if (!comparable(t))
        return;
    json_t *theirs = load(t);
    demand(ours == (theirs != NULL));
    if (!ours)
        return;
    demand(same(L, 1, theirs));
    json_decref(theirs);

    struct textbuf b;
    char why[200];
    textbuf_open(&b, L);
    /* Nulls make holes, and too many levels are refused; everything else can be written. */
    if (!jsonenc_value(L, 1, "value", &b, why, sizeof why)) {
        demand(strstr(why, "holes") || strstr(why, "levels"));
        return;
    }
    theirs = load((struct text){b.data, b.len});
    demand(theirs != NULL && same(L, 1, theirs));
    json_decref(theirs);
}

static void check_schema(lua_State *L, struct text schema, struct text value) {
    struct jsondec_fault fault;
    char why[200] = "";
    lua_settop(L, 0);
    if (!jsondec_value(L, schema.at, schema.len, JSONDEC_EXACT, &fault) ||
        !jsondec_value(L, value.at, value.len, JSONDEC_EXACT, &fault))
        return;
    bool fits = jsonschema_check(L, 1, 2, why, sizeof why);
    demand(fits || *why);
    demand(lua_gettop(L) == 2);
}

static struct text copy(const uint8_t *data, size_t len) {
    char *at = malloc(len + 1);
    demand(at != NULL);
    memcpy(at, data, len);
    at[len] = '\0';
    return (struct text){at, len};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static lua_State *L;
    if (!L)
        demand((L = luaL_newstate()) != NULL);
    const uint8_t *nul = memchr(data, 0, size);
    size_t first = nul ? (size_t)(nul - data) : size;
    struct text a = copy(data, first), whole = copy(data, size);
    lua_settop(L, 0);
    check_text(L, a);
    if (nul) {
        struct text b = copy(nul + 1, size - first - 1);
        lua_settop(L, 0);
        check_text(L, whole);
        check_schema(L, a, b);
        free((void *)b.at);
    }
    free((void *)a.at);
    free((void *)whole.at);
    return 0;
}
