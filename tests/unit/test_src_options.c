/* Command lines by table: what is accepted, what is refused and how, what help and the generators' dump show. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "src/options.h"

enum { CONFIG, CHECK, SET, HELP };

static const struct option_def defs[] = {
    [CONFIG] = {"config", 'c', "FILE", false, "the file"},
    [CHECK] = {"check", 0, NULL, false, "only look"},
    [SET] = {"set", 's', "PATH=VALUE", true, "override"},
    [HELP] = {"help", 'h', NULL, false, "this"},
};

static const struct options_syntax syntax = {.command = "tool",
                                             .args = "FILE [MORE]",
                                             .args_min = 1,
                                             .args_max = 2,
                                             .summary = "Does it.",
                                             .options = defs,
                                             .count = 4};

struct parsed {
    struct options o;
    bool ok;
    char err[200];
};

static struct parsed parse(int argc, ...) {
    static char *argv[16];
    struct parsed p = {0};
    va_list args;
    va_start(args, argc);
    argv[0] = (char *)"tool";
    for (int i = 1; i <= argc; i++)
        argv[i] = va_arg(args, char *);
    va_end(args);
    p.ok = options_parse(&syntax, argc + 1, argv, &p.o, p.err, sizeof p.err);
    return p;
}

static void refused(struct parsed p, const char *why) {
    cr_expect_not(p.ok);
    cr_expect_str_eq(p.err, why);
    options_free(&p.o);
}

Test(options, forms_and_places) {
    struct parsed p = parse(7, "--config", "a.yaml", "x", "-s", "a=1", "--set=b=2", "--check");
    cr_assert(p.ok, "%s", p.err);
    cr_expect_str_eq(options_value(&p.o, CONFIG), "a.yaml");
    cr_expect(options_given(&p.o, CHECK));
    cr_expect_not(options_given(&p.o, HELP));
    cr_expect_eq(p.o.found[SET].n, 2);
    cr_expect_str_eq(p.o.found[SET].v[0], "a=1");
    cr_expect_str_eq(p.o.found[SET].v[1], "b=2");
    cr_expect_eq(p.o.args_n, 1);
    cr_expect_str_eq(p.o.args[0], "x");
    options_free(&p.o);
}

Test(options, letters_together) {
    struct parsed p = parse(4, "-hhhhhhhhc", "a.yaml", "x", "-sa=1");
    cr_assert(p.ok, "%s", p.err);
    cr_expect(options_given(&p.o, HELP));
    cr_expect_str_eq(options_value(&p.o, CONFIG), "a.yaml");
    cr_expect_str_eq(options_value(&p.o, SET), "a=1");
    cr_expect_eq(p.o.args_n, 1);
    options_free(&p.o);
}

Test(options, what_is_no_option) {
    struct parsed p = parse(3, "-5", "--", "--check");
    cr_assert(p.ok, "%s", p.err);
    cr_expect_eq(p.o.args_n, 2);
    cr_expect_str_eq(p.o.args[0], "-5");
    cr_expect_str_eq(p.o.args[1], "--check");
    options_free(&p.o);
    p = parse(2, "-", "");
    cr_assert(p.ok, "%s", p.err);
    cr_expect_str_eq(p.o.args[0], "-");
    cr_expect_str_eq(p.o.args[1], "");
    options_free(&p.o);
}

Test(options, values_may_look_like_options) {
    struct parsed p = parse(3, "--config", "--check", "x");
    cr_assert(p.ok, "%s", p.err);
    cr_expect_str_eq(options_value(&p.o, CONFIG), "--check");
    cr_expect_not(options_given(&p.o, CHECK));
    options_free(&p.o);
    p = parse(2, "--config=", "x");
    cr_expect_str_eq(options_value(&p.o, CONFIG), "");
    options_free(&p.o);
}

Test(options, mistakes) {
    refused(parse(2, "x", "--confg=1"), "--confg: unknown option; did you mean --config?");
    refused(parse(2, "x", "--nonsense"), "--nonsense: unknown option");
    refused(parse(2, "x", "-x"), "-x: unknown option");
    refused(parse(2, "x", "-hx"), "-x: unknown option");
    refused(parse(2, "x", "-hc"), "--config: FILE is missing");
    refused(parse(2, "x", "--conf=a"), "--conf: unknown option");
    refused(parse(2, "x", "--c"), "--c: unknown option");
    refused(parse(2, "x", "--=a"), "--: unknown option");
    refused(parse(2, "x", "--config"), "--config: FILE is missing");
    refused(parse(2, "x", "--check=yes"), "--check: takes no value");
    refused(parse(5, "x", "--config", "a", "-c", "b"), "--config: given more than once");
    refused(parse(0), "arguments are missing: tool FILE [MORE]");
    refused(parse(3, "a", "b", "c"), "c: unexpected argument");
    refused(parse(2, "x",
                  "--"
                  "0123456789012345678901234567890123456789012345678901234567890123456789"),
            "--012345678901234567890123456789012345678901234567890123456789012: unknown option");
}

Test(options, help_needs_nothing_else) {
    struct parsed p = parse(1, "-h");
    cr_expect(p.ok);
    cr_expect(options_wants_help(&syntax, &p.o));
    options_free(&p.o);
}

Test(options, text_is_wrapped) {
    char buf[512], expected[512];
    FILE *f = fmemopen(buf, sizeof buf, "w");
    options_wrap(f, "a bb ccc", 75);
    fputc('|', f);
    options_wrap(f, "0123456789 x", 74);
    fputc('|', f);
    options_wrap(f, "12345", 75);
    fclose(f);
    snprintf(expected, sizeof expected, "a bb\n%75sccc|0123456789 x|12345", "");
    cr_expect_str_eq(buf, expected);
}

static char *written(void (*fn)(const struct options_syntax *s, FILE *out)) {
    char *text;
    size_t len;
    FILE *f = open_memstream(&text, &len);
    fn(&syntax, f);
    fclose(f);
    return text;
}

Test(options, help_and_dump_come_from_the_table) {
    char *help = written(options_help);
    cr_expect_str_eq(help, "usage: tool [OPTIONS] FILE [MORE]\n"
                           "Does it.\n"
                           "\n"
                           "  -c, --config FILE     the file\n"
                           "      --check           only look\n"
                           "  -s, --set PATH=VALUE  override (repeatable)\n"
                           "  -h, --help            this\n");
    char *dump = written(options_dump);
    cr_expect_str_eq(dump, "tool\tconfig\tc\tFILE\t\tthe file\n"
                           "tool\tcheck\t\t\t\tonly look\n"
                           "tool\tset\ts\tPATH=VALUE\trepeat\toverride\n"
                           "tool\thelp\th\t\t\tthis\n");
    free(help);
    free(dump);
}
