/*
 * troupe: the tool's main program: finds the verb, reads its command line, runs it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/version.h"
#include "config/suggest.h"
#include "src/exitcode.h"
#include "src/start.h"
#include "src/verb.h"

static const struct verb *find_verb(const char *name) {
    for (const struct verb *v = verbs; v->name; v++)
        if (strcmp(v->name, name) == 0)
            return v;
    return NULL;
}

/* Options that stand before the verb, or instead of one. */
static const struct option_def defs[] = {
    {"socket", 0, "PATH", false, "the daemon's control socket, for the verb that follows"},
    {"dump-tables", 0, NULL, false, "print the tables of verbs and options, for generators, and exit"},
    {"version", 'V', NULL, false, "print the version, and exit"},
    {"help", 'h', NULL, false, "print the list of verbs, and exit"},
};

static const struct options_syntax syntax = {
    .command = TOOL, .args = "", .summary = "", .options = defs, .count = sizeof defs / sizeof defs[0]};

/* --- what it says about itself ------------------------------------------------------------------------------------ */

static int help(int argc, char **argv) {
    printf("usage: " TOOL " [--socket PATH] VERB [OPTIONS] [ARGS...]\n\n");
    for (const struct verb *v = verbs; v->name; v++) {
        printf("  %-9s  ", v->name);
        options_wrap(stdout, v->syntax->summary, 13);
        putchar('\n');
    }
    printf("\n" TOOL " VERB --help shows the options of a verb, " TOOL " --version the version.\n");
    return start_flush(TOOL);
}

static int version(int argc, char **argv) {
    printf(TOOL " " TROUPE_VERSION "\n");
    return start_flush(TOOL);
}

static int dump(int argc, char **argv) {
    printf("[options]\n");
    options_dump(&syntax, stdout);
    for (const struct verb *v = verbs; v->name; v++) {
        printf("%s\t\t\t%s\t\t%s\n", v->syntax->command, v->syntax->args, v->syntax->summary);
        options_dump(v->syntax, stdout);
    }
    return start_flush(TOOL);
}

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} words[] = {{"--help", help},       {"-h", help},    {"help", help},
             {"--version", version}, {"-V", version}, {"--dump-tables", dump}};

/* --- running -------------------------------------------------------------------------------------------------------- */

static int unknown(const char *name) {
    struct suggest near;
    suggest_begin(&near, name);
    for (const struct verb *v = verbs; v->name; v++)
        suggest_consider(&near, v->name);
    if (name[0] == '-')
        start_complain(TOOL, "%s: unknown option before the verb; see " TOOL " --help", name);
    else if (near.best)
        start_complain(TOOL, "%s: unknown verb; did you mean %s?", name, near.best);
    else
        start_complain(TOOL, "%s: unknown verb; see " TOOL " --help", name);
    return EXIT_CODE_USAGE;
}

static int run(const struct verb *v, int argc, char **argv) {
    struct options o;
    char err[256];
    int status = EXIT_CODE_USAGE;
    if (!options_parse(v->syntax, argc, argv, &o, err, sizeof err)) {
        start_complain(TOOL, "%s: %s; see " TOOL " %s --help", v->name, err, v->name);
    } else if (options_wants_help(v->syntax, &o)) {
        options_help(v->syntax, stdout);
        status = start_flush(TOOL);
    } else {
        status = v->run(&o);
    }
    options_free(&o);
    return status;
}

/* --socket before the verb: as if the environment said so. Returns the arguments it took; -1: its value is missing. */
static int take_socket(int argc, char **argv) {
    static const char option[] = "--socket";
    size_t n = sizeof option - 1;
    if (argc < 2 || strncmp(argv[1], option, n) != 0 || (argv[1][n] && argv[1][n] != '='))
        return 0;
    const char *path = argv[1][n] ? argv[1] + n + 1 : argc > 2 ? argv[2] : NULL;
    if (!path || !path[0])
        return -1;
    setenv("TROUPE_SOCKET", path, 1);
    return argv[1][n] ? 1 : 2;
}

int main(int argc, char **argv) {
    start_streams();
    if (!start_room(TOOL))
        return EXIT_CODE_INTERNAL;
    int taken = take_socket(argc, argv);
    if (taken < 0) {
        start_complain(TOOL, "--socket: PATH is missing");
        return EXIT_CODE_USAGE;
    }
    argc -= taken;
    argv += taken;
    if (argc < 2) {
        start_complain(TOOL, "a verb is missing; see " TOOL " --help");
        return EXIT_CODE_USAGE;
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(argv[1], words[i].name) == 0)
            return words[i].run(argc, argv);
    const struct verb *v = find_verb(argv[1]);
    return v ? run(v, argc - 1, argv + 1) : unknown(argv[1]);
}
