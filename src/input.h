/* input: values from a configuration as arguments of a process. */
#ifndef SRC_INPUT_H
#define SRC_INPUT_H

#include "config/value.h"
#include "vm/vm.h"

/*
 * The elements of the array `input` (NULL: none), or `n` strings, as encoded arguments; arrays and objects become tables,
 * null nil. The data is from mem_alloc, for the caller to free. false: `err` says why not. Any thread.
 */
bool input_encode(const struct cfg_value *input, struct vm_args *args, char *err, size_t cap);
bool input_encode_strings(const char *const *strings, size_t n, struct vm_args *args, char *err, size_t cap);

#endif
