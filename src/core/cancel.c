/*
 * Cancelling: a task that has not started ends at once, one that is leased is stopped on its worker
 * and ends when that is done. Dependents of a cancelled task are cancelled too (finish.c).
 */
#include "core/impl.h"
#include "core/work.h"

static void stop_on_worker(struct core *c, struct task *t)
{
	struct send *s;

	if (!t->worker->conn)
		return;
	s = update_send(c->u, SEND_STOP, t->worker->conn);
	s->id = task_own_id(t);
	s->fence = t->fence;
	s->cause = t->stop ? t->stop : CAUSE_CANCELLED;
}

void stop_leased(struct core *c, struct task *t, enum cause cause)
{
	if (t->attended)
		attempt_end(c, t, DQ_E_CANCELLED, "the task is being stopped");
	t->stop = cause;
	backlog_remove(c, t);
	task_move(c, t->block, t->idx, TASK_CANCELLING);
	row_write(c, t, TASK_CANCELLING, 0, slice_empty());
	stop_on_worker(c, t);
	c->u->seal = true;
}

void cancel_one(struct core *c, struct block *b, uint32_t idx, enum cause cause)
{
	enum task_state s = block_state(b, idx);
	struct task *t;

	if (s != TASK_WAITING && s != TASK_SCHEDULED && s != TASK_READY && s != TASK_LEASED)
		return;
	t = task_get(c, b, idx);
	if (t->remake)
		return;
	if (s != TASK_LEASED) {
		finish(c, t, TASK_CANCELLED, cause, 0);
		return;
	}
	stop_leased(c, t, CAUSE_NONE);
}

/* A worker came back: it may not have heard. */
void cancel_again(struct core *c, struct task *t)
{
	if (t->worker)
		stop_on_worker(c, t);
}

void cancel(struct core *c, const struct event *e)
{
	runs_request(c, e, WORK_CANCEL);
}
