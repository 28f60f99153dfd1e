/*
 * For the tests of config/: files in a folder of the test's own, and what loading them says.
 *
 * CFG_SUITE(name) gives a suite whose tests begin in an empty folder, which is removed afterwards; so names in
 * positions are short ("troupe.yaml:4:5").
 */
#ifndef TROUPE_TESTS_CFGDIR_H
#define TROUPE_TESTS_CFGDIR_H

#include "config/config.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAIN "troupe.yaml"

/* Three lines: entries begin at line 4. */
#define HEAD "version: \"1.0\"\nnamespace: app\nentries:\n"
#define HOST "  - {name: processes, kind: process.host}\n"

static char cfgdir_path[64];

static inline void cfgdir_enter(void) {
    snprintf(cfgdir_path, sizeof cfgdir_path, "/tmp/troupe-config-XXXXXX");
    cr_assert(mkdtemp(cfgdir_path) != NULL && chdir(cfgdir_path) == 0, "no folder to work in");
}

static inline int cfgdir_remove(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    return remove(path);
}

static inline void cfgdir_leave(void) {
    cr_assert(chdir("/") == 0);
    nftw(cfgdir_path, cfgdir_remove, 16, FTW_DEPTH | FTW_PHYS);
}

#define CFG_SUITE(name) TestSuite(name, .init = cfgdir_enter, .fini = cfgdir_leave, .timeout = 60)

/* Writes a file, and the folders it is in. */
static inline void put_bytes(const char *name, const char *bytes, size_t n) {
    char dir[256];
    for (const char *slash = name; (slash = strchr(slash + 1, '/')) != NULL;) {
        snprintf(dir, sizeof dir, "%.*s", (int)(slash - name), name);
        cr_assert(mkdir(dir, 0755) == 0 || errno == EEXIST);
    }
    FILE *f = fopen(name, "w");
    cr_assert(f != NULL && fwrite(bytes, 1, n, f) == n && fclose(f) == 0, "%s cannot be written", name);
}

static inline void put(const char *name, const char *text) {
    put_bytes(name, text, strlen(text));
}

struct loaded {
    struct config *c;
    struct cfg_report *r;
};

static inline struct loaded load_with(const struct cfg_options *o) {
    struct loaded l;
    l.c = cfg_load(o, &l.r);
    cr_assert(l.r != NULL, "out of memory");
    cr_assert((l.c == NULL) == (cfg_report_errors(l.r) > 0),
              "a configuration exactly when there is no error");
    return l;
}

static inline struct loaded load(const char *file) {
    struct cfg_options o = {.file = file};
    return load_with(&o);
}

static inline void unload(struct loaded l) {
    cfg_report_free(l.r);
    cfg_unref(l.c);
}

/* The report as one text. */
static inline char *report_text(const struct cfg_report *r) {
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    cfg_report_print(r, f);
    fclose(f);
    return text;
}

/* The report is exactly the lines that follow, up to NULL. */
static inline void expect_report(const struct cfg_report *r, int line, ...) {
    char *want = NULL, *got = report_text(r);
    size_t n = 0;
    FILE *f = open_memstream(&want, &n);
    va_list ap;
    va_start(ap, line);
    for (const char *s; (s = va_arg(ap, const char *)) != NULL;)
        fprintf(f, "%s\n", s);
    va_end(ap);
    fclose(f);
    cr_expect(strcmp(want, got) == 0, "line %d: expected\n%sgot\n%s", line, want, got);
    free(want);
    free(got);
}

#define EXPECT(l, ...) expect_report((l).r, __LINE__, __VA_ARGS__ __VA_OPT__(, ) NULL)

/* Loads `text` as the main file and expects these lines. */
#define MISTAKES(text, ...)                                                                                  \
    do {                                                                                                     \
        put(MAIN, text);                                                                                     \
        struct loaded l_ = load(MAIN);                                                                       \
        EXPECT(l_, __VA_ARGS__);                                                                             \
        unload(l_);                                                                                          \
    } while (0)

/* A configuration without any mistake. */
static inline struct loaded load_good(const char *file) {
    struct loaded l = load(file);
    expect_report(l.r, __LINE__, NULL);
    cr_assert(l.c != NULL, "%s does not load", file);
    return l;
}

static inline char *print_text(const struct config *c) {
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    cfg_print(c, f);
    cr_assert(fclose(f) == 0);
    return text;
}

#endif
