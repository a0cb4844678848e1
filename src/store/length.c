/*
 * A data.mdb that was cut short kills whoever reads behind its end (SIGBUS), so its length is
 * checked at open. LMDB may leave pages at the end unwritten, but only free ones: every page behind
 * the end of the file must be in the free list.
 *
 * Happy path: the file is long enough, nothing else is read. Where it is not, the free list is
 * walked, itself perhaps in the part that is missing: a signal handler, in place for that walk
 * alone, makes SIGBUS an answer. Neighbours: env.c calls it before it opens tables.
 */
#include "store/env.h"
#include "store/error.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

static _Thread_local volatile sig_atomic_t guarded;
static _Thread_local sigjmp_buf guard;

static void on_sigbus(int sig)
{
	if (guarded)
		siglongjmp(guard, 1);
	/* Another thread's: back to the default, under which the access that caused it ends the
	 * process. */
	signal(sig, SIG_DFL);
}

/* How many of the pages of a free list's entry lie in [have, pages). */
static uint64_t count_behind(const MDB_val *v, uint64_t have, uint64_t pages)
{
	size_t n, page;
	uint64_t behind = 0;

	memcpy(&n, v->mv_data, sizeof(n));
	for (size_t i = 1; i <= n && (i + 1) * sizeof(page) <= v->mv_size; i++) {
		memcpy(&page, (const uint8_t *)v->mv_data + i * sizeof(page), sizeof(page));
		behind += page >= have && page < pages;
	}
	return behind;
}

/* The pages from `have` on that are not free, by a cursor on the free list. */
static int count_missing(MDB_cursor *cursor, uint64_t have, uint64_t pages, uint64_t *missing)
{
	MDB_val k, v;
	uint64_t behind = 0;
	int rc;

	while ((rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0)
		if (v.mv_size >= sizeof(size_t))
			behind += count_behind(&v, have, pages);
	*missing = pages - have > behind ? pages - have - behind : 0;
	return rc == MDB_NOTFOUND ? 0 : rc;
}

/* The same, alive when the list cannot be read. */
static int count_missing_guarded(
	MDB_cursor *cursor, uint64_t have, uint64_t pages, uint64_t *missing)
{
	struct sigaction action = {.sa_handler = on_sigbus}, old;
	volatile int rc = MDB_CORRUPTED;

	sigemptyset(&action.sa_mask);
	sigaction(SIGBUS, &action, &old);
	guarded = 1;
	if (sigsetjmp(guard, 1) == 0)
		rc = count_missing(cursor, have, pages, missing);
	guarded = 0;
	sigaction(SIGBUS, &old, NULL);
	return rc;
}

static int measure(struct store *store, uint64_t have, uint64_t pages, uint64_t *missing)
{
	MDB_cursor *cursor;
	MDB_txn *txn;
	int rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn);

	if (rc != 0)
		return rc;
	rc = mdb_cursor_open(txn, 0, &cursor);
	if (rc == 0) {
		rc = count_missing_guarded(cursor, have, pages, missing);
		mdb_cursor_close(cursor);
	}
	mdb_txn_abort(txn);
	return rc;
}

enum store_code store_check_length(struct store *store, struct store_error *err)
{
	uint64_t pages = store_env_pages(store), have, missing = 0;
	mdb_filehandle_t fd;
	struct stat st;
	int rc = mdb_env_get_fd(store->env, &fd);

	if (rc == 0 && fstat(fd, &st) != 0)
		rc = errno;
	if (rc != 0)
		return store_error_lmdb(err, rc, store->dir.path, "cannot look at data.mdb");
	have = (uint64_t)st.st_size / store->page_bytes;
	if (have >= pages)
		return STORE_OK;
	rc = measure(store, have, pages, &missing);
	if (rc != 0)
		missing = pages - have;
	if (missing == 0)
		return STORE_OK;
	return store_error_set(err, STORE_DAMAGED, rc,
		"%s: the store is damaged: data.mdb was cut short, up to %" PRIu64
		" pages of %" PRIu64 " are missing",
		store->dir.path, missing, pages);
}
