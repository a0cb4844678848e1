/*
 * The seal: 8 bytes behind every stored value, XXH3-64 of the table's byte, the key and the value,
 * little-endian. A record that was damaged, or stands under another key, does not verify. Any
 * thread.
 */
#ifndef STORE_SEAL_H
#define STORE_SEAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "store/table.h"

#define SEAL_BYTES 8

void seal_write(uint8_t out[SEAL_BYTES], uint64_t hash);

/* Verifies a value as LMDB holds it and takes the seal off. False: it does not verify. */
bool seal_open(enum table table, struct slice key, struct slice *value);

#endif
