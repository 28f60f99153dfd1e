#include "config/graph.h"

#include <string.h>

/* Adjacency of one direction: the neighbours of node i are to[first[i]] .. to[first[i + 1] - 1]. */
struct lists {
    size_t *first, *to;
};

void graph_need(struct arena *a, struct graph *g, size_t from, size_t to) {
    *ARENA_PUSH(a, &g->edges) = (struct graph_edge){from, to};
}

static struct lists neighbours(struct arena *a, const struct graph *g, int reverse) {
    struct lists l = {arena_calloc(a, g->n + 2, sizeof *l.first),
                      arena_calloc(a, g->edges.n + 1, sizeof *l.to)};
    /* counted two places ahead, so that filling moves each start to where it belongs */
    for (size_t i = 0; i < g->edges.n; i++)
        l.first[(reverse ? g->edges.v[i].to : g->edges.v[i].from) + 2]++;
    for (size_t i = 2; i < g->n + 2; i++)
        l.first[i] += l.first[i - 1];
    for (size_t i = 0; i < g->edges.n; i++) {
        struct graph_edge e = g->edges.v[i];
        size_t key = reverse ? e.to : e.from;
        l.to[l.first[key + 1]++] = reverse ? e.from : e.to;
    }
    return l;
}

/* Takes away nodes that need nothing, then those that need nothing any more, and so on. */
static void peel(struct arena *a, const struct graph *g, size_t *missing, struct graph_order *out) {
    struct lists users = neighbours(a, g, 1);
    for (size_t i = 0; i < g->edges.n; i++)
        missing[g->edges.v[i].from]++;
    for (size_t i = 0; i < g->n; i++)
        if (missing[i] == 0)
            out->order[out->n++] = i;
    for (size_t done = 0; done < out->n; done++) {
        size_t node = out->order[done];
        if (out->level[node] + 1 > out->levels)
            out->levels = out->level[node] + 1;
        for (size_t i = users.first[node]; i < users.first[node + 1]; i++) {
            size_t user = users.to[i];
            if (out->level[user] <= out->level[node])
                out->level[user] = out->level[node] + 1;
            if (--missing[user] == 0)
                out->order[out->n++] = user;
        }
    }
}

/*
 * Every node left needs at least one that is left. Following such needs from any of them runs into a circle, or into
 * nodes of an earlier walk, whose circle is known already.
 */
static void find_circles(struct arena *a, const struct graph *g, const size_t *missing,
                         void (*circle)(void *ud, const size_t *nodes, size_t n), void *ud) {
    struct lists needs = neighbours(a, g, 0);
    size_t *walk_of = arena_calloc(a, g->n, sizeof *walk_of); /* 0: not visited */
    size_t *at = arena_calloc(a, g->n, sizeof *at);           /* place in its walk */
    size_t *path = arena_calloc(a, g->n, sizeof *path);
    size_t walks = 0;
    for (size_t start = 0; start < g->n; start++) {
        if (missing[start] == 0 || walk_of[start] != 0)
            continue;
        walks++;
        size_t n = 0, node = start;
        while (walk_of[node] == 0) {
            walk_of[node] = walks;
            at[node] = n;
            path[n++] = node;
            size_t i = needs.first[node];
            while (missing[needs.to[i]] == 0)
                i++;
            node = needs.to[i];
        }
        if (walk_of[node] == walks)
            circle(ud, path + at[node], n - at[node]);
    }
}

struct graph_order graph_sort(struct arena *a, const struct graph *g,
                              void (*circle)(void *ud, const size_t *nodes, size_t n), void *ud) {
    struct graph_order out = {.order = arena_calloc(a, g->n, sizeof *out.order),
                              .level = arena_calloc(a, g->n, sizeof *out.level)};
    size_t *missing = arena_calloc(a, g->n, sizeof *missing);
    peel(a, g, missing, &out);
    if (out.n < g->n)
        find_circles(a, g, missing, circle, ud);
    return out;
}
