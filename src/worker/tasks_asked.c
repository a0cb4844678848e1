/*
 * What the scheduler asks of leases that are here: to stop them, to give them back, that they give
 * their slot back or have it again, and to drop values.
 */
#include "base/ensure.h"
#include "wire/wire.h"
#include "worker/state.h"

#include <limits.h>

/* --- STOP and FREE -------------------------------------------------------------------------- */

/*
 * Asked back, if it has not begun. Where it has, STARTED is the answer, and goes before anything
 * that the scheduler could take for another; where an older lease of the task still runs here, it
 * comes once that has ended.
 */
void tasks_revoke(struct worker *w, struct lease *l)
{
	if (l->started_sent)
		return;
	if (l->predecessor) {
		l->revoked = true;
		return;
	}
	if (!tasks_withdraw(w, l)) {
		tasks_started_add(w, l);
		return;
	}
	l->stop_cause = CAUSE_REVOKED;
	tasks_report_cancelled(w, l);
}

static void stop_one(struct worker *w, const struct fenced *entry)
{
	struct lease *l = tasks_find(w, entry->id);

	if (!l || !fence_eq(l->fence, entry->fence)) {
		/* it was never had, or has ended and been acknowledged */
		tasks_report_unknown(w, entry->id, entry->fence,
			entry->extra == CAUSE_REVOKED ? CAUSE_REVOKED : CAUSE_CANCELLED);
		return;
	}
	if (l->state == LEASE_REPORTING)
		return;
	if (entry->extra == CAUSE_REVOKED) {
		tasks_revoke(w, l);
		return;
	}
	/* the slot reads it once it is stopped */
	if (!l->stop)
		l->stop_cause = entry->extra < CAUSE_END ? (uint32_t)entry->extra : CAUSE_CANCELLED;
	if (tasks_withdraw(w, l))
		tasks_report_cancelled(w, l);
	else
		tasks_stop_running(w, l);
}

bool tasks_stop(struct worker *w, struct slice entries, const char **why)
{
	struct fenced entry;
	struct cursor c;
	uint32_t n;

	if (list_read_begin(&c, entries, UINT32_MAX, &n)) {
		for (uint32_t i = 0; i < n && fenced_read(&c, &entry); i++)
			stop_one(w, &entry);
	}
	*why = cursor_error(&c);
	return cursor_ok(&c);
}

bool tasks_free_values(struct worker *w, struct slice entries, const char **why)
{
	struct copy p;
	struct cursor c;
	uint32_t n;

	if (list_read_begin(&c, entries, UINT32_MAX, &n)) {
		for (uint32_t i = 0; i < n && copy_read(&c, &p); i++) {
			results_drop(&w->results, p.id, p.generation);
			fetcher_drop(w->fetcher, p.id, p.generation);
		}
	}
	*why = cursor_error(&c);
	return cursor_ok(&c);
}

void tasks_set_seceded(struct worker *w, struct lease *l, bool on)
{
	if (l->seceded == on)
		return;
	l->seceded = on;
	l->has_seceded = true;
	w->credit.waiting += on ? 1 : UINT_MAX;
	slots_secede(w->slots, l, on);
}

bool tasks_seceded(struct worker *w, struct slice entries, const char **why)
{
	struct fenced entry;
	struct cursor c;
	uint32_t n;

	if (list_read_begin(&c, entries, UINT32_MAX, &n)) {
		for (uint32_t i = 0; i < n && fenced_read(&c, &entry); i++) {
			struct lease *l = tasks_find(w, entry.id);

			if (l && fence_eq(l->fence, entry.fence) && l->state == LEASE_QUEUED &&
				l->pushed)
				tasks_set_seceded(w, l, entry.extra != 0);
		}
	}
	*why = cursor_error(&c);
	return cursor_ok(&c);
}

void tasks_joined(struct worker *w)
{
	struct map64_iter it = {0};
	uint64_t id;
	void *p;

	while (map64_next_ptr(&w->leases, &it, &id, &p)) {
		struct lease *l = p;

		tasks_set_seceded(w, l, false);
		l->progress_told = 0;
	}
}
