#include "src/input.h"

#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>

#include "vm/codec.h"
#include "vm/scratch.h"

struct job {
    const struct cfg_value *input;
    const char *const *strings;
    size_t n;
    struct codec_buf buf;
    char *err;
    size_t cap;
    bool done;
};

static void push_value(lua_State *L, const struct cfg_value *v) {
    luaL_checkstack(L, 3, "input");
    switch (v->type) {
    case CFG_NULL:
        lua_pushnil(L);
        break;
    case CFG_BOOL:
        lua_pushboolean(L, v->b);
        break;
    case CFG_INT:
        lua_pushnumber(L, (lua_Number)v->i);
        break;
    case CFG_DOUBLE:
        lua_pushnumber(L, v->d);
        break;
    case CFG_STRING:
        lua_pushlstring(L, v->s, v->n);
        break;
    case CFG_ARRAY:
        lua_createtable(L, (int)v->n, 0);
        for (size_t i = 0; i < v->n; i++) {
            push_value(L, &v->items[i]);
            lua_rawseti(L, -2, (int)i + 1);
        }
        break;
    case CFG_OBJECT:
        lua_createtable(L, 0, (int)v->n);
        for (size_t i = 0; i < v->n; i++) {
            lua_pushlstring(L, v->members[i].key, v->members[i].key_len);
            push_value(L, &v->members[i].value);
            lua_rawset(L, -3);
        }
        break;
    }
}

/* Protected: making Lua values takes memory. */
static int encode_all(lua_State *L) {
    struct job *job = lua_touserdata(L, 1);
    for (size_t i = 0; i < job->n; i++) {
        char root[32], why[256];
        if (job->strings)
            lua_pushstring(L, job->strings[i]);
        else
            push_value(L, &job->input->items[i]);
        snprintf(root, sizeof root, "input[%zu]", i + 1);
        if (codec_encode(L, -1, root, 0, &job->buf, why, sizeof why) != CODEC_OK) {
            snprintf(job->err, job->cap, "%s", why);
            return 0;
        }
        lua_pop(L, 1);
    }
    job->done = true;
    return 0;
}

static bool encode(struct job *job, struct vm_args *args) {
    *args = (struct vm_args){0};
    if (!job->n)
        return true;
    snprintf(job->err, job->cap, "not enough memory");
    lua_State *L = scratch_open();
    if (L) {
        lua_cpcall(L, encode_all, job);
        lua_close(L);
    }
    if (!job->done) {
        codec_buf_free(&job->buf);
        return false;
    }
    *args = (struct vm_args){job->buf.data, job->buf.len, (unsigned)job->n};
    return true;
}

bool input_encode(const struct cfg_value *input, struct vm_args *args, char *err, size_t cap) {
    struct job job = {.input = input, .n = input ? input->n : 0, .err = err, .cap = cap};
    return encode(&job, args);
}

bool input_encode_strings(const char *const *strings, size_t n, struct vm_args *args, char *err, size_t cap) {
    struct job job = {.strings = strings, .n = n, .err = err, .cap = cap};
    return encode(&job, args);
}
