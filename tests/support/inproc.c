/*
 * Runs a program's Criterion tests without Criterion's own runner: each test in a child made by a plain fork.
 *
 * Why: the sandbox in which Criterion runs a test hides what a memory checker finds when the test's process ends (leaks)
 * and needs memory at addresses where ThreadSanitizer has no room. The test files stay the same: this file has a main
 * of its own and takes the place of those functions of libcriterion that talk to its runner. Linked into the test
 * programs of the variants asan, tsan and valgrind.
 *
 * Supported: tests, parameterized tests, suites, and their fields init, fini, timeout, signal, exit_code, disabled.
 * Not supported: theories, redirected output. Ends with Criterion's summary line; exit status 1 when a test failed.
 */
#include <stdint.h> /* before the next, which needs it and does not include it */

#include <criterion/criterion.h>
#include <criterion/event.h>
#include <criterion/internal/assert/types.h>
#include <criterion/logging.h>
#include <criterion/parameterized.h>

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_ASSERTION = 101, EXIT_SKIPPED = 102, DEFAULT_TIMEOUT_S = 300 };

/* The linker gathers what the macros Test and TestSuite put into these sections. */
extern struct criterion_test *__start_cr_tst[], *__stop_cr_tst[];
__attribute__((weak)) extern struct criterion_suite *__start_cr_sts[], *__stop_cr_sts[];

struct tally {
    unsigned tested, passing, failing, crashing;
};

static const struct criterion_test_extra_data no_suite;

/* In the child: the test that runs, its suite, its parameter, and whether an expectation failed (any thread). */
static const struct criterion_test *current;
static const struct criterion_test_extra_data *current_suite = &no_suite;
static void *parameter;
static atomic_bool expectation_failed;
static sigset_t original_mask;

/* --- what test code calls ---------------------------------------------------------------------------------------- */

void criterion_internal_test_setup(void) {
    if (current_suite->init != NULL)
        current_suite->init();
    if (current->data->init != NULL)
        current->data->init();
}

void criterion_internal_test_main(void (*fn)(void)) {
    if (current->data->kind_ == CR_TEST_PARAMETERIZED)
        ((void (*)(void *))fn)(parameter);
    else
        fn();
}

void criterion_internal_test_teardown(void) {
    if (current->data->fini != NULL)
        current->data->fini();
    if (current_suite->fini != NULL)
        current_suite->fini();
}

static void report(const char *file, size_t line, const char *message) {
    fprintf(stderr, "[----] %s:%zu: Assertion failed: %s\n", file, line, message);
    /* relaxed: read after the test's threads were joined, or not at all */
    atomic_store_explicit(&expectation_failed, true, memory_order_relaxed);
}

void criterion_send_assert(struct criterion_assert_stats *stats) {
    if (!stats->passed)
        report(stats->file, stats->line, stats->message);
}

void cri_assert_node_send(const char *file, size_t line, struct cri_assert_node *tree) {
    if (!tree->pass)
        report(file, line, tree->message != NULL ? tree->message : tree->repr != NULL ? tree->repr : "");
}

void cri_asserts_passed_incr(void) {
}

void criterion_continue_test(void) {
}

/* _exit: the failing thread need not be the test's main one, and others may hold any lock. */
void criterion_abort_test(void) {
    _exit(EXIT_ASSERTION);
}

void criterion_skip_test(const char *format, ...) {
    _exit(EXIT_SKIPPED);
}

void criterion_test_die(const char *format, ...) {
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    _exit(EXIT_ASSERTION);
}

void cr_log(enum criterion_severity severity, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("[----] ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

/* --- the runner -------------------------------------------------------------------------------------------------- */

static const struct criterion_test_extra_data *suite_of(const struct criterion_test *test) {
    for (struct criterion_suite **s = __start_cr_sts; s != NULL && s < __stop_cr_sts; s++)
        if (*s != NULL && strcmp((*s)->name, test->category) == 0 && (*s)->data != NULL)
            return (*s)->data;
    return &no_suite;
}

static _Noreturn void run_child(void) {
    sigprocmask(SIG_SETMASK, &original_mask, NULL);
    current->test();
    fflush(NULL);
    /* exit, not _exit: there the checkers report leaks, and turn what they reported into an exit status */
    exit(atomic_load_explicit(&expectation_failed, memory_order_relaxed) ? EXIT_ASSERTION : 0);
}

/* Waits for the child; false and killed when it takes longer than `seconds`. SIGCHLD is blocked. */
static bool await_child(pid_t child, double seconds, int *status) {
    struct timespec limit = {.tv_sec = (time_t)seconds, .tv_nsec = (long)((seconds - (time_t)seconds) * 1e9)};
    sigset_t chld;
    sigemptyset(&chld);
    sigaddset(&chld, SIGCHLD);
    while (waitpid(child, status, WNOHANG) == 0) {
        if (sigtimedwait(&chld, NULL, &limit) < 0 && errno == EAGAIN) {
            kill(child, SIGKILL);
            waitpid(child, status, 0);
            return false;
        }
    }
    return true;
}

static void run_case(struct tally *tally) {
    const struct criterion_test_extra_data *own = current->data;
    double timeout = own->timeout > 0           ? own->timeout
                   : current_suite->timeout > 0 ? current_suite->timeout
                                                : DEFAULT_TIMEOUT_S;
    int want_signal = own->signal != 0 ? own->signal : current_suite->signal;
    int want_exit = own->exit_code != 0 ? own->exit_code : current_suite->exit_code;

    fflush(NULL);
    pid_t child = fork();
    if (child < 0) {
        perror("fork");
        exit(1);
    }
    if (child == 0)
        run_child();

    int status = 0;
    bool in_time = await_child(child, timeout, &status);
    tally->tested++;
    if (in_time && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIPPED) {
        tally->tested--;
    } else if (in_time && (want_signal != 0 ? WIFSIGNALED(status) && WTERMSIG(status) == want_signal
                                            : WIFEXITED(status) && WEXITSTATUS(status) == want_exit)) {
        tally->passing++;
    } else {
        tally->failing++;
        tally->crashing += in_time && WIFSIGNALED(status);
        printf("[FAIL] %s::%s: %s %d\n", current->category, current->name,
               !in_time              ? "timed out, status"
               : WIFSIGNALED(status) ? "ended by signal"
                                     : "exit status",
               WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    }
}

int main(void) {
    struct tally tally = {0};
    sigset_t chld;
    sigemptyset(&chld);
    sigaddset(&chld, SIGCHLD);
    sigprocmask(SIG_BLOCK, &chld, &original_mask);

    for (struct criterion_test **t = __start_cr_tst; t < __stop_cr_tst; t++) {
        if (*t == NULL)
            continue;
        current = *t;
        current_suite = suite_of(current);
        if (current->data->disabled || current_suite->disabled)
            continue;
        if (current->data->kind_ != CR_TEST_PARAMETERIZED) {
            run_case(&tally);
            continue;
        }
        struct criterion_test_params params = current->data->param_();
        for (size_t i = 0; i < params.length; i++) {
            parameter = (char *)params.params + i * params.size;
            run_case(&tally);
        }
        if (params.cleanup != NULL)
            params.cleanup(&params);
    }
    printf("[====] Synthesis: Tested: %u | Passing: %u | Failing: %u | Crashing: %u\n", tally.tested,
           tally.passing, tally.failing, tally.crashing);
    return tally.failing > 0;
}
