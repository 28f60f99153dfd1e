/*
 * What the stages of one load share. The stages, in order, each in a file of its own:
 *
 *   gather.c   the main file, what it includes, scripts      -> files
 *   entries.c  ids of all entries, so that references resolve -> entries (shells)
 *   set.c      overrides                                      -> changed nodes, one more file for the settings
 *   entries.c  settings and entries, typed                    -> structs
 *   sources.c  Lua texts
 *   order.c    circles, levels, hashes of code
 *
 * All of it runs inside arena_run; every stage goes on after mistakes, so that one run tells all of them.
 */
#ifndef TROUPE_CONFIG_LOADER_H
#define TROUPE_CONFIG_LOADER_H

#include "config/model.h"
#include "config/read.h"
#include "config/report.h"
#include "config/yaml.h"

/* Where scripts and the implicit host live. */
#define LOAD_DEFAULT_NS "app"
#define LOAD_DEFAULT_HOST "processes"

/* A YAML file, or something that stands for one. */
struct load_file {
    const char *name; /* for positions and relative paths; in the configuration's arena */
    const char *dir;
    const struct ynode *root; /* a mapping; NULL: nothing in it */
    const char *ns;           /* NULL: none given */
    bool main;
    bool script; /* made for scripts: sources may be anywhere */
    bool option; /* made for an override: holds settings only */
    bool broken; /* could not be read in full */
};

struct load_entry {
    struct cfg_entry *e; /* also in config->entries, at the same index */
    const struct ynode *node;
    const struct load_file *file;
    const char *path; /* what messages call it: its id */
    const char *dir;  /* that a source is relative to */
    void *body;       /* the struct of its kind; NULL for data */
};

struct loader {
    const struct cfg_options *options;
    struct config *config;
    struct cfg_report *report;
    struct arena scratch; /* gone when the load is over */
    struct yaml_session yaml;

    struct {
        struct load_file *v;
        size_t n, cap;
    } files;
    struct strmap visited; /* device and inode of files read, so that including one again is harmless */
    int chain;             /* files being read, each included by the one before */
    const char
        *root; /* the main file's folder without symbolic links, which no source may leave; NULL: none */
    struct {
        struct read_unread *v;
        size_t n, cap;
    } unread; /* files that could not be read in full */

    struct {
        struct load_entry *v;
        size_t n, cap;
    } entries;
    struct strmap texts; /* Lua texts by real path: struct source_text */
};

/* gather.c */
void load_gather(struct loader *ld);

/* entries.c: ids; settings; entries. */
void load_register(struct loader *ld);
void load_settings(struct loader *ld);
void load_entries(struct loader *ld);

/* entries.c: a reader for a place of the configuration, without the structs to fill. */
struct read load_reader(struct loader *ld, unsigned scope, const char *path, const char *ns);

/* set.c */
void load_overrides(struct loader *ld);

/* sources.c */
void load_sources(struct loader *ld);

/* order.c */
void load_order(struct loader *ld);

#endif
