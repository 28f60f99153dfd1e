/* What is printed loads again and is the same. */
#include "tests/unit/cfgdir.h"

CFG_SUITE(print);

/* Loads `text`, prints it, loads that, prints it again. */
static char *expect_same(const char *text) {
    put(MAIN, text);
    struct loaded first = load(MAIN);
    cr_assert(first.c != NULL, "%s", report_text(first.r));
    char *printed = print_text(first.c);
    put("printed.yaml", printed);
    struct loaded second = load("printed.yaml");
    cr_assert(second.c != NULL, "%s\n%s", report_text(second.r), printed);
    char *again = print_text(second.c);
    cr_expect(strcmp(printed, again) == 0, "first\n%ssecond\n%s", printed, again);
    struct cfg_diff *d = cfg_diff(first.c, second.c);
    cr_expect(cfg_diff_count(d) == 0, "%zu differences", cfg_diff_count(d));
    for (size_t i = 0; i < cfg_diff_count(d); i++)
        for (int r = 0; r < CFG_RELOAD_COUNT; r++)
            if (cfg_diff_at(d, i)->fields[r] != NULL)
                cr_log_warn("%s", cfg_diff_at(d, i)->fields[r]);
    cfg_diff_free(d);
    cr_expect(cfg_entry_count(first.c) == cfg_entry_count(second.c));
    free(again);
    unload(first);
    unload(second);
    return printed;
}

Test(print, nothing_but_defaults) {
    char *text = expect_same("version: \"1.0\"\n");
    cr_expect_str_eq(text, "version: \"1.0\"\nruntime:\n  workers: 0\n  compat: seed\nlog:\n  level: info\n"
                           "  format: auto\n  print: stdout\ncontrol:\n  socket: /run/troupe/control.sock\n"
                           "  mode: \"0660\"\nshutdown:\n  timeout: 30s\n");
    free(text);
}

Test(print, every_field) {
    put("lua/w.lua", "return {}");
    put("sub/x.yaml",
        "namespace: sub.ns\nentries:\n  - {name: util, kind: library.lua, source: 'file://u.lua'}\n"
        "  - name: inline\n    kind: library.lua\n    source: |\n      local M = {}\n\n      \tx()\n      "
        "return M -- \xc3\xa9\n");
    put("sub/u.lua", "return {}");
    char *text = expect_same(
        "version: \"1.0\"\ninclude: [sub]\nnamespace: app\n"
        "runtime: {workers: 2, compat: wippy, env: [HOME, APP_*]}\nlog: {level: debug, format: json, print: "
        "stderr}\n"
        "control: {socket: \"/run/a b/c.sock\", mode: \"0600\", group: adm}\nmetrics: {listen: "
        "\"[::1]:9464\"}\n"
        "shutdown: {timeout: 1m30.5s}\nentries:\n"
        "  - name: h\n    kind: process.host\n    host: {workers: 4, max_processes: 5, process_memory: 1GiB, "
        "memory: 0,\n"
        "      mailbox_messages: 7, mailbox_bytes: 1500, mailbox_policy: kill, time_slice: 1.5ms, "
        "max_run_time: 2s,\n"
        "      jit: on, compat: seed, max_timers: 0, max_coroutines: 9}\n"
        "    lifecycle: {auto_start: true, startup: optional}\n"
        "  - name: w\n    kind: process.lua\n    meta: {comment: anything, list: [1, 2.5, {a: ~}]}\n    "
        "source: file://lua/w.lua\n"
        "    method: go\n    modules: [time, json, 'on']\n    imports: {util: \"sub.ns:util\", 'in line': "
        "\"sub.ns:inline\"}\n    compat: seed\n"
        "  - {name: f, kind: function.lua, source: \"return {}\", host: h, modules: []}\n"
        "  - name: w.service\n    kind: process.service\n    process: w\n    host: h\n    input: [\"a\", 1, "
        "{ k: v }, []]\n"
        "    lifecycle: {auto_start: true, requires: [h], start_timeout: 1s, stop_timeout: 0s, "
        "stable_threshold: 1h,\n"
        "      restart: {initial_delay: 5ms, max_delay: 2s, backoff_factor: 1.25, jitter: 0, max_attempts: "
        "3}}\n"
        "  - {name: d, kind: registry.entry, anything: [goes], \"it is\": {data: yes}, 'null': 1}\n"
        "  - {name: z, kind: some.thing, addr: \":8080\"}\n");
    cr_expect(strstr(text, "    source: file://sub/u.lua\n") != NULL, "relative to the main file");
    cr_expect(
        strstr(text, "    source: |\n      local M = {}\n\n      \tx()\n      return M -- \xc3\xa9\n") !=
        NULL);
    cr_expect(strstr(text, "    jit: \"on\"\n") || strstr(text, "      jit: \"on\"\n"), "no boolean");
    free(text);
}

Test(print, texts_that_look_like_something_else) {
    static const char *const texts[] = {
        "''",
        "' '",
        "'a: b'",
        "'#x'",
        "'- a'",
        "'true'",
        "'null'",
        "'~'",
        "'1'",
        "'0x1F'",
        "'.inf'",
        "'on'",
        "'$${env:HOME}'",
        "'$$$${env:HOME}'",
        "\"a\\tb\\nc\\r\\0\\e\\x7f\\u0085\\u2028\\ufeff\\uffff\"",
        "'\"quoted\" \\'",
        "'&a *b !c'",
        "'%'",
        "'@x'",
        "'`'",
        "\"\\U0001F600\\u00a0\"",
        "'a '",
        "' a'",
        "|\n      a\n\n      b\n\n",
        "'<<'",
        "'---'",
        "'...'",
        "'...x'",
    };
    FILE *f = fopen("all", "w+");
    fputs(HEAD "  - name: d\n    kind: registry.entry\n", f);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        fprintf(f, "    t%zu: %s\n", i, texts[i]);
    fputs("    keys: {\"a: b\": 1, \"\\0\": 2, \"${env:HOME}\": 3, '<<': 4, '': 5}\n", f);
    fputs("    deep: "
          "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[x]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"
          "]]]]]]]\n",
          f);
    fputs("    numbers: [0.1, 1e300, -0.0, .inf, -.inf, .nan, 1.0, 123456789012345678, 5e-324, "
          "0.30000000000000004]\n",
          f);
    fprintf(f, "    ? \"%0500d\"\n    : {? \"%0500d\" : x}\n", 1, 2);
    rewind(f);
    char text[16384] = "";
    cr_assert(fread(text, 1, sizeof text - 1, f) > 0 && feof(f));
    fclose(f);
    free(expect_same(text));
}

Test(print, lua_texts_of_every_shape) {
    static const char *const sources[] = {
        "|\n      a\n",
        "|-\n      a\n",
        "|+\n      a\n\n\n",
        "|2\n        a\n      b\n",
        "\"a\\n \\nb\\n\"",
        "\"\\ta\\n\"",
        "\"a\\n\\n  b\\n\"",
        "\"a\\r\\nb\\n\"",
        "\"a\\u0085b\\n\"",
        "\"${env:X:-x}\\n\"",
        "\"\\n\"",
        "\"a\\n\\n\"",
        "\"a \\nb\\t\\n\"",
        "\"--[[ # ]]\\n\"",
        "\"---\\na\\n...\\n\"",
        "'$${env:HOME}'",
        "\"a\\n\\n\\nb\\n\"",
        "\" \\n\"",
    };
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        char text[512];
        snprintf(text, sizeof text, HEAD "  - name: l\n    kind: library.lua\n    source: %s\n", sources[i]);
        free(expect_same(text));
    }
}

Test(print, sources_with_strange_names) {
    static const char *const names[] = {"a b.lua", "1.lua",           "\xc3\xa9: x.lua",
                                        "#.lua",   "${env:HOME}.lua", "sub/it's.lua"};
    char text[2048] = HEAD;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        put(names[i], "return {}");
        sprintf(text + strlen(text), "  - {name: l%zu, kind: library.lua, source: \"file://%s%s\"}\n", i,
                names[i][0] == '$' ? "$" : "", names[i]);
    }
    free(expect_same(text));
}

Test(print, names_of_every_shape) {
    free(expect_same(
        "version: \"1.0\"\nnamespace: 1.5\nentries:\n  - {name: 0x1F, kind: process.host}\n  - {name: "
        "'true', kind: process.host}\n"
        "  - {name: '~', kind: process.host}\n  - {name: -x, kind: process.host}\n  - {name: '#', kind: "
        "process.host}\n"
        "  - {name: '\xc3\xa9', kind: process.host}\n  - {name: '@[]', kind: process.host}\n"
        "  - {name: s, kind: library.lua, source: x, imports: {'': t, '1': t, ' ': t, 'a: b': t}}\n"
        "  - {name: t, kind: library.lua, source: x}\n"));
}
