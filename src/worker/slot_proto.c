/*
 * Frames between a slot and its helper: blocking reads and writes, and descriptors as ancillary
 * data.
 */
#include "worker/slot_proto.h"

#include "base/ensure.h"
#include "codec/cursor.h"
#include "codec/pack.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

struct slot_header {
	uint32_t type;
	uint32_t in_memfd;
	uint64_t bytes;
};

#define MAX_PARTS_AT_ONCE 64
#define RECV_MAX_BYTES ((size_t)64 << 20)

/* Writes the parts, skipping the first `skip` bytes of them. fd may be a socket or a file. */
static bool write_parts(int fd, const struct slice *parts, size_t nparts, bool is_socket)
{
	size_t at = 0, skip = 0;

	while (at < nparts) {
		struct iovec iov[MAX_PARTS_AT_ONCE];
		struct msghdr m = {.msg_iov = iov};
		ssize_t w;

		for (size_t i = at; i < nparts && m.msg_iovlen < MAX_PARTS_AT_ONCE; i++) {
			size_t cut = i == at ? skip : 0;

			iov[m.msg_iovlen].iov_base = (void *)(uintptr_t)(parts[i].p + cut);
			iov[m.msg_iovlen++].iov_len = parts[i].n - cut;
		}
		w = is_socket ? sendmsg(fd, &m, MSG_NOSIGNAL) : writev(fd, iov, (int)m.msg_iovlen);
		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return false;
		skip += (size_t)w;
		while (at < nparts && skip >= parts[at].n)
			skip -= parts[at++].n;
	}
	return true;
}

static bool send_with_fd(int fd, const struct slot_header *h, int pass)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)h, .iov_len = sizeof(*h)};
	struct msghdr m = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	ssize_t w;

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &pass, sizeof(int));
	do {
		w = sendmsg(fd, &m, MSG_NOSIGNAL);
	} while (w < 0 && errno == EINTR);
	return w == (ssize_t)sizeof(*h);
}

static bool send_memfd(
	int fd, const struct slot_header *h, const struct slice *parts, size_t nparts)
{
	int mem = memfd_create("dq-slot", MFD_CLOEXEC);
	bool ok;
	int saved;

	if (mem < 0)
		return false;
	ok = write_parts(mem, parts, nparts, false) && send_with_fd(fd, h, mem);
	saved = errno;
	close(mem);
	errno = saved;
	return ok;
}

bool slot_send(int fd, enum slot_message type, const struct slice *parts, size_t nparts)
{
	struct slot_header h = {.type = type};
	struct slice all[MAX_PARTS_AT_ONCE];

	for (size_t i = 0; i < nparts; i++)
		h.bytes += parts[i].n;
	if (h.bytes > SLOT_INLINE_BYTES) {
		h.in_memfd = 1;
		return send_memfd(fd, &h, parts, nparts);
	}
	all[0] = slice_of(&h, sizeof(h));
	if (nparts < MAX_PARTS_AT_ONCE) {
		if (nparts)
			memcpy(all + 1, parts, nparts * sizeof(*parts));
		return write_parts(fd, all, nparts + 1, true);
	}
	return write_parts(fd, all, 1, true) && write_parts(fd, parts, nparts, true);
}

/* Reads exactly n bytes; a descriptor that came along goes to *pass. */
static bool read_exactly(int fd, uint8_t *to, size_t n, int *pass)
{
	while (n) {
		union {
			char bytes[CMSG_SPACE(sizeof(int))];
			struct cmsghdr align;
		} control;
		struct iovec iov = {.iov_base = to, .iov_len = n};
		struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
		struct cmsghdr *c;
		ssize_t r;

		if (pass) {
			m.msg_control = control.bytes;
			m.msg_controllen = sizeof(control.bytes);
		}
		r = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0) {
			if (r == 0)
				errno = EPIPE;
			return false;
		}
		c = pass ? CMSG_FIRSTHDR(&m) : NULL;
		if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
			memcpy(pass, CMSG_DATA(c), sizeof(int));
		to += r;
		n -= (size_t)r;
	}
	return true;
}

void slot_frame_init(struct slot_frame *f)
{
	*f = (struct slot_frame){0};
	buf_init(&f->buf, RECV_MAX_BYTES);
	ensure(SLOT_INLINE_BYTES <= RECV_MAX_BYTES);
}

static void frame_clear(struct slot_frame *f)
{
	if (f->map)
		munmap(f->map, f->map_bytes);
	f->map = NULL;
	f->map_bytes = 0;
	f->payload = slice_empty();
	buf_clear(&f->buf);
}

void slot_frame_release(struct slot_frame *f)
{
	frame_clear(f);
	buf_release(&f->buf);
}

static bool map_payload(struct slot_frame *f, int mem, size_t bytes)
{
	void *map;

	if (mem < 0) {
		errno = EPROTO;
		return false;
	}
	map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, mem, 0);
	if (map == MAP_FAILED)
		return false;
	f->map = map;
	f->map_bytes = bytes;
	f->payload = slice_of(map, bytes);
	return true;
}

bool slot_recv(int fd, struct slot_frame *f)
{
	struct slot_header h;
	uint8_t *to;
	int mem = -1;
	bool ok;

	frame_clear(f);
	if (!read_exactly(fd, (uint8_t *)&h, sizeof(h), &mem))
		return false;
	f->type = h.type;
	if (h.in_memfd) {
		int saved;

		ok = map_payload(f, mem, h.bytes);
		saved = errno;
		if (mem >= 0)
			close(mem);
		errno = saved;
		return ok;
	}
	if (h.bytes > RECV_MAX_BYTES || mem >= 0) {
		if (mem >= 0)
			close(mem);
		errno = EPROTO;
		return false;
	}
	to = buf_reserve(&f->buf, h.bytes ? h.bytes : 1);
	if (!to) {
		errno = ENOMEM;
		return false;
	}
	if (!read_exactly(fd, to, h.bytes, NULL))
		return false;
	buf_commit(&f->buf, h.bytes);
	f->payload = buf_slice(&f->buf);
	return true;
}

void slot_done_encode(struct buf *out, const struct slot_done *d)
{
	pack_array(out, 14);
	pack_u64(out, d->end);
	pack_u64(out, d->started_us);
	pack_u64(out, d->run_us);
	pack_bin(out, d->type);
	pack_u64(out, d->output_bytes);
	pack_bin(out, d->message);
	pack_i64(out, d->exit_status);
	pack_i64(out, d->signal);
	pack_bin(out, d->stderr_tail);
	pack_u64(out, d->peak_bytes);
	pack_u64(out, d->user_us);
	pack_u64(out, d->system_us);
	pack_u64(out, d->delay_us);
	pack_u64(out, d->value.n);
}

bool slot_done_decode(struct slice payload, struct slot_done *d)
{
	struct cursor c;
	uint64_t n;

	cursor_init(&c, payload);
	*d = (struct slot_done){0};
	cursor_array_min(&c, 14);
	d->end = (enum slot_end)cursor_u64_max(&c, SLOT_END_RESCHEDULE);
	d->started_us = cursor_u64(&c);
	d->run_us = cursor_u64(&c);
	d->type = cursor_bin(&c);
	d->output_bytes = cursor_u64(&c);
	d->message = cursor_bin(&c);
	d->exit_status = (int32_t)cursor_i64(&c);
	d->signal = (int32_t)cursor_i64(&c);
	d->stderr_tail = cursor_bin(&c);
	d->peak_bytes = cursor_u64(&c);
	d->user_us = cursor_u64(&c);
	d->system_us = cursor_u64(&c);
	d->delay_us = cursor_u64(&c);
	n = cursor_u64(&c);
	if (!cursor_ok(&c) || d->end == 0 || n != cursor_left(&c))
		return false;
	d->value = slice_of(c.p, n);
	return true;
}
