#include "src/repeats.h"

#include <stdio.h>
#include <string.h>

uint64_t repeats_key(uint64_t key, const char *s, size_t n) {
    for (size_t i = 0; i < n; i++)
        key = (key ^ (unsigned char)s[i]) * UINT64_C(1099511628211);
    return (key ^ 0xff) * UINT64_C(1099511628211); /* the end of a part: "ab", "c" is not "a", "bc" */
}

bool repeats_admit(struct repeats *r, uint64_t key, int level, const char *msg, size_t msg_len,
                   const char *entry, int64_t now, struct repeat *over) {
    struct repeat *s = &r->slots[key % REPEATS_SLOTS];
    over->held = 0;
    if (s->key == key && now < s->until) {
        if (s->said < REPEATS_BURST) {
            s->said++;
            return true;
        }
        s->held++;
        return false;
    }
    if (s->held)
        *over = *s;
    *s = (struct repeat){.key = key, .until = now + REPEATS_WINDOW, .said = 1, .level = level};
    snprintf(s->msg, sizeof s->msg, "%.*s", (int)(msg_len < REPEATS_TEXT ? msg_len : REPEATS_TEXT), msg);
    snprintf(s->entry, sizeof s->entry, "%s", entry ? entry : "");
    return true;
}

bool repeats_over(struct repeats *r, int64_t now, struct repeat *over) {
    for (size_t i = 0; i < REPEATS_SLOTS; i++) {
        struct repeat *s = &r->slots[i];
        if (!s->held || now < s->until)
            continue;
        *over = *s;
        *s = (struct repeat){0};
        return true;
    }
    return false;
}

int64_t repeats_next(const struct repeats *r) {
    int64_t next = INT64_MAX;
    for (size_t i = 0; i < REPEATS_SLOTS; i++)
        if (r->slots[i].held && r->slots[i].until < next)
            next = r->slots[i].until;
    return next;
}
