/*
 * The table of held values and their files. A file's name carries what the offer to a scheduler
 * needs (task, generation, checksum), its length the size: there is no index that could disagree
 * with the directory. A name appears by rename, after the bytes were synced, and the directory is
 * synced before the report leaves, so that every offered file is whole.
 */
#define LOG_COMPONENT "worker"
#include "worker/results.h"

#include "base/alloc.h"
#include "base/ensure.h"
#include "base/hash.h"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static char *result_path(
	const struct results *r, uint64_t id, uint32_t generation, uint64_t checksum)
{
	return xasprintf(
		"%s/%" PRIu64 ".%" PRIu32 ".%016" PRIx64, r->dir, id, generation, checksum);
}

/* ID.GENERATION.CHECKSUM and nothing else. */
static bool name_parse(const char *name, uint64_t *id, uint32_t *generation, uint64_t *checksum)
{
	int used = 0;

	if (name[0] < '0' || name[0] > '9')
		return false;
	if (sscanf(name, "%20" SCNu64 ".%10" SCNu32 ".%16" SCNx64 "%n", id, generation, checksum,
		    &used) != 3)
		return false;
	return name[used] == '\0';
}

static void load_file(struct results *r, DIR *dir, const char *name)
{
	uint64_t id, checksum;
	uint32_t generation;
	struct stat st;
	char *path;

	if (fstatat(dirfd(dir), name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
		return;
	if (!name_parse(name, &id, &generation, &checksum)) {
		unlinkat(dirfd(dir), name, 0);
		return;
	}
	path = result_path(r, id, generation, checksum);
	results_put(r, id, generation, blob_of_file(path, (size_t)st.st_size, checksum));
	free(path);
}

bool results_init(struct results *r, const char *dir, size_t budget_bytes)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	if (!d)
		return false;
	*r = (struct results){.dir = xstrdup(dir), .budget_bytes = budget_bytes};
	map64_init(&r->by_id);
	while ((e = readdir(d)))
		load_file(r, d, e->d_name);
	closedir(d);
	return true;
}

void results_release(struct results *r)
{
	struct map64_iter it = {0};
	uint64_t id;
	void *p;

	while (map64_next_ptr(&r->by_id, &it, &id, &p)) {
		for (struct held *h = p, *next; h; h = next) {
			next = h->next;
			blob_unref(&h->blob);
			free(h);
		}
	}
	map64_release(&r->by_id);
	free(r->dir);
	r->dir = NULL;
}

static bool sync_dir(const struct results *r)
{
	int fd = open(r->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = fd >= 0 && fsync(fd) == 0;
	int saved = errno;

	if (fd >= 0)
		close(fd);
	errno = saved;
	return ok;
}

/* A new synced file with the bytes of b; NULL: errno. */
static struct blob *save_file(
	struct results *r, uint64_t id, uint32_t generation, struct slice bytes, uint64_t checksum)
{
	char *path = result_path(r, id, generation, checksum);
	char *beside = xasprintf("%s.part", path);
	struct blob *b = NULL;

	unlink(beside);
	if (bytes_to_file(bytes, beside, true)) {
		if (rename(beside, path) == 0 && sync_dir(r))
			b = blob_of_file(path, bytes.n, checksum);
		else
			unlink(beside);
	}
	free(beside);
	free(path);
	return b;
}

struct blob *results_save(struct results *r, uint64_t id, uint32_t generation, struct blob *b)
{
	size_t before = atomic_fetch_add(&r->memory_bytes, b->n);
	struct blob *file = NULL;
	struct slice bytes;

	ensure(!b->budget && !b->path);
	if (before + b->n <= r->budget_bytes) {
		b->budget = &r->memory_bytes;
		return b;
	}
	atomic_fetch_sub(&r->memory_bytes, b->n);
	if (blob_bytes(b, &bytes))
		file = save_file(r, id, generation, bytes, b->checksum);
	blob_unref(&b);
	return file;
}

/* The checksum of a file of n bytes; false: errno. */
static bool hash_file(int fd, size_t n, uint64_t *checksum)
{
	void *map;

	if (n == 0) {
		*checksum = hash64(slice_empty());
		return true;
	}
	map = mmap(NULL, n, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return false;
	madvise(map, n, MADV_SEQUENTIAL);
	*checksum = hash64(slice_of(map, n));
	munmap(map, n);
	return true;
}

struct blob *results_take_file(
	struct results *r, uint64_t id, uint32_t generation, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct blob *b = NULL;
	struct stat st;
	uint64_t checksum = 0;
	int saved;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && hash_file(fd, (size_t)st.st_size, &checksum) &&
		fchmod(fd, 0400) == 0 && fsync(fd) == 0) {
		char *to = result_path(r, id, generation, checksum);

		if (rename(path, to) == 0 && sync_dir(r))
			b = blob_of_file(to, (size_t)st.st_size, checksum);
		free(to);
	}
	saved = errno;
	close(fd);
	errno = saved;
	return b;
}

static struct held *held_find(const struct results *r, uint64_t id, uint32_t generation)
{
	struct held *h = map64_get_ptr(&r->by_id, id);

	while (h && h->generation != generation)
		h = h->next;
	return h;
}

/* Two blobs may name the same file: a value made again with the same bytes. Then it must stay. */
static void held_replace(struct results *r, struct held *h, struct blob *b)
{
	bool same_file = h->blob->path && b->path && strcmp(h->blob->path, b->path) == 0;

	if (!same_file)
		blob_forget(h->blob);
	ensure(r->bytes >= h->blob->n);
	r->bytes -= h->blob->n;
	blob_unref(&h->blob);
	h->blob = b;
}

void results_put(struct results *r, uint64_t id, uint32_t generation, struct blob *b)
{
	struct held *h = held_find(r, id, generation);

	ensure(b);
	r->bytes += b->n;
	if (h) {
		held_replace(r, h, b);
		return;
	}
	h = xcalloc(1, sizeof(*h));
	h->id = id;
	h->generation = generation;
	h->blob = b;
	h->next = map64_get_ptr(&r->by_id, id);
	if (!map64_put_ptr(&r->by_id, id, h))
		panic("out of memory");
	r->count++;
}

struct blob *results_find(const struct results *r, uint64_t id, uint32_t generation)
{
	struct held *h = held_find(r, id, generation);

	return h ? h->blob : NULL;
}

void results_drop(struct results *r, uint64_t id, uint32_t generation)
{
	struct held *first = map64_get_ptr(&r->by_id, id), *gone = NULL;

	for (struct held **at = &first; *at; at = &(*at)->next) {
		if ((*at)->generation == generation) {
			gone = *at;
			*at = gone->next;
			break;
		}
	}
	if (!gone)
		return;
	ensure(r->count > 0 && r->bytes >= gone->blob->n);
	if (!first)
		map64_remove_ptr(&r->by_id, id);
	else if (!map64_put_ptr(&r->by_id, id, first))
		panic("out of memory");
	r->count--;
	r->bytes -= gone->blob->n;
	blob_forget(gone->blob);
	blob_unref(&gone->blob);
	free(gone);
}

void results_save_all(struct results *r)
{
	struct results_iter it = {0};
	const struct held *h;
	size_t failed = 0;

	while ((h = results_next(r, &it))) {
		struct slice bytes;
		struct blob *b = NULL;

		if (blob_is_file(h->blob))
			continue;
		if (blob_bytes(h->blob, &bytes))
			b = save_file(r, h->id, h->generation, bytes, h->blob->checksum);
		failed += !b;
		blob_unref(&b);
	}
	if (failed)
		log_warn("%zu results in memory could not be written to %s: %s", failed, r->dir,
			strerror(errno));
}

const struct held *results_next(const struct results *r, struct results_iter *it)
{
	struct held *h = it->next;
	uint64_t id;
	void *p = NULL;

	if (!h) {
		if (!map64_next_ptr(&r->by_id, &it->at, &id, &p))
			return NULL;
		h = p;
	}
	it->next = h->next;
	return h;
}
