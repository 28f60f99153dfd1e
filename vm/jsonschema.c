#include "vm/jsonschema.h"

#include <lauxlib.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "vm/jsondec.h"
#include "vm/jsonformat.h"
#include "vm/jsonpath.h"
#include "vm/regex.h"

enum {
    KIND_NULL = 1,
    KIND_BOOLEAN = 2,
    KIND_INTEGER = 4, /* besides KIND_NUMBER */
    KIND_NUMBER = 8,
    KIND_STRING = 16,
    KIND_ARRAY = 32,
    KIND_OBJECT = 64 /* besides KIND_ARRAY when empty */
};

/* In the order in which they are looked for to name what was got. */
static const struct {
    unsigned kind;
    const char *name;
} kinds[] = {
    {KIND_NULL, "null"},     {KIND_BOOLEAN, "boolean"}, {KIND_NUMBER, "number"}, {KIND_INTEGER, "integer"},
    {KIND_STRING, "string"}, {KIND_OBJECT, "object"},   {KIND_ARRAY, "array"},
};

/* One step from a value into it; links back to the data as a whole. */
struct step {
    const struct step *up;
    const char *key; /* NULL: index */
    size_t len, index;
};

struct checker {
    lua_State *L;
    int root; /* the whole schema */
    int depth;
    long steps;
    bool broken; /* the schema is wrong: no keyword may take that for a mere mismatch */
    char *why;
    size_t cap;
};

/* A value of the data under a schema: where both are on the Lua stack, and what the value is. */
struct place {
    int schema, data;
    unsigned kind;
    const struct step *at;
};

/* --- saying what is wrong ---------------------------------------------------------------------------------------- */

static void add_steps(struct jsonpath *p, const struct step *s) {
    if (!s)
        return;
    add_steps(p, s->up);
    if (s->key)
        jsonpath_key(p, s->key, s->len);
    else
        jsonpath_index(p, s->index);
}

__attribute__((format(printf, 3, 4))) static bool mismatch(struct checker *c, const struct place *p,
                                                           const char *fmt, ...) {
    char reason[300], text[300];
    struct jsonpath path;
    va_list args;
    va_start(args, fmt);
    vsnprintf(reason, sizeof reason, fmt, args);
    va_end(args);
    jsonpath_start(&path, text, sizeof text, "data");
    add_steps(&path, p->at);
    snprintf(c->why, c->cap, "%s: %s", text, reason);
    return false;
}

__attribute__((format(printf, 2, 3))) static bool broken(struct checker *c, const char *fmt, ...) {
    char reason[300];
    va_list args;
    va_start(args, fmt);
    vsnprintf(reason, sizeof reason, fmt, args);
    va_end(args);
    snprintf(c->why, c->cap, "schema: %s", reason);
    c->broken = true;
    return false;
}

/* --- looking at values ------------------------------------------------------------------------------------------- */

/* 0: a value that JSON does not have. */
static unsigned kind_of(lua_State *L, int idx) {
    const void *marker;
    double n;
    switch (lua_type(L, idx)) {
    case LUA_TNIL:
        return KIND_NULL;
    case LUA_TBOOLEAN:
        return KIND_BOOLEAN;
    case LUA_TNUMBER:
        n = lua_tonumber(L, idx);
        return KIND_NUMBER | (n == floor(n) && isfinite(n) ? KIND_INTEGER : 0);
    case LUA_TSTRING:
        return KIND_STRING;
    case LUA_TTABLE:
        if (lua_objlen(L, idx) > 0)
            return KIND_ARRAY;
        lua_pushnil(L);
        if (!lua_next(L, idx))
            return KIND_ARRAY | KIND_OBJECT;
        lua_settop(L, -3);
        return KIND_OBJECT;
    case LUA_TLIGHTUSERDATA:
        marker = lua_touserdata(L, idx);
        return marker == &jsondec_null         ? KIND_NULL
             : marker == &jsondec_empty_array  ? KIND_ARRAY
             : marker == &jsondec_empty_object ? KIND_OBJECT
                                               : 0;
    default:
        return 0;
    }
}

static const char *kind_name(unsigned kind) {
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].kind & kind)
            return kinds[i].name;
    return "a value that JSON does not have";
}

static size_t length(lua_State *L, int idx) {
    return lua_type(L, idx) == LUA_TTABLE ? lua_objlen(L, idx) : 0;
}

/* One unit of work; false when there was too much of it. */
static bool step(struct checker *c) {
    return c->steps-- > 0 || broken(c, "too much to compare");
}

/* Begins one more level; end it with c->depth--. */
static bool deeper(struct checker *c) {
    if (c->depth == JSONSCHEMA_DEPTH)
        return broken(c, "more than %d levels", JSONSCHEMA_DEPTH);
    luaL_checkstack(c->L, LUA_MINSTACK, "schema");
    c->depth++;
    return true;
}

static bool equal(struct checker *c, int a, int b);

static bool equal_tables(struct checker *c, int a, int b) {
    lua_State *L = c->L;
    int top = lua_gettop(L);
    size_t left = 0;
    bool same = true;
    for (lua_pushnil(L); same && lua_next(L, a); lua_settop(L, top + 1)) {
        left++;
        lua_pushvalue(L, top + 1);
        lua_rawget(L, b);
        same = equal(c, top + 2, top + 3);
    }
    lua_settop(L, top);
    for (lua_pushnil(L); same && lua_next(L, b); lua_settop(L, top + 1))
        same = step(c) && left-- > 0;
    lua_settop(L, top);
    return same;
}

/* As JSON values; both slots absolute. */
static bool equal(struct checker *c, int a, int b) {
    lua_State *L = c->L;
    unsigned both = kind_of(L, a) & kind_of(L, b);
    if (!step(c) || !both)
        return false;
    if (both == KIND_NULL)
        return true;
    if (!(both & (KIND_ARRAY | KIND_OBJECT)))
        return lua_rawequal(L, a, b);
    if (lua_type(L, a) != LUA_TTABLE || lua_type(L, b) != LUA_TTABLE) {
        /* A marker is empty; so must the other be. */
        int other = lua_type(L, a) == LUA_TTABLE ? a : b;
        return lua_type(L, other) != LUA_TTABLE || kind_of(L, other) == (KIND_ARRAY | KIND_OBJECT);
    }
    if (!deeper(c))
        return false;
    bool same = equal_tables(c, a, b);
    c->depth--;
    return same;
}

/* --- keywords ---------------------------------------------------------------------------------------------------- */

static bool check(struct checker *c, const struct place *p);

/* Checks the value in slot `data` against the schema in slot `schema`. */
static bool check_below(struct checker *c, int schema, int data, const struct step *at) {
    struct place p = {schema, data, kind_of(c->L, data), at};
    return check(c, &p);
}

static bool type_named(struct checker *c, int idx, unsigned *kind) {
    const char *name = lua_type(c->L, idx) == LUA_TSTRING ? lua_tostring(c->L, idx) : "";
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            *kind = kinds[i].kind;
            return true;
        }
    }
    return broken(c, "unknown type \"%.40s\"", name);
}

static bool keyword_type(struct checker *c, const struct place *p, int value) {
    lua_State *L = c->L;
    unsigned kind;
    if (!(kind_of(L, value) & KIND_ARRAY)) {
        if (!type_named(c, value, &kind))
            return false;
        return (p->kind & kind) || mismatch(c, p, "expected %s, got %s", kind_name(kind), kind_name(p->kind));
    }
    char wanted[120] = "";
    if (length(L, value) == 0)
        return broken(c, "type is empty");
    for (size_t i = 1; i <= length(L, value); i++) {
        lua_rawgeti(L, value, (int)i);
        bool known = type_named(c, lua_gettop(L), &kind);
        lua_settop(L, -2);
        if (!known)
            return false;
        if (p->kind & kind)
            return true;
        size_t used = strlen(wanted);
        snprintf(wanted + used, sizeof wanted - used, "%s%s", i > 1 ? " or " : "", kind_name(kind));
    }
    return mismatch(c, p, "expected %s, got %s", wanted, kind_name(p->kind));
}

static bool keyword_enum(struct checker *c, const struct place *p, int value) {
    lua_State *L = c->L;
    if (!(kind_of(L, value) & KIND_ARRAY))
        return broken(c, "enum is no array");
    for (size_t i = 1; i <= length(L, value); i++) {
        lua_rawgeti(L, value, (int)i);
        bool same = equal(c, p->data, lua_gettop(L));
        lua_settop(L, -2);
        if (same || c->broken)
            return same;
    }
    return mismatch(c, p, "none of the values allowed");
}

static bool keyword_const(struct checker *c, const struct place *p, int value) {
    return equal(c, p->data, value) || (!c->broken && mismatch(c, p, "not the value required"));
}

static bool keyword_properties(struct checker *c, const struct place *p, int value) {
    lua_State *L = c->L;
    int top = lua_gettop(L);
    if (!(kind_of(L, value) & KIND_OBJECT))
        return broken(c, "properties is no object");
    if (!(p->kind & KIND_OBJECT) || lua_type(L, value) != LUA_TTABLE || lua_type(L, p->data) != LUA_TTABLE)
        return true;
    for (lua_pushnil(L); lua_next(L, value); lua_settop(L, top + 1)) {
        lua_pushvalue(L, top + 1);
        lua_rawget(L, p->data);
        if (lua_isnil(L, -1) || lua_type(L, top + 1) != LUA_TSTRING)
            continue;
        struct step at = {.up = p->at};
        at.key = lua_tolstring(L, top + 1, &at.len);
        if (!check_below(c, top + 2, top + 3, &at))
            return false;
    }
    return true;
}

static bool keyword_required(struct checker *c, const struct place *p, int value) {
    lua_State *L = c->L;
    if (!(kind_of(L, value) & KIND_ARRAY))
        return broken(c, "required is no array");
    if (!(p->kind & KIND_OBJECT))
        return true;
    for (size_t i = 1; i <= length(L, value); i++, lua_settop(L, -3)) {
        lua_rawgeti(L, value, (int)i);
        if (lua_type(L, -1) != LUA_TSTRING)
            return broken(c, "required has an element that is no string");
        if (lua_type(L, p->data) == LUA_TTABLE) {
            lua_pushvalue(L, -1);
            lua_rawget(L, p->data);
        } else {
            lua_pushnil(L);
        }
        if (lua_isnil(L, -1))
            return mismatch(c, p, "missing property \"%.80s\"", lua_tostring(L, -2));
    }
    return true;
}

/* Pushes a keyword's value from the schema of `p`, or nil. */
static void push_keyword(struct checker *c, const struct place *p, const char *name) {
    lua_pushstring(c->L, name);
    lua_rawget(c->L, p->schema);
}

static bool keyword_additional_properties(struct checker *c, const struct place *p, int value) {
    lua_State *L = c->L;
    if (!(p->kind & KIND_OBJECT) || lua_type(L, p->data) != LUA_TTABLE)
        return true;
    push_keyword(c, p, "properties");
    int known = lua_gettop(L);
    bool any_known = lua_type(L, known) == LUA_TTABLE;
    for (lua_pushnil(L); lua_next(L, p->data); lua_settop(L, known + 1)) {
        if (lua_type(L, known + 1) != LUA_TSTRING)
            continue;
        if (any_known) {
            lua_pushvalue(L, known + 1);
            lua_rawget(L, known);
            if (!lua_isnil(L, -1))
                continue;
        }
        struct step at = {.up = p->at};
        at.key = lua_tolstring(L, known + 1, &at.len);
        if (lua_type(L, value) == LUA_TBOOLEAN && !lua_toboolean(L, value))
            return mismatch(c, p, "unexpected property \"%.80s\"", at.key);
        if (!check_below(c, value, known + 2, &at))
            return false;
    }
    return true;
}

static bool keyword_items(struct checker *c, const struct place *p, int value) {
    lua_State *L = c->L;
    int top = lua_gettop(L);
    if (!(p->kind & KIND_ARRAY))
        return true;
    bool tuple = kind_of(L, value) == KIND_ARRAY;
    size_t n = length(L, p->data);
    if (tuple && n > length(L, value))
        n = length(L, value);
    for (size_t i = 1; i <= n; i++, lua_settop(L, top)) {
        int schema = value;
        if (tuple) {
            lua_rawgeti(L, value, (int)i);
            schema = lua_gettop(L);
        }
        lua_rawgeti(L, p->data, (int)i);
        struct step at = {.up = p->at, .index = i};
        if (!check_below(c, schema, lua_gettop(L), &at))
            return false;
    }
    return true;
}

/* --- limits ------------------------------------------------------------------------------------------------------ */

/* Characters, not bytes. */
static size_t string_length(lua_State *L, int idx) {
    size_t len, n = 0;
    const char *s = lua_tolstring(L, idx, &len);
    for (size_t i = 0; i < len; i++)
        n += ((unsigned char)s[i] & 0xc0) != 0x80;
    return n;
}

static size_t property_count(lua_State *L, int idx) {
    size_t n = 0;
    if (lua_type(L, idx) != LUA_TTABLE)
        return 0;
    for (lua_pushnil(L); lua_next(L, idx); lua_settop(L, -2))
        n++;
    return n;
}

/* What a limit is on: the figure of a value, and how to speak of it. */
static double figure(lua_State *L, const struct place *p, unsigned kind) {
    switch (kind) {
    case KIND_NUMBER:
        return lua_tonumber(L, p->data);
    case KIND_STRING:
        return (double)string_length(L, p->data);
    case KIND_ARRAY:
        return (double)length(L, p->data);
    default:
        return (double)property_count(L, p->data);
    }
}

static const struct limit {
    const char *keyword;
    unsigned kind;
    int sign;    /* 1: at least, -1: at most */
    bool strict; /* the limit itself is excluded */
    const char *unit;
} limits[] = {
    {"minimum", KIND_NUMBER, 1, false, ""},
    {"maximum", KIND_NUMBER, -1, false, ""},
    {"exclusiveMinimum", KIND_NUMBER, 1, true, ""},
    {"exclusiveMaximum", KIND_NUMBER, -1, true, ""},
    {"minLength", KIND_STRING, 1, false, " characters"},
    {"maxLength", KIND_STRING, -1, false, " characters"},
    {"minItems", KIND_ARRAY, 1, false, " items"},
    {"maxItems", KIND_ARRAY, -1, false, " items"},
    {"minProperties", KIND_OBJECT, 1, false, " properties"},
    {"maxProperties", KIND_OBJECT, -1, false, " properties"},
};

static bool check_limit(struct checker *c, const struct place *p, const struct limit *l, int value) {
    lua_State *L = c->L;
    int top = lua_gettop(L);
    bool strict = l->strict;
    if (strict && lua_type(L, value) == LUA_TBOOLEAN) {
        /* Draft 4: a flag that goes with "minimum" or "maximum". */
        if (!lua_toboolean(L, value))
            return true;
        push_keyword(c, p, l->sign > 0 ? "minimum" : "maximum");
        value = top + 1;
    }
    if (lua_type(L, value) != LUA_TNUMBER)
        return broken(c, "%s is no number", l->keyword);
    double limit = lua_tonumber(L, value);
    lua_settop(L, top);
    if (!(p->kind & l->kind))
        return true;
    double n = figure(L, p, l->kind);
    if (strict ? n * l->sign > limit * l->sign : n * l->sign >= limit * l->sign)
        return true;
    const char *relation =
        l->sign > 0 ? (strict ? "more than" : "at least") : (strict ? "less than" : "at most");
    return mismatch(c, p, "%.17g%s, expected %s %.17g", n, l->unit, relation, limit);
}

/* --- strings ----------------------------------------------------------------------------------------------------- */

static bool keyword_pattern(struct checker *c, const struct place *p, int value) {
    size_t pattern_len, len;
    char why[200] = "";
    if (lua_type(c->L, value) != LUA_TSTRING)
        return broken(c, "pattern is no string");
    const char *pattern = lua_tolstring(c->L, value, &pattern_len);
    const char *text = p->kind & KIND_STRING ? lua_tolstring(c->L, p->data, &len) : (len = 0, "");
    switch (regex_search(pattern, pattern_len, text, len, why, sizeof why)) {
    case REGEX_MATCH:
        return true;
    case REGEX_BAD_PATTERN:
        return broken(c, "pattern \"%.80s\": %s", pattern, why);
    case REGEX_TOO_HARD:
        return mismatch(c, p, "takes too long to match pattern \"%.80s\"", pattern);
    case REGEX_BAD_TEXT:
        return mismatch(c, p, "not UTF-8");
    default:
        return !(p->kind & KIND_STRING) || mismatch(c, p, "does not match pattern \"%.80s\"", pattern);
    }
}

static bool keyword_format(struct checker *c, const struct place *p, int value) {
    size_t format_len, len;
    if (lua_type(c->L, value) != LUA_TSTRING)
        return broken(c, "format is no string");
    const char *format = lua_tolstring(c->L, value, &format_len);
    if (!(p->kind & KIND_STRING))
        return true;
    const char *text = lua_tolstring(c->L, p->data, &len);
    return jsonformat_check(format, format_len, text, len) || mismatch(c, p, "no valid %.40s", format);
}

/* --- schemas of schemas ------------------------------------------------------------------------------------------ */

/* Counts how many of an array of schemas fit, up to `enough`; -1 when the schema is broken. */
static long count_fits(struct checker *c, const struct place *p, const char *keyword, int value,
                       long enough) {
    lua_State *L = c->L;
    long fits = 0;
    if (!(kind_of(L, value) & KIND_ARRAY) || length(L, value) == 0)
        return broken(c, "%s is no array of schemas", keyword), -1;
    for (size_t i = 1; i <= length(L, value) && fits < enough; i++, lua_settop(L, -2)) {
        lua_rawgeti(L, value, (int)i);
        struct place same = {lua_gettop(L), p->data, p->kind, p->at};
        int top = lua_gettop(L);
        fits += check(c, &same);
        lua_settop(L, top);
        if (c->broken)
            return -1;
    }
    return fits;
}

static bool keyword_all_of(struct checker *c, const struct place *p, int value) {
    lua_State *L = c->L;
    if (!(kind_of(L, value) & KIND_ARRAY) || length(L, value) == 0)
        return broken(c, "allOf is no array of schemas");
    for (size_t i = 1; i <= length(L, value); i++, lua_settop(L, -2)) {
        lua_rawgeti(L, value, (int)i);
        struct place same = {lua_gettop(L), p->data, p->kind, p->at};
        if (!check(c, &same))
            return false;
    }
    return true;
}

static bool keyword_any_of(struct checker *c, const struct place *p, int value) {
    long fits = count_fits(c, p, "anyOf", value, 1);
    return fits > 0 || (fits == 0 && mismatch(c, p, "fits no schema of anyOf"));
}

static bool keyword_one_of(struct checker *c, const struct place *p, int value) {
    long fits = count_fits(c, p, "oneOf", value, 2);
    if (fits == 1 || fits < 0)
        return fits == 1;
    return mismatch(c, p, fits ? "fits more than one schema of oneOf" : "fits no schema of oneOf");
}

static bool keyword_not(struct checker *c, const struct place *p, int value) {
    struct place same = {value, p->data, p->kind, p->at};
    bool fits = check(c, &same);
    return !c->broken && (!fits || mismatch(c, p, "fits the schema of not"));
}

/* Pushes what one segment of a reference means in the table on top, instead of it; ~0 and ~1 stand for ~ and /. */
static bool follow(struct checker *c, const char *segment, size_t len) {
    lua_State *L = c->L;
    char key[256];
    size_t n = 0;
    if (len > sizeof key || lua_type(L, -1) != LUA_TTABLE)
        return false;
    for (size_t i = 0; i < len; i++) {
        bool escaped = segment[i] == '~' && i + 1 < len && (segment[i + 1] == '0' || segment[i + 1] == '1');
        key[n++] = !escaped ? segment[i] : segment[i + 1] == '0' ? '~' : '/';
        i += escaped;
    }
    double index = 0;
    bool number = n > 0 && n < 10;
    for (size_t i = 0; i < n && number; i++) {
        number = key[i] >= '0' && key[i] <= '9';
        index = index * 10 + (key[i] - '0');
    }
    if (number && lua_objlen(L, -1) > 0)
        lua_rawgeti(L, -1, (int)index + 1);
    else {
        lua_pushlstring(L, key, n);
        lua_rawget(L, -2);
    }
    lua_remove(L, -2);
    return !lua_isnil(L, -1);
}

static bool keyword_ref(struct checker *c, const struct place *p, int value) {
    lua_State *L = c->L;
    size_t len;
    const char *ref = lua_type(L, value) == LUA_TSTRING ? lua_tolstring(L, value, &len) : "";
    if (ref[0] != '#' || (ref[1] != '\0' && ref[1] != '/'))
        return broken(c, "$ref \"%.80s\": only references within the schema (\"#/...\") are known", ref);
    lua_pushvalue(L, c->root);
    for (const char *s = ref + 1; *s == '/';) {
        size_t n = strcspn(++s, "/");
        if (!follow(c, s, n))
            return broken(c, "$ref \"%.80s\": not found", ref);
        s += n;
    }
    struct place same = {lua_gettop(L), p->data, p->kind, p->at};
    return check(c, &same);
}

/* --- a schema ---------------------------------------------------------------------------------------------------- */

/* In the order in which they are checked; the first mismatch is the one reported. */
static const struct keyword {
    const char *name;
    bool (*check)(struct checker *c, const struct place *p, int value);
} keywords[] = {
    {"$ref", keyword_ref},
    {"type", keyword_type},
    {"const", keyword_const},
    {"enum", keyword_enum},
    {"required", keyword_required},
    {"properties", keyword_properties},
    {"additionalProperties", keyword_additional_properties},
    {"items", keyword_items},
    {"pattern", keyword_pattern},
    {"format", keyword_format},
    {"allOf", keyword_all_of},
    {"anyOf", keyword_any_of},
    {"oneOf", keyword_one_of},
    {"not", keyword_not},
};

static bool check_keywords(struct checker *c, const struct place *p) {
    lua_State *L = c->L;
    int top = lua_gettop(L);
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++) {
        push_keyword(c, p, keywords[i].name);
        bool ok = lua_isnil(L, -1) || keywords[i].check(c, p, top + 1);
        lua_settop(L, top);
        if (!ok)
            return false;
    }
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        push_keyword(c, p, limits[i].keyword);
        bool ok = lua_isnil(L, -1) || check_limit(c, p, &limits[i], top + 1);
        lua_settop(L, top);
        if (!ok)
            return false;
    }
    return true;
}

static bool check(struct checker *c, const struct place *p) {
    lua_State *L = c->L;
    if (!step(c))
        return false;
    if (p->kind == 0)
        return mismatch(c, p, "a %s is no JSON value", luaL_typename(L, p->data));
    if (lua_type(L, p->schema) == LUA_TBOOLEAN)
        return lua_toboolean(L, p->schema) || mismatch(c, p, "nothing is allowed here");
    if (!(kind_of(L, p->schema) & KIND_OBJECT))
        return broken(c, "%s where a schema is expected", kind_name(kind_of(L, p->schema)));
    if (lua_type(L, p->schema) != LUA_TTABLE)
        return true; /* {} */
    if (!deeper(c))
        return false;
    bool ok = check_keywords(c, p);
    c->depth--;
    return ok;
}

bool jsonschema_check(lua_State *L, int schema, int data, char *why, size_t cap) {
    struct checker c = {.L = L, .root = schema, .steps = JSONSCHEMA_STEPS, .why = why, .cap = cap};
    struct place whole = {schema, data, kind_of(L, data), NULL};
    int top = lua_gettop(L);
    bool ok = check(&c, &whole);
    lua_settop(L, top);
    return ok;
}
