#include "config/strmap.h"

/* uthash asks for its tables here: every function below that adds has the arena at hand as `a`. */
#define uthash_malloc(size) arena_alloc(a, size)
#define uthash_free(ptr, size) ((void)(ptr))
#include <uthash.h>

struct strmap_node {
    void *value;
    UT_hash_handle hh;
};

void *strmap_get(const struct strmap *m, const char *key, size_t len) {
    struct strmap_node *node;
    HASH_FIND(hh, m->head, key, len, node);
    return node != NULL ? node->value : NULL;
}

void **strmap_slot(struct arena *a, struct strmap *m, const char *key, size_t len) {
    struct strmap_node *node;
    HASH_FIND(hh, m->head, key, len, node);
    if (node == NULL) {
        node = arena_alloc(a, sizeof *node);
        HASH_ADD_KEYPTR(hh, m->head, key, len, node);
    }
    return &node->value;
}
