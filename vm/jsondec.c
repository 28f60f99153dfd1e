#include "vm/jsondec.h"

#include <lauxlib.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vm/textbuf.h"
#include "vm/utf8.h"

const char jsondec_null, jsondec_empty_array, jsondec_empty_object;

/*
 * The first members of a container wait on the Lua stack, so that the table of a small one, which most are, is made in the
 * right size; a larger one is filled member by member from then on.
 */
enum { PENDING_MAX = 16 };

/* Beyond so many slots nothing waits any more: Lua's stack is limited too. */
enum { PENDING_SLOTS = 2000 };

/* One array or object on the way down. */
struct frame {
    int base;  /* top of the Lua stack when it began: its table, or its first waiting member, is above */
    int count; /* members so far */
    bool object;
    bool table; /* whether there is a table, or are waiting members only */
};

struct decoder {
    lua_State *L;
    const char *begin, *at, *end;
    bool exact;
    int bottom; /* of the Lua stack */
    int depth;
    const char *fault; /* after a step that returned false; `at` is where */
    struct frame frames[JSONDEC_DEPTH];
};

static bool fail(struct decoder *d, const char *fault) {
    d->fault = d->at < d->end ? fault : "unexpected end of text";
    return false;
}

static void skip_space(struct decoder *d) {
    /* Ends at the 0 behind the text at the latest. */
    while (*d->at == ' ' || *d->at == '\n' || *d->at == '\t' || *d->at == '\r')
        d->at++;
}

/* --- strings ---------------------------------------------------------------------------------------------------- */

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Reads the four digits after "\u", at `at`. */
static bool take_hex(struct decoder *d, unsigned *unit) {
    *unit = 0;
    for (int i = 0; i < 4; i++, d->at++) {
        int digit = hex_digit(*d->at);
        if (digit < 0)
            return fail(d, "invalid escape in a string");
        *unit = *unit << 4 | (unsigned)digit;
    }
    return true;
}

static void put_utf8(struct textbuf *b, unsigned c) {
    char *at = textbuf_room(b, 4);
    if (c < 0x80) {
        at[0] = (char)c;
        b->len += 1;
    } else if (c < 0x800) {
        at[0] = (char)(0xc0 | c >> 6);
        at[1] = (char)(0x80 | (c & 0x3f));
        b->len += 2;
    } else if (c < 0x10000) {
        at[0] = (char)(0xe0 | c >> 12);
        at[1] = (char)(0x80 | (c >> 6 & 0x3f));
        at[2] = (char)(0x80 | (c & 0x3f));
        b->len += 3;
    } else {
        at[0] = (char)(0xf0 | c >> 18);
        at[1] = (char)(0x80 | (c >> 12 & 0x3f));
        at[2] = (char)(0x80 | (c >> 6 & 0x3f));
        at[3] = (char)(0x80 | (c & 0x3f));
        b->len += 4;
    }
}

/* One escape, `at` behind its backslash. */
static bool take_escape(struct decoder *d, struct textbuf *b) {
    static const char plain[] = "\"\"\\\\//b\bf\fn\nr\rt\t"; /* pairs: letter, meaning */
    unsigned unit, low;
    char c = *d->at;
    for (const char *p = plain; *p; p += 2) {
        if (*p == c) {
            textbuf_char(b, p[1]);
            d->at++;
            return true;
        }
    }
    if (c != 'u')
        return fail(d, "invalid escape in a string");
    d->at++;
    if (!take_hex(d, &unit))
        return false;
    if (unit >= 0xdc00 && unit < 0xe000)
        return fail(d, "unpaired surrogate in a string");
    if (unit >= 0xd800 && unit < 0xdc00) {
        if (d->at[0] != '\\' || d->at[1] != 'u')
            return fail(d, "unpaired surrogate in a string");
        d->at += 2;
        if (!take_hex(d, &low))
            return false;
        if (low < 0xdc00 || low >= 0xe000)
            return fail(d, "unpaired surrogate in a string");
        unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
    }
    put_utf8(b, unit);
    return true;
}

/* Moves `at` to the next quote or backslash; what is passed over is valid. */
static bool skip_plain(struct decoder *d) {
    for (;;) {
        unsigned char c = (unsigned char)*d->at;
        if (c == '"' || c == '\\')
            return true;
        if (c < 0x20)
            return fail(d, "control character in a string");
        size_t n = c < 0x80 ? 1 : utf8_char_len(d->at, (size_t)(d->end - d->at));
        if (n == 0)
            return fail(d, "invalid UTF-8 in a string");
        d->at += n;
    }
}

/* The rest of a string with escapes, of which `at` is the first, `begin` where the string began. Pushes it. */
static bool take_escaped_string(struct decoder *d, const char *begin) {
    struct textbuf b;
    textbuf_open(&b, d->L);
    textbuf_put(&b, begin, (size_t)(d->at - begin));
    while (*d->at == '\\') {
        d->at++;
        if (!take_escape(d, &b))
            return false;
        begin = d->at;
        if (!skip_plain(d))
            return false;
        textbuf_put(&b, begin, (size_t)(d->at - begin));
    }
    d->at++;
    textbuf_push(&b);
    lua_replace(d->L, b.slot);
    return true;
}

/* A string, `at` behind its first quote. Pushes it. */
static bool take_string(struct decoder *d) {
    const char *begin = d->at;
    if (!skip_plain(d))
        return false;
    if (*d->at == '\\')
        return take_escaped_string(d, begin);
    lua_pushlstring(d->L, begin, (size_t)(d->at - begin));
    d->at++;
    return true;
}

/* --- numbers ---------------------------------------------------------------------------------------------------- */

static locale_t c_locale;

static void make_c_locale(void) {
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

/* strtod, but with a point wherever the program runs. */
static double parse_double(const char *text) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_c_locale);
    return c_locale ? strtod_l(text, NULL, c_locale) : strtod(text, NULL);
}

static const char *skip_digits(const char *s) {
    while (*s >= '0' && *s <= '9')
        s++;
    return s;
}

static bool take_number(struct decoder *d) {
    const char *begin = d->at;
    bool negative = *d->at == '-';
    d->at += negative;
    const char *digits = d->at;
    d->at = skip_digits(digits);
    if (d->at == digits || (*digits == '0' && d->at > digits + 1))
        return d->at = digits, fail(d, "invalid number");
    size_t whole = (size_t)(d->at - digits), decimals = 0;
    bool simple = true;
    if (*d->at == '.') {
        const char *point = d->at++;
        d->at = skip_digits(d->at);
        decimals = (size_t)(d->at - point) - 1;
        if (decimals == 0)
            return fail(d, "invalid number");
    }
    if ((*d->at | 0x20) == 'e') {
        d->at++;
        if (*d->at == '+' || *d->at == '-')
            d->at++;
        const char *exponent = d->at;
        d->at = skip_digits(d->at);
        if (d->at == exponent)
            return fail(d, "invalid number");
        simple = false;
    }
    double n;
    if (simple && whole + decimals <= 15) {
        /* All digits as one number, and the power of ten, are exact; so their quotient is the nearest double. */
        static const double powers[] = {1,   1e1, 1e2,  1e3,  1e4,  1e5,  1e6, 1e7,
                                        1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14};
        int64_t all = 0;
        for (const char *s = digits; s < d->at; s++)
            if (*s != '.')
                all = all * 10 + (*s - '0');
        n = (double)all / powers[decimals];
        n = negative ? -n : n;
    } else {
        n = parse_double(begin);
        if (!isfinite(n))
            return d->at = begin, fail(d, "number out of range");
    }
    lua_pushnumber(d->L, n);
    return true;
}

/* --- containers ------------------------------------------------------------------------------------------------- */

static void push_marker(struct decoder *d, const char *marker) {
    lua_pushlightuserdata(d->L, (void *)marker);
}

/* Makes the table of a frame out of its waiting members; `room` is how many members to expect. */
static void make_table(lua_State *L, struct frame *f, int room) {
    int table = f->base + 1;
    lua_createtable(L, f->object ? 0 : room, f->object ? room : 0);
    lua_insert(L, table);
    if (f->object) {
        for (int i = 0; i < f->count; i++) {
            lua_pushvalue(L, table + 1 + 2 * i);
            lua_pushvalue(L, table + 2 + 2 * i);
            lua_rawset(L, table);
        }
        lua_settop(L, table);
    } else {
        for (int i = f->count; i > 0; i--)
            lua_rawseti(L, table, i);
    }
    f->table = true;
}

/* A member is complete: its value, in an object with its key below, is on top of the Lua stack. */
static void add_member(struct decoder *d, struct frame *f) {
    lua_State *L = d->L;
    f->count++;
    if (f->table) {
        if (f->object)
            lua_rawset(L, f->base + 1);
        else
            lua_rawseti(L, f->base + 1, f->count);
    } else if (f->count == PENDING_MAX || f->base - d->bottom > PENDING_SLOTS) {
        make_table(L, f, 2 * f->count);
    }
}

static bool take_key(struct decoder *d) {
    skip_space(d);
    if (*d->at != '"')
        return fail(d, "expected a string as key");
    d->at++;
    if (!take_string(d))
        return false;
    skip_space(d);
    if (*d->at != ':')
        return fail(d, "expected ':'");
    d->at++;
    return true;
}

/* An array or object begins; `at` is behind its bracket. *open: whether it has members, of which the first one's key is read. */
static bool begin_container(struct decoder *d, bool object, bool *open) {
    skip_space(d);
    *open = *d->at != (object ? '}' : ']');
    if (!*open) {
        d->at++;
        if (d->exact)
            push_marker(d, object ? &jsondec_empty_object : &jsondec_empty_array);
        else
            lua_createtable(d->L, 0, 0);
        return true;
    }
    if (d->depth == JSONDEC_DEPTH)
        return fail(d, "more than 1000 levels");
    luaL_checkstack(d->L, 2 * PENDING_MAX + LUA_MINSTACK, "decoding");
    d->frames[d->depth++] = (struct frame){.base = lua_gettop(d->L), .object = object};
    return !object || take_key(d);
}

static bool take_word(struct decoder *d, const char *word, size_t len) {
    if (memcmp(d->at, word, len) != 0)
        return fail(d, "expected a value");
    d->at += len;
    return true;
}

/* Whether the text has `n` more bytes; the terminating 0 makes looking at one always safe. */
static bool has(const struct decoder *d, size_t n) {
    return (size_t)(d->end - d->at) >= n;
}

/* Pushes a value, or opens a container that has members. */
static bool take_value(struct decoder *d, bool *open) {
    *open = false;
    skip_space(d);
    switch (*d->at) {
    case '"':
        d->at++;
        return take_string(d);
    case '[':
        d->at++;
        return begin_container(d, false, open);
    case '{':
        d->at++;
        return begin_container(d, true, open);
    case 't':
        lua_pushboolean(d->L, true);
        return has(d, 4) ? take_word(d, "true", 4) : fail(d, "expected a value");
    case 'f':
        lua_pushboolean(d->L, false);
        return has(d, 5) ? take_word(d, "false", 5) : fail(d, "expected a value");
    case 'n':
        if (d->exact)
            push_marker(d, &jsondec_null);
        else
            lua_pushnil(d->L);
        return has(d, 4) ? take_word(d, "null", 4) : fail(d, "expected a value");
    case '-':
    case '0' ... '9':
        return take_number(d);
    default:
        return fail(d, "expected a value");
    }
}

/* After a member: on to the next one (*more), or the end of the container, whose table is then on top of the stack. */
static bool take_separator(struct decoder *d, struct frame *f, bool *more) {
    skip_space(d);
    *more = *d->at == ',';
    if (*more) {
        d->at++;
        return !f->object || take_key(d);
    }
    if (*d->at != (f->object ? '}' : ']'))
        return fail(d, f->object ? "expected ',' or '}'" : "expected ',' or ']'");
    d->at++;
    if (!f->table)
        make_table(d->L, f, f->count);
    d->depth--;
    return true;
}

static bool take_text(struct decoder *d) {
    bool open;
    do {
        if (!take_value(d, &open))
            return false;
        /* A complete value may complete the container around it, and so on. */
        for (bool more = false; !open && d->depth > 0 && !more;) {
            struct frame *f = &d->frames[d->depth - 1];
            add_member(d, f);
            if (!take_separator(d, f, &more))
                return false;
            open = more;
        }
    } while (open);
    skip_space(d);
    return d->at == d->end || fail(d, "text after the value");
}

static void locate(const struct decoder *d, struct jsondec_fault *fault) {
    fault->what = d->fault;
    fault->line = 1;
    fault->column = 1;
    for (const char *s = d->begin; s < d->at; s++) {
        if (*s == '\n') {
            fault->line++;
            fault->column = 1;
        } else if (((unsigned char)*s & 0xc0) != 0x80) {
            fault->column++;
        }
    }
}

bool jsondec_value(lua_State *L, const char *text, size_t len, unsigned flags, struct jsondec_fault *fault) {
    struct decoder d;
    d.L = L;
    d.begin = d.at = text;
    d.end = text + len;
    d.exact = flags & JSONDEC_EXACT;
    d.bottom = lua_gettop(L);
    d.depth = 0;
    luaL_checkstack(L, LUA_MINSTACK, "decoding");
    if (take_text(&d))
        return true;
    locate(&d, fault);
    lua_settop(L, d.bottom);
    return false;
}
