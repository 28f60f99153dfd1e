#include "src/room.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "src/exitcode.h"

/* Below this libraries, arenas and the stacks of a handful of threads have no room. */
#define LEAST_MIB 96

/* RLIMIT_AS in MiB; 0: none. */
static uint64_t limit_mib(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return 0;
    return limit.rlim_cur >> 20 ? limit.rlim_cur >> 20 : 1;
}

/* Runs before the constructors of any library, some of which (GLib's, jemalloc's) crash for want of memory. */
static void before_all(int argc, char **argv, char **env) {
    uint64_t mib = limit_mib();
    if (mib == 0 || mib >= LEAST_MIB)
        return;
    const char *name = argc > 0 ? argv[0] : "troupe", *slash = strrchr(name, '/');
    char text[256];
    int n = snprintf(text, sizeof text,
                     "%.99s: not enough memory: address space is limited to %" PRIu64
                     " MiB (ulimit -v), at least %d MiB are needed\n",
                     slash ? slash + 1 : name, mib, LEAST_MIB);
    if (write(STDERR_FILENO, text, (size_t)n) < 0)
        _exit(EXIT_CODE_IO);
    _exit(EXIT_CODE_INTERNAL);
}

__attribute__((section(".preinit_array"), used)) static void (*const preinit)(int, char **,
                                                                              char **) = before_all;

#ifdef TROUPE_JEMALLOC
#include <jemalloc/jemalloc.h>

/* A thread that moves to an arena makes it. */
static bool make_arenas(void) {
    unsigned home, count;
    size_t size = sizeof home;
    if (mallctl("thread.arena", &home, &size, NULL, 0) != 0 ||
        mallctl("opt.narenas", &count, &size, NULL, 0) != 0)
        return false;
    for (unsigned i = 0; i < count; i++)
        if (mallctl("thread.arena", NULL, NULL, &i, sizeof i) != 0)
            return false;
    return mallctl("thread.arena", NULL, NULL, &home, sizeof home) == 0;
}

static void start_background(void) {
    bool on = true;
    mallctl("background_thread", NULL, NULL, &on, sizeof on);
}
#else
static bool make_arenas(void) {
    return true;
}

static void start_background(void) {
}
#endif

bool room_prepare(char *err, size_t cap) {
    uint64_t mib = limit_mib();
    if (mib == 0) {
        start_background();
        return true;
    }
    /* No thread in the background here: jemalloc starts more of them when it likes, and crashes when it cannot. */
    snprintf(err, cap, "not enough memory: address space is limited to %" PRIu64 " MiB (ulimit -v)", mib);
    return make_arenas();
}
