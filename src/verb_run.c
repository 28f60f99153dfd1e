/*
 * troupe run: a program without a daemon: the configuration's hosts and services are started in this process, then the
 * program as main process; when it ends, so does everything.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/dur.h"
#include "src/app.h"
#include "src/exitcode.h"
#include "src/input.h"
#include "src/log.h"
#include "src/mainloop.h"
#include "src/patience.h"
#include "src/result.h"
#include "src/runner.h"
#include "src/start.h"
#include "src/verb.h"

#define DEFAULT_CONFIG "/etc/troupe/troupe.yaml"

enum { OPT_CONFIG, OPT_HOST, OPT_SET, OPT_STRICT, OPT_HELP };

static const struct option_def defs[] = {
    [OPT_CONFIG] = {"config", 'c', "FILE", false, "configuration; for a Lua file none, else " DEFAULT_CONFIG},
    [OPT_HOST] = {"host", 'H', "HOST", false,
                  "where it runs; else on the only host, else on an implicit one"},
    [OPT_SET] = OPTION_SET,
    [OPT_STRICT] = OPTION_STRICT,
    [OPT_HELP] = OPTION_HELP};

const struct options_syntax verb_run_syntax = {
    .command = TOOL " run",
    .args = "FILE.lua|ENTRY [ARGS...]",
    .args_min = 1,
    .args_max = OPTIONS_ARGS_MAX,
    .summary =
        "Runs a program, prints what it returns, and ends when it ends. What follows -- are arguments.",
    .options = defs,
    .count = sizeof defs / sizeof defs[0]};

enum phase { BOOTING, RUNNING, STOPPING };

static struct {
    const struct options *o;
    struct app *app;
    const struct cfg_entry *entry;
    struct vm_args args;
    struct runner *runner;
    enum phase phase;
    int status;
    atomic_int print_error; /* relaxed: an error number, written once by the log's thread */
} the;

/* --- the outcome --------------------------------------------------------------------------------------------------- */

/* Everything that was printed comes before it. */
static int tell_failure(const struct failure *f) {
    log_flush(OUTLET_FOREVER);
    start_complain(TOOL, "%s: %s", the.entry->id, f->message);
    if (f->stack_len)
        fprintf(stderr, "%s\n", f->stack);
    return EXIT_CODE_FAILED;
}

static int tell_result(const struct runner_outcome *out) {
    struct result r;
    struct text text;
    char err[700];
    int status = EXIT_CODE_FAILED;
    text_open(&text);
    log_flush(OUTLET_FOREVER);
    if (result_read(out->result, out->result_len, &r, &text, err, sizeof err)) {
        status = result_status(&r);
        if (r.present) {
            text_char(&text, '\n');
            fwrite(text.s, 1, text.len, stdout);
            int flushed = start_flush(TOOL);
            status = flushed ? flushed : status;
        }
    } else {
        start_complain(TOOL, "%s: %s", the.entry->id, err);
    }
    text_close(&text);
    return status;
}

static void stop(int status) {
    the.phase = STOPPING;
    the.status = status;
    if (!supervisor_stop(app_supervisor(the.app), cfg_settings(app_config(the.app))->shutdown.timeout))
        mainloop_end();
}

static void look_at_program(void) {
    struct runner_outcome out;
    runner_outcome(the.runner, &out);
    if (out.ended)
        stop(out.failure ? tell_failure(out.failure) : tell_result(&out));
}

/* --- starting it ------------------------------------------------------------------------------------------------------ */

static struct host *find_host(char *err, size_t cap) {
    struct config *c = app_config(the.app);
    const char *name = options_value(the.o, OPT_HOST);
    const struct cfg_entry *e = name ? cfg_resolve(c, the.entry->ns, name) : cfg_default_host(c);
    if (!e && name)
        snprintf(err, cap, "--host %s: host not found", name);
    else if (!e)
        snprintf(err, cap, "%s: several hosts could run it; say which with --host", the.entry->id);
    else if (e->kind != CFG_KIND_HOST)
        snprintf(err, cap, "--host %s: is no host but of kind %s", name, e->kind_word);
    else
        return app_host(the.app, e, err, cap);
    return NULL;
}

static void start_program(void) {
    char err[512] = "not enough memory";
    struct host *host = find_host(err, sizeof err);
    const struct runner_options o = {.vm = app_vm(the.app),
                                     .system = app_system_host(the.app),
                                     .host = host,
                                     .entry = the.entry->id,
                                     .args = the.args,
                                     .born = app_hush,
                                     .changed = mainloop_wake};
    the.phase = RUNNING;
    the.runner = host ? runner_open(&o) : NULL;
    if (!the.runner) {
        start_complain(TOOL, "%s", err);
        stop(EXIT_CODE_FAILED);
    }
}

/* --- events -------------------------------------------------------------------------------------------------------------- */

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
        start_program();
    else if (the.phase == RUNNING)
        look_at_program();
    else if (the.phase == STOPPING && st.stopped)
        mainloop_end();
}

/* The program is asked to end; a second signal ends everything (src/mainloop.h). */
static void on_stop(void *ud) {
    if (the.phase == RUNNING)
        runner_cancel(the.runner, "interrupted");
    else if (the.phase == BOOTING)
        stop(EXIT_CODE_FAILED);
}

static void on_print_failed(int error) {
    atomic_store_explicit(&the.print_error, error, memory_order_relaxed);
    mainloop_wake(NULL);
}

/* --- all of it -------------------------------------------------------------------------------------------------------------- */

static bool find_entry(const struct config *c, bool script) {
    const char *name = the.o->args[0];
    the.entry = script ? cfg_script(c, 0) : cfg_find(c, name);
    if (!the.entry)
        start_complain(TOOL, "%s: entry not found%s", name,
                       strchr(name, ':') ? "" : "; it is NAMESPACE:NAME, or a file that ends in .lua");
    else if (the.entry->kind != CFG_KIND_PROCESS && the.entry->kind != CFG_KIND_FUNCTION)
        start_complain(TOOL, "%s: is no program but of kind %s", name, the.entry->kind_word);
    else
        return true;
    return false;
}

static void run_app(struct config *c) {
    const struct mainloop_handlers handlers = {.wake = on_wake, .stop = on_stop};
    const struct app_options o = {.quiet = true, .changed = mainloop_wake};
    char err[512];
    if (!mainloop_open(&handlers)) {
        start_complain(TOOL, "no event loop; are there file descriptors left?");
        return;
    }
    the.app = app_open(c, &o, err, sizeof err);
    if (!the.app) {
        start_complain(TOOL, "%s", err);
        return;
    }
    if (supervisor_boot(app_supervisor(the.app)))
        mainloop_run();
    else
        start_complain(TOOL, "not enough memory to start");
}

static int run_logged(struct config *c) {
    const struct cfg_settings *s = cfg_settings(c);
    const struct log_options log = {.program = TOOL,
                                    .level = (enum cfg_level)s->log.level,
                                    .format = (enum cfg_format)s->log.format,
                                    .print = (enum cfg_print)s->log.print,
                                    .patience_ns = OUTLET_FOREVER,
                                    .print_failed = on_print_failed};
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

int verb_run(const struct options *o) {
    bool script = verb_is_script(o->args[0]);
    const char *file = options_value(o, OPT_CONFIG);
    struct cfg_options load = {.file = file || script ? file : DEFAULT_CONFIG,
                               .set = o->found[OPT_SET].v,
                               .set_n = o->found[OPT_SET].n,
                               .scripts = o->args,
                               .scripts_n = script,
                               .implicit_host = true,
                               .strict = options_given(o, OPT_STRICT)};
    char err[256];
    int status;
    struct config *c = start_config(TOOL, &load, &status);
    if (!c)
        return status;
    the.o = o;
    if (!find_entry(c, script)) {
        status = EXIT_CODE_FAILED;
    } else if (!input_encode_strings(o->args + 1, o->args_n - 1, &the.args, err, sizeof err)) {
        start_complain(TOOL, "arguments: %s", err);
        status = EXIT_CODE_INTERNAL;
    } else {
        status = run_logged(c);
    }
    mem_free((char *)(uintptr_t)the.args.data);
    cfg_unref(c);
    return status;
}
