/*
 * The map from fingerprints to numbers; oamap.inc has the table.
 */
#include "base/fpmap.h"

#include "base/alloc.h"
#include "base/ensure.h"

#include <stdlib.h>
#include <string.h>

#define OAMAP(name) fpmap##name
#define OAMAP_KEY struct fp128

static bool key_eq(struct fp128 a, struct fp128 b)
{
	return fp128_eq(a, b);
}

static uint64_t key_hash(struct fp128 key)
{
	return key.lo ^ (key.hi >> 17);
}

static int key_odd(struct fp128 key)
{
	if (key.hi == 0 && key.lo == 0)
		return 0;
	return key.hi == UINT64_MAX && key.lo == UINT64_MAX ? 1 : -1;
}

#include "base/oamap.inc"
