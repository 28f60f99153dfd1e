/*
 * troupe run: a program without a daemon: the configuration's hosts and services are started in this process, then the
 * program as main process; when it ends, so does everything.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/dur.h"
#include "src/embed.h"
#include "src/exitcode.h"
#include "src/input.h"
#include "src/result.h"
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

static struct {
    const struct options *o;
    const struct cfg_entry *entry;
    struct vm_args args;
} the;

/* --- the outcome --------------------------------------------------------------------------------------------------- */

static int tell_failure(const struct failure *f) {
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
    if (result_read(out->result, out->result_len, &r, &text, err, sizeof err)) {
        if (!result_status(&r, &status))
            start_complain(TOOL, "%s: returned %s: an exit status is 0 to %d", the.entry->id, text.s,
                           RESULT_STATUS_MAX);
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

static int ended(const struct runner_outcome *out) {
    return out->failure ? tell_failure(out->failure) : tell_result(out);
}

/* --- starting it ------------------------------------------------------------------------------------------------------ */

static struct host *find_host(struct app *app, char *err, size_t cap) {
    struct config *c = app_config(app);
    const char *name = options_value(the.o, OPT_HOST);
    const struct cfg_entry *e = name ? cfg_resolve(c, the.entry->ns, name) : cfg_default_host(c);
    if (!e && name)
        snprintf(err, cap, "--host %s: host not found", name);
    else if (!e)
        snprintf(err, cap, "%s: several hosts could run it; say which with --host", the.entry->id);
    else if (e->kind != CFG_KIND_HOST)
        snprintf(err, cap, "--host %s: is no host but of kind %s", name, e->kind_word);
    else
        return app_host(app, e, err, cap);
    return NULL;
}

static bool program(struct app *app, struct runner_options *o, char *err, size_t cap) {
    o->host = find_host(app, err, cap);
    o->entry = the.entry->id;
    o->args = the.args;
    return o->host != NULL;
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
        const struct embed_options embed = {.print = (enum cfg_print)cfg_settings(c)->log.print,
                                            .print_matters = true,
                                            .program = program,
                                            .ended = ended};
        status = embed_run(c, &embed);
    }
    mem_free((char *)(uintptr_t)the.args.data);
    cfg_unref(c);
    return status;
}
