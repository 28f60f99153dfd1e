#include "sched/pid.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/rnd.h"
#include "tests/support/schedbox.h"

static struct pid parse(const char *s, size_t len) {
    const char *host;
    size_t host_len;
    return pid_parse(s, len, &host, &host_len);
}

Test(sched_pid, text_has_at_least_five_lower_case_digits) {
    static const struct {
        uint64_t n;
        const char *text;
    } cases[] = {
        {1, "{app:p|0x00001}"},
        {0xabcde, "{app:p|0xabcde}"},
        {0x12abcde, "{app:p|0x12abcde}"},
        {UINT64_MAX, "{app:p|0xffffffffffffffff}"},
        {UINT64_C(1) << 60, "{app:p|0x1000000000000000}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[PID_TEXT_MAX];
        size_t len = pid_format((struct pid){cases[i].n}, "app:p", 5, text);
        cr_expect_str_eq(text, cases[i].text);
        cr_expect(len == strlen(cases[i].text));
        const char *host;
        size_t host_len;
        cr_expect(pid_parse(text, len, &host, &host_len).n == cases[i].n);
        cr_expect(host == text + 1 && host_len == 5);
    }
}

Test(sched_pid, other_spellings_are_no_pids) {
    static const char *const cases[] = {
        "",
        "{",
        "{}",
        "{|0x}",
        "{app:p|0x0001}",   /* four digits */
        "{app:p|0x000001}", /* six, but the first is a filler */
        "{app:p|0x0000A}",  /* upper case */
        "{app:p|0X0000a}",
        "{app:p|00001}",
        "{app:p0x00001}",
        "app:p|0x00001}",
        "{app:p|0x00001",
        "{app:p|0x00001} ",
        " {app:p|0x00001}",
        "{app:p|0x0000g}",
        "{app:p|0x+0001}",
        "{app:p|0x00000}", /* nobody */
        "{app:p|0x10000000000000000}",
        "{app:p|0x00000000000000001}",
        "name",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect(pid_none(parse(cases[i], strlen(cases[i]))), "%s", cases[i]);
    cr_expect(pid_none(parse("{app:p|0x0000\0}", 15)));
}

/* Digits are read in groups: each byte at each place of each length. */
Test(sched_pid, digits_are_digits_wherever_they_stand) {
    for (size_t count = 5; count <= 16; count++)
        for (size_t place = 0; place < count; place++)
            for (int c = 0; c < 256; c++) {
                char text[17] = "123456789abcdef1", part[17];
                text[place] = (char)c;
                snprintf(part, sizeof part, "%.*s", (int)count, text);
                bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
                bool filler = c == '0' && place == 0 && count > 5;
                cr_assert_eq(pid_parse_digits(text, count).n, digit && !filler ? strtoull(part, NULL, 16) : 0,
                             "%d at %zu of %zu", c, place, count);
            }
}

/* Whatever parses is exactly what pid_format would write: there are no two texts of one pid. */
Test(sched_pid, exactly_one_spelling) {
    struct rnd r = rnd_open("pid", 1);
    static const char alphabet[] = "0123456789abcdefxX|{}:gA /";
    unsigned accepted = 0;
    for (int i = 0; i < 300000; i++) {
        struct pid pid = {(rnd_next(&r) >> rnd_below(&r, 64)) | 1};
        char host[16], text[PID_TEXT_MAX], again[PID_TEXT_MAX];
        size_t host_len = rnd_below(&r, sizeof host);
        for (size_t k = 0; k < host_len; k++)
            host[k] = alphabet[rnd_below(&r, sizeof alphabet - 1)];
        size_t len = pid_format(pid, host, host_len, text);
        const char *h;
        size_t hl;
        cr_assert(pid_eq(pid_parse(text, len, &h, &hl), pid), "%s", text);
        cr_assert(hl == host_len && memcmp(h, host, hl) == 0, "%s", text);
        /* one byte changed, inserted or left out */
        size_t at = rnd_below(&r, len);
        char c = alphabet[rnd_below(&r, sizeof alphabet - 1)];
        switch (rnd_below(&r, 3)) {
        case 0:
            text[at] = c;
            break;
        case 1:
            memmove(text + at + 1, text + at, len++ - at);
            text[at] = c;
            break;
        case 2:
            memmove(text + at, text + at + 1, --len - at);
        }
        struct pid other = pid_parse(text, len, &h, &hl);
        if (pid_none(other))
            continue;
        accepted++;
        cr_assert(pid_format(other, h, hl, again) == len && memcmp(text, again, len) == 0, "%.*s", (int)len,
                  text);
    }
    cr_expect(accepted > 1000, "the check above was reached only %u times", accepted);
}

Test(sched_pid, a_number_carries_its_host) {
    struct pidtab t;
    pidtab_init(&t);
    for (unsigned host = 0; host < 1u << PID_HOST_BITS; host++)
        cr_expect(pid_host(pidtab_alloc(&t, NULL, host)) == host);
    pidtab_destroy(&t);
}

Test(sched_pid, resolves_between_publish_and_hide) {
    struct pidtab t;
    pidtab_init(&t);
    struct pid a = pidtab_alloc(&t, NULL, 1), b = pidtab_alloc(&t, NULL, 1);
    struct proc *p = (struct proc *)&t;
    cr_expect(!pid_none(a) && !pid_eq(a, b));
    cr_expect(pidtab_get(&t, a) == NULL);
    pidtab_publish(&t, a, p);
    cr_expect(pidtab_get(&t, a) == p && pidtab_get(&t, b) == NULL);
    pidtab_hide(&t, a);
    cr_expect(pidtab_get(&t, a) == NULL);
    cr_expect(pidtab_get(&t, (struct pid){UINT64_MAX}) == NULL, "a slot that never was");
    cr_expect(pidtab_high(&t) == 2);
    pidtab_destroy(&t);
}

static int by_number(const void *a, const void *b) {
    uint64_t x = ((const struct pid *)a)->n, y = ((const struct pid *)b)->n;
    return (x > y) - (x < y);
}

static void expect_distinct(struct pid *pids, size_t n) {
    qsort(pids, n, sizeof *pids, by_number);
    for (size_t i = 1; i < n; i++)
        cr_assert(!pid_eq(pids[i - 1], pids[i]));
}

Test(sched_pid, numbers_are_never_used_again) {
    enum { N = 100000 };
    struct pid *seen = malloc(N * sizeof *seen);
    for (int cached = 0; cached < 2; cached++) {
        struct pidtab t;
        struct pidcache cache = {0};
        pidtab_init(&t);
        struct rnd r = {1};
        size_t live = 0, n = 0;
        struct pid held[500];
        while (n < N) {
            if (live < 500 && rnd_below(&r, 2)) {
                seen[n] = held[live++] = pidtab_alloc(&t, cached ? &cache : NULL, 5);
                cr_assert(!pid_none(seen[n++]));
            } else if (live) {
                size_t i = rnd_below(&r, live);
                pidtab_free(&t, cached ? &cache : NULL, held[i]);
                held[i] = held[--live];
            }
        }
        expect_distinct(seen, N);
        cr_expect(pidtab_high(&t) <= 500 + PIDCACHE_SIZE, "slots are used again");
        pidtab_destroy(&t);
    }
    free(seen);
}

Test(sched_pid, a_slot_without_generations_retires) {
    struct pidtab t;
    struct pidcache cache = {0};
    pidtab_init(&t);
    struct pid a = pidtab_alloc(&t, NULL, 2);
    pidtab_free(&t, NULL, a);
    struct pid_slot *slot = &atomic_load(&t.chunks[0])[pid_slot(a)];
    slot->gen = (UINT64_C(1) << PID_GEN_BITS) - 1;
    struct pid last = pidtab_alloc(&t, NULL, 2);
    cr_expect(pid_slot(last) == pid_slot(a) && last.n >> (64 - PID_GEN_BITS) == (1u << PID_GEN_BITS) - 1);
    pidtab_free(&t, &cache, last);
    cr_expect(cache.n == 0);
    for (int i = 0; i < 100; i++)
        cr_expect(pid_slot(pidtab_alloc(&t, &cache, 2)) != pid_slot(a));
    pidtab_destroy(&t);
}

Test(sched_pid, a_cache_takes_and_gives_in_batches) {
    struct pidtab t;
    struct pidcache a = {0}, b = {0};
    pidtab_init(&t);
    struct pid pids[3 * PIDCACHE_SIZE];
    for (int i = 0; i < 3 * PIDCACHE_SIZE; i++)
        pids[i] = pidtab_alloc(&t, &a, 0);
    for (int i = 0; i < 3 * PIDCACHE_SIZE; i++) {
        pidtab_free(&t, &b, pids[i]); /* ended on another thread */
        cr_assert(b.n <= PIDCACHE_SIZE);
    }
    uint32_t high = pidtab_high(&t);
    for (int i = 0; i < 2 * PIDCACHE_SIZE; i++)
        pidtab_alloc(&t, &a, 0);
    cr_expect(pidtab_high(&t) == high, "what b gave back was used");
    pidtab_flush(&t, &a);
    pidtab_flush(&t, &b);
    cr_expect(a.n == 0 && b.n == 0);
    pidtab_destroy(&t);
}

enum { THREADS = 4, ROUNDS = 400, HELD = 64 };
struct churn {
    struct pidtab *t;
    unsigned index;
    struct pid *seen;
};

static void *churn(void *arg) {
    struct churn *c = arg;
    struct pidcache cache = {0};
    size_t n = 0;
    for (int round = 0; round < ROUNDS; round++) {
        struct pid held[HELD];
        for (int i = 0; i < HELD; i++) {
            c->seen[n++] = held[i] = pidtab_alloc(c->t, &cache, 0);
            cr_assert(!pid_none(held[i]));
            cr_assert(pidtab_get(c->t, held[i]) == NULL);
            pidtab_publish(c->t, held[i], (struct proc *)(uintptr_t)(c->index + 1));
        }
        for (int i = 0; i < HELD; i++) {
            cr_assert(pidtab_get(c->t, held[i]) == (struct proc *)(uintptr_t)(c->index + 1));
            pidtab_hide(c->t, held[i]);
            pidtab_free(c->t, &cache, held[i]);
        }
    }
    pidtab_flush(c->t, &cache);
    return NULL;
}

Test(sched_pid, threads_never_share_a_number, .timeout = 60) {
    struct pidtab t;
    pidtab_init(&t);
    struct pid *seen = malloc(sizeof *seen * THREADS * ROUNDS * HELD);
    pthread_t threads[THREADS];
    struct churn churns[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        churns[i] = (struct churn){&t, i, seen + (size_t)i * ROUNDS * HELD};
        pthread_create(&threads[i], NULL, churn, &churns[i]);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    expect_distinct(seen, THREADS * ROUNDS * HELD);
    pidtab_destroy(&t);
    free(seen);
}
