/*
 * strmatch: Lua patterns, as a machine that can be stopped and continued at any step. Knows nothing of Lua.
 *
 * A pattern such as ("a?"):rep(30) .. ("a"):rep(30) takes 2^30 steps on a string of thirty "a": in LuaJIT's own matcher that is one
 * C call, which nothing can interrupt. Here what a recursive matcher keeps on the C stack are frames of a small stack
 * of choices, so a match may pause when its budget is used up. Meaning, order of tries and messages are those of
 * Lua 5.1 as LuaJIT has it (%f and \0 in subjects included; a pattern ends at its first \0); nothing is "too complex".
 *
 * Frames: each item of the pattern has at most one at a time, so as many as the pattern has bytes are enough.
 */
#ifndef VM_STRMATCH_H
#define VM_STRMATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STRM_CAPTURES 32
#define STRM_UNFINISHED (-1)
#define STRM_POSITION (-2)
#define STRM_FRAMES 24 /* patterns with no more bytes than this need no memory of their own */

struct strm_frame {
    const char *s;  /* where to go on in the subject */
    const char *p;  /* the item, NULL: a capture to undo */
    const char *ep; /* what follows the item */
    size_t n;       /* repetitions left to give back; index of the capture */
    uint8_t kind;
};

struct strm {
    const char *src, *src_end;
    const char *pat;   /* after a leading ^ */
    const char *start; /* of the current try */
    bool anchored;
    int level; /* captures, finished or not */
    struct {
        const char *init;
        ptrdiff_t len;
    } capture[STRM_CAPTURES];
    const char *error; /* STRM_BAD: why */

    /* The machine's own. */
    const char *s, *p;
    const char *scan; /* in the midst of counting repetitions or of %b: how far it is */
    size_t depth;     /* of %b */
    uint8_t state;
    unsigned frames_used;
    struct strm_frame *frames;
    struct strm_frame few[STRM_FRAMES];
};

/* Frames that a pattern of `len` bytes may need. */
static inline size_t strm_frames_needed(size_t len) {
    return len + 1;
}

/* Looks for `pat` (a NUL-terminated string, with its ^ if it has one) from src + at on. `frames`: memory for
 * strm_frames_needed, or NULL when STRM_FRAMES are enough. */
void strm_begin(struct strm *m, const char *src, size_t len, const char *pat, size_t at,
                struct strm_frame *frames);

/* Another try at `start`, same pattern; captures are forgotten. */
void strm_restart(struct strm *m, const char *start);

enum strm_result {
    STRM_FOUND,  /* the match is [m->start, m->s) */
    STRM_FAILED, /* not at m->start (single), or nowhere from there on */
    STRM_MORE,   /* the budget is used up: call again */
    STRM_BAD     /* the pattern is malformed: m->error */
};

/* Works for at most about *budget steps, and takes those it used off. single: only tries m->start. */
enum strm_result strm_run(struct strm *m, bool single, int64_t *budget);

/* What strm_run would say of a pattern, or whoever takes its captures, once it came to that place; NULL: nothing. */
const char *strm_mistake(const char *pat);

/* After the machine was moved in memory (its own frames move with it). */
void strm_moved(struct strm *m, const struct strm *from);

#endif
