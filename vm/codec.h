/*
 * codec: Lua values as bytes and back, for messages, arguments, results and error details.
 *
 * What crosses: nil, booleans, every double bit for bit, strings of any bytes, tables of any shape up to CODEC_DEPTH deep
 * (shared sub-tables stay shared, cycles survive, metatables of plain tables are dropped), error objects, payload
 * objects, time, duration and location objects. Nothing else: functions, coroutines, channels, cdata and other userdata make encoding fail
 * and the failure names the path ("payload.cb: a function cannot be sent").
 *
 * Encoding never runs user code (no metamethods) and never yields. The bytes are private to one daemon
 * process (native byte order, no versioning), but decoding checks every length and tag: it survives arbitrary bytes.
 * Both run on the worker of the state. Format and measurements: vm/codec_fmt.h, vm/codec.md. A message that is one
 * scalar has a shorter way: vm/codec_scalar.h.
 */
#ifndef VM_CODEC_H
#define VM_CODEC_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

#define CODEC_DEPTH 1000
#define CODEC_NEST 16 /* objects that hold values, inside one another */

/* A growing buffer, reused between calls; `data` from mem_alloc. Zero-initialise; free with codec_buf_free. */
struct codec_buf {
    char *data;
    size_t len, cap;
};

void codec_buf_free(struct codec_buf *b);

enum codec_status {
    CODEC_OK,
    CODEC_BAD_VALUE, /* something in it cannot cross, or is too deep: `why` says what and where */
    CODEC_TOO_LARGE, /* more than `limit` bytes */
    CODEC_NO_MEMORY
};

/*
 * Appends the value at `idx` to `b`. `root` is the word that begins a path in `why` ("payload", "argument 2", "result").
 * `limit`: the most bytes that may be appended, 0 = no limit. On failure b->len is as before and `why` (NUL-terminated,
 * cut at cap) explains. Uses a few slots per nesting level of the Lua stack (checked) and a fixed amount of C stack.
 *
 * May raise while it makes the Lua stack larger (the state is out of memory): keep `b` where it is not lost then.
 */
enum codec_status codec_encode(lua_State *L, int idx, const char *root, size_t limit, struct codec_buf *b,
                               char *why, size_t cap);

/*
 * The short way for plain small tables (luajit_troupe.h tells which): appends the one at `idx` as other bytes, which
 * codec_decode reads too. false, and nothing appended: another value, no room, or LuaJIT is not our own; codec_encode tells.
 * Raises when the state is out of memory, with nothing appended.
 */
bool codec_pack(lua_State *L, int idx, size_t limit, struct codec_buf *b);

/*
 * The same as codec_encode for `n` values at first, first+1, ... as *one* value: n == 0 is nil, 1 is the value, more are one array
 * (with its holes: field 1..n).
 */
enum codec_status codec_encode_n(lua_State *L, int first, int n, const char *root, size_t limit,
                                 struct codec_buf *b, char *why, size_t cap);

/*
 * Pushes the one value that the `len` bytes at `data` hold. false (and nothing pushed) when they are no valid encoding.
 * Needs two free stack slots, makes room for more itself; L may be a coroutine that waits to be resumed.
 * Raises like any Lua allocation when the state is out of memory.
 */
bool codec_decode(lua_State *L, const char *data, size_t len);

/*
 * The same for the first of several values that stand one after the other: pushes it and returns the bytes it took, or
 * returns 0 and pushes nothing.
 */
size_t codec_decode_next(lua_State *L, const char *data, size_t len);

/*
 * How a userdata type crosses; one of these for each type listed, defined in the file that owns the type.
 * `put` appends the object at `idx`, any bytes; more than `limit` of them are refused anyway. CODEC_BAD_VALUE: a value that it
 * holds cannot cross, and `why` continues the path to the object (codec_encode with the root "" says it so). `get` pushes an
 * object made from the bytes, or pushes nothing and returns false when they are no valid encoding. Neither may call user code,
 * nor codec_encode or codec_decode outside of codec_scratch_push and _pop.
 */
struct codec_ext {
    enum codec_status (*put)(lua_State *L, int idx, size_t limit, struct codec_buf *b, char *why, size_t cap);
    bool (*get)(lua_State *L, const char *data, size_t len);
};

#define CODEC_EXT_MAP(X) X(ERROR) X(TIME) X(DURATION) X(LOCATION) X(PAYLOAD)
#define X(name) extern const struct codec_ext codec_ext_##name;
CODEC_EXT_MAP(X)
#undef X

/*
 * For an object that holds a value: between push and pop encoding or decoding may begin anew inside put or get.
 * CODEC_BAD_VALUE: more than CODEC_NEST such objects stand inside one another, as they do in a cycle through them.
 * codec_scratch_recover pops what an error left; for whoever catches one.
 */
enum codec_status codec_scratch_push(void);
void codec_scratch_pop(void);
void codec_scratch_recover(void);

/* Room for `n` more bytes; false without memory. */
bool codec_buf_reserve(struct codec_buf *b, size_t n);

/* Appends `n` bytes; false without memory. For `put` functions, which return codec_put_status of it. */
bool codec_buf_put(struct codec_buf *b, const void *data, size_t n);

static inline enum codec_status codec_put_status(bool ok) {
    return ok ? CODEC_OK : CODEC_NO_MEMORY;
}

#endif
