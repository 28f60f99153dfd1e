/* code: the Lua entries of a configuration, for the vm. */
#ifndef SRC_CODE_H
#define SRC_CODE_H

#include "config/config.h"
#include "vm/vm.h"

/* For cfg_options.check_source: a syntax error is a mistake of the configuration. Any thread. */
bool code_check(void *ud, const struct cfg_code *code, char *err, size_t cap, int *line);

/* All entries as a set to be installed; those that are no code are in it by name, so that errors can say what they are.
 * NULL: `err` says why. Any thread. */
struct vm_code *code_compile(const struct config *c, char *err, size_t cap);

#endif
