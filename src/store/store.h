/*
 * The store: one LMDB environment in a state directory (doc/disk-format.md). It applies batches in
 * order on one thread of its own
 * ("dq-store"), each in a synced commit, and serves snapshots to readers.
 *
 * Threads: store_open, store_close, store_reopen and store_append belong to one thread, the owner.
 * Snapshots and scans belong to the thread that began them (one thread at a time). store_info,
 * store_room and store_stat may be called from any thread between open and close, though not during
 * a reopen. The completion callback runs in the store's thread.
 *
 * Errors: what can fail returns a store_code and describes it in *err (which may be NULL). STORE_OK
 * and STORE_END set nothing.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "model/ids.h"
#include "store/batch.h"
#include "store/keys.h"
#include "store/table.h"

/* The format this version writes; one above it is refused by name, an older one is migrated at
 * open. */
#define STORE_FORMAT 1

struct store;

enum store_code {
	STORE_OK = 0,
	STORE_END,          /* no such record; the scan is over */
	STORE_ABSENT,       /* read-only: there is no store in this directory */
	STORE_IN_USE,       /* another scheduler, or this process, has the directory */
	STORE_NETWORK_FS,   /* a network file system, and not forced */
	STORE_NEWER_FORMAT, /* written by a later version */
	STORE_NO_SPACE,     /* disk or limit full */
	STORE_DAMAGED,      /* not a store, or its pages are inconsistent */
	STORE_BAD_RECORD, /* one record fails its checksum: table and key tell which; others can be
			     read */
	STORE_FAILED,     /* an earlier commit failed: reopen */
	STORE_IO          /* any other error of the system */
};

struct store_error {
	enum store_code code;
	enum table table; /* of STORE_BAD_RECORD, else 0 */
	struct key key;   /* of STORE_BAD_RECORD */
	int sys;          /* errno, or LMDB's code (negative); 0: neither */
	char text[384];   /* one line: what failed: why */
};

enum store_durability {
	STORE_STRICT,  /* every commit synced */
	STORE_RELAXED, /* the same here; who replies early is the scheduler's affair */
	STORE_VOLATILE /* no syncs: may be inconsistent after a power cut */
};

/* Told once for each batch appended, in order, in the store's thread. error is NULL when it is on
 * stable storage, and lives for the call. It must not call back into the store, except store_room
 * and store_stat. The batch is the caller's again. */
typedef void store_done_fn(void *arg, uint64_t seq, const struct store_error *error);

struct store_options {
	const char *dir;                  /* made with its missing last component, 0700 */
	uint64_t limit_bytes;             /* 0: STORE_LIMIT_DEFAULT; the file never grows past it */
	enum store_durability durability; /* ignored when read-only */
	bool force_network_fs;
	uint64_t epoch_above; /* the epoch allotted is above this one too (a store loaded from a
				 dump) */
	bool read_only;       /* creates nothing and changes nothing; no thread; see below */
	store_done_fn *done;  /* may be NULL when only store_commit is used */
	void *done_arg;
};

#define STORE_LIMIT_DEFAULT (1ull << 40)
#define STORE_LIMIT_MIN (1ull << 20)

/*
 * Opens, or makes, the store of options->dir and allots a new epoch, in one synced commit. Stale
 * readers are cleared. Read-only: a live store is read through LMDB's reader table, which does not
 * disturb it; a stopped one is locked (flock, shared) against a scheduler's start and read without
 * a lock file. Either way no epoch is allotted. On an error *store is NULL.
 */
enum store_code store_open(
	const struct store_options *options, struct store **store, struct store_error *err);

/* Waits for the batches appended, then closes. All snapshots must have ended. Accepts NULL, sets
 * NULL. */
void store_close(struct store **store);

/* Closes and opens again, under a new epoch and with the directory locked throughout: the way on
 * after a failed commit. Batches still queued complete first, after a failure with STORE_FAILED.
 * All snapshots must have ended. On an error nothing but store_reopen, again, or store_close may
 * follow. */
enum store_code store_reopen(struct store *store, struct store_error *err);

struct store_info {
	uint32_t format;
	uint8_t store_id[STORE_ID_BYTES];
	uint64_t epoch;   /* allotted at open; read-only: the stored one */
	uint64_t applied; /* sequence number of the last batch committed (read-only: at open) */
	bool live;        /* read-only: a scheduler has the directory */
};

void store_info(const struct store *store, struct store_info *info);

/*
 * Appends a batch under the next sequence number: seq must be above those appended before and above
 * info.applied, or the batch is a no-op that completes well (it has been applied already). Never
 * blocks; the batch is borrowed until its completion.
 */
void store_append(struct store *store, struct batch *batch, uint64_t seq);

/* Appends and waits, for tests and tools: the same path, but the callback is not told. */
enum store_code store_commit(
	struct store *store, struct batch *batch, uint64_t seq, struct store_error *err);

/* --- Reading --- */

/* A consistent view of the last commit. While it stands, pages that later commits free are not used
 * again: never hold one across a wait for a peer. */
struct store_snapshot {
	struct store *store;
	void *txn;
	bool parked;
};

enum store_code store_snapshot_begin(
	struct store *store, struct store_snapshot *snapshot, struct store_error *err);
/* Lets go of the view, keeps the reader slot; only renew or end may follow. */
void store_snapshot_park(struct store_snapshot *snapshot);
/* A view of the last commit; slices and scans of the old one are void. Cheap: no system call. */
enum store_code store_snapshot_renew(struct store_snapshot *snapshot, struct store_error *err);
/* Accepts one that was never begun (zeroed). */
void store_snapshot_end(struct store_snapshot *snapshot);

/* The value of a key, checksum verified and taken off. It points into the store until the snapshot
 * is renewed or ends. */
enum store_code store_get(struct store_snapshot *snapshot, enum table table, struct key key,
	struct slice *value, struct store_error *err);
/* Every record of a table, in key order, from a key on (NULL: the first). */
struct store_scan {
	struct store_snapshot *snapshot;
	void *cursor;
	enum table table;
	struct key from;
	bool started;
	struct key last; /* keys must ascend: a loop in damaged pages ends */
	uint64_t left;   /* entries the table says it has: a loop in damaged pages ends */
};

enum store_code store_scan_begin(struct store_scan *scan, struct store_snapshot *snapshot,
	enum table table, const struct key *from, struct store_error *err);
/* The next record. After STORE_BAD_RECORD key is set, value is not, and the call after it goes on
 * behind that record. */
enum store_code store_scan_next(
	struct store_scan *scan, struct slice *key, struct slice *value, struct store_error *err);
/* Must come before its snapshot ends. Accepts one that was never begun (zeroed). */
void store_scan_end(struct store_scan *scan);

/* --- Room and figures --- */

/* Of the limit, low water is kept from requests that grow the store; half of it, the reserve, from
 * all that does not free space or is not the epoch of a start. A sixteenth of the limit or of the
 * disk, the smaller of them, within these bounds. */
#define STORE_LOW_WATER_MIN (256u << 10)
#define STORE_LOW_WATER_MAX (64u << 20)

struct store_room {
	uint64_t bytes;     /* what may still be added before the limit or the disk is full */
	uint64_t low_water; /* bytes at or below it: refuse what grows */
	uint64_t reserve;   /* at or below it: serve only what frees space */
};

/* Cheap enough for each request: looks at the disk and the free list at most every 50 ms, and only
 * when room is short. */
void store_room(struct store *store, struct store_room *room);

struct store_table_stat {
	uint64_t entries;
	uint64_t bytes; /* pages it takes */
	uint32_t depth;
};

struct store_stat {
	uint32_t page_bytes;
	uint64_t pages;        /* in the file, up to the highest ever used */
	uint64_t pages_free;   /* of them, for use again */
	uint64_t pages_pinned; /* of the free ones, not usable while the oldest reader stands */
	uint64_t file_bytes;
	uint64_t limit_bytes;
	uint32_t readers;
	double oldest_reader_s; /* 0: none that pins anything; read-only: not known, 0 */
	uint32_t oldest_reader_pid;
	uint64_t commits;     /* since open */
	uint64_t sync_p50_us; /* of a commit with its syncs, since open */
	uint64_t sync_p99_us;
	struct store_table_stat table[TABLE_END];
};

enum store_code store_stat(struct store *store, struct store_stat *stat, struct store_error *err);

#endif
