/*
 * calls: system calls, and library functions that make some, fail on demand: the n-th of the whole program, of whatever thread.
 *
 * The functions of that name in calls.c stand before those of the C library for everything in this program and in the shared
 * libraries that it loads. A call that the C library makes inside another of its functions is not seen.
 */
#ifndef TESTS_FAULT_CALLS_H
#define TESTS_FAULT_CALLS_H

/* The n-th call from now on fails (n = 1: the next), those after it succeed again; 0: none. Its name is put into *failed. */
void calls_arm(long n, char failed[32]);

/* Calls since then. */
long calls_count(void);

#endif
