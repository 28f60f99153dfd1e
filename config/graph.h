/*
 * What depends on what: orders nodes after those they need, and finds circles. Nodes are numbers from 0.
 * In an arena, inside arena_run; linear in nodes and edges, and without recursion, however long the chains.
 */
#ifndef TROUPE_CONFIG_GRAPH_H
#define TROUPE_CONFIG_GRAPH_H

#include "config/arena.h"

#include <stddef.h>

struct graph_edge {
    size_t from, to; /* `from` needs `to` */
};

struct graph {
    size_t n;
    struct {
        struct graph_edge *v;
        size_t n, cap;
    } edges;
};

/* Adds "`from` needs `to`". */
void graph_need(struct arena *a, struct graph *g, size_t from, size_t to);

/* The result of ordering. */
struct graph_order {
    size_t *order; /* nodes, each after all it needs; those in circles or in need of such are not there */
    size_t n;
    size_t *level; /* by node: 0 needs nothing, else one more than the highest level it needs */
    size_t levels;
};

/*
 * Orders. For each circle found calls `circle(ud, nodes, n)`: each node needs the next and the last the first. Every
 * node that takes part in a circle without being needed elsewhere is in one of those reported; circles that share
 * nodes are not all told apart.
 */
struct graph_order graph_sort(struct arena *a, const struct graph *g,
                              void (*circle)(void *ud, const size_t *nodes, size_t n), void *ud);

#endif
