/*
 * outlet: a bounded queue of records on their way out of the program, emptied by a thread of its own, so that a slow
 * sink (a full pipe, a stuck terminal, a busy journal) never holds up whoever has something to say.
 *
 * Records come out whole and in the order in which they went in. When the queue is full a writer waits for room,
 * at most its patience; then its record is dropped and counted, and until the sink has moved again further ones
 * are dropped without waiting. One record always fits, however long, when the queue is empty.
 *
 *   outlet_open, outlet_close   owner
 *   the others                  any thread, not from signal handlers
 */
#ifndef SRC_OUTLET_H
#define SRC_OUTLET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct outlet;

/* What the thread does; `ud` is the outlet's. */
struct outlet_sink {
    /* Takes some of the `len` > 0 bytes at `data`, which begin where the last call ended: how many, or -1 and errno, which
     * drops all that is queued. It may block and may be cancelled (pthread_cancel) while it does. */
    ssize_t (*write)(void *ud, const char *data, size_t len);
    /* The moment given to outlet_call_at has come. May put records. May be NULL. */
    void (*due)(void *ud, int64_t now_ns);
    /* The first failed write, and the first after one that went well. May not put records here. May be NULL. */
    void (*failed)(void *ud, int error);
    void *ud;
};

#define OUTLET_FOREVER INT64_MAX

/* `limit`: bytes that may be queued. NULL without memory or thread. The sink is copied. */
struct outlet *outlet_open(const struct outlet_sink *sink, size_t limit, const char *thread_name);

/*
 * Queues one record of `len` bytes; false when it was dropped. `*lost`, if not NULL, gets the number of records dropped
 * before, when that was not told yet and this one was taken.
 */
bool outlet_put(struct outlet *o, const char *data, size_t len, int64_t patience_ns, uint64_t *lost);

/* Calls sink.due at `when_ns` of the monotonic clock (or a little later); the earlier of two wins. */
void outlet_call_at(struct outlet *o, int64_t when_ns);

/* Waits until all that was queued is written; false when the sink did not move for `patience_ns`. */
bool outlet_flush(struct outlet *o, int64_t patience_ns);

/* Flushes and ends the thread; what the sink does not take within `patience_ns` of its last move is lost. Returns how many
 * records were dropped before and not told. NULL: nothing. */
uint64_t outlet_close(struct outlet *o, int64_t patience_ns);

#endif
