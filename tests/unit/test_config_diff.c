/* What a reload finds changed. */
#include "tests/unit/cfgdir.h"

#include "config/fields.h"

CFG_SUITE(diff);

static struct loaded old_, new_;
static struct cfg_diff *found;

static void compare(const char *before, const char *after) {
    put(MAIN, before);
    old_ = load_good(MAIN);
    put(MAIN, after);
    new_ = load_good(MAIN);
    found = cfg_diff(old_.c, new_.c);
    cr_assert(found != NULL);
    /* the difference holds what it talks about */
    unload(old_);
    unload(new_);
}

static const char *describe(const struct cfg_change *c, char *buf, size_t cap) {
    static const char *const kinds[] = {"added", "removed", "changed"};
    const char *id = c->after != NULL ? c->after->id : c->before != NULL ? c->before->id : "settings";
    char fields[512] = "";
#define WHEN(name, text)                                                                                     \
    if (c->fields[CFG_RELOAD_##name] != NULL)                                                                \
        snprintf(fields + strlen(fields), sizeof fields - strlen(fields), "%s%s " #name,                     \
                 fields[0] != '\0' ? "; " : "", c->fields[CFG_RELOAD_##name]);
    CFG_RELOADS(WHEN)
    snprintf(buf, cap, "%s %s: %s%s%s", kinds[c->kind], id, fields, c->source ? " source" : "",
             c->workers ? " workers" : "");
    return buf;
}

static void expect_changes(int line, ...) {
    va_list ap;
    va_start(ap, line);
    size_t i = 0;
    for (const char *want; (want = va_arg(ap, const char *)) != NULL; i++) {
        char got[512];
        cr_assert(i < cfg_diff_count(found), "line %d: missing: %s", line, want);
        describe(cfg_diff_at(found, i), got, sizeof got);
        cr_expect(strcmp(want, got) == 0, "line %d: expected\n%s\ngot\n%s", line, want, got);
    }
    va_end(ap);
    char more[512];
    cr_expect(i == cfg_diff_count(found), "line %d: too much: %s", line,
              i < cfg_diff_count(found) ? describe(cfg_diff_at(found, i), more, sizeof more) : "");
    cfg_diff_free(found);
}

#define CHANGES(...) expect_changes(__LINE__, __VA_ARGS__ __VA_OPT__(, ) NULL)

#define WORKER(x) "  - {name: w, kind: process.lua, source: 'return {}'" x "}\n"
#define SERVICE(x) "  - {name: s, kind: process.service, process: w, host: processes" x "}\n"
#define WITH_HOST(x) HEAD "  - {name: processes, kind: process.host" x "}\n"
#define PLAIN WITH_HOST("") WORKER("") SERVICE("")

Test(diff, nothing) {
    compare(PLAIN, PLAIN);
    CHANGES();
    compare(PLAIN,
            "# another order, more words\nversion: \"1.0\"\nnamespace: app\nentries:\n" SERVICE(
                ", lifecycle: {startup: required}")
                WORKER("") "  - {name: processes, kind: process.host, host: {process_memory: 67108864}}\n");
    CHANGES();
}

Test(diff, entries_come_and_go) {
    compare(PLAIN, WITH_HOST("") "  - {name: n, kind: registry.entry}\n" WORKER(""));
    CHANGES("added app:n: ", "removed app:s: ");
    compare(PLAIN "  - {name: x, kind: registry.entry}\n", PLAIN "  - {name: x, kind: process.host}\n");
    CHANGES("removed app:x: ", "added app:x: ");
}

Test(diff, hosts) {
    compare(PLAIN, WITH_HOST(", host: {workers: 3}") WORKER("") SERVICE(""));
    CHANGES("changed app:processes: host.workers LIVE workers");
    compare(PLAIN, WITH_HOST(", host: {workers: 3, jit: off, compat: wippy}") WORKER("") SERVICE(""));
    CHANGES("changed app:processes: host.workers LIVE; host.jit, host.compat SPAWN workers");
    compare(PLAIN, WITH_HOST(", lifecycle: {auto_start: true}, meta: {a: 1}") WORKER("") SERVICE(""));
    CHANGES("changed app:processes: meta, lifecycle.auto_start LIVE");
}

Test(diff, services) {
    compare(PLAIN, WITH_HOST("") WORKER("") SERVICE(", input: [1], lifecycle: {requires: [processes]}"));
    CHANGES("changed app:s: input, lifecycle.requires SERVICE");
    compare(PLAIN, WITH_HOST("") WORKER("") SERVICE(", lifecycle: {restart: {jitter: 0.2}}"));
    CHANGES("changed app:s: lifecycle.restart.jitter SERVICE");
    compare(WITH_HOST("") WORKER("") SERVICE(", input: [1, {a: b}]"),
            WITH_HOST("") WORKER("") SERVICE(", input: [1, {a: c}]"));
    CHANGES("changed app:s: input SERVICE");
    compare(WITH_HOST("") WORKER("") "  - {name: w2, kind: process.lua, source: 'return {}'}\n" SERVICE(""),
            WITH_HOST("") WORKER("") "  - {name: w2, kind: process.lua, source: 'return {}'}\n"
                                     "  - {name: s, kind: process.service, process: w2, host: processes}\n");
    CHANGES("changed app:s: process SERVICE");
}

Test(diff, code) {
    compare(PLAIN,
            WITH_HOST("") WORKER(", method: go, modules: [a], compat: wippy, meta: {x: 1}") SERVICE(""));
    CHANGES("changed app:w: meta LIVE; method, modules, compat SPAWN source");
    compare(WITH_HOST("") WORKER(", modules: []"), WITH_HOST("") WORKER(""));
    CHANGES("changed app:w: modules SPAWN source");
    compare(WITH_HOST("") WORKER(", meta: {x: 1}"), WITH_HOST("") WORKER(", meta: {x: 2}"));
    CHANGES("changed app:w: meta LIVE");
    compare(HEAD "  - {name: w, kind: process.lua, source: 'return 1'}\n",
            HEAD "  - {name: w, kind: process.lua, source: 'return 2'}\n");
    CHANGES("changed app:w: source SPAWN source");
}

Test(diff, libraries_change_what_imports_them) {
#define LIBS(a, b)                                                                                           \
    HEAD "  - {name: l, kind: library.lua, source: '" a                                                      \
         "'}\n  - {name: m, kind: library.lua, source: x, imports: {" b "}}\n"                               \
         "  - {name: w, kind: process.lua, source: y, imports: {m: m}}\n"
    compare(LIBS("return 1", "l: l"), LIBS("return 2", "l: l"));
    CHANGES("changed app:l: source SPAWN source", "changed app:m: imports SPAWN source",
            "changed app:w: imports SPAWN source");
    compare(LIBS("return 1", "l: l"), LIBS("return 1", "k: l"));
    CHANGES("changed app:m: imports SPAWN source", "changed app:w: imports SPAWN source");
    compare(LIBS("return 1", "l: l"), LIBS("return 1", ""));
    CHANGES("changed app:m: imports SPAWN source", "changed app:w: imports SPAWN source");
}

Test(diff, settings_and_data) {
    compare("version: \"1.0\"\n",
            "version: \"1.0\"\nlog: {level: warn}\ncontrol: {mode: \"0600\"}\nmetrics: {listen: \":1\"}\n"
            "runtime: {env: [A]}\nshutdown: {timeout: 1s}\n");
    CHANGES("changed settings: runtime.env, log.level, shutdown.timeout LIVE; control.mode, metrics.listen "
            "DAEMON");
    compare("version: \"1.0\"\nruntime: {env: [A]}\n", "version: \"1.0\"\nruntime: {env: [B]}\n");
    CHANGES("changed settings: runtime.env LIVE");
    compare(HEAD "  - {name: d, kind: registry.entry, a: [1, {b: c}], e: f}\n",
            HEAD "  - {name: d, kind: registry.entry, e: f, a: [1, {b: c}]}\n");
    CHANGES();
    compare(HEAD "  - {name: d, kind: registry.entry, a: [1, {b: c}]}\n",
            HEAD "  - {name: d, kind: registry.entry, a: [1, {b: 1}]}\n");
    CHANGES("changed app:d: data LIVE");
}
