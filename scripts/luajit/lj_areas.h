/*
 * Where machine code lies, in place of one mapping for each area: areas of the usual size are parts of larger chunks, which all
 * states of the process share. Included by lj_mcode.c.
 *
 * Each mapping has to be registered with the unwinder, which looks through all of them, one after the other, whenever an error is
 * raised anywhere: with 6,000 states that compile, `pcall(error)` took 170 us instead of 1.6. Of chunks there are 96 then.
 *
 * Any thread. An area belongs to the state that took it; the chunks and their first areas, which hold the list and what the
 * unwinder reads, are under the lock.
 */
#include <pthread.h>

#include "lj_coarse.h"

#define AREA_SIZE ((size_t)64 << 10)
#define CHUNK_AREAS 64
#define CHUNK_SIZE (CHUNK_AREAS * AREA_SIZE)

/* Random places that are tried for a chunk: one of them is free, all but surely, until nine tenths are taken. */
#define CHUNK_TRIES 48

/* How long nobody tries again when all of them were taken. */
#define CHUNK_REST_MS 1000

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

typedef struct Chunk {
  struct Chunk *next;
  uint32_t nused;		/* Areas that are taken, the first one included. */
  uint8_t used[CHUNK_AREAS];
} Chunk;

static Chunk *chunks;
static size_t areas_free;	/* In all chunks. */
static uint32_t chunks_full;	/* When there was no place for another one, in ms; atomic, and 0: there was. */
static pthread_mutex_t chunks_lock = PTHREAD_MUTEX_INITIALIZER;

/* A free area; NULL: there is none. With the lock held. */
static void *area_in(Chunk *c)
{
  uint32_t i = 0;
  if (c->nused == CHUNK_AREAS) return NULL;
  while (c->used[i]) i++;
  c->used[i] = 1;
  c->nused++;
  areas_free--;
  return (char *)c + i * AREA_SIZE;
}

/* As near to LuaJIT's own code as mcode_alloc's, but at a multiple of its size, so that no room is lost in between. */
static Chunk *chunk_map(jit_State *J)
{
  const uintptr_t range = (1u << (LJ_TARGET_JUMPRANGE-1)) - (1u << 21) - CHUNK_SIZE;
  const uintptr_t least = (uintptr_t)(void *)lj_vm_exit_handler - range;
  int i;
  for (i = 0; i < CHUNK_TRIES; i++) {
    uintptr_t at = (least + lj_prng_u64(&J->prng) % (2 * range)) & ~(uintptr_t)(CHUNK_SIZE - 1);
    void *p = mmap((void *)at, CHUNK_SIZE, MCPROT_GEN|MCPROT_CREATE,
		   MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED_NOREPLACE, -1, 0);
    if (p == (void *)at) return (Chunk *)p;
    if (p != MAP_FAILED) munmap(p, CHUNK_SIZE);  /* An old kernel's, elsewhere. */
  }
  return NULL;
}

/* A first chunk, or another one. Raises a trace error when there is no room near enough to LuaJIT's own code. */
static Chunk *chunk_new(jit_State *J)
{
  uint32_t full = __atomic_load_n(&chunks_full, __ATOMIC_RELAXED), now = coarse_ms() | 1;
  Chunk *c;
  if (full && now - full < CHUNK_REST_MS)
    lj_trace_err(J, LJ_TRERR_MCODEAL);
  c = chunk_map(J);
  if (!c) {
    __atomic_store_n(&chunks_full, now, __ATOMIC_RELAXED);
    lj_trace_err(J, LJ_TRERR_MCODEAL);
  }
  __atomic_store_n(&chunks_full, 0, __ATOMIC_RELAXED);
  c->used[0] = 1;
  c->nused = 1;
  lj_err_register_mcode(c, CHUNK_SIZE, (uint8_t *)(c + 1));
  return c;
}

/* Writable and zero; raises like chunk_new. */
static void *area_take(jit_State *J, size_t sz)
{
  Chunk *c;
  void *p = NULL;
  if (sz != AREA_SIZE) return mcode_alloc(J, sz);
  pthread_mutex_lock(&chunks_lock);
  for (c = areas_free ? chunks : NULL; c && !p; c = c->next)
    p = area_in(c);
  pthread_mutex_unlock(&chunks_lock);
  if (p) return p;
  c = chunk_new(J);
  pthread_mutex_lock(&chunks_lock);
  areas_free += CHUNK_AREAS - 1;
  p = area_in(c);
  c->next = chunks;
  chunks = c;
  pthread_mutex_unlock(&chunks_lock);
  return p;
}

/* Of an area that was taken: where code may begin, behind `info`. */
static uint8_t *area_begin(void *p, size_t sz, uint8_t *info)
{
  return sz == AREA_SIZE ? info : lj_err_register_mcode(p, sz, info);
}

/* The chunk that an area lies in has one less; returned if it is to be given back: when it is empty, and not the only one. */
static Chunk *area_leave(void *p)
{
  Chunk **at = &chunks, *c;
  while ((size_t)((char *)p - (char *)*at) >= CHUNK_SIZE)
    at = &(*at)->next;
  c = *at;
  c->used[((char *)p - (char *)c) / AREA_SIZE] = 0;
  areas_free++;
  if (--c->nused > 1 || !chunks->next) return NULL;
  areas_free -= CHUNK_AREAS - 1;
  *at = c->next;
  return c;
}

static void area_give(jit_State *J, void *p, size_t sz)
{
  Chunk *c;
  if (sz != AREA_SIZE) {
    lj_err_deregister_mcode(p, sz, (uint8_t *)p + sizeof(MCLink));
    mcode_free(J, p, sz);
    return;
  }
  if (mcode_setprot(p, sz, MCPROT_GEN) || madvise(p, sz, MADV_DONTNEED))
    return;  /* Too many mappings: it cannot be used again. */
  pthread_mutex_lock(&chunks_lock);
  c = area_leave(p);
  pthread_mutex_unlock(&chunks_lock);
  if (c) {
    lj_err_deregister_mcode(c, CHUNK_SIZE, (uint8_t *)(c + 1));
    mcode_free(J, c, CHUNK_SIZE);
  }
}
