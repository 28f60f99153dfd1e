/*
 * http: the daemon's page for monitoring systems: GET /metrics, /healthz, /readyz, and nothing else. No state of a client
 * is kept for longer than a request; slow and silent ones are dropped after HTTP_PATIENCE_S.
 *
 * Runs in the main thread's event loop; all functions are called there.
 */
#ifndef SRC_HTTP_H
#define SRC_HTTP_H

#include "src/text.h"

#define HTTP_CLIENTS_MAX 64
#define HTTP_PATIENCE_S 10

struct ev_loop;
struct http;

struct http_handlers {
    bool (*metrics)(void *ud, struct text *out); /* false: it cannot be made now */
    /* Appends a line that says how things are; false: 503. */
    bool (*healthy)(void *ud, struct text *out);
    bool (*ready)(void *ud, struct text *out);
    void *ud;
};

/* Serves at `listen`, "ADDRESS:PORT" as in the configuration. NULL: `err` says why. */
struct http *http_open(const char *listen, const struct http_handlers *h, struct ev_loop *loop, char *err,
                       size_t cap);
void http_close(struct http *s); /* NULL: nothing */

/* The port that it has, of interest when 0 was asked for. */
unsigned http_port(const struct http *s);

#endif
