/*
 * The module `logger`. The module itself is a logger without name and fields; with() and named() make objects
 * (VTYPE_LOGGER) whose environment table holds [1] the name, [2] the fields.
 */
#include <string.h>

#include "vm/errobj.h"
#include "vm/jsonenc.h"
#include "vm/lib.h"
#include "vm/vm_impl.h"
#include "vm/vstate.h"

enum { NAME = 1, FIELDS = 2, FIELDS_MAX = 48, WHY_MAX = 200 };

struct logger {
    struct vhead head;
};

/* Before any other argument: who writes logger.info("x", {}) has to hear of the dot. */
static void check_logger(lua_State *L) {
    lua_Debug ar;
    if (vtype_test(L, 1, VTYPE_LOGGER) || lua_type(L, 1) == LUA_TTABLE)
        return;
    bool named = lua_getstack(L, 0, &ar) && lua_getinfo(L, "n", &ar) && ar.name;
    luaL_argerror(L, 1,
                  lua_pushfstring(L, "logger expected, got %s; call it as logger:%s(…)", vtype_word(L, 1),
                                  named ? ar.name : "info"));
}

/* Pushes name and fields (table or nil) of the logger at 1: an object, or the module. */
static void push_parts(lua_State *L) {
    if (vtype_test(L, 1, VTYPE_LOGGER)) {
        lua_getfenv(L, 1);
        lua_rawgeti(L, -1, NAME);
        lua_rawgeti(L, -2, FIELDS);
        lua_remove(L, -3);
        return;
    }
    lua_pushliteral(L, "");
    lua_pushnil(L);
}

/* A copy of the fields at `from` (nil: none) on top of the stack gets those at `idx`. */
static void add_fields(lua_State *L, int idx) {
    if (lua_type(L, idx) != LUA_TTABLE)
        return;
    lua_pushnil(L);
    while (lua_next(L, idx)) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, -4);
    }
}

/* Pops fields and name (fields on top), pushes the object. */
static int make(lua_State *L) {
    vtype_new(L, VTYPE_LOGGER, sizeof(struct logger));
    lua_createtable(L, 2, 0);
    lua_pushvalue(L, -3);
    lua_rawseti(L, -2, FIELDS);
    lua_pushvalue(L, -4);
    lua_rawseti(L, -2, NAME);
    lua_setfenv(L, -2);
    return 1;
}

static int logger_with(lua_State *L) {
    check_logger(L);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    push_parts(L); /* 3 name, 4 fields */
    lua_newtable(L);
    add_fields(L, 4);
    add_fields(L, 2);
    lua_remove(L, 4);
    return make(L);
}

static int logger_named(lua_State *L) {
    size_t len;
    check_logger(L);
    luaL_checklstring(L, 2, &len);
    luaL_argcheck(L, len > 0, 2, "the name is empty");
    lua_settop(L, 2);
    push_parts(L); /* 3 name, 4 fields */
    if (lua_objlen(L, 3) > 0) {
        lua_pushvalue(L, 3);
        lua_pushliteral(L, ".");
        lua_pushvalue(L, 2);
        lua_concat(L, 3);
    } else {
        lua_pushvalue(L, 2);
    }
    lua_pushvalue(L, 4);
    return make(L);
}

/* Pushes what keeps the field's text alive, at most two values; the field's key is at -2, its value at -1. */
static void read_field(lua_State *L, struct vm_field *f) {
    char why[WHY_MAX];
    int value = lua_gettop(L);
    switch (lua_type(L, value)) {
    case LUA_TNUMBER:
        f->type = VM_FIELD_NUMBER;
        f->number = lua_tonumber(L, value);
        return;
    case LUA_TBOOLEAN:
        f->type = VM_FIELD_BOOL;
        f->flag = lua_toboolean(L, value);
        return;
    case LUA_TSTRING:
        break;
    case LUA_TTABLE: {
        struct textbuf b;
        textbuf_open(&b, L);
        f->type = VM_FIELD_JSON;
        if (jsonenc_value(L, value, f->key, &b, why, sizeof why)) {
            textbuf_push(&b);
        } else {
            f->type = VM_FIELD_TEXT;
            lua_pushstring(L, why);
        }
        f->text = lua_tolstring(L, -1, &f->len);
        lua_replace(L, value);
        lua_settop(L, value);
        f->text = lua_tolstring(L, value, &f->len);
        return;
    }
    default:
        if (luaL_callmeta(L, value, "__tostring") && lua_type(L, -1) == LUA_TSTRING)
            lua_replace(L, value);
        else
            lua_pushfstring(L, "%s: %p", vtype_word(L, value), lua_topointer(L, value)),
                lua_replace(L, value);
        lua_settop(L, value);
    }
    f->type = VM_FIELD_TEXT;
    f->text = lua_tolstring(L, value, &f->len);
}

/* Whether the table at idx (0: none) has the key at -2. */
static bool overridden(lua_State *L, int idx) {
    if (!idx || lua_type(L, idx) != LUA_TTABLE)
        return false;
    lua_pushvalue(L, -2);
    lua_rawget(L, idx);
    bool yes = lua_type(L, -1) != LUA_TNIL;
    lua_settop(L, -2);
    return yes;
}

/* The fields of one event; keys and values stay on the stack. */
struct fields {
    struct vm_field list[FIELDS_MAX + 1]; /* and one that tells of those dropped */
    size_t n, dropped;
};

/* Reads those of the table at idx that the one at `over` (0: none) has not. */
static void read_fields(lua_State *L, int idx, int over, struct fields *fields) {
    if (lua_type(L, idx) != LUA_TTABLE)
        return;
    lua_pushnil(L);
    while (lua_next(L, idx)) {
        if (overridden(L, over)) {
            lua_settop(L, -2);
            continue;
        }
        if (fields->n == FIELDS_MAX) {
            fields->dropped++;
            lua_settop(L, -2);
            continue;
        }
        luaL_checkstack(L, 8, "fields");
        lua_pushvalue(L, -2); /* key value key: the text of a numeric key must not change the key itself */
        lua_insert(L, -2);
        struct vm_field *f = &fields->list[fields->n++];
        const char *key = lua_tostring(L, -2);
        f->key = key ? key : luaL_typename(L, -2);
        read_field(L, f);
        lua_pushvalue(L, -3); /* for lua_next; the three below keep the texts alive */
    }
}

static int write_event(lua_State *L, enum vm_level level) {
    struct vstate *vs = vstate_of(L);
    const struct vm_hooks *hooks = &vs->vm->hooks;
    size_t len;
    const char *message;
    check_logger(L);
    if (vtype_test(L, 2, VTYPE_ERROR)) {
        luaL_callmeta(L, 2, "__tostring");
        lua_replace(L, 2);
    }
    message = luaL_checklstring(L, 2, &len);
    if (!lua_isnoneornil(L, 3))
        luaL_checktype(L, 3, LUA_TTABLE);
    lua_settop(L, 3);
    push_parts(L); /* 4 name, 5 fields */
    if (!hooks->log || (hooks->log_enabled && !hooks->log_enabled(level)))
        return 0;
    struct fields fields = {0};
    read_fields(L, 3, 0, &fields);
    read_fields(L, 5, 3, &fields);
    if (fields.dropped > 0)
        fields.list[fields.n++] = (struct vm_field){
            .key = "fields_dropped", .type = VM_FIELD_NUMBER, .number = (double)fields.dropped};
    char src[LUA_IDSIZE + 16] = "";
    lua_Debug ar;
    if (lua_getstack(L, 1, &ar) && lua_getinfo(L, "Sl", &ar) && ar.currentline > 0)
        snprintf(src, sizeof src, "%s:%d", ar.short_src, ar.currentline);
    struct vm_event e = {.level = level,
                         .logger = lua_tostring(L, 4),
                         .entry = vs->entry->id,
                         .src = src,
                         .message = message,
                         .message_len = len,
                         .fields = fields.list,
                         .field_count = fields.n};
    hooks->log(vs->proc, &e);
    return 0;
}

static int logger_debug(lua_State *L) {
    return write_event(L, VM_LOG_DEBUG);
}
static int logger_info(lua_State *L) {
    return write_event(L, VM_LOG_INFO);
}
static int logger_warn(lua_State *L) {
    return write_event(L, VM_LOG_WARN);
}
static int logger_error(lua_State *L) {
    return write_event(L, VM_LOG_ERROR);
}

static int logger_tostring(lua_State *L) {
    vtype_check(L, 1, VTYPE_LOGGER);
    push_parts(L);
    const char *name = lua_tostring(L, -2);
    lua_pushfstring(L, "logger: %s", name);
    return 1;
}

static const luaL_Reg functions[] = {
    {"debug", logger_debug}, {"info", logger_info},   {"warn", logger_warn}, {"error", logger_error},
    {"with", logger_with},   {"named", logger_named}, {NULL, NULL}};
static const luaL_Reg meta[] = {{"__tostring", logger_tostring}, {NULL, NULL}};
const struct vtype_desc vtype_desc_LOGGER = {functions, meta};
const struct vlib vlib_logger = {"logger", functions, NULL, 0, NULL};
