/*
 * What worker and scheduler say to each other (doc/protocol.md, Workers): JOIN after each connect,
 * with everything that the scheduler may have forgotten or missed: the leases that are here and the
 * values that are held; then reports again from the first that was not acknowledged. So a
 * scheduler's restart costs a running task nothing.
 */
#define LOG_COMPONENT "worker"
#include "base/ensure.h"
#include "base/log.h"
#include "codec/pack.h"
#include "loop/stream.h"
#include "model/limits.h"
#include "wire/wire.h"
#include "worker/state.h"

#include <dq/error.h>

#include <stdio.h>

#define JOIN_MAX_BYTES ((size_t)LIMIT_FRAME_BYTES - 4096)
#define GIVE_UP_MS 10000 /* a drain whose reports nobody takes */

struct stream *session_stream(struct worker *w)
{
	return w->joined ? link_stream(w->link) : NULL;
}

/* --- JOIN ----------------------------------------------------------------------------------- */

static void put_running(struct worker *w, struct buf *b)
{
	struct map64_iter it = {0};
	uint64_t id;
	void *p;

	pack_array(b, (uint32_t)map64_count(&w->leases));
	while (map64_next_ptr(&w->leases, &it, &id, &p)) {
		const struct lease *l = p;
		struct fenced entry = {.id = id, .fence = l->fence};

		entry.extra = l->started_sent || (l->state == LEASE_REPORTING && !l->withdrawn);
		fenced_write(b, &entry);
	}
}

static void put_copies(struct worker *w, struct buf *b, size_t room)
{
	/* Each takes at most 1 + 9 + 5 + 9 + 9 bytes. */
	size_t n = w->results.count < room / 33 ? w->results.count : room / 33;
	struct results_iter it = {0};
	const struct held *h;

	if (n < w->results.count)
		log_warn("of %zu held results only %zu can be offered", w->results.count, n);
	pack_array(b, (uint32_t)n);
	for (size_t i = 0; i < n && (h = results_next(&w->results, &it)); i++) {
		struct copy p = {.id = h->id,
			.generation = h->generation,
			.checksum = h->blob->checksum,
			.size = h->blob->n};

		copy_write(b, &p);
	}
}

/* No other try would be shorter. */
static void end_too_long(struct worker *w)
{
	char text[128];

	snprintf(text, sizeof(text), "what this worker offers and runs: %s",
		LIMIT_TEXT(FRAME_BYTES));
	worker_end(w, DQ_E_LIMIT, text);
}

static void on_admitted(struct link *k, uint64_t epoch, void *arg)
{
	struct worker *w = arg;
	struct msg_join m = {.uuid = slice_of(w->dir.uuid, sizeof(w->dir.uuid)),
		.name = slice_str(w->name),
		.address = slice_str(serve_address(w->serve))};
	struct buf running, copies;
	size_t said;

	(void)epoch;
	offered_join(&w->offered, &m);
	buf_init(&running, JOIN_MAX_BYTES);
	buf_init(&copies, JOIN_MAX_BYTES);
	put_running(w, &running);
	said = running.n + m.resources.n + m.labels.n + m.users.n + m.address.n;
	put_copies(w, &copies, said < JOIN_MAX_BYTES ? JOIN_MAX_BYTES - said : 0);
	m.running = buf_slice(&running);
	m.copies = buf_slice(&copies);
	if (!running.failed && !copies.failed)
		msg_join_encode(stream_buf(link_stream(k)), 0, &m);
	if (running.failed || copies.failed || stream_buf(link_stream(k))->failed)
		end_too_long(w);
	buf_release(&running);
	buf_release(&copies);
}

static bool handle_joined(struct worker *w, struct slice payload, const char **why)
{
	struct msg_joined m;
	struct list stored;

	if (!msg_joined_decode(payload, &m, why))
		return false;
	*why = "a lease TTL of zero";
	if (m.lease_ttl_ms == 0)
		return false;
	link_set_ttl(w->link, m.lease_ttl_ms);
	link_settled(w->link);
	serve_set_key(w->serve, m.ticket_key);
	slots_set_task_key(w->slots, m.task_key);
	tasks_joined(w);
	list_init(&stored);
	reports_restart(&w->reports, &stored);
	puts_restart(&w->puts, &stored);
	fetcher_connected(w->fetcher, link_stream(w->link));
	w->credit.sent = 0;
	w->joined = true;
	log_info("%s is registered as worker %llu", w->name, (unsigned long long)m.worker);
	if (!w->was_ready && w->options.on_ready)
		w->options.on_ready(w, w->options.arg);
	w->was_ready = true;
	return true;
}

/* --- What comes ----------------------------------------------------------------------------- */

static bool handle_reported(struct worker *w, const struct frame *frame, const char **why)
{
	struct list leases;

	list_init(&leases);
	*why = "it acknowledges a report that was not sent";
	if (!reports_acked(&w->reports, frame->seq, &leases))
		return false;
	tasks_free(w, &leases);
	return true;
}

static bool on_frame(struct link *k, const struct frame *frame, const char **why, void *arg)
{
	struct worker *w = arg;
	struct msg_seceded seceded;
	struct msg_stop stop;
	struct msg_free values;
	struct msg_putted putted;

	(void)k;
	if (frame->type == MSG_JOINED)
		return handle_joined(w, frame->payload, why);
	*why = "it comes before JOINED";
	if (!w->joined)
		return false;
	switch (frame->type) {
	case MSG_LEASE:
		return tasks_take(w, frame, why);
	case MSG_REPORTED:
		return handle_reported(w, frame, why);
	case MSG_STOP:
		return msg_stop_decode(frame->payload, &stop, why) &&
		       tasks_stop(w, stop.entries, why);
	case MSG_SECEDED:
		return msg_seceded_decode(frame->payload, &seceded, why) &&
		       tasks_seceded(w, seceded.entries, why);
	case MSG_FREE:
		return msg_free_decode(frame->payload, &values, why) &&
		       tasks_free_values(w, values.entries, why);
	case MSG_PUTTED:
		return msg_putted_decode(frame->payload, &putted, why) &&
		       puts_answer(&w->puts, &w->reports, &putted, why);
	case MSG_DATA:
	case MSG_NODATA:
		return fetcher_frame(w->fetcher, frame, why);
	default:
		*why = "no message for a worker";
		return false;
	}
}

static void on_lost(struct link *k, const char *reason, void *arg)
{
	struct worker *w = arg;

	(void)k;
	(void)reason;
	w->joined = false;
	fetcher_disconnected(w->fetcher);
	/* The next JOIN says which have started. */
	buf_clear(&w->started);
	w->nstarted = 0;
	if (w->left)
		worker_end(w, DQ_E_OK, NULL);
}

static void on_refused(struct link *k, int code, const char *text, void *arg)
{
	struct worker *w = arg;

	(void)k;
	w->joined = false;
	fetcher_disconnected(w->fetcher);
	if (w->left)
		worker_end(w, DQ_E_OK, NULL);
	else
		worker_end(w, code, text);
}

const struct link_handlers session_handlers = {.on_admitted = on_admitted,
	.on_frame = on_frame,
	.on_lost = on_lost,
	.on_refused = on_refused};

/* --- What goes ------------------------------------------------------------------------------ */

static void send_started(struct worker *w, struct buf *out)
{
	struct msg_started m;
	struct buf list;

	buf_init(&list, JOIN_MAX_BYTES);
	pack_array(&list, w->nstarted);
	buf_append_slice(&list, buf_slice(&w->started));
	m.entries = buf_slice(&list);
	msg_started_encode(out, 0, &m);
	buf_release(&list);
	buf_clear(&w->started);
	w->nstarted = 0;
}

static void send_credit(struct worker *w, struct buf *out)
{
	struct msg_credit m = {.limit = credit_limit(&w->credit)};

	msg_credit_encode(out, 0, &m);
	w->credit.sent = m.limit;
}

void session_send_missing(
	struct worker *w, uint64_t id, uint32_t generation, struct lease *const *leases, size_t n)
{
	struct stream *s = session_stream(w);
	struct copy p = {.id = id, .generation = generation};
	struct msg_missing m;
	struct buf list, back;

	/* Without a connection: the next JOIN will lack the leases, and they are leased again. */
	if (!s)
		return;
	buf_init(&list, 4096);
	pack_array(&list, 1);
	copy_write(&list, &p);
	buf_init(&back, LIMIT_FRAME_BYTES);
	pack_array(&back, (uint32_t)n);
	for (size_t i = 0; i < n; i++)
		fenced_write(
			&back, &(struct fenced){.id = leases[i]->id, .fence = leases[i]->fence});
	m.entries = buf_slice(&list);
	m.leases = buf_slice(&back);
	msg_missing_encode(stream_buf(s), 0, &m);
	buf_release(&list);
	buf_release(&back);
}

/* The last step of a drain: everything that ran is reported and acknowledged. */
static void leave_if_done(struct worker *w)
{
	struct stream *s = session_stream(w);
	struct msg_leave m = {0};

	if (!w->draining || w->left || w->with_slots > 0)
		return;
	if (!reports_is_empty(&w->reports) || !puts_is_empty(&w->puts)) {
		if (!s && !timer_is_active(w->give_up))
			timer_start(w->give_up, GIVE_UP_MS, 0);
		return;
	}
	w->left = true;
	results_save_all(&w->results);
	if (!s) {
		worker_end(w, DQ_E_OK, NULL);
		return;
	}
	msg_leave_encode(stream_buf(s), 0, &m);
	link_close(w->link);
}

void session_flush(struct worker *w)
{
	struct stream *s = session_stream(w);

	if (s) {
		if (w->nstarted)
			send_started(w, stream_buf(s));
		puts_send(&w->puts, &w->reports, stream_buf(s));
		if (!list_is_empty(&w->reports.unsent))
			reports_send(&w->reports, stream_buf(s));
		if (credit_is_due(&w->credit))
			send_credit(w, stream_buf(s));
	}
	if (w->draining)
		leave_if_done(w);
}
