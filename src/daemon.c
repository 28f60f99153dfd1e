#include "src/daemon.h"

#include <ev.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/dur.h"
#include "config/fields.h"
#include "src/app.h"
#include "src/control.h"
#include "src/exitcode.h"
#include "src/health.h"
#include "src/log.h"
#include "src/mainloop.h"
#include "src/monitor.h"
#include "src/notify.h"
#include "src/patience.h"
#include "src/start.h"

#define PROGRAM "trouped"
#define PRINT_PATIENCE (80 * DUR_MS) /* less than what makes a worker count as stuck */
/* How much longer than shutdown.timeout the supervisor may take to say that everything has stopped. */
#define STOP_GRACE (1 * DUR_SEC)

enum phase { BOOTING, RUNNING, STOPPING };

static struct {
    const struct cfg_options *load;
    struct app *app;
    struct monitor *monitor; /* NULL: none is configured */
    struct control *control; /* NULL: none */
    enum phase phase;
    int status;
    ev_timer deadline, watchdog;
} the;

static double seconds(int64_t ns) {
    return (double)ns / (double)DUR_SEC;
}

/* --- stopping --------------------------------------------------------------------------------------------------- */

static void on_deadline(struct ev_loop *loop, ev_timer *w, int events) {
    log_error("shutdown: services did not stop in time");
    mainloop_end();
}

static void stop(int status) {
    if (the.phase == STOPPING)
        return;
    int64_t timeout = cfg_settings(app_config(the.app))->shutdown.timeout;
    the.phase = STOPPING;
    the.status = status;
    notify_stopping(timeout + STOP_GRACE + FLUSH_PATIENCE + END_PATIENCE);
    ev_timer_init(&the.deadline, on_deadline, seconds(timeout + STOP_GRACE), 0);
    ev_timer_start(mainloop_ev(), &the.deadline);
    if (!supervisor_stop(app_supervisor(the.app), timeout))
        mainloop_end();
}

static void on_stop(void *ud) {
    log_info("stopping: asked to by a signal");
    stop(EXIT_CODE_OK);
}

/* --- following the supervisor ---------------------------------------------------------------------------------------- */

static const char *phase_text(void) {
    static const char *const words[] = {
        [BOOTING] = "starting", [RUNNING] = "running", [STOPPING] = "stopping"};
    return words[the.phase];
}

static void tell_status(const struct supervisor_status *st) {
    size_t all = 0;
    for (int i = 0; i < SERVICE_STATE_COUNT; i++)
        all += st->states[i];
    notify_status("%s: %zu of %zu services run, %zu failed", phase_text(), st->states[SERVICE_RUNNING], all,
                  st->states[SERVICE_FAILED]);
}

static void on_wake(void *ud) {
    struct supervisor_status st;
    app_look(the.app);
    supervisor_status(app_supervisor(the.app), &st);
    if (the.phase == BOOTING && st.boot == BOOT_DONE) {
        the.phase = RUNNING;
        log_info("ready");
        notify_ready();
    }
    if (the.phase != STOPPING && st.boot == BOOT_FAILED) {
        log_error("boot failed", LOG_STR("reason", st.reason));
        stop(EXIT_CODE_FAILED);
    }
    tell_status(&st);
    control_look(the.control);
    if (the.phase == STOPPING && st.stopped)
        mainloop_end();
}

/* --- reloading ---------------------------------------------------------------------------------------------------------- */

/* To the log, and the mistakes also into `err`, a line each. */
static void tell_report(const struct cfg_report *report, char *err, size_t cap) {
    size_t at = 0;
    snprintf(err, cap, report ? "mistakes in the configuration" : "not enough memory");
    for (size_t i = 0; report && i < cfg_report_count(report); i++) {
        const struct cfg_diag *d = cfg_report_at(report, i);
        char line[1024];
        cfg_diag_format(d, line, sizeof line);
        if (d->severity == CFG_ERROR) {
            log_error("reload: mistake", LOG_STR("in", line));
            int n = at < cap ? snprintf(err + at, cap - at, "%s%s", at ? "\n" : "", line) : 0;
            at += n > 0 ? (size_t)n : 0;
        } else {
            log_warn("reload: warning", LOG_STR("in", line));
        }
    }
}

static bool use(struct config *c, struct text *changes, char *err, size_t cap) {
    struct config *before = cfg_ref(app_config(the.app));
    bool ok = app_reload(the.app, c, err, cap);
    if (ok) {
        const struct cfg_settings *s = cfg_settings(c);
        log_set((enum cfg_level)s->log.level, (enum cfg_format)s->log.format, (enum cfg_print)s->log.print);
        log_info("reloaded");
        if (changes)
            control_put_changes(changes, before, c);
    } else {
        log_error("reload failed: everything stays as it was", LOG_STR("reason", err));
    }
    cfg_unref(before);
    return ok;
}

static bool load_and_use(struct text *changes, char *err, size_t cap) {
    struct cfg_report *report;
    struct config *c = cfg_load(the.load, &report);
    bool ok = false;
    tell_report(report, err, cap);
    if (c)
        ok = use(c, changes, err, cap);
    else
        log_error("reload failed: everything stays as it was",
                  LOG_STR("reason", report ? "mistakes in the configuration" : "not enough memory"));
    cfg_report_free(report);
    cfg_unref(c);
    return ok;
}

static bool reload(struct text *changes, char *err, size_t cap) {
    /* Who is not ready yet says so when it is, not when it has read its configuration again. */
    bool tell = the.phase == RUNNING;
    if (tell)
        notify_reloading();
    bool ok = load_and_use(changes, err, cap);
    if (tell)
        notify_ready();
    return ok;
}

static void on_hangup(void *ud) {
    char err[1024];
    if (the.phase != STOPPING)
        reload(NULL, err, sizeof err);
}

/* --- running ---------------------------------------------------------------------------------------------------------------- */

static void on_watchdog(struct ev_loop *loop, ev_timer *w, int events) {
    if (app_alive(the.app))
        notify_alive();
}

static void start_watchdog(void) {
    int64_t every = notify_watchdog();
    if (!every)
        return;
    ev_timer_init(&the.watchdog, on_watchdog, 0, seconds(every) / 2);
    ev_timer_start(mainloop_ev(), &the.watchdog);
}

static bool is_ready(void) {
    return the.phase == RUNNING;
}

static bool start_monitor(const struct cfg_settings *s) {
    char err[256];
    if (!s->metrics.listen)
        return true;
    the.monitor = monitor_open(the.app, s->metrics.listen, is_ready, err, sizeof err);
    if (!the.monitor) {
        log_error("cannot start", LOG_STR("reason", err));
        the.status = EXIT_CODE_IO;
    }
    return the.monitor;
}

static bool healthy(struct text *why) {
    return health_check(app_node(the.app), why);
}

static void on_shutdown(void) {
    log_info("stopping: asked to through the control socket");
    stop(EXIT_CODE_OK);
}

/* A socket that cannot be made at its default place is only a warning: a daemon started by hand need not have the right to. */
static bool start_control(const struct cfg_settings *s) {
    const struct control_daemon d = {
        .app = the.app, .state = phase_text, .healthy = healthy, .reload = reload, .shutdown = on_shutdown};
    char err[512];
    if (!s->control.socket[0] || (the.control = control_open(&d, mainloop_ev(), err, sizeof err)))
        return true;
    if (strcmp(s->control.socket, field_find(SCOPE_FILE, "control.socket")->def) == 0) {
        log_warn("no control socket: the tool cannot reach this daemon", LOG_STR("reason", err));
        return true;
    }
    log_error("cannot start", LOG_STR("reason", err));
    the.status = EXIT_CODE_IO;
    return false;
}

static void run(struct config *c) {
    const struct mainloop_handlers handlers = {.wake = on_wake, .stop = on_stop, .hangup = on_hangup};
    const struct app_options o = {.changed = mainloop_wake};
    char err[512];
    if (!mainloop_open(&handlers)) {
        log_error("cannot start: no event loop; are there file descriptors left?");
        return;
    }
    the.app = app_open(c, &o, err, sizeof err);
    if (!the.app) {
        log_error("cannot start", LOG_STR("reason", err));
        return;
    }
    log_info("starting", LOG_STR("version", TROUPE_VERSION), LOG_STR("config", the.load->file));
    if (!start_control(cfg_settings(c)) || !start_monitor(cfg_settings(c)))
        return;
    start_watchdog();
    the.phase = BOOTING;
    if (supervisor_boot(app_supervisor(the.app)))
        mainloop_run();
    else
        log_error("cannot start: not enough memory");
}

int daemon_run(struct config *c, const struct cfg_options *load) {
    const struct cfg_settings *s = cfg_settings(c);
    const struct log_options log = {.program = PROGRAM,
                                    .level = (enum cfg_level)s->log.level,
                                    .format = (enum cfg_format)s->log.format,
                                    .print = (enum cfg_print)s->log.print,
                                    .patience_ns = PRINT_PATIENCE};
    if (!log_open(&log)) {
        start_complain(PROGRAM, "log: not enough memory or threads");
        return EXIT_CODE_INTERNAL;
    }
    the.load = load;
    the.status = EXIT_CODE_INTERNAL;
    run(c);
    /* What was said so far is written before anything that may hang: a thread stuck in C is not waited for. */
    monitor_close(the.monitor);
    int64_t patience = log_flush(FLUSH_PATIENCE) ? FLUSH_PATIENCE : STUCK_PATIENCE;
    mainloop_exit_within(END_PATIENCE, the.status);
    control_end(the.control);
    if (the.app)
        app_end(the.app);
    control_close(the.control);
    if (the.status == EXIT_CODE_OK)
        log_info("stopped");
    app_close(the.app);
    log_close(patience);
    return the.status;
}
