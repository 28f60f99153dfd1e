/* Small parts of the programs: processors, arguments and results, what goes wrong for lack of memory. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "config/config.h"
#include "src/cpus.h"
#include "src/exitcode.h"
#include "src/input.h"
#include "src/options.h"
#include "src/result.h"

/* --- processors ---------------------------------------------------------------------------------------------------------- */

Test(cpus, quotas) {
    static const struct {
        const char *text;
        unsigned n;
    } all[] = {{"max 100000\n", 0},
               {"200000 100000\n", 2},
               {"150000 100000\n", 2},
               {"100000 100000\n", 1},
               {"1000 100000\n", 1},
               {"0 100000\n", 1},
               {"", 0},
               {"junk", 0},
               {"100000 0\n", 0},
               {"400000", 0},
               {"18446744073709551615 1\n", 4096}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        cr_expect_eq(cpus_of_quota(all[i].text), all[i].n, "%s", all[i].text);
}

static char root[64];

static void put(const char *path, const char *text) {
    char name[200];
    snprintf(name, sizeof name, "%s%s", root, path);
    FILE *f = fopen(name, "w");
    cr_assert(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void make(const char *path) {
    char name[200];
    snprintf(name, sizeof name, "%s%s", root, path);
    cr_assert(mkdir(name, 0755) == 0);
}

static void make_root(void) {
    strcpy(root, "/tmp/troupe-cpus-XXXXXX");
    cr_assert(mkdtemp(root));
    make("/a");
    make("/a/b");
    make("/a/b/c");
}

static void remove_root(void) {
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", root);
    cr_assert(system(command) == 0);
}

Test(cpus, the_tightest_group_counts, .init = make_root, .fini = remove_root) {
    cr_expect_eq(cpus_of_cgroup(root, "/a/b/c\n"), 0, "no files");
    put("/a/b/cpu.max", "300000 100000\n");
    cr_expect_eq(cpus_of_cgroup(root, "/a/b/c\n"), 3);
    cr_expect_eq(cpus_of_cgroup(root, "/a/b"), 3);
    cr_expect_eq(cpus_of_cgroup(root, "/a"), 0);
    put("/a/b/c/cpu.max", "max 100000\n");
    put("/a/cpu.max", "800000 100000\n");
    cr_expect_eq(cpus_of_cgroup(root, "/a/b/c\n"), 3);
    put("/a/b/c/cpu.max", "150000 100000\n");
    cr_expect_eq(cpus_of_cgroup(root, "/a/b/c\n"), 2);
    put("/cpu.max", "50000 100000\n");
    cr_expect_eq(cpus_of_cgroup(root, "/a/b/c\n"), 1);
    cr_expect_eq(cpus_of_cgroup(root, "/\n"), 1);
    cr_expect_eq(cpus_of_cgroup(root, "/not/there\n"), 1);
}

Test(cpus, at_least_one) {
    cr_expect_geq(cpus_usable(), 1);
    cr_expect_leq(cpus_usable(), (unsigned)sysconf(_SC_NPROCESSORS_CONF));
}

/* --- arguments and results ---------------------------------------------------------------------------------------------------- */

/* The text of a result that is the i-th of these values. */
static const char *shown(const struct cfg_value *v, struct result *r) {
    static char buf[4096];
    struct vm_args args;
    struct text text;
    char err[256] = "";
    const struct cfg_value list = {.type = CFG_ARRAY, .n = 1, .items = v};
    cr_assert(input_encode(&list, &args, err, sizeof err), "%s", err);
    cr_assert_eq(args.count, 1);
    text_open(&text);
    bool ok = result_read(args.data, args.len, r, &text, err, sizeof err);
    snprintf(buf, sizeof buf, "%s", ok ? text.s : err);
    text_close(&text);
    mem_free((char *)args.data);
    return buf;
}

Test(values, from_configuration_to_text) {
    struct result r;
    const struct cfg_value items[] = {
        {.type = CFG_INT, .i = 1}, {.type = CFG_NULL}, {.type = CFG_STRING, .s = "x", .n = 1}};
    const struct cfg_member members[] = {{"k", 1, {.type = CFG_ARRAY, .n = 1, .items = items}}};
    const struct cfg_value all[] = {
        {.type = CFG_NULL},
        {.type = CFG_BOOL, .b = true},
        {.type = CFG_INT, .i = -7},
        {.type = CFG_DOUBLE, .d = 0.5},
        {.type = CFG_STRING, .s = "two words", .n = 9},
        {.type = CFG_OBJECT, .n = 1, .members = members},
        {.type = CFG_ARRAY, .n = 3, .items = items},
    };
    static const char *const texts[] = {"", "true", "-7", "0.5", "two words", "{\"k\":[1]}"};
    for (size_t i = 0; i < 6; i++) {
        cr_expect_str_eq(shown(&all[i], &r), texts[i]);
        cr_expect_eq(r.present, i != 0);
        cr_expect_eq(r.number, i == 2 || i == 3);
    }
    const char *hole = shown(&all[6], &r);
    cr_expect(strncmp(hole, "result", 6) == 0, "a hole is no JSON: %s", hole);
}

Test(values, nothing) {
    struct vm_args args;
    struct result r;
    struct text text;
    char err[100];
    cr_expect(input_encode(NULL, &args, err, sizeof err));
    cr_expect_eq(args.count, 0);
    text_open(&text);
    cr_expect(result_read(NULL, 0, &r, &text, err, sizeof err));
    cr_expect_not(r.present);
    cr_expect_not(result_read("\xff\xfe", 2, &r, &text, err, sizeof err));
    cr_expect_str_eq(err, "result: damaged");
    text_close(&text);
}

Test(values, too_deep) {
    enum { DEPTH = 1100 };
    static struct cfg_value v[DEPTH];
    struct vm_args args;
    char err[256];
    for (int i = 0; i < DEPTH; i++)
        v[i] =
            (struct cfg_value){.type = CFG_ARRAY, .n = i + 1 < DEPTH, .items = &v[i + 1 < DEPTH ? i + 1 : i]};
    cr_expect_not(input_encode(&v[0], &args, err, sizeof err));
    cr_expect(strncmp(err, "input[1]", 8) == 0, "%s", err);
}

Test(values, statuses) {
    static const struct {
        double n;
        int status;
        bool ok;
    } all[] = {{0, 0, true},      {3, 3, true},     {255, 255, true},    {256, 1, false},
               {300, 1, false},   {2175, 1, false}, {-1, 1, false},      {-256, 1, false},
               {1e300, 1, false}, {2.5, 0, true},   {INFINITY, 0, true}, {NAN, 0, true}};
    int status;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        const struct result r = {.present = true, .number = true, .value = all[i].n};
        cr_expect_eq(result_status(&r, &status), all[i].ok, "%g", all[i].n);
        cr_expect_eq(status, all[i].status, "%g", all[i].n);
    }
    cr_expect(result_status(&(struct result){.present = true}, &status));
    cr_expect_eq(status, EXIT_CODE_OK);
}

#ifdef TROUPE_FAULT
Test(memory, arguments_results_and_options_fail_cleanly) {
    static const char *const strings[] = {"a", "b", "c"};
    static const struct option_def defs[] = {{"x", 'x', "X", true, "x"}};
    static const struct options_syntax syntax = {
        .command = "t", .args = "", .args_max = 9, .options = defs, .count = 1};
    char *argv[] = {(char *)"t", (char *)"-x", (char *)"1", (char *)"y"};
    bool all = false;
    for (long n = 1; !all; n++) {
        struct vm_args args = {0};
        struct options o;
        struct result r;
        struct text text;
        char err[256] = "";
        text_open(&text);
        mem_fault_arm(n);
        bool encoded = input_encode_strings(strings, 3, &args, err, sizeof err);
        bool parsed = options_parse(&syntax, 4, argv, &o, err, sizeof err);
        bool read = encoded && result_read(args.data, args.len, &r, &text, err, sizeof err);
        all = mem_fault_count() < n;
        mem_fault_arm(0);
        cr_assert(all ? encoded && parsed : true);
        cr_assert(read || err[0] || !encoded);
        cr_assert(encoded || strstr(err, "memory"), "%ld: %s", n, err);
        options_free(&o);
        text_close(&text);
        mem_free((char *)args.data);
    }
}
#endif
