#include "vm/locobj.h"

#include <lauxlib.h>
#include <string.h>

void *vloc_new_with_zone(lua_State *L, enum vtype type, size_t size, size_t zone_at, const struct zone *z) {
    struct zone own = *z;
    size_t len = own.tz ? 0 : own.name_len;
    char *block = vtype_new(L, type, size + len);
    if (len) {
        memcpy(block + size, own.name, len);
        own.name = block + size;
    }
    memcpy(block + zone_at, &own, sizeof own);
    return block;
}

void vloc_push(lua_State *L, const struct zone *z) {
    vloc_new_with_zone(L, VTYPE_LOCATION, sizeof(struct vloc), offsetof(struct vloc, zone), z);
}

static int loc_name(lua_State *L) {
    const struct vloc *loc = vtype_check(L, 1, VTYPE_LOCATION);
    size_t len;
    const char *name = zone_name(&loc->zone, &len);
    lua_pushlstring(L, name, len);
    return 1;
}

static int loc_eq(lua_State *L) {
    const struct vloc *a = vtype_check(L, 1, VTYPE_LOCATION), *b = vtype_check(L, 2, VTYPE_LOCATION);
    lua_pushboolean(L, zone_same(&a->zone, &b->zone));
    return 1;
}

static const luaL_Reg methods[] = {
    {"name", loc_name},
    {"string", loc_name},
    {NULL, NULL},
};

static const luaL_Reg meta[] = {
    {"__tostring", loc_name},
    {"__eq", loc_eq},
    {NULL, NULL},
};

const struct vtype_desc vtype_desc_LOCATION = {methods, meta};

/* --- codec ------------------------------------------------------------------------------------------------------ */

/* Bytes of a zone: this, then the name of a fixed or a named one. */
struct packed_zone {
    int32_t offset;
    uint8_t kind;
    uint8_t name_len;
};

enum packed_kind { PACKED_UTC, PACKED_LOCAL, PACKED_NAMED, PACKED_FIXED };

_Static_assert(ZONE_NAME_MAX <= UINT8_MAX, "name_len holds every length");

bool vloc_pack_zone(struct codec_buf *b, const struct zone *z) {
    struct packed_zone head;
    memset(&head, 0, sizeof head); /* padding too */
    size_t len = 0;
    const char *name = "";
    if (zone_is_utc(z)) {
        head.kind = PACKED_UTC;
    } else if (zone_is_local(z)) {
        head.kind = PACKED_LOCAL;
    } else {
        head.kind = z->tz ? PACKED_NAMED : PACKED_FIXED;
        head.offset = z->offset;
        name = zone_name(z, &len);
    }
    head.name_len = (uint8_t)len;
    return codec_buf_put(b, &head, sizeof head) && codec_buf_put(b, name, len);
}

bool vloc_unpack_zone(const char *data, size_t len, struct zone *z) {
    struct packed_zone head;
    if (len < sizeof head)
        return false;
    memcpy(&head, data, sizeof head);
    const char *name = data + sizeof head;
    if (len - sizeof head != head.name_len)
        return false;
    switch (head.kind) {
    case PACKED_UTC:
        *z = zone_utc();
        return true;
    case PACKED_LOCAL:
        *z = zone_local();
        return true;
    case PACKED_NAMED:
        return zone_load(name, head.name_len, z) == TZ_OK;
    case PACKED_FIXED:
        *z = zone_fixed(name, head.name_len, head.offset);
        return head.offset >= -ZONE_OFFSET_MAX && head.offset <= ZONE_OFFSET_MAX;
    default:
        return false;
    }
}

static enum codec_status loc_put(lua_State *L, int idx, size_t limit, struct codec_buf *b, char *why,
                                 size_t cap) {
    const struct vloc *loc = lua_touserdata(L, idx);
    return codec_put_status(vloc_pack_zone(b, &loc->zone));
}

static bool loc_get(lua_State *L, const char *data, size_t len) {
    struct zone z;
    if (!vloc_unpack_zone(data, len, &z))
        return false;
    vloc_push(L, &z);
    return true;
}

const struct codec_ext codec_ext_LOCATION = {loc_put, loc_get};
