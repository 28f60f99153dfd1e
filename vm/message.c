#include "vm/message.h"

#include <string.h>

#include "base/bytes.h"
#include "vm/base.h"
#include "vm/codec.h"
#include "vm/payload.h"
#include "vm/wippy.h"

/*
 * Topic and payload stand in the object as they came. Scalars are decoded each time they are asked for; any other payload
 * once: it is the same value then, kept in the object's environment table: [1] the payload.
 */
struct message {
    struct vhead head;
    struct pid from;
    uint32_t data_len;
    uint16_t topic_len;
    bool kept;
    char bytes[]; /* topic, payload */
};

/* Its environment table: [1] the value. */
struct field {
    struct vhead head;
};

void message_push(lua_State *L, const struct msg *m) {
    size_t len = (size_t)m->topic_len + m->data_len;
    struct message *o = vtype_new_plain(L, VTYPE_MESSAGE, sizeof *o + len);
    o->kept = false;
    o->from = m->from;
    o->data_len = m->data_len;
    o->topic_len = m->topic_len;
    copy_bytes(o->bytes, m->bytes, len);
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

/* Pushes the payload of the message at idx (1). */
static void push_payload(lua_State *L, struct message *o) {
    if (o->kept) {
        lua_getfenv(L, 1);
        lua_rawgeti(L, -1, 1);
        lua_replace(L, -2);
        return;
    }
    if (o->data_len == 0)
        lua_pushnil(L);
    else if (!codec_decode(L, o->bytes + o->topic_len, o->data_len))
        luaL_error(L, "a message that cannot be decoded");
    if (lua_type(L, -1) < LUA_TTABLE)
        return;
    lua_createtable(L, 1, 0);
    lua_pushvalue(L, -2);
    lua_rawseti(L, -2, 1);
    lua_setfenv(L, 1);
    o->kept = true;
}

/* Pops a value and pushes the field that stands for it. */
static void wrap_field(lua_State *L) {
    vtype_new(L, VTYPE_FIELD, sizeof(struct field));
    lua_createtable(L, 1, 0);
    lua_pushvalue(L, -3);
    lua_rawseti(L, -2, 1);
    lua_setfenv(L, -2);
    lua_replace(L, -2);
}

/*
 * msg.topic is the topic itself and yet msg:topic() works: in a process strings and numbers can be called, with a message
 * and nothing else (message_call_value). Values of other types get a field object that can be called.
 */
static int message_index(lua_State *L) {
    struct message *o = vtype_check(L, 1, VTYPE_MESSAGE);
    size_t key_len;
    const char *key = lua_tolstring(L, 2, &key_len);
    if (!key)
        return 0;
    if (key_len == 5 && memcmp(key, "topic", 5) == 0) {
        lua_pushlstring(L, o->bytes, o->topic_len);
    } else if (key_len == 4 && memcmp(key, "from", 4) == 0) {
        lua_getmetatable(L, 1);
        lua_pushvalue(L, 2);
        lua_rawget(L, -2);
    } else if (key_len == 7 && memcmp(key, "payload", 7) == 0) {
        push_payload(L, o);
        int type = lua_type(L, -1);
        bool wippy = vstate_of(L)->wippy;
        if (wippy)
            payload_wrap(L);
        if (wippy || (type != LUA_TSTRING && type != LUA_TNUMBER))
            wrap_field(L);
    } else {
        return 0;
    }
    return 1;
}

int message_call_value(lua_State *L) {
    if (!vtype_test(L, 2, VTYPE_MESSAGE))
        return luaL_error(L, "attempt to call a %s value", luaL_typename(L, 1));
    lua_settop(L, 1);
    return 1;
}

static int message_tostring(lua_State *L) {
    struct message *o = vtype_check(L, 1, VTYPE_MESSAGE);
    lua_pushliteral(L, "message: ");
    lua_pushlstring(L, o->bytes, o->topic_len);
    lua_concat(L, 2);
    return 1;
}

/* `from` stands in the metatable, where message_index finds it: it is no new function each time. */
static const luaL_Reg message_meta[] = {
    {"__index", message_index}, {"__tostring", message_tostring}, {"from", message_from}, {NULL, NULL}};
const struct vtype_desc vtype_desc_MESSAGE = {NULL, message_meta};

/* Pushes the value of the field at idx. */
static void push_value(lua_State *L, int idx) {
    lua_getfenv(L, idx);
    lua_rawgeti(L, -1, 1);
    lua_replace(L, -2);
}

/* --- fields ----------------------------------------------------------------------------------------------------------- */

static int field_call(lua_State *L) {
    vtype_check(L, 1, VTYPE_FIELD);
    push_value(L, 1);
    return 1;
}

static int field_tostring(lua_State *L) {
    vtype_check(L, 1, VTYPE_FIELD);
    push_value(L, 1);
    wippy_unwrap(L, lua_gettop(L), lua_gettop(L));
    base_push_text(L, lua_gettop(L));
    return 1;
}

/* Replaces a field at idx by its value. */
static void unfold(lua_State *L, int idx) {
    if (vtype_test(L, idx, VTYPE_FIELD)) {
        push_value(L, idx);
        lua_replace(L, idx);
        wippy_unwrap(L, idx, idx);
    }
}

void message_unfold(lua_State *L, int from, int to) {
    stack_check(L, 4, "payload");
    for (int i = from; i <= to; i++)
        unfold(L, i);
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
    push_value(L, 1);
    lua_pushinteger(L, (lua_Integer)lua_objlen(L, -1));
    return 1;
}

static const luaL_Reg field_meta[] = {{"__call", field_call},     {"__tostring", field_tostring},
                                      {"__concat", field_concat}, {"__index", field_index},
                                      {"__len", field_len},       {NULL, NULL}};
const struct vtype_desc vtype_desc_FIELD = {NULL, field_meta};
