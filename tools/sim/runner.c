/*
 * What a simulated worker does with its leases: inputs are had from their holders, code starts and
 * ends in its time, the end is reported until it is acknowledged. Failures: an input that nobody
 * has is MISSING, and its leases are given back.
 */
#include "sim/sim.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/ensure.h"
#include "base/hash.h"
#include "codec/pack.h"
#include "model/block.h"
#include "model/decode.h"
#include "model/value.h"

#include <inttypes.h>
#include <stdlib.h>

static struct run_lease *find_lease(struct sworker *w, uint64_t id, struct fence fence)
{
	for (uint32_t i = 0; i < w->nleases; i++)
		if (w->leases[i].id == id && fence_eq(w->leases[i].fence, fence))
			return &w->leases[i];
	return NULL;
}

/* ---- a lease comes ---- */

static void read_where(struct sim *s, struct run_input *in, struct slice where)
{
	struct slice address, ticket;
	struct cursor c;
	uint32_t n;

	cursor_init(&c, where);
	n = cursor_array(&c);
	for (uint32_t i = 0; i < n && where_read(&c, &address, &ticket); i++) {
		if (in->nfrom == 2)
			continue;
		if (ticket.n != WIRE_TICKET_BYTES || address.n >= sizeof(in->from[0])) {
			sim_fail(s, "a holder without an address or a ticket");
			return;
		}
		memcpy(in->from[in->nfrom], address.p, address.n);
		in->from[in->nfrom][address.n] = '\0';
		memcpy(in->ticket[in->nfrom++], ticket.p, WIRE_TICKET_BYTES);
	}
	if (!cursor_ok(&c))
		sim_fail(s, "holders: %s", cursor_error(&c));
}

static void check_input(struct sim *s, const struct book_task *t, const struct lease_input *in)
{
	const struct book_task *d = book_find(&s->book, in->id);
	uint8_t bytes[BOOK_LARGE_BYTES + 128];
	bool known = t->dep_by_key;

	for (uint32_t i = 0; i < t->ndeps; i++) {
		const struct book_task *o = book_find(&s->book, t->deps[i]);

		known = known || t->deps[i] == in->id ||
			(o && o->submit != SUBMIT_TAKEN && o->key[0]);
	}
	if (!d || !known) {
		sim_fail(s, "%" PRIx64 " is leased with %" PRIx64 ", which it does not depend on",
			t->id, in->id);
		return;
	}
	if (slice_eq_str(in->type, VALUE_TYPE_NONE) && t->times.on_dep_failure == DEP_RUN) {
		if (d->shown && d->state == TASK_DONE && !d->again)
			sim_fail(s, "%" PRIx64 " is leased without the value of %" PRIx64, t->id,
				in->id);
		return;
	}
	if (d->fn == FN_STAMP)
		return;
	if (in->size != book_value_bytes(d) ||
		in->checksum != book_checksum(d->id, book_value_bytes(d))) {
		sim_fail(s, "%" PRIx64 " is leased with another value of %" PRIx64, t->id, in->id);
		return;
	}
	book_value(d->id, book_value_bytes(d), bytes);
	if (in->is_inline && !slice_eq(in->bytes, slice_of(bytes, in->size)))
		sim_fail(s, "%" PRIx64 " is leased with other bytes of %" PRIx64, t->id, in->id);
}

static void take_inputs(
	struct sim *s, const struct book_task *t, struct run_lease *l, struct lease_item *item)
{
	for (uint32_t i = 0; i < item->ninputs; i++) {
		struct lease_input in;
		struct run_input *r = &l->inputs[l->ninputs++];

		if (!lease_input_read(item, &in)) {
			sim_fail(s, "an input: %s", cursor_error(&item->inputs));
			return;
		}
		check_input(s, t, &in);
		r->id = in.id;
		r->generation = in.generation;
		r->checksum = in.checksum;
		r->here = in.is_inline;
		if (!in.is_inline)
			read_where(s, r, in.where);
	}
}

static void check_spec(struct sim *s, const struct book_task *t, const struct lease_item *item)
{
	struct spec spec;
	struct slice word;
	const char *why;

	if (!spec_decode(item->spec, &spec, &why)) {
		sim_fail(s, "%" PRIx64 ": its spec: %s", t->id, why);
		return;
	}
	word = spec.kind == SPEC_EXEC ? cursor_str(&spec.argv) : spec.function;
	if (fn_of_word(word) != t->fn || (spec.kind == SPEC_EXEC) != t->exec)
		sim_fail(s, "%" PRIx64 " is leased as another task", t->id);
	if (item->element != t->element)
		sim_fail(s, "%" PRIx64 " is leased as element %" PRId64, t->id, item->element);
}

static void one_lease(struct sim *s, struct sworker *w, struct lease_item *item, struct fence fence)
{
	struct book_task *t = book_find(&s->book, item->id);
	struct run_lease *l;

	if (!t || (!t->dep_by_key && item->ninputs != t->ndeps) ||
		item->ninputs > BOOK_DEPS_MAX + 1) {
		sim_fail(s, "%" PRIx64 " is leased with %u inputs", item->id, item->ninputs);
		return;
	}
	if (find_lease(w, item->id, fence))
		return;
	if (w->nleases == w->leases_cap) {
		w->leases_cap = w->leases_cap ? w->leases_cap * 2 : 16;
		w->leases = xreallocarray(w->leases, w->leases_cap, sizeof(*w->leases));
	}
	l = &w->leases[w->nleases++];
	*l = (struct run_lease){.id = item->id,
		.generation = item->generation,
		.fence = fence,
		.remake = item->flags & LEASE_FLAG_REMAKE,
		.store = item->flags & LEASE_FLAG_STORE && t->fn == FN_LARGE,
		.size = book_value_bytes(t),
		.state = RUN_QUEUED};
	check_spec(s, t, item);
	ask_leased(s, w, t);
	take_inputs(s, t, l, item);
}

void worker_leased(struct sim *s, struct sworker *w, const struct frame *f)
{
	struct msg_lease m;
	struct lease_item item;
	struct cursor at;
	const char *why;
	uint32_t n;

	if (!msg_lease_decode(f->payload, &m, &why) ||
		!list_read_begin(&at, m.entries, UINT32_MAX, &n)) {
		sim_fail(s, "a LEASE that is none");
		return;
	}
	for (uint32_t i = 0; i < n && lease_item_read(&at, &item); i++)
		one_lease(s, w, &item, (struct fence){.epoch = m.epoch, .seq = m.first_seq + i});
	if (!cursor_ok(&at))
		sim_fail(s, "a LEASE: %s", cursor_error(&at));
}

/* ---- running ---- */

static struct sworker *worker_at(struct sim *s, const char *address)
{
	for (uint32_t i = 0; i < s->flavor.workers; i++)
		if (strcmp(s->workers[i].peer.name, address) == 0)
			return &s->workers[i];
	return NULL;
}

/* Asks a holder: it must be up, have the value, and find the ticket to be right. */
static bool fetch_from(struct sim *s, const struct run_input *in, uint32_t k)
{
	struct sworker *o = in->from[k][0] ? worker_at(s, in->from[k]) : NULL;
	uint8_t ticket[WIRE_TICKET_BYTES];
	struct held *h = o && !o->dead ? worker_held(o, in->id) : NULL;

	if (!in->from[k][0])
		return value_fetch(s, in, k);
	if (!h || h->generation != in->generation || h->checksum != in->checksum)
		return false;
	/* between workers the network fails too */
	if (!s->flavor.calm && !s->settling && rng_chance(&s->rng, 1, 20))
		return false;
	wire_ticket(ticket, slice_of(o->ticket_key, sizeof(o->ticket_key)), in->id, in->generation,
		in->checksum);
	if (o->joined && memcmp(ticket, in->ticket[k], sizeof(ticket)) != 0) {
		if (o->was_another)
			return false;
		sim_fail(s, "a ticket for %" PRIx64 " that %s does not know", in->id, o->peer.name);
		return false;
	}
	s->cover->events[SIM_FETCH]++;
	return true;
}

static bool has_input(struct sim *s, struct sworker *w, struct run_input *in)
{
	struct held *h = worker_held(w, in->id);

	if (in->here || (h && h->checksum == in->checksum))
		return true;
	for (uint32_t k = 0; k < in->nfrom && !in->here; k++)
		in->here = fetch_from(s, in, k);
	return in->here;
}

/* Wants the input and has not got it; what has begun has all. */
static bool lacks(const struct run_lease *l, uint64_t id)
{
	for (uint32_t k = 0; l->state == RUN_QUEUED && k < l->ninputs; k++)
		if (l->inputs[k].id == id && !l->inputs[k].here)
			return true;
	return false;
}

/* Gives back all that waits for this input. */
static void missing(struct sim *s, struct sworker *w, const struct run_input *in)
{
	struct copy c = {.id = in->id, .generation = in->generation, .checksum = in->checksum};
	struct msg_missing m;
	struct buf list, back;
	uint32_t n = 0;

	buf_init(&list, 4096);
	list_begin(&list, 1);
	copy_write(&list, &c);
	for (uint32_t i = 0; i < w->nleases; i++)
		n += lacks(&w->leases[i], c.id);
	buf_init(&back, FRAME_MAX_PAYLOAD);
	list_begin(&back, n);
	for (uint32_t i = w->nleases; i-- > 0;) {
		struct fenced f = {.id = w->leases[i].id, .fence = w->leases[i].fence};

		if (!lacks(&w->leases[i], c.id))
			continue;
		fenced_write(&back, &f);
		worker_lease_drop(w, i);
	}
	m.entries = buf_slice(&list);
	m.leases = buf_slice(&back);
	msg_missing_encode(&s->scratch, 0, &m);
	peer_send(s, &w->peer);
	buf_release(&list);
	buf_release(&back);
}

static void tell_started(struct sim *s, struct sworker *w, const struct run_lease *l)
{
	struct fenced f = {.id = l->id, .fence = l->fence};
	struct msg_started m;
	struct buf list;

	if (!w->joined)
		return;
	buf_init(&list, 4096);
	list_begin(&list, 1);
	fenced_write(&list, &f);
	m.entries = buf_slice(&list);
	msg_started_encode(&s->scratch, 0, &m);
	peer_send(s, &w->peer);
	buf_release(&list);
}

/* Most tasks are short; some outlive a lease. */
static uint64_t run_time(struct sim *s)
{
	uint64_t ttl_us = s->flavor.lease_ttl_ms * US_PER_MS;

	if (rng_chance(&s->rng, 1, 8))
		return rng_below(&s->rng, s->flavor.calm ? 2 * US_PER_S : 3 * ttl_us);
	return rng_below(&s->rng, 200 * US_PER_MS);
}

static void start(struct sim *s, struct sworker *w, struct run_lease *l)
{
	struct book_task *t = book_find(&s->book, l->id);

	l->state = RUN_STARTED;
	l->ends_us = s->mono_us + run_time(s);
	sim_trace(s, "%s starts %" PRIx64 " (%s)%s", w->peer.name, l->id, fn_word(t->fn),
		l->remake ? " again" : "");
	if (l->remake) {
		t->remakes++;
		s->cover->events[SIM_REMAKE]++;
	} else {
		t->runs++;
		s->cover->events[SIM_RUN]++;
		if (t->once && t->runs > 1 && !t->again)
			sim_fail(s, "%" PRIx64 " may be tried once, and is started again", l->id);
		if (s->flavor.calm && t->runs > 1 + t->times.retries)
			sim_fail(s, "%" PRIx64 " was started %u times, and no worker was ever lost",
				t->id, t->runs);
	}
	tell_started(s, w, l);
	if (t->fn == FN_PARENT && !s->closing_down)
		inside_start(s, w, l);
	if (t->fn == FN_DEADLY)
		worker_die(s, w);
}

static void hold_value(struct sworker *w, const struct run_lease *l, uint32_t n)
{
	struct held *h = worker_held(w, l->id);

	if (!h) {
		if (w->nheld == w->held_cap) {
			w->held_cap = w->held_cap ? w->held_cap * 2 : 16;
			w->held = xreallocarray(w->held, w->held_cap, sizeof(*w->held));
		}
		h = &w->held[w->nheld++];
	}
	*h = (struct held){.id = l->id,
		.generation = l->generation,
		.checksum = book_checksum(l->id, n),
		.size = n};
}

static void end(struct sim *s, struct sworker *w, struct run_lease *l)
{
	struct book_task *t = book_find(&s->book, l->id);

	l->state = RUN_ENDED;
	l->seceded = false;
	inside_over(s, l->id, l->fence);
	l->end = t->fn == FN_FAIL ? TASK_FAILED : TASK_DONE;
	if (t->fn == FN_LARGE && !l->store)
		hold_value(w, l, book_value_bytes(t));
}

/* True while there is another to look at. */
static bool start_one(struct sim *s, struct sworker *w, uint32_t *running)
{
	for (uint32_t i = 0; i < w->nleases && *running < w->slots && !w->leaving; i++) {
		struct run_lease *l = &w->leases[i];
		struct run_input *lost = NULL;

		if (l->state != RUN_QUEUED)
			continue;
		for (uint32_t k = 0; k < l->ninputs && !lost; k++)
			if (!has_input(s, w, &l->inputs[k]))
				lost = &l->inputs[k];
		if (lost && !w->joined)
			continue;
		if (lost) {
			missing(s, w, lost);
			return true;
		}
		(*running)++;
		start(s, w, l);
		return !w->dead;
	}
	return false;
}

void worker_run(struct sim *s, struct sworker *w)
{
	uint32_t running = 0;

	for (uint32_t i = 0; i < w->nleases; i++) {
		struct run_lease *l = &w->leases[i];

		if (l->state == RUN_STARTED && l->ends_us <= s->mono_us && !inside_keeps(s, l))
			end(s, w, l);
		running += l->state == RUN_STARTED && !l->seceded;
	}
	while (start_one(s, w, &running))
		;
}

static bool has_inputs(struct sim *s, struct sworker *w, struct run_lease *l)
{
	for (uint32_t i = 0; i < l->ninputs; i++)
		if (!has_input(s, w, &l->inputs[i]))
			return false;
	return true;
}

/* Asked back if it has not begun: some begin at that very moment. */
static void revoke(struct sim *s, struct sworker *w, struct run_lease *l)
{
	if (l->state == RUN_QUEUED && !l->unknown && !w->leaving && rng_chance(&s->rng, 1, 4) &&
		has_inputs(s, w, l))
		start(s, w, l);
	if (l->state != RUN_QUEUED) {
		s->cover->events[SIM_NOT_REVOKED]++;
		return;
	}
	sim_trace(s, "%s gives %" PRIx64 " back", w->peer.name, l->id);
	s->cover->events[SIM_REVOKED]++;
	l->state = RUN_ENDED;
	l->end = TASK_CANCELLED;
	l->given_back = true;
}

void worker_stop(struct sim *s, struct sworker *w, const struct fenced *f)
{
	struct run_lease *l = find_lease(w, f->id, f->fence);

	if (!l) {
		/* it may have come with a process that is gone: the answer is the same */
		if (w->nleases == w->leases_cap) {
			w->leases_cap = w->leases_cap ? w->leases_cap * 2 : 16;
			w->leases = xreallocarray(w->leases, w->leases_cap, sizeof(*w->leases));
		}
		l = &w->leases[w->nleases++];
		*l = (struct run_lease){
			.id = f->id, .fence = f->fence, .state = RUN_QUEUED, .unknown = true};
	}
	if (f->extra == CAUSE_REVOKED) {
		revoke(s, w, l);
		return;
	}
	if (l->state == RUN_ENDED || (l->state == RUN_STARTED && rng_chance(&s->rng, 1, 4)))
		return;
	l->state = RUN_ENDED;
	l->end = TASK_CANCELLED;
	l->seceded = false;
	inside_over(s, l->id, l->fence);
}

/* ---- reports ---- */

static void pack_end(struct buf *out, const struct book_task *t, const struct run_lease *l)
{
	struct outcome o = {.state = l->end, .started_us = 1, .run_us = 1};
	uint8_t bytes[BOOK_LARGE_BYTES + 128];

	if (l->refused && l->end == TASK_DONE) {
		o.state = TASK_FAILED;
		o.cause = CAUSE_ERROR;
		o.message = slice_str("it cannot be stored");
	} else if (l->end == TASK_FAILED) {
		o.cause = CAUSE_ERROR;
		o.message = slice_str("it fails, as it was told");
	} else if (l->end == TASK_CANCELLED) {
		o.cause = l->given_back ? CAUSE_REVOKED : CAUSE_CANCELLED;
		o.started_us = o.run_us = l->given_back ? 0 : 1;
	} else {
		o.has_value = true;
		o.is_inline = t->fn != FN_LARGE;
		o.stored = l->store;
		o.type = slice_str("bytes");
		o.size = book_value_bytes(t);
		book_value(t->id, (uint32_t)o.size, bytes);
		if (t->fn == FN_STAMP) {
			le_put(bytes, l->fence.epoch, 8);
			le_put(bytes + 8, l->fence.seq, 8);
		}
		o.checksum = hash64(slice_of(bytes, o.size));
		o.bytes = o.is_inline ? slice_of(bytes, o.size) : slice_empty();
	}
	outcome_encode(out, &o);
}

void worker_tell_ends(struct sim *s, struct sworker *w, uint32_t max)
{
	struct msg_report m;
	struct buf list, outcome;
	uint32_t n = 0;

	values_put(s, w);
	for (uint32_t i = 0; i < w->nleases; i++)
		n += w->leases[i].state == RUN_ENDED && !w->leases[i].report_seq &&
		     !value_is_due(&w->leases[i]);
	n = n < max ? n : max;
	if (n == 0)
		return;
	buf_init(&list, 1 << 20);
	buf_init(&outcome, OUTCOME_MAX_BYTES);
	w->report_seq++;
	list_begin(&list, n);
	for (uint32_t i = 0; i < w->nleases && n; i++) {
		struct run_lease *l = &w->leases[i];
		struct fenced f = {.id = l->id, .fence = l->fence};

		if (l->state != RUN_ENDED || l->report_seq || value_is_due(l))
			continue;
		n--;
		l->report_seq = w->report_seq;
		buf_clear(&outcome);
		pack_end(&outcome, book_find(&s->book, l->id), l);
		f.outcome = buf_slice(&outcome);
		fenced_write(&list, &f);
	}
	m.entries = buf_slice(&list);
	msg_report_encode(&s->scratch, w->report_seq, &m);
	peer_send(s, &w->peer);
	buf_release(&list);
	buf_release(&outcome);
}
