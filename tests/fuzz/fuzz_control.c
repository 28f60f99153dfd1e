/* Reads anything as a request of the control socket, and as rows. What is refused is refused with a reason and an answer that
 * is JSON; what is accepted has arguments of the types that the table asks for. */
#include "src/control_proto.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "src/rows.h"

static void expect_json(const struct text *out) {
    json_t *v = json_loadb(out->s, out->len, 0, NULL);
    if (out->failed || !json_is_object(v) || out->s[out->len - 1] != '\n' ||
        memchr(out->s, '\n', out->len - 1))
        abort();
    json_decref(v);
}

static void check_arguments(const struct control_request *r) {
    for (const struct control_arg *a = control_ops[r->op].args; a->name; a++) {
        json_t *v = control_any(r, a->name);
        if (a->required && !v)
            abort();
        if (v && ((a->type == CONTROL_STR && !control_str(r, a->name)) ||
                  (a->type == CONTROL_INT && control_int(r, a->name, -1) < 0) ||
                  (a->type == CONTROL_DUR && control_dur(r, a->name, -1) < 0) ||
                  (a->type == CONTROL_BOOL && !json_is_boolean(v)) ||
                  (a->type == CONTROL_LIST && !json_is_array(v))))
            abort();
    }
}

static void count_cells(void *ud, const struct rows_cell *cells, size_t n) {
    size_t *sum = ud;
    for (size_t i = 0; i < n; i++)
        *sum += cells[i].len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct control_request r;
    enum errkind kind;
    char err[256];
    struct text out;
    size_t sum = 0;
    text_open(&out);
    if (control_parse((const char *)data, size, &r, &kind, err, sizeof err)) {
        check_arguments(&r);
        control_begin_result(&out, r.id);
        text_str(&out, "{}");
        control_end_line(&out);
        control_request_free(&r);
    } else {
        if (!err[0])
            abort();
        control_put_error(&out, r.id, kind, err);
    }
    expect_json(&out);
    text_close(&out);
    if (rows_read((const char *)data, size, count_cells, &sum) && sum > size)
        abort();
    return 0;
}
