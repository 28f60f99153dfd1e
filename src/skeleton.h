/* skeleton: the files of config/init, which `troupe init` writes. Made by scripts/embed-text when the tool is built. */
#ifndef SRC_SKELETON_H
#define SRC_SKELETON_H

#include <stddef.h>

struct skeleton_file {
    const char *name; /* plain, of a file in the project's folder */
    const char *text;
    size_t len;
};

/* By name; ends with a row whose name is NULL. */
extern const struct skeleton_file skeleton_files[];

#endif
