/*
 * The worker's directory. A start after a crash finds the lock free (the kernel dropped it with the
 * process), takes the identity over, throws away what was half done, and keeps the results, which
 * results_load() offers again.
 */
#include "worker/dir.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/ensure.h"
#include "base/json.h"
#include "base/rng.h"
#include "worker/hex.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define IDENTITY_MAX_BYTES 1024

static bool complain(char *error, size_t n, const char *what, const char *why)
{
	snprintf(error, n, "%s: %s", what, why);
	return false;
}

/* mkdir -p, 0700. */
static bool make_path(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		int rc;

		*slash = '\0';
		rc = mkdir(path, 0700);
		*slash = '/';
		if (rc != 0 && errno != EEXIST)
			return false;
	}
	return mkdir(path, 0700) == 0 || errno == EEXIST;
}

static void empty_folder(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *e;

	while (dir && (e = readdir(dir))) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			unlinkat(dirfd(dir), e->d_name, 0);
	}
	if (dir)
		closedir(dir);
}

static bool sync_folder(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = fd >= 0 && fsync(fd) == 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

static bool take_lock(struct worker_dir *d, char *error, size_t n)
{
	char *path = xasprintf("%s/lock", d->path);
	bool ok;

	d->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ok = d->lock_fd >= 0 && flock(d->lock_fd, LOCK_EX | LOCK_NB) == 0;
	if (!ok && d->lock_fd >= 0 && errno == EWOULDBLOCK)
		complain(error, n, d->path, WORKER_DIR_IN_USE);
	else if (!ok)
		complain(error, n, path, strerror(errno));
	free(path);
	return ok;
}

static bool identity_parse(struct worker_dir *d, const char *text)
{
	if (strncmp(text, "uuid ", 5) != 0 || strlen(text) < 5 + 2 * sizeof(d->uuid))
		return false;
	if (!hex_decode(text + 5, d->uuid, sizeof(d->uuid)))
		return false;
	return text[5 + 2 * sizeof(d->uuid)] == '\n';
}

/* Written beside and renamed, so that a crash leaves the old one or the new one. */
static bool identity_write(struct worker_dir *d, const char *path, const char *name)
{
	char *beside = xasprintf("%s.new", path);
	struct buf text;
	FILE *f;
	bool ok;

	buf_init(&text, IDENTITY_MAX_BYTES);
	buf_printf(&text, "uuid ");
	hex_encode(&text, slice_of(d->uuid, sizeof(d->uuid)));
	buf_printf(&text, "\nname %s\n", name);
	f = fopen(beside, "we");
	ok = f && !text.failed && fwrite(text.p, 1, text.n, f) == text.n && fflush(f) == 0 &&
	     fsync(fileno(f)) == 0;
	if (f)
		ok = fclose(f) == 0 && ok;
	ok = ok && rename(beside, path) == 0 && sync_folder(d->path);
	buf_release(&text);
	free(beside);
	return ok;
}

static bool identity_load(struct worker_dir *d, const char *name, char *error, size_t n)
{
	char *path = xasprintf("%s/identity", d->path);
	char text[IDENTITY_MAX_BYTES] = "";
	FILE *f = fopen(path, "re");
	bool ok = true;

	if (f) {
		text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
		fclose(f);
		ok = identity_parse(d, text);
		if (!ok)
			complain(error, n, path, "not the identity of a worker");
	} else if (errno == ENOENT) {
		rng_os_bytes(d->uuid, sizeof(d->uuid));
		ok = identity_write(d, path, name);
		if (!ok)
			complain(error, n, path, strerror(errno));
	} else {
		ok = complain(error, n, path, strerror(errno));
	}
	free(path);
	return ok;
}

bool worker_dir_open(
	struct worker_dir *d, const char *path, const char *name, char *error, size_t error_bytes)
{
	char *cwd = path[0] == '/' ? NULL : getcwd(NULL, 0);

	*d = (struct worker_dir){.lock_fd = -1};
	d->path = cwd ? xasprintf("%s/%s", cwd, path) : xstrdup(path);
	free(cwd);
	d->results = xasprintf("%s/results", d->path);
	d->inputs = xasprintf("%s/inputs", d->path);
	d->slots = xasprintf("%s/slots", d->path);
	if (!make_path(d->path)) {
		complain(error, error_bytes, d->path, strerror(errno));
		goto release;
	}
	if (!take_lock(d, error, error_bytes))
		goto release;
	if (!make_path(d->results) || !make_path(d->inputs) || !make_path(d->slots)) {
		complain(error, error_bytes, d->path, strerror(errno));
		goto release;
	}
	empty_folder(d->inputs);
	empty_folder(d->slots);
	if (!identity_load(d, name, error, error_bytes))
		goto release;
	ensure(d->lock_fd >= 0);
	return true;
release:
	worker_dir_release(d);
	return false;
}

void worker_dir_release(struct worker_dir *d)
{
	free(d->path);
	free(d->results);
	free(d->inputs);
	free(d->slots);
	if (d->lock_fd >= 0)
		close(d->lock_fd);
	*d = (struct worker_dir){.lock_fd = -1};
}
