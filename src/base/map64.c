/*
 * The map from numbers to numbers; oamap.inc has the table.
 */
#include "base/map64.h"

#include "base/alloc.h"
#include "base/ensure.h"
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

#define OAMAP(name) map64##name
#define OAMAP_KEY uint64_t

static bool key_eq(uint64_t a, uint64_t b)
{
	return a == b;
}

static uint64_t key_hash(uint64_t key)
{
	return hash_mix64(key);
}

static int key_odd(uint64_t key)
{
	return key == 0 ? 0 : key == UINT64_MAX ? 1 : -1;
}

#include "base/oamap.inc"
