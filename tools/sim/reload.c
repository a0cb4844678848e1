/*
 * A second core, loaded from the same records, must see what the first one sees: restarting once
 * more changes nothing. Compared when nothing is under way, so that all that the first one knows is
 * stored. What is not stored by design is left aside: starts that were reported, and while values
 * are made again, who waits for them.
 */
#include "sim/sim.h"

#include "base/ensure.h"
#include "core/core.h"

#include <inttypes.h>

struct pair {
	struct sim *s;
	const struct core *one, *other;
	uint32_t blocks;
	bool leaving;
};

/* Waiting and ready may differ where a value was lost: what the first one knows of copies is more.
 */
static bool alike(const struct sim *s, enum task_state a, enum task_state b)
{
	bool waits_a = a == TASK_WAITING || a == TASK_READY || a == TASK_SCHEDULED,
	     waits_b = b == TASK_WAITING || b == TASK_READY || b == TASK_SCHEDULED;
	bool free_a = a == TASK_READY || a == TASK_SCHEDULED,
	     free_b = b == TASK_READY || b == TASK_SCHEDULED;

	/* one that was ready may be early again where the clock has gone back */
	if (free_a && free_b)
		return true;
	return a == b || (!s->flavor.calm && waits_a && waits_b);
}

static bool is_held(struct sim *s, uint64_t id)
{
	const struct book_task *t = book_find(&s->book, id);

	return t && task_is_held_for_sure(s, t);
}

/* Something that it needs, at any distance, may have begun anew since it ended, or lost its value
 * because nobody held it: a task that was not waiting for it then looks at it when it is about to
 * be leased, and a start at once. */
static bool needs_begun_anew(struct sim *s, uint64_t id)
{
	struct book_task *t = book_find(&s->book, id);

	/* what a task needs comes before it in the book, but for what a key named */
	for (uint32_t i = 0; i < s->book.n; i++) {
		struct book_task *o = s->book.v[i];

		o->shaky = o->dep_by_key;
		for (uint32_t k = 0; k < o->ndeps && !o->shaky; k++) {
			const struct book_task *d = book_find(&s->book, o->deps[k]);

			if (d && d->submit == SUBMIT_SAME)
				d = book_find(&s->book, d->same_as);
			o->shaky = !d || d->again || d->ever_unheld || d->shaky;
		}
	}
	return t && t->shaky;
}

/* Detached, over, and without a retention: it is detached no more once nothing needs it, and where
 * something did again a start finds it as it was. */
static bool is_kept_no_longer(const struct sim *s, const struct core_task_view *v)
{
	const struct book_task *t = book_find(&s->book, v->id);

	return t && t->times.retains && !t->times.retention_us && task_state_is_final(v->state);
}

static bool may_wait(enum task_state s)
{
	return s == TASK_WAITING || s == TASK_READY || s == TASK_SCHEDULED;
}

static void compare_task(struct pair *p, uint64_t id)
{
	struct core_task_view a, b;
	bool there = core_view_task(p->one, id, &a), after = core_view_task(p->other, id, &b);

	if (there && a.kept_until_us && a.kept_until_us <= p->s->wall_us &&
		(!after || !b.kept_until_us)) {
		/* its time is over, and the next look at its chunk is soon; it may be needed */
		p->leaving = true;
		return;
	}
	if (there && !after && !is_held(p->s, id)) {
		/* of a value that nobody wants any more, while it is still being made again; that
		 * nothing stays for ever is looked at when the run ends */
		p->leaving = true;
		return;
	}
	if (there != after) {
		sim_fail(p->s,
			"%" PRIx64 " is %sthere, and after a second load is %sthere (kept %" PRIu64
			", now %" PRIu64 ")",
			id, there ? "" : "not ", after ? "" : "not ",
			there ? a.kept_until_us : b.kept_until_us, p->s->wall_us);
		return;
	}
	if (!there)
		return;
	if (!alike(p->s, a.state, b.state) && may_wait(a.state) &&
		(may_wait(b.state) || task_state_is_final(b.state)) && needs_begun_anew(p->s, id)) {
		p->leaving = true;
		return;
	}
	if (!alike(p->s, a.state, b.state) || a.generation != b.generation || a.user != b.user ||
		a.session != b.session ||
		(a.detached != b.detached && !is_kept_no_longer(p->s, &a)) ||
		a.submitted_us != b.submitted_us || a.deadline_us != b.deadline_us ||
		(!task_state_is_final(a.state) && a.failures != b.failures) ||
		(a.state == TASK_SCHEDULED && b.state == TASK_SCHEDULED &&
			a.start_us != b.start_us) ||
		(p->s->flavor.calm && a.kept_until_us != b.kept_until_us) ||
		(a.state != TASK_DONE && a.lease_worker != b.lease_worker))
		sim_fail(p->s,
			"%" PRIx64 " is %s (generation %u, worker %u, attempts %u, kept %" PRIu64
			"), and after a second load %s (%u, %u, %u, %" PRIu64 ")",
			id, task_state_word(a.state), a.generation, a.lease_worker, a.attempts,
			a.kept_until_us, task_state_word(b.state), b.generation, b.lease_worker,
			b.attempts, b.kept_until_us);
}

static bool compare_block(const struct core_block_view *v, void *arg)
{
	struct pair *p = arg;

	struct core_block_view other;

	p->blocks++;
	if (core_view_block(p->other, v->first, &other) && other.first_index != v->first_index)
		sim_fail(p->s, "%" PRIx64 " begins at %u, and after a second load at %u", v->first,
			v->first_index, other.first_index);
	for (uint64_t i = 0; i < v->count && !p->s->failed; i++)
		compare_task(p, v->first + i);
	return !p->s->failed;
}

static bool count_block(const struct core_block_view *v, void *arg)
{
	(void)v;
	++*(uint32_t *)arg;
	return true;
}

static bool compare_thing(const struct core_thing_view *v, void *arg)
{
	struct pair *p = arg;
	struct core_thing_view o;

	if (!core_view_thing(p->other, v->number, &o))
		sim_fail(p->s, "%.*s is not there after a second load", SLICE_ARG(v->name));
	else if (v->queue.len != o.queue.len || v->queue.maxsize != o.queue.maxsize ||
		 v->queue.max_deliveries != o.queue.max_deliveries)
		sim_fail(p->s, "%.*s has %" PRIu64 " items, and after a second load %" PRIu64,
			SLICE_ARG(v->name), v->queue.len, o.queue.len);
	return !p->s->failed;
}

static void compare(struct sim *s, const struct core *one, const struct core *other)
{
	struct pair p = {.s = s, .one = one, .other = other};
	struct core_counts a, b;
	uint32_t blocks = 0;

	core_each_block(one, compare_block, &p);
	core_each_thing(one, THING_QUEUE, 0, compare_thing, &p);
	core_each_block(other, count_block, &blocks);
	if (blocks != p.blocks && !p.leaving && !s->failed)
		sim_fail(s, "%u blocks, and after a second load %u", p.blocks, blocks);
	core_counts(one, &a);
	core_counts(other, &b);
	if (a.sessions != b.sessions && !s->failed)
		sim_fail(s, "%" PRIu64 " sessions, and after a second load %" PRIu64, a.sessions,
			b.sessions);
}

void audit_reload(struct sim *s)
{
	struct engine_config config;
	struct engine_port port;
	struct engine *other;
	const char *why = "";
	int rounds = 0;

	if (s->failed || !s->engine || s->batch || s->pending)
		return;
	/* what is due is done by both */
	engine_tick(s->engine, s->mono_us, s->wall_us);
	while (engine_continue(s->engine, s->mono_us, s->wall_us) && rounds++ < 1000)
		;
	audit_moves(s);
	if (engine_wants_seal(s->engine))
		return;
	s->cover->events[SIM_RELOAD]++;
	engine_config_of(s, &config);
	config.epoch++;
	engine_port_of(s, &port);
	other = engine_new(&config, &port);
	if (!engine_load(other, s->mono_us, s->wall_us, &why))
		sim_fail(s, "a second load: %s", why);
	for (rounds = 0; engine_continue(other, s->mono_us, s->wall_us) && rounds < 1000;)
		rounds++;
	if (!s->failed && !core_check(engine_core(other), &why))
		sim_fail(s, "the recount after a second load: %s", why);
	if (!s->failed)
		compare(s, engine_core(s->engine), engine_core(other));
	engine_free(&other);
}
