/*
 * jsonschema: whether a Lua value fits a JSON Schema. Of the standard's keywords these are known, the others have no effect: type enum
 * const properties required additionalProperties items (one schema, or one for each place) minItems maxItems minProperties maxProperties
 * minLength maxLength minimum maximum exclusiveMinimum exclusiveMaximum (numbers, or true as in draft 4) pattern format
 * allOf anyOf oneOf not $ref (within the schema).
 *
 * Both are Lua values as programs have them, or with the markers of JSONDEC_EXACT. An empty Lua table is an array as well as an object.
 * No metamethod is called. Runs on the worker of the state; raises when it is out of memory.
 */
#ifndef VM_JSONSCHEMA_H
#define VM_JSONSCHEMA_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

/* Depth of schemas within schemas, and of data, along one path. */
#define JSONSCHEMA_DEPTH 128

/* All comparisons together; what takes more is refused rather than hold up the worker. */
#define JSONSCHEMA_STEPS 2000000

/*
 * Whether the value in stack slot `data` fits the schema in slot `schema` (both absolute). When not, or when the schema itself is wrong,
 * `why` (NUL-terminated, cut at cap) says where: "data.age: expected integer, got string", "schema: ...".
 */
bool jsonschema_check(lua_State *L, int schema, int data, char *why, size_t cap);

#endif
