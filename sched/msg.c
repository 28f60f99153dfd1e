#include "sched/msg.h"

#include <string.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/clock.h"

struct msg *msg_new(enum msg_kind kind, size_t topic_len, size_t data_len) {
    size_t size = sizeof(struct msg) + topic_len + data_len;
    struct msg *m = mem_alloc(size);
    if (!m)
        return NULL;
    m->next = NULL;
    m->from = (struct pid){0};
    m->u.ptr = NULL;
    m->release = NULL;
    m->topic_hash = 0;
    m->topic_len = (uint16_t)topic_len;
    m->kind = (uint8_t)kind;
    m->aux = 0;
    m->data_len = (uint32_t)data_len;
    m->charge = 0;
    if (kind == MSG_USER)
        msg_charge(m);
    return m;
}

void msg_charge(struct msg *m) {
    m->charge = (uint32_t)((msg_size(m) + MSG_CHARGE_UNIT - 1) / MSG_CHARGE_UNIT);
}

struct msg *msg_event(enum msg_kind kind, size_t data_len) {
    int64_t at = clock_wall_ns();
    struct msg *m = msg_new(kind, sizeof at, data_len);
    if (m)
        memcpy(m->bytes, &at, sizeof at);
    return m;
}

int64_t msg_event_at(const struct msg *m) {
    int64_t at;
    memcpy(&at, m->bytes, sizeof at);
    return at;
}

struct msg *msg_signal(enum msg_kind kind, struct pid from) {
    struct msg *m = msg_new(kind, 0, 0);
    if (m)
        m->from = from;
    return m;
}

void msg_free(struct msg *m) {
    if (m->kind == MSG_EXIT || m->kind == MSG_LINK_DOWN || m->kind == SIG_KILL)
        failure_release(m->u.failure);
    if (m->release)
        m->release(m);
    else
        mem_free_sized(m, msg_size(m));
}

/* Fewer than eight bytes as a number, each of them in it. */
static inline uint64_t tail_of(const char *s, size_t len) {
    if (len >= 4)
        return bytes_half(s) | (uint64_t)bytes_half(s + len - 4) << 32;
    if (!len)
        return 0;
    return (unsigned char)s[0] | (uint64_t)(unsigned char)s[len / 2] << 8 |
           (uint64_t)(unsigned char)s[len - 1] << 16;
}

/*
 * Topics are a few bytes long: a multiply per eight bytes and a final mix. The constant is 2^64 divided by the golden
 * ratio (Knuth, TAOCP vol. 3, 6.4). Whoever floods a process with colliding topics only slows that process' own listen().
 */
uint32_t msg_hash(const char *s, size_t len) {
    const uint64_t k = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t h = len * k;
    while (len >= 8) {
        h = (h ^ bytes_word(s)) * k;
        h ^= h >> 32;
        s += 8;
        len -= 8;
    }
    h = (h ^ tail_of(s, len)) * k;
    return (uint32_t)(h >> 32);
}
