/*
 * Files and folders of a configuration. Nothing here reports: functions return NULL or what went wrong, in words that
 * follow a file's name. Inside arena_run; no descriptor stays open.
 */
#ifndef TROUPE_CONFIG_FILES_H
#define TROUPE_CONFIG_FILES_H

#include "config/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct files_list {
    const char **v;
    size_t n, cap;
};

/* Reads a whole regular file of at most CFG_MAX_FILE_BYTES; `*st` tells which file it is. */
const char *files_read(struct arena *a, const char *path, char **text, size_t *len, struct stat *st);

/* Adds the *.yaml and *.yml files below a folder, sorted by path; hidden ones and hidden folders are left out. */
const char *files_find(struct arena *a, const char *dir, struct files_list *found);

/* Adds what a glob pattern matches, sorted; nothing matched is fine, a folder that cannot be read on the way is not. */
const char *files_glob(struct arena *a, const char *pattern, struct files_list *found);

bool files_is_dir(const char *path);
bool files_is_glob(const char *path);

/* "a/b" for "a/b/c", "." for "c", "/" for "/c". */
const char *files_dirname(struct arena *a, const char *path);

/* `path` as seen from `dir`: itself when absolute or `dir` is "."; leading "./" are taken off. */
const char *files_join(struct arena *a, const char *dir, const char *path);

/* The path without symbolic links, "." and ".."; NULL when it does not lead anywhere (errno says why). */
const char *files_real(struct arena *a, const char *path);

/* What of `path` comes after the folder `dir` (both real); NULL when it is not inside. */
const char *files_inside(const char *dir, const char *path);

#endif
