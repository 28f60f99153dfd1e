/* Which files make up a configuration, and reading them. */
#include "config/files.h"
#include "config/loader.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define VERSION "1.0"

/* Files that include each other in a chain: enough for people, and no danger to the stack. */
#define MAX_CHAIN 64

/* --- one file ----------------------------------------------------------------------------------------------------- */

static void check_version(struct loader *ld, const struct load_file *f) {
    const struct ynode *version = ynode_get(f->root, "version");
    if (version == NULL) {
        if (f->main && !f->broken)
            report_error(ld->report, f->root->pos, "version",
                         "missing: the first line of a main file is version: \"%s\"", VERSION);
        return;
    }
    if (version->failed || (version->type == Y_SCALAR && strcmp(version->text, VERSION) == 0))
        return;
    report_error(ld->report, version->pos, "version", "expected \"%s\", found %s", VERSION,
                 ynode_describe(&ld->scratch, version));
}

static void add_unread(struct loader *ld, const char *name, const struct ynode *ns) {
    *ARENA_PUSH(&ld->scratch, &ld->unread) = (struct read_unread){
        arena_strdup(&ld->scratch, name), ns != NULL && ns->type == Y_SCALAR ? ns->text : NULL};
}

/* Takes a parsed file in. NULL when there is nothing in it to go on with. */
static const struct load_file *add_file(struct loader *ld, struct load_file f, struct cfg_pos top) {
    if (f.broken)
        add_unread(ld, f.name, ynode_get(f.root, "namespace"));
    if (f.root != NULL && ynode_is_null(f.root))
        f.root = NULL;
    if (f.root == NULL && f.main && !f.broken)
        report_error(ld->report, top, NULL, "empty: a main file has at least version: \"%s\"", VERSION);
    if (f.root != NULL && f.root->type != Y_MAP) {
        report_error(ld->report, f.root->pos, NULL,
                     "expected a mapping with version, namespace, entries, found %s",
                     ynode_describe(&ld->scratch, f.root));
        f.root = NULL;
    }
    if (f.root == NULL)
        return NULL;
    check_version(ld, &f);
    struct load_file *file = ARENA_PUSH(&ld->scratch, &ld->files);
    *file = f;
    return file;
}

/* --- includes ----------------------------------------------------------------------------------------------------- */

static void read_file(struct loader *ld, const char *path, struct cfg_pos from, const char *from_path);

static void include_one(struct loader *ld, const struct load_file *f, const struct ynode *item, size_t i) {
    const char *path = arena_printf(&ld->scratch, "include[%zu]", i);
    const struct read rd = load_reader(ld, SCOPE_FILE, "", NULL);
    const char *text = read_string(&rd, item, path);
    if (text != NULL && text[0] == '\0')
        report_error(ld->report, item->pos, path, "expected the name of a file, glob or folder, found \"\"");
    if (text == NULL || text[0] == '\0')
        return;
    const char *name = files_join(&ld->scratch, f->dir, text);
    struct files_list found = {0};
    const char *why = NULL;
    if (files_is_dir(name))
        why = files_find(&ld->scratch, name, &found);
    else if (files_is_glob(name))
        why = files_glob(&ld->scratch, name, &found);
    else
        *ARENA_PUSH(&ld->scratch, &found) = name;
    if (why != NULL)
        report_error(ld->report, item->pos, path, "%s: %s", name, why);
    for (size_t k = 0; k < found.n; k++) {
        if (!files_is_dir(found.v[k])) {
            read_file(ld, found.v[k], item->pos, path);
            continue;
        }
        struct files_list inner = {0};
        why = files_find(&ld->scratch, found.v[k], &inner);
        if (why != NULL)
            report_error(ld->report, item->pos, path, "%s: %s", found.v[k], why);
        for (size_t j = 0; j < inner.n; j++)
            read_file(ld, inner.v[j], item->pos, path);
    }
}

static void include_all(struct loader *ld, const struct load_file *added) {
    if (added == NULL)
        return;
    const struct load_file f = *added; /* the list it is in may move */
    const struct ynode *include = ynode_get(f.root, "include");
    if (include == NULL || ynode_is_null(include) || include->failed)
        return;
    if (include->type != Y_SEQ) {
        report_error(ld->report, include->pos, "include",
                     "expected a list of files, globs and folders, found %s",
                     ynode_describe(&ld->scratch, include));
        return;
    }
    for (size_t i = 0; i < include->n; i++)
        include_one(ld, &f, include->items[i], i);
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static void parse_file(struct loader *ld, const char *path, const char *text, size_t len, bool main) {
    struct load_file f = {.name = arena_strdup(&ld->config->arena, path), .main = main};
    f.dir = files_dirname(&ld->scratch, f.name);
    report_file(ld->report, f.name);
    f.root = yaml_parse(&ld->yaml, f.name, text, len, false, &f.broken);
    include_all(ld, add_file(ld, f, (struct cfg_pos){f.name, 1, 1}));
}

/* Whether the file is read for the first time. */
static bool first_visit(struct loader *ld, const struct stat *st) {
    const char *key = arena_printf(&ld->scratch, "%llx:%llx", (unsigned long long)st->st_dev,
                                   (unsigned long long)st->st_ino);
    void **slot = strmap_slot(&ld->scratch, &ld->visited, key, strlen(key));
    bool first = *slot == NULL;
    *slot = ld;
    return first;
}

/* An included file; `from` is where it is named. */
static void read_file(struct loader *ld, const char *path, struct cfg_pos from, const char *from_path) {
    if (ld->files.n >= CFG_MAX_FILES || ld->chain >= MAX_CHAIN) {
        report_error(ld->report, from, from_path, "%s: more than %d files%s", path,
                     ld->chain >= MAX_CHAIN ? MAX_CHAIN : CFG_MAX_FILES,
                     ld->chain >= MAX_CHAIN ? " that include one another in a chain" : "");
        return;
    }
    char *text;
    size_t len;
    struct stat st;
    const char *why = files_read(&ld->scratch, path, &text, &len, &st);
    if (why != NULL) {
        report_error(ld->report, from, from_path, "%s: %s", path, why);
        add_unread(ld, path, NULL);
    } else if (first_visit(ld, &st)) {
        ld->chain++;
        parse_file(ld, path, text, len, false);
        ld->chain--;
    }
}

static void read_main(struct loader *ld) {
    const char *path = ld->options->file;
    const char *text = ld->options->text, *why = NULL;
    char *own;
    size_t len = ld->options->text_len;
    struct stat st;
    if (text == NULL) {
        why = files_read(&ld->scratch, path, &own, &len, &st);
        text = own;
        if (why == NULL)
            first_visit(ld, &st);
    }
    if (why != NULL)
        report_error(ld->report, (struct cfg_pos){.file = path}, NULL, "%s", why);
    else
        parse_file(ld, path, text, len, true);
}

/* --- what no file says -------------------------------------------------------------------------------------------- */

static struct cfg_pos nowhere(const char *name) {
    return (struct cfg_pos){.file = name};
}

/* A file with one namespace and the given entries. */
static void add_made(struct loader *ld, const char *name, const struct ynode **entries, size_t n) {
    struct arena *a = &ld->scratch;
    struct cfg_pos pos = nowhere(name);
    struct ynode *list = arena_alloc(a, sizeof *list);
    *list = (struct ynode){.type = Y_SEQ, .size = 1, .height = 1, .pos = pos, .n = n, .items = entries};
    const struct ynode_pair top[] = {
        {ynode_scalar(a, pos, "entries"), list},
    };
    struct load_file f = {.name = name, .dir = ".", .ns = LOAD_DEFAULT_NS, .script = true};
    f.root = ynode_map(a, pos, top, 1);
    *ARENA_PUSH(a, &ld->files) = f;
}

static const struct ynode *made_entry(struct loader *ld, struct cfg_pos pos, const char *name,
                                      const char *kind) {
    struct arena *a = &ld->scratch;
    const struct ynode_pair pairs[] = {
        {ynode_scalar(a, pos, "name"), ynode_scalar(a, pos, name)},
        {ynode_scalar(a, pos, "kind"), ynode_scalar(a, pos, kind)},
    };
    return ynode_map(a, pos, pairs, 2);
}

/* "dir/hello world.lua" -> "hello_world": what may stand in an id. */
static char *script_name(struct loader *ld, const char *path) {
    const char *slash = strrchr(path, '/'), *base = slash != NULL ? slash + 1 : path;
    size_t n = strlen(base);
    if (n > 4 && strcmp(base + n - 4, ".lua") == 0)
        n -= 4;
    if (n > 100)
        n = 100;
    char *name = arena_strndup(&ld->scratch, base, n);
    for (char *p = name; *p != '\0'; p++)
        if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-", *p) == NULL)
            *p = '_';
    return n > 0 ? name : "script";
}

/* The names that are taken in the scripts' namespace, so that a script gets another. */
static bool taken(struct loader *ld, const char *name) {
    for (size_t i = 0; i < ld->files.n; i++) {
        const struct load_file *f = &ld->files.v[i];
        const struct ynode *file_ns = ynode_get(f->root, "namespace"),
                           *entries = ynode_get(f->root, "entries");
        for (size_t k = 0; entries != NULL && entries->type == Y_SEQ && k < entries->n; k++) {
            const struct ynode *own = ynode_get(entries->items[k], "namespace"),
                               *ns = own != NULL ? own : file_ns,
                               *given = ynode_get(entries->items[k], "name");
            bool ours =
                f->script || (ns != NULL && ns->type == Y_SCALAR && strcmp(ns->text, LOAD_DEFAULT_NS) == 0);
            if (ours && given != NULL && given->type == Y_SCALAR && strcmp(given->text, name) == 0)
                return true;
        }
    }
    return false;
}

static void add_script(struct loader *ld, const char *path) {
    struct arena *a = &ld->scratch;
    const char *stem = script_name(ld, path), *name = stem;
    for (int i = 2; taken(ld, name); i++)
        name = arena_printf(a, "%s-%d", stem, i);
    struct cfg_pos pos = nowhere(arena_strdup(&ld->config->arena, path));
    const struct ynode *e = made_entry(ld, pos, name, cfg_kind_word(CFG_KIND_PROCESS));
    e = ynode_with(a, e, pos, "source", ynode_scalar(a, pos, arena_printf(a, "file://%s", path)));
    const struct ynode **list = arena_alloc(a, sizeof *list);
    list[0] = e;
    add_made(ld, pos.file, list, 1);
}

/* Whether the files leave it open where something runs that nobody gave a host: see cfg_default_host. */
static bool needs_host(struct loader *ld) {
    size_t hosts = 0;
    for (size_t i = 0; i < ld->files.n; i++) {
        const struct ynode *entries = ynode_get(ld->files.v[i].root, "entries");
        for (size_t k = 0; entries != NULL && entries->type == Y_SEQ && k < entries->n; k++) {
            const struct ynode *kind = ynode_get(entries->items[k], "kind");
            if (kind != NULL && kind->type == Y_SCALAR &&
                strcmp(kind->text, cfg_kind_word(CFG_KIND_HOST)) == 0)
                hosts++;
        }
    }
    return hosts != 1 && !taken(ld, LOAD_DEFAULT_HOST);
}

static void add_host(struct loader *ld) {
    struct arena *a = &ld->scratch;
    static const char name[] = "(implicit host)";
    struct cfg_pos pos = nowhere(name);
    const struct ynode *lifecycle = ynode_with(a, NULL, pos, "auto_start", ynode_scalar(a, pos, "true"));
    const struct ynode *e = made_entry(ld, pos, LOAD_DEFAULT_HOST, cfg_kind_word(CFG_KIND_HOST));
    const struct ynode **list = arena_alloc(a, sizeof *list);
    list[0] = ynode_with(a, e, pos, "lifecycle", lifecycle);
    add_made(ld, name, list, 1);
}

void load_gather(struct loader *ld) {
    const struct cfg_options *o = ld->options;
    if (o->file != NULL) {
        /* when the folder is not there, neither is the file, and that is reported */
        ld->root = files_real(&ld->scratch, files_dirname(&ld->scratch, o->file));
        read_main(ld);
    }
    for (size_t i = 0; i < o->scripts_n; i++)
        add_script(ld, o->scripts[i]);
    if ((o->implicit_host || o->scripts_n > 0) && needs_host(ld))
        add_host(ld);
}
