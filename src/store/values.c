/*
 * Values in files (values.h). The owner's thread writes uploads; the store's thread, with the batch
 * that names one, syncs it, gives it its name and syncs the directory, once a batch; with the batch
 * that forgets one it removes it, after the commit: a file that is left over is swept at the next
 * start, one that is missing is a value lost.
 *
 * Failures: an upload that cannot be written is its sender's failure; one that cannot be synced or
 * renamed fails the batch, as any other write would.
 */
#define LOG_COMPONENT "store"
#include "store/values.h"

#include "store/env.h"
#include "store/error.h"

#include "base/alloc.h"
#include "base/ensure.h"
#include "base/fault.h"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define VALUES_NAME "values"
#define PATH_TAIL_BYTES 64

static char *dir_path(const struct store *store)
{
	return store_dir_path(&store->dir, VALUES_NAME);
}

static char *upload_path(const struct store *store, uint64_t number)
{
	return xasprintf("%s/" VALUES_NAME "/%" PRIu64 ".part", store->dir.path, number);
}

static char *value_path(const struct store *store, uint64_t id, uint32_t generation)
{
	return xasprintf(
		"%s/" VALUES_NAME "/%" PRIu64 ".%" PRIu32, store->dir.path, id, generation);
}

static enum store_code fail(
	const struct store *store, struct store_error *err, int sys, const char *what)
{
	return store_error_lmdb(err, sys, store->dir.path, what);
}

/* ---- uploads ---- */

/* The directory is made with the first upload, durably: a commit may name a file in it. */
static enum store_code make_dir(struct store *store, struct store_error *err)
{
	char *path = dir_path(store);
	int rc = mkdir(path, 0700) == 0 || errno == EEXIST ? 0 : errno;

	free(path);
	if (rc != 0)
		return fail(store, err, rc, "cannot make " VALUES_NAME);
	return store_dir_sync(&store->dir, err);
}

static int write_all(int fd, struct slice bytes, uint64_t offset)
{
	size_t done = 0;

	while (done < bytes.n) {
		ssize_t n = pwrite(fd, bytes.p + done, bytes.n - done, (off_t)(offset + done));

		if (n < 0 && errno != EINTR)
			return errno;
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

enum store_code store_upload_write(struct store *store, uint64_t number, uint64_t offset,
	uint64_t total, struct slice bytes, struct store_error *err)
{
	int flags = O_WRONLY | O_CLOEXEC | (offset ? 0 : O_CREAT | O_TRUNC), fd, rc;
	char *path = upload_path(store, number);
	struct store_room room;

	ensure(!store->read_only && offset <= total && bytes.n <= total - offset);
	store_room(store, &room);
	if (!offset && (room.bytes < room.low_water || room.bytes - room.low_water < total)) {
		free(path);
		return store_error_set(err, STORE_NO_SPACE, 0, "the store is full");
	}
	fd = open(path, flags, 0600);
	if (fd < 0 && errno == ENOENT && !offset && make_dir(store, err) == STORE_OK)
		fd = open(path, flags, 0600);
	rc = fd < 0 ? errno : fault_point("store.upload");
	if (rc == 0)
		rc = write_all(fd, bytes, offset);
	if (fd >= 0)
		close(fd);
	free(path);
	return rc == 0 ? STORE_OK : fail(store, err, rc, "cannot write a value");
}

void store_upload_drop(struct store *store, uint64_t number)
{
	char *path = upload_path(store, number);

	if (unlink(path) != 0 && errno != ENOENT)
		log_warn("%s: %s", path, strerror(errno));
	free(path);
}

/* ---- with a batch: the store's thread ---- */

static int sync_file(const struct store *store, const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC), rc;

	if (fd < 0)
		return errno;
	rc = store->durability == STORE_VOLATILE || fdatasync(fd) == 0 ? 0 : errno;
	close(fd);
	return rc;
}

static int sync_dir(const struct store *store)
{
	char *path = dir_path(store);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

	free(path);
	if (fd < 0)
		return errno;
	rc = store->durability == STORE_VOLATILE || fsync(fd) == 0 ? 0 : errno;
	close(fd);
	return rc;
}

static int keep_one(const struct store *store, const struct batch_file *f)
{
	char *from = upload_path(store, f->upload), *to = value_path(store, f->id, f->generation);
	int rc = fault_point("store.value.sync");

	if (rc == 0)
		rc = sync_file(store, from);
	if (rc == 0 && rename(from, to) != 0)
		rc = errno;
	free(from);
	free(to);
	return rc;
}

int store_values_keep(const struct store *store, const struct batch *batch)
{
	bool any = false;
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < batch->nfiles; i++) {
		if (!batch->files[i].keep)
			continue;
		rc = keep_one(store, &batch->files[i]);
		any = true;
	}
	if (rc == 0 && any)
		rc = sync_dir(store);
	if (rc == 0 && any)
		rc = fault_point("store.value.named");
	return rc;
}

void store_values_drop(const struct store *store, const struct batch *batch)
{
	for (uint32_t i = 0; i < batch->nfiles; i++) {
		const struct batch_file *f = &batch->files[i];
		char *path;

		if (f->keep || fault_point("store.value.drop"))
			continue;
		path = value_path(store, f->id, f->generation);
		if (unlink(path) != 0 && errno != ENOENT)
			log_warn("%s: %s", path, strerror(errno));
		free(path);
	}
}

/* ---- reading ---- */

int store_value_open(const struct store *store, uint64_t id, uint32_t generation, uint64_t *size)
{
	char *path = value_path(store, id, generation);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	free(path);
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		*size = (uint64_t)st.st_size;
		return fd;
	}
	if (fd >= 0) {
		close(fd);
		errno = EINVAL;
	}
	return -1;
}

/* ID.GENERATION and nothing else, as it is written. */
static bool name_parse(const char *name, struct store_value_file *out)
{
	char again[PATH_TAIL_BYTES];

	if (sscanf(name, "%20" SCNu64 ".%10" SCNu32, &out->id, &out->generation) != 2)
		return false;
	snprintf(again, sizeof(again), "%" PRIu64 ".%" PRIu32, out->id, out->generation);
	return strcmp(name, again) == 0;
}

bool store_values_each(const struct store *store,
	void (*fn)(const struct store_value_file *file, void *arg), void *arg,
	struct store_error *err)
{
	char *path = dir_path(store);
	DIR *d = opendir(path);
	struct dirent *e;
	int rc = d ? 0 : errno;

	free(path);
	if (rc == ENOENT)
		return true;
	while (rc == 0 && (errno = 0, e = readdir(d))) {
		struct store_value_file file = {.name = e->d_name};
		struct stat st;

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		file.size = (uint64_t)st.st_size;
		file.is_value = S_ISREG(st.st_mode) && name_parse(e->d_name, &file);
		fn(&file, arg);
	}
	if (d)
		closedir(d);
	if (rc != 0)
		fail(store, err, rc, "cannot list " VALUES_NAME);
	return rc == 0;
}

void store_value_remove(const struct store *store, const char *name)
{
	char *path = xasprintf("%s/" VALUES_NAME "/%s", store->dir.path, name);

	if (unlink(path) != 0 && errno != ENOENT)
		log_warn("%s: %s", path, strerror(errno));
	free(path);
}
