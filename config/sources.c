/* The Lua texts of entries: inline, or from files that must not lie outside the main file's folder. */
#include "config/files.h"
#include "config/hash64.h"
#include "config/loader.h"
#include "config/utf8.h"

#include <errno.h>
#include <string.h>

#define SCHEME "file://"

/* A text that is there once however many entries have it. */
struct source_text {
    const char *name, *text;
    size_t len;
    uint64_t hash;
    struct cfg_pos pos;
    const char *why; /* it could not be read; reported for each entry that wants it */
    bool lines;      /* its lines are lines of the file in `pos`, from pos.line on */
    bool checked;    /* compiled */
};

/* What is wrong with a text as Lua, before it is compiled; NULL: nothing. */
static const char *unfit(const char *text, size_t len) {
    if (len > 0 && text[0] == '\x1b')
        return "is compiled Lua; only Lua text is accepted";
    if (len == strlen(SCHEME) && memcmp(text, SCHEME, len) == 0)
        return "names no file";
    return len == 0 ? "is empty" : NULL;
}

/* Finds the file, checks that it may be read, and names it. NULL or what is wrong. */
static const char *locate(struct loader *ld, const struct load_entry *le, const char *path, const char **real,
                          const char **name) {
    struct arena *a = &ld->scratch;
    *real = files_real(a, path);
    if (*real == NULL)
        return strerror(errno);
    const char *inside = le->file->script ? path : ld->root != NULL ? files_inside(ld->root, *real) : NULL;
    if (inside == NULL)
        return arena_printf(a, "lies outside the main file's folder %s, as %s",
                            ld->root != NULL ? ld->root : "", *real);
    if (utf8_valid(inside, strlen(inside)) != strlen(inside))
        return "the file's name is not UTF-8";
    *name = arena_printf(&ld->config->arena, "@%s", inside);
    return NULL;
}

static struct source_text *read_text(struct loader *ld, const struct load_entry *le, const char *path) {
    struct arena *keep = &ld->config->arena;
    struct source_text *t = arena_alloc(&ld->scratch, sizeof *t);
    const char *real, *name = NULL;
    t->why = locate(ld, le, path, &real, &name);
    if (t->why != NULL)
        return t;
    void **slot = strmap_slot(&ld->scratch, &ld->texts, real, strlen(real));
    if (*slot != NULL)
        return *slot;
    *slot = t;
    char *text;
    struct stat st;
    t->why = files_read(keep, real, &text, &t->len, &st);
    if (t->why == NULL)
        t->why = unfit(text, t->len);
    if (t->why != NULL)
        return t;
    t->name = name;
    t->text = text;
    t->hash = hash64_end(hash64_add(HASH64_START, text, t->len));
    t->pos = (struct cfg_pos){arena_strdup(keep, path), 1, 0};
    t->lines = true;
    return t;
}

static void use(struct cfg_code *code, const struct source_text *t) {
    code->source.name = t->name;
    code->source.text = t->text;
    code->source.len = t->len;
    code->source.hash = t->hash;
    code->source.pos = t->pos;
}

/* Most likely a file whose scheme was forgotten: one line that ends in .lua. */
static bool is_bare_name(const char *s) {
    size_t n = strlen(s);
    return n > 4 && strcmp(s + n - 4, ".lua") == 0 && s[strcspn(s, " \t\n(")] == '\0';
}

static struct source_text *inline_text(struct loader *ld, const struct load_entry *le,
                                       const struct cfg_code *code) {
    struct source_text *t = arena_alloc(&ld->scratch, sizeof *t);
    *t = (struct source_text){
        .name = arena_printf(&ld->config->arena, "=%s", le->e->id),
        .text = code->source.given,
        .len = strlen(code->source.given),
        .pos = code->source.pos,
        .lines = ynode_get(le->node, "source")->block,
    };
    t->hash = hash64_end(hash64_add(HASH64_START, t->text, t->len));
    t->why = is_bare_name(t->text)
               ? arena_printf(&ld->scratch, "is the name of a file? That is written " SCHEME "%s", t->text)
               : unfit(t->text, t->len);
    return t;
}

static void check(struct loader *ld, const struct load_entry *le, struct source_text *t) {
    const struct cfg_options *o = ld->options;
    if (o->check_source == NULL || t->checked)
        return;
    t->checked = true;
    char err[1024] = "";
    int line = 0;
    const struct cfg_code *code = le->body;
    if (o->check_source(o->ud, code, err, sizeof err, &line))
        return;
    struct cfg_pos pos = t->pos;
    const char *where = "";
    if (t->lines && pos.line > 0 && line > 0)
        pos.line += line - 1;
    else if (line > 1)
        where = arena_printf(&ld->scratch, "line %d of the text: ", line);
    report_error(ld->report, pos, le->path, "%s%s", where,
                 err[0] != '\0' ? err : "the source does not compile");
}

static void load_source(struct loader *ld, const struct load_entry *le) {
    struct cfg_code *code = le->body;
    if (code->source.given == NULL) /* reported as missing or of a wrong type */
        return;
    const struct ynode *node = ynode_get(le->node, "source");
    const char *given = code->source.given;
    bool file = strncmp(given, SCHEME, strlen(SCHEME)) == 0 && given[strlen(SCHEME)] != '\0';
    const char *path = NULL;
    struct source_text *t;
    if (file) {
        path = files_join(&ld->scratch, le->dir, given + strlen(SCHEME));
        t = read_text(ld, le, path);
    } else {
        t = inline_text(ld, le, code);
    }
    if (t->why == NULL) {
        use(code, t);
        check(ld, le, t);
        return;
    }
    report_error(ld->report, node->pos, arena_printf(&ld->scratch, "%s.source", le->path), "%s%s%s",
                 file ? path : "", file ? ": " : "", t->why);
}

void load_sources(struct loader *ld) {
    for (size_t i = 0; i < ld->entries.n; i++)
        if (cfg_is_code(ld->entries.v[i].e))
            load_source(ld, &ld->entries.v[i]);
}
