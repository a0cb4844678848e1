/*
 * Lines of a history:
 *	2026-11-23T01:51:00.250Z  failed     exit status 3; on w1, after 0.012 s
 */
#include "common/history.h"

#include "common/value.h"

#include <stdio.h>
#include <time.h>

static void put_safe(struct buf *out, struct slice text)
{
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < 0x20 || text.p[i] == 0x7f)
			buf_printf(out, "\\x%02x", text.p[i]);
		else
			buf_append_byte(out, text.p[i]);
	}
}

static void put_time(struct buf *out, double at_s)
{
	time_t at = (time_t)at_s;
	char text[32] = "";
	struct tm tm;

	if (at_s <= 0 || !gmtime_r(&at, &tm) ||
		!strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm)) {
		buf_printf(out, "%-24s", "-");
		return;
	}
	buf_printf(out, "%s.%03dZ", text, (int)((at_s - (double)at) * 1000));
}

static void put_number(struct buf *out, struct slice value)
{
	buf_printf(out, "%lld", (long long)value_i64(value, 0));
}

/* A separator before all but the first. */
static void part(struct buf *out, size_t begin, const char *separator)
{
	buf_printf(out, "%s", out->n > begin ? separator : "");
}

/* What went wrong. */
static void put_why(struct buf *out, size_t begin, struct slice event)
{
	struct slice message = value_bytes(value_member(event, "message"));
	struct slice cause = value_bytes(value_member(event, "cause"));
	struct slice task = value_bytes(value_member(event, "task"));
	struct slice exited = value_member(event, "exit"), signal = value_member(event, "signal");

	if (message.n) {
		put_safe(out, message);
	} else if (!value_is_nil(signal)) {
		buf_printf(out, "signal ");
		put_number(out, signal);
	} else if (!value_is_nil(exited) && cause.n) {
		buf_printf(out, "exit status ");
		put_number(out, exited);
	} else {
		put_safe(out, cause);
	}
	if (task.n) {
		part(out, begin, ": ");
		put_safe(out, task);
	}
}

/* Where, and for how long. */
static void put_run(struct buf *out, size_t begin, struct slice event)
{
	struct slice worker = value_bytes(value_member(event, "worker"));
	double from = value_double(value_member(event, "started"), 0);
	double to = value_double(value_member(event, "time"), 0);

	if (worker.n) {
		part(out, begin, "; ");
		buf_printf(out, "on ");
		put_safe(out, worker);
	}
	if (from > 0 && to >= from) {
		part(out, begin, worker.n ? ", " : "; ");
		buf_printf(out, "after %.3f s", to - from);
	}
}

static void put_n(struct buf *out, size_t begin, struct slice event)
{
	struct slice n = value_member(event, "n"), word = value_bytes(value_member(event, "event"));

	if (value_is_nil(n))
		return;
	part(out, begin, "; ");
	if (slice_eq_str(word, "retried"))
		buf_printf(out, "round ");
	put_number(out, n);
	if (slice_eq_str(word, "not kept"))
		buf_printf(out, " earlier events");
}

void history_line(struct buf *out, struct slice event, bool with_key)
{
	struct slice word = value_bytes(value_member(event, "event"));
	size_t begin;

	if (with_key) {
		put_safe(out, value_bytes(value_member(event, "key")));
		buf_printf(out, "  ");
	}
	put_time(out, value_double(value_member(event, "time"), 0));
	buf_printf(out, "  ");
	begin = out->n;
	put_safe(out, word);
	while (out->n < begin + 11)
		buf_append_byte(out, ' ');
	buf_append_byte(out, ' ');
	begin = out->n;
	put_why(out, begin, event);
	put_run(out, begin, event);
	put_n(out, begin, event);
	while (out->n && out->p[out->n - 1] == ' ')
		buf_truncate(out, out->n - 1);
	buf_append_byte(out, '\n');
}
