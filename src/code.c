#include "src/code.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

static const enum vm_compat compats[] = {
    [CFG_COMPAT_SEED] = VM_COMPAT_SEED, [CFG_COMPAT_WIPPY] = VM_COMPAT_WIPPY};

static enum vm_compat compat_of(int compat) {
    return compat == CFG_UNSET ? VM_COMPAT_INHERIT : compats[compat];
}

static enum vm_entry_kind kind_of(enum cfg_kind kind) {
    switch (kind) {
    case CFG_KIND_PROCESS:
        return VM_PROCESS;
    case CFG_KIND_FUNCTION:
        return VM_FUNCTION;
    case CFG_KIND_LIBRARY:
        return VM_LIBRARY;
    default:
        return VM_OTHER;
    }
}

bool code_check(void *ud, const struct cfg_code *code, char *err, size_t cap, int *line) {
    char why[1024];
    if (vm_check_source(code->source.text, code->source.len, code->source.name, compat_of(code->compat), why,
                        sizeof why, line))
        return true;
    /* The report names the place: what Lua puts before its message would only repeat it. */
    char place[512];
    int n = snprintf(place, sizeof place, "%s:%d: ", code->source.name + 1, *line);
    bool repeated = *line && n > 0 && (size_t)n < sizeof place && strncmp(why, place, (size_t)n) == 0;
    snprintf(err, cap, "%s", repeated ? why + n : why);
    return false;
}

static bool add(struct vm_code *set, const struct cfg_entry *e, char *err, size_t cap) {
    struct vm_entry_def def = {.id = e->id,
                               .kind = kind_of(e->kind),
                               .method = "",
                               .chunk_name = "=",
                               .source = "",
                               .compat = VM_COMPAT_INHERIT,
                               .script = e->script};
    struct vm_import_def *imports = NULL;
    if (cfg_is_code(e)) {
        const struct cfg_code *code = e->code;
        imports = mem_calloc(code->imports.n + 1, sizeof *imports);
        if (!imports) {
            snprintf(err, cap, "%s: not enough memory", e->id);
            return false;
        }
        for (size_t i = 0; i < code->imports.n; i++)
            imports[i] = (struct vm_import_def){code->imports.v[i].alias, code->imports.v[i].entry->id};
        def.method = code->method ? code->method : "";
        def.chunk_name = code->source.name;
        def.source = code->source.text;
        def.source_len = code->source.len;
        def.compat = compat_of(code->compat);
        def.limited = code->modules.given;
        def.modules = code->modules.v;
        def.module_count = code->modules.n;
        def.imports = imports;
        def.import_count = code->imports.n;
        def.default_host = code->host ? code->host->id : NULL;
    }
    int line;
    bool ok = vm_code_add(set, &def, err, cap, &line);
    mem_free(imports);
    return ok;
}

struct vm_code *code_compile(const struct config *c, char *err, size_t cap) {
    struct vm_code *set = vm_code_new();
    if (!set) {
        snprintf(err, cap, "not enough memory for the code");
        return NULL;
    }
    for (size_t i = 0; i < cfg_entry_count(c); i++)
        if (!add(set, cfg_entry_at(c, i), err, cap)) {
            vm_code_free(set);
            return NULL;
        }
    return set;
}
