/*
 * The table of configuration fields: the one place that knows a field's name, type, default, range and help.
 * Reading, checking, printing, comparing, suggestions, --set, the manual page and completions come from it.
 *
 * Constant data, readable from any thread.
 */
#ifndef TROUPE_CONFIG_FIELDS_H
#define TROUPE_CONFIG_FIELDS_H

#include "config/config.h"

/* Largest file that is read: YAML and Lua alike. */
#define CFG_MAX_FILE_BYTES ((int64_t)16 << 20)

/* Most YAML files of one configuration. */
#define CFG_MAX_FILES 4096

/* Longest id of an entry. */
#define CFG_MAX_ID 255

/* type, its name in the manual, what it looks like (for messages) */
#define FIELD_TYPES(X)                                                                                       \
    X(SPECIAL, "special", "") /* read by the loader itself */                                                \
    X(INT, "integer", "an integer")                                                                          \
    X(SIZE, "size", "a size: bytes, or a whole number with B, KiB, MiB, GiB, TiB or PiB, such as 64MiB")     \
    X(DURATION, "duration", "a duration such as 1h30m, 1.5s or 500ms")                                       \
    X(DOUBLE, "number", "a number")                                                                          \
    X(BOOL, "boolean", "true or false")                                                                      \
    X(ENUM, "word", "")                                                                                      \
    X(MODE, "mode", "a file mode in octal, such as \"0660\"")                                                \
    X(STRING, "string", "a string")                                                                          \
    X(SOURCE, "source", "file://NAME or Lua text")                                                           \
    X(REF, "reference", "the id of an entry")                                                                \
    X(STRINGS, "list of strings", "a list of strings")                                                       \
    X(REFS, "list of references", "a list of ids of entries")                                                \
    X(IMPORTS, "map of references", "a mapping of names to ids of libraries")                                \
    X(LIST, "list", "a list")                                                                                \
    X(OBJECT, "mapping", "a mapping")                                                                        \
    X(IGNORED, "ignored", "") /* accepted for Wippy's sake, without effect */

#define FIELD_TYPE_ENUM(name, text, like) FIELD_##name,
enum field_type { FIELD_TYPES(FIELD_TYPE_ENUM) FIELD_TYPE_COUNT };

/* The struct that a field's offset counts in. */
enum field_base { BASE_SETTINGS, BASE_ENTRY, BASE_HOST, BASE_CODE, BASE_SERVICE, BASE_COUNT };

/* Where fields may stand: a kind of entry (enum cfg_kind), or the top level of a file. A bit each in `scopes`. */
#define SCOPE_FILE CFG_KIND_COUNT
#define SCOPE_BIT(scope) (1u << (scope))

enum field_flag {
    FIELD_REQUIRED = 1,
    FIELD_OR_ZERO = 2, /* 0 is allowed besides min..max */
    FIELD_MAIN = 4,    /* only in the main file */
    FIELD_SWITCH = 8,  /* an enum whose words on and off may be written as YAML booleans */
};

struct field {
    enum field_base base;
    unsigned scopes;
    const char *path; /* within the entry or file */
    enum field_type type;
    size_t offset;
    const char *def; /* as it would be written in YAML; NULL: nothing */
    int64_t min, max;
    const char *const *words;      /* FIELD_ENUM: ends with NULL */
    unsigned kinds;                /* FIELD_REF, FIELD_REFS, FIELD_IMPORTS: allowed kinds, SCOPE_BIT each */
    bool (*allows)(const char *s); /* FIELD_STRING, elements of FIELD_STRINGS: NULL: all */
    const char *allowed;           /* what `allows` allows, for messages */
    unsigned flags;                /* enum field_flag */
    const char *alias_of;          /* another name of that field */
    enum cfg_reload reload;
    const char *help;
};

extern const struct field cfg_fields[];
extern const size_t cfg_field_count;

/* The field at a path; NULL when there is none. */
const struct field *field_find(unsigned scope, const char *path);

/* Whether some field's path begins with `path` and a dot. */
bool field_is_group(unsigned scope, const char *path);

/* Writes what a field allows into `buf` ("0 to 1024", "seed or wippy", "id of process.host"); returns `buf`. */
const char *field_allowed(const struct field *f, char *buf, size_t cap);

/* What a value of the type looks like ("an integer"). */
const char *field_type_like(enum field_type type);

#endif
