/*
 * codec_fmt: the encoded form of values and what encoder and decoder share. For vm/codec*.c only.
 *
 * A value is a tag byte and what the tag says follows; numbers are in native byte order, unaligned.
 *
 *   NIL FALSE TRUE
 *   NUMBER  the double's 8 bytes
 *   SHORT+n n bytes of string (n < 128)
 *   LONG    u32 length, bytes of string
 *   TABLE   u32 a, u32 p, then a values for the keys 1..a (NIL: no such key), then p pairs of key and value
 *   REF     u32 offset of the table meant, from the first byte of the whole value
 *   EXT     u8 vtype, u32 length, bytes
 *
 * A table that some REF means has TABLE_SHARED in its tag, and then the first byte of the whole value (always a table's
 * tag: nothing else can hold two references) has TABLE_ROOT: a decoder that does not see it need not remember any table.
 *
 * A plain small table is packed by LuaJIT itself where that is our own build (luajit_troupe.h): the whole value then begins
 * with one of LuaJIT's tags, 0x20 to 0x22, and the rest is its business.
 */
#ifndef VM_CODEC_FMT_H
#define VM_CODEC_FMT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "vm/codec.h"
#include "vm/own_luajit.h"

enum {
    TAG_NIL,
    TAG_FALSE,
    TAG_TRUE,
    TAG_NUMBER,
    TAG_LONG,
    TAG_REF,
    TAG_EXT,
    TAG_TABLE = 0x10, /* up to TAG_TABLE + TABLE_SHARED + TABLE_ROOT */
    TAG_SHORT = 0x80  /* up to TAG_SHORT + SHORT_MAX */
};

enum { TABLE_SHARED = 1, TABLE_ROOT = 2 };
enum { SHORT_MAX = 127, NUMBER_SIZE = 9, LONG_HEAD = 5, TABLE_HEAD = 9, REF_SIZE = 5, EXT_HEAD = 6 };

/* Where a frame is in its table. */
enum codec_phase {
    PHASE_ARRAY, /* keys 1, 2, ... so far */
    PHASE_PAIRS, /* any key; the next thing is a value (encoder), a key (decoder) */
    PHASE_KEY /* encoder: inside a table that is a key; decoder: the key is there, the next thing is its value */
};

/* A table that is being worked on. Frames, not C recursion: workers have small stacks. */
struct codec_frame {
    uint32_t head;   /* encoder: offset of its tag; decoder: array values there are */
    uint32_t values; /* encoder: array values written; decoder: array values read */
    uint32_t pairs;  /* encoder: pairs written; decoder: pairs still to come */
    uint32_t phase;  /* enum codec_phase */
};

/* One table met by the encoder; valid while its generation is the current one. */
struct codec_seen {
    const void *table;
    uint32_t generation;
    uint32_t offset;
};

enum { SEEN_FIRST = 64, SEEN_KEEP = 4096 };

/* One per thread, made on first use: what encoding and decoding need besides the buffer. */
struct codec_scratch {
    struct codec_scratch *outer; /* codec_scratch_push */
    struct codec_seen *seen;     /* open addressing, `mask` + 1 slots, never more than half of them used */
    uint32_t mask, used, generation;
    struct codec_seen first[SEEN_FIRST];
    /*
     * frames[0] stands for what is around the first table, frames[1] is its own. One more than CODEC_DEPTH tables:
     * codec_encode_n puts an array around its values.
     */
    struct codec_frame frames[CODEC_DEPTH + 2];
};

/* This thread's, freed when the thread ends; NULL without memory. */
struct codec_scratch *codec_scratch(void);

/* The slot of a table in the set of those met: its own, or the free one where it belongs. */
static inline struct codec_seen *codec_seen_slot(const struct codec_scratch *s, const void *table) {
    uint32_t i = (uint32_t)((((uintptr_t)table >> 4) * UINT64_C(0x9e3779b97f4a7c15)) >> 40);
    for (;; i++) {
        struct codec_seen *slot = &s->seen[i & s->mask];
        if (slot->generation != s->generation || slot->table == table)
            return slot;
    }
}

/* Doubles the set; false without memory. */
bool codec_seen_grow(struct codec_scratch *s);

/* Gives a set back that one huge value made larger than SEEN_KEEP. */
void codec_seen_trim(struct codec_scratch *s);

/* What can be wrong with a value. */
enum codec_fault { FAULT_VALUE, FAULT_KEY, FAULT_INNER, FAULT_DEPTH, FAULT_STACK };

/*
 * Explains a fault in `why`. The Lua stack from `base` on is the encoder's: per frame the table, the key and the value in
 * hand, and in PHASE_KEY the key once more. `nth`: which of several values, 0 when there is but one. What is wrong is on
 * top of the stack (FAULT_VALUE) or below the top (FAULT_KEY). FAULT_INNER: in the object on top, and `why` says it already from
 * there on.
 */
void codec_explain(lua_State *L, const char *root, int nth, int base, const struct codec_frame *frames,
                   int depth, enum codec_fault fault, char *why, size_t cap);

/* The same for CODEC_TOO_LARGE (more than `limit` bytes) and CODEC_NO_MEMORY. */
void codec_explain_size(const char *root, enum codec_status status, size_t limit, char *why, size_t cap);

/* How each userdata type crosses; NULL: it does not. */
extern const struct codec_ext *const codec_exts[];

/* Whether bytes that begin with this tag are LuaJIT's own packing. */
static inline bool codec_is_packed(unsigned char tag) {
#if OWN_LUAJIT
    return (unsigned)tag - LUAJIT_PACK_FIRST <= LUAJIT_PACK_LAST - LUAJIT_PACK_FIRST;
#else
    return false;
#endif
}

/* --- unaligned access -------------------------------------------------------------------------------------------- */

static inline void put_u32(char *to, uint32_t v) {
    memcpy(to, &v, sizeof v);
}

static inline uint32_t get_u32(const char *from) {
    uint32_t v;
    memcpy(&v, from, sizeof v);
    return v;
}

static inline char *put_number(char *to, double d) {
    *to = TAG_NUMBER;
    memcpy(to + 1, &d, sizeof d);
    return to + NUMBER_SIZE;
}

#endif
