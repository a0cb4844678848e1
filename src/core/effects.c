/*
 * Transactional tasks. A report that a task is done may carry a deal; it is checked and done before
 * the task ends, in the same step, so in the same transaction of the store. A report under an old
 * fence changes nothing, with its deal; a value that is made again has had its deal done before.
 *
 *	done, with a deal ──all of it can be done──> done
 *	                  └─refused──> waits a while, and is leased again; or failed, cause conflict
 *
 * A refusal is nobody's fault as long as another attempt may see what it was refused for change: it
 * is counted apart from failures, in the task's row.
 */
#include "core/effects.h"
#include "core/past.h"

#define CONFLICTS_MAX 16
#define PAUSE_US 20000ull
#define PAUSE_MAX_US 5000000ull

bool effects_do(struct core *c, const struct task *t, const struct event_lease *item, bool no_room,
	struct effects_refusal *why)
{
	why->d = (struct dealing){
		.c = c, .user = t->block->owner, .no_room = no_room, .version = UINT64_MAX};
	return deal_effects(&why->d, item->effects, &why->index);
}

static bool may_go_otherwise(uint32_t code)
{
	return code == DQ_E_CONFLICT || code == DQ_E_NOT_FOUND || code == DQ_E_GONE ||
	       code == DQ_E_LIMIT || code == DQ_E_STORE;
}

/* Doubled with each of them, and up to as much more, so that those who met do not meet again. */
static uint64_t pause_us(const struct task *t, uint32_t code)
{
	uint64_t chance = hash_mix64(hash_mix64(task_own_id(t)) + t->conflicts) >> 44;
	uint64_t us = PAUSE_US << (t->conflicts < 10 ? t->conflicts : 10);

	if (code == DQ_E_STORE || us > PAUSE_MAX_US)
		us = PAUSE_MAX_US;
	return us + (us * chance >> 20);
}

/* A full store is not held against the task. */
static void go_back(struct core *c, struct task *t, const struct outcome *refused, uint32_t code)
{
	past_attempt(c, t, PAST_CONFLICT, refused);
	t->conflicts += code != DQ_E_STORE;
	t->due_us = c->wall_us + pause_us(t, code);
	t->block->has_due = true;
	lease_back(c, t);
	c->u->seal = true;
}

void effects_refused(
	struct core *c, struct task *t, const struct outcome *o, const struct effects_refusal *why)
{
	struct outcome refused = {.state = TASK_FAILED,
		.cause = CAUSE_CONFLICT,
		.started_us = o->started_us,
		.run_us = o->run_us,
		.stderr_tail = o->stderr_tail};
	bool once = block_option(t->block, t->idx) & OPTION_ONCE;
	struct buf text;

	buf_init(&text, LIMIT_MESSAGE_BYTES);
	buf_printf(&text, "its transaction was refused: operation %u: %s%.*s", why->index,
		why->d.text, (int)why->d.more.n, (const char *)why->d.more.p);
	refused.message = buf_slice(&text);
	if (!once && may_go_otherwise(why->d.code) &&
		(why->d.code == DQ_E_STORE || t->conflicts < CONFLICTS_MAX))
		go_back(c, t, &refused, why->d.code);
	else
		finish_made(c, t, &refused);
	buf_release(&text);
}
