/* Which files are read, and that sources stay where they belong. */
#include "tests/unit/cfgdir.h"

#include "config/fields.h"

CFG_SUITE(files);

/* The ids of all entries, in their order. */
static void expect_ids(const struct config *c, const char *ids) {
    char got[1024] = "";
    for (size_t i = 0; i < cfg_entry_count(c); i++)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s", i > 0 ? " " : "",
                 cfg_entry_at(c, i)->id);
    cr_expect(strcmp(got, ids) == 0, "expected %s, got %s", ids, got);
}

static void put_hosts(const char *file, const char *ns, const char *include) {
    char text[512];
    snprintf(text, sizeof text, "%snamespace: %s\n%sentries:\n  - {name: h, kind: process.host}\n",
             strcmp(file, MAIN) == 0 ? "version: \"1.0\"\n" : "", ns, include);
    put(file, text);
}

Test(files, globs_and_folders_are_read_in_order_and_below) {
    put_hosts(MAIN, "main", "include: [conf.d/*.yaml, src, one.yaml, ./none/*.yaml]\n");
    put_hosts("conf.d/20-b.yaml", "b", "");
    put_hosts("conf.d/10-a.yaml", "a", "");
    put("conf.d/README", "not: [yaml");
    put_hosts("src/z.yml", "z", "");
    put_hosts("src/deep/er/_index.yaml", "deep", "");
    put("src/.hidden.yaml", "]");
    put("src/.git/x.yaml", "]");
    put("src/readme.txt", "]");
    put_hosts("one.yaml", "one", "");
    struct loaded l = load_good(MAIN);
    expect_ids(l.c, "main:h a:h b:h deep:h z:h one:h");
    unload(l);
}

Test(files, a_glob_may_match_folders) {
    put_hosts(MAIN, "main", "include: [\"apps/*\"]\n");
    put_hosts("apps/x/_index.yaml", "x", "");
    put_hosts("apps/y/sub/_index.yaml", "y", "");
    put_hosts("apps/z.yaml", "z", "");
    struct loaded l = load_good(MAIN);
    expect_ids(l.c, "main:h x:h y:h z:h");
    unload(l);
}

/* Root may read everything: the test is nobody meanwhile. */
Test(files, a_glob_over_a_folder_that_cannot_be_read) {
    bool root = geteuid() == 0;
    put_hosts("conf.d/a.yaml", "a", "");
    put(MAIN, "version: \"1.0\"\ninclude: [conf.d/*.yaml, \"none/*.yaml\"]\n");
    cr_assert(chmod("conf.d", 0) == 0 && chmod(".", 0755) == 0 && (!root || seteuid(65534) == 0));
    struct loaded l = load(MAIN);
    EXPECT(l, "troupe.yaml:2:11: error: include[0]: conf.d/*.yaml: folder conf.d cannot be read: "
              "Permission denied");
    unload(l);
    cr_assert((!root || seteuid(0) == 0) && chmod("conf.d", 0755) == 0);
}

Test(files, including_again_and_in_a_circle_is_harmless) {
    put_hosts(MAIN, "main", "include: [a.yaml, a.yaml, ./a.yaml, \"*.yaml\", link.yaml]\n");
    put_hosts("a.yaml", "a", "include: [b.yaml]\n");
    put_hosts("b.yaml", "b", "include: [a.yaml, troupe.yaml, b.yaml]\n");
    cr_assert(symlink("a.yaml", "link.yaml") == 0);
    struct loaded l = load_good(MAIN);
    expect_ids(l.c, "main:h a:h b:h");
    unload(l);
}

Test(files, an_included_file_may_be_empty) {
    put("empty.yaml", "");
    put("comment.yaml", "# all of it\n---\n...\n");
    put("version.yaml", "version: \"1.0\"\n");
    MISTAKES("version: \"1.0\"\ninclude: [empty.yaml, comment.yaml, version.yaml]\n");
}

Test(files, mistakes_of_includes) {
    cr_assert(mkdir("d", 0755) == 0 && symlink(".", "d/loop") == 0);
    cr_assert(mkfifo("pipe.yaml", 0644) == 0);
    put("v.yaml", "version: \"3\"\n");
    MISTAKES("version: \"1.0\"\ninclude: [gone.yaml, d, pipe.yaml, 5, [x], v.yaml, ~, ok/*.yaml]\n",
             "troupe.yaml:2:11: error: include[0]: gone.yaml: cannot be opened: No such file or directory",
             "troupe.yaml:2:25: error: include[2]: pipe.yaml: is no regular file",
             "troupe.yaml:2:36: error: include[3]: 5: cannot be opened: No such file or directory",
             "troupe.yaml:2:39: error: include[4]: expected a string, found a list",
             "troupe.yaml:2:52: error: include[6]: expected a string, found nothing",
             "v.yaml:1:10: error: version: expected \"1.0\", found \"3\"");
    MISTAKES(
        "version: \"1.0\"\ninclude: a.yaml\n",
        "troupe.yaml:2:10: error: include: expected a list of files, globs and folders, found \"a.yaml\"");
    MISTAKES(
        "version: \"1.0\"\ninclude: {a: b}\n",
        "troupe.yaml:2:10: error: include: expected a list of files, globs and folders, found a mapping");
}

Test(files, folders_that_lead_back_to_themselves_or_too_deep) {
    put_hosts("d/e/x.yaml", "x", "");
    cr_assert(symlink("..", "d/e/loop") == 0 && symlink("../..", "d/e/all") == 0);
    put_hosts(MAIN, "main", "include: [d]\n");
    struct loaded l = load_good(MAIN);
    expect_ids(l.c, "main:h x:h");
    unload(l);
    char name[256] = "d";
    for (int i = 0; i < 40; i++)
        strcat(name, "/d");
    put(strcat(name, "/a.yaml"), "");
    MISTAKES("version: \"1.0\"\ninclude: [d]\n",
             "troupe.yaml:2:11: error: include[0]: d: has more than 32 folders inside each other");
}

Test(files, a_chain_of_includes_has_an_end) {
    for (int i = 0; i < 100; i++) {
        char name[32], text[64];
        snprintf(name, sizeof name, "%d.yaml", i);
        snprintf(text, sizeof text, "include: [%d.yaml]\n", i + 1);
        put(name, text);
    }
    MISTAKES(
        "version: \"1.0\"\ninclude: [0.yaml]\n",
        "63.yaml:1:11: error: include[0]: 64.yaml: more than 64 files that include one another in a chain");
}

Test(files, main_file_that_is_not_there) {
    struct loaded l = load("no/such.yaml");
    EXPECT(l, "no/such.yaml: error: cannot be opened: No such file or directory");
    unload(l);
    cr_assert(mkdir("dir.yaml", 0755) == 0);
    l = load("dir.yaml");
    EXPECT(l, "dir.yaml: error: is a folder, not a file");
    unload(l);
}

Test(files, names_are_relative_to_the_file_that_says_them) {
    put("sub/app.yaml", "namespace: s\nentries:\n  - {name: p, kind: process.lua, source: "
                        "'file://lua/p.lua'}\n  - {name: q, kind: process.lua, source: 'file://../q.lua'}\n");
    put("sub/lua/p.lua", "return 1\n");
    put("q.lua", "return 2\n");
    put(MAIN, "version: \"1.0\"\ninclude: [sub]\n");
    for (int i = 0; i < 2; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", i == 0 ? "." : cfgdir_path, MAIN);
        struct loaded l = load_good(path);
        const struct cfg_code *p = cfg_find(l.c, "s:p")->code, *q = cfg_find(l.c, "s:q")->code;
        cr_expect_str_eq(p->source.name, "@sub/lua/p.lua");
        cr_expect_str_eq(p->source.text, "return 1\n");
        cr_expect(p->source.len == 9 && p->source.pos.line == 1);
        cr_expect_str_eq(q->source.name, "@q.lua");
        cr_expect_str_eq(q->source.text, "return 2\n");
        cr_expect(p->source.hash != q->source.hash && p->hash != q->hash);
        unload(l);
    }
}

Test(files, one_file_of_several_entries_is_one_text) {
    put("w.lua", "return {}");
    put(MAIN, HEAD "  - {name: a, kind: process.lua, source: 'file://w.lua'}\n  - {name: b, kind: "
                   "process.lua, source: 'file://./w.lua', method: other}\n");
    struct loaded l = load_good(MAIN);
    const struct cfg_code *a = cfg_find(l.c, "app:a")->code, *b = cfg_find(l.c, "app:b")->code;
    cr_expect(a->source.text == b->source.text && a->source.hash == b->source.hash && a->hash != b->hash);
    unload(l);
}

Test(files, inline_sources) {
    put(MAIN, HEAD "  - name: a\n    kind: process.lua\n    source: |\n      return {\n        main = 1 }\n  "
                   "- {name: b, kind: process.lua, source: \"return\\n{}\"}\n");
    struct loaded l = load_good(MAIN);
    const struct cfg_code *a = cfg_find(l.c, "app:a")->code;
    cr_expect_str_eq(a->source.name, "=app:a");
    cr_expect_str_eq(a->source.text, "return {\n  main = 1 }\n");
    cr_expect(a->source.len == strlen(a->source.text) && a->source.pos.line == 7);
    cr_expect_str_eq(a->source.pos.file, MAIN);
    cr_expect_str_eq(cfg_find(l.c, "app:b")->code->source.text, "return\n{}");
    unload(l);
}

/* Each as the source of an entry. */
#define SOURCE(text, ...)                                                                                    \
    MISTAKES(HEAD "  - name: p\n    kind: process.lua\n    source: " text "\n", __VA_ARGS__)

Test(files, sources_that_cannot_be_had) {
    put("empty.lua", "");
    put("code.lua", "\x1bLJ\x02");
    cr_assert(mkdir("dir.lua", 0755) == 0 && mkfifo("pipe.lua", 0644) == 0 && symlink("loop", "loop") == 0);
    SOURCE("file://gone.lua", "troupe.yaml:6:13: error: app:p.source: gone.lua: No such file or directory");
    SOURCE("file://dir.lua", "troupe.yaml:6:13: error: app:p.source: dir.lua: is a folder, not a file");
    SOURCE("file://pipe.lua", "troupe.yaml:6:13: error: app:p.source: pipe.lua: is no regular file");
    SOURCE("file://loop", "troupe.yaml:6:13: error: app:p.source: loop: Too many levels of symbolic links");
    SOURCE("file://empty.lua", "troupe.yaml:6:13: error: app:p.source: empty.lua: is empty");
    SOURCE("file://code.lua",
           "troupe.yaml:6:13: error: app:p.source: code.lua: is compiled Lua; only Lua text is accepted");
    SOURCE("file://", "troupe.yaml:6:13: error: app:p.source: names no file");
    SOURCE("worker.lua",
           "troupe.yaml:6:13: error: app:p.source: is the name of a file? That is written file://worker.lua");
    SOURCE("''", "troupe.yaml:6:13: error: app:p.source: is empty");
    SOURCE("\"\\eLJ\"", "troupe.yaml:6:13: error: app:p.source: is compiled Lua; only Lua text is accepted");
    SOURCE("\"a\\0b\"", "troupe.yaml:6:13: error: app:p.source: a NUL character is not allowed in it");
    SOURCE("[a]", "troupe.yaml:6:13: error: app:p.source: expected file://NAME or Lua text, found a list");
}

Test(files, sources_may_not_leave_the_folder) {
    put("secret.lua", "return {}");
    put("in/ok.lua", "return {}");
    cr_assert(mkdir("in/sub", 0755) == 0 && symlink("../../secret.lua", "in/sub/up.lua") == 0);
    cr_assert(symlink("../..", "in/sub/dir") == 0 && symlink("../ok.lua", "in/sub/ok.lua") == 0);
    put("in-other/x.lua", "return {}");
    put("in/" MAIN,
        HEAD "  - {name: a, kind: process.lua, source: 'file://../secret.lua'}\n  - {name: b, kind: "
             "process.lua, source: 'file://sub/up.lua'}\n  - {name: c, kind: process.lua, source: "
             "'file://sub/dir/secret.lua'}\n  - {name: d, kind: process.lua, source: 'file:///etc/passwd'}\n "
             " - {name: e, kind: process.lua, source: 'file://../in-other/x.lua'}\n  - {name: f, kind: "
             "process.lua, source: 'file://sub/ok.lua'}\n  - {name: g, kind: process.lua, source: "
             "'file://sub/dir/in/ok.lua'}\n");
    struct loaded l = load("in/" MAIN);
    char *text = report_text(l.r);
    static const struct {
        const char *place, *end;
    } want[] = {
        {"in/troupe.yaml:4:42: error: app:a.source: in/../secret.lua: lies outside the main file's folder ",
         "/secret.lua"},
        {"in/troupe.yaml:5:42: error: app:b.source: in/sub/up.lua: lies outside the main file's folder ",
         "/secret.lua"},
        {"in/troupe.yaml:6:42: error: app:c.source: in/sub/dir/secret.lua: lies outside the main file's "
         "folder ",
         "/secret.lua"},
        {"in/troupe.yaml:7:42: error: app:d.source: /etc/passwd: lies outside the main file's folder ",
         "/etc/passwd"},
        {"in/troupe.yaml:8:42: error: app:e.source: in/../in-other/x.lua: lies outside the main file's "
         "folder ",
         "/x.lua"},
    };
    char *line = text;
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        cr_assert(line != NULL && *line != '\0', "missing: %s", want[i].place);
        char *end = strchr(line, '\n');
        *end = '\0';
        cr_expect(strncmp(line, want[i].place, strlen(want[i].place)) == 0, "%s", line);
        cr_expect(strcmp(end - strlen(want[i].end), want[i].end) == 0, "%s", line);
        line = end + 1;
    }
    cr_expect(*line == '\0', "too much: %s", line);
    free(text);
    unload(l);
}

Test(files, files_have_a_largest_size) {
    FILE *f = fopen("big.lua", "w");
    cr_assert(f != NULL && ftruncate(fileno(f), CFG_MAX_FILE_BYTES + 1) == 0 && fclose(f) == 0);
    cr_assert(link("big.lua", "big.yaml") == 0);
    MISTAKES("version: \"1.0\"\nnamespace: app\ninclude: [big.yaml]\nentries:\n  - {name: p, kind: "
             "process.lua, source: 'file://big.lua'}\n",
             "troupe.yaml:3:11: error: include[0]: big.yaml: too large: 16777217 bytes, allowed are 16MiB",
             "troupe.yaml:5:42: error: app:p.source: big.lua: too large: 16777217 bytes, allowed are 16MiB");
    cr_assert(truncate("big.lua", CFG_MAX_FILE_BYTES) == 0);
    put(MAIN, HEAD "  - {name: p, kind: process.lua, source: 'file://big.lua'}\n");
    struct loaded l = load_good(MAIN);
    cr_expect(cfg_find(l.c, "app:p")->code->source.len == (size_t)CFG_MAX_FILE_BYTES);
    unload(l);
}

Test(files, line_ends_and_byte_order_mark) {
    put(MAIN, "\xef\xbb\xbfversion: \"1.0\"\r\nnamespace: app\r\nentries:\r\n  - name: p\r\n    kind: "
              "process.lua\r\n    source: |\r\n      return\r\n      {}\r\n    metod: x\r\n");
    struct loaded l = load(MAIN);
    EXPECT(l, "troupe.yaml:9:5: error: app:p.metod: unknown field; did you mean \"method\"?");
    unload(l);
}

/* --- compile errors ----------------------------------------------------------------------------------------------- */

struct calls {
    int n;
    char names[256];
};

/* Takes every text that has "bad" in it for wrong, at the line where that stands. */
static bool check(void *ud, const struct cfg_code *code, char *err, size_t cap, int *line) {
    struct calls *calls = ud;
    calls->n++;
    snprintf(calls->names + strlen(calls->names), sizeof calls->names - strlen(calls->names), "%s ",
             code->source.name);
    const char *bad = strstr(code->source.text, "bad");
    if (bad == NULL)
        return true;
    *line = 1;
    for (const char *p = code->source.text; p < bad; p++)
        *line += *p == '\n';
    snprintf(err, cap, "'=' expected near 'bad'");
    return false;
}

Test(files, compile_errors_are_mistakes_like_others) {
    put("lua/a.lua", "return\n\nbad\n");
    put("ok.lua", "return {}");
    put(MAIN,
        HEAD "  - {name: a, kind: process.lua, source: 'file://lua/a.lua'}\n  - {name: b, kind: process.lua, "
             "source: 'file://lua/a.lua'}\n  - name: c\n    kind: library.lua\n    source: |\n      local "
             "x\n      bad\n  - {name: d, kind: function.lua, source: \"x\\n\\nbad\"}\n  - {name: e, kind: "
             "process.lua, source: 'file://ok.lua', imports: {x: nope}}\n");
    struct calls calls = {0};
    struct cfg_options o = {.file = MAIN, .check_source = check, .ud = &calls};
    struct loaded l = load_with(&o);
    EXPECT(l, "troupe.yaml:10: error: app:c: '=' expected near 'bad'",
           "troupe.yaml:11: error: app:d: line 3 of the text: '=' expected near 'bad'",
           "troupe.yaml:12:72: error: app:e.imports.x: there is no entry \"app:nope\"",
           "lua/a.lua:3: error: app:a: '=' expected near 'bad'");
    cr_expect(calls.n == 4, "each text once: %s", calls.names);
    unload(l);
}

/* --- scripts ------------------------------------------------------------------------------------------------------ */

Test(files, scripts_need_no_configuration) {
    put("dir/hello world.lua", "return {}");
    put("x/a_test.lua", "return {}");
    put("y/a_test.lua", "return {}");
    const char *scripts[] = {"dir/hello world.lua", "x/a_test.lua", "./y/a_test.lua"};
    struct cfg_options o = {.scripts = scripts, .scripts_n = 3};
    struct loaded l = load_with(&o);
    EXPECT(l);
    expect_ids(l.c, "app:hello_world app:a_test app:a_test-2 app:processes");
    const struct cfg_entry *e = cfg_script(l.c, 0);
    cr_expect(e->kind == CFG_KIND_PROCESS && e->code->source.len == 9);
    cr_expect_str_eq(e->code->source.name, "@dir/hello world.lua");
    cr_expect_str_eq(e->code->method, "main");
    cr_expect(!e->code->modules.given && e->code->imports.n == 0);
    cr_expect_str_eq(cfg_script(l.c, 2)->code->source.name, "@y/a_test.lua");
    cr_expect_str_eq(cfg_default_host(l.c)->id, "app:processes");
    cr_expect(cfg_default_host(l.c)->boot && cfg_default_host(l.c)->host->mailbox_bytes == (int64_t)256
                                                                                               << 20);
    unload(l);
}

Test(files, names_of_files_cannot_garble_a_report) {
    put("a\nb.yaml", "x: 1\n");
    put("\xc2\x9b.yaml", "x: 1\n");
    MISTAKES("version: \"1.0\"\ninclude: [\"a\\nb.yaml\", \"\\x9b.yaml\", \"\\e[2J\"]\n",
             "a\\x0Ab.yaml:1:1: error: x: unknown field", "\\x9B.yaml:1:1: error: x: unknown field");
    char name[300];
    memset(name, 'n', sizeof name);
    strcpy(name + 200, ".lua");
    put(name, "return {}");
    const char *scripts[] = {name, "gone\n.lua"};
    struct cfg_options o = {.scripts = scripts, .scripts_n = 1};
    struct loaded l = load_with(&o);
    cr_expect(strlen(cfg_script(l.c, 0)->name) == 100, "%s", cfg_script(l.c, 0)->name);
    unload(l);
    o.scripts_n = 2;
    l = load_with(&o);
    EXPECT(l, "gone\\x0A.lua: error: app:gone_.source: gone\\x0A.lua: No such file or directory");
    const struct cfg_diag *d = cfg_report_at(l.r, 0);
    cr_expect(d->severity == CFG_ERROR && d->pos.line == 0 && strcmp(d->path, "app:gone_.source") == 0);
    unload(l);
}

Test(files, scripts_beside_a_configuration) {
    put("out/side.lua", "return {}");
    const char *scripts[] = {"out/side.lua"},
               *set[] = {"app:side.method=other", "app:processes.host.workers=3"};
    struct cfg_options o = {.file = "in/" MAIN, .scripts = scripts, .scripts_n = 1, .set = set, .set_n = 1};
    /* the only host is the default one, whatever it is called */
    put("in/" MAIN, HEAD "  - {name: mine, kind: process.host}\n  - {name: side, kind: registry.entry}\n");
    struct loaded l = load_with(&o);
    EXPECT(l, );
    unload(l);
    set[0] = "app:side-2.method=other";
    l = load_with(&o);
    EXPECT(l);
    cr_expect_str_eq(cfg_default_host(l.c)->id, "app:mine");
    cr_expect_str_eq(cfg_script(l.c, 0)->id, "app:side-2");
    cr_expect_str_eq(cfg_script(l.c, 0)->code->method, "other");
    unload(l);
    /* several: one is made, which can be set like any other */
    o.set_n = 2;
    put("in/" MAIN, HEAD "  - {name: one, kind: process.host}\n  - {name: two, kind: process.host}\n");
    set[0] = "app:side.method=other";
    l = load_with(&o);
    EXPECT(l);
    cr_expect_str_eq(cfg_default_host(l.c)->id, "app:processes");
    cr_expect(cfg_default_host(l.c)->host->workers == 3);
    unload(l);
    /* several, one of the name already */
    put("in/" MAIN, HEAD HOST "  - {name: two, kind: process.host}\n");
    l = load_with(&o);
    EXPECT(l);
    cr_expect(cfg_default_host(l.c)->host->workers == 3 && cfg_entry_count(l.c) == 3);
    unload(l);
}

Test(files, scripts_that_cannot_be_had) {
    const char *scripts[] = {"gone.lua"};
    struct cfg_options o = {.scripts = scripts, .scripts_n = 1};
    struct loaded l = load_with(&o);
    EXPECT(l, "gone.lua: error: app:gone.source: gone.lua: No such file or directory");
    unload(l);
}

Test(files, without_implicit_host_there_is_none) {
    put(MAIN, "version: \"1.0\"\n");
    struct cfg_options o = {.file = MAIN};
    struct loaded l = load_with(&o);
    cr_expect(cfg_entry_count(l.c) == 0 && cfg_default_host(l.c) == NULL && cfg_level_count(l.c) == 0);
    unload(l);
    o.implicit_host = true;
    l = load_with(&o);
    cr_expect_str_eq(cfg_default_host(l.c)->id, "app:processes");
    unload(l);
}

Test(files, text_in_memory_instead_of_a_file) {
    put("a.yaml", "log: {level: debug}\n");
    const char *text = "version: \"1.0\"\ninclude: [a.yaml]\nx: 1\n";
    struct cfg_options o = {.file = "stdin.yaml", .text = text, .text_len = strlen(text)};
    struct loaded l = load_with(&o);
    EXPECT(l, "stdin.yaml:3:1: error: x: unknown field");
    unload(l);
}
