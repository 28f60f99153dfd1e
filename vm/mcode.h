/*
 * mcode: machine code that LuaJIT makes. It is written into memory that is made executable afterwards, which a kernel
 * may forbid (systemd's MemoryDenyWriteExecute=, SELinux); LuaJIT then fails where nothing can catch it. Internal to vm.
 */
#ifndef VM_MCODE_H
#define VM_MCODE_H

#include <stdbool.h>

/* Whether this program may make machine code. Any thread. */
bool mcode_allowed(void);

#endif
