/*
 * Seals of records. Neighbours: apply.c writes them, read.c and meta.c verify. XXH3 gives the same
 * number in one piece and in pieces; small records are copied together first, since one piece is
 * several times as fast.
 */
#include "store/seal.h"

#include "base/hash.h"

#include <string.h>

#define SEAL_ONE_PIECE 1024

void seal_write(uint8_t out[SEAL_BYTES], uint64_t hash)
{
	for (int i = 0; i < SEAL_BYTES; i++)
		out[i] = (uint8_t)(hash >> (8 * i));
}

static uint64_t hash_pieces(uint8_t table, struct slice key, struct slice value)
{
	struct hasher hasher;

	hasher_init(&hasher);
	hasher_update(&hasher, &table, 1);
	hasher_update(&hasher, key.p, key.n);
	hasher_update(&hasher, value.p, value.n);
	return hasher_hash64(&hasher);
}

static uint64_t seal_hash(enum table table, struct slice key, struct slice value)
{
	uint8_t piece[SEAL_ONE_PIECE];
	size_t n = 1 + key.n + value.n;

	if (n > sizeof(piece))
		return hash_pieces((uint8_t)table, key, value);
	piece[0] = (uint8_t)table;
	memcpy(piece + 1, key.p, key.n);
	memcpy(piece + 1 + key.n, value.p, value.n);
	return hash64(slice_of(piece, n));
}

bool seal_open(enum table table, struct slice key, struct slice *value)
{
	uint8_t want[SEAL_BYTES];
	struct slice body;

	if (value->n < SEAL_BYTES || key.n == 0)
		return false;
	body = slice_of(value->p, value->n - SEAL_BYTES);
	seal_write(want, seal_hash(table, key, body));
	if (memcmp(want, body.p + body.n, SEAL_BYTES) != 0)
		return false;
	*value = body;
	return true;
}
