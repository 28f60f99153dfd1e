#include "base/alloc.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

Test(alloc, calloc_clears_and_refuses_overflow) {
    unsigned char *bytes = mem_calloc(100, 3);
    cr_assert_not_null(bytes);
    for (size_t i = 0; i < 300; i++)
        cr_assert_eq(bytes[i], 0);
    mem_free(bytes);
    /* volatile: a compiler may leave out an allocation that it sees all of, and take it for a success */
    volatile size_t huge = SIZE_MAX / 2;
    void *volatile block = mem_calloc(huge, 4);
    cr_assert_null(block);
}

Test(alloc, realloc_keeps_contents) {
    char *text = mem_realloc(NULL, 4);
    cr_assert_not_null(text);
    memcpy(text, "abc", 4);
    text = mem_realloc(text, 4000);
    cr_assert_not_null(text);
    cr_assert_str_eq(text, "abc");
    mem_free(text);
}

Test(alloc, aligned_is_aligned) {
    void *line = mem_alloc_aligned(64, 128);
    cr_assert_not_null(line);
    cr_assert_eq((uintptr_t)line % 64, 0);
    mem_free(line);
}

Test(alloc, copies_of_strings) {
    char *whole = mem_strdup("hello");
    char *part = mem_strndup("a\0bc", 3);
    cr_assert_str_eq(whole, "hello");
    cr_assert_arr_eq(part, "a\0b", 4, "a NUL follows the bytes asked for");
    mem_free(whole);
    mem_free(part);
    mem_free(NULL);
}

#ifdef TROUPE_FAULT

Test(alloc, the_armed_allocation_fails_and_no_other) {
    mem_fault_arm(2);
    void *first = mem_alloc(1);
    void *second = mem_alloc(1);
    void *third = mem_calloc(1, 1);
    cr_assert_not_null(first);
    cr_assert_null(second);
    cr_assert_not_null(third);
    cr_assert_eq(mem_fault_count(), 3);
    mem_free(first);
    mem_free(third);
}

Test(alloc, every_kind_can_fail) {
    char *text = mem_strdup("kept");
    mem_fault_arm(1);
    cr_assert_null(mem_realloc(text, 1000));
    cr_assert_str_eq(text, "kept", "a failed realloc leaves the old memory alone");
    mem_free(text);
    mem_fault_arm(1);
    cr_assert_null(mem_strdup("x"));
    mem_fault_arm(1);
    cr_assert_null(mem_alloc_aligned(64, 64));
    mem_fault_arm(0);
    text = mem_strdup("x");
    cr_assert_not_null(text, "disarmed");
    mem_free(text);
}

#endif
