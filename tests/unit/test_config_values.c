/* What YAML says becomes what C reads: plain data, typed fields, limits of size. */
#include "tests/unit/cfgdir.h"

#include "config/fields.h"
#include "config/yaml.h"

#include <math.h>

CFG_SUITE(values);
CFG_SUITE(limits);

/* The data of one entry app:d with the given fields. */
static struct loaded load_data(const char *fields) {
    char text[8192];
    snprintf(text, sizeof text, HEAD "  - name: d\n    kind: registry.entry\n%s", fields);
    put(MAIN, text);
    return load_good(MAIN);
}

static const struct cfg_value *data(struct loaded l, const char *key) {
    const struct cfg_value *v = cfg_value_get(cfg_find(l.c, "app:d")->data, key);
    cr_assert(v != NULL, "no %s", key);
    return v;
}

Test(values, scalars_by_the_core_schema) {
    struct loaded l =
        load_data("    i: [0, -1, +7, 0x1F, 0o17, 007, 9223372036854775807, -9223372036854775808]\n    d: "
                  "[1.5, -0.0, .5, 1., 1e3, 1E-2, .inf, -.INF, +.inf, .nan, 9223372036854775808]\n    b: "
                  "[true, True, TRUE, false, False, FALSE]\n    z: [null, Null, NULL, ~, !!null a, '']\n    "
                  "s: [yes, on, '1', \"true\", 1a, 0x, 0xg, 1e, ., -a, '', tRUE, 1_000, 0b1, .e5, 1 2]\n    "
                  "t: [!!str 12, !!int 12, !!float 12, ! 12, !!null x, !!bool true, !!str '']\n");
    static const int64_t ints[] = {0, -1, 7, 31, 15, 7, INT64_MAX, INT64_MIN};
    const struct cfg_value *v = data(l, "i");
    cr_assert(v->type == CFG_ARRAY && v->n == 8);
    for (size_t i = 0; i < v->n; i++)
        cr_expect(v->items[i].type == CFG_INT && v->items[i].i == ints[i], "i[%zu]", i);
    static const double doubles[] = {
        1.5, -0.0, .5, 1, 1000, .01, INFINITY, -INFINITY, INFINITY, NAN, 9223372036854775808.0};
    v = data(l, "d");
    cr_assert(v->n == 11);
    for (size_t i = 0; i < v->n; i++) {
        double d = v->items[i].d;
        cr_expect(v->items[i].type == CFG_DOUBLE, "d[%zu]", i);
        cr_expect(isnan(doubles[i]) ? isnan(d) : d == doubles[i] && signbit(d) == signbit(doubles[i]),
                  "d[%zu]", i);
    }
    v = data(l, "b");
    for (size_t i = 0; i < v->n; i++)
        cr_expect(v->items[i].type == CFG_BOOL && v->items[i].b == (i < 3), "b[%zu]", i);
    v = data(l, "z");
    cr_assert(v->n == 6);
    for (size_t i = 0; i < v->n; i++)
        cr_expect(v->items[i].type == (i < 5 ? CFG_NULL : CFG_STRING), "z[%zu]", i);
    v = data(l, "s");
    cr_assert(v->n == 16);
    for (size_t i = 0; i < v->n; i++)
        cr_expect(v->items[i].type == CFG_STRING && v->items[i].n == strlen(v->items[i].s), "s[%zu]", i);
    static const enum cfg_vtype tagged[] = {CFG_STRING, CFG_INT,  CFG_DOUBLE, CFG_STRING,
                                            CFG_NULL,   CFG_BOOL, CFG_STRING};
    v = data(l, "t");
    cr_assert(v->n == 7);
    for (size_t i = 0; i < v->n; i++)
        cr_expect(v->items[i].type == tagged[i], "t[%zu]", i);
    cr_expect(v->items[2].d == 12.0 && strcmp(v->items[0].s, "12") == 0 && v->items[6].n == 0);
    unload(l);
}

Test(values, texts_keep_every_character) {
    struct loaded l =
        load_data("    a: \"nul\\0in \\\"it\\\" \\u00e9\\U0001F600\"\n    b: |\n      two\n       lines\n\n  "
                  "  c: >-\n      folded\n      text\n    d: 'it''s'\n    e: h\xc3\xa9\n");
    cr_expect(data(l, "a")->n == 18 &&
              memcmp(data(l, "a")->s, "nul\0in \"it\" \xc3\xa9\xf0\x9f\x98\x80", 19) == 0);
    cr_expect_str_eq(data(l, "b")->s, "two\n lines\n");
    cr_expect_str_eq(data(l, "c")->s, "folded text");
    cr_expect_str_eq(data(l, "d")->s, "it's");
    cr_expect_str_eq(data(l, "e")->s, "h\xc3\xa9");
    unload(l);
}

Test(values, objects_keep_their_order) {
    struct loaded l = load_data("    o: {z: 1, a: {}, 5: [], ~: x, 'q r': 2}\n    meta: {m: 1}\n");
    const struct cfg_value *o = data(l, "o");
    static const char *const keys[] = {"z", "a", "5", "~", "q r"};
    cr_assert(o->type == CFG_OBJECT && o->n == 5);
    for (size_t i = 0; i < o->n; i++)
        cr_expect(strcmp(o->members[i].key, keys[i]) == 0 && o->members[i].key_len == strlen(keys[i]));
    cr_expect(cfg_value_get(o, "nope") == NULL && cfg_value_get(&o->members[0].value, "z") == NULL);
    const struct cfg_entry *d = cfg_find(l.c, "app:d");
    cr_expect(d->data->n == 1, "name, kind and meta are no data");
    cr_expect(cfg_value_get(d->meta, "m")->i == 1);
    unload(l);
}

Test(values, aliases_and_merges) {
    struct loaded l = load_data(
        "    base: &b {x: 1, y: 2, l: &l [1, 2]}\n    copy: *b\n    one: {<<: *b, x: 9}\n    two: {x: 7, <<: "
        "[{y: 5, w: 6}, *b]}\n    list: [*l, *l]\n    no: {'<<': 1}\n    again: &b 3\n    use: *b\n");
    cr_expect(cfg_value_equal(data(l, "base"), data(l, "copy")));
    const struct cfg_value *one = data(l, "one"), *two = data(l, "two");
    cr_expect(one->n == 3 && cfg_value_get(one, "x")->i == 9 && cfg_value_get(one, "y")->i == 2);
    cr_expect(two->n == 4 && cfg_value_get(two, "x")->i == 7 && cfg_value_get(two, "y")->i == 5);
    cr_expect(cfg_value_get(two, "w")->i == 6 && cfg_value_get(two, "l")->n == 2);
    cr_expect(data(l, "list")->items[1].items[1].i == 2);
    cr_expect(cfg_value_get(data(l, "no"), "<<")->i == 1);
    cr_expect(data(l, "use")->i == 3, "the latest anchor of a name counts");
    unload(l);
}

Test(values, equality) {
    struct loaded l = load_data(
        "    a: {x: 1, y: [1, a, ~, true, 0.5]}\n    b: {y: [1, a, ~, true, 0.5], x: 1}\n    c: [{x: 1}, {x: "
        "2}, {y: 1}, {x: 1, y: 1}, [1], [1, 2], 1, 1.0, '1', true, ~, 0.0, -0.0, [[]], {}]\n");
    cr_expect(cfg_value_equal(data(l, "a"), data(l, "b")));
    const struct cfg_value *c = data(l, "c");
    for (size_t i = 0; i < c->n; i++)
        for (size_t k = 0; k < c->n; k++)
            cr_expect(cfg_value_equal(&c->items[i], &c->items[k]) == (i == k), "%zu and %zu", i, k);
    cr_expect(cfg_value_equal(NULL, NULL) && !cfg_value_equal(c, NULL) && !cfg_value_equal(NULL, c));
    unload(l);
}

/* --- typed fields ------------------------------------------------------------------------------------------------- */

Test(values, defaults) {
    put("w.lua", "return {}");
    put(MAIN, HEAD HOST "  - {name: w, kind: process.lua, source: 'file://w.lua'}\n  - {name: s, kind: "
                        "process.service, process: w, host: processes}\n");
    struct loaded l = load_good(MAIN);
    const struct cfg_settings *s = cfg_settings(l.c);
    cr_expect(s->runtime.workers == 0 && s->runtime.compat == CFG_COMPAT_SEED && !s->runtime.env.given);
    cr_expect(s->log.level == CFG_LEVEL_INFO && s->log.format == CFG_FORMAT_AUTO &&
              s->log.print == CFG_PRINT_STDOUT);
    cr_expect_str_eq(s->control.socket, "/run/troupe/control.sock");
    cr_expect(s->control.mode == 0660 && s->control.group == NULL && s->metrics.listen == NULL);
    cr_expect(s->shutdown.timeout == INT64_C(30000000000));
    const struct cfg_entry *e = cfg_find(l.c, "app:processes");
    const struct cfg_host *h = e->host;
    cr_expect(h->entry == e && h->workers == 0 && h->max_processes == 0 && h->process_memory == 64 << 20);
    cr_expect(h->memory == 0 && h->mailbox_messages == 0 && h->mailbox_bytes == 256 << 20);
    cr_expect(h->mailbox_policy == CFG_POLICY_REJECT && h->time_slice == 1000000 && h->max_run_time == 0);
    cr_expect(h->jit == CFG_JIT_AUTO && h->compat == CFG_UNSET && h->max_timers == 100000);
    cr_expect(h->max_coroutines == 0);
    const struct cfg_service *v = cfg_find(l.c, "app:s")->service;
    const struct cfg_lifecycle *c = &v->lifecycle;
    cr_expect(v->host == e && v->process == cfg_find(l.c, "app:w") && v->input == NULL &&
              cfg_lifecycle(v->entry) == c);
    cr_expect(!c->auto_start && c->requires.n == 0 && c->startup == CFG_STARTUP_REQUIRED);
    cr_expect(c->start_timeout == INT64_C(10000000000) && c->stop_timeout == INT64_C(10000000000));
    cr_expect(c->stable_threshold == INT64_C(5000000000) && c->restart.initial_delay == 1000000000);
    cr_expect(c->restart.max_delay == INT64_C(90000000000) && c->restart.backoff_factor == 2.0);
    cr_expect(c->restart.jitter == 0.1 && c->restart.max_attempts == 0);
    const struct cfg_code *w = v->process->code;
    cr_expect_str_eq(w->method, "main");
    cr_expect(!w->modules.given && !w->imports.given && w->compat == CFG_UNSET && w->host == NULL);
    cr_expect(cfg_lifecycle(w->entry) == NULL && cfg_lifecycle(e) == &h->lifecycle &&
              cfg_default_host(l.c) == e);
    unload(l);
}

Test(values, given_fields) {
    put(MAIN, "version: 1.0\nnamespace: app\nruntime: {compat: wippy}\ncontrol: {mode: 0600, socket: "
              "''}\nlog: {level: warn, format: journal, print: log}\nentries:\n  - name: a\n    kind: "
              "process.host\n    host: {jit: true, compat: seed, process_memory: 1048576, memory: 0,\n      "
              "mailbox_policy: kill, time_slice: 500us, max_run_time: 1m, mailbox_bytes: ~}\n    lifecycle: "
              "{auto_start: on, startup: optional, requires: }\n  - name: b\n    kind: process.host\n    "
              "host: {jit: off}\n    lifecycle: ~\n  - {name: lib, kind: library.lua, source: 'return {}', "
              "modules: []}\n  - {name: f, kind: function.lua, source: 'return {}', method: go, host: b, "
              "compat: seed, modules: [a, b],\n     imports: {x: lib, y: 'app:lib'}, meta: {default_host: "
              "a}}\n  - {name: p, kind: process.lua, source: 'return {}', meta: {default_host: 'app:a'}}\n");
    struct loaded l = load_good(MAIN);
    cr_expect(cfg_settings(l.c)->control.mode == 0600 && cfg_settings(l.c)->control.socket[0] == '\0');
    cr_expect(cfg_settings(l.c)->log.format == CFG_FORMAT_JOURNAL &&
              cfg_settings(l.c)->log.print == CFG_PRINT_LOG);
    const struct cfg_host *a = cfg_find(l.c, "app:a")->host, *b = cfg_find(l.c, "app:b")->host;
    cr_expect(a->jit == CFG_JIT_ON && b->jit == CFG_JIT_OFF && a->compat == CFG_COMPAT_SEED);
    cr_expect(a->process_memory == 1 << 20 && a->mailbox_policy == CFG_POLICY_KILL &&
              a->time_slice == 500000);
    cr_expect(a->max_run_time == INT64_C(60000000000) && a->mailbox_bytes == 256 << 20,
              "nothing given: the default");
    cr_expect(a->lifecycle.auto_start && a->lifecycle.startup == CFG_STARTUP_OPTIONAL &&
              !b->lifecycle.auto_start);
    const struct cfg_code *f = cfg_find(l.c, "app:f")->code, *p = cfg_find(l.c, "app:p")->code,
                          *lib = cfg_find(l.c, "app:lib")->code;
    cr_expect(lib->modules.given && lib->modules.n == 0);
    cr_expect_str_eq(f->method, "go");
    cr_expect(f->host == b->entry && p->host == a->entry && f->modules.n == 2 && f->imports.n == 2);
    cr_expect_str_eq(f->imports.v[0].alias, "x");
    cr_expect(f->imports.v[0].entry == lib->entry && f->imports.v[1].entry == lib->entry);
    /* the nearest that says */
    cr_expect(cfg_compat(l.c, f, b) == CFG_COMPAT_SEED && cfg_compat(l.c, p, b) == CFG_COMPAT_WIPPY);
    cr_expect(cfg_compat(l.c, p, a) == CFG_COMPAT_SEED && cfg_compat(l.c, NULL, NULL) == CFG_COMPAT_WIPPY);
    /* references as programs write them */
    cr_expect(cfg_resolve(l.c, "app", "f") == f->entry && cfg_resolve(l.c, "x", "app:f") == f->entry);
    cr_expect(cfg_resolve(l.c, "x", "f") == NULL && cfg_resolve(l.c, NULL, "f") == NULL &&
              cfg_find(l.c, "App:f") == NULL);
    char longest[1000];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    cr_expect(cfg_resolve(l.c, "app", longest) == NULL);
    unload(l);
}

Test(values, what_wippy_has_and_troupe_does_not_is_only_a_warning) {
    put(MAIN,
        HEAD "  - name: h\n    kind: process.host\n    host: {workers: 2, queue_size: 1024, "
             "local_queue_size: 256}\n    lifecycle: {auto_start: true, security: {actor: {id: x}}}\n  - "
             "{name: f, kind: function.lua, source: 'return {}', pool: {size: 4}}\n  - {name: l, kind: "
             "library.lua, source: 'return {}', method: x}\n  - {name: t, kind: template.jet, source: x}\n");
    struct loaded l = load(MAIN);
    EXPECT(
        l,
        "troupe.yaml:6:24: warning: app:h.host.queue_size: has no effect: the queues of a host have no fixed "
        "size",
        "troupe.yaml:6:42: warning: app:h.host.local_queue_size: has no effect: the queues of a host have no "
        "fixed size",
        "troupe.yaml:7:35: warning: app:h.lifecycle.security: has no effect: there are no security policies",
        "troupe.yaml:8:56: warning: app:f.pool: has no effect: calls run as processes, states are pooled by "
        "themselves",
        "troupe.yaml:9:55: warning: app:l.method: has no effect: a library is what its source returns",
        "troupe.yaml:10:21: warning: app:t.kind: unknown kind \"template.jet\", the entry is kept as data");
    cr_expect(l.c != NULL && cfg_find(l.c, "app:t")->kind == CFG_KIND_OTHER);
    cr_expect_str_eq(cfg_find(l.c, "app:t")->kind_word, "template.jet");
    cr_expect_str_eq(cfg_value_get(cfg_find(l.c, "app:t")->data, "source")->s, "x");
    unload(l);
    struct cfg_options o = {.file = MAIN, .strict = true};
    l = load_with(&o);
    cr_expect(l.c == NULL && cfg_report_errors(l.r) == 6 && cfg_report_count(l.r) == 6);
    unload(l);
}

Test(values, the_default_of_every_field_is_good) {
    /* a wrong one would be reported at a place called "default" */
    put(MAIN,
        HEAD "  - {name: a, kind: process.host}\n  - {name: b, kind: process.lua, source: x}\n  - {name: c, "
             "kind: process.service, process: b, host: a}\n  - {name: d, kind: function.lua, source: x}\n  - "
             "{name: e, kind: library.lua, source: x}\n  - {name: f, kind: registry.entry}\n");
    unload(load_good(MAIN));
}

/* --- the table ---------------------------------------------------------------------------------------------------- */

Test(values, the_table_of_fields_is_whole) {
    char *text = NULL;
    size_t n = 0, lines = 0;
    FILE *f = open_memstream(&text, &n);
    cfg_fields_dump(f);
    fclose(f);
    for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1, lines++) {
        size_t tabs = 0;
        for (char *p = line; p < end; p++)
            tabs += *p == '\t';
        cr_expect(tabs == 6 && end[-1] != '\t', "seven columns, help last: %.*s", (int)(end - line), line);
    }
    cr_expect(lines > 90);
    cr_expect(strstr(text, "\nprocess.host\thost.time_slice\tduration\t1ms\t100µs to 10s\tat once\t") !=
              NULL);
    cr_expect(strstr(text, "\nfile\truntime.compat\tword\tseed\tseed or wippy\t") != NULL);
    cr_expect(strstr(text, "\nprocess.service\tprocess\treference\t\tid of process.lua\t") != NULL);
    free(text);
    for (size_t i = 0; i < cfg_field_count; i++) {
        const struct field *a = &cfg_fields[i];
        cr_expect(a->help != NULL && a->scopes != 0 && (a->alias_of == NULL || a->def == NULL), "%s",
                  a->path);
        for (size_t k = 0; k < i; k++)
            cr_expect(!(a->scopes & cfg_fields[k].scopes) || strcmp(a->path, cfg_fields[k].path) != 0,
                      "%s twice", a->path);
    }
}

/* --- limits ------------------------------------------------------------------------------------------------------- */

static char *repeat(const char *before, const char *part, size_t n, const char *after) {
    char *text = malloc(strlen(before) + n * strlen(part) + strlen(after) + 1), *w = stpcpy(text, before);
    for (size_t i = 0; i < n; i++)
        w = stpcpy(w, part);
    strcpy(w, after);
    return text;
}

/* Takes over the text. */
#define LIMIT(text, ...)                                                                                     \
    do {                                                                                                     \
        char *t_ = text;                                                                                     \
        MISTAKES(t_, __VA_ARGS__);                                                                           \
        free(t_);                                                                                            \
    } while (0)

Test(limits, nesting) {
    LIMIT(repeat("version: \"1.0\"\nx: ", "[", 5000, ""), "troupe.yaml:2:1: error: x: unknown field",
          "troupe.yaml:2:67: error: nested too deeply: more than 64 levels");
    LIMIT(repeat("version: \"1.0\"\nx: ", "{a: ", 5000, ""), "troupe.yaml:2:1: error: x: unknown field",
          "troupe.yaml:2:256: error: nested too deeply: more than 64 levels");
    LIMIT(repeat("version: \"1.0\"\nx:\n  ", "- ", 5000, ""), "troupe.yaml:2:1: error: x: unknown field",
          "troupe.yaml:3:129: error: nested too deeply: more than 64 levels");
    /* an alias is as deep as what it stands for */
    char *open = repeat("", "[", 31, ""), *close = repeat("", "]", 31, ""), *all;
    cr_assert(asprintf(&all, "version: \"1.0\"\nx: &x %s%s\ny: &y %s*x%s\nz: [*y]\nu: [[*y]]\n", open, close,
                       open, close) > 0);
    free(open);
    free(close);
    LIMIT(all, "troupe.yaml:2:1: error: x: unknown field", "troupe.yaml:3:1: error: y: unknown field",
          "troupe.yaml:4:1: error: z: unknown field", "troupe.yaml:5:1: error: u: unknown field",
          "troupe.yaml:5:6: error: nested too deeply: more than 64 levels");
}

Test(limits, aliases_cannot_explode) {
    char text[4096] = "version: \"1.0\"\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
    for (int i = 1; i < 12; i++) {
        char line[256];
        snprintf(line, sizeof line, "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i,
                 i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
        strcat(text, line);
    }
    MISTAKES(text, "troupe.yaml:2:1: error: a0: unknown field", "troupe.yaml:3:1: error: a1: unknown field",
             "troupe.yaml:4:1: error: a2: unknown field", "troupe.yaml:5:1: error: a3: unknown field",
             "troupe.yaml:6:1: error: a4: unknown field", "troupe.yaml:7:1: error: a5: unknown field",
             "troupe.yaml:8:1: error: a6: unknown field",
             "troupe.yaml:8:15: error: a6[1]: too large: more than 1000000 values, with aliases (*name) and "
             "<< written out");
}

Test(limits, merging_cannot_explode) {
    FILE *f = fopen(MAIN, "w");
    fputs("version: \"1.0\"\nx: &m\n", f);
    for (int i = 0; i < 1000; i++)
        fprintf(f, "  k%d: v\n", i);
    fputs("y:\n", f);
    for (int i = 0; i < 1000; i++)
        fputs("  - {<<: *m}\n", f);
    fclose(f);
    struct loaded l = load(MAIN);
    EXPECT(l, "troupe.yaml:2:1: error: x: unknown field", "troupe.yaml:1003:1: error: y: unknown field",
           "troupe.yaml:1502:6: error: y[498]: too large: more than 1000000 values, with aliases (*name) and "
           "<< written out");
    unload(l);
}

Test(limits, number_of_values) {
    LIMIT(repeat("version: \"1.0\"\nx:\n", "- a\n", YAML_MAX_NODES, ""),
          "troupe.yaml:2:1: error: x: unknown field",
          "troupe.yaml:999998:3: error: x[999995]: too large: more than 1000000 values, with aliases (*name) "
          "and << written out");
}

Test(limits, many_mistakes_are_counted) {
    char *text = repeat("version: \"1.0\"\nnamespace: app\nentries:\n", "- {}\n", 6000, "");
    put(MAIN, text);
    free(text);
    struct loaded l = load(MAIN);
    cr_expect(cfg_report_count(l.r) == 10000 && cfg_report_errors(l.r) == 12000);
    char *lines = report_text(l.r);
    cr_expect(strstr(lines, "\n2000 more mistakes are not shown\n") != NULL);
    free(lines);
    unload(l);
}

Test(limits, long_names) {
    char *text = repeat(HEAD "  - {kind: process.host, name: ", "n", 251, "}\n");
    put(MAIN, text);
    unload(load_good(MAIN));
    free(text);
    LIMIT(repeat(HEAD "  - {kind: process.host, name: ", "n", 252, "}\n"),
          "troupe.yaml:4:5: error: entries[0]: the id app:nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn... is longer "
          "than 255 bytes");
}
