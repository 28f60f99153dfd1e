/*
 * vm/strmatch against LuaJIT's own matcher, which it stands in for: random patterns on random subjects, right and malformed ones,
 * with pauses at random steps, after which the machine may have moved. LuaJIT's string.find, straight from its library, is the oracle.
 */
#include <criterion/criterion.h>
#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

#include "vm/strmatch.h"

#define CASES 60000
#define SUBJECT_MAX 14
#define PATTERN_MAX 96

static uint64_t rng;

static unsigned below(unsigned n) {
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return (unsigned)((rng >> 32) % n);
}

/* Some stand more than once: so likely they are. */
static const char *const items[] = {
    "a",    "b",     "a",     "b",    "x",   ".",      ".",         "%a",   "%d",     "%s",   "%S",   "%w",
    "%x",   "%p",    "%u",    "%l",   "%c",  "%z",     "%Z",        "%%",   "%.",     "[ab",  "[^ab", "[a]",
    "[^a]", "[a-c]", "[%a1]", "[]a]", "[^",  "[]",     "[a-",       "[%d-", "[%a-z]", "(",    ")",    "(",
    ")",    "()",    "%1",    "%2",   "%3",  "%0",     "$",         "^",    "%b",     "%b()", "%bab", "%f",
    "-",    "%f[",   "]",     "%",    "%b(", "%f[%a]", "%f[^%w%z]", "a-b"};
static const char *const repeats[] = {"", "", "", "", "*", "+", "-", "?"};
static const char letters[] = "aaabbbxc1 ().%A";

static void add(char *pattern, const char *text) {
    if (strlen(pattern) + strlen(text) < PATTERN_MAX)
        strcat(pattern, text);
}

static void make_pattern(char *pattern) {
    pattern[0] = '\0';
    if (below(8) == 0)
        add(pattern, "^");
    for (unsigned n = 1 + below(below(20) ? 7 : 30); n > 0; n--) {
        add(pattern, items[below(sizeof items / sizeof items[0])]);
        add(pattern, repeats[below(sizeof repeats / sizeof repeats[0])]);
    }
    if (below(8) == 0)
        add(pattern, "$");
    /* Without any of these string.find does not match but looks for the text as it is. */
    if (!strpbrk(pattern, "^$*+?.([%-"))
        add(pattern, "?");
}

static size_t make_subject(char *subject) {
    size_t len = below(SUBJECT_MAX + 1);
    for (size_t i = 0; i < len; i++)
        subject[i] = below(20) ? letters[below(sizeof letters - 1)] : '\0';
    return len;
}

/* What came of a search, as text: "3-5 'ab' @2", "nothing", or the error. */
struct outcome {
    char text[1024];
    size_t len;
};

static void put(struct outcome *o, const char *data, size_t len) {
    cr_assert_lt(o->len + len, sizeof o->text);
    memcpy(o->text + o->len, data, len);
    o->len += len;
    o->text[o->len] = '\0';
}

static void put_number(struct outcome *o, const char *before, ptrdiff_t n) {
    char text[32];
    put(o, text, (size_t)snprintf(text, sizeof text, "%s%td", before, n));
}

static void put_string(struct outcome *o, const char *s, size_t len) {
    put(o, " '", 2);
    put(o, s, len);
    put(o, "'", 1);
}

static void put_text(struct outcome *o, const char *s) {
    put(o, s, strlen(s));
}

static struct outcome theirs(lua_State *L, const char *subject, size_t len, const char *pattern, size_t at) {
    struct outcome o = {.len = 0};
    lua_settop(L, 0);
    lua_getglobal(L, "string");
    lua_getfield(L, 1, "find");
    lua_pushlstring(L, subject, len);
    lua_pushstring(L, pattern);
    lua_pushinteger(L, (lua_Integer)at + 1);
    if (lua_pcall(L, 3, LUA_MULTRET, 0) != 0) {
        put_text(&o, lua_tostring(L, -1));
        return o;
    }
    if (lua_isnil(L, 2)) {
        put_text(&o, "nothing");
        return o;
    }
    put_number(&o, "", lua_tointeger(L, 2));
    put_number(&o, "-", lua_tointeger(L, 3));
    for (int i = 4; i <= lua_gettop(L); i++) {
        size_t n;
        if (lua_type(L, i) == LUA_TNUMBER) {
            put_number(&o, " @", lua_tointeger(L, i));
        } else {
            const char *s = lua_tolstring(L, i, &n);
            put_string(&o, s, n);
        }
    }
    return o;
}

static struct outcome describe(const struct strm *m, enum strm_result r) {
    struct outcome o = {.len = 0};
    if (r != STRM_FOUND) {
        put_text(&o, r == STRM_BAD ? m->error : "nothing");
        return o;
    }
    for (int i = 0; i < m->level; i++)
        if (m->capture[i].len == STRM_UNFINISHED) {
            put_text(&o, "unfinished capture");
            return o;
        }
    put_number(&o, "", m->start - m->src + 1);
    put_number(&o, "-", m->s - m->src);
    for (int i = 0; i < m->level; i++)
        if (m->capture[i].len == STRM_POSITION)
            put_number(&o, " @", m->capture[i].init - m->src + 1);
        else
            put_string(&o, m->capture[i].init, (size_t)m->capture[i].len);
    return o;
}

static struct outcome ours(const char *subject, size_t len, const char *pattern, size_t at, bool pauses,
                           unsigned *paused) {
    static struct strm_frame frames[PATTERN_MAX + 1];
    struct strm here[2], *m = &here[0];
    enum strm_result r;
    strm_begin(m, subject, len, pattern, at, strlen(pattern) > STRM_FRAMES ? frames : NULL);
    for (;;) {
        int64_t budget = pauses ? 1 + below(10) : 1 << 30;
        r = strm_run(m, false, &budget);
        if (r != STRM_MORE)
            return describe(m, r);
        ++*paused;
        if (below(4) == 0) {
            struct strm *other = m == &here[0] ? &here[1] : &here[0];
            *other = *m;
            strm_moved(other, m);
            memset(m, 0xa5, sizeof *m);
            m = other;
        }
    }
}

static bool same(const struct outcome *a, const struct outcome *b) {
    return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

Test(strmatch, finds_what_luajit_finds, .timeout = 120) {
    lua_State *L = luaL_newstate();
    unsigned found = 0, none = 0, bad = 0, mistakes = 0, paused = 0;
    luaL_openlibs(L);
    rng = 20260712;
    for (int i = 0; i < CASES; i++) {
        char subject[SUBJECT_MAX], pattern[PATTERN_MAX];
        size_t len = make_subject(subject);
        make_pattern(pattern);
        size_t at = below((unsigned)len + 1);
        struct outcome want = theirs(L, subject, len, pattern, at);
        struct outcome got = ours(subject, len, pattern, at, false, &paused);
        struct outcome bit_by_bit = ours(subject, len, pattern, at, true, &paused);
        cr_assert(same(&want, &got), "case %d: \"%s\" on \"%.*s\" from %zu: LuaJIT %s, we %s", i, pattern,
                  (int)len, subject, at, want.text, got.text);
        cr_assert(same(&want, &bit_by_bit),
                  "case %d, with pauses: \"%s\" on \"%.*s\" from %zu: LuaJIT %s, we %s", i, pattern, (int)len,
                  subject, at, want.text, bit_by_bit.text);
        const char *mistake = strm_mistake(pattern);
        if (strcmp(want.text, "nothing") == 0)
            none++;
        else if (want.text[0] >= '0' && want.text[0] <= '9')
            found++;
        else
            bad++;
        mistakes += mistake != NULL;
        cr_assert(mistake || strcmp(want.text, "nothing") == 0 ||
                      (want.text[0] >= '0' && want.text[0] <= '9'),
                  "case %d: \"%s\": LuaJIT %s, nothing is wrong for us", i, pattern, want.text);
    }
    /* None of the three outcomes is rare, or this test would show little. */
    cr_expect(found > CASES / 10 && none > CASES / 10 && bad > CASES / 10, "%u found, %u not, %u malformed",
              found, none, bad);
    cr_expect(mistakes >= bad && mistakes < CASES * 9 / 10, "%u patterns with mistakes", mistakes);
    cr_expect_gt(paused, CASES / 10);
    lua_close(L);
}
