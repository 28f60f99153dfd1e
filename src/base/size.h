/*
 * Amounts of memory as text: plain bytes ("4096") or a whole number of a binary unit ("64KiB", "10MiB", "1GiB").
 * Units: B KiB MiB GiB TiB PiB, spelled exactly so: "KB" or "K" would be read differently by different people.
 * Pure functions, callable from any thread.
 */
#ifndef TROUPE_BASE_SIZE_H
#define TROUPE_BASE_SIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for every text that size_format can produce, its NUL included. */
#define SIZE_TEXT_MAX 32

/*
 * Reads the `n` bytes at `s`, all of them, into `*bytes` (never negative). False, leaving `*bytes` alone, when the
 * text is no size or does not fit.
 */
bool size_parse(const char *s, size_t n, int64_t *bytes);

/*
 * Writes `bytes` exactly, in the largest unit that divides it ("64KiB", "1500", "0"), and a NUL; size_parse reads
 * it back. Like snprintf: returns the length without the NUL, cuts when `cap` is too small.
 */
size_t size_format(int64_t bytes, char *buf, size_t cap);

#endif
