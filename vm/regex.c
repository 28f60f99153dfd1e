#include "vm/regex.h"

#include <glib.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

/* A step takes some nanoseconds. */
#define LIMIT "(*LIMIT_MATCH=1000000)"

enum { PATTERN_MAX = 10000, TABLE_SIZE = 64 };

/* One pattern a slot, the last one used of those with this hash; all under table_lock. */
static struct {
    GRegex *regex;
    char *pattern; /* of mem_alloc */
    size_t len;
} table[TABLE_SIZE];
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;

static unsigned slot_of(const char *pattern, size_t len) {
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < len; i++)
        h = (h ^ (unsigned char)pattern[i]) * 16777619u;
    return (h ^ h >> 16) % TABLE_SIZE;
}

/* A reference to the compiled pattern when it is in the table. */
static GRegex *find(unsigned slot, const char *pattern, size_t len) {
    GRegex *regex = NULL;
    pthread_mutex_lock(&table_lock);
    if (table[slot].regex && table[slot].len == len && memcmp(table[slot].pattern, pattern, len) == 0)
        regex = g_regex_ref(table[slot].regex);
    pthread_mutex_unlock(&table_lock);
    return regex;
}

static void keep(unsigned slot, const char *pattern, size_t len, GRegex *regex) {
    char *copy = mem_strndup(pattern, len);
    if (!copy)
        return; /* then it is compiled again next time */
    g_regex_ref(regex);
    pthread_mutex_lock(&table_lock);
    GRegex *old = table[slot].regex;
    char *old_pattern = table[slot].pattern;
    table[slot].regex = regex;
    table[slot].pattern = copy;
    table[slot].len = len;
    pthread_mutex_unlock(&table_lock);
    if (old)
        g_regex_unref(old);
    mem_free(old_pattern);
}

static GRegex *compile(const char *pattern, size_t len, char *why, size_t cap) {
    if (len > PATTERN_MAX || memchr(pattern, '\0', len) || !g_utf8_validate_len(pattern, len, NULL)) {
        snprintf(why, cap, "%s", len > PATTERN_MAX ? "too long" : "not plain UTF-8");
        return NULL;
    }
    /* A second limit would override the first; and no pattern of JavaScript begins like this. */
    if (len >= 2 && memcmp(pattern, "(*", 2) == 0) {
        snprintf(why, cap, "nothing to repeat");
        return NULL;
    }
    char limited[sizeof LIMIT + PATTERN_MAX];
    memcpy(limited, LIMIT, sizeof LIMIT - 1);
    memcpy(limited + sizeof LIMIT - 1, pattern, len);
    limited[sizeof LIMIT - 1 + len] = '\0';
    GError *error = NULL;
    GRegex *regex = g_regex_new(limited, G_REGEX_DOLLAR_ENDONLY, 0, &error);
    if (!regex) {
        /* GLib's message quotes the pattern; only what follows it says something new. */
        const char *colon = strrchr(error->message, ':');
        snprintf(why, cap, "%s", colon ? colon + 2 : error->message);
        g_error_free(error);
    }
    return regex;
}

enum regex_result regex_search(const char *pattern, size_t pattern_len, const char *text, size_t len,
                               char *why, size_t cap) {
    unsigned slot = slot_of(pattern, pattern_len);
    GRegex *regex = find(slot, pattern, pattern_len);
    if (!regex) {
        regex = compile(pattern, pattern_len, why, cap);
        if (!regex)
            return REGEX_BAD_PATTERN;
        keep(slot, pattern, pattern_len, regex);
    }
    enum regex_result result = REGEX_BAD_TEXT;
    if (g_utf8_validate_len(text, len, NULL)) {
        GError *error = NULL;
        bool found = g_regex_match_full(regex, text, (gssize)len, 0, 0, NULL, &error);
        result = error ? REGEX_TOO_HARD : found ? REGEX_MATCH : REGEX_NO_MATCH;
        g_clear_error(&error);
    }
    g_regex_unref(regex);
    return result;
}
