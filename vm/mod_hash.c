/* The module `hash`: digests and keyed digests (nettle) in hexadecimal or raw, and FNV-1a for hash tables. */
#include <lauxlib.h>
#include <nettle/hmac.h>
#include <nettle/md5.h>
#include <nettle/nettle-meta.h>
#include <nettle/sha1.h>
#include <nettle/sha2.h>
#include <stdint.h>

#include "vm/lib.h"

#define DIGEST_MAX SHA512_DIGEST_SIZE

/* One digest's context, of whichever kind. */
union context {
    struct md5_ctx md5;
    struct sha1_ctx sha1;
    struct sha256_ctx sha256;
    struct sha512_ctx sha512;
};

static int push_digest(lua_State *L, const uint8_t *digest, size_t size, int raw_arg) {
    static const char digits[] = "0123456789abcdef";
    char hex[2 * DIGEST_MAX];
    if (lua_toboolean(L, raw_arg)) {
        lua_pushlstring(L, (const char *)digest, size);
        return 1;
    }
    for (size_t i = 0; i < size; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    lua_pushlstring(L, hex, 2 * size);
    return 1;
}

/* (data[, raw]) */
static int digest(lua_State *L, const struct nettle_hash *hash) {
    union context context;
    uint8_t result[DIGEST_MAX];
    size_t len;
    const char *data = luaL_checklstring(L, 1, &len);
    hash->init(&context);
    hash->update(&context, len, (const uint8_t *)data);
    hash->digest(&context, hash->digest_size, result);
    return push_digest(L, result, hash->digest_size, 2);
}

/* (data, secret[, raw]) */
static int keyed_digest(lua_State *L, const struct nettle_hash *hash) {
    union context outer, inner, context;
    uint8_t result[DIGEST_MAX];
    size_t len, secret_len;
    const char *data = luaL_checklstring(L, 1, &len), *secret = luaL_checklstring(L, 2, &secret_len);
    hmac_set_key(&outer, &inner, &context, hash, secret_len, (const uint8_t *)secret);
    hmac_update(&context, hash, len, (const uint8_t *)data);
    hmac_digest(&outer, &inner, &context, hash, hash->digest_size, result);
    return push_digest(L, result, hash->digest_size, 3);
}

#define DIGEST_MAP(X) X(md5) X(sha1) X(sha256) X(sha512)

#define X(name)                                                                                              \
    static int hash_##name(lua_State *L) {                                                                   \
        return digest(L, &nettle_##name);                                                                    \
    }                                                                                                        \
    static int hash_hmac_##name(lua_State *L) {                                                              \
        return keyed_digest(L, &nettle_##name);                                                              \
    }
DIGEST_MAP(X)
#undef X

static int hash_fnv32(lua_State *L) {
    size_t len;
    const char *data = luaL_checklstring(L, 1, &len);
    uint32_t h = UINT32_C(2166136261);
    for (size_t i = 0; i < len; i++)
        h = (h ^ (uint8_t)data[i]) * UINT32_C(16777619);
    lua_pushnumber(L, h);
    return 1;
}

/* 64 bits as a Lua number: the nearest double. */
static int hash_fnv64(lua_State *L) {
    size_t len;
    const char *data = luaL_checklstring(L, 1, &len);
    uint64_t h = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < len; i++)
        h = (h ^ (uint8_t)data[i]) * UINT64_C(1099511628211);
    lua_pushnumber(L, (double)h);
    return 1;
}

static const luaL_Reg funcs[] = {
#define X(name) {#name, hash_##name}, {"hmac_" #name, hash_hmac_##name},
    DIGEST_MAP(X)
#undef X
        {"fnv32", hash_fnv32},
    {"fnv64", hash_fnv64},
    {NULL, NULL},
};

const struct vlib vlib_hash = {"hash", funcs, NULL, 0, NULL};
