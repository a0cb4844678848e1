/*
 * ACT: what users do to their tasks that are there: retry, forget, priority. A request is refused
 * whole, and names the first task that it does not suit, unless it says that such tasks are to be
 * left as they are. It is a work like CANCEL (work.c).
 */
#include "core/impl.h"
#include "core/work.h"

#include "codec/pack.h"

static const enum work_kind work_of[] = {
	[ACT_RETRY] = WORK_RETRY, [ACT_FORGET] = WORK_FORGET, [ACT_PRIORITY] = WORK_PRIORITY};

struct refusal {
	uint32_t code;
	const char *text;
	uint64_t id;
};

static bool refuse(struct refusal *r, uint32_t code, const char *text, uint64_t id)
{
	*r = (struct refusal){code, text, id};
	return false;
}

/* Ended, as users see it: also while its value is made again. */
static bool has_ended(struct place p)
{
	const struct task *t = task_peek(p.block, p.idx);

	return task_state_is_final(block_state(p.block, p.idx)) || (t && t->remake);
}

static bool suits(
	struct core *c, const struct session *s, uint32_t kind, struct place p, struct refusal *r)
{
	uint64_t id = block_id(p.block, p.idx);
	const char *why = NULL;

	if (block_state(p.block, p.idx) == TASK_GONE)
		return p.block->flags & BLOCK_ARRAY ||
		       refuse(r, DQ_E_GONE, "there is no such task any more", id);
	if (p.block->user != s->user->number)
		return refuse(r, DQ_E_REFUSED, "it is another user's", id);
	if (kind == ACT_RETRY)
		why = retry_refusal(c, s, p);
	else if (kind == ACT_FORGET && !has_ended(p))
		why = "it has not ended";
	else if (kind == ACT_PRIORITY && has_ended(p))
		why = "it has ended";
	return !why || refuse(r, DQ_E_REFUSED, why, id);
}

/* Suits all tasks of the block, as far as that can be told without looking at each. */
static bool suits_block(const struct session *s, uint32_t kind, const struct block *b)
{
	return kind == ACT_FORGET && b->user == s->user->number && b->ended == b->live;
}

/* Does it suit all tasks of the runs? */
static bool suits_all(struct core *c, const struct session *s, uint32_t kind, struct runs_reader rr,
	struct refusal *r)
{
	uint64_t looked = 0;
	struct run run;

	while (runs_reader_next(&rr, &run)) {
		for (uint64_t i = 0; i < run.count; i++) {
			struct place p;

			if (!place_shown(c, run.first + i, &p))
				return refuse(r, DQ_E_GONE, "there is no such task any more",
					run.first + i);
			if (p.idx == 0 && run.count - i >= p.block->count &&
				suits_block(s, kind, p.block)) {
				i += p.block->count - 1;
				continue;
			}
			if (looked++ >= LIMIT_ACT_TASKS)
				return refuse(r, DQ_E_LIMIT, limit_text(LIMIT_INDEX_ACT_TASKS), 0);
			if (!suits(c, s, kind, p, r))
				return false;
		}
	}
	return true;
}

static void reply_refusal(
	struct core *c, struct session *s, const struct event *e, const struct refusal *r)
{
	struct buf data;

	buf_init(&data, 64);
	if (r->id)
		pack_u64(&data, r->id);
	reply_stored(c, s, e->conn, r->code, r->text, slice_empty(), buf_slice(&data));
	buf_release(&data);
}

/* Tasks that stay, though they were to be forgotten: [how many, the first]. */
static void reply_kept(
	struct core *c, struct session *s, const struct event *e, uint64_t n, uint64_t first)
{
	struct buf data;

	buf_init(&data, 64);
	pack_array(&data, 2);
	pack_u64(&data, n);
	pack_u64(&data, first);
	reply_stored(c, s, e->conn, DQ_E_OK, "", slice_empty(), buf_slice(&data));
	buf_release(&data);
}

/* Reads the request and looks whether it may be done. */
static bool read_act(struct core *c, const struct session *s, const struct event *e,
	struct runs_reader *rr, struct refusal *r)
{
	if (e->act.kind < ACT_RETRY || e->act.kind > ACT_PRIORITY || e->act.flags & ~ACT_SKIP)
		return refuse(r, DQ_E_USAGE, "ACT: of an unknown kind", 0);
	if (e->act.kind == ACT_PRIORITY &&
		(e->act.arg <= PRIORITY_OF_BLOCK || e->act.arg > INT32_MAX))
		return refuse(r, DQ_E_USAGE, "a priority is from -2147483647 to 2147483647", 0);
	r->code = DQ_E_USAGE;
	if (!runs_reader_init(rr, e->act.runs, &r->text))
		return false;
	if (e->no_room && e->act.kind != ACT_FORGET)
		return refuse(r, DQ_E_STORE, "the store is full", 0);
	return e->act.flags & ACT_SKIP || suits_all(c, s, e->act.kind, *rr, r);
}

void act(struct core *c, const struct event *e)
{
	struct work_record rec = {.arg = e->act.arg};
	struct refusal r = {0};
	struct runs_reader rr;
	struct session *s;
	uint64_t size, kept = 0, first = 0;

	if (!request_begin(c, e, &s))
		return;
	if (!read_act(c, s, e, &rr, &r)) {
		reply_refusal(c, s, e, &r);
		return;
	}
	rec.kind = work_of[e->act.kind];
	rec.session = s->number;
	rec.user = s->user->number;
	size = runs_size(rr);
	work_begin(c, work_new(c, 0, &rec, &rr), size, &kept, &first);
	if (kept)
		reply_kept(c, s, e, kept, first);
	else
		reply_plain(c, s, e->conn);
}
