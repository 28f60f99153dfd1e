/*
 * bench: a timing harness for microbenchmarks, header only. A program lists its cases and calls bench_main.
 *
 * A case performs one operation n times on each of `threads` threads at once. n is found by growing it until a run takes
 * long enough to be timed; then the run is repeated. A run's time is from the first thread's start to the last one's
 * end, on the monotonic clock; ns/op is that time divided by n, so with several threads it is what one thread waits for
 * one operation, and Mops/s counts all threads together. Printed is the median run, with the fastest and the slowest.
 *
 * Output: one JSON object a line (bench/run reads it), or for people with --text. Further arguments: run only the cases
 * whose name contains one of them. With QUICK=1 in the environment runs are short and few.
 * Exit status 0, or 64 for an unknown option.
 *
 * Everything here runs on the program's main thread except `run`, which each measuring thread calls.
 */
#ifndef BENCH_MICRO_BENCH_H
#define BENCH_MICRO_BENCH_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct bench_case {
    const char *name;
    unsigned threads; /* 0 counts as 1 */
    /* Performs the operation n times. `thread` counts from 0. */
    void (*run)(void *ctx, unsigned thread, uint64_t n);
    void *ctx; /* the case's own, handed to all three functions */
    /* Around every run, outside the measured time; may be NULL. n: operations of each thread. */
    void (*before)(void *ctx, unsigned threads, uint64_t n);
    void (*after)(void *ctx, unsigned threads, uint64_t n);
    uint64_t most; /* largest n, for cases that fill memory; 0: no limit */
};

/* Makes the compiler believe that `p` and what it points to are used: the work that led to it stays. */
static inline void bench_keep(const void *p) {
    __asm__ volatile("" : : "r"(p) : "memory");
}

static inline uint64_t bench_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

enum { BENCH_RUNS = 11, BENCH_RUNS_QUICK = 3, BENCH_RUN_NS = 50000000, BENCH_RUN_NS_QUICK = 5000000 };

struct bench_thread {
    const struct bench_case *c;
    pthread_barrier_t *start;
    unsigned index;
    uint64_t n, began, ended;
};

static inline void *bench_thread_main(void *arg) {
    struct bench_thread *t = arg;
    pthread_barrier_wait(t->start);
    t->began = bench_now();
    t->c->run(t->c->ctx, t->index, t->n);
    t->ended = bench_now();
    return NULL;
}

static inline void bench_die(const char *what) {
    fprintf(stderr, "bench: %s\n", what);
    exit(70);
}

/* Nanoseconds from the first start to the last end of one run. */
static inline uint64_t bench_once(const struct bench_case *c, uint64_t n) {
    unsigned threads = c->threads ? c->threads : 1;
    struct bench_thread *t = calloc(threads, sizeof *t);
    pthread_t *ids = calloc(threads, sizeof *ids);
    pthread_barrier_t start;
    if (!t || !ids || pthread_barrier_init(&start, NULL, threads) != 0)
        bench_die("out of memory");
    if (c->before)
        c->before(c->ctx, threads, n);
    for (unsigned i = 0; i < threads; i++) {
        t[i] = (struct bench_thread){.c = c, .start = &start, .index = i, .n = n};
        /* The main thread is the first: a case of one thread measures without any other. */
        if (i > 0 && pthread_create(&ids[i], NULL, bench_thread_main, &t[i]) != 0)
            bench_die("a thread cannot be started");
    }
    bench_thread_main(&t[0]);
    uint64_t began = t[0].began, ended = t[0].ended;
    for (unsigned i = 1; i < threads; i++) {
        pthread_join(ids[i], NULL);
        began = t[i].began < began ? t[i].began : began;
        ended = t[i].ended > ended ? t[i].ended : ended;
    }
    if (c->after)
        c->after(c->ctx, threads, n);
    pthread_barrier_destroy(&start);
    free(ids);
    free(t);
    return ended - began;
}

/* The number of operations that takes about `ns`. */
static inline uint64_t bench_calibrate(const struct bench_case *c, uint64_t ns) {
    uint64_t n = 1;
    for (;;) {
        uint64_t took = bench_once(c, n);
        if (took >= ns || (c->most && n >= c->most))
            return n;
        /* At most tenfold: the first operations are slower than the rest. */
        uint64_t factor = took == 0 ? 10 : ns / took + 1;
        n *= factor > 10 ? 10 : factor < 2 ? 2 : factor;
        if (c->most && n > c->most)
            n = c->most;
    }
}

static inline int bench_compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static inline void bench_case_run(const struct bench_case *c, bool quick, bool text) {
    unsigned threads = c->threads ? c->threads : 1;
    int runs = quick ? BENCH_RUNS_QUICK : BENCH_RUNS;
    double ns[BENCH_RUNS];
    uint64_t n = bench_calibrate(c, quick ? BENCH_RUN_NS_QUICK : BENCH_RUN_NS);
    for (int i = 0; i < runs; i++)
        ns[i] = (double)bench_once(c, n) / (double)n;
    qsort(ns, (size_t)runs, sizeof *ns, bench_compare);
    double median = ns[runs / 2], mops = median > 0 ? 1000.0 * threads / median : 0;
    if (text) {
        printf("%-32s %2u threads %10.1f ns/op (%.1f to %.1f) %10.2f Mops/s\n", c->name, threads, median,
               ns[0], ns[runs - 1], mops);
    } else {
        printf("{\"name\": \"%s\", \"threads\": %u, \"ns_per_op\": %.3f, \"min\": %.3f, \"max\": %.3f, "
               "\"mops\": %.3f}\n",
               c->name, threads, median, ns[0], ns[runs - 1], mops);
    }
    fflush(stdout);
}

/* What a microbenchmark's main returns. Names must need no escaping in JSON. */
static inline int bench_main(int argc, char **argv, const struct bench_case *cases, size_t count) {
    const char *brief = getenv("QUICK");
    bool quick = brief && *brief && strcmp(brief, "0") != 0, text = false;
    int names = 0;
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-') {
            names++;
        } else if (strcmp(argv[i], "--text") == 0) {
            text = true;
        } else {
            fprintf(stderr, "%s: %s: unknown option; usage: [--text] [NAME...]\n", argv[0], argv[i]);
            return 64;
        }
    }
    for (size_t k = 0; k < count; k++) {
        bool wanted = names == 0;
        for (int i = 1; i < argc; i++)
            wanted = wanted || (argv[i][0] != '-' && strstr(cases[k].name, argv[i]));
        if (wanted)
            bench_case_run(&cases[k], quick, text);
    }
    return 0;
}

#endif
