#include "src/client.h"

#include <errno.h>
#include <float.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "config/fields.h"
#include "src/control_proto.h"
#include "src/exitcode.h"
#include "src/start.h"
#include "src/verb.h"

#define HELLO_PATIENCE_MS 5000
#define READ_BYTES 262144

struct client {
    int fd;
    char *path;
    char *buf; /* [at, len) was read and not used */
    size_t at, len, cap;
    int last_id;
    bool (*take)(void *ud, const char *line, size_t len);
    bool hold;
    char held[1024]; /* what there was to complain of meanwhile */
};

/* --- lines -------------------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void complain(struct client *c, const char *fmt, ...) {
    char text[sizeof c->held];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (c->hold)
        memcpy(c->held, text, sizeof text);
    else
        start_complain(TOOL, "%s", text);
}

void client_hold(struct client *c, bool hold) {
    c->hold = hold;
    if (!hold && c->held[0])
        start_complain(TOOL, "%s", c->held);
    c->held[0] = '\0';
}

static int gone(struct client *c, const char *why) {
    complain(c, "%s: no daemon answers: %s", c->path, why);
    return EXIT_CODE_NO_DAEMON;
}

static bool reserve(struct client *c) {
    if (c->at) {
        memmove(c->buf, c->buf + c->at, c->len - c->at);
        c->len -= c->at;
        c->at = 0;
    }
    if (c->cap - c->len >= READ_BYTES)
        return true;
    size_t cap = 2 * c->cap + READ_BYTES;
    char *buf = mem_realloc(c->buf, cap);
    if (!buf)
        return false;
    c->buf = buf;
    c->cap = cap;
    return true;
}

/* The next line, valid until the next call. `patience_ms` -1: for ever. NULL: *status. */
static const char *read_line(struct client *c, int patience_ms, size_t *len, int *status) {
    size_t checked = c->at;
    for (;;) {
        char *nl = c->len > checked ? memchr(c->buf + checked, '\n', c->len - checked) : NULL;
        if (nl) {
            const char *line = c->buf + c->at;
            *len = (size_t)(nl - line);
            c->at = (size_t)(nl + 1 - c->buf);
            return line;
        }
        size_t unread = c->len - c->at;
        if (!reserve(c)) {
            complain(c, "%s: not enough memory for its answer", c->path);
            *status = EXIT_CODE_INTERNAL;
            return NULL;
        }
        checked = unread;
        struct pollfd p = {.fd = c->fd, .events = POLLIN};
        if (poll(&p, 1, patience_ms) == 0) {
            *status = gone(c, "it is silent");
            return NULL;
        }
        ssize_t n = recv(c->fd, c->buf + c->len, c->cap - c->len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            *status = gone(c, n == 0 ? "it has closed the connection" : strerror(errno));
            return NULL;
        }
        c->len += (size_t)n;
    }
}

static json_t *read_json(struct client *c, int patience_ms, void *ud, int *status) {
    size_t len;
    json_error_t e;
    const char *line;
    do {
        line = read_line(c, patience_ms, &len, status);
        if (!line)
            return NULL;
    } while (c->take && c->take(ud, line, len));
    json_t *v = json_loadb(line, len, JSON_ALLOW_NUL, &e);
    if (json_is_object(v))
        return v;
    json_decref(v);
    *status = gone(c, "what it says is not understood");
    return NULL;
}

static bool write_all(struct client *c, const char *s, size_t n) {
    while (n) {
        ssize_t done = send(c->fd, s, n, MSG_NOSIGNAL);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        s += done;
        n -= (size_t)done;
    }
    return true;
}

/* --- requests ----------------------------------------------------------------------------------------------------- */

static int refused(struct client *c, const json_t *answer) {
    const char *message = json_string_value(json_object_get(json_object_get(answer, "error"), "message"));
    complain(c, "%s", message ? message : "the daemon refused without a reason");
    return EXIT_CODE_FAILED;
}

static int send_request(struct client *c, const char *op, json_t *args) {
    json_t *request = args ? json_pack("{s:i,s:i,s:s,s:o}", "v", CONTROL_VERSION, "id", ++c->last_id, "op",
                                       op, "args", args)
                           : NULL;
    char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
    int status = EXIT_CODE_OK;
    json_decref(request);
    if (!text) {
        complain(c, "%s: not enough memory, or what was given is not UTF-8", op);
        return EXIT_CODE_FAILED;
    }
    if (!write_all(c, text, strlen(text)) || !write_all(c, "\n", 1))
        status = gone(c, strerror(errno));
    free(text);
    return status;
}

int client_ask(struct client *c, const char *op, json_t *args, client_data on_data, void *ud,
               json_t **result) {
    int status = send_request(c, op, args);
    bool more = true;
    while (status == EXIT_CODE_OK) {
        json_t *answer = read_json(c, -1, ud, &status);
        if (!answer)
            break;
        const json_t *ok = json_object_get(answer, "ok"), *data = json_object_get(answer, "data");
        if (!ok && data && on_data && more)
            more = on_data(ud, data);
        if (ok) {
            if (!json_is_true(ok))
                status = refused(c, answer);
            else if (result)
                *result = json_incref(json_object_get(answer, "result"));
            json_decref(answer);
            break;
        }
        json_decref(answer);
    }
    return status;
}

void client_take_lines(struct client *c, bool (*fn)(void *ud, const char *line, size_t len)) {
    c->take = fn;
}

int client_once(const char *socket, const char *op, json_t *args, client_data on_data, void *ud,
                json_t **result) {
    int status;
    struct client *c = client_open(socket, &status);
    if (!c) {
        json_decref(args);
        return status;
    }
    status = client_ask(c, op, args, on_data, ud, result);
    client_close(c);
    return status;
}

/* As few digits as it takes to read the same numbers from them again. */
static size_t digits_for(const json_t *value) {
    size_t most = DBL_DIG, n, i;
    const char *key;
    json_t *v;
    if (json_is_real(value)) {
        char buf[40];
        do
            snprintf(buf, sizeof buf, "%.*g", (int)most, json_real_value(value));
        while (strtod(buf, NULL) != json_real_value(value) && ++most < DBL_DECIMAL_DIG);
    } else if (json_is_array(value)) {
        json_array_foreach (value, i, v) {
            n = digits_for(v);
            most = n > most ? n : most;
        }
    } else if (json_is_object(value)) {
        json_object_foreach ((json_t *)(uintptr_t)value, key, v) {
            n = digits_for(v);
            most = n > most ? n : most;
        }
    }
    return most;
}

void client_dump(const json_t *value, size_t flags) {
    json_dumpf(value, stdout, flags | JSON_ENCODE_ANY | JSON_REAL_PRECISION(digits_for(value)));
}

int client_print_json(const json_t *value) {
    client_dump(value, JSON_INDENT(2));
    putchar('\n');
    return start_flush(TOOL);
}

int client_wait_gone(struct client *c) {
    char some[256];
    ssize_t n;
    do
        n = recv(c->fd, some, sizeof some, 0);
    while (n > 0 || (n < 0 && errno == EINTR));
    return EXIT_CODE_OK;
}

/* --- life --------------------------------------------------------------------------------------------------------- */

/* The first line tells who is there. */
static bool greet(struct client *c, int *status) {
    json_t *hello = read_json(c, HELLO_PATIENCE_MS, NULL, status);
    if (!hello)
        return false;
    bool ok = false;
    if (json_object_get(hello, "error"))
        *status = refused(c, hello);
    else if (json_integer_value(json_object_get(hello, "v")) != CONTROL_VERSION)
        *status = gone(c, "it speaks another version of the protocol");
    else
        ok = true;
    json_decref(hello);
    return ok;
}

static const char *socket_path(const char *given) {
    const char *env = getenv("TROUPE_SOCKET");
    if (given)
        return given;
    return env && env[0] ? env : field_find(SCOPE_FILE, "control.socket")->def;
}

static bool connect_to(struct client *c, int *status) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    size_t len = strlen(c->path);
    if (len >= sizeof a.sun_path) {
        *status = gone(c, "the path is too long");
        return false;
    }
    memcpy(a.sun_path, c->path, len + 1);
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd >= 0 && connect(c->fd, (struct sockaddr *)&a, sizeof a) == 0)
        return true;
    *status = gone(c, strerror(errno));
    return false;
}

struct client *client_open(const char *socket, int *status) {
    if (socket && !socket[0]) {
        start_complain(TOOL, "--socket: PATH is empty");
        *status = EXIT_CODE_USAGE;
        return NULL;
    }
    struct client *c = mem_calloc(1, sizeof *c);
    if (c) {
        c->fd = -1;
        c->path = mem_strdup(socket_path(socket));
    }
    if (!c || !c->path) {
        start_complain(TOOL, "not enough memory");
        *status = EXIT_CODE_INTERNAL;
        mem_free(c);
        return NULL;
    }
    if (connect_to(c, status) && greet(c, status))
        return c;
    client_close(c);
    return NULL;
}

void client_close(struct client *c) {
    if (!c)
        return;
    if (c->fd >= 0)
        close(c->fd);
    mem_free(c->path);
    mem_free(c->buf);
    mem_free(c);
}
