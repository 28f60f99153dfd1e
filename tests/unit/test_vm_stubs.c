/* vm/editor/troupe.d.lua and man/troupe-lua.7 against the modules and types as they are, and the globals of test files: no
 * function without a word on it, none described that is not there. */
#include <criterion/criterion.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vm/lib.h"
#include "vm/state.h"

enum { NAMES_MAX = 1024, NAME_LEN = 64 };

static char actual[NAMES_MAX][NAME_LEN], described[NAMES_MAX][NAME_LEN];
static size_t actual_n, described_n;

/* Made by the prelude in Lua, or by an __index: not in any table of C functions. */
static const char *const made_elsewhere[] = {
    "channel.select", "channel:send", "message:topic", "message:payload", "message:from",
    "test.main",      "test.file",    "test.drive",    "test.run_cases",  "coroutine.spawn",
    "test",           "assert"}; /* globals of tests that the stubs have as tables */

static void add(char list[][NAME_LEN], size_t *n, const char *owner, const char *sep, const char *name) {
    cr_assert_lt(*n, NAMES_MAX);
    snprintf(list[(*n)++], NAME_LEN, "%s%s%s", owner, sep, name);
}

static bool has(char list[][NAME_LEN], size_t n, const char *name) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i], name) == 0)
            return true;
    return false;
}

static bool is_elsewhere(const char *name) {
    for (size_t i = 0; i < sizeof made_elsewhere / sizeof made_elsewhere[0]; i++)
        if (strcmp(made_elsewhere[i], name) == 0)
            return true;
    return false;
}

static char *slurp(const char *path) {
    FILE *f = fopen(path, "rb");
    cr_assert_not_null(f, "%s cannot be opened; tests run in the project's folder", path);
    char *text = calloc(1, 1 << 20);
    cr_assert_gt(fread(text, 1, (1 << 20) - 1, f), 0);
    fclose(f);
    return text;
}

/* The names of "env.a, env.b = ..." in the function of the module that makes them, which indents by four. */
static void collect_of_tests(void) {
    char *text = slurp("vm/lua/test.lua");
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        char *end = strncmp(line, "    env.", 8) == 0 ? strstr(line, " = ") : NULL;
        if (end)
            *end = '\0';
        for (char *at = line; end && (at = strstr(at, "env.")); at += 4) {
            char name[NAME_LEN];
            snprintf(name, sizeof name, "%.*s", (int)strcspn(at + 4, ","), at + 4);
            if (!is_elsewhere(name))
                add(actual, &actual_n, "", "", name);
        }
    }
    free(text);
}

/* A module that is an object itself. */
static bool is_object(const char *module) {
    return strcmp(module, "logger") == 0;
}

static void collect(void) {
    static const struct {
        const char *name;
        const struct vtype_desc *desc;
    } types[] = {
#define TYPE(id, text) {text, &vtype_desc_##id},
        VTYPE_MAP(TYPE)
#undef TYPE
    };
    for (int i = 0; vlib_all[i]; i++)
        if (!(vlib_all[i]->flags & (VLIB_HIDDEN | VLIB_STANDARD)))
            for (const luaL_Reg *f = vlib_all[i]->funcs; f && f->name; f++)
                add(actual, &actual_n, vlib_all[i]->name, is_object(vlib_all[i]->name) ? ":" : ".", f->name);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        for (const luaL_Reg *f = types[i].desc->methods; f && f->name; f++)
            add(actual, &actual_n, types[i].name, ":", f->name);
    collect_of_tests();
}

/* Names behind `mark` at the beginning of a line. */
static void read_names(const char *path, const char *mark) {
    char *text = slurp(path);
    size_t len = strlen(mark);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        if (strncmp(line, mark, len) != 0)
            continue;
        char name[NAME_LEN];
        size_t n = strcspn(line + len, " (");
        cr_assert_lt(n, NAME_LEN);
        memcpy(name, line + len, n);
        name[n] = '\0';
        if (strchr(name, ':'))
            name[0] = (char)tolower((unsigned char)name[0]);
        add(described, &described_n, "", "", name);
    }
    free(text);
}

static void compare(const char *path, const char *mark) {
    collect();
    read_names(path, mark);
    cr_assert_gt(actual_n, 100);
    for (size_t i = 0; i < actual_n; i++)
        cr_expect(has(described, described_n, actual[i]), "%s: nothing about %s", path, actual[i]);
    for (size_t i = 0; i < described_n; i++)
        cr_expect(has(actual, actual_n, described[i]) || is_elsewhere(described[i]), "%s: there is no %s",
                  path, described[i]);
}

Test(stubs, editor) {
    compare("vm/editor/troupe.d.lua", "function ");
}

Test(stubs, manual) {
    compare("man/troupe-lua.7", ".It Li ");
}
