/*
 * `history`: what happened to a task, or to each element of an array, from its rows in the store,
 * after the commit of what was there when it was asked for, and the lease that it has now. A
 * bounded part for each question.
 */
#include "scheduler/engine_impl.h"

#include "codec/pack.h"
#include "model/history.h"

#define PART_TASKS 256
#define PART_BYTES ((size_t)1 << 20)

static struct slice key_of(void *arg, uint64_t id, char *buf)
{
	_Static_assert(HISTORY_KEY_BYTES >= TASK_KEY_TEXT, "a key fits");
	return engine_key(arg, id, buf);
}

static struct slice moved(const struct buf *copy, size_t *at, struct slice s)
{
	struct slice to = slice_of(copy->p + *at, s.n);

	*at += s.n;
	return to;
}

/* Keys of other tasks are read between, and a row's slices live until the next read: it is told
 * from a copy. */
static void tell_row(struct engine *e, uint64_t id, uint16_t round, struct history *h)
{
	struct task_row row;
	struct buf copy;
	size_t at = 0;

	if (!engine_row(e, id, round, &row))
		return;
	buf_init(&copy, LIMIT_FRAME_BYTES);
	buf_append_slice(&copy, row.outcome);
	buf_append_slice(&copy, row.worker);
	buf_append_slice(&copy, row.past);
	row.outcome = moved(&copy, &at, row.outcome);
	row.worker = moved(&copy, &at, row.worker);
	row.past = moved(&copy, &at, row.past);
	(void)history_row(h, &row, round);
	buf_release(&copy);
}

/* What goes on now: it is leased, or runs, maybe to make a lost value again. */
static void tell_lease(struct engine *e, const struct core_task_view *v, struct history *h)
{
	const char *word = v->started ? "running" : task_state_word(TASK_LEASED);
	struct core_worker_view w = {0};

	if (!v->lease_worker || !core_view_worker(e->core, v->lease_worker, &w))
		return;
	if (v->state == TASK_CANCELLING)
		word = task_state_word(v->state);
	history_now(h, word, v->round, w.name, v->started ? v->started_us : v->leased_us);
}

static void tell_task(struct engine *e, uint64_t id, struct history *h)
{
	char key[TASK_KEY_TEXT];
	struct core_task_view v;
	struct block_task t;
	uint16_t from;

	/* one that cannot be read is not stored yet, or is gone */
	if (!core_view_task(e->core, id, &v) || !block_cache_get(e->blocks, v.block_first, id, &t))
		return;
	h->key = engine_key(e, id, key);
	history_submitted(h, v.submitted_us);
	from = v.round < ROUNDS_KEPT ? 0 : (uint16_t)(v.round - ROUNDS_KEPT + 1);
	for (uint32_t round = from; round <= v.round; round++)
		tell_row(e, id, (uint16_t)round, h);
	tell_lease(e, &v, h);
}

void engine_history(struct engine *e, uint64_t conn, uint64_t request, struct run run, uint64_t at)
{
	struct msg_answer m = {.request = request};
	struct buf maps, out, frame;
	struct history h = {.out = &maps, .key_of = key_of, .arg = e};
	uint64_t end = at + PART_TASKS < run.count ? at + PART_TASKS : run.count;

	buf_init(&maps, ANSWER_BYTES - 8);
	buf_init(&out, ANSWER_BYTES);
	buf_init(&frame, FRAME_MAX_PAYLOAD);
	for (; at < end && maps.n < PART_BYTES; at++)
		tell_task(e, run.first + at, &h);
	pack_array(&out, h.n);
	buf_append_slice(&out, buf_slice(&maps));
	m.data = buf_slice(&out);
	m.more = at < run.count;
	m.index = at;
	if (out.failed || maps.failed)
		m = (struct msg_answer){.request = request,
			.code = DQ_E_LIMIT,
			.text = slice_str(limit_text(LIMIT_INDEX_FRAME_BYTES))};
	msg_answer_encode(&frame, 0, &m);
	if (!frame.failed)
		e->port.send(e->port.arg, conn, buf_slice(&frame));
	buf_release(&frame);
	buf_release(&out);
	buf_release(&maps);
}
