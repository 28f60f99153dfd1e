#include "vm/types_strip.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"

enum { DEPTH_MAX = 100 };

enum kind { END, NAME, KEYWORD, NUMBER, STRING, OP, CAST /* :: */, ARROW /* -> */, DOTS /* .. and ... */ };

struct token {
    uint32_t start, end;
    uint8_t kind;
    char op;    /* OP: its character */
    bool first; /* on its line */
};

struct strip {
    const char *src;
    char *out;
    struct token *t; /* ends with END */
    size_t n, cap;
};

/* --- tokens ------------------------------------------------------------------------------------------------------ */

static const char *const keywords[] = {"and",      "break",  "do",   "else", "elseif", "end",  "false", "for",
                                       "function", "goto",   "if",   "in",   "local",  "nil",  "not",   "or",
                                       "repeat",   "return", "then", "true", "until",  "while"};

static bool is_word(char c) {
    unsigned char u = (unsigned char)c;
    return (u >= 'a' && u <= 'z') || (u >= 'A' && u <= 'Z') || (u >= '0' && u <= '9') || u == '_' ||
           u >= 0x80;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool add(struct strip *s, enum kind kind, size_t start, size_t end, bool first) {
    if (s->n == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 256;
        struct token *t = mem_realloc(s->t, cap * sizeof *t);
        if (!t)
            return false;
        s->t = t;
        s->cap = cap;
    }
    s->t[s->n++] = (struct token){.start = (uint32_t)start,
                                  .end = (uint32_t)end,
                                  .kind = (uint8_t)kind,
                                  .op = kind == OP ? s->src[start] : 0,
                                  .first = first};
    return true;
}

static bool token_is(const struct strip *s, size_t i, const char *word) {
    const struct token *t = &s->t[i];
    size_t n = strlen(word);
    return (t->kind == NAME || t->kind == KEYWORD) && t->end - t->start == n &&
           memcmp(s->src + t->start, word, n) == 0;
}

/* The end of a long bracket that opens at `at` ([[, [=[ …), 0: there is none; SIZE_MAX is never returned. */
static size_t long_bracket(const char *src, size_t at, size_t len) {
    size_t level = 0, p = at + 1;
    while (p < len && src[p] == '=') {
        p++;
        level++;
    }
    if (p >= len || src[p] != '[')
        return 0;
    for (p++; p < len; p++) {
        if (src[p] != ']')
            continue;
        size_t q = p + 1, n = 0;
        while (q < len && src[q] == '=' && n < level) {
            q++;
            n++;
        }
        if (n == level && q < len && src[q] == ']')
            return q + 1;
    }
    return len;
}

static size_t quoted(const char *src, size_t at, size_t len) {
    char quote = src[at];
    size_t p = at + 1;
    while (p < len && src[p] != quote && src[p] != '\n')
        p += src[p] == '\\' && p + 1 < len ? 2 : 1;
    return p < len && src[p] == quote ? p + 1 : p < len ? p : len;
}

static size_t number(const char *src, size_t at, size_t len) {
    size_t p = at;
    while (p < len && (is_word(src[p]) || src[p] == '.' ||
                       ((src[p] == '-' || src[p] == '+') && strchr("eEpP", src[p - 1]) && p > at)))
        if (src[p] == '.' && p + 1 < len && src[p + 1] == '.')
            break;
        else
            p++;
    return p;
}

static enum kind word_kind(const char *word, size_t n) {
    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++)
        if (strlen(keywords[i]) == n && memcmp(keywords[i], word, n) == 0)
            return KEYWORD;
    return NAME;
}

static bool scan(struct strip *s, size_t len) {
    const char *src = s->src;
    bool first = true;
    for (size_t p = 0; p < len;) {
        char c = src[p];
        size_t end = p + 1;
        enum kind kind = OP;
        if (c == '\n') {
            first = true;
            p++;
            continue;
        }
        if (c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v' || c == '\0') {
            p++;
            continue;
        }
        if (c == '-' && p + 1 < len && src[p + 1] == '-') {
            size_t bracket = p + 2 < len && src[p + 2] == '[' ? long_bracket(src, p + 2, len) : 0;
            p += 2;
            if (bracket)
                p = bracket;
            else
                while (p < len && src[p] != '\n')
                    p++;
            continue;
        }
        if (is_digit(c) || (c == '.' && p + 1 < len && is_digit(src[p + 1]))) {
            kind = NUMBER;
            end = number(src, p, len);
        } else if (is_word(c)) {
            while (end < len && is_word(src[end]))
                end++;
            kind = word_kind(src + p, end - p);
        } else if (c == '"' || c == '\'') {
            kind = STRING;
            end = quoted(src, p, len);
        } else if (c == '[' && long_bracket(src, p, len)) {
            kind = STRING;
            end = long_bracket(src, p, len);
        } else if (c == ':' && p + 1 < len && src[p + 1] == ':') {
            kind = CAST;
            end = p + 2;
        } else if (c == '-' && p + 1 < len && src[p + 1] == '>') {
            kind = ARROW;
            end = p + 2;
        } else if (c == '.' && p + 1 < len && src[p + 1] == '.') {
            kind = DOTS;
            end = p + 2 < len && src[p + 2] == '.' ? p + 3 : p + 2;
        }
        if (!add(s, kind, p, end, first))
            return false;
        first = false;
        p = end;
    }
    return add(s, END, len, len, first);
}

/* --- types: each function returns the index behind the type that begins at i, or 0 when there is none ------------- */

static size_t type_at(const struct strip *s, size_t i, unsigned depth);

static bool op_at(const struct strip *s, size_t i, char op) {
    return s->t[i].kind == OP && s->t[i].op == op;
}

/* Behind the bracket that closes the one at i; 0: it is never closed. */
static size_t balanced(const struct strip *s, size_t i) {
    size_t open = 0;
    for (; s->t[i].kind != END; i++) {
        if (s->t[i].kind != OP)
            continue;
        char op = s->t[i].op;
        if (op == '(' || op == '{' || op == '[')
            open++;
        else if ((op == ')' || op == '}' || op == ']') && --open == 0)
            return i + 1;
    }
    return 0;
}

/* <A, B>; i is at the '<' */
static size_t generics(const struct strip *s, size_t i, unsigned depth) {
    do {
        i = type_at(s, i + 1, depth + 1);
        if (!i)
            return 0;
        if (op_at(s, i, '=')) { /* a default */
            i = type_at(s, i + 1, depth + 1);
            if (!i)
                return 0;
        }
    } while (op_at(s, i, ','));
    return op_at(s, i, '>') ? i + 1 : 0;
}

/* (a: T, U, ...V); i is at the '(' */
static size_t type_list(const struct strip *s, size_t i, unsigned depth) {
    if (op_at(s, i + 1, ')'))
        return i + 2;
    do {
        i++;
        if (s->t[i].kind == DOTS) {
            i++;
            if (op_at(s, i, ')'))
                return i + 1;
            if (op_at(s, i, ':'))
                i++;
        } else if (s->t[i].kind == NAME &&
                   (op_at(s, i + 1, ':') || (op_at(s, i + 1, '?') && op_at(s, i + 2, ':')))) {
            i += op_at(s, i + 1, '?') ? 3 : 2;
        }
        i = type_at(s, i, depth + 1);
        if (!i)
            return 0;
    } while (op_at(s, i, ','));
    return op_at(s, i, ')') ? i + 1 : 0;
}

static size_t named_type(const struct strip *s, size_t i, unsigned depth) {
    if ((token_is(s, i, "function") || token_is(s, i, "fun")) && op_at(s, i + 1, '(')) {
        i = type_list(s, i + 1, depth);
        if (i && (op_at(s, i, ':') || s->t[i].kind == ARROW))
            i = type_at(s, i + 1, depth + 1);
        return i;
    }
    if (token_is(s, i, "typeof") && op_at(s, i + 1, '('))
        return balanced(s, i + 1);
    if (s->t[i].kind == KEYWORD) {
        bool literal = token_is(s, i, "nil") || token_is(s, i, "true") || token_is(s, i, "false") ||
                       token_is(s, i, "function");
        return literal ? i + 1 : 0;
    }
    i++;
    while (op_at(s, i, '.') && s->t[i + 1].kind == NAME)
        i += 2;
    if (op_at(s, i, '<')) {
        size_t behind = generics(s, i, depth);
        if (behind)
            return behind;
    }
    return i;
}

static size_t single_type(const struct strip *s, size_t i, unsigned depth) {
    const struct token *t = &s->t[i];
    switch (t->kind) {
    case NAME:
    case KEYWORD:
        return named_type(s, i, depth);
    case NUMBER:
    case STRING:
        return i + 1;
    case DOTS:
        return type_at(s, i + 1, depth + 1);
    case OP:
        break;
    default:
        return 0;
    }
    if (t->op == '{')
        return balanced(s, i);
    if (t->op == '-' && s->t[i + 1].kind == NUMBER)
        return i + 2;
    if (t->op != '(')
        return 0;
    i = type_list(s, i, depth);
    return i && s->t[i].kind == ARROW ? type_at(s, i + 1, depth + 1) : i;
}

static size_t type_at(const struct strip *s, size_t i, unsigned depth) {
    if (depth > DEPTH_MAX)
        return 0;
    if (op_at(s, i, '|') || op_at(s, i, '&'))
        i++;
    for (;;) {
        i = single_type(s, i, depth);
        if (!i)
            return 0;
        for (;;) {
            if (op_at(s, i, '?')) {
                i++;
            } else if (op_at(s, i, '[') && op_at(s, i + 1, ']')) {
                i += 2;
            } else if (op_at(s, i, '@') && s->t[i + 1].kind == NAME) {
                size_t behind = op_at(s, i + 2, '(') ? balanced(s, i + 2) : i + 2;
                if (!behind)
                    return 0;
                i = behind;
            } else {
                break;
            }
        }
        if (!op_at(s, i, '|') && !op_at(s, i, '&'))
            return i;
        i++;
    }
}

/* --- the program ---------------------------------------------------------------------------------------------------- */

/* Overwrites the tokens from..to - 1 and what is between them. */
static void blank(struct strip *s, size_t from, size_t to) {
    for (size_t p = s->t[from].start; p < s->t[to - 1].end; p++)
        if (s->out[p] != '\n' && s->out[p] != '\r')
            s->out[p] = ' ';
}

/* A ": type" at i is taken out; returns the index behind it, or i. */
static size_t annotation(struct strip *s, size_t i) {
    size_t colon = i;
    if (op_at(s, colon, '?')) /* name?: T */
        colon++;
    if (!op_at(s, colon, ':'))
        return i;
    size_t behind = type_at(s, colon + 1, 0);
    if (!behind)
        return i;
    blank(s, i, behind);
    return behind;
}

/* name[: T], name[: T] … */
static size_t names(struct strip *s, size_t i) {
    while (s->t[i].kind == NAME) {
        i = annotation(s, i + 1);
        if (!op_at(s, i, ','))
            break;
        i++;
    }
    return i;
}

/* Behind `function`: name, generics, parameters, result. */
static size_t function(struct strip *s, size_t i) {
    while (s->t[i].kind == NAME || op_at(s, i, '.') || op_at(s, i, ':'))
        i++;
    if (op_at(s, i, '<')) {
        size_t behind = generics(s, i, 0);
        if (behind) {
            blank(s, i, behind);
            i = behind;
        }
    }
    if (!op_at(s, i, '('))
        return i;
    i++;
    while (s->t[i].kind == NAME || s->t[i].kind == DOTS) {
        i = annotation(s, i + 1);
        if (!op_at(s, i, ','))
            break;
        i++;
    }
    return op_at(s, i, ')') ? annotation(s, i + 1) : i;
}

/* type Name<T> = ...; i is at `type`. 0: it is none. */
static size_t declaration(const struct strip *s, size_t i) {
    if (!token_is(s, i, "type") || s->t[i + 1].kind != NAME)
        return 0;
    size_t p = i + 2;
    if (op_at(s, p, '<'))
        p = generics(s, p, 0);
    if (!p || !op_at(s, p, '='))
        return 0;
    return type_at(s, p + 1, 0);
}

/* Whether a value can end with token i. */
static bool ends_value(const struct strip *s, size_t i) {
    const struct token *t = &s->t[i];
    switch (t->kind) {
    case NAME:
        return i == 0 || !token_is(s, i - 1, "goto");
    case NUMBER:
    case STRING:
        return true;
    case DOTS:
        return t->end - t->start == 3;
    case OP:
        return t->op == ')' || t->op == ']' || t->op == '}';
    case KEYWORD:
        return token_is(s, i, "nil") || token_is(s, i, "true") || token_is(s, i, "false") ||
               token_is(s, i, "end");
    default:
        return false;
    }
}

static size_t double_colon(struct strip *s, size_t i, bool after_value) {
    bool like_label = s->t[i + 1].kind == NAME && s->t[i + 2].kind == CAST;
    if (like_label && (!after_value || s->t[i].first))
        return i + 3;
    size_t behind = after_value ? type_at(s, i + 1, 0) : 0;
    if (!behind)
        return i + 1;
    blank(s, i, behind);
    return behind;
}

static void strip_all(struct strip *s) {
    bool after_value = false;
    for (size_t i = 0; s->t[i].kind != END;) {
        size_t begin = i;
        bool member = i > 0 && (op_at(s, i - 1, '.') || op_at(s, i - 1, ':'));
        size_t behind;
        if (token_is(s, i, "local") && !token_is(s, i + 1, "function")) {
            i = names(s, i + 1);
        } else if (token_is(s, i, "for")) {
            i = names(s, i + 1);
        } else if (s->t[i].kind == KEYWORD && token_is(s, i, "function")) {
            i = function(s, i + 1);
        } else if (s->t[i].kind == CAST) {
            i = double_colon(s, i, after_value);
            after_value = after_value && i != begin + 3;
            continue;
        } else if (!member && (behind = declaration(s, i)) != 0) {
            blank(s, i, behind);
            if (i > 0 && token_is(s, i - 1, "export"))
                blank(s, i - 1, i);
            i = behind;
        } else {
            after_value = ends_value(s, i);
            i++;
            continue;
        }
        after_value = false;
        if (i == begin)
            i++;
    }
}

char *types_strip(const char *source, size_t len) {
    struct strip s = {.src = source, .out = mem_alloc(len + 1)};
    if (!s.out || len >= UINT32_MAX) {
        mem_free(s.out);
        return NULL;
    }
    memcpy(s.out, source, len);
    s.out[len] = '\0';
    bool ok = scan(&s, len);
    /* Looking three tokens ahead never leaves the list. */
    for (int i = 0; i < 4 && ok; i++)
        ok = add(&s, END, 0, 0, false);
    if (ok) {
        strip_all(&s);
    } else {
        mem_free(s.out);
        s.out = NULL;
    }
    mem_free(s.t);
    return s.out;
}
