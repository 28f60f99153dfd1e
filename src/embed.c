#include "src/embed.h"

#include <stdatomic.h>
#include <string.h>

#include "src/exitcode.h"
#include "src/log.h"
#include "src/mainloop.h"
#include "src/patience.h"
#include "src/start.h"
#include "src/verb.h"

static struct {
    const struct embed_options *o;
    struct app *app;
    struct runner *runner;
    enum { BOOTING, RUNNING, STOPPING } phase;
    int status;
    atomic_int print_error; /* relaxed: an error number, written once by the log's thread */
} the;

static void stop(int status) {
    the.phase = STOPPING;
    the.status = status;
    if (!supervisor_stop(app_supervisor(the.app), cfg_settings(app_config(the.app))->shutdown.timeout))
        mainloop_end();
}

static void begin(void) {
    char err[512] = "not enough memory";
    struct runner_options o = {.vm = app_vm(the.app),
                               .system = app_system_host(the.app),
                               .born = app_hush,
                               .changed = mainloop_wake};
    the.phase = RUNNING;
    the.runner = the.o->program(the.app, &o, err, sizeof err) ? runner_open(&o) : NULL;
    if (!the.runner) {
        start_complain(TOOL, "%s", err);
        stop(EXIT_CODE_FAILED);
    }
}

static void look_at_program(void) {
    struct runner_outcome out;
    runner_outcome(the.runner, &out);
    if (!out.ended)
        return;
    log_flush(OUTLET_FOREVER);
    stop(the.o->ended(&out));
}

/* --- events ------------------------------------------------------------------------------------------------------------ */

static void on_wake(void *ud) {
    struct supervisor_status st;
    app_look(the.app);
    int print_error = atomic_load_explicit(&the.print_error, memory_order_relaxed);
    if (print_error && the.phase != STOPPING) {
        start_complain(TOOL, "standard output: cannot be written: %s", strerror(print_error));
        stop(EXIT_CODE_IO);
    }
    supervisor_status(app_supervisor(the.app), &st);
    if (st.boot == BOOT_FAILED && the.phase != STOPPING) {
        log_flush(OUTLET_FOREVER);
        start_complain(TOOL, "%s", st.reason);
        stop(EXIT_CODE_FAILED);
    }
    if (the.phase == BOOTING && st.boot == BOOT_DONE)
        begin();
    else if (the.phase == RUNNING)
        look_at_program();
    else if (the.phase == STOPPING && st.stopped)
        mainloop_end();
}

static void on_stop(void *ud) {
    if (the.phase == RUNNING)
        runner_cancel(the.runner, "interrupted");
    if (the.phase == BOOTING || (the.phase == RUNNING && the.o->stop_at_once))
        stop(EXIT_CODE_FAILED);
}

static void on_print_failed(int error) {
    atomic_store_explicit(&the.print_error, error, memory_order_relaxed);
    mainloop_wake(NULL);
}

/* --- all of it ------------------------------------------------------------------------------------------------------------ */

static void run_app(struct config *c) {
    const struct mainloop_handlers handlers = {.wake = on_wake, .stop = on_stop};
    const struct app_options o = {.quiet = true, .changed = mainloop_wake};
    char err[512];
    if (!mainloop_open(&handlers)) {
        start_complain(TOOL, "no event loop; are there file descriptors left?");
        return;
    }
    the.app = app_open(c, &o, err, sizeof err);
    if (!the.app || (the.o->prepare && !the.o->prepare(the.app, err, sizeof err))) {
        start_complain(TOOL, "%s", err);
        return;
    }
    if (supervisor_boot(app_supervisor(the.app)))
        mainloop_run();
    else
        start_complain(TOOL, "not enough memory to start");
}

int embed_run(struct config *c, const struct embed_options *o) {
    const struct cfg_settings *s = cfg_settings(c);
    const struct log_options log = {.program = TOOL,
                                    .level = (enum cfg_level)s->log.level,
                                    .format = (enum cfg_format)s->log.format,
                                    .print = o->print,
                                    .patience_ns = OUTLET_FOREVER,
                                    .print_failed = o->print_matters ? on_print_failed : NULL};
    the.o = o;
    the.status = EXIT_CODE_INTERNAL;
    if (!log_open(&log)) {
        start_complain(TOOL, "not enough memory or threads to start");
        return the.status;
    }
    run_app(c);
    int64_t patience = log_flush(FLUSH_PATIENCE) ? FLUSH_PATIENCE : STUCK_PATIENCE;
    mainloop_exit_within(END_PATIENCE, the.status);
    if (the.app)
        app_end(the.app);
    runner_close(the.runner);
    app_close(the.app);
    log_close(patience);
    return the.status;
}
