/*
 * The module `time`: Go's time package for Lua. Objects are in timeobj.c, durobj.c and locobj.c; what waits is in the
 * scheduler's half, timer.c.
 */
#include <lauxlib.h>
#include <math.h>

#include "base/dur.h"
#include "vm/errobj.h"
#include "vm/lib.h"
#include "vm/timelayout.h"
#include "vm/timeobj.h"
#include "vm/timer.h"

/* The location in an optional argument, else `absent`. */
static struct zone zone_arg(lua_State *L, int idx, struct zone absent) {
    if (lua_isnoneornil(L, idx))
        return absent;
    const struct vloc *loc = vtype_check(L, idx, VTYPE_LOCATION);
    return loc->zone;
}

static int time_now(lua_State *L) {
    struct instant at = instant_now();
    vtime_push(L, at.sec, at.ns);
    return 1;
}

/* Seconds may have a fraction, to the nearest nanosecond: what os.time gives and what events carry both work. */
static int time_unix(lua_State *L) {
    double sec = luaL_checknumber(L, 1);
    int64_t ns = 0;
    bool ok = (lua_isnoneornil(L, 2) || vtime_whole(L, 2, &ns)) && fabs(sec) <= (double)CIVIL_SEC_MAX;
    struct instant at;
    struct zone z = zone_local();
    /* In two steps, since the sum of both nanoseconds may overflow. */
    ok = ok && instant_make((int64_t)floor(sec), (int64_t)round((sec - floor(sec)) * 1e9), &at) &&
         instant_add(at, ns, &at);
    if (!ok)
        return errobj_nil(L, ERRKIND_INVALID, "time.unix: out of range");
    vtime_push_in(L, at, &z);
    return 1;
}

static int time_date(lua_State *L) {
    struct zone z = zone_arg(L, 8, zone_local());
    int64_t n[7] = {0};
    bool ok = true;
    for (int i = 0; i < 7; i++)
        ok = ((i >= 3 && lua_isnoneornil(L, i + 1)) || vtime_whole(L, i + 1, &n[i])) && ok;
    struct instant_fields f = {n[0], n[1], n[2], n[3], n[4], n[5], n[6]};
    struct instant at;
    if (!ok || !instant_from_fields(&f, &z, &at))
        return errobj_nil(L, ERRKIND_INVALID, "time.date: out of range");
    vtime_push_in(L, at, &z);
    return 1;
}

static int time_parse(lua_State *L) {
    size_t layout_len, text_len;
    const char *layout = luaL_checklstring(L, 1, &layout_len);
    const char *text = luaL_checklstring(L, 2, &text_len);
    struct zone by_default = zone_arg(L, 3, zone_utc()), home = zone_arg(L, 3, zone_local()), z;
    struct instant at;
    char why[1024];
    if (!instant_parse(layout, layout_len, text, text_len, &by_default, &home, &at, &z, why, sizeof why))
        return errobj_nil(L, ERRKIND_INVALID, "%s", why);
    vtime_push_in(L, at, &z);
    return 1;
}

static int time_parse_duration(lua_State *L) {
    int64_t ns;
    if (!vdur_get(L, 1, &ns))
        return vdur_invalid(L, "time.parse_duration", 1);
    vdur_push(L, ns);
    return 1;
}

static int time_load_location(lua_State *L) {
    size_t len;
    const char *name = luaL_checklstring(L, 1, &len);
    struct zone z;
    switch (zone_load(name, len, &z)) {
    case TZ_OK:
        vloc_push(L, &z);
        return 1;
    case TZ_LIMIT:
        return errobj_nil(L, ERRKIND_UNAVAILABLE, "time.load_location: cannot load time zone %.100s", name);
    default:
        return errobj_nil(L, ERRKIND_NOT_FOUND, "time.load_location: unknown time zone %.100s", name);
    }
}

static int time_fixed_zone(lua_State *L) {
    size_t len;
    const char *name = luaL_checklstring(L, 1, &len);
    int64_t offset;
    if (!vtime_whole(L, 2, &offset) || offset > ZONE_OFFSET_MAX || offset < -ZONE_OFFSET_MAX)
        return errobj_nil(L, ERRKIND_INVALID, "time.fixed_zone: offset out of range: at most %d seconds",
                          ZONE_OFFSET_MAX);
    if (len > ZONE_NAME_MAX)
        return errobj_nil(L, ERRKIND_INVALID, "time.fixed_zone: name too long: at most %d bytes",
                          ZONE_NAME_MAX);
    struct zone z = zone_fixed(name, len, (int32_t)offset);
    vloc_push(L, &z);
    return 1;
}

static const luaL_Reg funcs[] = {
    {"now", time_now},
    {"unix", time_unix},
    {"date", time_date},
    {"parse", time_parse},
    {"parse_duration", time_parse_duration},
    {"load_location", time_load_location},
    {"fixed_zone", time_fixed_zone},
    {"sleep", vtimer_sleep},
    {"after", vtimer_after},
    {"timer", vtimer_timer},
    {"ticker", vtimer_ticker},
    {NULL, NULL},
};

static void push_utc(lua_State *L) {
    struct zone z = zone_utc();
    vloc_push(L, &z);
}

static void push_local(lua_State *L) {
    struct zone z = zone_local();
    vloc_push(L, &z);
}

static const struct vlib_value values[] = {
    {"NANOSECOND", .number = 1},
    {"MICROSECOND", .number = DUR_US},
    {"MILLISECOND", .number = DUR_MS},
    {"SECOND", .number = DUR_SEC},
    {"MINUTE", .number = DUR_MIN},
    {"HOUR", .number = DUR_HOUR},
    {"JANUARY", .number = 1},
    {"FEBRUARY", .number = 2},
    {"MARCH", .number = 3},
    {"APRIL", .number = 4},
    {"MAY", .number = 5},
    {"JUNE", .number = 6},
    {"JULY", .number = 7},
    {"AUGUST", .number = 8},
    {"SEPTEMBER", .number = 9},
    {"OCTOBER", .number = 10},
    {"NOVEMBER", .number = 11},
    {"DECEMBER", .number = 12},
    {"SUNDAY", .number = 0},
    {"MONDAY", .number = 1},
    {"TUESDAY", .number = 2},
    {"WEDNESDAY", .number = 3},
    {"THURSDAY", .number = 4},
    {"FRIDAY", .number = 5},
    {"SATURDAY", .number = 6},
#define X(name, layout) {#name, .text = layout},
    TIMELAYOUT_MAP(X)
#undef X
        {"utc", .push = push_utc},
    {"localtz", .push = push_local},
    {0},
};

const struct vlib vlib_time = {"time", funcs, NULL, VLIB_GLOBAL, values};
