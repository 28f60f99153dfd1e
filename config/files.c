#include "config/files.h"

#include "base/size.h"
#include "config/fields.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Folders below an included folder. */
#define MAX_DEPTH 32

static const char *reason(struct arena *a, const char *what, int err) {
    return arena_printf(a, "%s: %s", what, strerror(err));
}

/* `len` bytes, or up to the end should the file have shrunk. errno of the failure, or 0. */
static int read_all(int fd, char *buf, size_t *len) {
    size_t got = 0;
    while (got < *len) {
        ssize_t n = read(fd, buf + got, *len - got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        if (n == 0)
            break;
        got += (size_t)n;
    }
    *len = got;
    return 0;
}

const char *files_read(struct arena *a, const char *path, char **text, size_t *len, struct stat *st) {
    /* non-blocking: opening a FIFO must not wait for its other end */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return reason(a, "cannot be opened", errno);
    if (fstat(fd, st) != 0) {
        int err = errno;
        close(fd);
        return reason(a, "cannot be looked at", err);
    }
    if (!S_ISREG(st->st_mode) || st->st_size > CFG_MAX_FILE_BYTES) {
        close(fd);
        char limit[SIZE_TEXT_MAX];
        size_format(CFG_MAX_FILE_BYTES, limit, sizeof limit);
        return S_ISREG(st->st_mode)
                 ? arena_printf(a, "too large: %lld bytes, allowed are %s", (long long)st->st_size, limit)
             : S_ISDIR(st->st_mode) ? "is a folder, not a file"
                                    : "is no regular file";
    }
    *len = (size_t)st->st_size;
    *text = arena_try_alloc(a, *len + 1);
    int err = *text != NULL ? read_all(fd, *text, len) : 0;
    close(fd);
    if (*text == NULL)
        arena_fail(a);
    return err != 0 ? reason(a, "cannot be read", err) : NULL;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* All names in a folder but hidden ones, sorted. */
static const char *list_dir(struct arena *a, const char *dir, struct files_list *names) {
    DIR *d = opendir(dir);
    if (d == NULL)
        return reason(a, "cannot be opened", errno);
    bool memory = true;
    struct dirent *e;
    /* a chain at first: growing a list could leave this function with the folder open */
    struct block {
        struct block *next;
        char name[];
    } *blocks = NULL;
    size_t n = 0;
    while (memory && (e = readdir(d)) != NULL) {
        if (e->d_name[0] == '.')
            continue;
        size_t len = strlen(e->d_name) + 1;
        struct block *b = arena_try_alloc(a, sizeof *b + len);
        memory = b != NULL;
        if (!memory)
            break;
        memcpy(b->name, e->d_name, len);
        b->next = blocks;
        blocks = b;
        n++;
    }
    closedir(d);
    if (!memory)
        arena_fail(a);
    for (; blocks != NULL; blocks = blocks->next)
        *ARENA_PUSH(a, names) = blocks->name;
    if (n > 1)
        qsort(names->v, names->n, sizeof *names->v, by_text);
    return NULL;
}

static bool is_yaml(const char *name) {
    const char *dot = strrchr(name, '.');
    return dot != NULL && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

/* A folder that is being searched, and the one it is in. */
struct level {
    const struct level *up;
    dev_t dev;
    ino_t ino;
    int depth;
};

static const char *find(struct arena *a, const char *dir, struct files_list *found, const struct level *up) {
    struct stat st;
    if (stat(dir, &st) != 0)
        return reason(a, "cannot be looked at", errno);
    const struct level here = {up, st.st_dev, st.st_ino, up != NULL ? up->depth + 1 : 0};
    for (const struct level *l = up; l != NULL; l = l->up)
        if (l->dev == here.dev && l->ino == here.ino) /* a symbolic link to a folder that it is in */
            return NULL;
    if (here.depth > MAX_DEPTH)
        return arena_printf(a, "has more than %d folders inside each other", MAX_DEPTH);
    struct files_list names = {0};
    const char *why = list_dir(a, dir, &names);
    for (size_t i = 0; why == NULL && i < names.n; i++) {
        const char *path = files_join(a, dir, names.v[i]);
        if (files_is_dir(path))
            why = find(a, path, found, &here);
        else if (is_yaml(path))
            *ARENA_PUSH(a, found) = path;
        if (found->n > CFG_MAX_FILES)
            why = arena_printf(a, "has more than %d files", CFG_MAX_FILES);
    }
    return why;
}

const char *files_find(struct arena *a, const char *dir, struct files_list *found) {
    return find(a, dir, found, NULL);
}

/* The folder that glob() could not read: it hands nothing through to its function. */
static _Thread_local struct {
    char dir[PATH_MAX];
    int err;
} unread;

/* A folder that is not there matches nothing; any other that cannot be read may hold what is searched for. */
static int glob_stops(const char *dir, int err) {
    if (err == ENOENT)
        return 0;
    snprintf(unread.dir, sizeof unread.dir, "%s", dir);
    unread.err = err;
    return 1;
}

const char *files_glob(struct arena *a, const char *pattern, struct files_list *found) {
    glob_t g;
    int rc = glob(pattern, 0, glob_stops, &g);
    if (rc == GLOB_ABORTED || rc == GLOB_NOSPACE)
        globfree(&g);
    if (rc == GLOB_ABORTED)
        return arena_printf(a, "folder %s cannot be read: %s", unread.dir, strerror(unread.err));
    if (rc != 0)
        return rc == GLOB_NOMATCH ? NULL : "matches more than memory holds";
    size_t n = g.gl_pathc;
    char **copies = arena_try_alloc(a, n * sizeof *copies);
    bool memory = copies != NULL;
    for (size_t i = 0; memory && i < n; i++) {
        size_t len = strlen(g.gl_pathv[i]) + 1;
        copies[i] = arena_try_alloc(a, len);
        memory = copies[i] != NULL;
        if (memory)
            memcpy(copies[i], g.gl_pathv[i], len);
    }
    globfree(&g);
    if (!memory)
        arena_fail(a);
    for (size_t i = 0; i < n; i++)
        *ARENA_PUSH(a, found) = copies[i];
    return NULL;
}

bool files_is_dir(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool files_is_glob(const char *path) {
    return strpbrk(path, "*?[") != NULL;
}

const char *files_dirname(struct arena *a, const char *path) {
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return ".";
    return slash == path ? "/" : arena_strndup(a, path, (size_t)(slash - path));
}

const char *files_join(struct arena *a, const char *dir, const char *path) {
    while (path[0] == '.' && path[1] == '/')
        path += 2 + strspn(path + 2, "/");
    if (path[0] == '/' || strcmp(dir, ".") == 0)
        return path;
    return arena_printf(a, "%s%s%s", dir, dir[strlen(dir) - 1] == '/' ? "" : "/", path);
}

const char *files_real(struct arena *a, const char *path) {
    char buf[PATH_MAX];
    return realpath(path, buf) != NULL ? arena_strdup(a, buf) : NULL;
}

const char *files_inside(const char *dir, const char *path) {
    size_t n = strlen(dir);
    if (strcmp(dir, "/") == 0)
        return path + 1;
    return strncmp(path, dir, n) == 0 && path[n] == '/' ? path + n + 1 : NULL;
}
