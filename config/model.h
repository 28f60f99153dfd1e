/*
 * The inside of a loaded configuration, for the modules of config/ that make, print and compare it.
 */
#ifndef TROUPE_CONFIG_MODEL_H
#define TROUPE_CONFIG_MODEL_H

#include "config/arena.h"
#include "config/config.h"
#include "config/fields.h"
#include "config/strmap.h"

#include <stdatomic.h>

struct config {
    _Atomic size_t refs;
    struct arena arena; /* everything below; not touched once loading is over */
    struct cfg_settings settings;
    struct {
        struct cfg_entry **v;
        size_t n, cap;
    } entries;
    struct strmap by_id; /* struct cfg_entry */
    struct {
        struct cfg_refs *v;
        size_t n;
    } levels;
    const struct cfg_entry **scripts;
    const struct cfg_entry *default_host;
};

/* Where the value of a field is, in the struct of the field's base. */
static inline const void *model_field(const void *base, const struct field *f) {
    return (const char *)base + f->offset;
}

#endif
