#include "vm/strmatch.h"

#include <string.h>

#define ESC '%'

enum { FRAME_GIVE_BACK, FRAME_TAKE_MORE, FRAME_WITHOUT, FRAME_OPENED, FRAME_CLOSED };
enum { STATE_MATCH, STATE_FAIL, STATE_COUNT, STATE_BALANCE };

/* --- single characters -------------------------------------------------------------------------------------------- */

/* As the C locale has them: what the process' locale says must not change what a pattern means. */
static bool is_class(unsigned c, char lower, bool *known) {
    *known = true;
    switch (lower) {
    case 'a':
        return (c | 32) - 'a' < 26;
    case 'c':
        return c < 32 || c == 127;
    case 'd':
        return c - '0' < 10;
    case 'g':
        return c > 32 && c < 127;
    case 'l':
        return c - 'a' < 26;
    case 'p':
        return c > 32 && c < 127 && !((c | 32) - 'a' < 26) && !(c - '0' < 10);
    case 's':
        return c == ' ' || c - '\t' < 5;
    case 'u':
        return c - 'A' < 26;
    case 'w':
        return (c | 32) - 'a' < 26 || c - '0' < 10;
    case 'x':
        return c - '0' < 10 || (c | 32) - 'a' < 6;
    case 'z':
        return c == 0;
    default:
        *known = false;
        return false;
    }
}

static bool match_class(unsigned c, unsigned char cl) {
    unsigned lower = cl | 32;
    if (lower - 'a' < 26) {
        bool known, is = is_class(c, (char)lower, &known);
        if (known)
            return cl == lower ? is : !is;
    }
    return cl == c;
}

/* p: the "[", end: the "]". */
static bool match_set(unsigned c, const char *p, const char *end) {
    bool positive = true;
    if (p[1] == '^') {
        positive = false;
        p++;
    }
    while (++p < end) {
        if (*p == ESC) {
            p++;
            if (match_class(c, (unsigned char)*p))
                return positive;
        } else if (p[1] == '-' && p + 2 < end) {
            p += 2;
            if ((unsigned char)p[-2] <= c && c <= (unsigned char)*p)
                return positive;
        } else if ((unsigned char)*p == c) {
            return positive;
        }
    }
    return !positive;
}

static inline bool match_one(unsigned c, const char *p, const char *ep) {
    switch (*p) {
    case '.':
        return true;
    case ESC:
        return match_class(c, (unsigned char)p[1]);
    case '[':
        return match_set(c, p, ep - 1);
    default:
        return (unsigned char)*p == c;
    }
}

/* The end of the item at p; NULL: malformed. */
static const char *item_end(struct strm *m, const char *p) {
    switch (*p++) {
    case ESC:
        if (*p == '\0') {
            m->error = "malformed pattern (ends with '%')";
            return NULL;
        }
        return p + 1;
    case '[':
        if (*p == '^')
            p++;
        do {
            if (*p == '\0') {
                m->error = "malformed pattern (missing ']')";
                return NULL;
            }
            if (*p++ == ESC && *p != '\0')
                p++;
        } while (*p != ']');
        return p + 1;
    default:
        return p;
    }
}

/* --- the machine -------------------------------------------------------------------------------------------------- */

void strm_restart(struct strm *m, const char *start) {
    m->start = m->s = start;
    m->p = m->pat;
    m->level = 0;
    m->frames_used = 0;
    m->state = STATE_MATCH;
}

void strm_begin(struct strm *m, const char *src, size_t len, const char *pat, size_t at,
                struct strm_frame *frames) {
    m->src = src;
    m->src_end = src + len;
    m->anchored = *pat == '^';
    m->pat = pat + m->anchored;
    m->error = NULL;
    m->frames = frames ? frames : m->few;
    strm_restart(m, src + at);
}

void strm_moved(struct strm *m, const struct strm *from) {
    if (m->frames == from->few)
        m->frames = m->few;
}

static void push(struct strm *m, uint8_t kind, const char *s, const char *p, const char *ep, size_t n) {
    m->frames[m->frames_used++] = (struct strm_frame){s, p, ep, n, kind};
}

static bool bad(struct strm *m, const char *why) {
    m->error = why;
    return false;
}

/* The four below go one item further from (s, p), or set STATE_FAIL, or begin to scan; false: malformed. */

static bool open_capture(struct strm *m) {
    bool position = m->p[1] == ')';
    if (m->level >= STRM_CAPTURES)
        return bad(m, "too many captures");
    m->capture[m->level].init = m->s;
    m->capture[m->level].len = position ? STRM_POSITION : STRM_UNFINISHED;
    m->level++;
    push(m, FRAME_OPENED, NULL, NULL, NULL, 0);
    m->p += position ? 2 : 1;
    return true;
}

static bool close_capture(struct strm *m) {
    int l = m->level - 1;
    while (l >= 0 && m->capture[l].len != STRM_UNFINISHED)
        l--;
    if (l < 0)
        return bad(m, "invalid pattern capture");
    m->capture[l].len = m->s - m->capture[l].init;
    push(m, FRAME_CLOSED, NULL, NULL, NULL, (size_t)l);
    m->p++;
    return true;
}

static bool match_back(struct strm *m) {
    int l = m->p[1] - '1';
    if (l < 0 || l >= m->level || m->capture[l].len == STRM_UNFINISHED)
        return bad(m, "invalid capture index");
    size_t len = (size_t)m->capture[l].len; /* of a position: more than any subject has */
    if ((size_t)(m->src_end - m->s) >= len && memcmp(m->capture[l].init, m->s, len) == 0) {
        m->s += len;
        m->p += 2;
    } else {
        m->state = STATE_FAIL;
    }
    return true;
}

static bool match_frontier(struct strm *m) {
    const char *p = m->p + 2;
    if (*p != '[')
        return bad(m, "missing '[' after '%f' in pattern");
    const char *ep = item_end(m, p);
    if (!ep)
        return false;
    unsigned before = m->s == m->src ? 0 : (unsigned char)m->s[-1];
    unsigned here = m->s == m->src_end ? 0 : (unsigned char)*m->s;
    if (match_set(before, p, ep - 1) || !match_set(here, p, ep - 1))
        m->state = STATE_FAIL;
    else
        m->p = ep;
    return true;
}

static bool match_item(struct strm *m) {
    const char *p = m->p, *ep = item_end(m, p);
    if (!ep)
        return false;
    bool one = m->s < m->src_end && match_one((unsigned char)*m->s, p, ep);
    switch (*ep) {
    case '?':
        if (one) {
            push(m, FRAME_WITHOUT, m->s, p, ep + 1, 0);
            m->s++;
        }
        m->p = ep + 1;
        return true;
    case '+':
        if (!one) {
            m->state = STATE_FAIL;
            return true;
        }
        m->s++;
        /* fall through */
    case '*':
        m->scan = m->s;
        m->state = STATE_COUNT;
        return true;
    case '-':
        push(m, FRAME_TAKE_MORE, m->s, p, ep, 0);
        m->p = ep + 1;
        return true;
    default:
        if (one) {
            m->s++;
            m->p = ep;
        } else {
            m->state = STATE_FAIL;
        }
        return true;
    }
}

/* One item. *found: the end of the pattern was reached. */
static bool step(struct strm *m, bool *found) {
    const char *p = m->p;
    switch (*p) {
    case '(':
        return open_capture(m);
    case ')':
        return close_capture(m);
    case '\0':
        *found = true;
        return true;
    case '$':
        if (p[1] != '\0')
            return match_item(m);
        *found = m->s == m->src_end;
        if (!*found)
            m->state = STATE_FAIL;
        return true;
    case ESC:
        if (p[1] == 'b') {
            if (p[2] == '\0' || p[3] == '\0')
                return bad(m, "unbalanced pattern");
            m->state = m->s < m->src_end && *m->s == p[2] ? STATE_BALANCE : STATE_FAIL;
            m->scan = m->s + 1;
            m->depth = 1;
            return true;
        }
        if (p[1] == 'f')
            return match_frontier(m);
        if ((unsigned char)(p[1] - '0') < 10)
            return match_back(m);
        return match_item(m);
    default:
        return match_item(m);
    }
}

/* Repetitions of an item, as many as there are. */
static void count(struct strm *m, int64_t *budget) {
    const char *p = m->p, *ep = item_end(m, p), *at = m->scan, *end = m->src_end;
    if (*budget < end - at)
        end = at + (*budget > 0 ? *budget : 0);
    while (at < end && match_one((unsigned char)*at, p, ep))
        at++;
    *budget -= at - m->scan;
    m->scan = at;
    if (at == end && end != m->src_end)
        return;
    if (at > m->s)
        push(m, FRAME_GIVE_BACK, m->s, p, ep + 1, (size_t)(at - m->s));
    m->s = at;
    m->p = ep + 1;
    m->state = STATE_MATCH;
}

static void balance(struct strm *m, int64_t *budget) {
    char b = m->p[2], e = m->p[3];
    while (m->scan < m->src_end) {
        if (--*budget < 0)
            return;
        char c = *m->scan++;
        if (c == e) {
            if (--m->depth == 0) {
                m->s = m->scan;
                m->p += 4;
                m->state = STATE_MATCH;
                return;
            }
        } else if (c == b) {
            m->depth++;
        }
    }
    m->state = STATE_FAIL;
}

/* Back to the last choice; false: there is none left. */
static bool back(struct strm *m, int64_t *budget) {
    while (m->frames_used) {
        struct strm_frame *f = &m->frames[m->frames_used - 1];
        --*budget;
        switch (f->kind) {
        case FRAME_OPENED:
            m->level--;
            break;
        case FRAME_CLOSED:
            m->capture[f->n].len = STRM_UNFINISHED;
            break;
        case FRAME_WITHOUT:
            m->s = f->s;
            m->p = f->ep;
            m->frames_used--;
            m->state = STATE_MATCH;
            return true;
        case FRAME_GIVE_BACK:
            m->s = f->s + --f->n;
            m->p = f->ep;
            m->frames_used -= f->n == 0;
            m->state = STATE_MATCH;
            return true;
        case FRAME_TAKE_MORE:
            if (f->s < m->src_end && match_one((unsigned char)*f->s, f->p, f->ep)) {
                m->s = ++f->s;
                m->p = f->ep + 1;
                m->state = STATE_MATCH;
                return true;
            }
            break;
        }
        m->frames_used--;
    }
    return false;
}

enum strm_result strm_run(struct strm *m, bool single, int64_t *budget) {
    bool found = false;
    while (*budget > 0) {
        switch (m->state) {
        case STATE_MATCH:
            --*budget;
            if (!step(m, &found))
                return STRM_BAD;
            if (found)
                return STRM_FOUND;
            break;
        case STATE_COUNT:
            count(m, budget);
            break;
        case STATE_BALANCE:
            balance(m, budget);
            break;
        case STATE_FAIL:
            if (back(m, budget))
                break;
            if (single || m->anchored || m->start == m->src_end)
                return STRM_FAILED;
            strm_restart(m, m->start + 1);
            break;
        }
    }
    return STRM_MORE;
}

/* --- patterns by themselves ----------------------------------------------------------------------------------------- */

const char *strm_mistake(const char *pat) {
    struct strm m;
    bool found;
    strm_begin(&m, "", 0, pat, 0, NULL);
    for (const char *p = m.pat; *p;) {
        m.p = p;
        m.frames_used = 0;
        m.state = STATE_MATCH;
        if (!step(&m, &found))
            return m.error;
        if (*p == '(' || *p == ')')
            p = m.p;
        else if (*p == ESC && p[1] == 'b')
            p += 4;
        else
            p = item_end(&m, *p == ESC && p[1] == 'f' ? p + 2 : p);
    }
    for (int l = 0; l < m.level; l++)
        if (m.capture[l].len == STRM_UNFINISHED)
            return "unfinished capture";
    return NULL;
}
