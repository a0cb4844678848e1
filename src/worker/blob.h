/*
 * Bytes that several hold: results and inputs, in memory or in a file. Counted references; whoever
 * drops the last one frees it. Any thread.
 */
#ifndef WORKER_BLOB_H
#define WORKER_BLOB_H

#include "base/slice.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct blob {
	atomic_uint refs;
	size_t n;
	uint64_t checksum;    /* of the bytes: XXH3-64 */
	const uint8_t *bytes; /* NULL: a file not mapped yet */
	void *heap;           /* malloc'd memory, or NULL */
	void *map;            /* mapping that the bytes lie in, or NULL */
	size_t map_bytes;
	char *path;            /* file, or NULL */
	bool temporary;        /* remove the file at the end */
	atomic_size_t *budget; /* n was counted here; given back at the end; or NULL */
};

/* Each takes over what it is given, and returns one reference. The checksum is the caller's to set.
 */
struct blob *blob_of_heap(void *heap, size_t n);
/* The bytes lie inside the mapping. */
struct blob *blob_of_map(void *map, size_t map_bytes, struct slice bytes);
struct blob *blob_of_file(const char *path, size_t n, uint64_t checksum);
/*
 * Room for n bytes to be written by its maker: memory, or from file_from bytes on a file at path,
 * removed at the end. NULL: errno.
 */
struct blob *blob_new_room(size_t n, size_t file_from, const char *path, uint8_t **room);

struct blob *blob_ref(struct blob *b);
void blob_unref(struct blob **b);
/* Removes its file now, if it has one; who holds a reference keeps the bytes. */
void blob_forget(struct blob *b);
bool blob_is_file(const struct blob *b);
/* Its bytes, valid as long as the reference; maps a file at first. False: errno. */
bool blob_bytes(struct blob *b, struct slice *out);
/* Makes a file at path (which must not be there) with the bytes: a link where it can be, else a
 * copy. False: errno. */
bool blob_to_file(struct blob *b, const char *path);
/* Writes all to a new file (0400) and, if asked, syncs it. False: errno; nothing is left then. */
bool bytes_to_file(struct slice bytes, const char *path, bool sync);

#endif
