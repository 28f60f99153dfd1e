#include "vm/codec.h"

#include <pthread.h>

#include "base/alloc.h"
#include "vm/codec_fmt.h"
#include "vm/state.h"

const struct codec_ext *const codec_exts[VTYPE_COUNT] = {
#define EXT_ROW(name) [VTYPE_##name] = &codec_ext_##name,
    CODEC_EXT_MAP(EXT_ROW)
#undef EXT_ROW
};

/* --- the buffer -------------------------------------------------------------------------------------------------- */

void codec_buf_free(struct codec_buf *b) {
    mem_free(b->data);
    *b = (struct codec_buf){0};
}

bool codec_buf_reserve(struct codec_buf *b, size_t n) {
    if (n <= b->cap - b->len)
        return true;
    if (n > SIZE_MAX / 4 - b->len)
        return false;
    size_t cap = (b->len + n) + (b->len + n) / 2 + 64;
    char *bigger = mem_realloc(b->data, cap);
    if (!bigger)
        return false;
    b->data = bigger;
    b->cap = cap;
    return true;
}

bool codec_buf_put(struct codec_buf *b, const void *data, size_t n) {
    if (!codec_buf_reserve(b, n))
        return false;
    if (n > 0)
        memcpy(b->data + b->len, data, n);
    b->len += n;
    return true;
}

/* --- what a thread keeps ----------------------------------------------------------------------------------------- */

static _Thread_local struct codec_scratch *scratch;

static pthread_key_t at_exit;
static pthread_once_t at_exit_once = PTHREAD_ONCE_INIT;
static bool at_exit_made;

static void drop_scratch(void *arg) {
    struct codec_scratch *s = arg;
    if (s->seen != s->first)
        mem_free(s->seen);
    mem_free(s);
    scratch = NULL;
}

static void make_key(void) {
    at_exit_made = pthread_key_create(&at_exit, drop_scratch) == 0;
}

static __attribute__((noinline)) struct codec_scratch *make_scratch(void) {
    pthread_once(&at_exit_once, make_key);
    struct codec_scratch *s = at_exit_made ? mem_calloc(1, sizeof *s) : NULL;
    if (!s)
        return NULL;
    if (pthread_setspecific(at_exit, s) != 0) {
        mem_free(s);
        return NULL;
    }
    s->seen = s->first;
    s->mask = SEEN_FIRST - 1;
    scratch = s;
    return s;
}

/* Objects that hold values inside one another. */
static _Thread_local unsigned nested;

enum codec_status codec_scratch_push(void) {
    if (nested == CODEC_NEST)
        return CODEC_BAD_VALUE;
    struct codec_scratch *s = mem_calloc(1, sizeof *s);
    if (!s)
        return CODEC_NO_MEMORY;
    s->seen = s->first;
    s->mask = SEEN_FIRST - 1;
    s->outer = scratch;
    scratch = s;
    nested++;
    return CODEC_OK;
}

void codec_scratch_pop(void) {
    struct codec_scratch *s = scratch;
    scratch = s->outer;
    nested--;
    if (s->seen != s->first)
        mem_free(s->seen);
    mem_free(s);
}

void codec_scratch_recover(void) {
    while (nested)
        codec_scratch_pop();
}

struct codec_scratch *codec_scratch(void) {
    return scratch ? scratch : make_scratch();
}

bool codec_seen_grow(struct codec_scratch *s) {
    struct codec_seen *old = s->seen;
    uint32_t old_mask = s->mask, mask = old_mask * 2 + 1;
    struct codec_seen *bigger = mem_calloc((size_t)mask + 1, sizeof *bigger);
    if (!bigger)
        return false;
    s->seen = bigger;
    s->mask = mask;
    for (uint32_t i = 0; i <= old_mask; i++) {
        if (old[i].generation == s->generation)
            *codec_seen_slot(s, old[i].table) = old[i];
    }
    if (old != s->first)
        mem_free(old);
    return true;
}

void codec_seen_trim(struct codec_scratch *s) {
    if (s->mask < SEEN_KEEP)
        return;
    mem_free(s->seen);
    s->seen = s->first;
    s->mask = SEEN_FIRST - 1;
}
