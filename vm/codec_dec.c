/*
 * The decoder believes nothing: every count is checked against the bytes that are left, so that what it allocates stays
 * within a constant factor of what it was given, and keys that Lua would raise for are refused.
 */
#include <lauxlib.h>
#include <lua.h>

#include "vm/codec_fmt.h"
#include "vm/vstate.h"

struct dec {
    lua_State *L;
    const char *start, *end;
    int refs; /* stack slot of the table offset -> table, 0: nothing is shared */
};

enum { SLOTS_PER_TABLE = 2, TABLES_PER_CHECK = 4, SLOTS_SPARE = 6 };

/*
 * lua_pushnumber makes every NaN the negative one that LuaJIT itself makes of 0/0; the only other one that a program can
 * have is its negation. That one is computed by Lua code, once a state: in a coroutine of its own, since L may be one
 * that waits to be resumed.
 */
static __attribute__((noinline)) void push_nan(lua_State *L, double nan) {
    static const char positive_key;
    if (__builtin_signbit(nan)) {
        lua_pushnumber(L, nan);
        return;
    }
    if (!lua_checkstack(L, SLOTS_SPARE))
        luaL_error(L, "stack overflow");
    lua_pushlightuserdata(L, (void *)&positive_key);
    lua_rawget(L, LUA_REGISTRYINDEX);
    if (lua_type(L, -1) == LUA_TNUMBER)
        return;
    lua_settop(L, -2);
    lua_State *co = lua_newthread(L);
    int failed = luaL_loadstring(co, "local n = ... return -n");
    if (!failed) {
        lua_pushnumber(co, nan);
        failed = lua_pcall(co, 1, 1, 0);
    }
    if (failed) {
        lua_xmove(co, L, 1);
        lua_error(L);
    }
    lua_pushlightuserdata(L, (void *)&positive_key);
    lua_xmove(co, L, 1);
    lua_pushvalue(L, -1);
    lua_replace(L, -4); /* in place of the coroutine */
    lua_rawset(L, LUA_REGISTRYINDEX);
}

static inline const char *get_string(lua_State *L, const char *p, const char *end, size_t len) {
    if (len > (size_t)(end - p))
        return NULL;
    lua_pushlstring(L, p, len);
    return p + len;
}

static __attribute__((noinline)) const char *get_ext(lua_State *L, const char *p, const char *end) {
    if (end - p < EXT_HEAD - 1)
        return NULL;
    unsigned type = (unsigned char)*p;
    uint32_t len = get_u32(p + 1);
    p += EXT_HEAD - 1;
    const struct codec_ext *ext = type < VTYPE_COUNT ? codec_exts[type] : NULL;
    if (!ext || len > (size_t)(end - p) || !lua_checkstack(L, SLOTS_SPARE))
        return NULL;
    return ext->get(L, p, len) ? p + len : NULL;
}

static const char *get_ref(const struct dec *d, const char *p) {
    if (!d->refs || d->end - p < REF_SIZE - 1)
        return NULL;
    uint32_t offset = get_u32(p);
    if (offset > INT32_MAX)
        return NULL;
    lua_rawgeti(d->L, d->refs, (int)offset);
    return lua_type(d->L, -1) == LUA_TTABLE ? p + REF_SIZE - 1 : NULL;
}

/* Pushes any value but a table whose tag was read at p - 1; NULL: invalid. Never called for nil. */
static inline __attribute__((always_inline)) const char *get_simple(const struct dec *d, unsigned tag,
                                                                    const char *p) {
    lua_State *L = d->L;
    double number;
    if (tag >= TAG_SHORT)
        return get_string(L, p, d->end, tag - TAG_SHORT);
    switch (tag) {
    case TAG_NUMBER:
        if (d->end - p < NUMBER_SIZE - 1)
            return NULL;
        memcpy(&number, p, sizeof number);
        if (__builtin_expect(number != number, 0))
            push_nan(L, number);
        else
            lua_pushnumber(L, number);
        return p + NUMBER_SIZE - 1;
    case TAG_FALSE:
    case TAG_TRUE:
        lua_pushboolean(L, tag == TAG_TRUE);
        return p;
    case TAG_LONG:
        if (d->end - p < LONG_HEAD - 1)
            return NULL;
        return get_string(L, p + LONG_HEAD - 1, d->end, get_u32(p));
    case TAG_REF:
        return get_ref(d, p);
    case TAG_EXT:
        return get_ext(L, p, d->end);
    default:
        return NULL;
    }
}

static inline bool is_table(unsigned tag) {
    return tag - TAG_TABLE < 4u;
}

/*
 * Decodes the table whose tag was read at p - 1 and pushes it. Returns where it ended, or NULL with anything on the stack.
 */
static const char *get_table(struct dec *d, unsigned tag, const char *p) {
    lua_State *const L = d->L;
    struct codec_scratch *s = codec_scratch();
    if (!s)
        luaL_error(L, "not enough memory");
    struct codec_frame *f = s->frames;
    const struct codec_frame *const last = s->frames + CODEC_DEPTH + 1;
    uint32_t values, read, pairs;
    uint32_t phase;

enter:
    if (d->end - p < TABLE_HEAD - 1 || f == last)
        return NULL;
    values = get_u32(p);
    pairs = get_u32(p + 4);
    const char *head = p - 1;
    p += TABLE_HEAD - 1;
    if ((uint64_t)values + 2 * (uint64_t)pairs > (size_t)(d->end - p))
        return NULL;
    f++;
    if (__builtin_expect((f - s->frames) % TABLES_PER_CHECK == 0, 0) &&
        !lua_checkstack(L, TABLES_PER_CHECK * SLOTS_PER_TABLE + SLOTS_SPARE))
        return NULL;
    lua_createtable(L, (int)values, (int)pairs);
    if (__builtin_expect(tag & TABLE_SHARED, 0)) {
        if (!d->refs || head - d->start > INT32_MAX)
            return NULL;
        lua_pushvalue(L, -1);
        lua_rawseti(L, d->refs, (int)(head - d->start));
    }
    read = 0;

array:
    while (read < values) {
        if (p == d->end)
            return NULL;
        tag = (unsigned char)*p++;
        read++;
        if (tag == TAG_NIL)
            continue;
        if (is_table(tag)) {
            f->phase = PHASE_ARRAY;
            goto descend;
        }
        p = get_simple(d, tag, p);
        if (!p)
            return NULL;
        lua_rawseti(L, -2, (int)read);
    }

pairs:
    while (pairs > 0) {
        if (p == d->end)
            return NULL;
        tag = (unsigned char)*p++;
        if (is_table(tag)) {
            f->phase = PHASE_PAIRS;
            goto descend;
        }
        p = get_simple(d, tag, p);
        if (!p)
            return NULL;
        if (tag == TAG_NUMBER && lua_tonumber(L, -1) != lua_tonumber(L, -1))
            return NULL;
    value:
        if (p == d->end)
            return NULL;
        tag = (unsigned char)*p++;
        if (is_table(tag)) {
            f->phase = PHASE_KEY;
            goto descend;
        }
        p = get_simple(d, tag, p);
        if (!p)
            return NULL;
        lua_rawset(L, -3);
        pairs--;
    }

    /* The table on top of the stack is done. */
    if (--f == s->frames)
        return p;
    values = f->head;
    read = f->values;
    pairs = f->pairs;
    phase = f->phase;
    if (phase == PHASE_ARRAY) {
        lua_rawseti(L, -2, (int)read);
        goto array;
    }
    if (phase == PHASE_PAIRS)
        goto value;
    lua_rawset(L, -3);
    pairs--;
    goto pairs;

descend:
    f->head = values;
    f->values = read;
    f->pairs = pairs;
    goto enter;
}

/* Pushes the first value; returns where it ended, or NULL with anything on the stack. */
static const char *get_first(struct dec *d) {
    const char *p = d->start;
    if (p == d->end)
        return NULL;
    unsigned tag = (unsigned char)*p++;
    if (tag == TAG_NIL) {
        lua_pushnil(d->L);
        return p;
    }
    if (!is_table(tag))
        return get_simple(d, tag, p);
    if (!lua_checkstack(d->L, TABLES_PER_CHECK * SLOTS_PER_TABLE + SLOTS_SPARE))
        return NULL;
    if (!(tag & TABLE_ROOT))
        return get_table(d, tag, p);
    lua_createtable(d->L, 0, 4);
    d->refs = lua_gettop(d->L);
    p = get_table(d, tag, p);
    if (p)
        lua_remove(d->L, d->refs);
    return p;
}

/* Pushes the table that LuaJIT has packed; returns the bytes it took, 0: invalid, nothing pushed. */
static inline size_t unpack(lua_State *L, const char *data, size_t len) {
#if OWN_LUAJIT
    return luaJIT_unpack(L, REG_RECORDS, data, len);
#else
    return 0;
#endif
}

/* What most messages are: one number, which is no NaN, or one short string. */
static inline bool push_plain(lua_State *L, const char *data, size_t len) {
    unsigned tag = (unsigned char)*data;
    if (tag == TAG_NUMBER && len == NUMBER_SIZE) {
        double number;
        memcpy(&number, data + 1, sizeof number);
        if (number == number)
            lua_pushnumber(L, number);
        return number == number;
    }
    if (tag < TAG_SHORT || len != 1 + tag - TAG_SHORT)
        return false;
    lua_pushlstring(L, data + 1, len - 1);
    return true;
}

static __attribute__((noinline)) bool decode(lua_State *L, const char *data, size_t len) {
    int top = lua_gettop(L);
    if (len > 0 && codec_is_packed((unsigned char)*data)) {
        if (unpack(L, data, len) == len)
            return true;
        lua_settop(L, top);
        return false;
    }
    struct dec d = {.L = L, .start = data, .end = data + len};
    if (get_first(&d) == d.end)
        return true;
    lua_settop(L, top);
    return false;
}

bool codec_decode(lua_State *L, const char *data, size_t len) {
    return (len > 0 && push_plain(L, data, len)) || decode(L, data, len);
}

size_t codec_decode_next(lua_State *L, const char *data, size_t len) {
    if (len > 0 && codec_is_packed((unsigned char)*data))
        return unpack(L, data, len);
    struct dec d = {.L = L, .start = data, .end = data + len};
    int top = lua_gettop(L);
    const char *p = get_first(&d);
    if (p)
        return (size_t)(p - data);
    lua_settop(L, top);
    return 0;
}
