/* Overrides and environment variables. */
#include "tests/unit/cfgdir.h"

#include "config/env.h"

CFG_SUITE(set);
CFG_SUITE(env);

static const char base[] = HEAD HOST "  - {name: w, kind: process.lua, source: 'return {}', meta: {a: {b: "
                                     "1}}}\n  - name: w.service\n    kind: process.service\n    process: w\n "
                                     "   host: processes\n  - {name: d, kind: registry.entry, x: {y: 1}}\n";

static struct loaded load_set(const char *text, size_t n, const char *const *set) {
    struct cfg_options o = {.file = MAIN, .set = set, .set_n = n};
    put(MAIN, text);
    return load_with(&o);
}

#define LOAD_SET(text, ...)                                                                                  \
    load_set(text, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *), (const char *[]){__VA_ARGS__})

Test(set, settings_and_fields_of_entries) {
    struct loaded l =
        LOAD_SET(base, "runtime.workers=2", "log.level=debug", "app:processes.host.workers=7",
                 "app:processes.host.process_memory=1GiB", "app:w.service.lifecycle.restart.max_attempts=3",
                 "app:w.service.lifecycle.requires=[processes]", "app:w.service.input=[1, {a: b}]",
                 "app:w.method=go", "app:w.meta.a.c=2", "app:d.x.z=[]", "runtime.env=[A, B*]",
                 "metrics.listen=:9464", "control.group=x", "shutdown.timeout=1m", "app:w.modules=");
    EXPECT(l);
    cr_expect(cfg_settings(l.c)->runtime.workers == 2 && cfg_settings(l.c)->log.level == CFG_LEVEL_DEBUG);
    cr_expect(cfg_settings(l.c)->runtime.env.n == 2 && cfg_settings(l.c)->shutdown.timeout == 60000000000);
    cr_expect_str_eq(cfg_settings(l.c)->metrics.listen, ":9464");
    const struct cfg_host *host = cfg_find(l.c, "app:processes")->host;
    cr_expect(host->workers == 7 && host->process_memory == 1 << 30);
    const struct cfg_service *s = cfg_find(l.c, "app:w.service")->service;
    cr_expect(s->lifecycle.restart.max_attempts == 3 && s->lifecycle.requires.v[0] == host->entry);
    cr_expect(s->input->n == 2 && s->input->items[0].i == 1);
    const struct cfg_entry *w = cfg_find(l.c, "app:w");
    cr_expect_str_eq(w->code->method, "go");
    const struct cfg_value *a = cfg_value_get(w->meta, "a");
    cr_expect(cfg_value_get(a, "b")->i == 1 && cfg_value_get(a, "c")->i == 2, "the rest of meta stays");
    const struct cfg_value *x = cfg_value_get(cfg_find(l.c, "app:d")->data, "x");
    cr_expect(cfg_value_get(x, "y")->i == 1 && cfg_value_get(x, "z")->type == CFG_ARRAY);
    unload(l);
}

Test(set, the_last_one_wins_and_all_win_over_files) {
    put("a.yaml", "log: {level: error, format: json}\n");
    struct loaded l = LOAD_SET("version: \"1.0\"\ninclude: [a.yaml]\nlog: {level: warn, print: stderr}\n",
                               "log.level=debug", "log.level=info", "log={print: log}");
    EXPECT(l);
    cr_expect(cfg_settings(l.c)->log.level == CFG_LEVEL_INFO &&
              cfg_settings(l.c)->log.print == CFG_PRINT_LOG);
    cr_expect(cfg_settings(l.c)->log.format == CFG_FORMAT_JSON, "an included file comes after the main one");
    unload(l);
}

Test(set, names_with_dots_are_told_from_fields) {
    struct loaded l = LOAD_SET(HEAD "  - {name: a, kind: process.host}\n  - {name: a.host, kind: "
                                    "process.host}\n  - {name: a.host.host, kind: process.host}\n",
                               "app:a.host.host.workers=2", "app:a.host.host.host.workers=3");
    EXPECT(l);
    cr_expect(cfg_find(l.c, "app:a")->host->workers == 0, "the longest name that makes sense is meant");
    cr_expect(cfg_find(l.c, "app:a.host")->host->workers == 2);
    cr_expect(cfg_find(l.c, "app:a.host.host")->host->workers == 3);
    unload(l);
}

Test(set, shared_parts_stay_as_they_are) {
    struct loaded l = LOAD_SET(HEAD "  - {name: a, kind: process.host, host: &h {workers: 1, max_timers: "
                                    "5}}\n  - {name: b, kind: process.host, host: *h}\n",
                               "app:b.host.workers=2");
    EXPECT(l);
    cr_expect(cfg_find(l.c, "app:a")->host->workers == 1 && cfg_find(l.c, "app:b")->host->workers == 2);
    cr_expect(cfg_find(l.c, "app:b")->host->max_timers == 5);
    unload(l);
}

#define BAD_SET(option, ...)                                                                                 \
    do {                                                                                                     \
        struct loaded l_ = LOAD_SET(base, option);                                                           \
        EXPECT(l_, __VA_ARGS__);                                                                             \
        unload(l_);                                                                                          \
    } while (0)

Test(set, mistakes_name_the_option) {
    BAD_SET("runtime.wrokers=2",
            "--set runtime.wrokers=2: error: runtime.wrokers: unknown field; did you mean \"workers\"?");
    BAD_SET("runtim.workers=2",
            "--set runtim.workers=2: error: runtim: unknown field; did you mean \"runtime\"?");
    BAD_SET("runtime.workers=many",
            "--set runtime.workers=many: error: runtime.workers: expected an integer, found \"many\"");
    BAD_SET(
        "runtime.workers=9999",
        "--set runtime.workers=9999: error: runtime.workers: \"9999\" is out of range, allowed is 0 to 1024");
    BAD_SET("runtime=5", "--set runtime=5: error: runtime: expected a mapping, found \"5\"");
    BAD_SET("runtime.workers",
            "--set runtime.workers: error: expected PATH=VALUE, such as runtime.workers=2");
    BAD_SET("=5", "--set =5: error: expected PATH=VALUE, such as runtime.workers=2");
    BAD_SET("runtime..workers=5",
            "--set runtime..workers=5: error: expected PATH=VALUE, such as runtime.workers=2");
    BAD_SET(".runtime=5", "--set .runtime=5: error: expected PATH=VALUE, such as runtime.workers=2");
    BAD_SET("runtime.=5", "--set runtime.=5: error: expected PATH=VALUE, such as runtime.workers=2");
    BAD_SET("version=1.0", "--set version=1.0: error: version, include, namespace and entries cannot be "
                           "given like this; a field of an entry is NAMESPACE:NAME.FIELD=VALUE");
    BAD_SET("entries=[]", "--set entries=[]: error: version, include, namespace and entries cannot be given "
                          "like this; a field of an entry is NAMESPACE:NAME.FIELD=VALUE");
    BAD_SET("namespace=x", "--set namespace=x: error: version, include, namespace and entries cannot be "
                           "given like this; a field of an entry is NAMESPACE:NAME.FIELD=VALUE");
    BAD_SET("app:nope.host.workers=2",
            "--set app:nope.host.workers=2: error: no entry has such an id; expected the id of one, a dot "
            "and a field, such as app:processes.host.workers=2");
    BAD_SET("app:processes=2", "--set app:processes=2: error: no entry has such an id; expected the id of "
                               "one, a dot and a field, such as app:processes.host.workers=2");
    BAD_SET("app:processes.host.wrokers=2",
            "--set app:processes.host.wrokers=2: error: app:processes.host.wrokers: unknown field; did you "
            "mean \"workers\"?");
    BAD_SET("app:processes.host.workers=x", "--set app:processes.host.workers=x: error: "
                                            "app:processes.host.workers: expected an integer, found \"x\"");
    BAD_SET("app:processes.kind=process.lua", "--set app:processes.kind=process.lua: error: name, namespace "
                                              "and kind of an entry cannot be changed");
    BAD_SET("app:processes.name=x",
            "--set app:processes.name=x: error: name, namespace and kind of an entry cannot be changed");
    BAD_SET(
        "app:w.service.process=app:nope",
        "--set app:w.service.process=app:nope: error: app:w.service.process: there is no entry \"app:nope\"");
    BAD_SET("app:w.source=file://gone.lua",
            "--set app:w.source=file://gone.lua: error: app:w.source: gone.lua: No such file or directory");
    BAD_SET("log.level=[a", "--set log.level=[a: error: YAML syntax: did not find expected ',' or ']', while "
                            "parsing a flow sequence");
    BAD_SET("log.level={a: b", "--set log.level={a: b: error: YAML syntax: did not find expected ',' or '}', "
                               "while parsing a flow mapping");
    BAD_SET("log.level=\x01", "--set \"log.level=\\x01\": error: the character U+0001 is not allowed");
    BAD_SET(
        "log.level=\xff",
        "--set \"log.level=\\xFF\": error: the byte 0xFF is not UTF-8, the encoding that files must have");
    BAD_SET(
        "log={level: a, levle: b}",
        "--set log={level: a, levle: b}: error: log.level: expected debug, info, warn or error, found \"a\"",
        "--set log={level: a, levle: b}: error: log.levle: unknown field; did you mean \"level\"?");
    BAD_SET("app:d.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a."
            "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a=1",
            "--set "
            "app:d.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a."
            "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a=1: error: expected PATH=VALUE, such as runtime.workers=2");
    char deep[256] = "app:d.x=", *w = deep + strlen(deep);
    memset(w, '[', 62);
    memset(w + 62, ']', 62);
    w[124] = '\0';
    BAD_SET(deep,
            "--set "
            "app:d.x=[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]"
            "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]: error: nested too deeply: more than 64 levels");
}

Test(env, values_are_read_as_the_type_of_their_field) {
    setenv("TC_N", "3", 1);
    setenv("TC_SIZE", "5MiB", 1);
    setenv("TC_EMPTY", "", 1);
    setenv("TC_ON", "true", 1);
    setenv("TC_TEXT", "a: b # c ${env:TC_N}", 1);
    unsetenv("TC_NONE");
    put(MAIN,
        "version: \"1.0\"\nnamespace: app\nruntime: {workers: \"${env:TC_N}\", env: "
        "[\"${env:TC_NONE:-HOME}\"]}\ncontrol:\n  socket: "
        "/run/${env:TC_N}/x${env:TC_NONE:-}.sock\nentries:\n  - name: h\n    kind: "
        "process.${env:TC_NONE:-host}\n    host:\n      process_memory: ${env:TC_SIZE}\n      jit: "
        "${env:TC_ON}\n      max_timers: ${env:TC_EMPTY:-7}\n      memory: ${env:TC_EMPTY}\n  - name: d\n    "
        "kind: registry.entry\n    int: ${env:TC_N}\n    text: \"${env:TC_N}\"\n    raw: ${env:TC_TEXT}\n    "
        "not: $${env:TC_N} $TC_N ${TC_N} $${env $${env:X}${env:TC_N}\n    ${env:TC_N}: key\n");
    struct loaded l = load_good(MAIN);
    cr_expect(cfg_settings(l.c)->runtime.workers == 3);
    cr_expect_str_eq(cfg_settings(l.c)->runtime.env.v[0], "HOME");
    cr_expect_str_eq(cfg_settings(l.c)->control.socket, "/run/3/x.sock");
    const struct cfg_host *h = cfg_find(l.c, "app:h")->host;
    cr_expect(h->process_memory == 5 << 20 && h->jit == CFG_JIT_ON && h->max_timers == 7 && h->memory == 0);
    const struct cfg_value *d = cfg_find(l.c, "app:d")->data;
    cr_expect(cfg_value_get(d, "int")->type == CFG_INT && cfg_value_get(d, "int")->i == 3);
    cr_expect(cfg_value_get(d, "text")->type == CFG_STRING, "quotes make a text of it");
    cr_expect_str_eq(cfg_value_get(d, "raw")->s, "a: b # c ${env:TC_N}", "a value is not looked into again");
    cr_expect_str_eq(cfg_value_get(d, "not")->s, "${env:TC_N} $TC_N ${TC_N} $${env ${env:X}3");
    cr_expect_str_eq(cfg_value_get(d, "${env:TC_N}")->s, "key", "keys are left alone");
    unload(l);
}

Test(env, mistakes) {
    unsetenv("TC_NONE");
    setenv("TC_BAD", "\xff", 1);
    setenv("TC_WORD", "word", 1);
    MISTAKES("version: \"1.0\"\nruntime:\n  workers: ${env:TC_NONE}\n",
             "troupe.yaml:3:12: error: runtime.workers: the environment variable TC_NONE is not set and has "
             "no default (${env:TC_NONE:-default} gives one)");
    MISTAKES("version: \"1.0\"\nruntime:\n  workers: ${env:TC_WORD}\n",
             "troupe.yaml:3:12: error: runtime.workers: expected an integer, found \"word\"");
    MISTAKES(
        "version: \"1.0\"\ncontrol:\n  socket: /a${env:TC_BAD}\n",
        "troupe.yaml:3:11: error: control.socket: the value of the environment variable TC_BAD is not UTF-8");
    MISTAKES("version: \"1.0\"\ncontrol:\n  socket: /a${env:TC_NONE\n",
             "troupe.yaml:3:11: error: control.socket: ${env: without its }");
    MISTAKES("version: \"1.0\"\ncontrol:\n  socket: /a${env:}\n",
             "troupe.yaml:3:11: error: control.socket: ${env:NAME} or ${env:NAME:-default} expected, NAME of "
             "letters, digits and _");
    MISTAKES("version: \"1.0\"\ncontrol:\n  socket: /a${env:1A}\n",
             "troupe.yaml:3:11: error: control.socket: ${env:NAME} or ${env:NAME:-default} expected, NAME of "
             "letters, digits and _");
    MISTAKES("version: \"1.0\"\ncontrol:\n  socket: /a${env:TC-NONE}\n",
             "troupe.yaml:3:11: error: control.socket: ${env:NAME} or ${env:NAME:-default} expected, NAME of "
             "letters, digits and _");
    MISTAKES("version: \"1.0\"\ncontrol:\n  socket: ${env:TC_NONE:-${env:TC_WORD}}\n",
             "troupe.yaml:3:11: error: control.socket: the default of ${env:TC_NONE} has another ${ inside, "
             "which is not supported");
    MISTAKES(
        HEAD
        "  - {name: s, kind: process.service, process: \"${env:TC_NONE}\", host: \"${env:TC_NONE:-x}\"}\n",
        "troupe.yaml:4:47: error: entries[0].process: the environment variable TC_NONE is not set and has no "
        "default (${env:TC_NONE:-default} gives one)",
        "troupe.yaml:4:71: error: app:s.host: there is no entry \"app:x\"");
    MISTAKES("version: \"${env:TC_NONE}\"\n",
             "troupe.yaml:1:10: error: version: the environment variable TC_NONE is not set and has no "
             "default (${env:TC_NONE:-default} gives one)");
}

/* --- the text functions on their own ------------------------------------------------------------------------------ */

struct expansion {
    struct arena arena;
    const char *text, *why, *out;
    size_t n;
};

static void expand(void *ud) {
    struct expansion *e = ud;
    e->out = env_expand(&e->arena, e->text, strlen(e->text), &e->n, &e->why);
}

static void expect_expanded(const char *text, const char *want) {
    struct arena_guard guard;
    struct expansion e = {.text = text};
    arena_init(&e.arena, &guard);
    cr_assert(arena_run(&guard, expand, &e));
    cr_expect(e.out != NULL && strcmp(e.out, want) == 0 && e.n == strlen(want), "%s: %s", text,
              e.out != NULL ? e.out : e.why);
    arena_free(&e.arena);
}

Test(env, texts) {
    setenv("TC_N", "3", 1);
    expect_expanded("${env:TC_N}${env:TC_N}", "33");
    expect_expanded("a${env:TC_N}b", "a3b");
    expect_expanded("$", "$");
    expect_expanded("$$", "$$");
    expect_expanded("$${", "$${");
    expect_expanded("$$${env:TC_N}", "$${env:TC_N}");
    expect_expanded("$$$${env:TC_N}", "$$${env:TC_N}");
    expect_expanded("${env", "${env");
    expect_expanded("${env:TC_N:-a:-b}", "3");
    expect_expanded("${env:TC_NONE:-a:-b}", "a:-b");
    expect_expanded("${env:TC_NONE:-}", "");
    cr_expect(env_wanted("x${env:", 7) && !env_wanted("x${env", 6) && !env_wanted("", 0));
}
