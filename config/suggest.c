#include "config/suggest.h"

#include <ctype.h>
#include <string.h>

#define WORD_MAX 127

static size_t min(size_t a, size_t b) {
    return a < b ? a : b;
}

static bool same(char a, char b) {
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

size_t suggest_distance(const char *a, const char *b, size_t limit) {
    size_t na = strlen(a), nb = strlen(b);
    if (na > WORD_MAX || nb > WORD_MAX || (na > nb ? na - nb : nb - na) > limit)
        return limit + 1;

    /* three rows of the table of distances between prefixes: this one, the one before, the one before that */
    size_t rows[3][WORD_MAX + 1], *before = rows[0], *last = rows[1], *row = rows[2];
    for (size_t j = 0; j <= nb; j++)
        last[j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t least = row[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            row[j] = min(last[j - 1] + !same(a[i - 1], b[j - 1]), min(last[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
                row[j] = min(row[j], before[j - 2] + 1);
            least = min(least, row[j]);
        }
        if (least > limit)
            return limit + 1;
        size_t *oldest = before;
        before = last, last = row, row = oldest;
    }
    return min(last[nb], limit + 1);
}

void suggest_begin(struct suggest *s, const char *word) {
    size_t n = strlen(word);
    *s = (struct suggest){.word = word, .limit = n < 3 ? 1 : n / 3};
}

void suggest_consider(struct suggest *s, const char *candidate) {
    if (s->best != NULL && s->limit == 0)
        return;
    size_t limit = s->best == NULL ? s->limit : s->limit - 1;
    size_t d = suggest_distance(s->word, candidate, limit);
    if (d <= limit) {
        s->best = candidate;
        s->limit = d;
    }
}
