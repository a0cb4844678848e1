/*
 * The elements of an array's future: how each ended, in chunks that are made when something in them
 * ends. Under the client's lock.
 */
#ifndef CLIENT_ARRAY_H
#define CLIENT_ARRAY_H

#include "base/map64.h"
#include "client/futures.h"

#include <stdint.h>

#define CHUNK_ELEMENTS 4096u

struct chunk {
	uint32_t ended;
	struct ended *v[];
};

struct array {
	uint64_t count, ended;
	uint64_t failed, cancelled; /* of the ended */
	uint32_t first_index;       /* of the first element, in keys; here they count from 0 */
	uint64_t first_bad;    /* the first element that ended, and not well; UINT64_MAX: none */
	struct chunk **chunks; /* each NULL until needed */
	struct map64 elements; /* index -> first handle of that element, chained by next_same */
};

/* NULL: out of memory. */
struct array *array_new(uint64_t count);
void array_free(struct array **a);
/* How the element ended, or NULL. */
struct ended *array_get(const struct array *a, uint64_t index);
/* Elements at .. at+count-1 ended so; those that had are skipped; their handles' taps fire. False:
 * out of memory. */
bool array_end(struct array *a, uint64_t at, uint64_t count, struct ended *e);
/* It has not ended any more. */
void array_again(struct array *a, uint64_t index);
uint32_t chunk_size(const struct array *a, uint64_t chunk);

#endif
