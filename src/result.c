#include "src/result.h"

#include <lauxlib.h>
#include <lua.h>
#include <math.h>
#include <stdio.h>

#include "src/exitcode.h"
#include "vm/base.h"
#include "vm/codec.h"
#include "vm/jsonenc.h"
#include "vm/payload.h"
#include "vm/scratch.h"

struct job {
    const char *data;
    size_t len;
    struct result *r;
    struct text *out;
    char *err;
    size_t cap;
    bool done;
};

static bool put_json(lua_State *L, struct job *job) {
    struct textbuf b;
    textbuf_open(&b, L);
    if (!jsonenc_value(L, 1, "result", &b, job->err, job->cap))
        return false;
    text_put(job->out, b.data, b.len);
    return true;
}

static bool put_text(lua_State *L, struct job *job) {
    size_t len;
    base_push_text(L, 1);
    const char *s = lua_tolstring(L, -1, &len);
    text_put(job->out, s, len);
    return true;
}

/* Protected: making Lua values takes memory. */
static int read_value(lua_State *L) {
    struct job *job = lua_touserdata(L, 1);
    lua_settop(L, 0);
    if (!codec_decode(L, job->data, job->len)) {
        snprintf(job->err, job->cap, "result: damaged");
        return 0;
    }
    if (vtype_test(L, 1, VTYPE_PAYLOAD)) { /* means its data */
        payload_push_data(L, 1);
        lua_replace(L, 1);
    }
    int type = lua_type(L, 1);
    job->r->present = type != LUA_TNIL;
    job->r->number = type == LUA_TNUMBER;
    job->r->value = lua_tonumber(L, 1);
    if (type == LUA_TNIL)
        job->done = true;
    else
        job->done = type == LUA_TTABLE ? put_json(L, job) : put_text(L, job);
    if (job->out->failed)
        job->done = false;
    return 0;
}

bool result_read(const char *data, size_t len, struct result *r, struct text *out, char *err, size_t cap) {
    *r = (struct result){0};
    if (!len)
        return true;
    struct job job = {data, len, r, out, err, cap, false};
    snprintf(err, cap, "result: not enough memory");
    lua_State *L = scratch_open();
    if (!L)
        return false;
    if (lua_cpcall(L, read_value, &job) != 0 && lua_type(L, -1) == LUA_TSTRING)
        snprintf(err, cap, "result: %s", lua_tostring(L, -1));
    lua_close(L);
    return job.done;
}

bool result_status(const struct result *r, int *status) {
    bool whole = r->number && isfinite(r->value) && r->value == floor(r->value);
    bool fits = whole && r->value >= 0 && r->value <= RESULT_STATUS_MAX;
    *status = fits ? (int)r->value : whole ? EXIT_CODE_FAILED : EXIT_CODE_OK;
    return fits || !whole;
}
