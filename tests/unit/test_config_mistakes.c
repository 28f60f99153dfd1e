/* Every kind of mistake: its place, what was found, what is allowed; and all of them in one run. */
#include "tests/unit/cfgdir.h"

CFG_SUITE(mistakes);

Test(mistakes, unknown_fields_are_named_and_corrected) {
    MISTAKES("version: \"1.0\"\nruntimes: {}\n",
             "troupe.yaml:2:1: error: runtimes: unknown field; did you mean \"runtime\"?");
    MISTAKES("version: \"1.0\"\nruntime: {wrokers: 1}\n",
             "troupe.yaml:2:11: error: runtime.wrokers: unknown field; did you mean \"workers\"?");
    MISTAKES("version: \"1.0\"\nlog:\n  levle: info\n  colour: red\n",
             "troupe.yaml:3:3: error: log.levle: unknown field; did you mean \"level\"?",
             "troupe.yaml:4:3: error: log.colour: unknown field");
    MISTAKES(
        HEAD
        "  - name: h\n    kind: process.host\n    host:\n      worker: 1\n      timeslice: 1ms\n    zzz: 1\n",
        "troupe.yaml:7:7: error: app:h.host.worker: unknown field; did you mean \"workers\"?",
        "troupe.yaml:8:7: error: app:h.host.timeslice: unknown field; did you mean \"time_slice\"?",
        "troupe.yaml:9:5: error: app:h.zzz: unknown field");
    MISTAKES(HEAD "  - name: h\n    kind: process.host\n    lifecycle: {restart: {inital_delay: 1s}}\n",
             "troupe.yaml:6:27: error: app:h.lifecycle.restart.inital_delay: unknown field; did you mean "
             "\"initial_delay\"?");
    MISTAKES(HEAD "  - name: h\n    kind: process.host\n    host.workers: 1\n",
             "troupe.yaml:6:5: error: app:h.host.workers: unknown field");
    MISTAKES(HEAD "  - name: h\n    kind: process.host\n    \"a\\e[2Jb\": 1\n    \"host\\0\": 1\n",
             "troupe.yaml:6:5: error: app:h.\"a\\x1B[2Jb\": unknown field",
             "troupe.yaml:7:5: error: app:h.\"host\\x00\": unknown field; did you mean \"host\"?");
}

Test(mistakes, values_of_the_wrong_type) {
    MISTAKES("version: \"1.0\"\nruntime: [1]\nlog: 5\n",
             "troupe.yaml:2:10: error: runtime: expected a mapping, found a list",
             "troupe.yaml:3:6: error: log: expected a mapping, found \"5\"");
    MISTAKES("version: \"1.0\"\nruntime: {workers: many, compat: 1, env: HOME}\n",
             "troupe.yaml:2:20: error: runtime.workers: expected an integer, found \"many\"",
             "troupe.yaml:2:34: error: runtime.compat: expected seed or wippy, found \"1\"",
             "troupe.yaml:2:42: error: runtime.env: expected a list of strings, found \"HOME\"");
    MISTAKES("version: \"1.0\"\nruntime: {workers: \"4\"}\n",
             "troupe.yaml:2:20: error: runtime.workers: expected an integer, found the quoted string \"4\"");
    MISTAKES("version: \"1.0\"\nruntime: {workers: 4.0}\n",
             "troupe.yaml:2:20: error: runtime.workers: expected an integer, found \"4.0\"");
    MISTAKES("version: \"1.0\"\nruntime: {workers: 99999999999999999999}\n",
             "troupe.yaml:2:20: error: runtime.workers: \"99999999999999999999\" is out of range, allowed is "
             "0 to 1024");
    MISTAKES("version: \"1.0\"\n\"\": 3\nruntime: {\"\": 3}\ninclude: ['']\n",
             "troupe.yaml:2:1: error: \"\": unknown field",
             "troupe.yaml:3:11: error: runtime.\"\": unknown field",
             "troupe.yaml:4:11: error: include[0]: expected the name of a file, glob or folder, found \"\"");
    MISTAKES(HEAD "  - name: h\n    kind: process.host\n    host:\n      process_memory: 9999999999PiB\n"
                  "      memory: 99999999999999999999\n",
             "troupe.yaml:7:23: error: app:h.host.process_memory: \"9999999999PiB\" is out of range, allowed "
             "is 0 or 64KiB to 1PiB",
             "troupe.yaml:8:15: error: app:h.host.memory: \"99999999999999999999\" is out of range, allowed "
             "is 0 or 1MiB to 1PiB");
    MISTAKES("version: \"1.0\"\nruntime: {workers: [4]}\n",
             "troupe.yaml:2:20: error: runtime.workers: expected an integer, found a list");
    MISTAKES("version: \"1.0\"\nruntime: {env: [A, [B], {c: d}, ~, \"A-B\", '']}\n",
             "troupe.yaml:2:20: error: runtime.env[1]: expected a string, found a list",
             "troupe.yaml:2:25: error: runtime.env[2]: expected a string, found a mapping",
             "troupe.yaml:2:33: error: runtime.env[3]: expected a string, found nothing",
             "troupe.yaml:2:36: error: runtime.env[4]: expected a name of letters, digits and _, with * for "
             "any run of them, found \"A-B\"",
             "troupe.yaml:2:43: error: runtime.env[5]: expected a name of letters, digits and _, with * for "
             "any run of them, found \"\"");
    MISTAKES("version: \"1.0\"\ncontrol: {mode: rw, socket: 5, group: ''}\n",
             "troupe.yaml:2:17: error: control.mode: expected a file mode in octal, such as \"0660\", found "
             "\"rw\"",
             "troupe.yaml:2:39: error: control.group: expected a group's name, found \"\"");
    MISTAKES("version: \"1.0\"\ncontrol: {mode: \"0980\"}\n",
             "troupe.yaml:2:17: error: control.mode: expected a file mode in octal, such as \"0660\", found "
             "\"0980\"");
    MISTAKES("version: \"1.0\"\nmetrics: {listen: localhost}\n",
             "troupe.yaml:2:19: error: metrics.listen: expected an address and a port such as "
             "127.0.0.1:9464, [::1]:9464 or :9464, found \"localhost\"");
    MISTAKES("version: \"1.0\"\nmetrics: {listen: \"::1:80\"}\n",
             "troupe.yaml:2:19: error: metrics.listen: expected an address and a port such as "
             "127.0.0.1:9464, [::1]:9464 or :9464, found \"::1:80\"");
    MISTAKES("version: \"1.0\"\nmetrics: {listen: \"h:65536\"}\n",
             "troupe.yaml:2:19: error: metrics.listen: expected an address and a port such as "
             "127.0.0.1:9464, [::1]:9464 or :9464, found \"h:65536\"");
    MISTAKES("version: \"1.0\"\nshutdown: {timeout: 30}\n",
             "troupe.yaml:2:21: error: shutdown.timeout: expected a duration such as 1h30m, 1.5s or 500ms, "
             "found \"30\"; did you mean \"30s\"?");
    MISTAKES("version: \"1.0\"\nshutdown: {timeout: soon}\n",
             "troupe.yaml:2:21: error: shutdown.timeout: expected a duration such as 1h30m, 1.5s or 500ms, "
             "found \"soon\"");
    MISTAKES(HEAD "  - name: h\n    kind: process.host\n    host:\n      process_memory: 64MB\n      memory: "
                  "1G\n      mailbox_bytes: lots\n      jit: maybe\n      mailbox_policy: Kil\n",
             "troupe.yaml:7:23: error: app:h.host.process_memory: expected a size: bytes, or a whole number "
             "with B, KiB, MiB, GiB, TiB or PiB, such as 64MiB, found \"64MB\"; did you mean \"64MiB\"?",
             "troupe.yaml:8:15: error: app:h.host.memory: expected a size: bytes, or a whole number with B, "
             "KiB, MiB, GiB, TiB or PiB, such as 64MiB, found \"1G\"; did you mean \"1GiB\"?",
             "troupe.yaml:9:22: error: app:h.host.mailbox_bytes: expected a size: bytes, or a whole number "
             "with B, KiB, MiB, GiB, TiB or PiB, such as 64MiB, found \"lots\"",
             "troupe.yaml:10:12: error: app:h.host.jit: expected off, on or auto, found \"maybe\"",
             "troupe.yaml:11:23: error: app:h.host.mailbox_policy: expected reject or kill, found \"Kil\"; "
             "did you mean \"kill\"?");
    MISTAKES(
        HEAD "  - name: h\n    kind: process.host\n    lifecycle:\n      auto_start: perhaps\n      "
             "requires: x\n      restart: {jitter: high, backoff_factor: {}}\n",
        "troupe.yaml:7:19: error: app:h.lifecycle.auto_start: expected true or false, found \"perhaps\"",
        "troupe.yaml:8:17: error: app:h.lifecycle.requires: expected a list of ids of entries, found \"x\"",
        "troupe.yaml:9:25: error: app:h.lifecycle.restart.jitter: expected a number, found \"high\"",
        "troupe.yaml:9:47: error: app:h.lifecycle.restart.backoff_factor: expected a number, found a "
        "mapping");
    MISTAKES(HEAD "  - name: h\n    kind: process.host\n    meta: [1]\n",
             "troupe.yaml:6:11: error: app:h.meta: expected a mapping, found a list");
}

Test(mistakes, numbers_out_of_range) {
    MISTAKES("version: \"1.0\"\nruntime: {workers: 1025}\n",
             "troupe.yaml:2:20: error: runtime.workers: \"1025\" is out of range, allowed is 0 to 1024");
    MISTAKES("version: \"1.0\"\nruntime: {workers: -1}\n",
             "troupe.yaml:2:20: error: runtime.workers: \"-1\" is out of range, allowed is 0 to 1024");
    MISTAKES("version: \"1.0\"\nruntime: {workers: 99999999999999999999}\n",
             "troupe.yaml:2:20: error: runtime.workers: \"99999999999999999999\" is out of range, allowed is "
             "0 to 1024");
    MISTAKES("version: \"1.0\"\nruntime: {workers: 1.5}\n",
             "troupe.yaml:2:20: error: runtime.workers: expected an integer, found \"1.5\"");
    MISTAKES("version: \"1.0\"\ncontrol: {mode: \"1777\"}\n",
             "troupe.yaml:2:17: error: control.mode: \"1777\" is out of range, allowed is 0000 to 0777");
    MISTAKES("version: \"1.0\"\nshutdown: {timeout: -1s}\n",
             "troupe.yaml:2:21: error: shutdown.timeout: \"-1s\" is out of range, allowed is 0s to 24h0m0s");
    MISTAKES(
        HEAD "  - name: h\n    kind: process.host\n    host: {process_memory: 1KiB, time_slice: 1us, "
             "max_timers: -5}\n",
        "troupe.yaml:6:28: error: app:h.host.process_memory: \"1KiB\" is out of range, allowed is 0 or 64KiB "
        "to 1PiB",
        "troupe.yaml:6:46: error: app:h.host.time_slice: \"1us\" is out of range, allowed is 100µs to 10s",
        "troupe.yaml:6:63: error: app:h.host.max_timers: \"-5\" is out of range, allowed is 0 to 1000000000");
    MISTAKES(HEAD "  - name: h\n    kind: process.host\n    lifecycle: {restart: {jitter: 1.01, "
                  "backoff_factor: .nan}}\n",
             "troupe.yaml:6:35: error: app:h.lifecycle.restart.jitter: \"1.01\" is out of range, allowed is "
             "0 to 1",
             "troupe.yaml:6:57: error: app:h.lifecycle.restart.backoff_factor: \".nan\" is out of range, "
             "allowed is 1 to 100");
}

Test(mistakes, entries_without_what_they_need) {
    MISTAKES("version: \"1.0\"\nentries:\n  - name: a\n    kind: process.host\n",
             "troupe.yaml:1:1: error: namespace: missing: the file has entries, whose ids begin with it");
    MISTAKES("version: \"1.0\"\nnamespace: a b\nentries:\n  - name: a\n    kind: process.host\n",
             "troupe.yaml:2:12: error: namespace: \"a b\" is no name: one is not empty and has no white "
             "space and none of : | { } = \" ' * ,");
    MISTAKES("version: \"1.0\"\nentries: 5\n",
             "troupe.yaml:2:10: error: entries: expected a list, found \"5\"");
    MISTAKES("version: \"1.0\"\nnamespace: app\nentries: {a: b}\n",
             "troupe.yaml:3:10: error: entries: expected a list, found a mapping");
    MISTAKES(HEAD "  - x\n  - [y]\n  - {}\n",
             "troupe.yaml:4:5: error: entries[0]: expected a mapping with name, kind and more, found \"x\"",
             "troupe.yaml:5:5: error: entries[1]: expected a mapping with name, kind and more, found a list",
             "troupe.yaml:6:5: error: entries[2].name: missing",
             "troupe.yaml:6:5: error: entries[2].kind: missing: one of process.host, process.lua, "
             "process.service, function.lua, library.lua, registry.entry");
    MISTAKES(HEAD "  - name: a\n", "troupe.yaml:4:5: error: app:a.kind: missing: one of process.host, "
                                   "process.lua, process.service, function.lua, library.lua, registry.entry");
    MISTAKES(HEAD "  - kind: process.host\n", "troupe.yaml:4:5: error: entries[0].name: missing");
    MISTAKES(HEAD "  - name: a:b\n    kind: process.host\n",
             "troupe.yaml:4:11: error: entries[0].name: \"a:b\" is no name: one is not empty and has no "
             "white space and none of : | { } = \" ' * ,");
    MISTAKES(HEAD "  - name: 'a b'\n    kind: process.host\n",
             "troupe.yaml:4:11: error: entries[0].name: \"a b\" is no name: one is not empty and has no "
             "white space and none of : | { } = \" ' * ,");
    MISTAKES(HEAD "  - name: [a]\n    kind: {b: c}\n",
             "troupe.yaml:4:11: error: entries[0].name: expected a string, found a list",
             "troupe.yaml:5:11: error: entries[0].kind: expected a string, found a mapping");
    MISTAKES("version: \"1.0\"\nentries:\n  - {kind: process.service, process: a, host: b:c, input: 5}\n",
             "troupe.yaml:1:1: error: namespace: missing: the file has entries, whose ids begin with it",
             "troupe.yaml:3:5: error: entries[0].name: missing",
             "troupe.yaml:3:47: error: entries[0].host: there is no entry \"b:c\"",
             "troupe.yaml:3:59: error: entries[0].input: expected a list, found \"5\"");
    MISTAKES(HEAD "  - name: s\n    kind: process.service\n",
             "troupe.yaml:4:5: error: app:s.process: missing: what runs",
             "troupe.yaml:4:5: error: app:s.host: missing: where it runs");
    MISTAKES(HEAD "  - name: s\n    kind: process.lua\n",
             "troupe.yaml:4:5: error: app:s.source: missing: the Lua text, or file:// and the name of its "
             "file, relative to the YAML file");
    MISTAKES(HEAD "  - name: s\n    kind: process.lua\n    source:\n",
             "troupe.yaml:4:5: error: app:s.source: missing: the Lua text, or file:// and the name of its "
             "file, relative to the YAML file");
}

Test(mistakes, kinds) {
    MISTAKES(HEAD "  - name: a\n    kind: process.hots\n",
             "troupe.yaml:5:11: warning: app:a.kind: unknown kind \"process.hots\", the entry is kept as "
             "data; did you mean \"process.host\"?");
    MISTAKES(
        HEAD "  - name: a\n    kind: http.service\n    addr: x\n",
        "troupe.yaml:5:11: warning: app:a.kind: unknown kind \"http.service\", the entry is kept as data");
}

Test(mistakes, versions) {
    MISTAKES("", "troupe.yaml:1:1: error: empty: a main file has at least version: \"1.0\"");
    MISTAKES("# nothing\n", "troupe.yaml:1:1: error: empty: a main file has at least version: \"1.0\"");
    MISTAKES("---\n", "troupe.yaml:1:1: error: empty: a main file has at least version: \"1.0\"");
    MISTAKES("namespace: app\n",
             "troupe.yaml:1:1: error: version: missing: the first line of a main file is version: \"1.0\"");
    MISTAKES("version: \"2.0\"\n", "troupe.yaml:1:10: error: version: expected \"1.0\", found \"2.0\"");
    MISTAKES("version: [1.0]\n", "troupe.yaml:1:10: error: version: expected \"1.0\", found a list");
    MISTAKES("- a\n",
             "troupe.yaml:1:1: error: expected a mapping with version, namespace, entries, found a list");
    MISTAKES("hello\n",
             "troupe.yaml:1:1: error: expected a mapping with version, namespace, entries, found \"hello\"");
}

Test(mistakes, the_same_id_twice) {
    MISTAKES(HEAD HOST "  - {name: processes, kind: process.lua}\n",
             "troupe.yaml:5:5: error: app:processes: defined twice; the first is at troupe.yaml:4:5",
             "troupe.yaml:5:5: error: app:processes (entries[1]).source: missing: the Lua text, or file:// "
             "and the name of its file, relative to the YAML file");
}

Test(mistakes, references) {
    put("w.lua", "return {}");
    MISTAKES(HEAD HOST "  - {name: worker, kind: process.lua, source: 'file://w.lua'}\n  - name: s\n    "
                       "kind: process.service\n    process: wroker\n    host: app:process\n    lifecycle: "
                       "{requires: [app:nobody, worker, '', {a: b}]}\n",
             "troupe.yaml:8:14: error: app:s.process: there is no entry \"app:wroker\"; did you mean "
             "\"app:worker\"?",
             "troupe.yaml:9:11: error: app:s.host: there is no entry \"app:process\"; did you mean "
             "\"app:processes\"?",
             "troupe.yaml:10:28: error: app:s.lifecycle.requires[0]: there is no entry \"app:nobody\"",
             "troupe.yaml:10:40: error: app:s.lifecycle.requires[1]: app:worker is a process.lua; needed is "
             "the id of process.host or process.service",
             "troupe.yaml:10:48: error: app:s.lifecycle.requires[2]: there is no entry \"app:\"; did you "
             "mean \"app:s\"?",
             "troupe.yaml:10:52: error: app:s.lifecycle.requires[3]: expected a string, found a mapping");
    MISTAKES(
        HEAD HOST "  - {name: s, kind: process.service, process: processes, host: app:s}\n",
        "troupe.yaml:5:47: error: app:s.process: app:processes is a process.host; needed is the id of "
        "process.lua",
        "troupe.yaml:5:64: error: app:s.host: app:s is a process.service; needed is the id of process.host");
    MISTAKES(
        HEAD "  - name: p\n    kind: process.lua\n    source: file://w.lua\n    imports: {a: p, b: nope, c: "
             "[x]}\n    meta: {default_host: p}\n",
        "troupe.yaml:7:18: error: app:p.imports.a: app:p is a process.lua; needed is the id of library.lua",
        "troupe.yaml:7:24: error: app:p.imports.b: there is no entry \"app:nope\"",
        "troupe.yaml:7:33: error: app:p.imports.c: expected a string, found a list",
        "troupe.yaml:8:26: error: app:p.meta.default_host: app:p is a process.lua; needed is the id of "
        "process.host");
    MISTAKES(HEAD "  - {name: d, kind: db.sql}\n  - name: h\n    kind: process.host\n    lifecycle: "
                  "{depends_on: [d]}\n",
             "troupe.yaml:4:21: warning: app:d.kind: unknown kind \"db.sql\", the entry is kept as data",
             "troupe.yaml:7:30: warning: app:h.lifecycle.depends_on[0]: app:d is of the unknown kind db.sql, "
             "which is only data; needed is the id of process.host or process.service");
    MISTAKES(HEAD
             "  - {name: d, kind: term.host}\n  - {name: s, kind: process.service, process: d, host: d}\n",
             "troupe.yaml:4:21: warning: app:d.kind: unknown kind \"term.host\", the entry is kept as data",
             "troupe.yaml:5:47: error: app:s.process: app:d is a term.host; needed is the id of process.lua",
             "troupe.yaml:5:56: error: app:s.host: app:d is a term.host; needed is the id of process.host");
    MISTAKES(HEAD "  - name: h\n    kind: process.host\n    lifecycle: {depends_on: [], requires: []}\n",
             "troupe.yaml:6:43: error: app:h.lifecycle.requires: given already, as lifecycle.depends_on at "
             "line 6: the two are the same field");
}

Test(mistakes, circles) {
    put("w.lua", "return {}");
    MISTAKES(HEAD "  - {name: a, kind: library.lua, source: 'file://w.lua', imports: {x: b}}\n  - {name: b, "
                  "kind: library.lua, source: 'file://w.lua', imports: {x: c}}\n  - {name: c, kind: "
                  "library.lua, source: 'file://w.lua', imports: {x: b, y: a}}\n  - {name: d, kind: "
                  "library.lua, source: 'file://w.lua', imports: {x: d}}\n",
             "troupe.yaml:5:67: error: app:b.imports: a circle: app:b -> app:c -> app:b",
             "troupe.yaml:7:67: error: app:d.imports: a circle: app:d -> app:d");
    MISTAKES(
        HEAD
        "  - name: h\n    kind: process.host\n    lifecycle: {depends_on: [s]}\n  - {name: p, kind: "
        "process.lua, source: 'file://w.lua'}\n  - {name: s, kind: process.service, process: p, host: h}\n",
        "troupe.yaml:6:29: error: app:h.lifecycle.depends_on: a circle: app:h -> app:s -> app:h");
}

Test(mistakes, yaml) {
    MISTAKES("version: \"1.0\"\nruntime:\n\tworkers: 1\n",
             "troupe.yaml:3:1: error: YAML syntax: a tab cannot be used for indentation");
    MISTAKES("version: \"1.0\"\nruntime: [1\nlog: 2\n",
             "troupe.yaml:3:4: error: YAML syntax: did not find expected ',' or ']', while parsing a flow "
             "sequence that begins at line 2, column 10");
    MISTAKES("version: \"1.0\"\nlog: {}\nlog: {}\n",
             "troupe.yaml:3:1: error: the key \"log\" is there twice; the first is at line 2, column 1");
    MISTAKES("version: \"1.0\"\n---\nversion: \"1.0\"\n",
             "troupe.yaml:2:1: error: a second document (---): a file holds only one");
    MISTAKES("version: \"1.0\"\nlog: *x\n",
             "troupe.yaml:2:6: error: log: the alias *x has no anchor &x before it");
    MISTAKES("version: \"1.0\"\nlog: &x {a: *x}\n",
             "troupe.yaml:2:13: error: log.a: the alias *x stands inside its own anchor &x");
    MISTAKES("version: \"1.0\"\n? [a]\n: 1\n",
             "troupe.yaml:2:3: error: a key must be plain text, found a list");
    MISTAKES("version: \"1.0\"\nlog: !foo {}\n",
             "troupe.yaml:2:6: error: log: the tag \"!foo\" is not supported here; allowed are !!str !!int "
             "!!float !!bool !!null on scalars, !!seq, !!map");
    MISTAKES("version: \"1.0\"\n<<: 5\n",
             "troupe.yaml:2:5: error: << takes a mapping or a list of mappings, found \"5\"");
    MISTAKES("version: \"1.0\"\nlog: \"x\n",
             "troupe.yaml:3:1: error: YAML syntax: found unexpected end of stream, while scanning a quoted "
             "scalar that begins at line 2, column 6");
    MISTAKES("version: \"1.0\"\nlog: @x\n",
             "troupe.yaml:2:6: error: YAML syntax: @ cannot begin a value; put the value in quotes");
    MISTAKES("%YAML 9.9\n---\nversion: \"1.0\"\n",
             "troupe.yaml:1:1: error: YAML syntax: found incompatible YAML document");
    put_bytes(MAIN, "version: \"1.0\"\n# \xff\n", 18);
    struct loaded l = load(MAIN);
    EXPECT(l, "troupe.yaml:2:3: error: the byte 0xFF is not UTF-8, the encoding that files must have");
    unload(l);
    put_bytes(MAIN, "version: \"1.0\"\nlog: a\0b\n", 24);
    l = load(MAIN);
    EXPECT(l, "troupe.yaml:2:7: error: the character U+0000 is not allowed");
    unload(l);
    put_bytes(MAIN, "\xff\xfev\0e\0", 6);
    l = load(MAIN);
    EXPECT(l, "troupe.yaml:1:1: error: the byte 0xFF is not UTF-8, the encoding that files must have");
    unload(l);
}

Test(mistakes, of_all_files_in_one_run) {
    put("good.lua", "return {}");
    put("a.yaml",
        "namespace: a\nentries:\n  - name: x\n    kind: process.lua\n    source: file://nowhere.lua\n  - "
        "name: y\n    kind: process.host\n    host: {workers: x}\n  - name: z\n    kind: [\n");
    put("b.yaml", "namespace: b\nruntime: {workers: 1}\nentries:\n  - {name: s, kind: process.service, "
                  "process: a:q, host: a:y}\n");
    put("c.yaml", "\xff");
    MISTAKES("version: \"1.0\"\ninclude: [a.yaml, b.yaml, c.yaml, gone.yaml]\nlog: {level: loud}\n",
             "troupe.yaml:2:35: error: include[3]: gone.yaml: cannot be opened: No such file or directory",
             "troupe.yaml:3:14: error: log.level: expected debug, info, warn or error, found \"loud\"",
             "a.yaml:5:13: error: a:x.source: nowhere.lua: No such file or directory",
             "a.yaml:8:21: error: a:y.host.workers: expected an integer, found \"x\"",
             "a.yaml:11:1: error: YAML syntax: did not find expected node content, while parsing a flow node",
             "b.yaml:2:20: error: runtime.workers: only the main file may have this field",
             "b.yaml:4:47: error: b:s.process: there is no entry \"a:q\"; did you mean \"a:x\"? (it may be "
             "in a.yaml, which could not be read in full)",
             "c.yaml:1:1: error: the byte 0xFF is not UTF-8, the encoding that files must have");
}
