#include "vm/jsonenc.h"

#include <lauxlib.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dur.h"
#include "vm/errobj.h"
#include "vm/jsonpath.h"
#include "vm/timelayout.h"
#include "vm/timeobj.h"
#include "vm/utf8.h"

/* One table on the way down. */
struct frame {
    const void *table;
    int key_slot; /* of the Lua stack, of the string key at hand; 0 in an array */
    int index;    /* of the element at hand */
};

struct encoder {
    lua_State *L;
    struct textbuf *b;
    int depth;
    const char *fault; /* what is wrong, after a step that returned false */
    struct frame frames[JSONENC_DEPTH];
};

/* Slots of the Lua stack that one level may use at a time. */
enum { LEVEL_SLOTS = 6 };

static bool fail(struct encoder *e, const char *fault) {
    e->fault = fault;
    return false;
}

/* --- numbers ---------------------------------------------------------------------------------------------------- */

static size_t put_digits(uint64_t n, size_t min, char *text) {
    char digits[24];
    size_t at = sizeof digits;
    for (; n || sizeof digits - at < min; n /= 10)
        digits[--at] = (char)('0' + n % 10);
    memcpy(text, digits + at, sizeof digits - at);
    return sizeof digits - at;
}

/*
 * Numbers with few decimals, which most are. With n * 10^k a whole number below 2^53, and 10^k exact as well, their quotient is the
 * double nearest to the decimal number: if it is n again, so is what will be read back.
 */
static size_t put_decimal(double n, char *text) {
    static const double powers[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
    char *at = text;
    double abs = fabs(n);
    if (abs >= 0x1p53 || (abs < 1e-5 && abs > 0))
        return 0;
    for (size_t k = 0; k < sizeof powers / sizeof *powers; k++) {
        double scaled = abs * powers[k];
        if (scaled >= 0x1p53)
            return 0;
        uint64_t whole = (uint64_t)scaled;
        if ((double)whole != scaled || (double)whole / powers[k] != abs)
            continue;
        if (signbit(n))
            *at++ = '-';
        uint64_t power = (uint64_t)powers[k];
        at += put_digits(whole / power, 1, at);
        if (k > 0) {
            *at++ = '.';
            at += put_digits(whole % power, k, at);
        }
        return (size_t)(at - text);
    }
    return 0;
}

size_t jsonenc_number(double n, char *text) {
    if (!isfinite(n)) {
        memcpy(text, "null", 4);
        return 4;
    }
    size_t len = put_decimal(n, text);
    /* 17 digits always read back. */
    for (int digits = 15; len == 0; digits++) {
        int written = snprintf(text, JSONENC_NUMBER_MAX, "%.*g", digits, n);
        if (digits == 17 || strtod(text, NULL) == n)
            len = (size_t)written;
    }
    /* A locale may have another decimal point. */
    for (size_t i = 0; i < len; i++)
        if (!strchr("0123456789+-eE", text[i]))
            text[i] = '.';
    return len;
}

/* --- strings ---------------------------------------------------------------------------------------------------- */

/* How many bytes from `s` on need no look at all: printable ASCII but quote and backslash. */
static size_t plain_run(const char *s, size_t len) {
    size_t i = 0;
    for (; i + 8 <= len; i += 8) {
        const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
        uint64_t w;
        memcpy(&w, s + i, 8);
        uint64_t quote = w ^ ones * '"', backslash = w ^ ones * '\\';
        /* The high bit of a byte is set where it is below 0x20, '"', '\\', or not ASCII; borrows only add false alarms. */
        uint64_t stop = (w - ones * 0x20) | (quote - ones) | (backslash - ones) | w;
        if (stop & high)
            break;
    }
    for (; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\')
            break;
    }
    return i;
}

static void put_escape(struct textbuf *b, unsigned char c) {
    static const char letters[] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r', ['"'] = '"', ['\\'] = '\\'};
    static const char hex[] = "0123456789abcdef";
    char *at = textbuf_room(b, 6);
    at[0] = '\\';
    if (letters[c]) {
        at[1] = letters[c];
        b->len += 2;
        return;
    }
    memcpy(at + 1, "u00", 3);
    at[4] = hex[c >> 4];
    at[5] = hex[c & 15];
    b->len += 6;
}

static bool put_string(struct encoder *e, const char *s, size_t len) {
    struct textbuf *b = e->b;
    textbuf_char(b, '"');
    for (;;) {
        size_t run = plain_run(s, len);
        textbuf_put(b, s, run);
        s += run;
        len -= run;
        if (len == 0)
            break;
        size_t n = utf8_char_len(s, len);
        if (n == 0)
            return fail(e, "a string that is not UTF-8 cannot be encoded");
        if (n == 1)
            put_escape(b, (unsigned char)*s);
        else
            textbuf_put(b, s, n);
        s += n;
        len -= n;
    }
    textbuf_char(b, '"');
    return true;
}

/* --- values ----------------------------------------------------------------------------------------------------- */

static bool put_value(struct encoder *e, int idx);

static bool put_object(struct encoder *e, int table, int key) {
    lua_State *L = e->L;
    struct frame *f = &e->frames[e->depth - 1];
    f->key_slot = key;
    textbuf_char(e->b, '{');
    do {
        size_t len;
        if (lua_type(L, key) != LUA_TSTRING)
            return fail(e, "a table with both string keys and others cannot be encoded");
        const char *name = lua_tolstring(L, key, &len);
        if (!put_string(e, name, len))
            return false;
        textbuf_char(e->b, ':');
        if (!put_value(e, key + 1))
            return false;
        textbuf_char(e->b, ',');
        lua_settop(L, key);
    } while (lua_next(L, table));
    e->b->data[e->b->len - 1] = '}';
    return true;
}

/* Whether the keys are 1..n for some n, in whatever order; n in *count. What is wrong is said. */
static bool check_sequence(struct encoder *e, int table, int *count) {
    lua_State *L = e->L;
    double max = 0;
    *count = 0;
    for (lua_pushnil(L); lua_next(L, table); lua_settop(L, -2)) {
        double key = lua_tonumber(L, -2);
        if (lua_type(L, -2) != LUA_TNUMBER)
            return fail(e, "a table with both string keys and others cannot be encoded");
        if (key != floor(key) || key < 1)
            return fail(e, "a table with a number as key that is no index cannot be encoded");
        if (key > max)
            max = key;
        ++*count;
    }
    return max == *count || fail(e, "an array with holes cannot be encoded");
}

/*
 * Elements usually come from lua_next in order. From the first that does not, the rest is fetched by index, after a look at all
 * keys; nothing is encoded twice.
 */
static bool put_array(struct encoder *e, int table, int key) {
    lua_State *L = e->L;
    struct frame *f = &e->frames[e->depth - 1];
    bool more = true;
    textbuf_char(e->b, '[');
    for (f->index = 1; more && lua_type(L, key) == LUA_TNUMBER && lua_tonumber(L, key) == f->index;
         f->index++) {
        if (!put_value(e, key + 1))
            return false;
        textbuf_char(e->b, ',');
        lua_settop(L, key);
        more = lua_next(L, table);
    }
    if (more) {
        int count, next = f->index;
        f->index = 0; /* what is wrong is wrong with the table */
        lua_settop(L, key - 1);
        if (!check_sequence(e, table, &count))
            return false;
        for (f->index = next; f->index <= count; f->index++) {
            lua_rawgeti(L, table, f->index);
            if (!put_value(e, lua_gettop(L)))
                return false;
            textbuf_char(e->b, ',');
            lua_settop(L, key - 1);
        }
    }
    e->b->data[e->b->len - 1] = ']';
    return true;
}

static bool put_table(struct encoder *e, int idx) {
    lua_State *L = e->L;
    const void *table = lua_topointer(L, idx);
    for (int i = 0; i < e->depth; i++)
        if (e->frames[i].table == table)
            return fail(e, "a table that contains itself cannot be encoded");
    if (e->depth == JSONENC_DEPTH)
        return fail(e, "more than 128 levels cannot be encoded");
    luaL_checkstack(L, LEVEL_SLOTS, "encoding");
    e->frames[e->depth++] = (struct frame){.table = table};
    int top = lua_gettop(L);
    lua_pushnil(L);
    bool ok;
    if (!lua_next(L, idx)) {
        textbuf_put(e->b, "[]", 2);
        ok = true;
    } else {
        int type = lua_type(L, top + 1);
        if (type == LUA_TSTRING)
            ok = put_object(e, idx, top + 1);
        else if (type == LUA_TNUMBER)
            ok = put_array(e, idx, top + 1);
        else
            ok = fail(e, "a table with keys other than strings and indexes cannot be encoded");
    }
    /* After a failure frames and keys stay, for the path. */
    if (ok) {
        lua_settop(L, top);
        e->depth--;
    }
    return ok;
}

static bool put_time(struct encoder *e, const struct vtime *t) {
    char text[INSTANT_TEXT_MAX];
    size_t n = instant_format(t->at, &t->zone, TIMELAYOUT_RFC3339NANO, sizeof TIMELAYOUT_RFC3339NANO - 1,
                              text, sizeof text);
    return put_string(e, text, n);
}

static bool put_userdata(struct encoder *e, int idx) {
    const struct vtime *t = vtype_test(e->L, idx, VTYPE_TIME);
    if (t)
        return put_time(e, t);
    const struct vdur *d = vtype_test(e->L, idx, VTYPE_DURATION);
    if (d) {
        char text[DUR_TEXT_MAX];
        return put_string(e, text, dur_format(d->ns, text, sizeof text));
    }
    const struct failure *f = errobj_failure(e->L, idx);
    if (f)
        return put_string(e, f->message, f->message_len);
    return fail(e, lua_pushfstring(e->L, "a %s cannot be encoded", vtype_word(e->L, idx)));
}

static bool put_value(struct encoder *e, int idx) {
    size_t len;
    const char *s;
    switch (lua_type(e->L, idx)) {
    case LUA_TNIL:
        textbuf_put(e->b, "null", 4);
        return true;
    case LUA_TBOOLEAN:
        if (lua_toboolean(e->L, idx))
            textbuf_put(e->b, "true", 4);
        else
            textbuf_put(e->b, "false", 5);
        return true;
    case LUA_TNUMBER:
        e->b->len += jsonenc_number(lua_tonumber(e->L, idx), textbuf_room(e->b, JSONENC_NUMBER_MAX));
        return true;
    case LUA_TSTRING:
        s = lua_tolstring(e->L, idx, &len);
        return put_string(e, s, len);
    case LUA_TTABLE:
        return put_table(e, idx);
    case LUA_TUSERDATA:
        return put_userdata(e, idx);
    case LUA_TFUNCTION:
        return fail(e, "a function cannot be encoded");
    case LUA_TTHREAD:
        return fail(e, "a coroutine cannot be encoded");
    default:
        return fail(e, "a value of this kind cannot be encoded");
    }
}

static void explain(const struct encoder *e, const char *root, char *why, size_t cap) {
    char text[400];
    struct jsonpath path;
    jsonpath_start(&path, text, sizeof text, root);
    for (int i = 0; i < e->depth; i++) {
        const struct frame *f = &e->frames[i];
        size_t len;
        if (f->key_slot) {
            /* A key that is no string is what is wrong with its table. */
            if (lua_type(e->L, f->key_slot) == LUA_TSTRING) {
                const char *key = lua_tolstring(e->L, f->key_slot, &len);
                jsonpath_key(&path, key, len);
            }
        } else if (f->index) {
            jsonpath_index(&path, (size_t)f->index);
        }
    }
    snprintf(why, cap, "%s: %s", text, e->fault);
}

bool jsonenc_value(lua_State *L, int idx, const char *root, struct textbuf *b, char *why, size_t cap) {
    struct encoder e;
    size_t len = b->len;
    int top = lua_gettop(L);
    e.L = L;
    e.b = b;
    e.depth = 0;
    if (idx < 0 && idx > LUA_REGISTRYINDEX)
        idx += top + 1;
    bool ok = put_value(&e, idx);
    if (!ok) {
        explain(&e, root, why, cap);
        b->len = len;
    }
    lua_settop(L, top);
    return ok;
}
