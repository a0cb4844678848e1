/*
 * dq-inspect: printing. Output gathers in one buffer and goes to stdout in large pieces, since a
 * dump may be gigabytes.
 */
#include "inspect.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/ensure.h"
#include "model/ids.h"

#define FLUSH_BYTES (1u << 16)
#define TIME_EVERY 4096

int fail(int code, const char *format, ...)
{
	char text[600];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	fprintf(stderr, "dq-inspect: %s\n", text);
	return code;
}

int fail_store(const struct store_error *err)
{
	switch (err->code) {
	case STORE_ABSENT:
		return fail(EXIT_NOT_FOUND, "%s", err->text);
	case STORE_NEWER_FORMAT:
		return fail(EXIT_CONFLICT, "%s", err->text);
	default:
		return fail(EXIT_REFUSED, "%s", err->text);
	}
}

void put(struct inspect *in, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	buf_vprintf(&in->out, format, ap);
	va_end(ap);
}

void put_safe(struct inspect *in, struct slice text)
{
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < 0x20 || text.p[i] == 0x7f)
			buf_printf(&in->out, "\\x%02x", text.p[i]);
		else
			buf_append_byte(&in->out, text.p[i]);
	}
}

bool out_flush(struct inspect *in)
{
	size_t n = in->out.n;
	bool ok;

	ensure(!in->out.failed);
	ok = n == 0 || fwrite(in->out.p, 1, n, stdout) == n;
	buf_clear(&in->out);
	return fflush(stdout) == 0 && ok;
}

void out_maybe_flush(struct inspect *in)
{
	if (in->out.n >= FLUSH_BYTES)
		out_flush(in);
}

void out_line(struct inspect *in)
{
	buf_append_byte(&in->out, '\n');
	out_maybe_flush(in);
}

bool out_of_time(struct inspect *in)
{
	static unsigned calls;

	if (!in->until_us || ++calls % TIME_EVERY != 0 || clock_mono_us() < in->until_us)
		return false;
	fail(EXIT_TIMEOUT,
		"%s: a snapshot of a live store may stand for %g s, since it keeps pages from "
		"being "
		"used again; --timeout 0 lifts that",
		in->dir, in->timeout_s);
	return true;
}

char *id_text(uint64_t id, char out[ID_TEXT_BYTES])
{
	snprintf(out, ID_TEXT_BYTES, "%" PRIu32 ".%" PRIu32, task_id_session(id), task_id_n(id));
	return out;
}

void json_id(struct json *j, uint64_t id)
{
	char text[ID_TEXT_BYTES];

	json_cstr(j, id_text(id, text));
}

void json_fence(struct json *j, struct fence fence)
{
	char text[48];

	snprintf(text, sizeof(text), "%" PRIu64 ".%" PRIu64, fence.epoch, fence.seq);
	json_cstr(j, text);
}

void json_hex(struct json *j, struct slice bytes)
{
	struct buf text;

	buf_init(&text, SIZE_MAX / 2);
	hex_encode(&text, bytes);
	json_str(j, buf_slice(&text));
	buf_release(&text);
}
