/*
 * faults: every scene (scenes.c) again and again, each time with another allocation or system call failing: it must end in an error
 * or go well, and neither crash, hang nor leak. Built in the variant asan only. Prints TAP, a line for each scene and kind of fault.
 *
 * usage: faults [--seconds N] [--scene NAME] [--kind alloc|call] [--n N]
 *
 * With a time limit the points that are tried are spread over all there are; --n tries one alone, as after a failure.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/dur.h"
#include "src/log.h"
#include "tests/fault/calls.h"
#include "tests/fault/scenes.h"

#define HANG_S 60

enum kind { ALLOC, CALL, KIND_COUNT };
static const char *const kind_words[] = {"alloc", "call"};

/* The run that is under way; shared with the children of scenes. */
static struct run {
    enum kind kind;
    long n; /* 0: nothing fails */
    long points;
    char failed[32];
} * run;
static const struct scene *scene;

/* Found by the sanitizers. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "exitcode=99:detect_leaks=1";
}
const char *__lsan_default_options(void);
const char *__lsan_default_options(void) {
    return "exitcode=98";
}

void fault_arm(void) {
    mem_fault_arm(run->kind == ALLOC ? run->n : 0);
    calls_arm(run->kind == CALL ? run->n : 0, run->failed);
}

void fault_disarm(void) {
    run->points = run->kind == ALLOC ? mem_fault_count() : calls_count();
    mem_fault_arm(0);
    calls_arm(0, run->failed);
}

static void hangs(int sig) {
    char text[160];
    int len = snprintf(text, sizeof text, "not ok - %s: hangs; faults --scene %s --kind %s --n %ld\n",
                       scene->name, scene->name, kind_words[run->kind], run->n);
    if (write(1, text, (size_t)len) < 0 || len < 0)
        _exit(2);
    abort();
}

static const char *play(long n) {
    static char leak[80];
    run->n = n;
    run->points = 0;
    run->failed[0] = '\0';
    fflush(NULL);
    alarm(HANG_S);
    long before = mem_fault_live();
    const char *wrong = scene->play(n == 0);
    alarm(0);
    long more = mem_fault_live() - before;
    if (!wrong && more) {
        snprintf(leak, sizeof leak, "%ld blocks are left", more);
        wrong = leak;
    }
    return wrong;
}

static unsigned bad;

static void report(long n, const char *wrong) {
    bad++;
    printf("# %s %s %ld%s%s: %s\n", scene->name, kind_words[run->kind], n, run->failed[0] ? " " : "",
           run->failed, wrong);
}

/* All points, or as many as there is time for: the first ones (where starts are), then evenly. */
static void try_all(int64_t until, unsigned number) {
    unsigned before = bad, tried = 0;
    play(0); /* what is made once in a program, and never freed, is there now */
    int64_t began = clock_mono_ns();
    const char *wrong = play(0);
    if (wrong)
        report(0, wrong);
    long points = run->points;
    int64_t each = clock_mono_ns() - began;
    int64_t room = until - clock_mono_ns();
    long affordable = until ? (long)(room > 0 ? room / (each + DUR_MS) : 0) + 1 : points;
    long step = points > affordable ? (points + affordable - 1) / affordable : 1;
    for (long n = 1; n <= points && bad < before + 20; n += step, tried++) {
        if (until && clock_mono_ns() > until)
            break;
        wrong = play(n);
        if (wrong)
            report(n, wrong);
    }
    printf("%s %u - %s: %s: %u of %ld points\n", bad == before ? "ok" : "not ok", number, scene->name,
           kind_words[run->kind], tried, points);
}

static const char *option(int argc, char **argv, const char *name) {
    for (int i = 1; i + 1 < argc; i += 2)
        if (strcmp(argv[i], name) == 0)
            return argv[i + 1];
    return NULL;
}

int main(int argc, char **argv) {
    const char *only = option(argc, argv, "--scene"), *kind = option(argc, argv, "--kind");
    const char *one = option(argc, argv, "--n"), *seconds = option(argc, argv, "--seconds");
    int64_t budget = seconds ? atol(seconds) * DUR_SEC : 0;
    unsigned number = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    run = mmap(NULL, sizeof *run, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    signal(SIGALRM, hangs);
    scenes_open();
    for (size_t i = 0; i < scene_count; i++)
        for (enum kind k = 0; k < KIND_COUNT; k++) {
            scene = &scenes[i];
            run->kind = k;
            if ((only && strcmp(only, scene->name) != 0) || (kind && strcmp(kind, kind_words[k]) != 0))
                continue;
            if (one) {
                play(0);
                const char *wrong = play(atol(one));
                if (wrong)
                    report(atol(one), wrong);
                printf("%s %u - %s: %s: %s\n", wrong ? "not ok" : "ok", ++number, scene->name, kind_words[k],
                       one);
            } else {
                int64_t share = budget / (int64_t)(only ? 1 : scene_count) / (kind ? 1 : KIND_COUNT);
                try_all(budget ? clock_mono_ns() + share : 0, ++number);
            }
        }
    printf("1..%u\n", number);
    scenes_close();
    return bad != 0;
}
