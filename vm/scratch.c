#include "vm/scratch.h"

#include "base/alloc.h"
#include "vm/panic.h"
#include "vm/vstate.h"

/* What vstate_of finds: nobody's, never written. */
static struct vstate nobody;

static void *allocate(void *ud, void *ptr, size_t osize, size_t nsize) {
    if (nsize)
        return mem_realloc(ptr, nsize);
    mem_free(ptr);
    return NULL;
}

lua_State *scratch_open(void) {
    lua_State *L = lua_newstate(allocate, &nobody);
    if (L)
        lua_atpanic(L, panic_function);
    return L;
}
