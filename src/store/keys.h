/*
 * Every key layout of the store, both ways: tuples of big-endian numbers, so that byte order is
 * number order (doc/disk-format.md). Plain values; any thread. A key_read_* answers false when the
 * bytes are not such a key, and then sets nothing.
 */
#ifndef STORE_KEYS_H
#define STORE_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "store/table.h"

#define KEY_MAX_BYTES 24

struct key {
	uint8_t b[KEY_MAX_BYTES];
	uint8_t n; /* bytes used */
};

/* The names in `meta`. All but counters are the store's own: a batch may write counters alone. */
#define META_FORMAT "format"
#define META_STORE "store"
#define META_EPOCH "epoch"
#define META_APPLIED "applied"
#define META_COUNTERS "counters"

struct key key_meta(const char *name); /* name: at most KEY_MAX_BYTES bytes */
struct key key_block(uint64_t first_id);
struct key key_task(uint64_t id, uint16_t round);   /* round 0: the id alone */
struct key key_gone(uint64_t first_id);             /* of the chunk */
struct key key_lease(uint64_t epoch, uint64_t seq); /* fence of the bundle's first entry */
struct key key_session(uint32_t session);
struct key key_reply(uint32_t session, uint64_t seq);
struct key key_hold(uint32_t session, uint64_t id);
struct key key_worker(uint32_t worker);
struct key key_user(uint32_t user);
struct key key_work(uint64_t seq);
struct key key_thing(uint64_t number);
struct key key_entry(uint64_t thing, uint64_t cursor);
struct key key_amend(uint64_t first_id);                   /* of the block */
struct key key_stage(uint32_t session, uint64_t first_id); /* first_id 0: the stage's head */

struct key key_item(uint64_t thing, uint32_t rank, uint64_t seq);
struct key key_delivery(uint64_t thing, uint32_t rank, uint64_t seq); /* of that item */
struct key key_grant(uint32_t session, uint64_t request);

bool key_read_block(struct slice key, uint64_t *first_id);
bool key_read_task(struct slice key, uint64_t *id, uint16_t *round);
bool key_read_gone(struct slice key, uint64_t *first_id);
bool key_read_lease(struct slice key, uint64_t *epoch, uint64_t *seq);
bool key_read_session(struct slice key, uint32_t *session);
bool key_read_reply(struct slice key, uint32_t *session, uint64_t *seq);
bool key_read_hold(struct slice key, uint32_t *session, uint64_t *id);
bool key_read_worker(struct slice key, uint32_t *worker);
bool key_read_user(struct slice key, uint32_t *user);
bool key_read_work(struct slice key, uint64_t *seq);
bool key_read_thing(struct slice key, uint64_t *number);
bool key_read_entry(struct slice key, uint64_t *thing, uint64_t *cursor);
bool key_read_amend(struct slice key, uint64_t *first_id);
bool key_read_stage(struct slice key, uint32_t *session, uint64_t *first_id);
bool key_read_item(struct slice key, uint64_t *thing, uint32_t *rank, uint64_t *seq);
bool key_read_delivery(struct slice key, uint64_t *thing, uint32_t *rank, uint64_t *seq);
bool key_read_grant(struct slice key, uint32_t *session, uint64_t *request);

/* True when the bytes have the layout of a key of this table. */
bool key_fits(enum table table, struct slice key);

/* The key as people read it, such as "task 3.17", "lease 1763832000.5" or "meta counters"; bytes
 * that do not fit the table come as hex. Always ends in NUL within size. Returns out. */
#define KEY_TEXT_BYTES 80
char *key_text(enum table table, struct slice key, char *out, size_t size);

/* A key of the same bytes; ensure: at most KEY_MAX_BYTES. */
struct key key_of_slice(struct slice key);
struct slice key_slice(const struct key *key);

#endif
