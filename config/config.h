/*
 * Configuration: YAML files to checked, typed, immutable definitions.
 *
 * cfg_load reads the main file and all it includes, applies overrides, checks everything, resolves references,
 * reads the Lua sources, orders what depends on what, and returns either a `struct config` or every mistake it
 * found, each with its place (config/diag.h).
 *
 * A loaded configuration never changes. It is reference-counted: cfg_ref and cfg_unref from any thread; everything
 * reached through it (entries, strings, texts) lives as long as one reference does and may be read from any thread.
 * Loading itself reads the environment and files and blocks: not from a worker thread.
 *
 * The fields, their types, defaults and help are one table, config/fields.c; the structs below hold what it reads.
 * Sizes are bytes, durations nanoseconds. 0 means "no limit" or "the default", as each field's help says.
 */
#ifndef TROUPE_CONFIG_CONFIG_H
#define TROUPE_CONFIG_CONFIG_H

#include "config/diag.h"
#include "config/value.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* --- what fields may say ------------------------------------------------------------------------------------------ */

/* The words of each enumerated field, in the order of its enum. */
#define CFG_COMPAT_WORDS(X) X(SEED, "seed") X(WIPPY, "wippy")
#define CFG_JIT_WORDS(X) X(OFF, "off") X(ON, "on") X(AUTO, "auto")
#define CFG_POLICY_WORDS(X) X(REJECT, "reject") X(KILL, "kill")
#define CFG_STARTUP_WORDS(X) X(REQUIRED, "required") X(OPTIONAL, "optional")
#define CFG_LEVEL_WORDS(X) X(DEBUG, "debug") X(INFO, "info") X(WARN, "warn") X(ERROR, "error")
#define CFG_FORMAT_WORDS(X)                                                                                  \
    X(AUTO, "auto") X(TEXT, "text") X(JSON, "json") X(LOGFMT, "logfmt") X(JOURNAL, "journal")
#define CFG_PRINT_WORDS(X) X(STDOUT, "stdout") X(STDERR, "stderr") X(LOG, "log")

#define CFG_COMPAT_ENUM(name, text) CFG_COMPAT_##name,
#define CFG_JIT_ENUM(name, text) CFG_JIT_##name,
#define CFG_POLICY_ENUM(name, text) CFG_POLICY_##name,
#define CFG_STARTUP_ENUM(name, text) CFG_STARTUP_##name,
#define CFG_LEVEL_ENUM(name, text) CFG_LEVEL_##name,
#define CFG_FORMAT_ENUM(name, text) CFG_FORMAT_##name,
#define CFG_PRINT_ENUM(name, text) CFG_PRINT_##name,

enum cfg_compat { CFG_COMPAT_WORDS(CFG_COMPAT_ENUM) };
enum cfg_jit { CFG_JIT_WORDS(CFG_JIT_ENUM) };
enum cfg_policy { CFG_POLICY_WORDS(CFG_POLICY_ENUM) };
enum cfg_startup { CFG_STARTUP_WORDS(CFG_STARTUP_ENUM) };
enum cfg_level { CFG_LEVEL_WORDS(CFG_LEVEL_ENUM) };
enum cfg_format { CFG_FORMAT_WORDS(CFG_FORMAT_ENUM) };
enum cfg_print { CFG_PRINT_WORDS(CFG_PRINT_ENUM) };

/* An enumerated field that was not given: the next wider place decides. */
#define CFG_UNSET (-1)

struct cfg_entry;

struct cfg_strings {
    const char *const *v;
    size_t n;
    bool given; /* the field is there, though perhaps empty */
};

struct cfg_refs {
    const struct cfg_entry *const *v;
    size_t n;
    bool given;
};

struct cfg_import {
    const char *alias;
    const struct cfg_entry *entry; /* a library */
};

struct cfg_imports {
    const struct cfg_import *v;
    size_t n;
    bool given;
};

/* --- settings of the whole daemon --------------------------------------------------------------------------------- */

struct cfg_settings {
    struct {
        int64_t workers;
        int compat; /* enum cfg_compat */
        struct cfg_strings env;
    } runtime;
    struct {
        int level;  /* enum cfg_level */
        int format; /* enum cfg_format */
        int print;  /* enum cfg_print */
    } log;
    struct {
        const char *socket; /* "": none */
        int64_t mode;
        const char *group; /* NULL: the daemon's own */
    } control;
    struct {
        const char *listen; /* "host:port"; NULL: off */
    } metrics;
    struct {
        int64_t timeout;
    } shutdown;
};

/* --- entries ------------------------------------------------------------------------------------------------------ */

/* name, the word in `kind:`, and what it is called in messages */
#define CFG_KINDS(X)                                                                                         \
    X(HOST, "process.host")                                                                                  \
    X(PROCESS, "process.lua")                                                                                \
    X(SERVICE, "process.service")                                                                            \
    X(FUNCTION, "function.lua")                                                                              \
    X(LIBRARY, "library.lua")                                                                                \
    X(DATA, "registry.entry")

#define CFG_KIND_ENUM(name, word) CFG_KIND_##name,

/* CFG_KIND_OTHER: a kind this version does not know, kept as data. */
enum cfg_kind { CFG_KINDS(CFG_KIND_ENUM) CFG_KIND_OTHER, CFG_KIND_COUNT };

struct cfg_lifecycle {
    bool auto_start;
    struct cfg_refs requires; /* services and hosts */
    int startup;              /* enum cfg_startup */
    int64_t start_timeout, stop_timeout, stable_threshold;
    struct {
        int64_t initial_delay, max_delay;
        double backoff_factor, jitter;
        int64_t max_attempts;
    } restart;
};

struct cfg_host {
    const struct cfg_entry *entry;
    int64_t workers;
    int64_t max_processes;
    int64_t process_memory, memory;
    int64_t mailbox_messages, mailbox_bytes;
    int mailbox_policy; /* enum cfg_policy */
    int64_t time_slice, max_run_time;
    int jit;    /* enum cfg_jit */
    int compat; /* enum cfg_compat, CFG_UNSET */
    int64_t max_timers, max_coroutines;
    struct cfg_lifecycle lifecycle;
};

/* process.lua, function.lua, library.lua */
struct cfg_code {
    const struct cfg_entry *entry;
    struct {
        const char *given; /* as in the file: "file://worker.lua" or the text itself */
        const char
            *name; /* for Lua's chunk names: "@worker.lua" relative to the main file, "=app:worker" inline */
        const char *text; /* `len` bytes and a NUL */
        size_t len;
        struct cfg_pos pos; /* of the first line of the text; col 0 */
        uint64_t hash;      /* of the text */
    } source;
    const char *method;
    struct cfg_strings modules;
    struct cfg_imports imports;
    int compat;                   /* enum cfg_compat, CFG_UNSET */
    const struct cfg_entry *host; /* where a call runs it: `host`, or meta.default_host; NULL: the caller's */
    uint64_t hash; /* of all that decides what runs: text, method, modules, imports with theirs, compat */
};

struct cfg_service {
    const struct cfg_entry *entry;
    const struct cfg_entry *process, *host;
    const struct cfg_value *input; /* an array; NULL: none */
    struct cfg_lifecycle lifecycle;
};

struct cfg_entry {
    const char *id; /* "namespace:name" */
    const char *ns, *name;
    enum cfg_kind kind;
    const char *kind_word;
    struct cfg_pos pos;
    const struct cfg_value *meta; /* an object; NULL: none */
    union {                       /* by kind */
        const struct cfg_host *host;
        const struct cfg_code *code;
        const struct cfg_service *service;
        const struct cfg_value *data; /* an object: all fields but name, kind and meta */
    };
    /* hosts and services: the level they start in, from 0; and whether the daemon starts them by itself */
    size_t level;
    bool boot;
    bool script; /* made for one of the options' scripts */
};

/* --- loading ------------------------------------------------------------------------------------------------------ */

struct config;

struct cfg_options {
    const char *file; /* main file; NULL: none, only `scripts` */
    const char
        *text; /* contents of the main file, not to be read then (`file` still names it); NULL: read it */
    size_t text_len;
    const char *const *set; /* overrides "PATH=VALUE", the last of equals wins */
    size_t set_n;
    const char *const *scripts; /* Lua files that become entries app:NAME, see cfg_script */
    size_t scripts_n;
    bool implicit_host; /* make a host if there is no default one, see cfg_default_host */
    bool strict;        /* warnings are errors */

    /*
     * Called once for each source text, if set. Returns whether the text compiles; if not, `err` (a buffer of `cap`
     * bytes) gets the reason and `*line` its line in the text from 1 (0: unknown).
     */
    bool (*check_source)(void *ud, const struct cfg_code *code, char *err, size_t cap, int *line);
    void *ud;
};

/*
 * Loads. Returns a configuration with one reference, or NULL when there is an error. `*report` gets what was found
 * either way (to be freed with cfg_report_free); it is NULL only when memory ran out, and so is the result.
 */
struct config *cfg_load(const struct cfg_options *options, struct cfg_report **report);

struct config *cfg_ref(struct config *c);
void cfg_unref(struct config *c); /* NULL is allowed */

/* --- reading ------------------------------------------------------------------------------------------------------ */

const struct cfg_settings *cfg_settings(const struct config *c);

/* All entries, in order of files and of places in them. */
size_t cfg_entry_count(const struct config *c);
const struct cfg_entry *cfg_entry_at(const struct config *c, size_t i);

/* The entry with an id; NULL when there is none. One hash look-up. */
const struct cfg_entry *cfg_find(const struct config *c, const char *id);

/* The same for `ref` as written by something in the namespace `ns`: an id, or a name in `ns`. */
const struct cfg_entry *cfg_resolve(const struct config *c, const char *ns, const char *ref);

/* Hosts and services by level: level 0 needs nothing, each other one only what is in levels below it. */
size_t cfg_level_count(const struct config *c);
const struct cfg_refs *cfg_level_at(const struct config *c, size_t level);

/* The i-th of the options' scripts as an entry (process.lua). */
const struct cfg_entry *cfg_script(const struct config *c, size_t i);

/*
 * Where something runs that nobody gave a host: the only host; else app:processes, if that is a host (with
 * `implicit_host` or scripts it is made when no entry has that id); else NULL.
 */
const struct cfg_entry *cfg_default_host(const struct config *c);

/* The dialect of `code` run on `host` (either may be NULL): the nearest of entry, host and runtime that says. */
enum cfg_compat cfg_compat(const struct config *c, const struct cfg_code *code, const struct cfg_host *host);

/* Whether the entry is Lua code: process.lua, function.lua, library.lua; then `code` is what it has. */
static inline bool cfg_is_code(const struct cfg_entry *e) {
    return e->kind == CFG_KIND_PROCESS || e->kind == CFG_KIND_FUNCTION || e->kind == CFG_KIND_LIBRARY;
}

/* The lifecycle of a host or service; NULL for other entries. */
const struct cfg_lifecycle *cfg_lifecycle(const struct cfg_entry *e);

/* "process.host"; NULL for CFG_KIND_OTHER. */
const char *cfg_kind_word(enum cfg_kind kind);

/*
 * Writes the configuration as one YAML file with every value, defaults included. Loaded from the main file's folder it
 * gives an equal configuration. Errors are left in `out` (ferror).
 */
void cfg_print(const struct config *c, FILE *out);

/* --- reloading ---------------------------------------------------------------------------------------------------- */

/* When a changed field takes effect. */
#define CFG_RELOADS(X)                                                                                       \
    X(LIVE, "at once")                                                                                       \
    X(SPAWN, "for processes spawned from then on")                                                           \
    X(SERVICE, "the service is restarted")                                                                   \
    X(DAEMON, "when the daemon is restarted")

#define CFG_RELOAD_ENUM(name, text) CFG_RELOAD_##name,
enum cfg_reload { CFG_RELOADS(CFG_RELOAD_ENUM) CFG_RELOAD_COUNT };

/* "at once" */
const char *cfg_reload_text(enum cfg_reload when);

enum cfg_change_kind { CFG_ADDED, CFG_REMOVED, CFG_CHANGED };

struct cfg_change {
    enum cfg_change_kind kind;
    const struct cfg_entry *before, *after; /* NULL when not there; both NULL for the settings */
    bool source;  /* the code that runs is another: its own text, or a library it imports */
    bool workers; /* a host's `workers` is among the changed fields */
    /* CFG_CHANGED: the changed fields, "host.workers, host.memory", by when they take effect; NULL: none */
    const char *fields[CFG_RELOAD_COUNT];
};

struct cfg_diff;

/* What differs. The settings first, then entries in the order of `after`, then removed ones. NULL: out of memory. */
struct cfg_diff *cfg_diff(struct config *before, struct config *after);
size_t cfg_diff_count(const struct cfg_diff *d);
const struct cfg_change *cfg_diff_at(const struct cfg_diff *d, size_t i);
void cfg_diff_free(struct cfg_diff *d); /* NULL is allowed */

/* --- the table of fields ------------------------------------------------------------------------------------------ */

/*
 * Writes the table as tab-separated lines, a first line with the columns' names: where (a kind, or "file"), path, type,
 * default, allowed, reload, help. Manual page and completion are made from it.
 */
void cfg_fields_dump(FILE *out);

#endif
