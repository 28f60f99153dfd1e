/*
 * Durations as text: the grammar and the printed form of Go's time.Duration.
 *
 * A duration is a signed number of nanoseconds. Text is a run of decimal numbers, each with an optional fraction and
 * a unit (ns us µs ms s m h), after an optional sign: "1h30m", "1.5s", "-2m"; "0" alone needs no unit.
 * Pure functions, callable from any thread.
 */
#ifndef TROUPE_BASE_DUR_H
#define TROUPE_BASE_DUR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DUR_US INT64_C(1000)
#define DUR_MS INT64_C(1000000)
#define DUR_SEC INT64_C(1000000000)
#define DUR_MIN (60 * DUR_SEC)
#define DUR_HOUR (60 * DUR_MIN)

/* Room for every text that dur_format can produce, its NUL included. */
#define DUR_TEXT_MAX 32

/*
 * Reads the `n` bytes at `s`, all of them, into `*ns`. False, leaving `*ns` alone, when the text is no duration or
 * does not fit in 64 bits.
 */
bool dur_parse(const char *s, size_t n, int64_t *ns);

/*
 * Writes `ns` as Go prints it ("1h30m45s", "1.5s", "1µs", "0s") and a NUL. Like snprintf: returns the length
 * without the NUL, and cuts the text when `cap` is too small (DUR_TEXT_MAX never is; 0 writes nothing).
 */
size_t dur_format(int64_t ns, char *buf, size_t cap);

#endif
