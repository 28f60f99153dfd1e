#include "vm/timeobj.h"

#include <lauxlib.h>
#include <string.h>

#include "base/dur.h"
#include "vm/codec.h"
#include "vm/errobj.h"
#include "vm/timelayout.h"

/* How Go's Time.String() shows a time. */
#define TOSTRING_LAYOUT "2006-01-02 15:04:05.999999999 -0700 MST"

void vtime_push_in(lua_State *L, struct instant at, const struct zone *z) {
    struct vtime *t = vloc_new_with_zone(L, VTYPE_TIME, sizeof *t, offsetof(struct vtime, zone), z);
    t->at = at;
}

void vtime_push(lua_State *L, int64_t sec, int32_t ns) {
    struct zone z = zone_local();
    vtime_push_in(L, (struct instant){sec, ns}, &z);
}

bool vtime_whole(lua_State *L, int idx, int64_t *n) {
    double d = luaL_checknumber(L, idx);
    if (!(d >= -0x1p63 && d < 0x1p63))
        return false;
    *n = (int64_t)d;
    return true;
}

static const struct vtime *self(lua_State *L) {
    return vtype_check(L, 1, VTYPE_TIME);
}

static const struct vtime *other(lua_State *L) {
    return vtype_check(L, 2, VTYPE_TIME);
}

static struct civil calendar(const struct vtime *t) {
    struct civil c;
    instant_split(t->at, &t->zone, &c, NULL);
    return c;
}

static int push_int(lua_State *L, int64_t n) {
    lua_pushnumber(L, (double)n);
    return 1;
}

/* The result of arithmetic, in the zone of `t`. */
static int push_moved(lua_State *L, const struct vtime *t, bool ok, struct instant at, const char *op) {
    if (!ok)
        return errobj_nil(L, ERRKIND_INVALID, "%s: result out of range", op);
    vtime_push_in(L, at, &t->zone);
    return 1;
}

/* --- methods ---------------------------------------------------------------------------------------------------- */

static int time_add(lua_State *L) {
    const struct vtime *t = self(L);
    struct instant at = t->at;
    int64_t dur;
    if (!vdur_get(L, 2, &dur))
        return vdur_invalid(L, "time:add", 2);
    bool ok = instant_add(t->at, dur, &at);
    return push_moved(L, t, ok, at, "time:add");
}

static int time_sub(lua_State *L) {
    vdur_push(L, instant_sub(self(L)->at, other(L)->at));
    return 1;
}

static int time_add_date(lua_State *L) {
    const struct vtime *t = self(L);
    struct instant at = t->at;
    int64_t n[3] = {0, 0, 0}; /* years, months, days */
    bool ok = true;
    for (int i = 0; i < 3; i++)
        ok = (lua_isnoneornil(L, 2 + i) || vtime_whole(L, 2 + i, &n[i])) && ok;
    ok = ok && instant_add_date(t->at, &t->zone, n[0], n[1], n[2], &at);
    return push_moved(L, t, ok, at, "time:add_date");
}

static int time_after(lua_State *L) {
    lua_pushboolean(L, instant_cmp(self(L)->at, other(L)->at) > 0);
    return 1;
}

static int time_before(lua_State *L) {
    lua_pushboolean(L, instant_cmp(self(L)->at, other(L)->at) < 0);
    return 1;
}

static int time_equal(lua_State *L) {
    lua_pushboolean(L, instant_cmp(self(L)->at, other(L)->at) == 0);
    return 1;
}

static int push_formatted(lua_State *L, const struct vtime *t, const char *layout, size_t len) {
    char text[INSTANT_TEXT_MAX];
    size_t n = instant_format(t->at, &t->zone, layout, len, text, sizeof text);
    if (n < sizeof text) {
        lua_pushlstring(L, text, n);
        return 1;
    }
    /* Lua's memory, so that nothing is lost when pushing the string raises. Never seen by the program. */
    char *large = lua_newuserdata(L, n + 1);
    instant_format(t->at, &t->zone, layout, len, large, n + 1);
    lua_pushlstring(L, large, n);
    return 1;
}

static int time_format(lua_State *L) {
    const struct vtime *t = self(L);
    size_t len;
    const char *layout = luaL_checklstring(L, 2, &len);
    return push_formatted(L, t, layout, len);
}

static int time_format_rfc3339(lua_State *L) {
    return push_formatted(L, self(L), TIMELAYOUT_RFC3339, sizeof TIMELAYOUT_RFC3339 - 1);
}

static int time_tostring(lua_State *L) {
    return push_formatted(L, self(L), TOSTRING_LAYOUT, sizeof TOSTRING_LAYOUT - 1);
}

static int time_unix(lua_State *L) {
    return push_int(L, self(L)->at.sec);
}

static int time_unix_nano(lua_State *L) {
    struct instant at = self(L)->at;
    lua_pushnumber(L, (double)((__int128)at.sec * DUR_SEC + at.ns));
    return 1;
}

static int time_date(lua_State *L) {
    struct civil c = calendar(self(L));
    push_int(L, c.year);
    push_int(L, c.month);
    push_int(L, c.day);
    return 3;
}

static int time_clock(lua_State *L) {
    struct civil c = calendar(self(L));
    push_int(L, c.hour);
    push_int(L, c.minute);
    push_int(L, c.second);
    return 3;
}

/* Methods that give one field of the calendar. */
#define FIELD_MAP(X) X(year) X(month) X(day) X(hour) X(minute) X(second) X(weekday) X(year_day)

#define X(field)                                                                                             \
    static int time_##field(lua_State *L) {                                                                  \
        return push_int(L, calendar(self(L)).field);                                                         \
    }
FIELD_MAP(X)
#undef X

static int time_nanosecond(lua_State *L) {
    return push_int(L, self(L)->at.ns);
}

static int time_is_zero(lua_State *L) {
    struct instant at = self(L)->at;
    lua_pushboolean(L, at.sec == INSTANT_ZERO_SEC && at.ns == 0);
    return 1;
}

static int time_location(lua_State *L) {
    vloc_push(L, &self(L)->zone);
    return 1;
}

static int time_in_location(lua_State *L) {
    const struct vtime *t = self(L);
    const struct vloc *loc = vtype_check(L, 2, VTYPE_LOCATION);
    vtime_push_in(L, t->at, &loc->zone);
    return 1;
}

static int time_utc(lua_State *L) {
    struct zone z = zone_utc();
    vtime_push_in(L, self(L)->at, &z);
    return 1;
}

static int time_in_local(lua_State *L) {
    struct zone z = zone_local();
    vtime_push_in(L, self(L)->at, &z);
    return 1;
}

static int time_round(lua_State *L) {
    const struct vtime *t = self(L);
    struct instant at = t->at;
    int64_t dur;
    if (!vdur_get(L, 2, &dur))
        return vdur_invalid(L, "time:round", 2);
    bool ok = instant_round(t->at, dur, &at);
    return push_moved(L, t, ok, at, "time:round");
}

static int time_truncate(lua_State *L) {
    const struct vtime *t = self(L);
    struct instant at = t->at;
    int64_t dur;
    if (!vdur_get(L, 2, &dur))
        return vdur_invalid(L, "time:truncate", 2);
    bool ok = instant_truncate(t->at, dur, &at);
    return push_moved(L, t, ok, at, "time:truncate");
}

static const luaL_Reg methods[] = {
    {"add", time_add},
    {"sub", time_sub},
    {"add_date", time_add_date},
    {"after", time_after},
    {"before", time_before},
    {"equal", time_equal},
    {"format", time_format},
    {"format_rfc3339", time_format_rfc3339},
    {"unix", time_unix},
    {"unix_nano", time_unix_nano},
    {"date", time_date},
    {"clock", time_clock},
#define X(field) {#field, time_##field},
    FIELD_MAP(X)
#undef X
        {"nanosecond", time_nanosecond},
    {"is_zero", time_is_zero},
    {"location", time_location},
    {"in_location", time_in_location},
    {"utc", time_utc},
    {"in_local", time_in_local},
    {"round", time_round},
    {"truncate", time_truncate},
    {NULL, NULL},
};

/* --- operators -------------------------------------------------------------------------------------------------- */

static int moved_by(lua_State *L, const struct vtime *t, int idx, bool back) {
    struct instant at = t->at;
    int64_t dur;
    if (!vdur_get(L, idx, &dur))
        return luaL_argerror(L, idx, "invalid duration");
    bool ok;
    if (back && dur == INT64_MIN) /* has no negative */
        ok = instant_add(t->at, INT64_MAX, &at) && instant_add(at, 1, &at);
    else
        ok = instant_add(t->at, back ? -dur : dur, &at);
    if (!ok)
        return luaL_error(L, "time out of range");
    vtime_push_in(L, at, &t->zone);
    return 1;
}

int vtime_plus(lua_State *L) {
    int time_at = vtype_test(L, 1, VTYPE_TIME) ? 1 : 2;
    return moved_by(L, vtype_check(L, time_at, VTYPE_TIME), 3 - time_at, false);
}

/* time - time, time - duration. */
static int time_minus(lua_State *L) {
    return vtype_test(L, 2, VTYPE_TIME) ? time_sub(L) : moved_by(L, self(L), 2, true);
}

static int time_le(lua_State *L) {
    lua_pushboolean(L, instant_cmp(self(L)->at, other(L)->at) <= 0);
    return 1;
}

static const luaL_Reg meta[] = {
    {"__tostring", time_tostring}, {"__eq", time_equal},  {"__lt", time_before}, {"__le", time_le},
    {"__add", vtime_plus},         {"__sub", time_minus}, {NULL, NULL},
};

const struct vtype_desc vtype_desc_TIME = {methods, meta};

/* --- codec ------------------------------------------------------------------------------------------------------ */

/* Bytes of a time: this, then the zone's. */
static enum codec_status time_put(lua_State *L, int idx, size_t limit, struct codec_buf *b, char *why,
                                  size_t cap) {
    const struct vtime *t = lua_touserdata(L, idx);
    return codec_put_status(codec_buf_put(b, &t->at.sec, sizeof t->at.sec) &&
                            codec_buf_put(b, &t->at.ns, sizeof t->at.ns) && vloc_pack_zone(b, &t->zone));
}

static bool time_get(lua_State *L, const char *data, size_t len) {
    struct instant at;
    struct zone z;
    const size_t head = sizeof at.sec + sizeof at.ns;
    if (len < head)
        return false;
    memcpy(&at.sec, data, sizeof at.sec);
    memcpy(&at.ns, data + sizeof at.sec, sizeof at.ns);
    if (!instant_valid(at) || !vloc_unpack_zone(data + head, len - head, &z))
        return false;
    vtime_push_in(L, at, &z);
    return true;
}

const struct codec_ext codec_ext_TIME = {time_put, time_get};
