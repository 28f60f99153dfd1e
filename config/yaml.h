/*
 * YAML text to a tree of nodes, each with its place in the file; and the small tools that work on such trees.
 *
 * libyaml reads; this module guards it and bounds the result: bytes are checked first (UTF-8, no control
 * characters), nesting and the number of nodes after expansion of aliases are limited, keys are scalars and unique,
 * `<<` merges, environment variables are put in. A syntax error ends a document early: what came before it is
 * still returned, so that its mistakes are found in the same run, with the unfinished nodes marked `partial`.
 *
 * Aliases share nodes, so a tree is not changed in place: see ynode_with. One thread at a time.
 */
#ifndef TROUPE_CONFIG_YAML_H
#define TROUPE_CONFIG_YAML_H

#include "config/arena.h"
#include "config/diag.h"
#include "config/value.h"

#include <stdint.h>
#include <yaml.h>

/* Nesting of one document, aliases expanded. */
#define YAML_MAX_DEPTH 64

/* Nodes of all documents read with one session, aliases expanded. */
#define YAML_MAX_NODES 1000000

enum ynode_type { Y_SCALAR, Y_SEQ, Y_MAP };

/* The standard tags that decide what a scalar is; without one, a plain scalar is what it looks like. */
enum ynode_tag { YTAG_NONE, YTAG_STR, YTAG_INT, YTAG_FLOAT, YTAG_BOOL, YTAG_NULL };

struct ynode;

struct ynode_pair {
    const struct ynode *key; /* a scalar */
    const struct ynode *value;
};

struct ynode {
    enum ynode_type type;
    enum ynode_tag tag;
    bool plain;   /* a scalar without quotes */
    bool env;     /* a scalar that an environment variable was put into */
    bool failed;  /* a scalar whose text could not be made; reported already */
    bool block;   /* a scalar written with | or >, whose text begins in the line after `pos` */
    bool partial; /* a syntax error came before its end */
    uint32_t height;
    uint64_t size; /* nodes of the whole subtree */
    struct cfg_pos pos;
    size_t n; /* Y_SCALAR: bytes; else elements */
    union {
        const char *text; /* NUL-terminated */
        const struct ynode *const *items;
        const struct ynode_pair *pairs;
    };
};

/* What one load shares between its documents, and what must be released should it end early. */
struct yaml_session {
    struct arena *arena;
    struct cfg_report *report;
    uint64_t nodes; /* so far */
    bool has_parser, has_event;
    yaml_parser_t parser;
    yaml_event_t event;
};

/*
 * Reads one document. `name` is what positions say; with `option` set it is no file and positions have no line.
 * Mistakes go to the report; `*broken` tells whether some of the text could not be read. NULL: no document.
 * Inside arena_run; `text` may go afterwards, `name` must stay as long as the tree.
 */
const struct ynode *yaml_parse(struct yaml_session *s, const char *name, const char *text, size_t len,
                               bool option, bool *broken);

/* Releases what an interrupted yaml_parse left; harmless otherwise. Outside arena_run. */
void yaml_session_close(struct yaml_session *s);

/* The value of `key` in a mapping; NULL when there is none, or `map` is NULL or no mapping. */
const struct ynode *ynode_get(const struct ynode *map, const char *key);

/* Nothing: an empty plain scalar, "~", "null". */
bool ynode_is_null(const struct ynode *node);

/* Nodes from nothing, for what no file says. */
const struct ynode *ynode_scalar(struct arena *a, struct cfg_pos pos, const char *text);
const struct ynode *ynode_map(struct arena *a, struct cfg_pos pos, const struct ynode_pair *pairs, size_t n);

/* A copy of `map` (NULL or no mapping: an empty one) in which `key` has the value `value`. */
const struct ynode *ynode_with(struct arena *a, const struct ynode *map, struct cfg_pos pos, const char *key,
                               const struct ynode *value);

/* What was found, for a message: `"text"`, "a list", "a mapping", "nothing". */
const char *ynode_describe(struct arena *a, const struct ynode *node);

/* A text in quotes, fit for a message: cut when long, unprintable characters escaped. */
const char *yaml_quote(struct arena *a, const char *s, size_t n);

/* A key as part of a path: quoted when it holds what would garble a message, so that it is no field's name either. */
const char *ynode_key_name(struct arena *a, const struct ynode *key);

/* What a scalar is by YAML's core schema: null, boolean, integer, double or string (`s` points into the node). */
struct cfg_value ynode_resolve(const struct ynode *scalar);

/* The whole tree as plain data, in `a`. */
struct cfg_value ynode_value(struct arena *a, const struct ynode *node);

#endif
