#include "src/cpus.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

unsigned cpus_of_quota(const char *text) {
    char *end, *last;
    unsigned long long quota = strtoull(text, &end, 10), period = strtoull(end, &last, 10);
    if (end == text || last == end || !period)
        return 0;
    unsigned long long n = quota / period + (quota % period != 0);
    return n < 1 ? 1 : n > 4096 ? 4096 : (unsigned)n;
}

static unsigned read_quota(const char *root, const char *path, size_t len) {
    char name[512], text[64] = "";
    snprintf(name, sizeof name, "%s%.*s/cpu.max", root, (int)len, path);
    FILE *f = fopen(name, "re");
    if (!f)
        return 0;
    if (!fgets(text, sizeof text, f))
        text[0] = '\0';
    fclose(f);
    return cpus_of_quota(text);
}

unsigned cpus_of_cgroup(const char *root, const char *path) {
    unsigned least = 0;
    for (size_t len = strcspn(path, "\n");; len--) {
        unsigned n = path[len ? len - 1 : 0] == '/' ? 0 : read_quota(root, path, len);
        if (n && (!least || n < least))
            least = n;
        while (len && path[len - 1] != '/')
            len--;
        if (!len)
            break;
    }
    unsigned top = read_quota(root, "", 0);
    return top && (!least || top < least) ? top : least;
}

/* The line "0::/PATH" of the unified hierarchy. */
static unsigned cgroup_limit(void) {
    char line[512];
    unsigned n = 0;
    FILE *f = fopen("/proc/self/cgroup", "re");
    if (!f)
        return 0;
    while (fgets(line, sizeof line, f))
        if (strncmp(line, "0::", 3) == 0)
            n = cpus_of_cgroup("/sys/fs/cgroup", line + 3);
    fclose(f);
    return n;
}

unsigned cpus_usable(void) {
    cpu_set_t set;
    unsigned n = 1;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        n = (unsigned)CPU_COUNT(&set);
    unsigned quota = cgroup_limit();
    return quota && quota < n ? quota : n;
}
