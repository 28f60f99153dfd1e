#include "sched/failure.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

/* Ends a message that was cut. */
#define CUT_MARK "... (cut)"
enum { CUT_MARK_LEN = sizeof CUT_MARK - 1 };

static const char *const how_texts[EXIT_HOW_COUNT] = {
#define HOW_TEXT(name, text, help) [EXIT_##name] = text,
    EXIT_HOW_MAP(HOW_TEXT)
#undef HOW_TEXT
};

/* What failure_format gives when it gets no memory. Never freed: its address, not its count, says so. */
static struct failure no_memory = {
    .refs = 1,
    .kind = ERRKIND_RATE_LIMITED,
    .how = EXIT_LIMIT,
    .retryable = RETRY_UNKNOWN,
    .message_len = sizeof "not enough memory" - 1,
    .message = "not enough memory",
    .stack = "",
};

const char *exit_how_text(enum exit_how how) {
    return (unsigned)how < EXIT_HOW_COUNT ? how_texts[how] : "unknown";
}

/* Where to cut a text that is longer than `max`: not inside a UTF-8 sequence. */
static size_t cut_at(const char *text, size_t max) {
    size_t at = max;
    while (at > 0 && max - at < 3 && ((unsigned char)text[at] & 0xc0) == 0x80)
        at--;
    return ((unsigned char)text[at] & 0xc0) == 0x80 ? max : at;
}

/* A text's length after the cut that FAILURE_TEXT_MAX asks for. */
static size_t text_room(size_t len) {
    return len < FAILURE_TEXT_MAX ? len : FAILURE_TEXT_MAX;
}

/* Copies a text and a NUL to `to`, which has text_room(len) + 1 bytes; returns the length written. */
static uint32_t put_text(char *to, const char *text, size_t len) {
    if (len > FAILURE_TEXT_MAX) {
        len = cut_at(text, FAILURE_TEXT_MAX - CUT_MARK_LEN);
        memcpy(to, text, len);
        memcpy(to + len, CUT_MARK, CUT_MARK_LEN);
        len += CUT_MARK_LEN;
    } else if (len > 0) {
        memcpy(to, text, len);
    }
    to[len] = '\0';
    return (uint32_t)len;
}

/* The block with room for `extra` bytes behind it and one reference; message, stack and details are still none. */
static struct failure *alloc(enum errkind kind, enum exit_how how, enum retry retryable, size_t extra) {
    struct failure *f = mem_alloc(sizeof *f + extra);
    if (!f)
        return NULL;
    *f = (struct failure){.kind = kind, .how = how, .retryable = retryable, .message = "", .stack = ""};
    atomic_init(&f->refs, 1);
    return f;
}

struct failure *failure_new(enum errkind kind, enum exit_how how, enum retry retryable, const char *message,
                            size_t message_len, const char *stack, size_t stack_len, const char *details,
                            size_t details_len) {
    if (details_len > UINT32_MAX)
        return NULL;
    if (!details)
        details_len = 0;
    size_t message_room = text_room(message_len) + 1, stack_room = text_room(stack_len) + 1;
    struct failure *f = alloc(kind, how, retryable, message_room + stack_room + details_len);
    if (!f)
        return NULL;

    char *p = (char *)(f + 1);
    f->message = p;
    f->message_len = put_text(p, message, message_len);
    p += message_room;
    f->stack = p;
    f->stack_len = put_text(p, stack, stack_len);
    if (details_len > 0) {
        p += stack_room;
        f->details = memcpy(p, details, details_len);
        f->details_len = (uint32_t)details_len;
    }
    return f;
}

struct failure *failure_format(enum errkind kind, enum exit_how how, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    va_list again;
    va_copy(again, args);
    char first[256]; /* nearly every message fits: formatted once then */
    int n = vsnprintf(first, sizeof first, fmt, args);
    size_t len = n < 0 ? 0 : (size_t)n;
    size_t room = text_room(len) + 1;
    struct failure *f = alloc(kind, how, RETRY_UNKNOWN, room);
    if (f) {
        char *text = (char *)(f + 1);
        if (len < sizeof first) {
            memcpy(text, first, len);
            text[len] = '\0';
        } else {
            vsnprintf(text, room, fmt, again);
        }
        if (len > FAILURE_TEXT_MAX) {
            size_t at = cut_at(text, FAILURE_TEXT_MAX - CUT_MARK_LEN);
            memcpy(text + at, CUT_MARK, CUT_MARK_LEN + 1);
            len = at + CUT_MARK_LEN;
        }
        f->message = text;
        f->message_len = (uint32_t)len;
    }
    va_end(again);
    va_end(args);
    return f ? f : &no_memory;
}

struct failure *failure_hold(struct failure *f) {
    /* Relaxed: the caller's own reference keeps the block alive, and nothing is read because of the new count. */
    if (f && f != &no_memory)
        atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
    return f;
}

void failure_release(struct failure *f) {
    if (!f || f == &no_memory)
        return;
    /* Release: all this thread read from the block comes before the count; acquire: for whoever frees it, the same of all
     * other holders. Partner: itself. (An acquire fence in the last one alone would do, but ThreadSanitizer sees none.) */
    if (atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) == 1)
        mem_free(f);
}
