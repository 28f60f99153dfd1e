/* The module `json`: values to text, text to values, and both against a schema. */
#include <lauxlib.h>

#include "vm/errobj.h"
#include "vm/jsondec.h"
#include "vm/jsonenc.h"
#include "vm/jsonschema.h"
#include "vm/lib.h"

enum { WHY_MAX = 600 };

static int json_encode(lua_State *L) {
    struct textbuf b;
    char why[WHY_MAX];
    luaL_checkany(L, 1);
    lua_settop(L, 1);
    textbuf_open(&b, L);
    if (!jsonenc_value(L, 1, "value", &b, why, sizeof why))
        return errobj_nil(L, ERRKIND_INTERNAL, "json.encode: %s", why);
    textbuf_push(&b);
    return 1;
}

static int json_decode(lua_State *L) {
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    struct jsondec_fault fault;
    if (len == 0)
        return errobj_nil(L, ERRKIND_INVALID, "json.decode: empty text");
    if (!jsondec_value(L, text, len, 0, &fault))
        return errobj_nil(L, ERRKIND_INTERNAL, "json.decode: line %zu, column %zu: %s", fault.line,
                          fault.column, fault.what);
    return 1;
}

/* Makes the schema, argument 1, a table or a marker in place; false and an error object on top of the stack when it is bad text. */
static bool load_schema(lua_State *L, const char *op) {
    size_t len;
    struct jsondec_fault fault;
    if (lua_type(L, 1) == LUA_TTABLE)
        return true;
    if (lua_type(L, 1) != LUA_TSTRING)
        luaL_typerror(L, 1, "table or string");
    const char *text = lua_tolstring(L, 1, &len);
    if (!jsondec_value(L, text, len, JSONDEC_EXACT, &fault)) {
        errobj_pushf(L, ERRKIND_INVALID, "%s: schema: line %zu, column %zu: %s", op, fault.line, fault.column,
                     fault.what);
        return false;
    }
    lua_replace(L, 1);
    return true;
}

/* The data is in slot 2. */
static int validate_loaded(lua_State *L, const char *op) {
    char why[WHY_MAX];
    if (!jsonschema_check(L, 1, 2, why, sizeof why))
        return errobj_false(L, ERRKIND_INVALID, "%s: %s", op, why);
    lua_pushboolean(L, true);
    return 1;
}

static int data_required(lua_State *L) {
    return errobj_false(L, ERRKIND_INVALID, "data is required");
}

static int pushed_false(lua_State *L) {
    lua_pushboolean(L, false);
    lua_insert(L, -2);
    return 2;
}

static int json_validate(lua_State *L) {
    lua_settop(L, 2);
    if (!load_schema(L, "json.validate"))
        return pushed_false(L);
    if (lua_isnil(L, 2))
        return data_required(L);
    return validate_loaded(L, "json.validate");
}

static int json_validate_string(lua_State *L) {
    size_t len;
    struct jsondec_fault fault;
    lua_settop(L, 2);
    if (!load_schema(L, "json.validate_string"))
        return pushed_false(L);
    if (lua_isnil(L, 2))
        return data_required(L);
    const char *text = luaL_checklstring(L, 2, &len);
    if (len == 0)
        return errobj_false(L, ERRKIND_INVALID, "json.validate_string: empty text");
    if (!jsondec_value(L, text, len, JSONDEC_EXACT, &fault))
        return errobj_false(L, ERRKIND_INTERNAL, "json.validate_string: line %zu, column %zu: %s", fault.line,
                            fault.column, fault.what);
    lua_replace(L, 2);
    return validate_loaded(L, "json.validate_string");
}

static const luaL_Reg funcs[] = {
    {"encode", json_encode},
    {"decode", json_decode},
    {"validate", json_validate},
    {"validate_string", json_validate_string},
    {NULL, NULL},
};

const struct vlib vlib_json = {"json", funcs, NULL, 0, NULL};
