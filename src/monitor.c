#include "src/monitor.h"

#include <stdio.h>

#include "base/alloc.h"
#include "src/health.h"
#include "src/http.h"
#include "src/log.h"
#include "src/mainloop.h"
#include "src/metrics.h"

struct monitor {
    struct app *app;
    struct http *http;
    bool (*ready)(void);
};

/* --- figures ---------------------------------------------------------------------------------------------------- */

struct visit {
    void (*fn)(void *ctx, const char *id, uint64_t restarts);
    void *ctx;
};

static void visit(void *ud, const struct supervisor_service *s) {
    const struct visit *v = ud;
    v->fn(v->ctx, s->id, s->restarts);
}

static void each_service(void *ud, void (*fn)(void *ctx, const char *id, uint64_t restarts), void *ctx) {
    const struct monitor *m = ud;
    struct visit v = {fn, ctx};
    supervisor_each(app_supervisor(m->app), visit, &v);
}

static bool metrics(void *ud, struct text *out) {
    struct monitor *m = ud;
    const struct metrics_source source = {.node = app_node(m->app),
                                          .each_service = each_service,
                                          .ud = m,
                                          .events_dropped = vm_events_dropped(app_vm(m->app)),
                                          .log_dropped = log_dropped(),
                                          .jit_states = vm_jit_states(app_vm(m->app))};
    return metrics_render(&source, out);
}

/* --- how things are ------------------------------------------------------------------------------------------------ */

static bool healthy(void *ud, struct text *out) {
    const struct monitor *m = ud;
    bool yes = health_check(app_node(m->app), out);
    text_str(out, yes ? "ok\n" : "\n");
    return yes;
}

static bool ready(void *ud, struct text *out) {
    const struct monitor *m = ud;
    bool yes = m->ready();
    text_str(out, yes ? "ready\n" : "not ready\n");
    return yes;
}

struct monitor *monitor_open(struct app *app, const char *listen, bool (*is_ready)(void), char *err,
                             size_t cap) {
    struct monitor *m = mem_calloc(1, sizeof *m);
    if (!m) {
        snprintf(err, cap, "metrics: not enough memory");
        return NULL;
    }
    const struct http_handlers handlers = {.metrics = metrics, .healthy = healthy, .ready = ready, .ud = m};
    m->app = app;
    m->ready = is_ready;
    m->http = http_open(listen, &handlers, mainloop_ev(), err, cap);
    if (m->http) {
        log_info("metrics are served", LOG_STR("listen", listen), LOG_INT("port", http_port(m->http)));
        return m;
    }
    mem_free(m);
    return NULL;
}

void monitor_close(struct monitor *m) {
    if (!m)
        return;
    http_close(m->http);
    mem_free(m);
}
