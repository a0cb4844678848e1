/*
 * The engine's life: connections, steps, seals, and what leaves after a commit. See engine.h for
 * the flow.
 */
#include "scheduler/engine_impl.h"

#define BLOCK_CACHE_BYTES ((size_t)64 << 20)
#define HELLO_US 10000000
#define SCAN_US 1000000
#define SCANNED_MAX 4096 /* outcomes of the past that wait for one commit to be told, about */

static bool read_block(void *arg, uint64_t first, struct slice *record)
{
	struct engine *e = arg;
	struct key key = key_block(first);

	return e->port.get(e->port.arg, TABLE_BLOCK, key_slice(&key), record);
}

struct engine *engine_new(const struct engine_config *config, const struct engine_port *port)
{
	struct engine *e = xcalloc(1, sizeof(*e));
	struct core_config cc = {.epoch = config->epoch,
		.lease_ttl_ms = config->lease_ttl_ms,
		.session_ttl_ms = config->session_ttl_ms,
		.retention_us = config->retention_us,
		.user0_uid = config->uid,
		.user0_name = config->user,
		.weights = config->weights,
		.nweights = config->nweights};

	e->config = *config;
	e->secret = xmemdup(
		config->secret.n ? config->secret.p : (const uint8_t *)"", config->secret.n);
	e->config.secret = slice_of(e->secret, config->secret.n);
	e->user = xcalloc(1, config->user.n + 1);
	memcpy(e->user, config->user.p, config->user.n);
	e->config.user = slice_str(e->user);
	e->port = *port;
	e->core = core_new(&cc);
	update_init(&e->update);
	map64_init(&e->conns);
	list_init(&e->conn_list);
	list_init(&e->telling);
	for (int i = 0; i < 2; i++) {
		batch_init(&e->batches[i]);
		buf_init(&e->flights[i].bytes, SIZE_MAX / 2);
	}
	buf_init(&e->list, LIMIT_FRAME_BYTES);
	map64_init(&e->uploads);
	e->blocks = block_cache_new(BLOCK_CACHE_BYTES, read_block, e);
	return e;
}

static void conn_release(struct engine *e, struct engine_conn *c)
{
	map64_remove_ptr(&e->conns, c->number);
	list_remove(&c->in_conns);
	list_remove(&c->in_telling);
	buf_release(&c->outcomes);
	free((void *)(uintptr_t)c->peer.user.p);
	free(c->user);
	free(c);
}

void engine_free(struct engine **engine)
{
	struct engine *e = *engine;

	*engine = NULL;
	if (!e)
		return;
	while (!list_is_empty(&e->conn_list))
		conn_release(e, container_of(e->conn_list.next, struct engine_conn, in_conns));
	core_free(&e->core);
	update_release(&e->update);
	map64_release(&e->conns);
	for (int i = 0; i < 2; i++) {
		batch_release(&e->batches[i]);
		flight_free(&e->flights[i]);
	}
	block_cache_free(&e->blocks);
	engine_values_free(e);
	buf_release(&e->list);
	free(e->leases);
	free(e->unfit);
	free(e->copies);
	free(e->secret);
	free(e->user);
	free(e);
}

const struct core *engine_core(const struct engine *e)
{
	return e->core;
}

struct engine_conn *engine_conn(struct engine *e, uint64_t number)
{
	return map64_get_ptr(&e->conns, number);
}

bool engine_connect(struct engine *e, uint64_t conn, const struct engine_peer *peer)
{
	struct engine_conn *c;

	if (map64_count(&e->conns) >= LIMIT_CONNECTIONS)
		return false;
	c = xcalloc(1, sizeof(*c));
	c->number = conn;
	c->peer = *peer;
	c->peer.user =
		slice_of(xmemdup(peer->user.n ? peer->user.p : (const uint8_t *)"", peer->user.n),
			peer->user.n);
	buf_init(&c->outcomes, LIMIT_FRAME_BYTES);
	list_init(&c->in_telling);
	list_push_back(&e->conn_list, &c->in_conns);
	ensure(map64_put_ptr(&e->conns, conn, c));
	return true;
}

void engine_step(struct engine *e, struct event *event, uint64_t mono_us, uint64_t wall_us)
{
	event->mono_us = mono_us;
	event->wall_us = wall_us;
	event->no_room = e->no_room;
	event->no_scan = engine_flight(e)->scanned >= SCANNED_MAX;
	update_clear(&e->update);
	core_step(e->core, event, &e->update);
	engine_translate(e);
}

void engine_refuse(struct engine *e, struct engine_conn *c, uint32_t code, const char *text)
{
	struct buf frame;

	if (c->stage == STAGE_CLOSED)
		return;
	buf_init(&frame, LIMIT_HELLO_BYTES);
	msg_refuse_encode(&frame, 0, &(struct msg_refuse){.code = code, .text = slice_str(text)});
	e->port.send(e->port.arg, c->number, buf_slice(&frame));
	buf_release(&frame);
	c->stage = STAGE_CLOSED;
	e->port.close(e->port.arg, c->number);
}

void engine_frame(struct engine *e, uint64_t conn, const struct frame *frame, uint64_t mono_us,
	uint64_t wall_us)
{
	struct engine_conn *c = engine_conn(e, conn);

	if (!c || c->stage == STAGE_CLOSED)
		return;
	c->heard_us = mono_us;
	if (c->stage == STAGE_ADMITTED)
		engine_handle(e, c, frame, mono_us, wall_us);
	else
		engine_handshake(e, c, frame, mono_us, wall_us);
}

void engine_bad_frame(struct engine *e, uint64_t conn, const char *why)
{
	struct engine_conn *c = engine_conn(e, conn);

	if (!c)
		return;
	if (why)
		engine_refuse(e, c, DQ_E_PROTOCOL, why);
	else
		engine_refuse(e, c, DQ_E_LIMIT,
			c->stage == STAGE_ADMITTED ? LIMIT_TEXT(FRAME_BYTES)
						   : LIMIT_TEXT(HELLO_BYTES));
}

bool engine_admitted(const struct engine *e, uint64_t conn)
{
	const struct engine_conn *c = map64_get_ptr(&e->conns, conn);

	return c && c->stage == STAGE_ADMITTED;
}

void engine_disconnect(struct engine *e, uint64_t conn, uint64_t mono_us, uint64_t wall_us)
{
	struct engine_conn *c = engine_conn(e, conn);
	struct event event = {.kind = EVENT_DISCONNECT, .conn = conn};

	if (!c)
		return;
	conn_release(e, c);
	engine_put_disconnect(e, conn);
	engine_step(e, &event, mono_us, wall_us);
}

/* Peers that say nothing: before admission for 10 s, workers for a lease TTL. Time in which the
 * scheduler itself was away does not count (D10). */
static void close_silent(struct engine *e, uint64_t mono_us)
{
	bool away = mono_us > e->ticked_us + 3 * SCAN_US;
	struct list *l, *next;

	e->ticked_us = mono_us;

	for (l = e->conn_list.next; l != &e->conn_list; l = next) {
		struct engine_conn *c = container_of(l, struct engine_conn, in_conns);
		uint64_t limit = c->stage < STAGE_ADMITTED ? HELLO_US
				 : c->joined               ? e->config.lease_ttl_ms * 1000
							   : 0;

		next = l->next;
		if (c->heard_us == 0 || away)
			c->heard_us = mono_us;
		if (limit && mono_us > c->heard_us + limit)
			engine_refuse(e, c, DQ_E_TIMEOUT, "nothing was heard for too long");
	}
}

void engine_tick(struct engine *e, uint64_t mono_us, uint64_t wall_us)
{
	struct event event = {.kind = EVENT_TICK};

	e->next_tick_us = 0;
	close_silent(e, mono_us);
	engine_step(e, &event, mono_us, wall_us);
	if (!list_is_empty(&e->conn_list) &&
		(!e->next_tick_us || e->next_tick_us > mono_us + SCAN_US))
		e->next_tick_us = mono_us + SCAN_US;
}

uint64_t engine_next_tick_us(const struct engine *e)
{
	return e->next_tick_us;
}

void engine_unfit(struct engine *e, uint64_t conn, uint64_t id, struct fence fence)
{
	if (e->nunfit == e->unfit_cap) {
		e->unfit_cap = e->unfit_cap ? e->unfit_cap * 2 : 16;
		e->unfit = xreallocarray(e->unfit, e->unfit_cap, sizeof(*e->unfit));
	}
	e->unfit[e->nunfit++] = (struct unfit){.conn = conn, .id = id, .fence = fence};
}

/* As if its worker had reported it. */
static void end_unfit(struct engine *e, const struct unfit *u, uint64_t mono_us, uint64_t wall_us)
{
	struct outcome o = {.state = TASK_FAILED,
		.cause = CAUSE_ERROR,
		.message = slice_str("its spec and the values of its inputs do not fit a message: "
				     "at most 16 MiB")};
	struct event_lease lease = {.id = u->id, .fence = u->fence};
	struct event event = {.kind = EVENT_REPORT, .conn = u->conn};
	const struct engine_conn *c = engine_conn(e, u->conn);
	struct buf outcome;

	if (!c || !c->joined || c->stage == STAGE_CLOSED)
		return;
	buf_init(&outcome, LIMIT_HELLO_BYTES);
	outcome_encode(&outcome, &o);
	lease.outcome = buf_slice(&outcome);
	event.leases.items = &lease;
	event.leases.n = 1;
	engine_step(e, &event, mono_us, wall_us);
	buf_release(&outcome);
}

bool engine_has_work(const struct engine *e)
{
	return e->more || e->nunfit || e->nspoilt ||
	       (e->scans && e->flights[e->open].scanned < SCANNED_MAX);
}

void engine_flow(struct engine *e, uint64_t conn, bool slow, uint64_t mono_us, uint64_t wall_us)
{
	struct event event = {.kind = EVENT_FLOW, .conn = conn, .slow = slow};

	engine_step(e, &event, mono_us, wall_us);
}

bool engine_continue(struct engine *e, uint64_t mono_us, uint64_t wall_us)
{
	struct event event = {.kind = EVENT_CONTINUE};

	while (e->nunfit)
		end_unfit(e, &e->unfit[--e->nunfit], mono_us, wall_us);
	engine_tell_spoilt(e, mono_us, wall_us);
	if (engine_has_work(e))
		engine_step(e, &event, mono_us, wall_us);
	return engine_has_work(e);
}

bool engine_wants_seal(const struct engine *e)
{
	return e->seal_wanted || batch_count(&e->batches[e->open]) > e->lazy ||
	       e->flights[e->open].n || !list_is_empty(&e->telling);
}

const struct batch *engine_seal(struct engine *e, uint64_t mono_us, uint64_t wall_us, uint64_t *seq)
{
	struct event event = {.kind = EVENT_SEAL};
	struct batch *batch = &e->batches[e->open];
	struct flight *flight = engine_flight(e);

	ensure(!e->under_way);
	e->seal_wanted = false;
	e->lazy = 0;
	engine_step(e, &event, mono_us, wall_us);
	engine_flush_outcomes(e);
	if (batch_count(batch) == 0) {
		flight_release(e, flight);
		flight_clear(flight);
		return NULL;
	}
	*seq = ++e->seq;
	e->under_way = true;
	e->open = !e->open;
	return batch;
}

void engine_committed(struct engine *e, uint64_t seq)
{
	int other = !e->open;

	ensure(e->under_way && seq == e->seq);
	e->under_way = false;
	engine_flush_outcomes(e);
	flight_release(e, &e->flights[other]);
	flight_clear(&e->flights[other]);
	batch_clear(&e->batches[other]);
}

void engine_set_room(struct engine *e, bool no_room)
{
	e->no_room = no_room;
}

size_t engine_backlog_bytes(const struct engine *e)
{
	const struct flight *f = &e->flights[e->open];

	return batch_bytes(&e->batches[e->open]) + f->bytes.n + f->n * sizeof(*f->items) +
	       f->ndeferred * sizeof(*f->deferred) + f->ngrants * sizeof(*f->grants) +
	       f->ninputs * sizeof(*f->inputs);
}

uint64_t engine_load_skipped(const struct engine *e)
{
	return e->skipped;
}
