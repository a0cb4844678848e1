/*
 * How far something is, as text (meter.h):
 *
 *	[################............] 57% 570/1000, 2 failed, 8 at work, 110/s, 4s left
 *	12s sum: waiting (waits for numbers)
 */
#include "meter.h"

#include <stdio.h>
#include <string.h>

#define BAR_MAX 40
#define BAR_MIN 10
#define COUNTS_COLUMNS 56 /* kept for what stands behind the bar, which so keeps its width */

static void add_time(char *out, size_t out_bytes, double seconds)
{
	unsigned long s = seconds < 1e9 ? (unsigned long)seconds : 1000000000;

	if (s < 100)
		snprintf(out, out_bytes, "%lus", s);
	else if (s < 6000)
		snprintf(out, out_bytes, "%lum%02lus", s / 60, s % 60);
	else
		snprintf(out, out_bytes, "%luh%02lum", s / 3600, s / 60 % 60);
}

/* What cannot be shown becomes `?`; cut at so many columns, not within a character. */
static void fit(char *text, unsigned columns)
{
	unsigned used = 0;

	for (unsigned char *c = (unsigned char *)text; *c; c++) {
		if (*c < 0x20 || *c == 0x7f)
			*c = '?';
		if ((*c & 0xc0) != 0x80 && used++ == columns) {
			*c = 0;
			break;
		}
	}
}

static void one_text(const struct meter *l, char *out, size_t out_bytes)
{
	char time[24];

	add_time(time, sizeof time, l->elapsed_s);
	snprintf(out, out_bytes, "%s %s: %s%s%s%s", time, l->key, l->state[0] ? l->state : "waits",
		l->why[0] ? " (" : "", l->why, l->why[0] ? ")" : "");
}

static size_t add_count(char *out, size_t at, size_t out_bytes, uint64_t n, const char *what)
{
	if (n == 0 || at >= out_bytes)
		return at;
	return at +
	       (size_t)snprintf(out + at, out_bytes - at, ", %llu %s", (unsigned long long)n, what);
}

static void bar(const struct dq_counts *c, unsigned width, char *out)
{
	uint64_t ended = c->done + c->failed + c->cancelled;
	unsigned full = (unsigned)((double)ended / (double)c->total * width);

	*out++ = '[';
	for (unsigned i = 0; i < width; i++)
		*out++ = i < full ? '#' : '.';
	memcpy(out, "] ", 3);
}

static void many_text(const struct meter *l, unsigned columns, char *out, size_t out_bytes)
{
	const struct dq_counts *c = &l->counts;
	uint64_t ended = c->done + c->failed + c->cancelled;
	char counts[160], pace[80] = "", time[24], front[64] = "";
	size_t n = (size_t)snprintf(counts, sizeof counts, "%llu%% %llu/%llu",
		(unsigned long long)(c->total ? ended * 100 / c->total : 0),
		(unsigned long long)ended, (unsigned long long)c->total);

	n = add_count(counts, n, sizeof counts, c->failed, "failed");
	n = add_count(counts, n, sizeof counts, c->cancelled, "cancelled");
	n = add_count(counts, n, sizeof counts, l->leased, "at work");
	if (l->rate > 0) {
		add_time(time, sizeof time, (double)(c->total - ended) / l->rate + 0.99);
		snprintf(pace, sizeof pace, ", %.*f/s, %s left", l->rate < 10 ? 1 : 0, l->rate,
			time);
	}
	/* What there is no room for is left out: the bar, then the pace. */
	if (columns >= COUNTS_COLUMNS + BAR_MIN && c->total)
		bar(c, columns - COUNTS_COLUMNS < BAR_MAX ? columns - COUNTS_COLUMNS : BAR_MAX,
			front);
	if (strlen(front) + n + strlen(pace) > columns)
		front[0] = 0;
	if (n + strlen(pace) > columns)
		pace[0] = 0;
	snprintf(out, out_bytes, "%s%s%s", front, counts, pace);
}

void meter_text(const struct meter *l, unsigned columns, char *out, size_t out_bytes)
{
	if (l->key)
		one_text(l, out, out_bytes);
	else
		many_text(l, columns, out, out_bytes);
	fit(out, columns);
}
