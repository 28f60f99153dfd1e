#include "vm/primed.h"

#include <string.h>

#include "base/alloc.h"
#include "vm/base.h"
#include "vm/env.h"

#define TEXT_MOST 2048 /* more would hardly fit into a state's block when it is made */

enum what { MODULE = 1, MEMBER, PROXY_META, TYPE, METHOD, BASE };

/* Items, each a byte of enum what, a byte with the number of the module or type, and a name with its zero. */
struct primed {
    size_t len;
    char text[];
};

struct draft {
    size_t len;
    char text[TEXT_MOST];
};

static void note(struct draft *d, enum what what, int index, const char *name) {
    size_t n = strlen(name) + 1;
    if (n + 2 > sizeof d->text - d->len)
        return;
    d->text[d->len] = (char)what;
    d->text[d->len + 1] = (char)index;
    memcpy(d->text + d->len + 2, name, n);
    d->len += n + 2;
}

/* The names in the table on top of the stack, but those of objects; LuaJIT's own libraries come with their C functions. */
static void note_names(lua_State *L, struct draft *d, enum what what, int index, bool but_c) {
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        if (lua_type(L, -2) == LUA_TSTRING && lua_type(L, -1) != LUA_TUSERDATA &&
            !(but_c && lua_iscfunction(L, -1)))
            note(d, what, index, lua_tostring(L, -2));
        lua_settop(L, -2);
    }
}

static void note_modules(lua_State *L, struct draft *d) {
    stack_push_slot(L, REG_LIBS);
    stack_push_slot(L, REG_LIB_METAS);
    for (int i = 0; vlib_all[i]; i++) {
        if (vlib_all[i] == &vlib_math)
            continue; /* its random numbers are an object: no state that has one can be copied */
        lua_rawgeti(L, -2, i + 1);
        if (lua_type(L, -1) == LUA_TTABLE) {
            note(d, MODULE, i, "");
            note_names(L, d, MEMBER, i, vlib_all[i]->flags & VLIB_STANDARD);
        }
        lua_rawgeti(L, -2, i + 1);
        if (lua_type(L, -1) == LUA_TTABLE)
            note(d, PROXY_META, i, "");
        lua_settop(L, -3);
    }
    lua_settop(L, -3);
}

static void note_types(lua_State *L, struct draft *d) {
    for (int type = 1; type < VTYPE_COUNT; type++) {
        stack_push_slot(L, type);
        if (lua_type(L, -1) == LUA_TTABLE) {
            note(d, TYPE, type, "");
            lua_getfield(L, -1, "__index");
            if (lua_type(L, -1) == LUA_TTABLE)
                note_names(L, d, METHOD, type, false);
            lua_settop(L, -2);
        }
        lua_settop(L, -2);
    }
}

struct primed *primed_of(lua_State *L) {
    struct draft d = {0};
    note_types(L, &d);
    note_modules(L, &d);
    stack_push_slot(L, REG_BASE);
    note_names(L, &d, BASE, 0, false);
    lua_settop(L, -2);
    struct primed *p = d.len ? mem_alloc(sizeof *p + d.len) : NULL;
    if (p) {
        p->len = d.len;
        memcpy(p->text, d.text, d.len);
    }
    return p;
}

static void make(lua_State *L, enum what what, int index, const char *name) {
    switch (what) {
    case MODULE:
    case MEMBER:
        env_push_real_at(L, index);
        if (what == MEMBER)
            lua_getfield(L, -1, name);
        break;
    case PROXY_META:
        env_push_proxy_meta(L, index);
        break;
    case TYPE:
    case METHOD:
        vtype_push_meta(L, (enum vtype)index);
        if (what == METHOD) {
            lua_getfield(L, -1, "__index");
            lua_getfield(L, -1, name);
        }
        break;
    case BASE:
        stack_push_slot(L, REG_BASE);
        lua_getfield(L, -1, name);
    }
}

static const char *after(const char *item) {
    return item + 2 + strlen(item + 2) + 1;
}

void primed_make(lua_State *L, const struct primed *p, size_t most) {
    int top = lua_gettop(L);
    for (const char *at = p->text; at < p->text + p->len && most--; at = after(at)) {
        make(L, (enum what)at[0], at[1], at + 2);
        lua_settop(L, top);
    }
}

size_t primed_count(const struct primed *p) {
    size_t n = 0;
    for (const char *at = p->text; at < p->text + p->len; at = after(at))
        n++;
    return n;
}

void primed_free(struct primed *p) {
    mem_free(p);
}
