#include "tests/fault/calls.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netdb.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Relaxed: they only count. Who arms has synchronised with the threads that call by other means. */
static _Atomic long fail_at, made;
static char *note;

void calls_arm(long n, char failed[32]) {
    note = failed;
    atomic_store_explicit(&made, 0, memory_order_relaxed);
    atomic_store_explicit(&fail_at, n, memory_order_relaxed);
}

long calls_count(void) {
    return atomic_load_explicit(&made, memory_order_relaxed);
}

/* Whether the call about to be made must fail; then errno is set. */
static bool fails(const char *name, int error) {
    long n = atomic_fetch_add_explicit(&made, 1, memory_order_relaxed) + 1;
    if (n != atomic_load_explicit(&fail_at, memory_order_relaxed))
        return false;
    strcpy(note, name);
    errno = error;
    return true;
}

/* --- plain system calls -------------------------------------------------------------------------------------------- */

/* type, name, number, error, parameters, arguments */
#define PLAIN(X)                                                                                             \
    X(int, socket, SYS_socket, EMFILE, (int domain, int type, int protocol), (domain, type, protocol))       \
    X(int, bind, SYS_bind, EADDRINUSE, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n))          \
    X(int, listen, SYS_listen, EADDRINUSE, (int fd, int backlog), (fd, backlog))                             \
    X(int, connect, SYS_connect, ECONNREFUSED, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n))  \
    X(int, accept4, SYS_accept4, EMFILE, (int fd, struct sockaddr *a, socklen_t *n, int flags),              \
      (fd, a, n, flags))                                                                                     \
    X(int, setsockopt, SYS_setsockopt, ENOBUFS,                                                              \
      (int fd, int level, int name, const void *value, socklen_t n), (fd, level, name, value, n))            \
    X(int, getsockopt, SYS_getsockopt, ENOBUFS, (int fd, int level, int name, void *value, socklen_t *n),    \
      (fd, level, name, value, n))                                                                           \
    X(int, epoll_create1, SYS_epoll_create1, EMFILE, (int flags), (flags))                                   \
    X(int, epoll_ctl, SYS_epoll_ctl, ENOMEM, (int ep, int op, int fd, struct epoll_event *e),                \
      (ep, op, fd, e))                                                                                       \
    X(int, pipe2, SYS_pipe2, EMFILE, (int fds[2], int flags), (fds, flags))                                  \
    X(int, eventfd, SYS_eventfd2, EMFILE, (unsigned n, int flags), (n, flags))                               \
    X(int, timerfd_create, SYS_timerfd_create, EMFILE, (int clock, int flags), (clock, flags))               \
    X(int, fstat, SYS_fstat, EIO, (int fd, struct stat *st), (fd, st))                                       \
    X(int, stat, SYS_stat, EACCES, (const char *path, struct stat *st), (path, st))                          \
    X(int, lstat, SYS_lstat, EACCES, (const char *path, struct stat *st), (path, st))                        \
    X(int, unlink, SYS_unlink, EACCES, (const char *path), (path))                                           \
    X(int, mkdir, SYS_mkdir, EACCES, (const char *path, mode_t mode), (path, mode))                          \
    X(int, chmod, SYS_chmod, EPERM, (const char *path, mode_t mode), (path, mode))                           \
    X(int, fchmod, SYS_fchmod, EPERM, (int fd, mode_t mode), (fd, mode))                                     \
    X(int, chown, SYS_chown, EPERM, (const char *path, uid_t u, gid_t g), (path, u, g))                      \
    X(ssize_t, getrandom, SYS_getrandom, ENOSYS, (void *buf, size_t n, unsigned flags), (buf, n, flags))     \
    X(int, mprotect, SYS_mprotect, ENOMEM, (void *at, size_t n, int prot), (at, n, prot))

#define UNPACK(...) __VA_ARGS__
#define X(type, name, number, error, params, args)                                                           \
    type name params {                                                                                       \
        return fails(#name, error) ? -1 : (type)syscall(number, UNPACK args);                                \
    }
PLAIN(X)
#undef X

/* Eight bytes: the counter of an eventfd, which does not fail. */
ssize_t read(int fd, void *buf, size_t n) {
    return n != sizeof(uint64_t) && fails("read", EIO) ? -1 : syscall(SYS_read, fd, buf, n);
}

ssize_t write(int fd, const void *buf, size_t n) {
    return n != sizeof(uint64_t) && fails("write", ENOSPC) ? -1 : syscall(SYS_write, fd, buf, n);
}

ssize_t send(int fd, const void *buf, size_t n, int flags) {
    return fails("send", EPIPE) ? -1 : syscall(SYS_sendto, fd, buf, n, flags, NULL, 0);
}

ssize_t recv(int fd, void *buf, size_t n, int flags) {
    return fails("recv", ECONNRESET) ? -1 : syscall(SYS_recvfrom, fd, buf, n, flags, NULL, NULL);
}

void *mmap(void *at, size_t n, int prot, int flags, int fd, off_t offset) {
    return fails("mmap", ENOMEM) ? MAP_FAILED : (void *)syscall(SYS_mmap, at, n, prot, flags, fd, offset);
}

static mode_t mode_of(int flags, va_list args) {
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
}

int openat(int dir, const char *path, int flags, ...) {
    va_list args;
    va_start(args, flags);
    mode_t mode = mode_of(flags, args);
    va_end(args);
    return fails("openat", EMFILE) ? -1 : (int)syscall(SYS_openat, dir, path, flags, mode);
}

int open(const char *path, int flags, ...) {
    va_list args;
    va_start(args, flags);
    mode_t mode = mode_of(flags, args);
    va_end(args);
    return fails("open", EMFILE) ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

/* --- functions of the C library ------------------------------------------------------------------------------------ */

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

DIR *opendir(const char *path) {
    return fails("opendir", EMFILE) ? NULL : NEXT(opendir)(path);
}

struct dirent *readdir(DIR *dir) {
    return fails("readdir", EIO) ? NULL : NEXT(readdir)(dir);
}

char *realpath(const char *path, char *resolved) {
    return fails("realpath", ENOMEM) ? NULL : NEXT(realpath)(path, resolved);
}

int nftw(const char *path, __nftw_func_t fn, int fds, int flags) {
    return fails("nftw", EMFILE) ? -1 : NEXT(nftw)(path, fn, fds, flags);
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **res) {
    return fails("getaddrinfo", EAGAIN) ? EAI_AGAIN : NEXT(getaddrinfo)(node, service, hints, res);
}

/* AddressSanitizer has to know of every thread: its own function comes next, not the C library's. */
int __interceptor_pthread_create(pthread_t *t, const pthread_attr_t *attr, void *(*fn)(void *), void *arg);

int pthread_create(pthread_t *t, const pthread_attr_t *attr, void *(*fn)(void *), void *arg) {
    return fails("pthread_create", EAGAIN) ? EAGAIN : __interceptor_pthread_create(t, attr, fn, arg);
}
