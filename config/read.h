/*
 * From a mapping of YAML nodes to a typed struct, by the table of fields. Inside arena_run.
 */
#ifndef TROUPE_CONFIG_READ_H
#define TROUPE_CONFIG_READ_H

#include "config/model.h"
#include "config/yaml.h"

/* A file in which a missing entry may be. */
struct read_unread {
    const char *name;
    const char *ns; /* its namespace; NULL: not known */
};

struct read {
    struct config *config; /* references are resolved in it, values kept in its arena */
    struct arena *scratch;
    struct cfg_report *report;
    unsigned scope;          /* enum cfg_kind, or SCOPE_FILE */
    void *bases[BASE_COUNT]; /* the structs that are filled */
    const char *path;        /* of the mapping, for messages: an entry's id, or "" */
    const char
        *ns; /* that references without a namespace take; NULL: not known, such references are let pass */
    const struct read_unread *unread; /* files that could not be read in full */
    size_t unread_n;
    bool main_file;
    bool data; /* unknown fields are data, not mistakes */
};

/* Puts the default of every field of `scope` whose base is given. */
void read_defaults(const struct read *rd);

/*
 * Reads the fields that `map` has, except special ones, and reports every mistake. With `required` a missing required
 * field is one (at `map`'s place).
 */
void read_fields(const struct read *rd, const struct ynode *map, bool required);

/* The entry that `ref`, written at `pos` in field `path`, means, if its kind is among `kinds`; else NULL, reported. */
const struct cfg_entry *read_ref(const struct read *rd, const struct ynode *ref, const char *path,
                                 unsigned kinds);

/*
 * A string for an entry's own fields (name, kind, namespace); NULL when it is no string (reported at `path`) or not
 * there at all.
 */
const char *read_string(const struct read *rd, const struct ynode *node, const char *path);

/* "did you mean" for a message: `; did you mean "best"?`, or "". */
const char *read_hint(struct arena *a, const char *best);

#endif
