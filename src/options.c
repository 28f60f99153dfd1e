#include "src/options.h"

#include <ctype.h>
#include <getopt.h>
#include <string.h>

#include "base/alloc.h"
#include "config/suggest.h"

/* --- parsing ------------------------------------------------------------------------------------------------------ */

struct parser {
    const struct options_syntax *syntax;
    struct options *o;
    char *err;
    size_t cap;
};

static const struct option_def *by_name(const struct options_syntax *s, const char *name, size_t len) {
    for (size_t i = 0; i < s->count; i++)
        if (strlen(s->options[i].name) == len && memcmp(s->options[i].name, name, len) == 0)
            return &s->options[i];
    return NULL;
}

static bool unknown(const struct parser *p, const char *word, size_t len) {
    char name[64];
    struct suggest near;
    snprintf(name, sizeof name, "%.*s", (int)(len < sizeof name ? len : sizeof name - 1), word);
    suggest_begin(&near, name);
    for (size_t i = 0; i < p->syntax->count; i++)
        suggest_consider(&near, p->syntax->options[i].name);
    snprintf(p->err, p->cap, near.best ? "--%s: unknown option; did you mean --%s?" : "--%s: unknown option",
             name, near.best);
    return false;
}

static bool add(const struct parser *p, const struct option_def *d, const char *value) {
    struct option_values *found = &p->o->found[d - p->syntax->options];
    if (!d->value) {
        found->n = 1;
        return true;
    }
    if (found->n && !d->repeat) {
        snprintf(p->err, p->cap, "--%s: given more than once", d->name);
        return false;
    }
    found->v[found->n++] = value;
    return true;
}

#define LONG 256 /* getopt's number of a long option: this and its index; of a letter: the letter */

static const struct option_def *by_number(const struct options_syntax *s, int number) {
    for (size_t i = 0; i < s->count; i++)
        if (number == LONG + (int)i || (s->options[i].letter && number == s->options[i].letter))
            return &s->options[i];
    return NULL;
}

/* What getopt complains of. */
static bool refuse(const struct parser *p, int found) {
    const struct option_def *d = by_number(p->syntax, optopt);
    if (!d)
        snprintf(p->err, p->cap, "-%c: unknown option", optopt);
    else if (found == ':')
        snprintf(p->err, p->cap, "--%s: %s is missing", d->name, d->value);
    else
        snprintf(p->err, p->cap, "--%s: takes no value", d->name);
    return false;
}

/* getopt takes beginnings of names for the name, and numbers below zero for options: here nothing is abbreviated, so that
 * options can be added, and a number is an argument. */
static bool take_all(const struct parser *p, int argc, char **argv, const struct option *names,
                     const char *letters) {
    struct options *o = p->o;
    /* Begins anew, if another command line was read before. */
    optind = 0;
    opterr = 0;
    getopt_long(1, argv, letters, names, NULL);
    optind = 1;
    for (;;) {
        const char *word = optind < argc ? argv[optind] : "";
        size_t len = strcspn(word, "=");
        if (word[0] == '-' && isdigit((unsigned char)word[1])) {
            o->args[o->args_n++] = argv[optind++];
            continue;
        }
        if (word[0] == '-' && word[1] == '-' && word[2] && !by_name(p->syntax, word + 2, len - 2))
            return unknown(p, word + 2, len - 2);
        int found = getopt_long(argc, argv, letters, names, NULL);
        if (found == -1)
            break;
        if (found == 1)
            o->args[o->args_n++] = optarg;
        else if (found == ':' || found == '?')
            return refuse(p, found);
        else if (!add(p, by_number(p->syntax, found), optarg))
            return false;
    }
    while (optind < argc)
        o->args[o->args_n++] = argv[optind++];
    return true;
}

/* The table as getopt wants it. */
static bool read_words(const struct parser *p, int argc, char **argv) {
    const struct options_syntax *s = p->syntax;
    struct option *names = mem_calloc(s->count + 1, sizeof *names);
    char *letters = mem_calloc(s->count + 2, 2), *at = letters;
    bool ok = names && letters;
    snprintf(p->err, p->cap, "not enough memory");
    for (size_t i = 0; ok && i < s->count; i++)
        names[i] = (struct option){.name = s->options[i].name,
                                   .has_arg = s->options[i].value ? required_argument : no_argument,
                                   .val = LONG + (int)i};
    if (ok)
        at = stpcpy(at, "-:"); /* arguments come where they stand; a missing value is told apart */
    for (size_t i = 0; ok && i < s->count; i++)
        if (s->options[i].letter)
            at += sprintf(at, s->options[i].value ? "%c:" : "%c", s->options[i].letter);
    ok = ok && take_all(p, argc, argv, names, letters);
    mem_free(names);
    mem_free(letters);
    return ok;
}

static bool count_args(const struct parser *p) {
    const struct options_syntax *s = p->syntax;
    if (p->o->args_n < s->args_min)
        snprintf(p->err, p->cap, "arguments are missing: %s %s", s->command, s->args);
    else if (p->o->args_n > s->args_max)
        snprintf(p->err, p->cap, "%.64s: unexpected argument", p->o->args[s->args_max]);
    else
        return true;
    return false;
}

bool options_parse(const struct options_syntax *s, int argc, char **argv, struct options *o, char *err,
                   size_t cap) {
    *o = (struct options){0};
    size_t most = argc > 0 ? (size_t)argc : 1;
    o->found = mem_calloc(s->count + 1, sizeof *o->found);
    o->storage = mem_calloc((s->count + 1) * most, sizeof *o->storage);
    if (!o->found || !o->storage) {
        snprintf(err, cap, "not enough memory");
        return false;
    }
    for (size_t i = 0; i < s->count; i++)
        o->found[i].v = o->storage + i * most;
    o->args = o->storage + s->count * most;
    struct parser p = {s, o, err, cap};
    if (!read_words(&p, argc, argv))
        return false;
    /* Who asks for help may leave out the rest. */
    return options_wants_help(s, o) || count_args(&p);
}

void options_free(struct options *o) {
    mem_free(o->found);
    mem_free(o->storage);
    *o = (struct options){0};
}

bool options_wants_help(const struct options_syntax *s, const struct options *o) {
    const struct option_def *help = by_name(s, "help", 4);
    return help && options_given(o, (size_t)(help - s->options));
}

bool options_given(const struct options *o, size_t index) {
    return o->found[index].n > 0;
}

const char *options_value(const struct options *o, size_t index) {
    const struct option_values *found = &o->found[index];
    return found->n ? found->v[found->n - 1] : NULL;
}

/* --- showing ------------------------------------------------------------------------------------------------------- */

#define HELP_COLUMN 24
#define HELP_WIDTH 80

void options_wrap(FILE *out, const char *text, unsigned indent) {
    for (unsigned room = HELP_WIDTH - indent; strlen(text) > room;) {
        const char *blank = memrchr(text, ' ', room + 1);
        if (!blank)
            break;
        fprintf(out, "%.*s\n%*s", (int)(blank - text), text, (int)indent, "");
        text = blank + 1;
    }
    fputs(text, out);
}

void options_help(const struct options_syntax *s, FILE *out) {
    fprintf(out, "usage: %s%s%s%s\n", s->command, s->count ? " [OPTIONS]" : "", *s->args ? " " : "", s->args);
    options_wrap(out, s->summary, 0);
    fputs(s->count ? "\n\n" : "\n", out);
    for (size_t i = 0; i < s->count; i++) {
        const struct option_def *d = &s->options[i];
        char left[80], letter[8] = "    ";
        if (d->letter)
            snprintf(letter, sizeof letter, "-%c, ", d->letter);
        int n = snprintf(left, sizeof left, "  %s--%s%s%s", letter, d->name, d->value ? " " : "",
                         d->value ? d->value : "");
        if (n >= HELP_COLUMN)
            fprintf(out, "%s\n%*s", left, HELP_COLUMN, "");
        else
            fprintf(out, "%-*s", HELP_COLUMN, left);
        char help[512];
        snprintf(help, sizeof help, "%s%s", d->help, d->repeat ? " (repeatable)" : "");
        options_wrap(out, help, HELP_COLUMN);
        fputc('\n', out);
    }
}

void options_dump(const struct options_syntax *s, FILE *out) {
    for (size_t i = 0; i < s->count; i++) {
        const struct option_def *d = &s->options[i];
        char letter[2] = {d->letter, '\0'};
        fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\n", s->command, d->name, letter, d->value ? d->value : "",
                d->repeat ? "repeat" : "", d->help);
    }
}
