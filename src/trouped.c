/*
 * trouped: the daemon's main program: reads the command line, and the configuration, and runs it in the foreground.
 */
#include <string.h>

#include "base/errkind.h"
#include "base/version.h"
#include "config/config.h"
#include "src/control_proto.h"
#include "src/daemon.h"
#include "src/exitcode.h"
#include "src/metrics.h"
#include "src/options.h"
#include "src/start.h"

#define PROGRAM "trouped"
#define DEFAULT_CONFIG "/etc/troupe/troupe.yaml"

enum { OPT_CONFIG, OPT_CHECK, OPT_STRICT, OPT_SET, OPT_PRINT_CONFIG, OPT_DUMP, OPT_VERSION, OPT_HELP };

static const struct option_def defs[] = {
    [OPT_CONFIG] = {"config", 'c', "FILE", false, "main configuration file (" DEFAULT_CONFIG ")"},
    [OPT_CHECK] = {"check", 0, NULL, false, "only check the configuration; exit status 0 or 78"},
    [OPT_STRICT] = {"strict", 0, NULL, false, "warnings of the configuration are mistakes"},
    [OPT_SET] = {"set", 's', "PATH=VALUE", true, "override a field, e.g. runtime.workers=2"},
    [OPT_PRINT_CONFIG] = {"print-config", 0, NULL, false,
                          "print the configuration with every value, and exit"},
    [OPT_DUMP] = {"dump-tables", 0, NULL, false,
                  "print the tables of options, fields and the like, for generators, and exit"},
    [OPT_VERSION] = {"version", 'V', NULL, false, "print the version, and exit"},
    [OPT_HELP] = {"help", 'h', NULL, false, "print this, and exit"},
};

static const struct options_syntax syntax = {
    .command = PROGRAM,
    .args = "",
    .summary = "Runs the processes and services of a configuration until it "
               "gets SIGTERM.",
    .options = defs,
    .count = sizeof defs / sizeof defs[0]};

/* A section for each table; those of the tool's verbs it prints itself. */
static void dump_tables(void) {
    printf("[options]\n");
    options_dump(&syntax, stdout);
    printf("[fields]\n");
    cfg_fields_dump(stdout);
    printf("[operations]\n");
    control_dump(stdout);
    printf("[metrics]\n");
    metrics_dump(stdout);
    printf("[errors]\n");
    for (int kind = ERRKIND_UNKNOWN + 1; kind < ERRKIND_COUNT; kind++)
        printf("%s\n", errkind_text((enum errkind)kind));
    printf("[exits]\n");
#define X(name, number, meaning) printf("%d\t%s\n", number, meaning);
    EXIT_CODES(X)
#undef X
}

static int show(const struct options *o) {
    if (options_given(o, OPT_HELP)) {
        options_help(&syntax, stdout);
    } else if (options_given(o, OPT_VERSION)) {
        printf(PROGRAM " " TROUPE_VERSION "\n");
    } else {
        dump_tables();
    }
    return start_flush(PROGRAM);
}

static int run(const struct options *o) {
    if (options_given(o, OPT_HELP) || options_given(o, OPT_VERSION) || options_given(o, OPT_DUMP))
        return show(o);
    if (options_given(o, OPT_CHECK) && options_given(o, OPT_PRINT_CONFIG)) {
        start_complain(PROGRAM, "--check, --print-config: only one of them; see " PROGRAM " --help");
        return EXIT_CODE_USAGE;
    }
    const char *file = options_value(o, OPT_CONFIG);
    struct cfg_options load = {.file = file ? file : DEFAULT_CONFIG,
                               .set = o->found[OPT_SET].v,
                               .set_n = o->found[OPT_SET].n,
                               .strict = options_given(o, OPT_STRICT)};
    int status;
    struct config *c = start_config(PROGRAM, &load, &status);
    if (!c)
        return status;
    if (options_given(o, OPT_PRINT_CONFIG)) {
        cfg_print(c, stdout);
        status = start_flush(PROGRAM);
    } else if (!options_given(o, OPT_CHECK)) {
        status = daemon_run(c, &load);
    }
    cfg_unref(c);
    return status;
}

int main(int argc, char **argv) {
    struct options o;
    char err[256];
    int status = EXIT_CODE_USAGE;
    start_streams();
    if (!start_room(PROGRAM))
        return EXIT_CODE_INTERNAL;
    if (options_parse(&syntax, argc, argv, &o, err, sizeof err))
        status = run(&o);
    else
        start_complain(PROGRAM, "%s; see " PROGRAM " --help", err);
    options_free(&o);
    return status;
}
