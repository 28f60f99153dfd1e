/* The configuration that is installed: right, complete, and equal to the defaults that it claims to show. */
#include "tests/unit/cfgdir.h"

#include "config/fields.h"

#define FILE_NAME "config/troupe.yaml.default"

static char *read_whole(const char *name) {
    FILE *f = fopen(name, "r");
    cr_assert(f != NULL, "%s: run this in the project's top folder", name);
    char *text = calloc(1, 1 << 16);
    cr_assert(fread(text, 1, (1 << 16) - 1, f) > 0 && feof(f));
    fclose(f);
    return text;
}

Test(default_file, loads_without_mistakes_and_says_the_defaults) {
    unsetenv("TROUPE_GROUP");
    struct cfg_options o = {.file = FILE_NAME, .strict = true};
    struct loaded l = load_with(&o);
    EXPECT(l);
    cr_assert(l.c != NULL);
    cr_expect_str_eq(cfg_default_host(l.c)->id, "app:processes");
    cr_expect_str_eq(cfg_settings(l.c)->control.group, "troupe");
    static const char bare[] =
        "version: \"1.0\"\nnamespace: app\nruntime: {env: [LANG, TZ]}\ncontrol: {group: troupe}\n"
        "entries:\n  - {name: processes, kind: process.host, lifecycle: {auto_start: true}}\n";
    struct cfg_options plain = {.file = "bare.yaml", .text = bare, .text_len = strlen(bare)};
    struct loaded b = load_with(&plain);
    struct cfg_diff *d = cfg_diff(b.c, l.c);
    cr_expect(cfg_diff_count(d) == 0);
    for (size_t i = 0; i < cfg_diff_count(d); i++)
        for (int r = 0; r < CFG_RELOAD_COUNT; r++)
            cr_expect_null(cfg_diff_at(d, i)->fields[r], "no default: %s", cfg_diff_at(d, i)->fields[r]);
    cfg_diff_free(d);
    unload(b);
    unload(l);
}

/* What is commented out is right as well. */
Test(default_file, its_examples_load_too) {
    char *text = read_whole(FILE_NAME), *out = calloc(1, 2 * strlen(text)), *w = out;
    bool example = false;
    for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        int n = (int)(end - line);
        if (strncmp(line, "# metrics:", 10) == 0 || strncmp(line, "#   listen:", 11) == 0)
            w += sprintf(w, "%.*s\n", n - 2, line + 2);
        else if (strncmp(line, "  # - name:", 11) == 0)
            example = true;
        else if (!example)
            w += sprintf(w, "%.*s\n", n, line);
        if (example)
            w += sprintf(w, n > 4 ? "  %.*s\n" : "\n", n - 4, line + 4);
    }
    cr_assert(example);
    strcat(out, "  - {name: util, namespace: app.lib, kind: library.lua, source: 'return {}'}\n");
    char dir[] = "/tmp/troupe-config-XXXXXX", path[64];
    cr_assert(mkdtemp(dir) != NULL && chdir(dir) == 0);
    put("worker.lua", "return {}");
    put(MAIN, out);
    struct loaded l = load_good(MAIN);
    cr_expect(cfg_entry_count(l.c) == 4 && cfg_settings(l.c)->metrics.listen != NULL);
    const struct cfg_lifecycle *life = &cfg_find(l.c, "app:worker.service")->service->lifecycle;
    cr_expect(life->restart.max_delay == INT64_C(90000000000));
    unload(l);
    snprintf(path, sizeof path, "%s/" MAIN, dir);
    remove(path);
    remove("worker.lua");
    rmdir(dir);
    free(text);
    free(out);
}

Test(default_file, shows_every_field) {
    char *text = read_whole(FILE_NAME);
    for (size_t i = 0; i < cfg_field_count; i++) {
        const struct field *f = &cfg_fields[i];
        const char *dot = strrchr(f->path, '.');
        char word[64];
        snprintf(word, sizeof word, "%s:", dot != NULL ? dot + 1 : f->path);
        if (f->type != FIELD_IGNORED && f->alias_of == NULL && strcmp(f->path, "meta") != 0)
            cr_expect(strstr(text, word) != NULL, "%s is not shown", f->path);
    }
    free(text);
}
