#include "sched/failure.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

Test(failure, holds_copies_of_everything) {
    char message[] = "no\0luck", stack[] = "stack traceback:\n\tx", details[] = {1, 0, 2};
    struct failure *f =
        failure_new(ERRKIND_TIMEOUT, EXIT_RAISED, RETRY_YES, message, 7, stack, strlen(stack), details, 3);
    cr_assert_not_null(f);
    memset(message, 'x', sizeof message);
    memset(stack, 'x', sizeof stack);
    memset(details, 'x', sizeof details);
    cr_assert_eq(f->kind, ERRKIND_TIMEOUT);
    cr_assert_eq(f->how, EXIT_RAISED);
    cr_assert_eq(f->retryable, RETRY_YES);
    cr_assert_eq(f->message_len, 7);
    cr_assert_arr_eq(f->message, "no\0luck", 8); /* and a NUL */
    cr_assert_str_eq(f->stack, "stack traceback:\n\tx");
    cr_assert_eq(f->stack_len, strlen(f->stack));
    cr_assert_eq(f->details_len, 3);
    cr_assert_arr_eq(f->details, "\1\0\2", 3);
    cr_assert_eq(f->context_len, 0);
    failure_release(f);
}

Test(failure, nothing_given) {
    struct failure *f = failure_new(ERRKIND_UNKNOWN, EXIT_NORMAL, RETRY_UNKNOWN, NULL, 0, NULL, 0, NULL, 0);
    cr_assert_not_null(f);
    cr_assert_str_eq(f->message, "");
    cr_assert_str_eq(f->stack, "");
    cr_assert_null(f->details);
    cr_assert_eq(f->message_len + f->stack_len + f->details_len, 0);
    failure_release(f);
    failure_release(NULL);
    cr_assert_null(failure_hold(NULL));
}

Test(failure, format) {
    struct failure *f = failure_format(ERRKIND_NOT_FOUND, EXIT_START, "%s not found: %d", "host", 7);
    cr_assert_str_eq(f->message, "host not found: 7");
    cr_assert_eq(f->message_len, strlen(f->message));
    cr_assert_eq(f->kind, ERRKIND_NOT_FOUND);
    cr_assert_eq(f->how, EXIT_START);
    cr_assert_eq(f->retryable, RETRY_UNKNOWN);
    cr_assert_str_eq(f->stack, "");
    cr_assert_null(f->details);
    failure_release(f);
    /* around the sizes where it formats twice */
    char text[400];
    for (int len = 250; len < 262; len++) {
        memset(text, 'm', sizeof text);
        text[len] = '\0';
        f = failure_format(ERRKIND_INTERNAL, EXIT_RAISED, "%s", text);
        cr_assert_str_eq(f->message, text);
        cr_assert_eq(f->message_len, (uint32_t)len);
        failure_release(f);
    }
}

static char *text_of(size_t len) {
    char *text = malloc(len + 1);
    memset(text, 'x', len);
    text[len] = '\0';
    return text;
}

static void check_cut(const struct failure *f) {
    static const char mark[] = "... (cut)";
    cr_assert(f->message_len <= FAILURE_TEXT_MAX && f->message_len > FAILURE_TEXT_MAX - 8);
    cr_assert_str_eq(f->message + f->message_len - (sizeof mark - 1), mark);
    cr_assert_eq(strlen(f->message), f->message_len);
}

Test(failure, long_texts_are_cut) {
    for (size_t len = FAILURE_TEXT_MAX - 1; len < FAILURE_TEXT_MAX + 3; len++) {
        char *text = text_of(len);
        struct failure *a =
            failure_new(ERRKIND_UNKNOWN, EXIT_RAISED, RETRY_UNKNOWN, text, len, text, len, NULL, 0);
        struct failure *b = failure_format(ERRKIND_UNKNOWN, EXIT_RAISED, "%s", text);
        cr_assert_str_eq(a->message, b->message);
        cr_assert_str_eq(a->message, a->stack);
        cr_assert_eq(a->stack_len, a->message_len);
        if (len > FAILURE_TEXT_MAX) {
            check_cut(a);
            check_cut(b);
        } else {
            cr_assert_eq(a->message_len, len);
        }
        failure_release(a);
        failure_release(b);
        free(text);
    }
}

/* The cut never leaves a part of a UTF-8 sequence; bytes that are none are cut where it is. */
Test(failure, the_cut_keeps_characters_whole) {
    static const char *const characters[] = {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    for (size_t c = 0; c < 3; c++) {
        size_t width = strlen(characters[c]);
        for (size_t shift = 0; shift < width; shift++) {
            size_t len = FAILURE_TEXT_MAX * 2;
            char *text = text_of(len);
            for (size_t i = shift; i + width <= len; i += width)
                memcpy(text + i, characters[c], width);
            struct failure *f =
                failure_new(ERRKIND_UNKNOWN, EXIT_RAISED, RETRY_UNKNOWN, text, len, NULL, 0, NULL, 0);
            check_cut(f);
            size_t kept = f->message_len - strlen("... (cut)");
            cr_assert_eq((kept - shift) % width, 0);
            cr_assert_arr_eq(f->message, text, kept);
            failure_release(f);
            free(text);
        }
    }
    size_t len = FAILURE_TEXT_MAX * 2;
    char *text = text_of(len);
    memset(text, 0x80, len);
    struct failure *f = failure_new(ERRKIND_UNKNOWN, EXIT_RAISED, RETRY_UNKNOWN, text, len, NULL, 0, NULL, 0);
    check_cut(f);
    cr_assert_eq(f->message_len, FAILURE_TEXT_MAX);
    failure_release(f);
    free(text);
}

static void *hold_and_release(void *arg) {
    struct failure *f = arg;
    for (int i = 0; i < 10000; i++) {
        failure_hold(f);
        cr_assert_eq(f->message[0], 'm');
        failure_release(f);
    }
    failure_release(f);
    return NULL;
}

Test(failure, shared_by_threads_until_the_last_lets_go) {
    struct failure *f = failure_format(ERRKIND_UNKNOWN, EXIT_RAISED, "m");
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, hold_and_release, failure_hold(f)), 0);
    failure_release(f);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
}

Test(failure, words_for_how) {
    cr_assert_str_eq(exit_how_text(EXIT_NORMAL), "normal");
    cr_assert_str_eq(exit_how_text(EXIT_START), "start");
    cr_assert_str_eq(exit_how_text((enum exit_how)EXIT_HOW_COUNT), "unknown");
}

#ifdef TROUPE_FAULT
Test(failure, without_memory) {
    mem_fault_arm(1);
    cr_assert_null(failure_new(ERRKIND_UNKNOWN, EXIT_RAISED, RETRY_UNKNOWN, "m", 1, NULL, 0, NULL, 0));
    mem_fault_arm(1);
    struct failure *f = failure_format(ERRKIND_INTERNAL, EXIT_RAISED, "m");
    mem_fault_arm(0);
    cr_assert_str_eq(f->message, "not enough memory");
    cr_assert_eq(f->message_len, strlen(f->message));
    cr_assert_str_eq(f->stack, "");
    for (int i = 0; i < 3; i++) {
        failure_release(f); /* more often than it was held: it is pinned */
        cr_assert_eq(failure_hold(f), f);
    }
    failure_release(f);
    cr_assert_str_eq(f->message, "not enough memory");
}
#endif
