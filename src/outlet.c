#include "src/outlet.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"

#define BLOCK_BYTES ((size_t)64 * 1024)

struct block {
    struct block *next;
    size_t len, cap;
    char bytes[];
};

struct outlet {
    struct outlet_sink sink;
    size_t limit;
    pthread_t thread;
    pthread_mutex_t lock;  /* guards all below */
    pthread_cond_t filled; /* something to do for the thread */
    pthread_cond_t moved;  /* something was written or dropped, see took */
    struct block *first, *last;
    struct block *writing; /* taken out by the thread, the first one under way */
    struct block *spare;
    size_t queued;     /* bytes put and not yet written */
    uint64_t moves;    /* how often something was written or dropped */
    unsigned flushing; /* who waits for all of it */
    uint64_t lost;     /* records dropped and not yet told */
    int64_t call_at;   /* INT64_MAX: never */
    bool stalled;      /* somebody's patience ended, and the sink has not moved since */
    bool closing;
    bool failing; /* the last write failed; the thread's */
};

static struct timespec timespec_of(int64_t ns) {
    return (struct timespec){.tv_sec = ns / CLOCK_NS_PER_SEC, .tv_nsec = ns % CLOCK_NS_PER_SEC};
}

/* Now and a span, which may be OUTLET_FOREVER. */
static int64_t later(int64_t span) {
    int64_t now = clock_mono_ns();
    return span > INT64_MAX - now ? INT64_MAX : now + span;
}

/* false: it is `until`. */
static bool wait_until(pthread_cond_t *c, pthread_mutex_t *m, int64_t until) {
    if (until == INT64_MAX) {
        pthread_cond_wait(c, m);
        return true;
    }
    struct timespec ts = timespec_of(until);
    return pthread_cond_timedwait(c, m, &ts) != ETIMEDOUT;
}

/* --- the thread ----------------------------------------------------------------------------------------------- */

/* With the lock: `n` bytes are off the queue. Those who wait for room are woken when there is plenty: woken for every few
 * bytes, they and the thread would do nothing but take turns. */
static void took(struct outlet *o, size_t n) {
    o->queued -= n;
    o->moves++;
    o->stalled = false;
    if (o->flushing || o->queued <= o->limit / 2)
        pthread_cond_broadcast(&o->moved);
}

/* Everything in the block, or what comes before an error. Returns that, or 0. */
static int write_block(struct outlet *o, const struct block *b) {
    for (size_t at = 0; at < b->len;) {
        /* Only here may the thread be cancelled: it holds nothing. */
        pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
        ssize_t n = o->sink.write(o->sink.ud, b->bytes + at, b->len - at);
        int error = n < 0 ? errno : 0;
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
        if (error == EINTR)
            continue;
        pthread_mutex_lock(&o->lock);
        took(o, error ? b->len - at : (size_t)n);
        pthread_mutex_unlock(&o->lock);
        if (error)
            return error;
        at += (size_t)n;
    }
    return 0;
}

static void note_result(struct outlet *o, int error) {
    bool changed = o->failing != (error != 0);
    o->failing = error != 0;
    if (changed && error && o->sink.failed)
        o->sink.failed(o->sink.ud, error);
}

/* With the lock on entry and exit. */
static void drain(struct outlet *o) {
    o->writing = o->first;
    o->first = o->last = NULL;
    while (o->writing) {
        struct block *b = o->writing;
        pthread_mutex_unlock(&o->lock);
        note_result(o, write_block(o, b));
        pthread_mutex_lock(&o->lock);
        o->writing = b->next;
        if (!o->spare && b->cap == BLOCK_BYTES)
            o->spare = b;
        else
            mem_free(b);
    }
}

static void *outlet_main(void *arg) {
    struct outlet *o = arg;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    pthread_mutex_lock(&o->lock);
    for (;;) {
        int64_t now = o->call_at == INT64_MAX ? 0 : clock_mono_ns();
        if (o->call_at <= now) {
            o->call_at = INT64_MAX;
            pthread_mutex_unlock(&o->lock);
            o->sink.due(o->sink.ud, now);
            pthread_mutex_lock(&o->lock);
        } else if (o->first) {
            drain(o);
        } else if (o->closing) {
            break;
        } else {
            wait_until(&o->filled, &o->lock, o->call_at);
        }
    }
    pthread_mutex_unlock(&o->lock);
    return NULL;
}

/* --- life ------------------------------------------------------------------------------------------------------ */

static bool start_thread(struct outlet *o, const char *name) {
    sigset_t all, old;
    sigfillset(&all);
    /* Signals are for other threads. */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    bool ok = pthread_create(&o->thread, NULL, outlet_main, o) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (ok)
        pthread_setname_np(o->thread, name);
    return ok;
}

static void free_blocks(struct block *b) {
    while (b) {
        struct block *next = b->next;
        mem_free(b);
        b = next;
    }
}

static void outlet_free(struct outlet *o) {
    free_blocks(o->writing);
    free_blocks(o->first);
    mem_free(o->spare);
    pthread_cond_destroy(&o->filled);
    pthread_cond_destroy(&o->moved);
    pthread_mutex_destroy(&o->lock);
    mem_free(o);
}

struct outlet *outlet_open(const struct outlet_sink *sink, size_t limit, const char *thread_name) {
    struct outlet *o = mem_calloc(1, sizeof *o);
    if (!o)
        return NULL;
    o->sink = *sink;
    o->limit = limit;
    o->call_at = INT64_MAX;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&o->lock, NULL);
    pthread_cond_init(&o->filled, &monotonic);
    pthread_cond_init(&o->moved, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (start_thread(o, thread_name))
        return o;
    outlet_free(o);
    return NULL;
}

uint64_t outlet_close(struct outlet *o, int64_t patience_ns) {
    if (!o)
        return 0;
    bool flushed = outlet_flush(o, patience_ns);
    pthread_mutex_lock(&o->lock);
    o->closing = true;
    pthread_cond_signal(&o->filled);
    pthread_mutex_unlock(&o->lock);
    if (!flushed)
        pthread_cancel(o->thread);
    pthread_join(o->thread, NULL);
    uint64_t lost = o->lost;
    outlet_free(o);
    return lost;
}

/* --- putting ----------------------------------------------------------------------------------------------------- */

/* With the lock: room for `len` bytes; false when patience ended. */
static bool wait_for_room(struct outlet *o, size_t len, int64_t patience_ns) {
    if (o->queued == 0 || o->queued + len <= o->limit)
        return true;
    if (patience_ns <= 0 || (o->stalled && patience_ns != OUTLET_FOREVER))
        return false;
    int64_t until = later(patience_ns);
    bool more = true;
    while (o->queued != 0 && o->queued + len > o->limit) {
        if (!more) {
            o->stalled = true;
            return false;
        }
        more = wait_until(&o->moved, &o->lock, until);
    }
    return true;
}

/* With the lock: the block that `len` bytes go into; NULL without memory. */
static struct block *block_for(struct outlet *o, size_t len) {
    struct block *b = o->last;
    if (b && b->cap - b->len >= len)
        return b;
    if (o->spare && len <= BLOCK_BYTES) {
        b = o->spare;
        o->spare = NULL;
    } else {
        size_t cap = len > BLOCK_BYTES ? len : BLOCK_BYTES;
        b = mem_alloc(sizeof *b + cap);
        if (!b)
            return NULL;
        b->cap = cap;
    }
    b->next = NULL;
    b->len = 0;
    if (o->last)
        o->last->next = b;
    else
        o->first = b;
    o->last = b;
    return b;
}

bool outlet_put(struct outlet *o, const char *data, size_t len, int64_t patience_ns, uint64_t *lost) {
    if (lost)
        *lost = 0;
    if (!len)
        return true;
    pthread_mutex_lock(&o->lock);
    struct block *b = wait_for_room(o, len, patience_ns) ? block_for(o, len) : NULL;
    if (!b) {
        o->lost++;
        pthread_mutex_unlock(&o->lock);
        return false;
    }
    memcpy(b->bytes + b->len, data, len);
    b->len += len;
    o->queued += len;
    if (lost) {
        *lost = o->lost;
        o->lost = 0;
    }
    pthread_cond_signal(&o->filled);
    pthread_mutex_unlock(&o->lock);
    return true;
}

void outlet_call_at(struct outlet *o, int64_t when_ns) {
    pthread_mutex_lock(&o->lock);
    if (when_ns < o->call_at) {
        o->call_at = when_ns;
        pthread_cond_signal(&o->filled);
    }
    pthread_mutex_unlock(&o->lock);
}

bool outlet_flush(struct outlet *o, int64_t patience_ns) {
    bool ok = true;
    pthread_mutex_lock(&o->lock);
    o->flushing++;
    while (o->queued && ok) {
        uint64_t moves = o->moves;
        int64_t until = later(patience_ns);
        while (o->moves == moves && ok)
            ok = wait_until(&o->moved, &o->lock, until);
    }
    o->flushing--;
    pthread_mutex_unlock(&o->lock);
    return ok;
}
