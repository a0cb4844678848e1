/*
 * The store's tests: their directory and their short forms.
 */
#include "scratch.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char top[200], state[256];

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

const char *scratch_dir(void)
{
	const char *tmp = getenv("TMPDIR");

	if (state[0])
		return state;
	snprintf(top, sizeof(top), "%s/dq-store-test-XXXXXX", tmp ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(top));
	snprintf(state, sizeof(state), "%s/state", top);
	return state;
}

void scratch_clean(void)
{
	if (top[0])
		nftw(top, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	top[0] = state[0] = '\0';
}

const char *scratch_path(const char *name)
{
	static char path[400];

	snprintf(path, sizeof(path), "%s/%s", scratch_dir(), name);
	return path;
}

bool scratch_exists(const char *name)
{
	return access(scratch_path(name), F_OK) == 0;
}

int scratch_count(void)
{
	DIR *dir = opendir(scratch_dir());
	int n = 0;

	if (!dir)
		return -1;
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 2;
}

struct store_options scratch_options(void)
{
	return (struct store_options){.dir = scratch_dir(), .limit_bytes = 64 << 20};
}

struct store *scratch_open(void)
{
	struct store_options options = scratch_options();
	struct store_error err = {.text = ""};
	struct store *store = NULL;

	ck_assert_msg(store_open(&options, &store, &err) == STORE_OK, "%s", err.text);
	ck_assert_ptr_nonnull(store);
	return store;
}

struct store *scratch_open_read_only(void)
{
	struct store_options options = scratch_options();
	struct store_error err = {.text = ""};
	struct store *store = NULL;

	options.read_only = true;
	ck_assert_msg(store_open(&options, &store, &err) == STORE_OK, "%s", err.text);
	return store;
}

int open_and_tell(const char *dir, bool read_only)
{
	struct store_options options = {.dir = dir, .limit_bytes = 64 << 20};
	struct store_info info = {.live = false};
	struct store *store = NULL;
	enum store_code code;

	options.read_only = read_only;
	code = store_open(&options, &store, NULL);
	if (code != STORE_OK)
		return (int)code;
	store_info(store, &info);
	store_close(&store);
	return info.live ? OPENED_LIVE : OPENED_STOPPED;
}

int read_for_ever(const char *dir)
{
	struct store_options options = {.dir = dir, .read_only = true};
	struct store_snapshot snapshot;
	struct store *store = NULL;

	if (store_open(&options, &store, NULL) != STORE_OK ||
		store_snapshot_begin(store, &snapshot, NULL) != STORE_OK ||
		write(STDOUT_FILENO, "r", 1) != 1)
		return EXIT_FAILURE;
	for (;;)
		pause();
}

enum store_code commit_one(struct store *store, uint64_t seq, enum table table, struct key key,
	const char *value, struct store_error *err)
{
	struct batch batch;
	enum store_code code;

	batch_init(&batch);
	if (value)
		batch_put(&batch, table, key, slice_str(value));
	else
		batch_del(&batch, table, key);
	code = store_commit(store, &batch, seq, err);
	batch_release(&batch);
	return code;
}

const char *read_one(struct store *store, enum table table, struct key key)
{
	static char text[256];
	struct store_snapshot snapshot;
	struct store_error err = {.text = ""};
	struct slice value;
	enum store_code code;

	ck_assert_int_eq(store_snapshot_begin(store, &snapshot, &err), STORE_OK);
	code = store_get(&snapshot, table, key, &value, &err);
	ck_assert_msg(code == STORE_OK || code == STORE_END, "%s", err.text);
	if (code == STORE_OK)
		snprintf(text, sizeof(text), "%" SLICE_FMT, SLICE_ARG(value));
	store_snapshot_end(&snapshot);
	return code == STORE_OK ? text : NULL;
}
