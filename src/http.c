#include "src/http.h"

#include <errno.h>
#include <ev.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"

#define CONNECTION_BYTES (size_t)8192

struct http {
    struct http_handlers h;
    struct ev_loop *loop;
    struct MHD_Daemon *daemon;
    ev_io io;
    ev_timer timer;
    unsigned port;
};

/* --- the listening socket --------------------------------------------------------------------------------------- */

/* "[::1]:80", "127.0.0.1:80", ":80" (all addresses) in two. */
static bool split(const char *listen, char *host, size_t cap, const char **port) {
    const char *colon = strrchr(listen, ':');
    if (!colon)
        return false;
    size_t len = (size_t)(colon - listen);
    if (len >= 2 && listen[0] == '[' && colon[-1] == ']') {
        listen++;
        len -= 2;
    }
    if (len >= cap)
        return false;
    memcpy(host, listen, len);
    host[len] = '\0';
    *port = colon + 1;
    return true;
}

static int try_listen(const struct addrinfo *a) {
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol), on = 1,
        off = 0;
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (a->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, HTTP_CLIENTS_MAX) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* For all addresses the one socket is of IPv6, which serves both, unless there is no IPv6. */
static int listen_at(const char *where, char *err, size_t cap) {
    char host[256];
    const char *port;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *list;
    if (!split(where, host, sizeof host, &port)) {
        snprintf(err, cap, "metrics.listen %s: not an address and a port", where);
        return -1;
    }
    int rc = getaddrinfo(host[0] ? host : NULL, port, &hints, &list), fd = -1;
    if (rc != 0) {
        snprintf(err, cap, "metrics.listen %s: %s", where, gai_strerror(rc));
        return -1;
    }
    for (int pass = 0; pass < 2 && fd < 0; pass++)
        for (const struct addrinfo *a = list; a && fd < 0; a = a->ai_next)
            if ((a->ai_family == AF_INET6) == (pass == (host[0] ? 1 : 0)))
                fd = try_listen(a);
    if (fd < 0)
        snprintf(err, cap, "metrics.listen %s: %s", where, strerror(errno));
    freeaddrinfo(list);
    return fd;
}

static unsigned port_of(int fd) {
    struct sockaddr_storage a;
    socklen_t len = sizeof a;
    if (getsockname(fd, (struct sockaddr *)&a, &len) != 0)
        return 0;
    return ntohs(a.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&a)->sin6_port
                                         : ((struct sockaddr_in *)&a)->sin_port);
}

/* --- answers ---------------------------------------------------------------------------------------------------------- */

#define TEXT_TYPE "text/plain; charset=utf-8"

static enum MHD_Result answer(struct MHD_Connection *c, unsigned status, const char *type, const char *s,
                              size_t n) {
    struct MHD_Response *r = MHD_create_response_from_buffer(n, (void *)(uintptr_t)s, MHD_RESPMEM_MUST_COPY);
    if (!r)
        return MHD_NO;
    MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    enum MHD_Result ok = MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    return ok;
}

static enum MHD_Result answer_word(struct MHD_Connection *c, unsigned status, const char *word) {
    return answer(c, status, TEXT_TYPE, word, strlen(word));
}

static enum MHD_Result page(const struct http *s, struct MHD_Connection *c,
                            bool (*make)(void *ud, struct text *out), const char *type) {
    struct text out;
    text_open(&out);
    bool good = make(s->h.ud, &out);
    enum MHD_Result r =
        out.failed ? answer_word(c, MHD_HTTP_SERVICE_UNAVAILABLE, "not enough memory\n")
                   : answer(c, good ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, type, out.s, out.len);
    text_close(&out);
    return r;
}

static enum MHD_Result on_request(void *ud, struct MHD_Connection *c, const char *url, const char *method,
                                  const char *version, const char *data, size_t *size, void **state) {
    const struct http *s = ud;
    /* The first call is for the head of the request, a later one when all of it has arrived: answered then, so that the
     * connection stays usable. */
    if (!*state) {
        *state = c;
        return MHD_YES;
    }
    if (*size) {
        *size = 0;
        return MHD_YES;
    }
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return answer_word(c, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET\n");
    if (strcmp(url, "/metrics") == 0)
        return page(s, c, s->h.metrics, "text/plain; version=0.0.4; charset=utf-8");
    if (strcmp(url, "/healthz") == 0)
        return page(s, c, s->h.healthy, TEXT_TYPE);
    if (strcmp(url, "/readyz") == 0)
        return page(s, c, s->h.ready, TEXT_TYPE);
    return answer_word(c, MHD_HTTP_NOT_FOUND, "there are /metrics, /healthz and /readyz\n");
}

/* --- in the loop -------------------------------------------------------------------------------------------------------- */

static void work(struct http *s) {
    MHD_run(s->daemon);
    MHD_UNSIGNED_LONG_LONG ms;
    ev_timer_stop(s->loop, &s->timer);
    if (MHD_get_timeout(s->daemon, &ms) == MHD_YES) {
        ev_timer_set(&s->timer, (double)ms / 1000, 0);
        ev_timer_start(s->loop, &s->timer);
    }
}

static void on_io(struct ev_loop *loop, ev_io *w, int events) {
    work(w->data);
}

static void on_timer(struct ev_loop *loop, ev_timer *w, int events) {
    work(w->data);
}

struct http *http_open(const char *where, const struct http_handlers *h, struct ev_loop *loop, char *err,
                       size_t cap) {
    struct http *s = mem_calloc(1, sizeof *s);
    if (!s) {
        snprintf(err, cap, "metrics.listen %s: not enough memory", where);
        return NULL;
    }
    s->h = *h;
    s->loop = loop;
    int fd = listen_at(where, err, cap);
    if (fd < 0) {
        mem_free(s);
        return NULL;
    }
    s->port = port_of(fd);
    s->daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, s, MHD_OPTION_LISTEN_SOCKET, fd,
                                 MHD_OPTION_CONNECTION_LIMIT, HTTP_CLIENTS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
                                 HTTP_PATIENCE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_BYTES,
                                 MHD_OPTION_END);
    const union MHD_DaemonInfo *info =
        s->daemon ? MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
    if (!info) {
        snprintf(err, cap, "metrics.listen %s: cannot be served: %s", where, strerror(errno));
        if (s->daemon)
            MHD_stop_daemon(s->daemon);
        else
            close(fd);
        mem_free(s);
        return NULL;
    }
    ev_io_init(&s->io, on_io, info->epoll_fd, EV_READ);
    ev_timer_init(&s->timer, on_timer, 0, 0);
    s->io.data = s->timer.data = s;
    ev_io_start(loop, &s->io);
    return s;
}

void http_close(struct http *s) {
    if (!s)
        return;
    ev_io_stop(s->loop, &s->io);
    ev_timer_stop(s->loop, &s->timer);
    MHD_stop_daemon(s->daemon);
    mem_free(s);
}

unsigned http_port(const struct http *s) {
    return s->port;
}
