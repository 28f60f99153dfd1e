/*
 * locobj: location objects of the Lua API (userdata type VTYPE_LOCATION): zones, by name or with a fixed offset.
 *
 * Immutable; equal when they are the same zone. All functions run on the worker of the state; those that push may
 * raise when it is out of memory.
 */
#ifndef VM_LOCOBJ_H
#define VM_LOCOBJ_H

#include <lua.h>

#include "vm/codec.h"
#include "vm/state.h"
#include "vm/tz.h"

struct vloc {
    struct vhead head;
    struct zone zone; /* a fixed zone's name points to `text` */
    char text[];
};

/* Pushes a location; copies a fixed zone's name. */
void vloc_push(lua_State *L, const struct zone *z);

/*
 * For objects that end in a zone and the room for its name (vloc, vtime): pushes a new one of `size` bytes plus that room,
 * with `z` in place at `zone_at` and the name behind `size`.
 */
void *vloc_new_with_zone(lua_State *L, enum vtype type, size_t size, size_t zone_at, const struct zone *z);

/* A zone as bytes, for the codec. vloc_unpack_zone's result points into `data`; false when these are no zone. */
bool vloc_pack_zone(struct codec_buf *b, const struct zone *z);
bool vloc_unpack_zone(const char *data, size_t len, struct zone *z);

#endif
