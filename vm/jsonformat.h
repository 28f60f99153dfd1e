/*
 * jsonformat: the formats of JSON Schema that are checked: email, uri, date-time. Strict after RFC 5321/5322 (plain addresses, no quoted
 * local part or comment), RFC 3986 (an absolute URI) and RFC 3339. Pure functions, callable from any thread.
 */
#ifndef VM_JSONFORMAT_H
#define VM_JSONFORMAT_H

#include <stdbool.h>
#include <stddef.h>

/* Whether the text is of that format; true for a format that is not known, as JSON Schema wants it. */
bool jsonformat_check(const char *format, size_t format_len, const char *text, size_t len);

#endif
