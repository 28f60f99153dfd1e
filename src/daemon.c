#include "src/daemon.h"

#include <ev.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/dur.h"
#include "src/app.h"
#include "src/exitcode.h"
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
    notify_stopping();
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

static void tell_status(const struct supervisor_status *st) {
    static const char *const words[] = {
        [BOOTING] = "starting", [RUNNING] = "running", [STOPPING] = "stopping"};
    size_t all = 0;
    for (int i = 0; i < SERVICE_STATE_COUNT; i++)
        all += st->states[i];
    notify_status("%s: %zu of %zu services run, %zu failed", words[the.phase], st->states[SERVICE_RUNNING],
                  all, st->states[SERVICE_FAILED]);
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
    if (the.phase == STOPPING && st.stopped)
        mainloop_end();
}

/* --- reloading ---------------------------------------------------------------------------------------------------------- */

static void log_report(const struct cfg_report *report) {
    for (size_t i = 0; i < cfg_report_count(report); i++) {
        const struct cfg_diag *d = cfg_report_at(report, i);
        char line[1024];
        cfg_diag_format(d, line, sizeof line);
        if (d->severity == CFG_ERROR)
            log_error("reload: mistake", LOG_STR("in", line));
        else
            log_warn("reload: warning", LOG_STR("in", line));
    }
}

static void use(struct config *c) {
    char err[512];
    if (!app_reload(the.app, c, err, sizeof err)) {
        log_error("reload failed: everything stays as it was", LOG_STR("reason", err));
        return;
    }
    const struct cfg_settings *s = cfg_settings(c);
    log_set((enum cfg_level)s->log.level, (enum cfg_format)s->log.format, (enum cfg_print)s->log.print);
    log_info("reloaded");
}

static void reload(void) {
    struct cfg_report *report;
    struct config *c = cfg_load(the.load, &report);
    if (report)
        log_report(report);
    if (c)
        use(c);
    else
        log_error("reload failed: everything stays as it was",
                  LOG_STR("reason", report ? "mistakes in the configuration" : "not enough memory"));
    cfg_report_free(report);
    cfg_unref(c);
}

static void on_hangup(void *ud) {
    if (the.phase == STOPPING)
        return;
    notify_reloading();
    reload();
    if (the.phase == RUNNING)
        notify_ready();
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
    if (!start_monitor(cfg_settings(c)))
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
    if (the.app)
        app_end(the.app);
    if (the.status == EXIT_CODE_OK)
        log_info("stopped");
    app_close(the.app);
    log_close(patience);
    return the.status;
}
