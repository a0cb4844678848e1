/*
 * Shared bytes. Results are made by slot threads, given to the results table of the loop's thread,
 * and read by slots and by the data connections at the same time, so the count is atomic and
 * nothing else of a blob changes but its lazy mapping, under one lock for all (mapping is rare).
 */
#include "worker/blob.h"

#include "base/alloc.h"
#include "base/ensure.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static pthread_mutex_t map_lock = PTHREAD_MUTEX_INITIALIZER;

static struct blob *blob_new(size_t n)
{
	struct blob *b = xcalloc(1, sizeof(*b));

	atomic_init(&b->refs, 1);
	b->n = n;
	return b;
}

struct blob *blob_of_heap(void *heap, size_t n)
{
	struct blob *b = blob_new(n);

	ensure(heap || n == 0);
	b->heap = heap;
	b->bytes = heap;
	return b;
}

struct blob *blob_of_map(void *map, size_t map_bytes, struct slice bytes)
{
	struct blob *b = blob_new(bytes.n);

	ensure(bytes.p >= (uint8_t *)map && bytes.n <= map_bytes);
	b->map = map;
	b->map_bytes = map_bytes;
	b->bytes = bytes.p;
	return b;
}

struct blob *blob_of_file(const char *path, size_t n, uint64_t checksum)
{
	struct blob *b = blob_new(n);

	b->path = xstrdup(path);
	b->checksum = checksum;
	return b;
}

static struct blob *room_in_file(size_t n, const char *path, uint8_t **room)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	struct blob *b;
	void *map;
	int rc;

	if (fd < 0)
		return NULL;
	/* Blocks are taken now: a full disk is an error here, not a SIGBUS at a later store. */
	rc = posix_fallocate(fd, 0, (off_t)n);
	if (rc != 0) {
		errno = rc;
		goto remove_file;
	}
	map = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		goto remove_file;
	close(fd);
	b = blob_of_map(map, n, slice_of(map, n));
	b->path = xstrdup(path);
	b->temporary = true;
	*room = map;
	return b;
remove_file:
	rc = errno;
	close(fd);
	unlink(path);
	errno = rc;
	return NULL;
}

struct blob *blob_new_room(size_t n, size_t file_from, const char *path, uint8_t **room)
{
	struct blob *b;

	if (n >= file_from && n > 0)
		return room_in_file(n, path, room);
	*room = malloc(n ? n : 1);
	if (!*room)
		return NULL;
	b = blob_of_heap(*room, n);
	return b;
}

struct blob *blob_ref(struct blob *b)
{
	unsigned before = atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);

	ensure(before > 0);
	return b;
}

void blob_unref(struct blob **at)
{
	struct blob *b = *at;

	*at = NULL;
	if (!b || atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) != 1)
		return;
	ensure(!b->temporary || b->path);
	if (b->budget)
		atomic_fetch_sub(b->budget, b->n);
	if (b->temporary)
		unlink(b->path);
	if (b->map)
		munmap(b->map, b->map_bytes);
	free(b->heap);
	free(b->path);
	free(b);
}

void blob_forget(struct blob *b)
{
	struct slice bytes;

	if (!b->path)
		return;
	/* Others map it later than now only if they find it; a newer file may get its name. */
	if (atomic_load(&b->refs) > 1)
		blob_bytes(b, &bytes);
	unlink(b->path);
}

bool blob_is_file(const struct blob *b)
{
	return b->path != NULL;
}

static bool map_file(struct blob *b)
{
	int fd = open(b->path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *map;
	int saved;

	if (fd < 0)
		return false;
	if (fstat(fd, &st) != 0 || (size_t)st.st_size != b->n) {
		close(fd);
		errno = EIO;
		return false;
	}
	map = mmap(NULL, b->n, PROT_READ, MAP_SHARED, fd, 0);
	saved = errno;
	close(fd);
	errno = saved;
	if (map == MAP_FAILED)
		return false;
	b->map = map;
	b->map_bytes = b->n;
	b->bytes = map;
	return true;
}

bool blob_bytes(struct blob *b, struct slice *out)
{
	bool ok = true;

	if (b->n == 0) {
		*out = slice_empty();
		return true;
	}
	if (b->path) {
		pthread_mutex_lock(&map_lock);
		ok = b->bytes || map_file(b);
		pthread_mutex_unlock(&map_lock);
	}
	if (ok)
		*out = slice_of(b->bytes, b->n);
	return ok;
}

static bool write_all(int fd, struct slice bytes)
{
	while (bytes.n) {
		ssize_t w = write(fd, bytes.p, bytes.n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return false;
		bytes = slice_drop(bytes, (size_t)w);
	}
	return true;
}

bool bytes_to_file(struct slice bytes, const char *path, bool sync)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
	bool ok;
	int saved;

	if (fd < 0)
		return false;
	ok = write_all(fd, bytes) && (!sync || fsync(fd) == 0);
	saved = errno;
	ok = close(fd) == 0 && ok;
	if (!ok) {
		unlink(path);
		errno = saved;
	}
	return ok;
}

bool blob_to_file(struct blob *b, const char *path)
{
	struct slice bytes;

	/* A file that is only ours and read-only may be shared; one made by blob_new_room is still
	 * writable to its owner. */
	if (b->path && link(b->path, path) == 0)
		return true;
	return blob_bytes(b, &bytes) && bytes_to_file(bytes, path, false);
}
