/*
 * troupe test: runs files of tests and entries with `meta.type: test`, each in a process of its own. The driver is a Lua
 * process on the system's host (vm/lua/test.lua); this file collects what there is to run, and starts it.
 */
#include <ftw.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/dur.h"
#include "src/app.h"
#include "src/code.h"
#include "src/cpus.h"
#include "src/embed.h"
#include "src/exitcode.h"
#include "src/hooks.h"
#include "src/input.h"
#include "src/start.h"
#include "src/verb.h"
#include "vm/strmatch.h"

#define SUFFIX "_test.lua"
#define DRIVER "troupe.test:driver"
#define FILE_ENTRY "troupe.test:file"
#define TIMEOUT_DEFAULT (10 * DUR_SEC)
#define JOBS_MAX 256

enum {
    OPT_CONFIG,
    OPT_HOST,
    OPT_FILTER,
    OPT_JOBS,
    OPT_TIMEOUT,
    OPT_TAP,
    OPT_VERBOSE,
    OPT_SET,
    OPT_STRICT,
    OPT_HELP
};

static const struct option_def defs[] = {
    [OPT_CONFIG] = {"config", 'c', "FILE", false,
                    "configuration, whose entries with meta.type: test are run too"},
    [OPT_HOST] = {"host", 'H', "HOST", false,
                  "where tests run; else on the only host, else on an implicit one"},
    [OPT_FILTER] = {"filter", 'f', "PATTERN", false, "only tests whose name matches this Lua pattern"},
    [OPT_JOBS] = {"jobs", 'j', "N", false, "so many files and entries at a time (1)"},
    [OPT_TIMEOUT] = {"timeout", 't', "DURATION", false, "the longest that one test may take (10s)"},
    [OPT_TAP] = {"tap", 0, NULL, false, "print TAP"},
    [OPT_VERBOSE] = {"verbose", 'v', NULL, false, "name tests that pass, too"},
    [OPT_SET] = OPTION_SET,
    [OPT_STRICT] = OPTION_STRICT,
    [OPT_HELP] = OPTION_HELP};

const struct options_syntax verb_test_syntax = {
    .command = TOOL " test",
    .args = "[PATH...]",
    .args_max = OPTIONS_ARGS_MAX,
    .summary =
        "Runs tests: files *" SUFFIX " (directories are searched for them) and entries of meta.type test.",
    .options = defs,
    .count = sizeof defs / sizeof defs[0]};

static struct {
    const struct options *o;
    char **files;
    size_t file_n;
    struct vm_args args;
    const struct cfg_entry *host; /* where tests run */
} the;

/* --- what there is to run ------------------------------------------------------------------------------------------ */

static bool add_file(const char *path) {
    char **grown = mem_realloc(the.files, (the.file_n + 1) * sizeof *grown);
    if (!grown)
        return false;
    the.files = grown;
    the.files[the.file_n] = mem_strdup(path);
    return the.files[the.file_n++] != NULL;
}

static bool is_test_file(const char *path) {
    size_t n = strlen(path), suffix = sizeof SUFFIX - 1;
    return n > suffix && strcmp(path + n - suffix, SUFFIX) == 0;
}

static int visit(const char *path, const struct stat *st, int type, struct FTW *at) {
    if (type == FTW_D && at->level > 0 && path[at->base] == '.')
        return FTW_SKIP_SUBTREE;
    bool ok = type != FTW_F || !is_test_file(path) || add_file(strncmp(path, "./", 2) == 0 ? path + 2 : path);
    return ok ? FTW_CONTINUE : FTW_STOP;
}

static int compare(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool collect_files(void) {
    static const char *const here[] = {"."};
    bool searched = the.o->args_n == 0 && !options_given(the.o, OPT_CONFIG);
    const char *const *paths = searched ? here : the.o->args;
    size_t n = searched ? 1 : the.o->args_n;
    for (size_t i = 0; i < n; i++) {
        struct stat st;
        if (stat(paths[i], &st) != 0) {
            start_complain(TOOL, "%s: no such file or directory", paths[i]);
            return false;
        }
        size_t before = the.file_n;
        bool ok = S_ISDIR(st.st_mode) ? nftw(paths[i], visit, 16, FTW_ACTIONRETVAL) != FTW_STOP
                                      : add_file(paths[i]);
        if (!ok) {
            start_complain(TOOL, "%s: not enough memory", paths[i]);
            return false;
        }
        qsort(the.files + before, the.file_n - before, sizeof *the.files, compare);
    }
    return true;
}

static const char *meta_text(const struct cfg_entry *e, const char *key) {
    const struct cfg_value *v = cfg_value_get(e->meta, key);
    return v && v->type == CFG_STRING ? v->s : NULL;
}

static bool is_test_entry(const struct cfg_entry *e) {
    const char *type = meta_text(e, "type");
    return type && strcmp(type, "test") == 0 && (e->kind == CFG_KIND_PROCESS || e->kind == CFG_KIND_FUNCTION);
}

static void put_timeout(json_t *item, const struct cfg_entry *e) {
    const char *text = meta_text(e, "timeout");
    int64_t ns;
    if (text && dur_parse(text, strlen(text), &ns) && ns > 0)
        json_object_set_new(item, "timeout_ms", json_integer(ns / DUR_MS));
}

static json_t *items(struct config *c, const struct cfg_entry *host) {
    json_t *list = json_array();
    for (size_t i = 0; i < the.file_n; i++)
        json_array_append_new(list, json_pack("{ss ss ss ss ss}", "kind", "file", "entry", FILE_ENTRY, "host",
                                              host->id, "suite", the.files[i], "id", cfg_script(c, i)->id));
    for (size_t i = 0; i < cfg_entry_count(c); i++) {
        const struct cfg_entry *e = cfg_entry_at(c, i);
        if (!is_test_entry(e))
            continue;
        const char *name = meta_text(e, "name"), *suite = meta_text(e, "suite");
        json_t *item = json_pack("{ss ss ss ss ss}", "kind", "entry", "entry", e->id, "host",
                                 e->code->host ? e->code->host->id : host->id, "suite", suite ? suite : e->ns,
                                 "name", name ? name : e->name);
        if (!name && !suite)
            json_object_set_new(item, "title", json_string(e->id));
        put_timeout(item, e);
        json_array_append_new(list, item);
    }
    return list;
}

/* The driver's one argument. false: complained. */
static bool make_plan(struct config *c, const struct cfg_entry *host, int64_t timeout, long jobs) {
    char err[256];
    const char *filter = options_value(the.o, OPT_FILTER);
    json_t *plan =
        json_pack("{so sI sI sb sb sb}", "items", items(c, host), "jobs", (json_int_t)jobs, "timeout_ms",
                  (json_int_t)(timeout / DUR_MS), "tap", options_given(the.o, OPT_TAP), "verbose",
                  options_given(the.o, OPT_VERBOSE), "color", isatty(STDOUT_FILENO));
    if (plan && filter)
        json_object_set_new(plan, "filter", json_string(filter));
    char *text = plan ? json_dumps(plan, JSON_COMPACT) : NULL;
    json_decref(plan);
    if (!text) {
        start_complain(TOOL, "the names of the tests are no UTF-8, or not enough memory");
        return false;
    }
    const char *const strings[] = {text};
    bool ok = input_encode_strings(strings, 1, &the.args, err, sizeof err);
    free(text);
    if (!ok)
        start_complain(TOOL, "%s", err);
    return ok;
}

/* The code of the configuration, and two entries more. */
static bool install(struct app *app, char *err, size_t cap) {
    static const struct {
        const char *id, *source;
    } more[] = {{DRIVER, "return require('test').drive"}, {FILE_ENTRY, "return require('test').file"}};
    struct vm_code *set = code_compile(app_config(app), err, cap);
    for (size_t i = 0; set && i < sizeof more / sizeof more[0]; i++) {
        int line;
        const struct vm_entry_def def = {.id = more[i].id,
                                         .kind = VM_PROCESS,
                                         .method = "main",
                                         .chunk_name = "=troupe test",
                                         .source = more[i].source,
                                         .source_len = strlen(more[i].source),
                                         .compat = i == 0 ? VM_COMPAT_SEED : VM_COMPAT_INHERIT,
                                         .script = true};
        if (!vm_code_add(set, &def, err, cap, &line)) {
            vm_code_free(set);
            return false;
        }
    }
    if (set)
        vm_install(app_vm(app), set);
    return set != NULL;
}

/* --- running ---------------------------------------------------------------------------------------------------------- */

static bool prepare(struct app *app, char *err, size_t cap) {
    return app_host(app, the.host, err, cap) && install(app, err, cap);
}

static bool program(struct app *app, struct runner_options *o, char *err, size_t cap) {
    o->host = app_system_host(app);
    o->entry = DRIVER;
    o->args = the.args;
    return true;
}

/* How many failed has been printed by the driver, but not that there was nothing to run. */
static int ended(const struct runner_outcome *out) {
    if (out->failure && (out->failure->how != EXIT_RETURNED || out->failure->kind == ERRKIND_NOT_FOUND))
        start_complain(TOOL, "%s", out->failure->message);
    return out->failure ? EXIT_CODE_FAILED : EXIT_CODE_OK;
}

/* --- the command line ---------------------------------------------------------------------------------------------------- */

static const struct cfg_entry *find_host(struct config *c) {
    const char *name = options_value(the.o, OPT_HOST);
    const struct cfg_entry *e = name ? cfg_resolve(c, "app", name) : cfg_default_host(c);
    if (e && e->kind == CFG_KIND_HOST)
        return e;
    if (name)
        start_complain(TOOL, "--host %s: %s", name, e ? "is no host" : "host not found");
    else
        start_complain(TOOL, "several hosts could run the tests; say which with --host");
    return NULL;
}

static int test(struct config *c, int64_t timeout, long jobs) {
    const struct embed_options embed = {.print = CFG_PRINT_STDOUT,
                                        .stop_at_once = true,
                                        .prepare = prepare,
                                        .program = program,
                                        .ended = ended};
    int status = EXIT_CODE_FAILED;
    the.host = find_host(c);
    if (the.host && make_plan(c, the.host, timeout, jobs)) {
        hooks_capture(DRIVER);
        status = embed_run(c, &embed);
    }
    mem_free((char *)(uintptr_t)the.args.data);
    return status;
}

int verb_test(const struct options *o) {
    const char *timeout_text = options_value(o, OPT_TIMEOUT), *jobs_text = options_value(o, OPT_JOBS);
    const char *filter = options_value(o, OPT_FILTER), *mistake = filter ? strm_mistake(filter) : NULL;
    int64_t timeout = TIMEOUT_DEFAULT;
    long jobs = 1;
    char *end = NULL;
    the.o = o;
    if (timeout_text && (!dur_parse(timeout_text, strlen(timeout_text), &timeout) || timeout < DUR_MS)) {
        start_complain(TOOL, "--timeout %s: is no duration of at least 1ms", timeout_text);
        return EXIT_CODE_USAGE;
    }
    if (jobs_text && ((jobs = strtol(jobs_text, &end, 10)) < 1 || jobs > JOBS_MAX || *end)) {
        start_complain(TOOL, "--jobs %s: is no number from 1 to %d", jobs_text, JOBS_MAX);
        return EXIT_CODE_USAGE;
    }
    if (mistake) {
        start_complain(TOOL, "--filter %s: %s", filter, mistake);
        return EXIT_CODE_USAGE;
    }
    int status = EXIT_CODE_FAILED;
    if (collect_files()) {
        struct cfg_options load = {.file = options_value(o, OPT_CONFIG),
                                   .set = o->found[OPT_SET].v,
                                   .set_n = o->found[OPT_SET].n,
                                   .scripts = (const char *const *)the.files,
                                   .scripts_n = the.file_n,
                                   .implicit_host = true,
                                   .strict = options_given(o, OPT_STRICT)};
        struct config *c = start_config(TOOL, &load, &status);
        if (c)
            status = test(c, timeout, jobs);
        cfg_unref(c);
    }
    for (size_t i = 0; i < the.file_n; i++)
        mem_free(the.files[i]);
    mem_free(the.files);
    return status;
}
