/* cpus: how many processors the program may use: its affinity mask, and the quotas of its cgroup and those above. */
#ifndef SRC_CPUS_H
#define SRC_CPUS_H

#include <stddef.h>

/* At least 1. Reads files below /proc and /sys; not from a worker thread. */
unsigned cpus_usable(void);

/*
 * What "QUOTA PERIOD" of a cpu.max file allows, in whole processors, rounded up; 0: no limit, or no such text.
 */
unsigned cpus_of_quota(const char *text);

/* The least that any cpu.max allows from `path` up ("/a/b", "/a", "/") below the folder `root`; 0: no limit. */
unsigned cpus_of_cgroup(const char *root, const char *path);

#endif
