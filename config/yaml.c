#include "config/yaml.h"

#include "config/env.h"
#include "config/report.h"
#include "config/strmap.h"
#include "config/utf8.h"

#include <inttypes.h>
#include <string.h>
#include <yaml.h>

/* A collection that is being read. */
struct frame {
    struct ynode node;       /* what is known of it so far */
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
    const char *text;
    size_t len;
    bool option;
    bool broken;
    struct strmap anchors;
    const struct ynode *root;
    struct frame stack[YAML_MAX_DEPTH];
    struct anchor *stack_anchor[YAML_MAX_DEPTH];
    size_t depth;
};

static struct cfg_pos place(const struct reader *rd, int line, int col) {
    return rd->option ? (struct cfg_pos){.file = rd->name} : (struct cfg_pos){rd->name, line, col};
}

static struct cfg_pos mark_place(const struct reader *rd, const yaml_mark_t *mark) {
    return place(rd, (int)mark->line + 1, (int)mark->column + 1);
}

/* --- bytes -------------------------------------------------------------------------------------------------------- */

/* What libyaml reads: YAML's printable characters. */
static bool is_printable(uint32_t c) {
    if (c < 0x20)
        return c == '\t' || c == '\n' || c == '\r';
    return (c < 0x7f || c > 0x9f || c == 0x85) && c != 0xfffe && c != 0xffff;
}

/*
 * libyaml takes the end of a text for granted at a NUL, and says about other bytes it does not like only how far into
 * the text they are, so these never reach it. Control characters would end up in messages on terminals, too.
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
        if (!is_printable(c)) {
            report_error(rd->session->report, place(rd, line, col), NULL,
                         "the character U+%04X is not allowed", (unsigned)c);
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
        if (f->node.type == Y_SEQ)
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
    if (f->node.type == Y_SEQ) {
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

static bool is_text(const char *text, size_t n, const char *word) {
    return n == strlen(word) && memcmp(text, word, n) == 0;
}

/* Notes the tag of a node (NULL: none); on anything but a standard one of the right type complains. */
static void read_tag(struct reader *rd, const yaml_char_t *tag, struct ynode *node) {
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
    const char *text = (const char *)tag;
    if (text == NULL)
        return;
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
        if (strcmp(text, tags[i].text) != 0 || tags[i].type != node->type)
            continue;
        node->tag = tags[i].tag;
        return;
    }
    report_error(
        rd->session->report, node->pos, path(rd),
        "the tag %s is not supported here; allowed are !!str !!int !!float !!bool !!null on scalars, !!seq, "
        "!!map",
        yaml_quote(rd->arena, text, strlen(text)));
}

/* Makes an anchor (NULL: there is none) of a node. */
static struct anchor *new_anchor(struct reader *rd, const yaml_char_t *name, const struct ynode *node) {
    if (name == NULL)
        return NULL;
    const char *text = arena_strdup(rd->arena, (const char *)name);
    struct anchor *anchor = arena_alloc(rd->arena, sizeof *anchor);
    anchor->node = node;
    *strmap_slot(rd->arena, &rd->anchors, text, strlen(text)) = anchor;
    return anchor;
}

static bool is_value_place(const struct reader *rd) {
    if (rd->depth == 0)
        return true;
    const struct frame *f = &rd->stack[rd->depth - 1];
    return f->node.type == Y_SEQ || f->key != NULL;
}

static bool read_scalar(struct reader *rd, const yaml_event_t *e) {
    struct ynode *node = arena_alloc(rd->arena, sizeof *node);
    yaml_scalar_style_t style = e->data.scalar.style;
    node->type = Y_SCALAR;
    node->plain = style == YAML_PLAIN_SCALAR_STYLE;
    node->block = style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE;
    node->pos = mark_place(rd, &e->start_mark);
    node->size = node->height = 1;
    node->n = e->data.scalar.length;
    node->text = arena_strndup(rd->arena, (const char *)e->data.scalar.value, node->n);
    read_tag(rd, e->data.scalar.tag, node);
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
    new_anchor(rd, e->data.scalar.anchor, node);
    return charge(rd, 1, node->pos) && attach(rd, node);
}

static bool read_alias(struct reader *rd, const yaml_event_t *e) {
    struct cfg_pos pos = mark_place(rd, &e->start_mark);
    const char *name = (const char *)e->data.alias.anchor;
    const struct anchor *anchor = strmap_get(&rd->anchors, name, strlen(name));
    if (anchor == NULL || anchor->node == NULL) {
        report_error(rd->session->report, pos, path(rd),
                     anchor == NULL ? "the alias *%s has no anchor &%s before it"
                                    : "the alias *%s stands inside its own anchor &%s",
                     name, name);
        return fail(rd);
    }
    if (rd->depth + anchor->node->height > YAML_MAX_DEPTH) {
        report_error(rd->session->report, pos, NULL, "nested too deeply: more than %d levels",
                     YAML_MAX_DEPTH);
        return fail(rd);
    }
    return charge(rd, anchor->node->size, pos) && attach(rd, anchor->node);
}

/* The events that begin a mapping and a sequence have the same fields. */
static bool begin(struct reader *rd, const yaml_event_t *e) {
    bool map = e->type == YAML_MAPPING_START_EVENT;
    struct cfg_pos pos = mark_place(rd, &e->start_mark);
    if (rd->depth == YAML_MAX_DEPTH) {
        report_error(rd->session->report, pos, NULL, "nested too deeply: more than %d levels",
                     YAML_MAX_DEPTH);
        return fail(rd);
    }
    struct ynode node = {.type = map ? Y_MAP : Y_SEQ, .pos = pos};
    read_tag(rd, map ? e->data.mapping_start.tag : e->data.sequence_start.tag, &node);
    rd->stack_anchor[rd->depth] =
        new_anchor(rd, map ? e->data.mapping_start.anchor : e->data.sequence_start.anchor, NULL);
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
    struct ynode *node = arena_alloc(rd->arena, sizeof *node);
    *node = f->node;
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

static bool read_event(struct reader *rd, const yaml_event_t *e) {
    switch (e->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (rd->root == NULL)
            return true;
        report_error(rd->session->report, mark_place(rd, &e->start_mark), NULL,
                     "a second document (---): a file holds only one");
        return false;
    case YAML_MAPPING_START_EVENT:
    case YAML_SEQUENCE_START_EVENT:
        return begin(rd, e);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        return end(rd, false);
    case YAML_SCALAR_EVENT:
        return read_scalar(rd, e);
    case YAML_ALIAS_EVENT:
        return read_alias(rd, e);
    case YAML_STREAM_END_EVENT:
        return false;
    default:
        return true;
    }
}

/* The character a syntax error is about. libyaml's index counts characters, not bytes. */
static uint32_t character_at(const struct reader *rd, size_t index) {
    uint32_t c = 0;
    size_t at = 0;
    for (size_t i = 0; i <= index && at < rd->len; i++)
        at += utf8_next(rd->text + at, rd->len - at, &c);
    return c;
}

static void report_syntax(struct reader *rd) {
    const yaml_parser_t *p = &rd->session->parser;
    struct cfg_report *report = rd->session->report;
    struct cfg_pos pos = mark_place(rd, &p->problem_mark);
    rd->broken = true;
    bool token = strstr(p->problem, "cannot start any token") != NULL;
    uint32_t c = token ? character_at(rd, p->problem_mark.index) : 0;
    if (token && c == '\t')
        report_error(report, pos, NULL, "YAML syntax: a tab cannot be used for indentation");
    else if (token && c > 0x20 && c < 0x7f)
        report_error(report, pos, NULL, "YAML syntax: %c cannot begin a value; put the value in quotes",
                     (int)c);
    else if (!rd->option && p->context != NULL && p->context_mark.line != p->problem_mark.line)
        report_error(report, pos, NULL, "YAML syntax: %s, %s that begins at line %zu, column %zu", p->problem,
                     p->context, p->context_mark.line + 1, p->context_mark.column + 1);
    else
        report_error(report, pos, NULL, "YAML syntax: %s%s%s", p->problem, p->context != NULL ? ", " : "",
                     p->context != NULL ? p->context : "");
}

void yaml_session_close(struct yaml_session *s) {
    if (s->has_event)
        yaml_event_delete(&s->event);
    if (s->has_parser)
        yaml_parser_delete(&s->parser);
    s->has_event = s->has_parser = false;
}

static void read_events(struct reader *rd) {
    struct yaml_session *s = rd->session;
    bool more = true;
    while (more) {
        if (!yaml_parser_parse(&s->parser, &s->event)) {
            if (s->parser.error == YAML_MEMORY_ERROR)
                arena_fail(rd->arena);
            report_syntax(rd);
            return;
        }
        s->has_event = true;
        more = read_event(rd, &s->event);
        yaml_event_delete(&s->event);
        s->has_event = false;
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
    *rd = (struct reader){
        .session = s, .arena = s->arena, .name = name, .text = text, .len = len, .option = option};
    if (!check_bytes(rd, text, len)) {
        *broken = true;
        return NULL;
    }
    s->has_parser = yaml_parser_initialize(&s->parser);
    if (!s->has_parser)
        arena_fail(s->arena);
    yaml_parser_set_encoding(&s->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&s->parser, (const unsigned char *)text, len);
    read_events(rd);
    yaml_session_close(s);
    while (rd->depth > 0) {
        /* a key without its value yet says nothing */
        end(rd, true);
    }
    *broken = rd->broken;
    return rd->root;
}
