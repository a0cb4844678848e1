/* Rows as events of a history (history.h). Every map has all keys: what does not apply is nil. */
#include "model/history.h"

#include "codec/pack.h"
#include "model/past.h"

/* What an event has besides its past_event. */
struct more {
	const char *word;
	uint16_t round;
	bool has_n;
	uint64_t blame;
	struct slice stderr_tail;
};

static void put_time(struct buf *out, const char *name, uint64_t us)
{
	pack_cstr(out, name);
	if (us)
		pack_double(out, (double)us / 1e6);
	else
		pack_nil(out);
}

static void put_text(struct buf *out, const char *name, struct slice s)
{
	pack_cstr(out, name);
	if (slice_is_empty(s))
		pack_nil(out);
	else
		pack_str(out, s);
}

static void put_number(struct buf *out, const char *name, bool there, int64_t v)
{
	pack_cstr(out, name);
	if (there)
		pack_i64(out, v);
	else
		pack_nil(out);
}

static void put_blame(struct history *h, uint64_t blame)
{
	char key[HISTORY_KEY_BYTES];

	put_text(h->out, "task", blame ? h->key_of(h->arg, blame, key) : slice_empty());
}

static void put(struct history *h, const struct past_event *e, const struct more *m)
{
	struct buf *out = h->out;

	h->n++;
	pack_map(out, 14);
	put_text(out, "key", h->key);
	put_time(out, "time", e->time_us);
	put_text(out, "event", slice_str(m->word));
	pack_cstr(out, "round");
	pack_u64(out, m->round);
	put_text(out, "worker", e->worker);
	put_time(out, "started", e->started_us);
	put_text(out, "cause", e->cause ? slice_str(cause_word(e->cause)) : slice_empty());
	put_text(out, "message", e->message);
	put_number(out, "exit", e->has_exit, e->exit_status);
	put_number(out, "signal", e->signal != 0, e->signal);
	put_number(out, "peak_bytes", e->peak_bytes != 0, (int64_t)e->peak_bytes);
	put_number(out, "n", m->has_n, e->arg);
	put_blame(h, m->blame);
	pack_cstr(out, "stderr");
	if (slice_is_empty(m->stderr_tail))
		pack_nil(out);
	else
		pack_bin(out, m->stderr_tail);
}

void history_submitted(struct history *h, uint64_t time_us)
{
	put(h, &(struct past_event){.time_us = time_us}, &(struct more){.word = "submitted"});
}

void history_now(
	struct history *h, const char *word, uint16_t round, struct slice worker, uint64_t since_us)
{
	put(h, &(struct past_event){.time_us = since_us, .worker = worker},
		&(struct more){.word = word, .round = round});
}

static void put_end(
	struct history *h, const struct task_row *row, const struct outcome *o, uint16_t round)
{
	struct past_event e = {.time_us = row->finished_us,
		.worker = row->worker,
		.started_us = o->started_us,
		.cause = o->cause,
		.has_exit = o->has_exit,
		.exit_status = o->exit_status,
		.signal = o->signal,
		.peak_bytes = o->peak_bytes,
		.message = o->message};

	put(h, &e,
		&(struct more){.word = task_state_word(row->state),
			.round = round,
			.blame = o->blame,
			.stderr_tail = o->stderr_tail});
}

bool history_row(struct history *h, const struct task_row *row, uint16_t round)
{
	bool ended = task_state_is_final(row->state);
	struct outcome o = {0};
	struct past_reader r;
	struct past_event e;
	const char *why;

	if ((ended && !outcome_decode(row->outcome, &o, &why)) ||
		!past_reader_init(&r, row->past, &why))
		return false;
	if (r.dropped)
		put(h, &(struct past_event){.arg = r.dropped},
			&(struct more){.word = "not kept", .round = round, .has_n = true});
	while (past_reader_next(&r, &e))
		put(h, &e,
			&(struct more){.word = past_word(e.kind),
				.round = round,
				.has_n = e.kind == PAST_RETRIED || e.kind == PAST_PRIORITY});
	if (ended)
		put_end(h, row, &o, round);
	return true;
}
