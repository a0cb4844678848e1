/*
 * The progress line (progress.h). Counts come from the futures; who is at work, and why one task
 * waits, from the scheduler. The rate is that of the last seconds. The first is drawn after a
 * while, so that what is soon done shows nothing.
 */
#include "progress.h"

#include "lookup.h"
#include "meter.h"

#include "base/clock.h"
#include "base/str.h"
#include "common/value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define FIRST_US ((uint64_t)400000)
#define AGAIN_US ((uint64_t)200000)
#define ASK_US ((uint64_t)1000000)
#define ASK_S 0.25
#define ASK_ELEMENTS 1000000 /* larger arrays are counted by the scheduler too slowly for this */
#define WINDOW_US ((uint64_t)5000000)
#define COLUMNS_MAX 200
#define LINE_BYTES 1024

struct mark {
	uint64_t us, ended;
};

static struct progress {
	bool on, drawn, in_line;
	struct dq_client *client;
	struct dq_future *const *futures;
	size_t n;
	uint64_t began_us, due_us, ask_us;
	struct mark older, newer; /* the rate is from the older one */
	char state[32], why[300];
	uint64_t leased;
} p;

bool progress_begin(struct dq_client *client, struct dq_future *const *futures, size_t n)
{
	const char *term = getenv("TERM");
	uint64_t now = clock_mono_us();

	p = (struct progress){.client = client, .futures = futures, .n = n};
	p.on = n > 0 && isatty(STDERR_FILENO) && (!term || strcmp(term, "dumb") != 0);
	p.began_us = now;
	p.due_us = p.ask_us = now + FIRST_US;
	return p.on;
}

int progress_sleep_ms(void)
{
	uint64_t now = clock_mono_us();

	if (!p.on)
		return -1;
	return now < p.due_us ? (int)((p.due_us - now) / 1000 + 1) : 0;
}

void progress_clear(void)
{
	if (p.drawn)
		fputs("\r\033[K", stderr);
	p.drawn = false;
}

void progress_after_output(bool line_ended)
{
	p.in_line = !line_ended && isatty(STDOUT_FILENO);
}

void progress_end(void)
{
	progress_clear();
	p.on = false;
}

/* ---- what is shown ---- */

static void text_of(struct slice map, const char *name, char *out, size_t out_bytes)
{
	str_copy(out, out_bytes, value_bytes(value_member(map, name)));
}

/* How one task or array stands with the scheduler. */
static void ask_scheduler(void)
{
	struct dq_args *args = dq_args_new();
	struct dq_value answer = {0};

	dq_args_str(args, dq_future_key(p.futures[0]));
	if (dq_query(p.client, DQ_QUERY_SHOW, args, ASK_S, &answer) == DQ_E_OK) {
		struct slice map = value_slice(&answer);

		text_of(map, "state", p.state, sizeof p.state);
		text_of(map, "why", p.why, sizeof p.why);
		p.leased = value_u64(value_member(value_member(map, "tasks"), "leased"), 0);
	}
	dq_value_release(&answer);
	dq_args_free(&args);
}

static void count(struct dq_counts *sum)
{
	*sum = (struct dq_counts){0};
	for (size_t i = 0; i < p.n; i++) {
		struct dq_counts c;

		if (dq_future_counts(p.futures[i], &c) != DQ_E_OK)
			continue;
		sum->total += c.total;
		sum->done += c.done;
		sum->failed += c.failed;
		sum->cancelled += c.cancelled;
	}
}

static double rate_now(uint64_t ended, uint64_t now)
{
	if (!p.older.us)
		p.older = p.newer = (struct mark){now, ended};
	if (now - p.newer.us > WINDOW_US) {
		p.older = p.newer;
		p.newer = (struct mark){now, ended};
	}
	if (now - p.older.us < AGAIN_US || ended <= p.older.ended)
		return 0;
	return (double)(ended - p.older.ended) * 1e6 / (double)(now - p.older.us);
}

static unsigned columns_now(void)
{
	struct winsize size = {0};

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
		return 80;
	return size.ws_col < COLUMNS_MAX ? size.ws_col : COLUMNS_MAX;
}

static void draw(uint64_t now)
{
	struct meter l = {.state = p.state, .why = p.why, .leased = p.leased};
	char text[LINE_BYTES];

	count(&l.counts);
	l.elapsed_s = (double)(now - p.began_us) / 1e6;
	l.rate = rate_now(l.counts.done + l.counts.failed + l.counts.cancelled, now);
	if (l.counts.total == 1)
		l.key = dq_future_key(p.futures[0]);
	/* The last column is left free: some terminals go to the next line there. */
	meter_text(&l, columns_now() - 1, text, sizeof text);
	fflush(stdout);
	fprintf(stderr, "\r%s\033[K", text);
	p.drawn = true;
}

void progress_tick(void)
{
	uint64_t now = clock_mono_us();

	if (!p.on || now < p.due_us)
		return;
	p.due_us = now + AGAIN_US;
	/* Not into the terminal of another job, nor over a line that is not ended. */
	if (p.in_line || tcgetpgrp(STDERR_FILENO) != getpgrp())
		return;
	if (p.n == 1 && now >= p.ask_us && dq_future_count(p.futures[0]) <= ASK_ELEMENTS) {
		p.ask_us = now + ASK_US;
		ask_scheduler();
	}
	draw(now);
}
