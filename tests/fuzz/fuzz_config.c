/*
 * Loads anything as a main file. What loads is printed, and that must load again and print the same.
 *
 * Bytes before a first NUL (which no file may have) are an override, as --set takes it. Files cannot be included:
 * a fuzzer that found "include: [/]" would read the machine's disk.
 */
#include "config/config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *print(const struct config *c, size_t *n) {
    char *text = NULL;
    FILE *f = open_memstream(&text, n);
    if (f == NULL)
        abort();
    cfg_print(c, f);
    fclose(f);
    return text;
}

static void quiet_report(const struct cfg_report *r) {
    char line[512];
    for (size_t i = 0; i < cfg_report_count(r); i++) {
        size_t n = cfg_diag_format(cfg_report_at(r, i), line, sizeof line);
        if (n == 0 || strpbrk(line, "\n\r\033") != NULL)
            abort();
    }
}

static void fail(const char *what, const struct cfg_report *r, const char *first, const char *second) {
    fprintf(stderr, "%s\nfirst:\n%s\nsecond:\n%s\n", what, first, second);
    if (r != NULL)
        cfg_report_print(r, stderr);
    abort();
}

static void load_again(struct config *c) {
    size_t n, again_n;
    char *text = print(c, &n);
    struct cfg_options o = {.file = "fuzz.yaml", .text = text, .text_len = n};
    struct cfg_report *r;
    struct config *again = cfg_load(&o, &r);
    if (again == NULL)
        fail("what was printed does not load", r, text, "");
    char *again_text = print(again, &again_n);
    struct cfg_diff *d = cfg_diff(c, again);
    if (n != again_n || memcmp(text, again_text, n) != 0)
        fail("not the same", NULL, text, again_text);
    if (cfg_diff_count(d) != 0)
        fail("differs from what it was printed from", NULL, text, again_text);
    cfg_diff_free(d);
    free(text);
    free(again_text);
    cfg_report_free(r);
    cfg_unref(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (memmem(data, size, "include", 7) != NULL)
        return 0;
    const char *text = (const char *)data, *nul = memchr(data, 0, size);
    struct cfg_options o = {.file = "fuzz.yaml", .text = text, .text_len = size};
    const char *set[] = {text};
    if (nul != NULL) {
        o.set = set;
        o.set_n = 1;
        o.text = nul + 1;
        o.text_len = size - (size_t)(nul + 1 - text);
    }
    struct cfg_report *r;
    struct config *c = cfg_load(&o, &r);
    quiet_report(r);
    if (c != NULL)
        load_again(c);
    cfg_report_free(r);
    cfg_unref(c);
    return 0;
}
