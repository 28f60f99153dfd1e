#include "vm/jsonpath.h"

#include <stdio.h>
#include <string.h>

enum { KEY_MAX = 40 }; /* bytes shown of one key */

static void add(struct jsonpath *p, const char *s, size_t n) {
    size_t room = p->cap - 1 - p->len;
    if (p->cut)
        return;
    if (n > room) {
        n = room;
        p->cut = true;
    }
    memcpy(p->text + p->len, s, n);
    p->len += n;
    p->text[p->len] = '\0';
    if (p->cut)
        memcpy(p->text + p->len - 3, "...", 3);
}

void jsonpath_start(struct jsonpath *p, char *text, size_t cap, const char *root) {
    *p = (struct jsonpath){.text = text, .cap = cap};
    text[0] = '\0';
    add(p, root, strlen(root));
}

static bool name_char(char c, bool first) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (!first && c >= '0' && c <= '9');
}

static bool is_name(const char *s, size_t len) {
    for (size_t i = 0; i < len; i++)
        if (!name_char(s[i], i == 0))
            return false;
    return len > 0 && len <= KEY_MAX;
}

void jsonpath_key(struct jsonpath *p, const char *key, size_t len) {
    if (is_name(key, len)) {
        add(p, ".", 1);
        add(p, key, len);
        return;
    }
    add(p, "[\"", 2);
    for (size_t i = 0; i < len && i < KEY_MAX; i++) {
        char c = key[i], escaped[8];
        int n = 1;
        if ((unsigned char)c < 0x20 || c == 0x7f)
            n = snprintf(escaped, sizeof escaped, "\\x%02x", (unsigned)c);
        else if (c == '"' || c == '\\')
            n = snprintf(escaped, sizeof escaped, "\\%c", c);
        else
            escaped[0] = c;
        add(p, escaped, (size_t)n);
    }
    if (len > KEY_MAX)
        add(p, "...", 3);
    add(p, "\"]", 2);
}

void jsonpath_index(struct jsonpath *p, size_t index) {
    char text[32];
    add(p, text, (size_t)snprintf(text, sizeof text, "[%zu]", index));
}
