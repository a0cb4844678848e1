/*
 * Reading whole files, and cutting text into lines.
 */
#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define READ_BYTES 65536

int input_read_some(int fd, struct buf *out, bool *more)
{
	uint8_t *room = buf_reserve(out, READ_BYTES);
	ssize_t n;

	*more = false;
	if (!room)
		return out->n + READ_BYTES > out->max ? EFBIG : ENOMEM;
	do {
		n = read(fd, room, READ_BYTES);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno;
	*more = n > 0;
	buf_commit(out, (size_t)n);
	return 0;
}

static int read_all(int fd, struct buf *out)
{
	bool more = true;
	int r = 0;

	while (r == 0 && more)
		r = input_read_some(fd, out, &more);
	return r;
}

int input_read(const char *path, struct buf *out)
{
	int fd, r;

	if (strcmp(path, "-") == 0)
		return read_all(STDIN_FILENO, out);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	r = read_all(fd, out);
	close(fd);
	return r;
}

bool line_next(struct slice *rest, struct slice *line)
{
	const uint8_t *end;

	if (rest->n == 0)
		return false;
	end = memchr(rest->p, '\n', rest->n);
	*line = slice_of(rest->p, end ? (size_t)(end - rest->p) : rest->n);
	*rest = slice_drop(*rest, line->n + (end ? 1 : 0));
	return true;
}

uint64_t line_count(struct slice text)
{
	struct slice line;
	uint64_t n = 0;

	while (line_next(&text, &line))
		n++;
	return n;
}
