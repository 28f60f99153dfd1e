#include "src/options.h"

#include <ctype.h>
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

static const struct option_def *by_letter(const struct options_syntax *s, char letter) {
    for (size_t i = 0; i < s->count; i++)
        if (letter && s->options[i].letter == letter)
            return &s->options[i];
    return NULL;
}

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
    if (found->n && !d->repeat && d->value) {
        snprintf(p->err, p->cap, "--%s: given more than once", d->name);
        return false;
    }
    found->v[found->n++] = value;
    return true;
}

/* argv[*i] is an option; takes its value, too. */
static bool take_option(const struct parser *p, int argc, char **argv, int *i) {
    const char *word = argv[*i];
    const struct option_def *d;
    const char *value = NULL;
    if (word[1] == '-') {
        const char *equals = strchr(word, '=');
        size_t len = equals ? (size_t)(equals - word - 2) : strlen(word + 2);
        d = by_name(p->syntax, word + 2, len);
        if (!d)
            return unknown(p, word + 2, len);
        value = equals ? equals + 1 : NULL;
    } else {
        d = word[2] ? NULL : by_letter(p->syntax, word[1]);
        if (!d) {
            snprintf(p->err, p->cap, "%.64s: unknown option", word);
            return false;
        }
    }
    if (value && !d->value) {
        snprintf(p->err, p->cap, "--%s: takes no value", d->name);
        return false;
    }
    if (d->value && !value) {
        if (*i + 1 == argc) {
            snprintf(p->err, p->cap, "--%s: %s is missing", d->name, d->value);
            return false;
        }
        value = argv[++*i];
    }
    return add(p, d, value);
}

static bool is_option(const char *word) {
    return word[0] == '-' && word[1] && !isdigit((unsigned char)word[1]);
}

static bool take_all(const struct parser *p, int argc, char **argv) {
    bool only_args = false;
    for (int i = 1; i < argc; i++) {
        if (!only_args && strcmp(argv[i], "--") == 0)
            only_args = true;
        else if (!only_args && is_option(argv[i])) {
            if (!take_option(p, argc, argv, &i))
                return false;
        } else
            p->o->args[p->o->args_n++] = argv[i];
    }
    return true;
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
    if (!take_all(&p, argc, argv))
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

void options_help(const struct options_syntax *s, FILE *out) {
    fprintf(out, "usage: %s%s%s%s\n%s\n", s->command, s->count ? " [OPTIONS]" : "", *s->args ? " " : "",
            s->args, s->summary);
    if (s->count)
        fprintf(out, "\n");
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
        fprintf(out, "%s%s\n", d->help, d->repeat ? " (repeatable)" : "");
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
