/*
 * The secret's file. Clients read the same form (client/): 64 hex digits and a newline.
 */
#include "scheduler/secret.h"

#include "base/rng.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEX_BYTES 64

static bool fail(char *error, size_t n, const char *path, const char *why)
{
	snprintf(error, n, "%s: %s", path, why);
	return false;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse(const char *hex, struct secret *out)
{
	for (int i = 0; i < 32; i++) {
		int hi = digit(hex[2 * i]), lo = digit(hex[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return false;
		out->bytes[i] = (uint8_t)(hi << 4 | lo);
	}
	return true;
}

static bool load(int fd, const char *path, struct secret *out, char *error, size_t n)
{
	char hex[HEX_BYTES + 1] = "";
	struct stat st;

	if (fstat(fd, &st))
		return fail(error, n, path, strerror(errno));
	if (st.st_mode & 077)
		return fail(error, n, path, "others may read this secret: chmod 600 it");
	if (read(fd, hex, HEX_BYTES) != HEX_BYTES || !parse(hex, out))
		return fail(error, n, path, "not a secret: 64 hex digits");
	return true;
}

/* The new name is to survive a power cut: peers are given the secret at once. */
static bool sync_parent(const char *path)
{
	char dir[4096];
	char *slash;
	bool ok;
	int fd;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (slash)
		*slash = '\0';
	fd = open(slash ? (*dir ? dir : "/") : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ok = fsync(fd) == 0;
	close(fd);
	return ok;
}

/* Under a temporary name first, so that a half-written one is never read. */
static bool make(const char *path, struct secret *out, char *error, size_t n)
{
	char hex[HEX_BYTES + 2], tmp[4096];
	int fd;

	rng_os_bytes(out->bytes, sizeof(out->bytes));
	for (int i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", out->bytes[i]);
	hex[HEX_BYTES] = '\n';
	snprintf(tmp, sizeof(tmp), "%s.new", path);
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail(error, n, tmp, strerror(errno));
	if (write(fd, hex, HEX_BYTES + 1) != HEX_BYTES + 1 || fsync(fd) || rename(tmp, path) ||
		!sync_parent(path)) {
		int saved = errno;

		close(fd);
		unlink(tmp);
		return fail(error, n, path, strerror(saved));
	}
	close(fd);
	return true;
}

bool secret_load_or_make(const char *path, struct secret *out, char *error, size_t error_bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool ok;

	if (fd < 0 && errno == ENOENT)
		return make(path, out, error, error_bytes);
	if (fd < 0)
		return fail(error, error_bytes, path, strerror(errno));
	ok = load(fd, path, out, error, error_bytes);
	close(fd);
	return ok;
}

void secret_forget(struct secret *s)
{
	explicit_bzero(s->bytes, sizeof(s->bytes));
}
