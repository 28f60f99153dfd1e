/*
 * own_luajit: whether LuaJIT is Troupe's own build (scripts/build-luajit), which has more than LuaJIT's API, or the system's.
 * Internal to vm.
 */
#ifndef VM_OWN_LUAJIT_H
#define VM_OWN_LUAJIT_H

#if defined(__has_include) && __has_include(<luajit_troupe.h>)
#include <luajit_troupe.h>
#define OWN_LUAJIT 1
#else
#define OWN_LUAJIT 0
#endif

#endif
