/*
 * The story of a run, one event a line: --trace. Neighbours: everything that happens calls
 * sim_trace.
 */
#include "sim/sim.h"

#include "codec/cursor.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

void sim_trace_line(struct sim *s, const char *fmt, ...)
{
	va_list ap;

	printf("%6" PRIu64 " %9.3f  ", s->step, (double)s->mono_us / 1e6);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
}

bool sim_fail(struct sim *s, const char *fmt, ...)
{
	va_list ap;

	if (s->failed)
		return false;
	s->failed = true;
	va_start(ap, fmt);
	vsnprintf(s->why, sizeof(s->why), fmt, ap);
	va_end(ap);
	sim_trace(s, "VIOLATION: %s", s->why);
	return false;
}

static void tell_fenced(struct slice list, bool ends)
{
	struct cursor c;
	struct fenced f;
	uint32_t n;

	if (!list_read_begin(&c, list, UINT32_MAX, &n))
		return;
	while (n-- && fenced_read(&c, &f)) {
		struct outcome o;
		const char *why;

		printf(" %" PRIx64 "@%" PRIu64 ".%" PRIu64, f.id, f.fence.epoch, f.fence.seq);
		if (ends && outcome_decode(f.outcome, &o, &why))
			printf("=%s", task_state_word(o.state));
	}
}

static void tell_lease(struct slice payload)
{
	struct msg_lease m;
	struct lease_item i;
	struct cursor c;
	const char *why;
	uint32_t n;

	if (!msg_lease_decode(payload, &m, &why) || !list_read_begin(&c, m.entries, UINT32_MAX, &n))
		return;
	for (uint32_t k = 0; k < n && lease_item_read(&c, &i); k++)
		printf(" %" PRIx64 "@%" PRIu64 ".%" PRIu64 "%s", i.id, m.epoch, m.first_seq + k,
			i.flags & LEASE_FLAG_REMAKE ? "(again)" : "");
}

static void tell_outcomes(struct slice payload)
{
	struct msg_outcomes m;
	struct outcomes_entry e;
	struct cursor c;
	const char *why;
	uint32_t n;

	if (!msg_outcomes_decode(payload, &m, &why) ||
		!list_read_begin(&c, m.entries, UINT32_MAX, &n))
		return;
	while (n-- && outcomes_read(&c, &e))
		printf(" %" PRIx64 "+%" PRIu64 "=%s", e.first, e.count,
			task_state_word((enum task_state)e.state));
}

static void tell_runs(struct slice runs)
{
	struct runs_reader r;
	struct run run;
	const char *why;

	if (!runs_reader_init(&r, runs, &why))
		return;
	while (runs_reader_next(&r, &run))
		printf(" %" PRIx64 "+%" PRIu64, run.first, run.count);
}

static void tell_copies(struct slice list)
{
	struct cursor c;
	struct copy e;
	uint32_t n;

	if (!list_read_begin(&c, list, UINT32_MAX, &n))
		return;
	while (n-- && copy_read(&c, &e))
		printf(" %" PRIx64 "/%u", e.id, e.generation);
}

static void tell_session(const struct frame *f)
{
	union {
		struct msg_refuse refuse;
		struct msg_opened opened;
		struct msg_open open;
		struct msg_submit submit;
		struct msg_reply reply;
	} m;
	const char *why;

	if (f->type == MSG_REFUSE && msg_refuse_decode(f->payload, &m.refuse, &why))
		printf(" %" PRIu64 " %.*s", m.refuse.code, SLICE_ARG(m.refuse.text));
	else if (f->type == MSG_OPEN && msg_open_decode(f->payload, &m.open, &why))
		printf(" session %" PRIu64 " %.*s", m.open.session, SLICE_ARG(m.open.name));
	else if (f->type == MSG_OPENED && msg_opened_decode(f->payload, &m.opened, &why))
		printf(" session %" PRIu64 " incarnation %" PRIu64 " last %" PRIu64
		       " next %" PRIu64,
			m.opened.session, m.opened.incarnation, m.opened.last_seq, m.opened.next_n);
	else if (f->type == MSG_SUBMIT && msg_submit_decode(f->payload, &m.submit, &why))
		printf(" %" PRIx64 "+%" PRIu64 "%s", m.submit.first_n, m.submit.count,
			m.submit.flags ? " array" : "");
	else if (f->type == MSG_REPLY && msg_reply_decode(f->payload, &m.reply, &why))
		printf(" code %" PRIu64 " %.*s%s", m.reply.code, SLICE_ARG(m.reply.text),
			m.reply.data.n ? " with data" : "");
}

static void tell_join(struct slice payload)
{
	struct msg_join m;
	const char *why;

	if (!msg_join_decode(payload, &m, &why))
		return;
	printf(" runs");
	tell_fenced(m.running, false);
	printf(" holds");
	tell_copies(m.copies);
}

static void tell_value(const struct frame *f)
{
	struct msg_value value;
	struct msg_get get;
	const char *why;

	if (f->type == MSG_GET && msg_get_decode(f->payload, &get, &why))
		printf(" %" PRIx64, get.id);
	else if (f->type == MSG_VALUE && msg_value_decode(f->payload, &value, &why))
		printf(" %" PRIx64 " code %" PRIu64, value.id, value.code);
}

/* The rest of a line, for each message that has something to say. */
static void tell(const struct frame *f)
{
	struct msg_cancel runs;
	struct msg_started list;
	struct msg_credit credit;
	const char *why;

	switch (f->type) {
	case MSG_CANCEL:
	case MSG_RELEASE:
	case MSG_WATCH:
	case MSG_UNWATCH:
		if (msg_cancel_decode(f->payload, &runs, &why))
			tell_runs(runs.runs);
		break;
	case MSG_OUTCOMES:
		tell_outcomes(f->payload);
		break;
	case MSG_LEASE:
		tell_lease(f->payload);
		break;
	case MSG_STARTED:
	case MSG_STOP:
	case MSG_REPORT:
		if (msg_started_decode(f->payload, &list, &why))
			tell_fenced(list.entries, f->type == MSG_REPORT);
		break;
	case MSG_FREE:
	case MSG_MISSING:
		if (msg_started_decode(f->payload, &list, &why))
			tell_copies(list.entries);
		break;
	case MSG_CREDIT:
		if (msg_credit_decode(f->payload, &credit, &why))
			printf(" %" PRIu64, credit.limit);
		break;
	case MSG_JOIN:
		tell_join(f->payload);
		break;
	default:
		tell_session(f);
		tell_value(f);
	}
}

void sim_trace_frame(struct sim *s, const char *from, const char *to, const struct frame *f)
{
	if (!s->trace)
		return;
	printf("%6" PRIu64 " %9.3f  %s -> %s  %s", s->step, (double)s->mono_us / 1e6, from, to,
		message_name(f->type));
	if (f->seq)
		printf(" #%" PRIu64, f->seq);
	tell(f);
	printf("\n");
}
