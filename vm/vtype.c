#include <string.h>

#include "vm/own_luajit.h"
#include "vm/state.h"

static const struct {
    const char *name;
    const struct vtype_desc *desc;
} types[VTYPE_COUNT] = {
#define TYPE_ROW(id, text) [VTYPE_##id] = {text, &vtype_desc_##id},
    VTYPE_MAP(TYPE_ROW)
#undef TYPE_ROW
};

const char *vtype_name(enum vtype type) {
    return (unsigned)type - 1 < VTYPE_COUNT - 1 ? types[type].name : "userdata";
}

const struct vtype_desc *vtype_desc(enum vtype type) {
    return types[type].desc;
}

const char *vtype_word(lua_State *L, int idx) {
    if (lua_type(L, idx) != LUA_TUSERDATA)
        return luaL_typename(L, idx);
    const struct vhead *head = lua_touserdata(L, idx);
    return vtype_name((enum vtype)head->type);
}

/* Adds functions to the table on top of the stack; raw, since the table is new and has no metatable. */
static void add_functions(lua_State *L, const luaL_Reg *reg) {
    for (; reg && reg->name; reg++) {
        lua_pushcclosure(L, reg->func, 0);
        lua_setfield(L, -2, reg->name);
    }
}

static lua_CFunction missing_of(enum vtype type) {
    for (const luaL_Reg *m = types[type].desc->meta; m && m->name; m++)
        if (strcmp(m->name, "__missing") == 0)
            return m->func;
    return NULL;
}

bool vtype_is_own(enum vtype type) {
    return missing_of(type) != NULL;
}

/* __index of the methods of a type that is a state's own: made when they are looked up. Upvalue: the type. */
static int own_method(lua_State *L) {
    enum vtype type = (enum vtype)lua_tointeger(L, lua_upvalueindex(1));
    const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
    for (const luaL_Reg *m = types[type].desc->methods; m->name; m++)
        if (same_name(m->name, key)) {
            lua_pushcclosure(L, m->func, 0);
            lua_pushvalue(L, 2);
            lua_pushvalue(L, -2);
            lua_rawset(L, 1);
            return 1;
        }
    return missing_of(type)(L);
}

static void push_methods(lua_State *L, enum vtype type) {
    lua_createtable(L, 0, 2);
    if (!vtype_is_own(type)) {
        add_functions(L, types[type].desc->methods);
        return;
    }
    lua_createtable(L, 0, 1);
    lua_pushinteger(L, type);
    lua_pushcclosure(L, own_method, 1);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
}

static int generic_tostring(lua_State *L) {
    lua_pushfstring(L, "%s: %p", vtype_word(L, 1), lua_topointer(L, 1));
    return 1;
}

/* Pushes a new metatable for `type` and keeps it in the type's registry slot. */
static void make_meta(lua_State *L, enum vtype type) {
    const struct vtype_desc *desc = types[type].desc;
    int fields = 3;
    for (const luaL_Reg *m = desc->meta; m && m->name; m++)
        fields++;
    lua_createtable(L, 0, fields);
    lua_pushstring(L, types[type].name);
    lua_setfield(L, -2, "__metatable");
    if (desc->methods) {
        push_methods(L, type);
        lua_setfield(L, -2, "__index");
    }
    lua_pushcclosure(L, generic_tostring, 0);
    lua_setfield(L, -2, "__tostring");
    add_functions(L, desc->meta); /* after the method table: an __index of its own replaces it */
    stack_seal(L);
    lua_pushvalue(L, -1);
    stack_pop_slot(L, (int)type);
}

void vtype_push_meta(lua_State *L, enum vtype type) {
    stack_push_slot(L, (int)type);
    if (lua_type(L, -1) == LUA_TTABLE)
        return;
    lua_settop(L, -2);
    make_meta(L, type);
}

void *vtype_new(lua_State *L, enum vtype type, size_t size) {
    struct vhead *head = lua_newuserdata(L, size);
    memset(head, 0, size);
    head->type = (uint32_t)type;
    vtype_push_meta(L, type);
    lua_setmetatable(L, -2);
    return head;
}

void *vtype_new_plain(lua_State *L, enum vtype type, size_t size) {
#if OWN_LUAJIT
    struct vhead *head = luaJIT_newplain(L, (int)type, size);
    if (head) {
        *head = (struct vhead){.type = (uint32_t)type};
        return head;
    }
#endif
    return vtype_new(L, type, size); /* the first one: there is no metatable yet */
}

void vtype_wrong(lua_State *L, int idx, enum vtype type) {
    luaL_argerror(L, idx, lua_pushfstring(L, "%s expected, got %s", types[type].name, vtype_word(L, idx)));
}
