/*
 * The one form of JSON (RFC 8259) that is a request: {"input": [numbers]}, or the array alone.
 */
#ifndef JSON_H
#define JSON_H

#include <stddef.h>

/* Reads the numbers of a body, `most` at most. Returns how many there are, or -1 if it is of no such form. */
int json_numbers(const char *body, size_t len, double *numbers, int most);

#endif
