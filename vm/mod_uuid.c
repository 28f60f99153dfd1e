/*
 * The module `uuid`: RFC 9562. libuuid makes versions 1, 3, 4 and 5; version 7 is made here.
 *
 * Arguments of a wrong type are INVALID like any other value that is no UUID: these functions return their failures, always.
 */
#include <lauxlib.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <uuid/uuid.h>

#include "base/clock.h"
#include "vm/errobj.h"
#include "vm/lib.h"

enum { TEXT_LEN = UUID_STR_LEN - 1, SIMPLE_LEN = 32 };

static const char urn[] = "urn:uuid:";

/* --- reading and writing ------------------------------------------------------------------------------------------ */

/* Accepts the standard form, also in braces or as a URN, and 32 digits without hyphens. */
static bool parse_text(const char *s, size_t len, uuid_t id) {
    char text[UUID_STR_LEN];
    const size_t prefix = sizeof urn - 1;
    if (len == TEXT_LEN + prefix && strncasecmp(s, urn, prefix) == 0) {
        s += prefix;
        len = TEXT_LEN;
    } else if (len == TEXT_LEN + 2 && s[0] == '{' && s[len - 1] == '}') {
        s++;
        len = TEXT_LEN;
    }
    if (len == TEXT_LEN) {
        memcpy(text, s, TEXT_LEN);
        text[TEXT_LEN] = '\0';
    } else if (len == SIMPLE_LEN) {
        snprintf(text, sizeof text, "%.8s-%.4s-%.4s-%.4s-%.12s", s, s + 8, s + 12, s + 16, s + 20);
    } else {
        return false;
    }
    return uuid_parse(text, id) == 0;
}

static bool parse_arg(lua_State *L, int idx, uuid_t id) {
    size_t len;
    if (lua_type(L, idx) != LUA_TSTRING)
        return false;
    const char *s = lua_tolstring(L, idx, &len);
    return parse_text(s, len, id);
}

/* nil and INVALID for argument `idx`, which should have been `what`. */
static int invalid(lua_State *L, const char *op, int idx, const char *what) {
    if (lua_type(L, idx) == LUA_TSTRING)
        return errobj_nil(L, ERRKIND_INVALID, "%s: \"%.80s\" is no %s", op, lua_tostring(L, idx), what);
    return errobj_nil(L, ERRKIND_INVALID, "%s: %s expected, got %s", op, what, luaL_typename(L, idx));
}

static int push_id(lua_State *L, const uuid_t id) {
    char text[UUID_STR_LEN];
    uuid_unparse_lower(id, text);
    lua_pushlstring(L, text, TEXT_LEN);
    return 1;
}

static int version_of(const uuid_t id) {
    return id[6] >> 4;
}

static const char *variant_of(const uuid_t id) {
    switch (uuid_variant(id)) {
    case UUID_VARIANT_NCS:
        return "NCS";
    case UUID_VARIANT_DCE:
        return "RFC4122";
    case UUID_VARIANT_MICROSOFT:
        return "Microsoft";
    default:
        return "Future";
    }
}

/* --- making ------------------------------------------------------------------------------------------------------- */

static int uuid_v1(lua_State *L) {
    uuid_t id;
    uuid_generate_time(id);
    return push_id(L, id);
}

static int uuid_v4(lua_State *L) {
    uuid_t id;
    uuid_generate_random(id);
    return push_id(L, id);
}

static int from_name(lua_State *L, const char *op, void (*make)(uuid_t, const uuid_t, const char *, size_t)) {
    uuid_t id, space;
    size_t len;
    if (!parse_arg(L, 1, space))
        return invalid(L, op, 1, "UUID");
    if (lua_type(L, 2) != LUA_TSTRING)
        return invalid(L, op, 2, "string");
    const char *name = lua_tolstring(L, 2, &len);
    make(id, space, name, len);
    return push_id(L, id);
}

static int uuid_v3(lua_State *L) {
    return from_name(L, "uuid.v3", uuid_generate_md5);
}

static int uuid_v5(lua_State *L) {
    return from_name(L, "uuid.v5", uuid_generate_sha1);
}

/*
 * The time now as version 7 has it, 48 bits of milliseconds, with twelve bits below for the fraction. Every call in this daemon gets a
 * larger value than all before, so that its UUIDs sort in the order in which they were made.
 */
static uint64_t next_tick(void) {
    static _Atomic uint64_t last;
    const int64_t ns = clock_wall_ns(), ms = 1000000;
    uint64_t now = (uint64_t)(ns / ms) << 12 | (uint64_t)(ns % ms * 4096 / ms);
    /* Relaxed: nothing but the value itself is handed over. */
    uint64_t before = atomic_load_explicit(&last, memory_order_relaxed), tick;
    do
        tick = now > before ? now : before + 1;
    while (!atomic_compare_exchange_weak_explicit(&last, &before, tick, memory_order_relaxed,
                                                  memory_order_relaxed));
    return tick;
}

static int uuid_v7(lua_State *L) {
    uuid_t id;
    if (getrandom(id, sizeof(uuid_t), 0) != sizeof(uuid_t))
        return errobj_nil(L, ERRKIND_UNAVAILABLE, "uuid.v7: no random numbers");
    uint64_t tick = next_tick();
    for (int i = 0; i < 6; i++)
        id[i] = (unsigned char)(tick >> (52 - 8 * i));
    id[6] = (unsigned char)(0x70 | (tick >> 8 & 0x0f));
    id[7] = (unsigned char)tick;
    id[8] = (unsigned char)(0x80 | (id[8] & 0x3f));
    return push_id(L, id);
}

/* --- looking at one ----------------------------------------------------------------------------------------------- */

static int uuid_validate(lua_State *L) {
    uuid_t id;
    lua_pushboolean(L, parse_arg(L, 1, id));
    return 1;
}

static int uuid_version(lua_State *L) {
    uuid_t id;
    if (!parse_arg(L, 1, id))
        return invalid(L, "uuid.version", 1, "UUID");
    lua_pushinteger(L, version_of(id));
    return 1;
}

static int uuid_variant_name(lua_State *L) {
    uuid_t id;
    if (!parse_arg(L, 1, id))
        return invalid(L, "uuid.variant", 1, "UUID");
    lua_pushstring(L, variant_of(id));
    return 1;
}

/* Unix seconds. */
static int64_t seconds_of_v7(const uuid_t id) {
    uint64_t ms = 0;
    for (int i = 0; i < 6; i++)
        ms = ms << 8 | id[i];
    return (int64_t)(ms / 1000);
}

/* Version 1 counts 100 ns from 1582 on; libuuid's uuid_time knows no time before 1970. Rounded down, as all Unix seconds are. */
static int64_t seconds_of_v1(const uuid_t id) {
    const int64_t ticks_per_s = 10000000, gregorian_s = INT64_C(12219292800);
    static const unsigned char order[] = {6, 7, 4, 5, 0, 1, 2, 3};
    uint64_t ticks = 0;
    for (size_t i = 0; i < sizeof order; i++)
        ticks = ticks << 8 | id[order[i]];
    ticks &= UINT64_MAX >> 4; /* the version */
    return (int64_t)ticks / ticks_per_s - gregorian_s;
}

static int uuid_parse_table(lua_State *L) {
    uuid_t id;
    if (!parse_arg(L, 1, id))
        return invalid(L, "uuid.parse", 1, "UUID");
    int version = uuid_variant(id) == UUID_VARIANT_DCE ? version_of(id) : 0;
    lua_createtable(L, 0, 4);
    lua_pushinteger(L, version_of(id));
    lua_setfield(L, -2, "version");
    lua_pushstring(L, variant_of(id));
    lua_setfield(L, -2, "variant");
    if (version == 1 || version == 7) {
        lua_pushnumber(L, (double)(version == 1 ? seconds_of_v1(id) : seconds_of_v7(id)));
        lua_setfield(L, -2, "timestamp");
    }
    if (version == 1) {
        char node[13];
        snprintf(node, sizeof node, "%02x%02x%02x%02x%02x%02x", id[10], id[11], id[12], id[13], id[14],
                 id[15]);
        lua_pushstring(L, node);
        lua_setfield(L, -2, "node");
    }
    return 1;
}

static int uuid_format(lua_State *L) {
    uuid_t id;
    char text[UUID_STR_LEN], simple[SIMPLE_LEN];
    if (!parse_arg(L, 1, id))
        return invalid(L, "uuid.format", 1, "UUID");
    if (!lua_isnoneornil(L, 2) && lua_type(L, 2) != LUA_TSTRING)
        return invalid(L, "uuid.format", 2, "string");
    const char *form = lua_isnoneornil(L, 2) ? "standard" : lua_tostring(L, 2);
    uuid_unparse_lower(id, text);
    if (strcmp(form, "standard") == 0) {
        lua_pushlstring(L, text, TEXT_LEN);
    } else if (strcmp(form, "simple") == 0) {
        size_t n = 0;
        for (const char *s = text; *s; s++)
            if (*s != '-')
                simple[n++] = *s;
        lua_pushlstring(L, simple, n);
    } else if (strcmp(form, "urn") == 0) {
        lua_pushfstring(L, "%s%s", urn, text);
    } else {
        return errobj_nil(L, ERRKIND_INVALID,
                          "uuid.format: unknown format \"%.40s\": standard, simple or urn", form);
    }
    return 1;
}

static const luaL_Reg funcs[] = {
    {"v1", uuid_v1},
    {"v3", uuid_v3},
    {"v4", uuid_v4},
    {"v5", uuid_v5},
    {"v7", uuid_v7},
    {"validate", uuid_validate},
    {"version", uuid_version},
    {"variant", uuid_variant_name},
    {"parse", uuid_parse_table},
    {"format", uuid_format},
    {NULL, NULL},
};

const struct vlib vlib_uuid = {"uuid", funcs, NULL, 0, NULL};
