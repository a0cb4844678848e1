/*
 * Simulated workers: a process that joins with its inventory, asks for work, dies and comes back.
 * Neighbours: runner.c does what leases ask for. A worker's files (the values it holds) may outlive
 * its process.
 */
#include "sim/sim.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/ensure.h"

#include <stdlib.h>

static void random_bytes(struct sim *s, uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)rng_u64(&s->rng);
}

/* How much it fetches ahead. */
static void pick_limit(struct sim *s, struct sworker *w)
{
	w->limit = w->slots + (uint32_t)rng_below(&s->rng, w->slots + (s->flavor.deep ? 16 : 3));
}

void worker_init(struct sim *s, struct sworker *w, uint32_t index)
{
	peer_init(&w->peer, PEER_WORKER, index);
	random_bytes(s, w->uuid, sizeof(w->uuid));
	random_bytes(s, w->instance, sizeof(w->instance));
	w->slots = 1 + (uint32_t)rng_below(&s->rng, s->flavor.slots);
	pick_limit(s, w);
	offer_pick(s, w);
}

void worker_release(struct sworker *w)
{
	free(w->leases);
	free(w->held);
}

struct held *worker_held(struct sworker *w, uint64_t id)
{
	for (uint32_t i = 0; i < w->nheld; i++)
		if (w->held[i].id == id)
			return &w->held[i];
	return NULL;
}

void worker_lease_drop(struct sworker *w, uint32_t i)
{
	ensure(i < w->nleases);
	memmove(w->leases + i, w->leases + i + 1, (w->nleases - i - 1) * sizeof(*w->leases));
	w->nleases--;
}

static void list_running(struct sworker *w, struct buf *out)
{
	list_begin(out, w->nleases);
	for (uint32_t i = 0; i < w->nleases; i++) {
		const struct run_lease *l = &w->leases[i];
		struct fenced f = {.id = l->id,
			.fence = l->fence,
			.extra = l->state != RUN_QUEUED && !l->given_back};

		fenced_write(out, &f);
	}
}

static void list_held(struct sworker *w, struct buf *out)
{
	list_begin(out, w->nheld);
	for (uint32_t i = 0; i < w->nheld; i++) {
		const struct held *h = &w->held[i];
		struct copy c = {.id = h->id,
			.generation = h->generation,
			.checksum = h->checksum,
			.size = h->size};

		copy_write(out, &c);
	}
}

void worker_admitted(struct sim *s, struct sworker *w)
{
	struct msg_join m = {.uuid = slice_of(w->uuid, sizeof(w->uuid)),
		.name = slice_str(w->peer.name),
		.slots = w->slots,
		.address = slice_str(w->peer.name),
		.instance = slice_of(w->instance, sizeof(w->instance))};
	struct buf running, copies, amounts, labels;
	char host[8];

	buf_init(&running, 1 << 20);
	buf_init(&copies, 1 << 20);
	offer_join(w, &m, host, &amounts, &labels);
	list_running(w, &running);
	list_held(w, &copies);
	m.running = buf_slice(&running);
	m.copies = buf_slice(&copies);
	msg_join_encode(&s->scratch, 0, &m);
	peer_send(s, &w->peer);
	buf_release(&running);
	buf_release(&copies);
	buf_release(&amounts);
	buf_release(&labels);
	if (w->heard_us && s->mono_us - w->heard_us > s->flavor.lease_ttl_ms * US_PER_MS)
		s->cover->events[SIM_WORKER_LOST]++;
}

void worker_away(struct sim *s, struct sworker *w)
{
	(void)s;
	w->joined = false;
	w->report_seq = 0;
	for (uint32_t i = 0; i < w->nleases; i++) {
		w->leases[i].report_seq = 0;
		w->leases[i].have = 0;
		w->leases[i].putting = false;
	}
}

static void ask_for_work(struct sim *s, struct sworker *w)
{
	struct msg_credit m = {.limit = w->leaving ? 0 : w->limit};

	msg_credit_encode(&s->scratch, 0, &m);
	peer_send(s, &w->peer);
}

static void joined(struct sim *s, struct sworker *w, const struct frame *f)
{
	struct msg_joined m;
	const char *why;

	if (!msg_joined_decode(f->payload, &m, &why) || m.ticket_key.n != WIRE_TICKET_BYTES) {
		sim_fail(s, "a JOINED that is none");
		return;
	}
	w->joined = true;
	w->number = (uint32_t)m.worker;
	memcpy(w->ticket_key, m.ticket_key.p, WIRE_TICKET_BYTES);
	if (m.task_key.n != WIRE_TICKET_BYTES)
		sim_fail(s, "a JOINED without a key for tokens");
	else
		memcpy(w->task_key, m.task_key.p, WIRE_TICKET_BYTES);
	for (uint32_t i = 0; i < w->nleases; i++)
		w->leases[i].seceded = false;
	ask_for_work(s, w);
}

static void reported(struct sworker *w, const struct frame *f)
{
	for (uint32_t i = w->nleases; i-- > 0;)
		if (w->leases[i].report_seq && w->leases[i].report_seq <= f->seq)
			worker_lease_drop(w, i);
}

static void stop(struct sim *s, struct sworker *w, const struct frame *f)
{
	struct msg_stop m;
	struct cursor at;
	struct fenced e;
	const char *why;
	uint32_t n;

	if (!msg_stop_decode(f->payload, &m, &why) ||
		!list_read_begin(&at, m.entries, UINT32_MAX, &n)) {
		sim_fail(s, "a STOP that is none");
		return;
	}
	while (n-- && fenced_read(&at, &e))
		worker_stop(s, w, &e);
}

static void drop_values(struct sim *s, struct sworker *w, const struct frame *f)
{
	struct msg_free m;
	struct cursor at;
	struct copy e;
	const char *why;
	uint32_t n;

	if (!msg_free_decode(f->payload, &m, &why) ||
		!list_read_begin(&at, m.entries, UINT32_MAX, &n)) {
		sim_fail(s, "a FREE that is none");
		return;
	}
	while (n-- && copy_read(&at, &e)) {
		struct held *h = worker_held(w, e.id);

		if (h && h->generation == e.generation)
			*h = w->held[--w->nheld];
	}
}

void worker_frame(struct sim *s, struct sworker *w, const struct frame *f)
{
	switch (f->type) {
	case MSG_JOINED:
		joined(s, w, f);
		break;
	case MSG_LEASE:
		worker_leased(s, w, f);
		break;
	case MSG_REPORTED:
		reported(w, f);
		break;
	case MSG_PUTTED:
		values_putted(s, w, f);
		break;
	case MSG_STOP:
		stop(s, w, f);
		break;
	case MSG_SECEDED:
		inside_secedes(s, w, f);
		break;
	case MSG_FREE:
		drop_values(s, w, f);
		break;
	default:
		sim_fail(s, "%s came to a worker", message_name(f->type));
	}
}

/* Under the same address, with a directory of its own. */
static void become_another(struct sim *s, struct sworker *w)
{
	random_bytes(s, w->uuid, sizeof(w->uuid));
	w->was_another = true;
}

void worker_die(struct sim *s, struct sworker *w)
{
	sim_trace(s, "%s dies", w->peer.name);
	s->cover->events[SIM_WORKER_DEATH]++;
	if (w->peer.link) {
		pipe_break(&w->peer.link->up, &s->rng);
		w->heard_us = s->mono_us;
	}
	peer_hang_up(s, &w->peer);
	w->dead = true;
	while (w->nleases) {
		struct run_lease *l = &w->leases[--w->nleases];

		inside_over(s, l->id, l->fence);
	}
	if (rng_chance(&s->rng, 1, 3)) {
		s->cover->events[SIM_WORKER_FILES]++;
		w->nheld = 0;
		if (rng_chance(&s->rng, 1, 2))
			become_another(s, w);
	}
}

void worker_restart(struct sim *s, struct sworker *w)
{
	sim_trace(s, "%s starts", w->peer.name);
	w->dead = w->leaving = false;
	w->asleep_until_us = 0;
	random_bytes(s, w->instance, sizeof(w->instance));
	if (!s->settling)
		offer_pick(s, w);
	else
		offer_all(w);
}

void worker_stay(struct sim *s, struct sworker *w)
{
	if (!w->leaving)
		return;
	w->leaving = false;
	if (w->joined)
		ask_for_work(s, w);
}

/* Drained: nothing runs, nothing waits to be reported. */
static void leave(struct sim *s, struct sworker *w)
{
	struct msg_leave m = {.reserved = 0};

	for (uint32_t i = 0; i < w->nleases; i++)
		if (w->leases[i].state != RUN_QUEUED)
			return;
	msg_leave_encode(&s->scratch, 0, &m);
	peer_send(s, &w->peer);
	s->cover->events[SIM_WORKER_LEAVE]++;
	sim_trace(s, "%s leaves", w->peer.name);
	peer_hang_up(s, &w->peer);
	w->dead = true;
	for (uint32_t i = 0; i < w->nleases; i++)
		inside_over(s, w->leases[i].id, w->leases[i].fence);
	w->nleases = w->nheld = 0;
	become_another(s, w);
}

void worker_act(struct sim *s, struct sworker *w)
{
	if (w->dead || s->mono_us < w->asleep_until_us)
		return;
	if (!w->peer.link) {
		if (s->mono_us >= w->peer.retry_us)
			peer_connect(s, &w->peer);
		worker_run(s, w);
		return;
	}
	peer_ping(s, &w->peer);
	worker_run(s, w);
	if (w->joined && !w->dead && !s->settling && rng_chance(&s->rng, 1, 100)) {
		/* how long tasks take is another guess now */
		pick_limit(s, w);
		ask_for_work(s, w);
	}
	if (w->joined && !w->dead)
		inside_progress(s, w);
	if (w->joined && !w->dead)
		worker_tell_ends(s, w, 1 + (uint32_t)rng_below(&s->rng, 4));
	if (!w->joined || s->settling || s->flavor.calm || w->dead)
		return;
	if (w->leaving)
		leave(s, w);
	else if (rng_chance(&s->rng, 1, 400)) {
		w->leaving = true;
		ask_for_work(s, w);
	}
}
