/* The small parts of config/: words that are close, UTF-8, arenas, tables; and running out of memory anywhere. */
#include "tests/unit/cfgdir.h"

#include "base/alloc.h"
#include "config/arena.h"
#include "config/strmap.h"
#include "config/suggest.h"
#include "config/utf8.h"

TestSuite(parts);
CFG_SUITE(memory);

Test(parts, distances) {
    static const struct {
        const char *a, *b;
        size_t d;
    } cases[] = {
        {"", "", 0},
        {"a", "", 1},
        {"workers", "workers", 0},
        {"Workers", "workers", 0},
        {"wrokers", "workers", 1},
        {"worker", "workers", 1},
        {"workerss", "workers", 1},
        {"wirkers", "workers", 1},
        {"kitten", "sitting", 3},
        {"ca", "abc", 3},
        {"abcd", "badc", 2},
        {"abc", "xyz", 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_expect(suggest_distance(cases[i].a, cases[i].b, 9) == cases[i].d, "%s %s", cases[i].a, cases[i].b);
        cr_expect(suggest_distance(cases[i].b, cases[i].a, 9) == cases[i].d, "%s %s", cases[i].b, cases[i].a);
        for (size_t limit = 0; limit < cases[i].d; limit++)
            cr_expect(suggest_distance(cases[i].a, cases[i].b, limit) == limit + 1, "%s %s", cases[i].a,
                      cases[i].b);
    }
    char longest[300];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    cr_expect(suggest_distance(longest, longest, 5) == 6, "not for words without end");
}

Test(parts, suggestions) {
    struct suggest s;
    suggest_begin(&s, "wrokers");
    suggest_consider(&s, "memory");
    cr_expect(s.best == NULL);
    suggest_consider(&s, "wrokesr");
    suggest_consider(&s, "workers");
    suggest_consider(&s, "wroker");
    cr_expect_str_eq(s.best, "wrokesr", "the first of those that are equally close");
    suggest_consider(&s, "WROKERS");
    suggest_consider(&s, "wrokers");
    cr_expect_str_eq(s.best, "WROKERS");
    suggest_begin(&s, "x");
    suggest_consider(&s, "yz");
    cr_expect(s.best == NULL);
}

Test(parts, utf8) {
    static const struct {
        const char *bytes;
        size_t n, valid;
    } cases[] = {
        {"", 0, 0},
        {"a\0b", 3, 3},
        {"\xc3\xa9", 2, 2},
        {"\xe2\x82\xac", 3, 3},
        {"\xf0\x9f\x98\x80", 4, 4},
        {"\xf4\x8f\xbf\xbf", 4, 4},
        {"\xef\xbf\xbf", 3, 3},
        {"a\x80", 2, 1}, /* no first byte */
        {"\xc3", 1, 0},  /* cut short */
        {"\xe2\x82", 2, 0},
        {"\xc3"
         "a",
         2, 0},             /* no further byte */
        {"\xc0\x80", 2, 0}, /* longer than needed */
        {"\xe0\x80\x80", 3, 0},
        {"\xf0\x80\x80\x80", 4, 0},
        {"\xed\xa0\x80", 3, 0},     /* a surrogate */
        {"\xf4\x90\x80\x80", 4, 0}, /* past the last */
        {"\xf8\x88\x80\x80\x80", 5, 0},
        {"\xff", 1, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect(utf8_valid(cases[i].bytes, cases[i].n) == cases[i].valid, "case %zu", i);
    uint32_t c;
    cr_expect(utf8_next("\xf0\x9f\x98\x80", 4, &c) == 4 && c == 0x1f600);
    cr_expect(utf8_next("\xe2\x82\xac", 3, &c) == 3 && c == 0x20ac);
}

static void use_arena(void *ud) {
    struct arena *a = ud;
    struct strmap map = {0};
    struct {
        int *v;
        size_t n, cap;
    } list = {0};
    for (int i = 0; i < 5000; i++) {
        char *key = arena_printf(a, "key %d", i);
        void **slot = strmap_slot(a, &map, key, strlen(key));
        cr_assert(*slot == NULL);
        *slot = key;
        *ARENA_PUSH(a, &list) = i;
        char *room = arena_alloc(a, (size_t)i * 7 % 20000);
        cr_assert(room != NULL && (uintptr_t)room % _Alignof(max_align_t) == 0);
        memset(room, 'x', (size_t)i * 7 % 20000);
    }
    for (int i = 0; i < 5000; i++) {
        char key[32];
        int n = snprintf(key, sizeof key, "key %d", i);
        cr_assert(strcmp(strmap_get(&map, key, (size_t)n), key) == 0 && list.v[i] == i);
        cr_assert(strmap_get(&map, key, (size_t)n + 1) == NULL);
    }
    cr_assert(*strmap_slot(a, &map, "key 7", 5) == strmap_get(&map, "key 7", 5) && list.n == 5000);
}

static void use_too_much(void *ud) {
    arena_calloc(ud, SIZE_MAX / 2, 4);
    cr_assert(false, "there cannot be so much");
}

Test(parts, arenas) {
    struct arena_guard guard;
    struct arena a;
    arena_init(&a, &guard);
    cr_expect(arena_run(&guard, use_arena, &a));
    cr_expect(!arena_run(&guard, use_too_much, &a));
    cr_expect(arena_try_alloc(&a, SIZE_MAX) == NULL && arena_try_alloc(&a, 0) != NULL);
    arena_free(&a);
}

/* --- out of memory ------------------------------------------------------------------------------------------------ */

#ifdef TROUPE_FAULT

static const char rich[] =
    "version: \"1.0\"\ninclude: [sub, '*.yml']\nnamespace: app\nlog: {level: loud}\nx: *gone\n";

static void write_all(const char *main) {
    put(MAIN, main);
    put("sub/a.yaml",
        "namespace: a\nentries:\n  - {name: p, kind: process.lua, source: 'file://p.lua', imports: {u: u}}\n"
        "  - &u {name: u, kind: library.lua, source: \"x ${env:HOME:-y}\"}\n"
        "  - {name: s, kind: process.service, process: p, host: app:processes, input: [{a: [1, x]}]}\n");
    put("sub/p.lua", "return {}");
    put("b.yml", "namespace: b\nentries:\n  - {name: d, kind: registry.entry, x: {<<: {y: 1}, z: [~]}}\n");
}

/* Lets the n-th allocation fail, for every n; what comes out is either nothing or the same as without. */
static void expect_survives(const struct cfg_options *o) {
    struct loaded good = load_with(o);
    char *want = report_text(good.r);
    for (long n = 1;; n++) {
        struct cfg_report *r;
        mem_fault_arm(n);
        struct config *c = cfg_load(o, &r);
        bool reached = mem_fault_count() >= n;
        mem_fault_arm(0);
        if (reached) {
            cr_expect(c == NULL && r == NULL, "allocation %ld failed", n);
        } else {
            char *got = report_text(r);
            cr_expect((c != NULL) == (good.c != NULL) && strcmp(got, want) == 0, "after %ld allocations: %s",
                      n, got);
            free(got);
        }
        cfg_report_free(r);
        cfg_unref(c);
        if (!reached)
            break;
    }
    free(want);
    unload(good);
}

Test(memory, a_load_without_enough_of_it_ends_in_nothing) {
    const char *scripts[] = {"sub/p.lua"},
               *set[] = {"log.level=debug", "a:s.lifecycle.requires=[app:processes]"};
    struct cfg_options o = {.file = MAIN, .scripts = scripts, .scripts_n = 1, .set = set, .set_n = 2};
    write_all(HEAD HOST);
    put(MAIN, "version: \"1.0\"\ninclude: [sub, '*.yml']\nnamespace: app\nentries:\n" HOST);
    expect_survives(&o);
    write_all(rich);
    expect_survives(&o);
}

Test(memory, neither_does_a_comparison) {
    write_all(HEAD HOST);
    struct loaded a = load_good(MAIN);
    put(MAIN, HEAD "  - {name: processes, kind: process.host, host: {workers: 1, jit: off}}\n");
    struct loaded b = load_good(MAIN);
    long n = 1;
    for (bool reached = true; reached; n++) {
        mem_fault_arm(n);
        struct cfg_diff *d = cfg_diff(a.c, b.c);
        reached = mem_fault_count() >= n;
        mem_fault_arm(0);
        cr_expect((d == NULL) == reached);
        cfg_diff_free(d);
    }
    cr_expect(n > 2);
    unload(a);
    unload(b);
}

#endif

/* --- references --------------------------------------------------------------------------------------------------- */

Test(memory, a_configuration_lives_as_long_as_its_last_reference) {
    put(MAIN, HEAD HOST);
    struct loaded l = load_good(MAIN);
    struct config *second = cfg_ref(l.c);
    cr_expect(second == l.c);
    unload(l);
    cr_expect_str_eq(cfg_find(second, "app:processes")->name, "processes");
    cfg_unref(second);
    cfg_unref(NULL);
    cfg_report_free(NULL);
    cfg_diff_free(NULL);
}
