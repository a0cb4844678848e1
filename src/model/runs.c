/*
 * Runs of task ids, as requests name them and works keep them: [first, count, first, count, …]. The
 * whole list is checked when a reader is made, so that reading cannot fail half-way through what a
 * request does.
 */
#include "codec/pack.h"
#include "model/decode.h"
#include "model/limits.h"
#include "model/record.h"

static void read_run(struct cursor *c, struct run *out)
{
	uint32_t n;

	out->first = cursor_u64(c);
	out->count = cursor_u64(c);
	n = task_id_n(out->first);
	if (n == 0 || task_id_session(out->first) == 0)
		cursor_fail(c, "runs: first is no task id");
	else if (out->count == 0)
		cursor_fail(c, "runs: an empty run");
	else if (out->count - 1 > UINT32_MAX - n)
		cursor_fail(c, "runs: past its session's numbers");
}

bool runs_reader_init(struct runs_reader *r, struct slice in, const char **why)
{
	struct cursor c;
	struct run run;
	uint32_t n;

	*r = (struct runs_reader){.in = in};
	cursor_init(&c, in);
	n = cursor_array_limit(&c, 2 * LIMIT_RUNS, LIMIT_TEXT(RUNS));
	if (n % 2 != 0)
		cursor_fail(&c, "runs: a first without its count");
	r->at = c.p;
	for (uint32_t i = 0; i < n / 2 && cursor_ok(&c); i++)
		read_run(&c, &run);
	if (!record_end(&c, n, n, why))
		return false;
	r->left = n / 2;
	return true;
}

bool runs_reader_next(struct runs_reader *r, struct run *out)
{
	struct cursor c;

	if (r->left == 0)
		return false;
	cursor_init(&c, slice_of(r->at, (size_t)(r->in.p + r->in.n - r->at)));
	read_run(&c, out);
	r->at = c.p;
	r->left--;
	return cursor_ok(&c);
}

void runs_encode(struct buf *out, const struct run *runs, uint32_t n)
{
	pack_array(out, 2 * n);
	for (uint32_t i = 0; i < n; i++) {
		pack_u64(out, runs[i].first);
		pack_u64(out, runs[i].count);
	}
}
