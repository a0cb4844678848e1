/*
 * What happens next. A run has three parts: steps with faults; then faults stop and everything that
 * was submitted must end; then all sessions are closed and nothing may be left. The seed decides
 * all of it. Neighbours: everything else here.
 */
#include "sim/sim.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/ensure.h"
#include "core/core.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SETTLE_STEPS_A_TASK 1000 /* long ones may come one after the other in one slot */
#define SETTLE_STEPS 60000

/* ---- the flavor of a run ---- */

static void pick_users(struct sim *s, struct rng *r)
{
	struct sim_flavor *f = &s->flavor;

	f->users = rng_chance(r, 2, 3) ? 1 : (uint32_t)rng_between(r, 2, SIM_USERS);
	if (f->clients < f->users)
		f->users = f->clients;
	if (f->users > 1 && rng_chance(r, 1, 2))
		f->weight =
			(struct user_weight){.name = user_name(1), .weight = rng_between(r, 2, 4)};
}

static void pick_flavor(struct sim *s)
{
	struct sim_flavor *f = &s->flavor;
	struct rng *r = &s->rng, more; /* so that what came later changes no other run */

	*f = (struct sim_flavor){.clients = 1 + (uint32_t)rng_below(r, 4),
		.workers = 1 + (uint32_t)rng_below(r, 4),
		.slots = 1 + (uint32_t)rng_below(r, 4),
		.lease_ttl_ms = rng_between(r, 1000, 5000),
		.session_ttl_ms = rng_between(r, 2000, 20000),
		.calm = rng_chance(r, 1, 3),
		.deep = rng_chance(r, 1, 3),
		.crash_rate = rng_chance(r, 1, 4) ? 0 : (uint32_t)rng_between(r, 1, 40),
		.drop_rate = rng_chance(r, 1, 4) ? 0 : (uint32_t)rng_between(r, 1, 80),
		.worker_rate = rng_chance(r, 1, 3) ? 0 : (uint32_t)rng_between(r, 1, 40),
		.sleep_rate = rng_chance(r, 1, 3) ? 0 : (uint32_t)rng_between(r, 1, 60),
		.client_rate = rng_chance(r, 1, 2) ? 0 : (uint32_t)rng_between(r, 1, 20),
		.full_rate = rng_chance(r, 1, 2) ? 0 : (uint32_t)rng_between(r, 1, 10),
		.keys = 1 + (uint32_t)rng_below(r, 12),
		.bigs = rng_chance(r, 1, 20) ? 1 + (uint32_t)rng_below(r, 2) : 0,
		.large = (uint32_t)rng_below(r, 60),
		.asks = rng_chance(r, 1, 3) ? 0 : (uint32_t)rng_below(r, 80),
		.times = rng_chance(r, 1, 3) ? 0 : (uint32_t)rng_below(r, 80),
		.inside = rng_chance(r, 1, 2) ? 0 : (uint32_t)rng_between(r, 1, 20),
		.vars = rng_chance(r, 1, 2) ? 0 : (uint32_t)rng_between(r, 1, 30),
		.acts = rng_chance(r, 1, 2) ? 0 : (uint32_t)rng_between(r, 1, 20)};
	f->big = f->bigs;
	rng_init(&more, s->seed + 2);
	f->queues = rng_chance(&more, 1, 2) ? 0 : (uint32_t)rng_between(&more, 5, 70);
	queues_init(s, &more);
	f->locks = rng_chance(&more, 1, 2) ? 0 : (uint32_t)rng_between(&more, 5, 50);
	f->stores = rng_chance(&more, 1, 2) ? 0 : (uint32_t)rng_between(&more, 10, 90);
	pick_users(s, &more);
	if (f->deep)
		f->workers = f->slots = 1 + (uint32_t)rng_below(r, 2);
	if (f->calm) {
		f->lease_ttl_ms = f->session_ttl_ms = 600000;
		f->worker_rate = f->client_rate = 0;
	}
}

static void world_init(struct sim *s, const struct sim_options *o, struct cover *cover)
{
	*s = (struct sim){.seed = o->seed, .mutant = o->mutant, .cover = cover, .trace = o->trace};
	rng_init(&s->rng, o->seed);
	rng_init(&s->engine_rng, o->seed + 1);
	pick_flavor(s);
	fstore_init(&s->store);
	book_init(&s->book);
	s->book.stores = s->flavor.stores != 0;
	values_init(s);
	map64_init(&s->told);
	map64_init(&s->vars.writers);
	map64_init(&s->locks.claims);
	map64_init(&s->vars.seen);
	map64_init(&s->vars.refused);
	map64_init(&s->shadow);
	buf_init(&s->scratch, 16 << 20);
	s->mono_us = 1000 * US_PER_S;
	s->wall_us = s->wall_most_us = 1700000000 * US_PER_S;
	for (size_t i = 0; i < sizeof(s->store_id); i++)
		s->store_id[i] = (uint8_t)rng_u64(&s->rng);
	for (uint32_t i = 0; i < s->flavor.clients + SIM_INSIDE; i++)
		client_init(s, &s->clients[i], i);
	for (uint32_t i = 0; i < s->flavor.workers; i++)
		worker_init(s, &s->workers[i], i);
	cover->seeds++;
}

void sim_release(struct sim *s)
{
	for (uint32_t i = 0; i < s->flavor.clients + SIM_INSIDE; i++)
		client_release(&s->clients[i]);
	for (uint32_t i = 0; i < s->flavor.workers; i++)
		worker_release(&s->workers[i]);
	driver_stop(s);
	while (s->links) {
		struct link *l = s->links;

		s->links = l->next;
		link_free(&l);
	}
	audit_moves_forget(s);
	map64_release(&s->shadow);
	map64_release(&s->told);
	map64_release(&s->vars.writers);
	map64_release(&s->vars.seen);
	map64_release(&s->vars.refused);
	qbook_release(&s->queues);
	claims_release(&s->locks);
	book_release(&s->book);
	fstore_release(&s->store);
	values_release(s);
	buf_release(&s->scratch);
}

/* ---- time ---- */

static void wall_moved(struct sim *s)
{
	if (s->wall_us > s->wall_most_us)
		s->wall_most_us = s->wall_us;
}

static void pass(struct sim *s, uint64_t us)
{
	s->mono_us += us;
	s->wall_us += us;
	wall_moved(s);
	driver_tick(s);
}

static void some_time(struct sim *s)
{
	if (!s->settling && !s->flavor.calm && rng_chance(&s->rng, 1, 300)) {
		s->cover->events[SIM_GAP]++;
		pass(s, rng_between(&s->rng, 1, 4) * US_PER_S);
		return;
	}
	pass(s, rng_between(&s->rng, 1, 100) * US_PER_MS);
}

static void jump_of_wall(struct sim *s)
{
	uint64_t by = rng_below(&s->rng, 7200) * US_PER_S;

	s->cover->events[SIM_WALL]++;
	s->wall_jumps++;
	s->wall_us = rng_chance(&s->rng, 1, 2) ? s->wall_us + by : s->wall_us - by;
	wall_moved(s);
	sim_trace(s, "the wall clock jumps");
}

/* ---- faults ---- */

static struct link *some_link(struct sim *s)
{
	struct link *l = s->links;

	if (!l)
		return NULL;
	for (uint64_t i = rng_below(&s->rng, s->nlinks); i--;)
		l = l->next;
	return l;
}

static void break_link(struct sim *s)
{
	struct link *l = some_link(s);

	if (!l || l->up.deaf || l->down.deaf)
		return;
	s->cover->events[SIM_DROP]++;
	sim_trace(s, "the connection of %s breaks", l->peer->name);
	pipe_break(&l->up, &s->rng);
	pipe_break(&l->down, &s->rng);
}

static void stall_link(struct sim *s)
{
	struct link *l = some_link(s);
	uint64_t until = s->mono_us + rng_below(&s->rng, 4 * s->flavor.lease_ttl_ms * US_PER_MS);

	if (!l || s->flavor.calm)
		return;
	s->cover->events[SIM_STALL]++;
	sim_trace(s, "the connection of %s stalls", l->peer->name);
	if (rng_chance(&s->rng, 1, 2))
		l->up.stalled_until_us = until;
	if (rng_chance(&s->rng, 1, 2))
		l->down.stalled_until_us = until;
}

static void worker_faults(struct sim *s)
{
	struct sworker *w = &s->workers[rng_below(&s->rng, s->flavor.workers)];

	if (w->dead) {
		if (rng_chance(&s->rng, 1, 60))
			worker_restart(s, w);
	} else if (rng_chance(&s->rng, s->flavor.worker_rate, 10000)) {
		worker_die(s, w);
	} else if (!s->flavor.calm && rng_chance(&s->rng, s->flavor.sleep_rate, 10000)) {
		s->cover->events[SIM_WORKER_SLEEP]++;
		sim_trace(s, "%s sleeps", w->peer.name);
		w->asleep_until_us =
			s->mono_us + rng_below(&s->rng, 5 * s->flavor.lease_ttl_ms * US_PER_MS);
	}
}

static void faults(struct sim *s)
{
	const struct sim_flavor *f = &s->flavor;

	worker_faults(s);
	if (rng_chance(&s->rng, f->crash_rate, 10000) && s->engine)
		driver_crash(s, "killed");
	if (rng_chance(&s->rng, f->crash_rate, 20000) && s->engine)
		driver_fail_commit(s);
	if (rng_chance(&s->rng, f->drop_rate, 10000))
		break_link(s);
	if (rng_chance(&s->rng, f->drop_rate, 40000))
		stall_link(s);
	if (rng_chance(&s->rng, f->client_rate, 10000))
		client_die(s, &s->clients[rng_below(&s->rng, f->clients + SIM_INSIDE)]);
	if (rng_chance(&s->rng, 1, 1000))
		jump_of_wall(s);
	if (!s->no_room && rng_chance(&s->rng, f->full_rate, 10000)) {
		s->cover->events[SIM_FULL]++;
		s->room_at_us = s->mono_us + rng_below(&s->rng, 2 * US_PER_S);
		driver_room(s, true);
	}
	if (s->no_room && s->mono_us >= s->room_at_us)
		driver_room(s, false);
}

/* ---- one step ---- */

/* From a random link on, the first that has something to say. */
static struct link *some_ready(struct sim *s, bool up)
{
	struct link *l = some_link(s);

	for (uint32_t i = 0; i < s->nlinks; i++) {
		struct pipe *p = up ? &l->up : &l->down;

		if (pipe_is_ready(p, s->mono_us))
			return l;
		l = l->next ? l->next : s->links;
	}
	return NULL;
}

static void hear_down(struct sim *s)
{
	struct link *l = some_ready(s, false);

	if (!l || !l->peer || l->peer->link != l)
		return;
	if (l->peer->kind == PEER_WORKER && s->mono_us < peer_worker(s, l->peer)->asleep_until_us)
		return;
	peer_hear(s, l->peer);
}

static void hear_up(struct sim *s)
{
	struct link *l = some_ready(s, true);

	if (l)
		driver_frame(s, l);
}

static void start_scheduler(struct sim *s)
{
	if (s->mono_us < s->up_at_us)
		return;
	driver_start(s);
	if (!s->failed && rng_chance(&s->rng, 1, 2))
		audit_reload(s);
}

static void some_client(struct sim *s)
{
	uint32_t i = (uint32_t)rng_below(
		&s->rng, s->flavor.clients + (s->flavor.inside ? SIM_INSIDE : 0));

	if (i >= s->flavor.clients && s->clients[i].inside.parent)
		inside_act(s, &s->clients[i]);
	else
		client_act(s, &s->clients[i % s->flavor.clients]);
}

static void one_step(struct sim *s)
{
	uint64_t dice = rng_below(&s->rng, 100);

	s->step++;
	s->cover->steps++;
	if (!s->engine && dice < 40)
		start_scheduler(s);
	else if (dice < 28)
		hear_up(s);
	else if (dice < 52)
		hear_down(s);
	else if (dice < 64)
		some_client(s);
	else if (dice < 76)
		worker_act(s, &s->workers[rng_below(&s->rng, s->flavor.workers)]);
	else if (dice < 84)
		driver_seal(s);
	else if (dice < 91)
		driver_commit(s);
	else if (dice < 96)
		some_time(s);
	else
		driver_continue(s);
	links_sweep(s);
}

static void audits(struct sim *s)
{
	if (s->step % 64 == 0)
		audit_core(s);
	if (s->step % 128 == 0)
		audit_store(s);
	if (s->step % 192 == 0)
		audit_reload(s);
}

static void run(struct sim *s, uint64_t steps)
{
	for (uint64_t i = 0; i < steps && !s->failed; i++) {
		ensure_note_ids("seed and step", s->seed, s->step);
		one_step(s);
		if (!s->settling && !s->failed)
			faults(s);
		audits(s);
	}
}

/* ---- the end ---- */

static void stop_faults(struct sim *s)
{
	sim_trace(s, "faults stop");
	s->settling = true;
	/* what is scheduled would wait for hours where the clock has gone back */
	s->wall_us = s->wall_most_us;
	s->up_at_us = 0;
	if (s->no_room)
		driver_room(s, false);
	for (struct link *l = s->links; l; l = l->next)
		l->up.stalled_until_us = l->down.stalled_until_us = 0;
	for (uint32_t i = 0; i < s->flavor.workers; i++) {
		s->workers[i].asleep_until_us = 0;
		worker_stay(s, &s->workers[i]);
		offer_all(&s->workers[i]);
		peer_hang_up(s, &s->workers[i].peer);
	}
}

static bool all_satisfied(const struct sim *s)
{
	for (uint32_t i = 0; i < s->flavor.clients; i++)
		if (!client_is_satisfied(&s->clients[i]) || !queues_settled(s, &s->clients[i]) ||
			!locks_settled(&s->clients[i]))
			return false;
	return true;
}

static void revive(struct sim *s)
{
	for (uint32_t i = 0; i < s->flavor.workers; i++)
		if (s->workers[i].dead)
			worker_restart(s, &s->workers[i]);
}

static void tell_task(struct sim *s, const struct client *c, uint64_t id)
{
	struct core_task_view v = {.id = 0};
	struct buf why;

	buf_init(&why, 4096);
	if (s->engine && core_view_task(engine_core(s->engine), id, &v))
		core_why_ready(engine_core(s->engine), id, &why);
	sim_trace(s,
		"%s has not heard of the end of %" PRIx64 ": %s, waits for %u (%" PRIx64
		"), worker %u%s%s",
		c->peer.name, id, task_state_word(v.state), v.waiting_on, v.waits_for,
		v.lease_worker, why.n ? ": " : "", buf_cstr(&why));
	buf_release(&why);
}

/* What is still open, for whoever reads that a run did not settle. */
static void tell_unfinished(struct sim *s)
{
	qbook_tell(s);
	claims_tell(s);
	for (uint32_t i = 0; i < s->flavor.clients + SIM_INSIDE; i++) {
		struct client *c = &s->clients[i];

		sim_trace(s, "%s: opened %d, session %u, %u requests, %zu values asked for",
			c->peer.name, c->opened, c->session, c->nrequests, map64_count(&c->gets));
		for (uint32_t k = 0; k < c->nmine; k++)
			if (!map64_get(&c->ended, c->mine[k], NULL))
				tell_task(s, c, c->mine[k]);
	}
}

static void settle(struct sim *s)
{
	uint64_t left = SETTLE_STEPS + SETTLE_STEPS_A_TASK * (uint64_t)s->book.n;

	stop_faults(s);
	while (!s->failed && !all_satisfied(s) && left) {
		uint64_t n = left < 100 ? left : 100;

		revive(s);
		run(s, n);
		left -= n;
	}
	if (s->failed || left)
		return;
	tell_unfinished(s);
	sim_fail(s, "faults have stopped, and not everything ends");
}

/* Every end that is due was shown; every value that is held can be had. */
static void check_ends(struct sim *s)
{
	for (uint32_t i = 0; i < s->book.n && !s->failed; i++) {
		struct book_task *t = s->book.v[i];

		s->detached_large = s->detached_large || (t->detached && t->fn == FN_LARGE);
		if (!t->shown && !t->detached && task_is_held_for_sure(s, t) &&
			client_of_session(s, t->session) &&
			!client_of_session(s, t->session)->reborn && book_hold(t, t->session))
			sim_trace(s, "%" PRIx64 " is held by a process that is gone", t->id);
	}
}

static void get_all(struct sim *s)
{
	for (uint32_t i = 0; i < s->flavor.clients; i++) {
		struct client *c = &s->clients[i];

		for (uint32_t k = 0; k < c->nmine; k++) {
			struct book_task *t = book_find(&s->book, c->mine[k]);

			if (t && t->shown && t->state == TASK_DONE)
				client_get(s, c, t->id);
		}
	}
	settle(s);
}

static bool nothing_is_left(const struct sim *s)
{
	return s->store.table[TABLE_SESSION].n == 0 && s->store.table[TABLE_LEASE].n == 0 &&
	       s->engine && !s->batch && !engine_wants_seal(s->engine);
}

static void close_all(struct sim *s)
{
	sim_trace(s, "all sessions are closed");
	s->closing_down = true;
	for (uint32_t i = 0; i < s->flavor.clients; i++)
		client_close(s, &s->clients[i]);
	for (int i = 0; i < 4000 && !s->failed && !nothing_is_left(s); i++) {
		revive(s);
		run(s, 50);
		/* sessions of processes that are gone run out */
		if (s->engine)
			pass(s, 900 * US_PER_MS);
	}
	/* and what has a short retention goes, by any clock that there was */
	s->wall_us = s->wall_most_us;
	s->wall_jumps++;
	for (int i = 0; i < 20; i++) {
		run(s, 100);
		pass(s, 900 * US_PER_MS);
	}
	run(s, 2000);
	if (s->failed)
		return;
	audit_store(s);
	audit_core(s);
	audit_reload(s);
	audit_empty(s);
}

bool sim_run(struct sim *s, const struct sim_options *o, struct cover *cover)
{
	world_init(s, o, cover);
	driver_start(s);
	run(s, o->steps);
	if (!s->failed)
		settle(s);
	if (!s->failed)
		check_ends(s);
	if (!s->failed)
		get_all(s);
	if (!s->failed)
		close_all(s);
	return !s->failed;
}
