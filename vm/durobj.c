#include "vm/durobj.h"

#include <lauxlib.h>
#include <math.h>
#include <string.h>

#include "base/dur.h"
#include "vm/codec.h"
#include "vm/errobj.h"
#include "vm/timeobj.h"

void vdur_push(lua_State *L, int64_t ns) {
    struct vdur *d = vtype_new(L, VTYPE_DURATION, sizeof *d);
    d->ns = ns;
}

/* false for what 64 bits do not hold, and for nan. */
static bool to_ns(double n, int64_t *ns) {
    if (!(n >= -0x1p63 && n < 0x1p63))
        return false;
    *ns = (int64_t)n;
    return true;
}

bool vdur_get(lua_State *L, int idx, int64_t *ns) {
    size_t len;
    const char *text;
    const struct vdur *d;
    switch (lua_type(L, idx)) {
    case LUA_TNUMBER:
        return to_ns(lua_tonumber(L, idx), ns);
    case LUA_TSTRING:
        text = lua_tolstring(L, idx, &len);
        return dur_parse(text, len, ns);
    default:
        d = vtype_check(L, idx, VTYPE_DURATION);
        *ns = d->ns;
        return true;
    }
}

int vdur_invalid(lua_State *L, const char *op, int idx) {
    if (lua_type(L, idx) == LUA_TNUMBER)
        return errobj_nil(L, ERRKIND_INVALID, "%s: invalid duration %.14g", op, lua_tonumber(L, idx));
    return errobj_nil(L, ERRKIND_INVALID, "%s: invalid duration \"%.200s\"", op, lua_tostring(L, idx));
}

/* --- methods ---------------------------------------------------------------------------------------------------- */

static int64_t self(lua_State *L) {
    const struct vdur *d = vtype_check(L, 1, VTYPE_DURATION);
    return d->ns;
}

static int push_whole(lua_State *L, int64_t n) {
    lua_pushnumber(L, (double)n);
    return 1;
}

static int dur_nanoseconds(lua_State *L) {
    return push_whole(L, self(L));
}

static int dur_microseconds(lua_State *L) {
    return push_whole(L, self(L) / DUR_US);
}

static int dur_milliseconds(lua_State *L) {
    return push_whole(L, self(L) / DUR_MS);
}

/* Whole units and the fraction apart: a double has no room for the nanoseconds of a large duration. */
static int push_fractional(lua_State *L, int64_t ns, int64_t unit) {
    int64_t whole = ns / unit;
    lua_pushnumber(L, (double)whole + (double)(ns % unit) / (double)unit);
    return 1;
}

static int dur_seconds(lua_State *L) {
    return push_fractional(L, self(L), DUR_SEC);
}

static int dur_minutes(lua_State *L) {
    return push_fractional(L, self(L), DUR_MIN);
}

static int dur_hours(lua_State *L) {
    return push_fractional(L, self(L), DUR_HOUR);
}

static int dur_tostring(lua_State *L) {
    char text[DUR_TEXT_MAX];
    lua_pushlstring(L, text, dur_format(self(L), text, sizeof text));
    return 1;
}

/* --- operators -------------------------------------------------------------------------------------------------- */

static int64_t operand(lua_State *L, int idx) {
    int64_t ns = 0;
    if (!vdur_get(L, idx, &ns))
        luaL_argerror(L, idx, "invalid duration");
    return ns;
}

static int push_result(lua_State *L, bool overflow, int64_t ns) {
    if (overflow)
        return luaL_error(L, "duration out of range");
    vdur_push(L, ns);
    return 1;
}

static int push_scaled(lua_State *L, double ns) {
    int64_t whole = 0;
    bool fits = to_ns(ns, &whole);
    return push_result(L, !fits, whole);
}

static int dur_add(lua_State *L) {
    if (vtype_test(L, 2, VTYPE_TIME))
        return vtime_plus(L);
    int64_t a = operand(L, 1), b = operand(L, 2), sum;
    bool overflow = __builtin_add_overflow(a, b, &sum);
    return push_result(L, overflow, sum);
}

static int dur_sub(lua_State *L) {
    int64_t a = operand(L, 1), b = operand(L, 2), difference;
    bool overflow = __builtin_sub_overflow(a, b, &difference);
    return push_result(L, overflow, difference);
}

static int dur_unm(lua_State *L) {
    int64_t ns = self(L), negated;
    bool overflow = __builtin_sub_overflow(0, ns, &negated);
    return push_result(L, overflow, negated);
}

/* A number and a duration, in either order. Whole numbers multiply exactly. */
static int dur_mul(lua_State *L) {
    int number = lua_type(L, 1) == LUA_TNUMBER ? 1 : 2;
    double n = luaL_checknumber(L, number);
    const struct vdur *d = vtype_check(L, 3 - number, VTYPE_DURATION);
    int64_t factor, product;
    if (n == floor(n) && to_ns(n, &factor)) {
        bool overflow = __builtin_mul_overflow(d->ns, factor, &product);
        return push_result(L, overflow, product);
    }
    return push_scaled(L, (double)d->ns * n);
}

/* By a number: a duration; by a duration: a number. */
static int dur_div(lua_State *L) {
    int64_t ns = self(L), divisor;
    const struct vdur *d = vtype_test(L, 2, VTYPE_DURATION);
    if (d) {
        lua_pushnumber(L, (double)ns / (double)d->ns);
        return 1;
    }
    double n = luaL_checknumber(L, 2);
    if (n == floor(n) && to_ns(n, &divisor) && divisor > 0)
        return push_result(L, false, ns / divisor);
    return push_scaled(L, (double)ns / n);
}

static int dur_eq(lua_State *L) {
    const struct vdur *other = vtype_check(L, 2, VTYPE_DURATION);
    lua_pushboolean(L, self(L) == other->ns);
    return 1;
}

static int dur_lt(lua_State *L) {
    const struct vdur *other = vtype_check(L, 2, VTYPE_DURATION);
    lua_pushboolean(L, self(L) < other->ns);
    return 1;
}

static int dur_le(lua_State *L) {
    const struct vdur *other = vtype_check(L, 2, VTYPE_DURATION);
    lua_pushboolean(L, self(L) <= other->ns);
    return 1;
}

static const luaL_Reg methods[] = {
    {"nanoseconds", dur_nanoseconds},
    {"microseconds", dur_microseconds},
    {"milliseconds", dur_milliseconds},
    {"seconds", dur_seconds},
    {"minutes", dur_minutes},
    {"hours", dur_hours},
    {NULL, NULL},
};

static const luaL_Reg meta[] = {
    {"__tostring", dur_tostring},
    {"__add", dur_add},
    {"__sub", dur_sub},
    {"__unm", dur_unm},
    {"__mul", dur_mul},
    {"__div", dur_div},
    {"__eq", dur_eq},
    {"__lt", dur_lt},
    {"__le", dur_le},
    {NULL, NULL},
};

const struct vtype_desc vtype_desc_DURATION = {methods, meta};

/* --- codec ------------------------------------------------------------------------------------------------------ */

static enum codec_status dur_put(lua_State *L, int idx, size_t limit, struct codec_buf *b, char *why,
                                 size_t cap) {
    const struct vdur *d = lua_touserdata(L, idx);
    return codec_put_status(codec_buf_put(b, &d->ns, sizeof d->ns));
}

static bool dur_get(lua_State *L, const char *data, size_t len) {
    int64_t ns;
    if (len != sizeof ns)
        return false;
    memcpy(&ns, data, sizeof ns);
    vdur_push(L, ns);
    return true;
}

const struct codec_ext codec_ext_DURATION = {dur_put, dur_get};
