#include "config/yaml.h"

#include "config/env.h"
#include "config/report.h"
#include "config/strmap.h"
#include "config/utf8.h"

#include <inttypes.h>
#include <libfyaml.h>
#include <string.h>

/* A collection that is being read. */
struct frame {
    struct ynode *node;
    const struct ynode *key; /* of a mapping: read, its value not yet */
    struct {
        const struct ynode **v;
        size_t n, cap;
    } items;
    struct {
        struct ynode_pair *v;
        size_t n, cap;
    } pairs;
};

/* An anchor: `node` is NULL while the collection that it names is still open. */
struct anchor {
    const struct ynode *node;
};

struct reader {
    struct yaml_session *session;
    struct arena *arena;
    const char *name;
    bool option;
    bool broken;
    struct cfg_pos last; /* where the parser is, for events without a place of their own */
    struct strmap anchors;
    const struct ynode *root;
    struct frame stack[YAML_MAX_DEPTH];
    struct anchor *stack_anchor[YAML_MAX_DEPTH];
    size_t depth;
};

static struct cfg_pos place(const struct reader *rd, int line, int col) {
    return rd->option ? (struct cfg_pos){.file = rd->name} : (struct cfg_pos){rd->name, line, col};
}

static struct cfg_pos event_place(const struct reader *rd, struct fy_event *e) {
    const struct fy_mark *mark = fy_event_start_mark(e);
    return mark != NULL ? place(rd, mark->line + 1, mark->column + 1) : rd->last;
}

/* --- bytes -------------------------------------------------------------------------------------------------------- */

/*
 * libfyaml 0.7 ends quietly at a NUL and at some bytes that are no UTF-8, so these never reach it. Control
 * characters are not allowed in YAML, and would end up in messages on terminals.
 */
static bool check_bytes(struct reader *rd, const char *text, size_t len) {
    int line = 1, col = 1;
    for (size_t i = 0; i < len;) {
        uint32_t c;
        size_t n = utf8_next(text + i, len - i, &c);
        if (n == 0) {
            report_error(rd->session->report, place(rd, line, col), NULL,
                         "the byte 0x%02X is not UTF-8, the encoding that files must have",
                         (unsigned)(unsigned char)text[i]);
            return false;
        }
        bool white = c == '\t' || c == '\n' || c == '\r';
        if ((c < 0x20 && !white) || c == 0x7f) {
            report_error(rd->session->report, place(rd, line, col), NULL,
                         "the control character 0x%02X is not allowed", (unsigned)c);
            return false;
        }
        i += n;
        if (c == '\n' || (c == '\r' && !(i < len && text[i] == '\n'))) {
            line++;
            col = 1;
        } else {
            col++;
        }
    }
    return true;
}

/* --- building ----------------------------------------------------------------------------------------------------- */

static bool fail(struct reader *rd) {
    rd->broken = true;
    return false;
}

/* Where the value that is being read stands: "entries[2].host.jit". */
static const char *path(struct reader *rd) {
    const char *p = "";
    for (size_t i = 0; i < rd->depth; i++) {
        const struct frame *f = &rd->stack[i];
        if (f->node->type == Y_SEQ)
            p = arena_printf(rd->arena, "%s[%zu]", p, f->items.n);
        else if (f->key != NULL)
            p = arena_printf(rd->arena, "%s%s%s", p, p[0] != '\0' ? "." : "",
                             ynode_key_name(rd->arena, f->key));
    }
    return p;
}

/* Counts nodes against the limit. */
static bool charge(struct reader *rd, uint64_t nodes, struct cfg_pos pos) {
    rd->session->nodes += nodes;
    if (rd->session->nodes <= YAML_MAX_NODES)
        return true;
    report_error(rd->session->report, pos, path(rd),
                 "too large: more than %d values, with aliases (*name) and << written out", YAML_MAX_NODES);
    return fail(rd);
}

/* Puts a finished node where it belongs. */
static bool attach(struct reader *rd, const struct ynode *node) {
    if (rd->depth == 0) {
        rd->root = node;
        return true;
    }
    struct frame *f = &rd->stack[rd->depth - 1];
    if (f->node->type == Y_SEQ) {
        *ARENA_PUSH(rd->arena, &f->items) = node;
    } else if (f->key == NULL) {
        if (node->partial)
            return false;
        if (node->type != Y_SCALAR) {
            report_error(rd->session->report, node->pos, path(rd), "a key must be plain text, found %s",
                         ynode_describe(rd->arena, node));
            return fail(rd);
        }
        f->key = node;
    } else {
        *ARENA_PUSH(rd->arena, &f->pairs) = (struct ynode_pair){f->key, node};
        f->key = NULL;
    }
    return true;
}

static bool has_text(struct fy_token *token, const char **text, size_t *n) {
    *text = token != NULL ? fy_token_get_text(token, n) : NULL;
    if (*text == NULL)
        *n = 0;
    return *text != NULL;
}

static bool is_text(const char *text, size_t n, const char *word) {
    return n == strlen(word) && memcmp(text, word, n) == 0;
}

/* Reads the tag of a node, if any; on anything but a standard one of the right type complains. */
static void read_tag(struct reader *rd, struct fy_event *e, struct ynode *node) {
    static const struct {
        const char *text;
        enum ynode_type type;
        enum ynode_tag tag;
    } tags[] = {
        {"!", Y_SCALAR, YTAG_STR},
        {"tag:yaml.org,2002:str", Y_SCALAR, YTAG_STR},
        {"tag:yaml.org,2002:int", Y_SCALAR, YTAG_INT},
        {"tag:yaml.org,2002:float", Y_SCALAR, YTAG_FLOAT},
        {"tag:yaml.org,2002:bool", Y_SCALAR, YTAG_BOOL},
        {"tag:yaml.org,2002:null", Y_SCALAR, YTAG_NULL},
        {"tag:yaml.org,2002:seq", Y_SEQ, YTAG_NONE},
        {"tag:yaml.org,2002:map", Y_MAP, YTAG_NONE},
    };
    const char *text;
    size_t n;
    if (!has_text(fy_event_get_tag_token(e), &text, &n))
        return;
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
        if (!is_text(text, n, tags[i].text) || tags[i].type != node->type)
            continue;
        node->tag = tags[i].tag;
        return;
    }
    report_error(
        rd->session->report, node->pos, path(rd),
        "the tag %s is not supported here; allowed are !!str !!int !!float !!bool !!null on scalars, !!seq, "
        "!!map",
        yaml_quote(rd->arena, text, n));
}

/* Makes an anchor of the event's node, if it has one. */
static struct anchor *new_anchor(struct reader *rd, struct fy_event *e, const struct ynode *node) {
    const char *text;
    size_t n;
    if (!has_text(fy_event_get_anchor_token(e), &text, &n))
        return NULL;
    struct anchor *anchor = arena_alloc(rd->arena, sizeof *anchor);
    anchor->node = node;
    *strmap_slot(rd->arena, &rd->anchors, arena_strndup(rd->arena, text, n), n) = anchor;
    return anchor;
}

static bool is_value_place(const struct reader *rd) {
    if (rd->depth == 0)
        return true;
    const struct frame *f = &rd->stack[rd->depth - 1];
    return f->node->type == Y_SEQ || f->key != NULL;
}

static bool read_scalar(struct reader *rd, struct fy_event *e) {
    struct ynode *node = arena_alloc(rd->arena, sizeof *node);
    enum fy_scalar_style style = fy_token_scalar_style(e->scalar.value);
    const char *text;
    has_text(e->scalar.value, &text, &node->n);
    node->type = Y_SCALAR;
    node->plain = style == FYSS_PLAIN || style == FYSS_ANY;
    node->block = style == FYSS_LITERAL || style == FYSS_FOLDED;
    node->pos = event_place(rd, e);
    node->size = node->height = 1;
    node->text = arena_strndup(rd->arena, text, node->n);
    read_tag(rd, e, node);
    if (is_value_place(rd) && env_wanted(node->text, node->n)) {
        const char *why;
        size_t n;
        const char *expanded = env_expand(rd->arena, node->text, node->n, &n, &why);
        node->env = true;
        if (expanded != NULL) {
            node->text = expanded;
            node->n = n;
        } else {
            node->failed = true;
            report_error(rd->session->report, node->pos, path(rd), "%s", why);
        }
    }
    new_anchor(rd, e, node);
    return charge(rd, 1, node->pos) && attach(rd, node);
}

static bool read_alias(struct reader *rd, struct fy_event *e) {
    const char *text;
    size_t n;
    struct cfg_pos pos = event_place(rd, e);
    pos.col -= pos.col > 1; /* the place is the name's; people look for the star */
    if (!has_text(e->alias.anchor, &text, &n))
        text = "";
    const struct anchor *anchor = strmap_get(&rd->anchors, text, n);
    if (anchor == NULL || anchor->node == NULL) {
        report_error(rd->session->report, pos, path(rd),
                     anchor == NULL ? "the alias *%s has no anchor &%s before it"
                                    : "the alias *%s stands inside its own anchor &%s",
                     arena_strndup(rd->arena, text, n), arena_strndup(rd->arena, text, n));
        return fail(rd);
    }
    if (rd->depth + anchor->node->height > YAML_MAX_DEPTH) {
        report_error(rd->session->report, pos, NULL, "nested too deeply: more than %d levels",
                     YAML_MAX_DEPTH);
        return fail(rd);
    }
    return charge(rd, anchor->node->size, pos) && attach(rd, anchor->node);
}

static bool begin(struct reader *rd, struct fy_event *e, enum ynode_type type) {
    struct cfg_pos pos = event_place(rd, e);
    if (rd->depth == YAML_MAX_DEPTH) {
        report_error(rd->session->report, pos, NULL, "nested too deeply: more than %d levels",
                     YAML_MAX_DEPTH);
        return fail(rd);
    }
    struct ynode *node = arena_alloc(rd->arena, sizeof *node);
    node->type = type;
    node->pos = pos;
    read_tag(rd, e, node);
    rd->stack_anchor[rd->depth] = new_anchor(rd, e, NULL);
    rd->stack[rd->depth++] = (struct frame){.node = node};
    return charge(rd, 1, pos);
}

static bool is_merge(const struct ynode *key) {
    return key->plain && is_text(key->text, key->n, "<<");
}

/*
 * Adds the pairs of the mapping `from` whose keys the mapping being built does not have yet (`seen`), and charges for
 * all of them, since the others had to be looked at too.
 */
static bool merge_one(struct reader *rd, struct frame *f, struct strmap *seen, const struct ynode *from) {
    if (!charge(rd, from->size, from->pos))
        return false;
    for (size_t i = 0; i < from->n; i++) {
        const struct ynode *key = from->pairs[i].key;
        void **slot = strmap_slot(rd->arena, seen, key->text, key->n);
        if (*slot != NULL)
            continue;
        *slot = (void *)key;
        *ARENA_PUSH(rd->arena, &f->pairs) = from->pairs[i];
    }
    return true;
}

static bool merge(struct reader *rd, struct frame *f, struct strmap *seen, const struct ynode *value) {
    bool list = value->type == Y_SEQ;
    for (size_t i = 0; i < (list ? value->n : 1); i++) {
        const struct ynode *from = list ? value->items[i] : value;
        if (from->type != Y_MAP) {
            report_error(rd->session->report, from->pos, path(rd),
                         "<< takes a mapping or a list of mappings, found %s",
                         ynode_describe(rd->arena, from));
            continue;
        }
        if (!merge_one(rd, f, seen, from))
            return false;
    }
    return true;
}

/* Reports keys that come twice (the first counts), then lets `<<` add what it brings. */
static bool finish_pairs(struct reader *rd, struct frame *f) {
    struct strmap seen = {0};
    size_t given = f->pairs.n, kept = 0;
    struct {
        const struct ynode **v;
        size_t n, cap;
    } merges = {0};
    for (size_t i = 0; i < given; i++) {
        const struct ynode_pair *pair = &f->pairs.v[i];
        if (is_merge(pair->key)) {
            *ARENA_PUSH(rd->arena, &merges) = pair->value;
            continue;
        }
        void **slot = strmap_slot(rd->arena, &seen, pair->key->text, pair->key->n);
        const struct ynode *first = *slot;
        if (first != NULL) {
            report_error(rd->session->report, pair->key->pos, path(rd),
                         "the key %s is there twice; the first is at line %d, column %d",
                         yaml_quote(rd->arena, pair->key->text, pair->key->n), first->pos.line,
                         first->pos.col);
            continue;
        }
        *slot = (void *)pair->key;
        f->pairs.v[kept++] = *pair;
    }
    f->pairs.n = kept;
    for (size_t i = 0; i < merges.n; i++)
        if (!merge(rd, f, &seen, merges.v[i]))
            return false;
    return true;
}

/* Closes the innermost collection; `partial` when a syntax error does. */
static bool end(struct reader *rd, bool partial) {
    struct frame *f = &rd->stack[rd->depth - 1];
    struct ynode *node = f->node;
    bool ok = node->type == Y_SEQ || finish_pairs(rd, f);
    node->partial = partial || !ok;
    node->size = node->height = 1;
    node->n = node->type == Y_SEQ ? f->items.n : f->pairs.n;
    if (node->type == Y_SEQ)
        node->items = f->items.v;
    else
        node->pairs = f->pairs.v;
    for (size_t i = 0; i < node->n; i++) {
        const struct ynode *child = node->type == Y_SEQ ? node->items[i] : node->pairs[i].value;
        node->size += child->size;
        if (child->height >= node->height)
            node->height = child->height + 1;
    }
    rd->depth--;
    if (rd->stack_anchor[rd->depth] != NULL)
        rd->stack_anchor[rd->depth]->node = node;
    return attach(rd, node) && ok;
}

/* --- events ------------------------------------------------------------------------------------------------------- */

static bool read_event(struct reader *rd, struct fy_event *e) {
    rd->last = event_place(rd, e);
    switch (e->type) {
    case FYET_DOCUMENT_START:
        if (rd->root == NULL)
            return true;
        report_error(rd->session->report, rd->last, NULL, "a second document (---): a file holds only one");
        return false;
    case FYET_MAPPING_START:
        return begin(rd, e, Y_MAP);
    case FYET_SEQUENCE_START:
        return begin(rd, e, Y_SEQ);
    case FYET_MAPPING_END:
    case FYET_SEQUENCE_END:
        return end(rd, false);
    case FYET_SCALAR:
        return read_scalar(rd, e);
    case FYET_ALIAS:
        return read_alias(rd, e);
    default:
        return true;
    }
}

static void report_syntax(struct reader *rd) {
    void *it = NULL;
    const struct fy_diag_error *err;
    bool any = false;
    while ((err = fy_diag_errors_iterate(rd->session->diag, &it)) != NULL) {
        if (err->type != FYET_ERROR)
            continue;
        any = true;
        report_error(rd->session->report, place(rd, err->line, err->column), NULL, "YAML syntax: %s",
                     err->msg);
    }
    if (!any)
        report_error(rd->session->report, rd->last, NULL, "YAML syntax: it cannot be read from here on");
    rd->broken = true;
}

static void quiet(struct fy_diag *diag, void *user, const char *buf, size_t len) {
}

static bool open_session(struct yaml_session *s, const char *text, size_t len) {
    struct fy_diag_cfg diag_cfg;
    fy_diag_cfg_default(&diag_cfg);
    diag_cfg.fp = NULL;
    diag_cfg.output_fn = quiet;
    s->diag = fy_diag_create(&diag_cfg);
    if (s->diag == NULL)
        return false;
    fy_diag_set_collect_errors(s->diag, true);
    struct fy_parse_cfg cfg = {.flags = FYPCF_QUIET | FYPCF_JSON_NONE, .diag = s->diag};
    s->parser = fy_parser_create(&cfg);
    return s->parser != NULL && fy_parser_set_string(s->parser, text, len) == 0;
}

void yaml_session_close(struct yaml_session *s) {
    if (s->event != NULL)
        fy_parser_event_free(s->parser, s->event);
    if (s->parser != NULL)
        fy_parser_destroy(s->parser);
    if (s->diag != NULL)
        fy_diag_destroy(s->diag);
    s->event = s->parser = s->diag = NULL;
}

static void read_events(struct reader *rd) {
    struct yaml_session *s = rd->session;
    bool more = true;
    while (more) {
        s->event = fy_parser_parse(s->parser);
        if (s->event == NULL) {
            if (fy_parser_get_stream_error(s->parser))
                report_syntax(rd);
            return;
        }
        more = read_event(rd, s->event);
        fy_parser_event_free(s->parser, s->event);
        s->event = NULL;
    }
}

const struct ynode *yaml_parse(struct yaml_session *s, const char *name, const char *text, size_t len,
                               bool option, bool *broken) {
    static const char bom[] = "\xef\xbb\xbf";
    if (len >= strlen(bom) && memcmp(text, bom, strlen(bom)) == 0) {
        text += strlen(bom);
        len -= strlen(bom);
    }
    struct reader *rd = arena_alloc(s->arena, sizeof *rd);
    *rd = (struct reader){.session = s, .arena = s->arena, .name = name, .option = option};
    rd->last = place(rd, 1, 1);
    if (!check_bytes(rd, text, len)) {
        *broken = true;
        return NULL;
    }
    if (!open_session(s, text, len))
        arena_fail(s->arena);
    read_events(rd);
    yaml_session_close(s);
    while (rd->depth > 0) {
        /* a key without its value yet says nothing */
        end(rd, true);
    }
    *broken = rd->broken;
    return rd->root;
}
