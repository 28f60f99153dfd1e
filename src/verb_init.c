/* troupe init DIR: a small project to begin with. Nothing that is there is touched. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/exitcode.h"
#include "src/skeleton.h"
#include "src/start.h"
#include "src/verb.h"

enum { OPT_HELP };

static const struct option_def defs[] = {[OPT_HELP] = OPTION_HELP};

const struct options_syntax verb_init_syntax = {
    .command = TOOL " init",
    .args = "DIR",
    .args_min = 1,
    .args_max = 1,
    .summary = "Writes a small project: a configuration, a service, a test. Overwrites nothing.",
    .options = defs,
    .count = sizeof defs / sizeof defs[0]};

static bool fail(const char *dir, const char *name, int error) {
    const char *why = name && error == EEXIST  ? "exists, and is not overwritten"
                    : !name && error == ENOENT ? "the folder that it would be in does not exist"
                                               : strerror(error);
    start_complain(TOOL, "init: %s%s%s: %s", dir, name ? "/" : "", name ? name : "", why);
    return false;
}

/* A folder that is there is good if none of our files is in it. */
static bool open_dir(const char *dir, int *fd, bool *made) {
    *made = mkdir(dir, 0777) == 0;
    if (!*made && errno != EEXIST)
        return fail(dir, NULL, errno);
    *fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *fd >= 0 || fail(dir, NULL, errno);
}

static bool is_free(const char *dir, int fd) {
    bool ok = true;
    struct stat st;
    for (const struct skeleton_file *f = skeleton_files; f->name; f++)
        if (fstatat(fd, f->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
            ok = fail(dir, f->name, EEXIST);
        else if (errno != ENOENT)
            ok = fail(dir, f->name, errno);
    return ok;
}

static bool write_all(int fd, const char *text, size_t len) {
    while (len) {
        ssize_t n = write(fd, text, len);
        if (n < 0 && errno != EINTR)
            return false;
        text += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return true;
}

/* A file that could not be written in full is taken away. */
static bool write_file(const char *dir, int fd, const struct skeleton_file *f) {
    int file = openat(fd, f->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file < 0)
        return fail(dir, f->name, errno);
    bool ok = write_all(file, f->text, f->len);
    int error = ok ? 0 : errno;
    if (close(file) != 0 && ok) {
        ok = false;
        error = errno;
    }
    if (ok)
        return true;
    unlinkat(fd, f->name, 0);
    return fail(dir, f->name, error);
}

/* All files or none. */
static bool write_files(const char *dir, int fd) {
    const struct skeleton_file *f = skeleton_files;
    while (f->name && write_file(dir, fd, f))
        f++;
    if (!f->name)
        return true;
    while (f-- != skeleton_files)
        unlinkat(fd, f->name, 0);
    return false;
}

static void tell(const char *dir) {
    for (const struct skeleton_file *f = skeleton_files; f->name; f++)
        printf("%s/%s\n", dir, f->name);
    printf("\nNow, in %s:\n"
           "  export TROUPE_SOCKET=$PWD/control.sock\n"
           "  troupe test --config troupe.yaml .       # its test\n"
           "  trouped --config troupe.yaml             # the daemon, until it is interrupted\n",
           dir);
}

int verb_init(const struct options *o) {
    const char *dir = o->args[0];
    int fd = -1;
    bool made;
    if (!open_dir(dir, &fd, &made))
        return EXIT_CODE_FAILED;
    bool ok = is_free(dir, fd) && write_files(dir, fd);
    close(fd);
    if (!ok) {
        if (made)
            rmdir(dir);
        return EXIT_CODE_FAILED;
    }
    tell(dir);
    return start_flush(TOOL);
}
