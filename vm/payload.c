#include "vm/payload.h"

#include "vm/errobj.h"

/* Its environment table: [1] the value. */
struct payload {
    struct vhead head;
    const char *format; /* static */
};

void payload_wrap(lua_State *L) {
    struct payload *p = vtype_new(L, VTYPE_PAYLOAD, sizeof *p);
    p->format = errobj_failure(L, -2) ? "golang/error" : "lua/any";
    lua_createtable(L, 1, 0);
    lua_pushvalue(L, -3);
    lua_rawseti(L, -2, 1);
    lua_setfenv(L, -2);
    lua_replace(L, -2);
}

static int payload_data(lua_State *L) {
    vtype_check(L, 1, VTYPE_PAYLOAD);
    lua_getfenv(L, 1);
    lua_rawgeti(L, -1, 1);
    return 1;
}

static int payload_format(lua_State *L) {
    const struct payload *p = vtype_check(L, 1, VTYPE_PAYLOAD);
    lua_pushstring(L, p->format);
    return 1;
}

static int payload_tostring(lua_State *L) {
    const struct payload *p = vtype_check(L, 1, VTYPE_PAYLOAD);
    lua_pushfstring(L, "payload{format=%s}", p->format);
    return 1;
}

static const luaL_Reg methods[] = {
    {"data", payload_data}, {"unmarshal", payload_data}, {"get_format", payload_format}, {NULL, NULL}};
static const luaL_Reg meta[] = {{"__tostring", payload_tostring}, {NULL, NULL}};
const struct vtype_desc vtype_desc_PAYLOAD = {methods, meta};
