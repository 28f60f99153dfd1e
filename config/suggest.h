/*
 * "did you mean": which of the allowed words a mistyped one is closest to. Pure functions, callable from any thread.
 */
#ifndef TROUPE_CONFIG_SUGGEST_H
#define TROUPE_CONFIG_SUGGEST_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Number of insertions, deletions, replacements and swaps of neighbours (Damerau-Levenshtein, no substring edited
 * twice) that turn `a` into `b`, case ignored; `limit` + 1 as soon as it must be more than `limit`, and for words
 * longer than 127 bytes.
 */
size_t suggest_distance(const char *a, const char *b, size_t limit);

/* Collects candidates for one word; the closest, first of equals, wins. */
struct suggest {
    const char *word;
    size_t limit;
    const char *best; /* NULL: nothing close enough */
};

/* Begins a search: about one edit for three letters is close enough. `word` must outlive the search. */
void suggest_begin(struct suggest *s, const char *word);

/* Considers one allowed word, which must outlive the search. */
void suggest_consider(struct suggest *s, const char *candidate);

#endif
