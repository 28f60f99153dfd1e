#include "sched/epoch.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sched/os.h"
#include "sched/tune.h"

static int barrier_call(int cmd) {
    return (int)syscall(SYS_membarrier, cmd, 0, 0);
}

void epoch_init(struct epoch *e) {
    atomic_init(&e->now, 1);
    e->fence = barrier_call(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) != 0;
    e->readers = NULL;
    pthread_mutex_init(&e->lock, NULL);
}

void epoch_destroy(struct epoch *e) {
    pthread_mutex_destroy(&e->lock);
}

void epoch_join(struct epoch *e, struct epoch_reader *r, void *owner) {
    *r = (struct epoch_reader){.epoch = e, .owner = owner};
    os_lock(&e->lock);
    r->next = e->readers;
    e->readers = r;
    os_unlock(&e->lock);
}

/* With the lock held: whether every reader is outside, or entered after `stamp` had passed. */
static bool passed(struct epoch *e, uint64_t stamp) {
    if (e->fence)
        atomic_thread_fence(memory_order_seq_cst); /* partner: the fence in epoch_enter */
    else
        barrier_call(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
    for (struct epoch_reader *r = e->readers; r; r = r->next) {
        /* acquire: partner is epoch_leave */
        uint64_t in = atomic_load_explicit(&r->inside, memory_order_acquire);
        if (in != 0 && in <= stamp)
            return false;
    }
    return true;
}

static void release_all(struct epoch_reader *r, struct epoch_batch *b) {
    struct epoch_item *i = b->head;
    *b = (struct epoch_batch){0};
    while (i) {
        struct epoch_item *next = i->next;
        i->release(i, r->owner);
        i = next;
    }
}

static void close_batch(struct epoch_reader *r) {
    r->closed = r->open;
    r->open = (struct epoch_batch){0};
    /* seq_cst: a reader that enters later and reads a larger value cannot have seen what is in the batch */
    r->closed.stamp = atomic_fetch_add_explicit(&r->epoch->now, 1, memory_order_seq_cst);
}

void epoch_collect(struct epoch_reader *r) {
    while (r->closed.head || r->open.head) {
        if (!r->closed.head)
            close_batch(r);
        os_lock(&r->epoch->lock);
        bool ok = passed(r->epoch, r->closed.stamp);
        os_unlock(&r->epoch->lock);
        if (!ok)
            return;
        release_all(r, &r->closed);
    }
}

void epoch_retire(struct epoch_reader *r, struct epoch_item *item,
                  void (*release)(struct epoch_item *item, void *owner)) {
    item->release = release;
    item->next = NULL;
    if (r->open.tail)
        r->open.tail->next = item;
    else
        r->open.head = item;
    r->open.tail = item;
    if (++r->open.n % EPOCH_BATCH == 0)
        epoch_collect(r);
}

void epoch_part(struct epoch_reader *r) {
    for (epoch_collect(r); r->closed.head; epoch_collect(r))
        os_yield();
    os_lock(&r->epoch->lock);
    struct epoch_reader **at = &r->epoch->readers;
    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    os_unlock(&r->epoch->lock);
}
