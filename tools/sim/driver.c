/*
 * Drives the engine as the scheduler does: frames in, at most one batch under way, messages out
 * after its commit. And ends it as the world does: a crash loses the batch under way, or keeps it
 * though nobody heard; a failed commit is a restart inside the process. Neighbours: world.c says
 * when; watch.c looks at all that leaves; audit.c at what a start finds.
 */
#include "sim/sim.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/ensure.h"
#include "base/hash.h"

#define SLOW_FRAMES 3 /* unread */

static bool port_get(void *arg, enum table table, struct slice key, struct slice *value)
{
	struct sim *s = arg;

	return fstore_get(&s->store, table, key, value);
}

static bool port_scan(void *arg, enum table table,
	bool (*fn)(void *fn_arg, struct slice key, struct slice value), void *fn_arg,
	const char **why)
{
	struct sim *s = arg;

	(void)why;
	for (uint32_t i = 0; i < s->store.table[table].n; i++) {
		struct slice key, value;

		fstore_at(&s->store, table, i, &key, &value);
		if (!fn(fn_arg, key, value))
			break;
	}
	return true;
}

struct link *link_of(struct sim *s, uint64_t conn)
{
	struct link *l = s->links;

	while (l && l->conn != conn)
		l = l->next;
	return l;
}

static const char *peer_name(const struct link *l)
{
	return l->peer ? l->peer->name : "nobody";
}

static void port_send(void *arg, uint64_t conn, struct slice frames)
{
	struct sim *s = arg;
	struct link *l = link_of(s, conn);

	ensure(l != NULL);
	while (frames.n) {
		struct frame f;
		size_t used;

		if (frame_parse(frames, FRAME_MAX_PAYLOAD, &f, &used) != FRAME_OK) {
			sim_fail(s, "the scheduler sent what is no frame");
			return;
		}
		s->cover->messages[f.type]++;
		sim_trace_frame(s, "scheduler", peer_name(l), &f);
		watch_sent(s, l, &f);
		pipe_put(&l->down, slice_of(frames.p, used));
		frames = slice_drop(frames, used);
	}
}

static void unheard(struct sim *s, struct link *l)
{
	struct peer *p = l->peer;

	if (p && p->link == l && p->kind == PEER_CLIENT && l->session == peer_client(s, p)->session)
		peer_client(s, p)->heard_us = s->mono_us;
	if (p && p->link == l && p->kind == PEER_WORKER)
		peer_worker(s, p)->heard_us = s->mono_us;
}

static void port_close(void *arg, uint64_t conn)
{
	struct sim *s = arg;
	struct link *l = link_of(s, conn);

	ensure(l != NULL);
	sim_trace(s, "scheduler closes the connection of %s", peer_name(l));
	unheard(s, l);
	pipe_end(&l->up);
	l->down.broken = true;
}

static void port_random(void *arg, uint8_t *p, size_t n)
{
	struct sim *s = arg;

	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)rng_u64(&s->engine_rng);
}

static void port_status(void *arg, struct engine_store_status *out)
{
	struct sim *s = arg;

	*out = (struct engine_store_status){.bytes = fstore_bytes(&s->store),
		.commits = s->store.commits,
		.durability = "strict"};
}

void engine_port_of(struct sim *s, struct engine_port *out)
{
	*out = (struct engine_port){.arg = s,
		.get = port_get,
		.scan = port_scan,
		.send = port_send,
		.close = port_close,
		.random = port_random,
		.store_status = port_status};
	values_port(out);
}

void engine_config_of(const struct sim *s, struct engine_config *out)
{
	*out = (struct engine_config){.epoch = s->epoch,
		.lease_ttl_ms = s->flavor.lease_ttl_ms,
		.session_ttl_ms = s->flavor.session_ttl_ms,
		.uid = 1000,
		.user = slice_str(SIM_USER),
		.secret = slice_str(SIM_SECRET),
		.weights = &s->flavor.weight,
		.nweights = s->flavor.weight.weight != 0};
	memcpy(out->store_id, s->store_id, sizeof(out->store_id));
}

void driver_start(struct sim *s)
{
	struct engine_config config;
	struct engine_port port;
	const char *why = "";
	uint64_t wall_s = s->wall_us / US_PER_S;

	ensure(!s->engine && !s->batch);
	s->epoch = s->epoch + 1 > wall_s ? s->epoch + 1 : wall_s;
	s->started_us = s->mono_us;
	engine_config_of(s, &config);
	engine_port_of(s, &port);
	values_start(s);
	s->engine = engine_new(&config, &port);
	s->cover->events[SIM_LOAD]++;
	audit_moves_forget(s);
	times_restart(s);
	if (!engine_load(s->engine, s->mono_us, s->wall_us, &why)) {
		sim_fail(s, "the records cannot be loaded: %s", why);
		return;
	}
	if (engine_load_skipped(s->engine))
		sim_fail(s, "%llu records were left out at the start",
			(unsigned long long)engine_load_skipped(s->engine));
	sim_trace(s, "scheduler starts, epoch %llu", (unsigned long long)s->epoch);
	if (s->no_room)
		engine_set_room(s->engine, true);
	audit_moves(s);
	audit_core(s);
}

static void pending_drop(struct sim *s)
{
	while (s->pending) {
		struct pending_batch *p = s->pending;

		s->pending = p->next;
		batch_release(&p->batch);
		free(p);
	}
	s->pending_last = NULL;
}

void driver_stop(struct sim *s)
{
	s->batch = NULL;
	pending_drop(s);
	engine_free(&s->engine);
}

static void applied(struct sim *s, const struct batch *batch)
{
	watch_batch(s, batch);
	fstore_apply(&s->store, batch);
	values_apply(s, batch);
	s->cover->events[SIM_COMMIT]++;
}

/* Every connection ends; what was under way to the peers may still come, or not. */
static void cut_all(struct sim *s)
{
	for (struct link *l = s->links; l; l = l->next) {
		if (!l->up.deaf)
			unheard(s, l);
		pipe_deafen(&l->up);
		pipe_break(&l->down, &s->rng);
	}
}

static void end_of_engine(struct sim *s)
{
	if (s->batch && rng_chance(&s->rng, 1, 3)) {
		s->cover->events[SIM_CRASH_KEPT]++;
		sim_trace(s, "the commit under way was stored all the same");
		applied(s, s->batch);
	}
	driver_stop(s);
	cut_all(s);
}

void driver_crash(struct sim *s, const char *why)
{
	sim_trace(s, "scheduler dies: %s", why);
	s->cover->events[SIM_CRASH]++;
	end_of_engine(s);
	s->up_at_us = s->mono_us + rng_below(&s->rng, s->flavor.lease_ttl_ms * US_PER_MS / 2);
	audit_store(s);
}

void driver_fail_commit(struct sim *s)
{
	if (!s->batch)
		return;
	sim_trace(s, "the commit fails");
	s->cover->events[SIM_COMMIT_FAILED]++;
	end_of_engine(s);
	driver_start(s);
}

/* A mutant's: told before it is stored. */
static void tell_first(struct sim *s, uint64_t seq)
{
	struct pending_batch *p = xcalloc(1, sizeof(*p));
	struct batch_op op;
	size_t pos = 0;

	batch_init(&p->batch);
	while (batch_next(s->batch, &pos, &op)) {
		if (op.is_move)
			batch_move(
				&p->batch, op.table, key_of_slice(op.key), key_of_slice(op.value));
		else if (op.is_put)
			batch_put(&p->batch, op.table, key_of_slice(op.key), op.value);
		else
			batch_del(&p->batch, op.table, key_of_slice(op.key));
	}
	for (uint32_t i = 0; i < s->batch->nfiles; i++) {
		const struct batch_file *f = &s->batch->files[i];

		if (f->keep)
			batch_keep(&p->batch, f->upload, f->id, f->generation);
		else
			batch_drop(&p->batch, f->id, f->generation);
	}
	if (s->pending_last)
		s->pending_last->next = p;
	else
		s->pending = p;
	s->pending_last = p;
	s->batch = NULL;
	engine_committed(s->engine, seq);
}

void driver_seal(struct sim *s)
{
	uint64_t seq = 0;

	if (!s->engine || s->batch || !engine_wants_seal(s->engine))
		return;
	s->batch = engine_seal(s->engine, s->mono_us, s->wall_us, &seq);
	audit_moves(s);
	if (!s->batch)
		return;
	s->batch_seq = seq;
	sim_trace(s, "batch %llu: %u records", (unsigned long long)seq, batch_count(s->batch));
	if (s->mutant == MUTANT_REPLY_BEFORE_SYNC)
		tell_first(s, seq);
}

void driver_commit(struct sim *s)
{
	if (s->pending) {
		struct pending_batch *p = s->pending;

		s->pending = p->next;
		if (!s->pending)
			s->pending_last = NULL;
		applied(s, &p->batch);
		batch_release(&p->batch);
		free(p);
		return;
	}
	if (!s->batch)
		return;
	applied(s, s->batch);
	s->batch = NULL;
	sim_trace(s, "batch %llu is stored", (unsigned long long)s->batch_seq);
	engine_committed(s->engine, s->batch_seq);
	audit_moves(s);
}

void driver_tick(struct sim *s)
{
	uint64_t at;

	if (!s->engine)
		return;
	at = engine_next_tick_us(s->engine);
	if (at && at <= s->mono_us) {
		engine_tick(s->engine, s->mono_us, s->wall_us);
		audit_moves(s);
	}
}

/* Peers that leave much unread are told of the past later. */
static void tell_slow(struct sim *s)
{
	for (struct link *l = s->links; l; l = l->next) {
		if (l->up.deaf || l->slow == (l->down.n > SLOW_FRAMES))
			continue;
		l->slow = !l->slow;
		s->cover->events[SIM_SLOW] += l->slow;
		engine_flow(s->engine, l->conn, l->slow, s->mono_us, s->wall_us);
		audit_moves(s);
	}
}

void driver_continue(struct sim *s)
{
	if (!s->engine)
		return;
	tell_slow(s);
	if (!engine_continue(s->engine, s->mono_us, s->wall_us))
		s->continued = s->step;
	audit_moves(s);
}

void driver_room(struct sim *s, bool no_room)
{
	sim_trace(s, no_room ? "the store is low on room" : "the store has room again");
	s->no_room = no_room;
	if (s->engine)
		engine_set_room(s->engine, no_room);
}

struct link *driver_connect(struct sim *s, struct peer *p)
{
	struct engine_peer who = {
		.by_kernel = !p->by_secret, .uid = 1000, .user = slice_str(SIM_USER)};
	struct link *l, **at = &s->links;

	if (!s->engine)
		return NULL;
	l = link_new(++s->next_conn, p);
	while (*at)
		at = &(*at)->next;
	*at = l;
	s->nlinks++;
	if (peer_user(s, p))
		user_peer(peer_user(s, p), &who);
	if (p->by_secret)
		who = (struct engine_peer){.by_kernel = false};
	if (!engine_connect(s->engine, l->conn, &who)) {
		pipe_deafen(&l->up);
		l->down.broken = true;
	}
	return l;
}

/* A value that a worker could not have may be made again elsewhere. */
static void note_missing(struct sim *s, const struct frame *f)
{
	struct msg_missing m;
	struct cursor at;
	struct copy e;
	const char *why;
	uint32_t n;

	if (!msg_missing_decode(f->payload, &m, &why) ||
		!list_read_begin(&at, m.entries, UINT32_MAX, &n))
		return;
	while (n-- && copy_read(&at, &e))
		if (book_find(&s->book, e.id))
			book_find(&s->book, e.id)->missed = true;
}

static void count_stale(struct sim *s, const struct frame *f)
{
	struct msg_report m;
	struct cursor at;
	struct fenced e;
	const char *why;
	uint32_t n, worker;

	if (!msg_report_decode(f->payload, &m, &why) ||
		!list_read_begin(&at, m.entries, UINT32_MAX, &n))
		return;
	while (n-- && fenced_read(&at, &e))
		s->cover->events[SIM_STALE] += !lookup_lease(s, e.id, e.fence, &worker);
}

void driver_frame(struct sim *s, struct link *l)
{
	struct packet *k;
	struct frame f;
	size_t used;

	if (!s->engine || !pipe_is_ready(&l->up, s->mono_us))
		return;
	k = pipe_take(&l->up);
	if (!k) {
		sim_trace(s, "scheduler hears that %s is gone", peer_name(l));
		unheard(s, l);
		pipe_deafen(&l->up);
		pipe_break(&l->down, &s->rng);
		engine_disconnect(s->engine, l->conn, s->mono_us, s->wall_us);
		audit_moves(s);
		return;
	}
	ensure(frame_parse(slice_of(k->bytes, k->n), FRAME_MAX_PAYLOAD, &f, &used) == FRAME_OK);
	s->cover->messages[f.type]++;
	sim_trace_frame(s, peer_name(l), "scheduler", &f);
	if (f.type == MSG_REPORT)
		count_stale(s, &f);
	else if (f.type == MSG_TAKE)
		queues_arrived(s, l, &f);
	else if (f.type == MSG_MISSING)
		note_missing(s, &f);
	engine_frame(s->engine, l->conn, &f, s->mono_us, s->wall_us);
	free(k);
	audit_moves(s);
}

void links_sweep(struct sim *s)
{
	struct link **at = &s->links;

	while (*at) {
		struct link *l = *at;

		if (!l->up.deaf || !l->down.deaf) {
			at = &l->next;
			continue;
		}
		ensure(!l->peer || l->peer->link != l);
		*at = l->next;
		s->nlinks--;
		link_free(&l);
	}
}
