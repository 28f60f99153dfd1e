#include "vm/message.h"

#include <string.h>

#include "vm/base.h"
#include "vm/payload.h"

/* Its environment table: [1] payload, [2] topic. */
struct message {
    struct vhead head;
    struct pid from;
};

enum { PAYLOAD = 1, TOPIC = 2 };

/* Its environment table: [1] the value. */
struct field {
    struct vhead head;
};

void message_wrap(lua_State *L, const struct msg *m) {
    struct message *o = vtype_new(L, VTYPE_MESSAGE, sizeof *o);
    o->from = m->from;
    lua_createtable(L, 2, 0);
    lua_pushvalue(L, -3);
    lua_rawseti(L, -2, PAYLOAD);
    lua_pushlstring(L, m->bytes, m->topic_len);
    lua_rawseti(L, -2, TOPIC);
    lua_setfenv(L, -2);
    lua_replace(L, -2);
}

static void push_part(lua_State *L, int idx, int part) {
    lua_getfenv(L, idx);
    lua_rawgeti(L, -1, part);
    lua_replace(L, -2);
}

static int message_from(lua_State *L) {
    struct message *o = vtype_check(L, 1, VTYPE_MESSAGE);
    if (pid_none(o->from)) {
        lua_pushnil(L);
        return 1;
    }
    char text[PID_TEXT_MAX];
    size_t len = node_pid_text(vstate_of(L)->vm_node, o->from, text);
    lua_pushlstring(L, text, len);
    return 1;
}

static void push_field(lua_State *L, int part) {
    vtype_new(L, VTYPE_FIELD, sizeof(struct field));
    lua_createtable(L, 1, 0);
    push_part(L, 1, part);
    if (part == PAYLOAD && vstate_of(L)->wippy)
        payload_wrap(L);
    lua_rawseti(L, -2, 1);
    lua_setfenv(L, -2);
}

static int message_index(lua_State *L) {
    vtype_check(L, 1, VTYPE_MESSAGE);
    const char *key = lua_tostring(L, 2);
    if (!key)
        return 0;
    if (strcmp(key, "payload") == 0)
        push_field(L, PAYLOAD);
    else if (strcmp(key, "topic") == 0)
        push_field(L, TOPIC);
    else if (strcmp(key, "from") == 0)
        lua_pushcclosure(L, message_from, 0);
    else
        return 0;
    return 1;
}

static int message_tostring(lua_State *L) {
    vtype_check(L, 1, VTYPE_MESSAGE);
    push_part(L, 1, TOPIC);
    lua_pushfstring(L, "message: %s", lua_tostring(L, -1));
    return 1;
}

static const luaL_Reg message_meta[] = {{"__index", message_index}, {"__tostring", message_tostring}, {NULL, NULL}};
const struct vtype_desc vtype_desc_MESSAGE = {NULL, message_meta};

/* --- fields ----------------------------------------------------------------------------------------------------------- */

static int field_call(lua_State *L) {
    vtype_check(L, 1, VTYPE_FIELD);
    push_part(L, 1, 1);
    return 1;
}

static int field_tostring(lua_State *L) {
    vtype_check(L, 1, VTYPE_FIELD);
    push_part(L, 1, 1);
    base_push_text(L, lua_gettop(L));
    return 1;
}

/* Replaces a field at idx by its value. */
static void unfold(lua_State *L, int idx) {
    if (vtype_test(L, idx, VTYPE_FIELD)) {
        push_part(L, idx, 1);
        lua_replace(L, idx);
    }
}

static int field_concat(lua_State *L) {
    for (int i = 1; i <= 2; i++) {
        unfold(L, i);
        if (lua_type(L, i) != LUA_TNUMBER && lua_type(L, i) != LUA_TSTRING) {
            base_push_text(L, i);
            lua_replace(L, i);
        }
    }
    lua_concat(L, 2);
    return 1;
}

static int field_index(lua_State *L) {
    vtype_check(L, 1, VTYPE_FIELD);
    unfold(L, 1);
    lua_gettable(L, 1);
    return 1;
}

static int field_len(lua_State *L) {
    vtype_check(L, 1, VTYPE_FIELD);
    push_part(L, 1, 1);
    lua_pushinteger(L, (lua_Integer)lua_objlen(L, -1));
    return 1;
}

static const luaL_Reg field_meta[] = {{"__call", field_call},   {"__tostring", field_tostring},
                                      {"__concat", field_concat}, {"__index", field_index},
                                      {"__len", field_len},     {NULL, NULL}};
const struct vtype_desc vtype_desc_FIELD = {NULL, field_meta};
