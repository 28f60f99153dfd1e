#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "src/control_impl.h"

struct control_socket {
    int fd;
    gid_t group;
    dev_t dev;
    ino_t ino;
    struct sockaddr_un address;
};

/* --- who may ------------------------------------------------------------------------------------------------------ */

static bool in_groups(int fd, gid_t group) {
    gid_t some[64], *list = some;
    socklen_t len = sizeof some;
    bool found = false;
    int rc = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, list, &len);
    if (rc != 0 && errno == ERANGE && (list = mem_alloc(len)))
        rc = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, list, &len);
    for (size_t i = 0; rc == 0 && i < len / sizeof *list; i++)
        found |= list[i] == group;
    if (list != some)
        mem_free(list);
    return found;
}

bool control_socket_may(const struct control_socket *s, int fd) {
    struct ucred peer;
    socklen_t len = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
        return false;
    return peer.uid == 0 || peer.uid == geteuid() || peer.gid == s->group || in_groups(fd, s->group);
}

/* --- the file ----------------------------------------------------------------------------------------------------- */

/* A socket that nobody listens at is what a daemon left that was killed. */
static bool remove_stale(const struct sockaddr_un *a) {
    struct stat st;
    if (lstat(a->sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool stale = fd >= 0 && connect(fd, (const struct sockaddr *)a, sizeof *a) != 0 && errno == ECONNREFUSED;
    if (fd >= 0)
        close(fd);
    return stale && unlink(a->sun_path) == 0;
}

static bool bind_at(struct control_socket *s) {
    const struct sockaddr *a = (const struct sockaddr *)&s->address;
    if (bind(s->fd, a, sizeof s->address) == 0)
        return true;
    int why = errno;
    if (why == EADDRINUSE && remove_stale(&s->address))
        return bind(s->fd, a, sizeof s->address) == 0;
    errno = why;
    return false;
}

static bool find_group(const char *name, gid_t *gid) {
    struct group g, *found = NULL;
    char buf[16384];
    if (getgrnam_r(name, &g, buf, sizeof buf, &found) != 0 || !found)
        return false;
    *gid = g.gr_gid;
    return true;
}

/* Nobody else gets in before owner and mode are what they are to be. */
static const char *prepare(struct control_socket *s, int64_t mode) {
    struct stat st;
    s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s->fd < 0)
        return strerror(errno);
    fchmod(s->fd, 0600);
    if (!bind_at(s))
        return errno == EADDRINUSE ? "another daemon listens there, or it is no socket" : strerror(errno);
    const char *path = s->address.sun_path;
    if (lstat(path, &st) != 0)
        return strerror(errno);
    s->dev = st.st_dev;
    s->ino = st.st_ino;
    if ((s->group != getegid() && chown(path, (uid_t)-1, s->group) != 0) || chmod(path, (mode_t)mode) != 0 ||
        listen(s->fd, CONTROL_CLIENTS_MAX) != 0)
        return strerror(errno);
    return NULL;
}

struct control_socket *control_socket_open(const char *path, int64_t mode, const char *group, char *err,
                                           size_t cap) {
    struct control_socket *s = mem_calloc(1, sizeof *s);
    const char *why = s ? NULL : "not enough memory";
    if (s) {
        s->fd = -1;
        s->group = getegid();
        s->address.sun_family = AF_UNIX;
        size_t len = strlen(path);
        if (len >= sizeof s->address.sun_path)
            why = "the path is too long";
        else
            memcpy(s->address.sun_path, path, len + 1);
    }
    if (!why && group && !find_group(group, &s->group)) {
        snprintf(err, cap, "control.group %s: there is no such group", group);
        control_socket_close(s);
        return NULL;
    }
    if (!why)
        why = prepare(s, mode);
    if (!why)
        return s;
    snprintf(err, cap, "control.socket %s: %s", path, why);
    control_socket_close(s);
    return NULL;
}

int control_socket_fd(const struct control_socket *s) {
    return s->fd;
}

void control_socket_close(struct control_socket *s) {
    struct stat st;
    if (!s)
        return;
    if (s->ino && lstat(s->address.sun_path, &st) == 0 && st.st_dev == s->dev && st.st_ino == s->ino)
        unlink(s->address.sun_path);
    if (s->fd >= 0)
        close(s->fd);
    mem_free(s);
}
