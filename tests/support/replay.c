/*
 * Gives every file of the directories named on the command line to a fuzz target, once: what fuzzing ever found stays
 * found, without libFuzzer (which only clang has, and only with its sanitizers). Prints TAP, one line a file; a crash
 * ends the program, and the missing rest of the plan tells where.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(int number, const char *path) {
    FILE *file = fopen(path, "rb");
    char *data = NULL;
    size_t size = 0, room = 0, got = 0;
    if (file == NULL)
        goto failed;
    do {
        size += got;
        if (size == room) {
            char *more = realloc(data, room = room * 2 + 4096);
            if (more == NULL)
                goto failed;
            data = more;
        }
        got = fread(data + size, 1, room - size, file);
    } while (got > 0);
    if (ferror(file))
        goto failed;
    fclose(file);
    /* Its own block of exactly this size, so that a sanitizer sees one byte read too far. */
    uint8_t *exact = malloc(size > 0 ? size : 1);
    if (exact == NULL)
        abort();
    memcpy(exact, data, size);
    free(data);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    printf("ok %d - %s\n", number, path);
    fflush(stdout);
    return 0;
failed:
    perror(path);
    free(data);
    if (file != NULL)
        fclose(file);
    printf("not ok %d - %s\n", number, path);
    return 1;
}

static int not_hidden(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

int main(int argc, char **argv) {
    int number = 0, failed = 0;
    for (int i = 1; i < argc; i++) {
        struct dirent **entries;
        int count = scandir(argv[i], &entries, not_hidden, alphasort);
        if (count < 0) {
            perror(argv[i]);
            return 1;
        }
        for (int k = 0; k < count; k++) {
            char path[4096];
            snprintf(path, sizeof path, "%s/%s", argv[i], entries[k]->d_name);
            failed += replay(++number, path);
            free(entries[k]);
        }
        free(entries);
    }
    printf("1..%d\n", number);
    return failed > 0;
}
