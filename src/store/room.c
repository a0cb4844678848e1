/*
 * How much room there is, and the figures of dq-inspect stat and status.
 *
 * Room is what the limit and the disk leave behind the highest page ever used, plus, once that is
 * short, the free pages that no reader pins. Free pages are counted by a walk of LMDB's free list,
 * so only then, and every 50 ms at most. The store thread has the disk set blocks aside ahead of
 * the file, so that a full disk is met here, not in the middle of a commit.
 */
#define LOG_COMPONENT "store"
#include "store/env.h"
#include "store/error.h"

#include "base/clock.h"
#include "base/log.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define ROOM_AGE_US 50000
#define READERS_EVERY_US US_PER_S
#define AHEAD_MIN (1u << 20)
#define AHEAD_MAX (64u << 20)
#define PLENTY_FACTOR 4

static uint64_t clamp(uint64_t v, uint64_t low, uint64_t high)
{
	return v < low ? low : v > high ? high : v;
}

/* Sets blocks aside behind the end of the file. A disk that cannot is full or does not know how:
 * either way the next commit tells. */
static void reserve_ahead(struct store *store)
{
	uint64_t used = store_env_pages(store) * store->page_bytes;
	uint64_t ahead = clamp(used / 8, AHEAD_MIN, AHEAD_MAX), to = used + ahead;
	mdb_filehandle_t fd;

	if (used + ahead / 2 < store->reserved_to || mdb_env_get_fd(store->env, &fd) != 0)
		return;
	if (to > store->limit_bytes)
		to = store->limit_bytes;
	store->reserved_to = used + ahead;
	if (to > used)
		(void)fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)used, (off_t)(to - used));
}

/* A reader that was killed pins pages until its slot is cleared. */
static void clear_dead_readers(struct store *store, uint64_t now_us)
{
	int dead = 0;

	if (now_us - store->readers_at_us < READERS_EVERY_US)
		return;
	store->readers_at_us = now_us;
	if (mdb_reader_check(store->env, &dead) == 0 && dead > 0)
		log_info("%d reader slots of processes that died were cleared", dead);
}

void store_note_commit(struct store *store, uint64_t txn, uint64_t took_us)
{
	uint64_t now_us = clock_mono_us();

	reserve_ahead(store);
	clear_dead_readers(store, now_us);
	pthread_mutex_lock(&store->figures_lock);
	store->commits++;
	hist_record(&store->sync_us, took_us);
	store->ages[store->ages_at++ % STORE_AGES] =
		(struct commit_age){.txn = txn, .mono_us = now_us};
	pthread_mutex_unlock(&store->figures_lock);
}

/* --- Readers --- */

struct readers {
	uint32_t count, oldest_pid;
	uint64_t oldest;
};

/* LMDB tells of readers in lines: process, thread, and the transaction or "-". */
static int on_reader(const char *line, void *arg)
{
	struct readers *readers = arg;
	unsigned long pid, thread;
	uint64_t txn;

	if (sscanf(line, "%lu %lx %" SCNu64, &pid, &thread, &txn) != 3)
		return 0;
	readers->count++;
	if (txn < readers->oldest) {
		readers->oldest = txn;
		readers->oldest_pid = (uint32_t)pid;
	}
	return 0;
}

uint64_t store_oldest_reader(struct store *store, uint32_t *count, uint32_t *pid)
{
	struct readers readers = {.oldest = UINT64_MAX};

	mdb_reader_list(store->env, on_reader, &readers);
	*count = readers.count;
	*pid = readers.oldest_pid;
	return readers.oldest;
}

/* How long ago the commit after this view was made: since then it pins pages. Views older than what
 * is remembered count from the oldest remembered commit. */
static double view_age_s(struct store *store, uint64_t txn)
{
	uint64_t now = clock_mono_us(), since = now;

	pthread_mutex_lock(&store->figures_lock);
	for (unsigned i = 0; i < STORE_AGES; i++) {
		const struct commit_age *age = &store->ages[i];

		if (age->txn > txn && age->mono_us < since)
			since = age->mono_us;
	}
	pthread_mutex_unlock(&store->figures_lock);
	return (double)(now - since) / 1e6;
}

/* --- The free list --- */

/* An entry's key is the transaction that freed the pages; its value their count, then their
 * numbers. */
int store_count_free(MDB_txn *txn, uint64_t oldest, uint64_t *free_pages, uint64_t *pinned)
{
	MDB_cursor *cursor;
	MDB_val k, v;
	int rc = mdb_cursor_open(txn, 0, &cursor);

	*free_pages = *pinned = 0;
	if (rc != 0)
		return rc;
	while ((rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0) {
		size_t freed_by = 0, n = 0;

		if (k.mv_size != sizeof(freed_by) || v.mv_size < sizeof(n)) {
			rc = MDB_CORRUPTED;
			break;
		}
		memcpy(&freed_by, k.mv_data, sizeof(freed_by));
		memcpy(&n, v.mv_data, sizeof(n));
		*free_pages += n;
		if (freed_by >= oldest)
			*pinned += n;
	}
	mdb_cursor_close(cursor);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static uint64_t count_usable(struct store *store)
{
	uint64_t free_pages = 0, pinned = 0, oldest;
	uint32_t readers, pid;
	MDB_txn *txn;

	oldest = store_oldest_reader(store, &readers, &pid);
	if (mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn) != 0)
		return 0;
	if (store_count_free(txn, oldest, &free_pages, &pinned) != 0)
		free_pages = pinned = 0;
	mdb_txn_abort(txn);
	return (free_pages - pinned) * store->page_bytes;
}

/* --- Room --- */

struct disk {
	uint64_t room; /* what it still gives the file behind its highest page */
	uint64_t size; /* of the whole file system */
};

static struct disk look_at_disk(struct store *store, uint64_t used)
{
	struct disk disk = {UINT64_MAX, UINT64_MAX};
	mdb_filehandle_t fd;
	struct statvfs fs;
	struct stat st;
	uint64_t blocks;

	/* a file system without a size has no limit either */
	if (mdb_env_get_fd(store->env, &fd) != 0 || fstatvfs(fd, &fs) != 0 || fstat(fd, &st) != 0 ||
		fs.f_blocks == 0)
		return disk;
	disk.size = (uint64_t)fs.f_blocks * fs.f_frsize;
	blocks = (uint64_t)st.st_blocks * 512;
	disk.room = (uint64_t)fs.f_bavail * fs.f_frsize + (blocks > used ? blocks - used : 0);
	return disk;
}

static void measure_room(struct store *store, struct store_room *room)
{
	uint64_t used = store_env_pages(store) * store->page_bytes;
	uint64_t left = store->limit_bytes > used ? store->limit_bytes - used : 0;
	struct disk disk = look_at_disk(store, used);
	uint64_t most = store->limit_bytes < disk.size ? store->limit_bytes : disk.size;

	room->bytes = left < disk.room ? left : disk.room;
	room->low_water = clamp(most / 16, STORE_LOW_WATER_MIN, STORE_LOW_WATER_MAX);
	room->reserve = room->low_water / 2;
	if (room->bytes < PLENTY_FACTOR * room->low_water)
		room->bytes += count_usable(store);
}

void store_room(struct store *store, struct store_room *room)
{
	uint64_t now = clock_mono_us();

	pthread_mutex_lock(&store->figures_lock);
	*room = store->room;
	if (store->room_at_us != 0 && now - store->room_at_us < ROOM_AGE_US) {
		pthread_mutex_unlock(&store->figures_lock);
		return;
	}
	store->room_at_us = now;
	pthread_mutex_unlock(&store->figures_lock);

	measure_room(store, room);
	pthread_mutex_lock(&store->figures_lock);
	store->room = *room;
	pthread_mutex_unlock(&store->figures_lock);
}

/* --- Figures --- */

static int stat_tables(struct store *store, MDB_txn *txn, struct store_stat *stat)
{
	MDB_stat st;
	int rc = 0;

	for (unsigned t = TABLE_META; t < TABLE_END && rc == 0; t++) {
		rc = mdb_stat(txn, store->dbi[t], &st);
		if (rc != 0)
			break;
		stat->table[t].entries = st.ms_entries;
		stat->table[t].depth = st.ms_depth;
		stat->table[t].bytes =
			((uint64_t)st.ms_branch_pages + st.ms_leaf_pages + st.ms_overflow_pages) *
			store->page_bytes;
	}
	return rc;
}

static void stat_commits(struct store *store, struct store_stat *stat)
{
	pthread_mutex_lock(&store->figures_lock);
	stat->commits = store->commits;
	stat->sync_p50_us = hist_percentile(&store->sync_us, 50);
	stat->sync_p99_us = hist_percentile(&store->sync_us, 99);
	pthread_mutex_unlock(&store->figures_lock);
}

static uint64_t stat_readers(struct store *store, struct store_stat *stat)
{
	uint64_t oldest = store_oldest_reader(store, &stat->readers, &stat->oldest_reader_pid);

	if (oldest != UINT64_MAX && !store->read_only)
		stat->oldest_reader_s = view_age_s(store, oldest);
	return oldest;
}

static void stat_file(struct store *store, struct store_stat *stat)
{
	mdb_filehandle_t fd;
	struct stat st;

	stat->page_bytes = store->page_bytes;
	stat->pages = store_env_pages(store);
	stat->limit_bytes = store->limit_bytes;
	if (mdb_env_get_fd(store->env, &fd) == 0 && fstat(fd, &st) == 0)
		stat->file_bytes = (uint64_t)st.st_size;
}

enum store_code store_stat(struct store *store, struct store_stat *stat, struct store_error *err)
{
	uint64_t oldest;
	MDB_txn *txn;
	int rc;

	*stat = (struct store_stat){.page_bytes = 0};
	/* Before a reader of its own stands among them. */
	oldest = stat_readers(store, stat);
	stat_file(store, stat);
	stat_commits(store, stat);
	rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn);
	if (rc != 0)
		return store_error_lmdb(err, rc, store->dir.path, "cannot begin a snapshot");
	rc = stat_tables(store, txn, stat);
	if (rc == 0)
		rc = store_count_free(txn, oldest, &stat->pages_free, &stat->pages_pinned);
	mdb_txn_abort(txn);
	if (rc != 0)
		return store_error_lmdb(err, rc, store->dir.path, "cannot count pages");
	return STORE_OK;
}
