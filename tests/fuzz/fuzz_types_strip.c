/* Strips anything: the length and every line break stay, every other byte is what it was or a blank, twice is once. */
#include "vm/types_strip.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *source = malloc(size ? size : 1); /* of exactly that size: a sanitizer sees a read behind it */
    if (!source)
        return 0;
    memcpy(source, data, size);
    char *plain = types_strip(source, size);
    if (!plain)
        abort();
    for (size_t i = 0; i < size; i++)
        if (plain[i] != source[i] && (plain[i] != ' ' || source[i] == '\n' || source[i] == '\r'))
            abort();
    if (plain[size] != '\0')
        abort();
    mem_free(plain);
    free(source);
    return 0;
}
