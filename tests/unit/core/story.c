#include "story.h"

#include "story_store.h"

#include "codec/pack.h"
#include "model/claim.h"
#include "model/past.h"

#include <stdio.h>

#define EPOCH 7

void story_begin(struct story *s)
{
	story_begin_with(s, 0, 0);
}

void story_begin_with(struct story *s, uint32_t max_sessions, uint32_t max_workers)
{
	struct core_config c = {.epoch = EPOCH,
		.lease_ttl_ms = 30000,
		.session_ttl_ms = 600000,
		.max_sessions = max_sessions,
		.max_workers = max_workers,
		.user0_name = slice_str("ann")};

	memset(s, 0, sizeof(*s));
	s->core = core_new(&c);
	s->epoch = EPOCH;
	update_init(&s->update);
	buf_init(&s->told, 1 << 20);
	s->mono_us = 1000000;
	s->quiet = true;
	core_load_end(s->core, s->mono_us, 1, &s->update);
	update_clear(&s->update);
}

void story_end(struct story *s)
{
	core_free(&s->core);
	if (s->store)
		story_store_free(s->store);
	update_release(&s->update);
	buf_release(&s->told);
}

void story_restart(struct story *s)
{
	struct core_config c = {.epoch = ++s->epoch,
		.lease_ttl_ms = 30000,
		.session_ttl_ms = 600000,
		.user0_name = slice_str("ann")};

	core_free(&s->core);
	s->core = core_new(&c);
	story_store_load(s->store, s->core);
	core_load_end(s->core, s->mono_us, s->mono_us, &s->update);
	story_store_take(s->store, &s->update);
	update_clear(&s->update);
	buf_clear(&s->told);
}

uint32_t story_records(const struct story *s, enum record_kind kind)
{
	return story_store_count(s->store, kind);
}

const char *story_told(struct story *s)
{
	static char text[1 << 16];
	const char *why;

	if (!core_check(s->core, &why))
		ck_abort_msg("%s", why);
	snprintf(text, sizeof(text), "%s", buf_cstr(&s->told));
	buf_clear(&s->told);
	return text;
}

static void tell_id(struct story *s, uint64_t id)
{
	buf_printf(&s->told, " %u-%u", task_id_session(id), task_id_n(id));
}

static void tell_past(struct story *s, struct slice past)
{
	struct past_reader r;
	struct past_event e;
	const char *why;

	ck_assert(past_reader_init(&r, past, &why));
	buf_printf(&s->told, " past:");
	while (past_reader_next(&r, &e)) {
		buf_printf(&s->told, " %s", past_word(e.kind));
		if (e.worker.n)
			buf_printf(&s->told, " %" SLICE_FMT, SLICE_ARG(e.worker));
		if (e.cause)
			buf_printf(&s->told, " %s", cause_word(e.cause));
		if (r.left)
			buf_append_byte(&s->told, ',');
	}
}

static void tell_row(struct story *s, const struct record *r)
{
	struct task_row row;
	struct outcome o;
	const char *why;

	ck_assert(task_row_decode(update_bytes(&s->update, r->at, r->n), &row, &why));
	buf_printf(&s->told, " %s attempts %u", task_state_word(row.state), row.attempts);
	if (row.deaths)
		buf_printf(&s->told, " deaths %u", row.deaths);
	if (row.nholders)
		buf_printf(&s->told, " on worker %u", row.holders[0]);
	if (row.generation & 0xffff)
		buf_printf(&s->told, " generation %u", row.generation & 0xffff);
	if (row.has_priority)
		buf_printf(&s->told, " priority %d", row.priority);
	if (row.past.n)
		tell_past(s, row.past);
	if (row.failures)
		buf_printf(&s->told, " failures %u", row.failures);
	if (row.due_us)
		buf_printf(&s->told, " due");
	if (row.stop)
		buf_printf(&s->told, " stop %s", cause_word(row.stop));
	if (s->causes && outcome_decode(row.outcome, &o, &why) && o.state != TASK_DONE &&
		o.cause != CAUSE_ERROR && o.cause != CAUSE_CANCELLED && o.cause)
		buf_printf(&s->told, " (%s", cause_word(o.cause));
	else
		return;
	if (o.blame)
		tell_id(s, o.blame);
	buf_append_byte(&s->told, ')');
}

static void tell_bundle(struct story *s, const struct record *r)
{
	struct lease_bundle b;
	const char *why;

	ck_assert(lease_bundle_decode(update_bytes(&s->update, r->at, r->n), &b, &why));
	buf_printf(&s->told, " to worker %u:", b.worker);
	for (uint32_t i = 0; i < b.count; i++) {
		struct lease_entry e = lease_bundle_entry(&b, i);

		tell_id(s, e.id);
		buf_printf(&s->told, "%s%s", e.flags & LEASE_REVOKED ? "(revoked)" : "",
			e.flags & LEASE_REMAKE ? "(remake)" : "");
	}
}

static void tell_thing(struct story *s, const struct record *r)
{
	struct thing_record t;
	const char *why;

	ck_assert(thing_record_decode(update_bytes(&s->update, r->at, r->n), &t, &why));
	buf_printf(&s->told, " %s %.*s", thing_kind_word(t.kind), SLICE_ARG(t.name));
	if (t.kind == THING_LOCK)
		buf_printf(&s->told, t.claim.flags & CLAIM_HELD ? " held" : " waits");
	if (t.kind == THING_TOPIC)
		buf_printf(&s->told, " %llu %llu %llu%s", (unsigned long long)t.topic.gone_to,
			(unsigned long long)t.topic.first, (unsigned long long)t.topic.next,
			t.topic.closing ? " closing" : "");
	if (t.kind != THING_VARIABLE)
		return;
	buf_printf(&s->told, " version %llu", (unsigned long long)t.variable.version);
	if (t.variable.task)
		tell_id(s, t.variable.task);
}

static void tell_record(struct story *s, const struct record *r)
{
	static const char *const names[] = {"counters", "block", "task", "gone", "lease", "session",
		"reply", "hold", "worker", "user", "work", "stage", "thing", "amend", "entry",
		"item", "delivery", "grant", "value"};

	if (s->quiet &&
		(r->kind == RECORD_COUNTERS || r->kind == RECORD_SESSION || r->kind == RECORD_WORK))
		return;
	buf_printf(&s->told, "%s %s", r->move ? "move" : r->del ? "del" : "put", names[r->kind]);
	if (story_tell_queue(s, r))
		return;
	if (r->kind == RECORD_TASK || r->kind == RECORD_BLOCK || r->kind == RECORD_GONE ||
		r->kind == RECORD_VALUE)
		tell_id(s, r->a);
	else if (r->kind == RECORD_LEASE)
		buf_printf(&s->told, " %llu", (unsigned long long)r->b);
	else if (r->kind == RECORD_STAGE && r->b)
		tell_id(s, r->b);
	else
		buf_printf(&s->told, " %llu", (unsigned long long)r->a);
	if (r->kind == RECORD_TASK && r->b)
		buf_printf(&s->told, " round %llu", (unsigned long long)r->b);
	if (r->kind == RECORD_TASK && !r->del)
		tell_row(s, r);
	else if (r->kind == RECORD_LEASE && !r->del)
		tell_bundle(s, r);
	else if (r->kind == RECORD_THING && !r->del)
		tell_thing(s, r);
	else if (r->kind == RECORD_REPLY || r->kind == RECORD_ENTRY)
		buf_printf(&s->told, " %llu", (unsigned long long)r->b);
	else if (r->kind == RECORD_HOLD)
		tell_id(s, r->b);
	buf_append_byte(&s->told, '\n');
}

static void tell_send(struct story *s, const struct send *m)
{
	buf_printf(&s->told, "-> %llu", (unsigned long long)m->conn);
	for (uint32_t i = 1; i < m->to_n; i++)
		buf_printf(&s->told, ",%llu", (unsigned long long)s->update.to[m->to_at + i]);
	buf_append_byte(&s->told, ' ');
	switch (m->kind) {
	case SEND_OPENED:
		buf_printf(&s->told, "opened %u incarnation %u last %llu next %u", m->session,
			m->incarnation, (unsigned long long)m->seq, m->next_n);
		break;
	case SEND_REPLY:
		buf_printf(&s->told, "reply %llu code %u", (unsigned long long)m->seq, m->code);
		if (m->text_n)
			buf_printf(&s->told, " %.*s", (int)m->text_n,
				(const char *)s->update.bytes.p + m->text_at);
		break;
	case SEND_STORED_REPLY:
		buf_printf(&s->told, "stored reply %llu", (unsigned long long)m->seq);
		break;
	case SEND_OUTCOME:
	case SEND_STORED_OUTCOME:
		buf_printf(&s->told, "%s", m->kind == SEND_OUTCOME ? "outcome" : "stored outcome");
		tell_id(s, m->id);
		if (m->kind == SEND_OUTCOME)
			buf_printf(&s->told, " %s", task_state_word(m->state));
		break;
	case SEND_JOINED:
		buf_printf(&s->told, "joined as worker %u", m->worker);
		break;
	case SEND_REPORTED:
		buf_printf(&s->told, "reported");
		break;
	case SEND_STOP:
	case SEND_FREE:
		buf_printf(&s->told, "%s",
			m->kind == SEND_FREE        ? "free"
			: m->cause == CAUSE_REVOKED ? "revoke"
						    : "stop");
		tell_id(s, m->id);
		break;
	case SEND_SECEDED:
		buf_printf(&s->told, "seceded");
		tell_id(s, m->id);
		buf_printf(&s->told, m->count ? "" : " no more");
		break;
	case SEND_CLOSE:
		buf_printf(&s->told, "close code %u %s", m->code, m->text);
		break;
	case SEND_VALUE:
		buf_printf(&s->told, "value");
		tell_id(s, m->id);
		buf_printf(&s->told, " code %u", m->code);
		break;
	case SEND_THING:
		buf_printf(&s->told, "thing %llu", (unsigned long long)m->seq);
		if (m->code)
			buf_printf(&s->told, " code %u %s", m->code, m->text);
		if (m->count)
			buf_printf(&s->told, " is %llu", (unsigned long long)m->count);
		break;
	case SEND_GRANT:
		buf_printf(&s->told, "grant %llu", (unsigned long long)m->seq);
		if (m->code)
			buf_printf(&s->told, " code %u %s", m->code, m->text);
		break;
	case SEND_LEASE:
		buf_printf(&s->told, "lease %llu:", (unsigned long long)m->fence.seq);
		for (uint32_t i = 0; i < m->n; i++)
			tell_id(s, s->update.grants[m->at + i].id);
		break;
	}
	buf_append_byte(&s->told, '\n');
}

void story_step(struct story *s, struct event *e)
{
	e->mono_us = s->mono_us;
	e->wall_us = s->mono_us + (uint64_t)s->wall_ahead_us;
	core_step(s->core, e, &s->update);
	if (s->store)
		story_store_take(s->store, &s->update);
	for (uint32_t i = 0; i < s->update.nrecords; i++)
		tell_record(s, &s->update.records[i]);
	for (uint32_t i = 0; i < s->update.nsends; i++)
		tell_send(s, &s->update.sends[i]);
	s->more = s->update.more;
	update_clear(&s->update);
}

uint32_t story_go_on(struct story *s)
{
	uint32_t steps = 0;

	for (; s->more; steps++) {
		struct event e = {.kind = EVENT_CONTINUE};

		story_step(s, &e);
	}
	return steps;
}

/* In steps that the scheduler would hear, each with a tick. */
void story_pass(struct story *s, double seconds)
{
	for (uint64_t left = (uint64_t)(seconds * 1e6); left;) {
		uint64_t step = left < 500000 ? left : 500000;
		struct event e = {.kind = EVENT_TICK};

		s->mono_us += step;
		left -= step;
		story_step(s, &e);
	}
}

void story_seal(struct story *s)
{
	struct event e = {.kind = EVENT_SEAL};

	story_step(s, &e);
}

void story_open(struct story *s, uint64_t conn)
{
	struct event e = {.kind = EVENT_OPEN, .conn = conn};

	e.open.user = slice_str("ann");
	story_step(s, &e);
}

void story_acked(struct story *s, uint64_t conn, uint64_t request)
{
	struct event e = {.kind = EVENT_ACKED, .conn = conn, .seq = request};

	story_step(s, &e);
}

void story_leave(struct story *s, uint64_t conn)
{
	struct event e = {.kind = EVENT_DISCONNECT, .conn = conn};

	story_step(s, &e);
}

static void join(struct story *s, uint64_t conn, uint8_t uuid, const char *instance,
	const struct offer *offer, const struct event_lease *running, uint32_t nrunning)
{
	uint8_t id[WORKER_UUID_BYTES] = {uuid};
	char name[8];
	struct event e = {.kind = EVENT_JOIN, .conn = conn};

	snprintf(name, sizeof(name), "w%u", uuid);
	e.join.uuid = slice_of(id, sizeof(id));
	e.join.name = slice_str(name);
	e.join.address = slice_str("unix:/w");
	e.join.instance = slice_str(instance);
	e.join.user = slice_str("ann");
	e.join.offer = offer;
	e.join.running = running;
	e.join.nrunning = nrunning;
	story_step(s, &e);
}

void story_join(struct story *s, uint64_t conn, uint8_t uuid, const char *instance,
	const struct event_lease *running, uint32_t nrunning)
{
	join(s, conn, uuid, instance, &(struct offer){.slots = 2}, running, nrunning);
}

void story_join_as(struct story *s, uint64_t conn, uint8_t uuid, const struct offer *offer)
{
	join(s, conn, uuid, "one", offer, NULL, 0);
}

void story_credit(struct story *s, uint64_t conn, uint32_t credit)
{
	struct event e = {.kind = EVENT_CREDIT, .conn = conn, .credit = credit};

	story_step(s, &e);
}

static struct slice runs_of(struct buf *b, uint64_t first, uint64_t count)
{
	buf_init(b, 64);
	runs_encode(b, &(struct run){first, count}, 1);
	return buf_slice(b);
}

void story_runs(struct story *s, enum event_kind kind, uint64_t conn, uint64_t request,
	uint64_t first, uint64_t count)
{
	struct event e = {.kind = kind, .conn = conn, .seq = request};
	struct buf b;

	e.runs = runs_of(&b, first, count);
	story_step(s, &e);
	buf_release(&b);
}

void story_watch(struct story *s, uint64_t conn, uint64_t first, uint64_t count)
{
	story_runs(s, EVENT_WATCH, conn, 0, first, count);
}

void story_started(struct story *s, uint64_t conn, uint64_t id, uint64_t seq)
{
	struct event_lease l = {.id = id, .fence = {s->epoch, seq}};
	struct event e = {.kind = EVENT_STARTED, .conn = conn};

	e.leases.items = &l;
	e.leases.n = 1;
	story_step(s, &e);
}

static void report(struct story *s, uint64_t conn, uint64_t id, uint64_t seq, enum task_state state,
	uint64_t held, bool stored)
{
	struct outcome o = {.state = state,
		.started_us = s->ran_from_us,
		.has_value = held != 0,
		.stored = stored,
		.size = held,
		.checksum = held};
	struct event_lease l = {.id = id, .fence = {s->epoch, seq}};
	struct event e = {.kind = EVENT_REPORT, .conn = conn, .seq = 1};
	struct buf b;

	if (held)
		o.type = slice_str("bytes");
	if (state == TASK_FAILED)
		o.cause = CAUSE_ERROR;
	buf_init(&b, OUTCOME_MAX_BYTES);
	outcome_encode(&b, &o);
	l.outcome = buf_slice(&b);
	l.effects = s->effects;
	e.leases.items = &l;
	e.leases.n = 1;
	story_step(s, &e);
	buf_release(&b);
}

void story_report(struct story *s, uint64_t conn, uint64_t id, uint64_t seq, enum task_state state,
	uint64_t held)
{
	report(s, conn, id, seq, state, held, false);
}

void story_report_stored(struct story *s, uint64_t conn, uint64_t id, uint64_t seq, uint64_t bytes)
{
	report(s, conn, id, seq, TASK_DONE, bytes, true);
}

void story_missing(struct story *s, uint64_t conn, uint64_t value, uint64_t id, uint64_t seq)
{
	struct event_copy gone = {.id = value};
	struct event_lease l = {.id = id, .fence = {s->epoch, seq}};
	struct event e = {.kind = EVENT_MISSING, .conn = conn};

	e.missing.copies = &gone;
	e.missing.ncopies = 1;
	e.missing.leases = &l;
	e.missing.nleases = 1;
	story_step(s, &e);
}

void story_act(struct story *s, uint64_t conn, uint64_t request, uint32_t kind, uint32_t flags,
	int64_t arg, uint64_t first, uint64_t count)
{
	struct event e = {.kind = EVENT_ACT, .conn = conn, .seq = request};
	struct buf b;

	e.act.kind = kind;
	e.act.flags = flags;
	e.act.arg = arg;
	e.act.runs = runs_of(&b, first, count);
	story_step(s, &e);
	buf_release(&b);
}

static void spec_write(struct buf *spec, const struct story_task *t)
{
	struct slice f = slice_str(t->function ? t->function : "f");

	if (!t->exec) {
		spec_encode_func(spec, f, slice_empty());
		return;
	}
	pack_array(spec, 5);
	pack_u64(spec, SPEC_EXEC);
	pack_array(spec, 1);
	pack_str(spec, f);
	pack_map(spec, 0);
	pack_cstr(spec, "/");
	pack_nil(spec);
}

void story_body(struct buf *body, const struct story_task *t)
{
	struct dep_ref deps[5] = {{0}};
	struct slice label = slice_empty();
	struct block_entry e = {.detached = t->detached,
		.once = t->once,
		.at_once = t->at_once,
		.first_index = t->first_index};
	struct buf spec, terms;

	buf_init(&spec, 1 << 16);
	spec_write(&spec, t);
	if (t->key)
		e.key = slice_str(t->key);
	e.spec = buf_slice(&spec);
	e.kind = t->exec ? SPEC_EXEC : SPEC_FUNC;
	buf_init(&terms, 4096);
	if (t->terms)
		terms_encode(&terms, t->terms);
	e.terms = buf_slice(&terms);
	while (e.ndeps < 4 && t->deps[e.ndeps]) {
		deps[e.ndeps].id = t->deps[e.ndeps];
		e.ndeps++;
	}
	e.nlabels = t->label != NULL;
	if (t->dep_key)
		deps[e.ndeps++].key = slice_str(t->dep_key);
	if (t->label)
		label = slice_str(t->label);
	block_entry_encode(body, &e, deps, &label);
	buf_release(&terms);
	buf_release(&spec);
}

static void submit_tasks(struct story *s, uint64_t conn, uint64_t request, uint32_t first_n,
	const struct story_task *tasks, uint32_t n, uint32_t flags)
{
	struct event e = {.kind = EVENT_SUBMIT, .conn = conn, .seq = request};
	struct buf body;

	buf_init(&body, 1 << 20);
	for (uint32_t i = 0; i < n; i++)
		story_body(&body, &tasks[i]);
	e.submit.first_n = first_n;
	e.submit.count = n;
	e.submit.flags = flags;
	e.submit.body = buf_slice(&body);
	story_step(s, &e);
	buf_release(&body);
}

void story_submit(struct story *s, uint64_t conn, uint64_t request, uint32_t first_n,
	const struct story_task *tasks, uint32_t n)
{
	submit_tasks(s, conn, request, first_n, tasks, n, 0);
}

void story_part(struct story *s, uint64_t conn, uint64_t request, uint32_t first_n,
	const struct story_task *tasks, uint32_t n, uint32_t flags)
{
	submit_tasks(s, conn, request, first_n, tasks, n, flags | SUBMIT_STAGED);
}

void story_stage_end(
	struct story *s, uint64_t conn, uint64_t request, uint32_t flag, uint64_t count)
{
	struct event e = {.kind = EVENT_SUBMIT, .conn = conn, .seq = request};

	e.submit.flags = SUBMIT_STAGED | flag;
	e.submit.first_n = 1;
	e.submit.count = count;
	story_step(s, &e);
}

static void submit_array(struct story *s, uint64_t conn, uint64_t request, uint32_t first_n,
	const struct story_task *t, uint64_t count)
{
	struct event e = {.kind = EVENT_SUBMIT, .conn = conn, .seq = request};
	struct buf body;

	buf_init(&body, 1 << 20);
	story_body(&body, t);
	pack_nil(&body);
	e.submit.first_n = first_n;
	e.submit.count = count;
	e.submit.flags = BLOCK_ARRAY;
	e.submit.body = buf_slice(&body);
	story_step(s, &e);
	buf_release(&body);
}

void story_array(struct story *s, uint64_t conn, uint64_t request, uint32_t first_n,
	const char *key, uint64_t count)
{
	submit_array(s, conn, request, first_n, &(struct story_task){.key = key}, count);
}

void story_array_of(struct story *s, uint64_t conn, uint64_t request, const struct story_task *t,
	uint64_t count)
{
	submit_array(s, conn, request, 1, t, count);
}

void story_array_from(struct story *s, uint64_t conn, uint64_t request, uint32_t first_n,
	const char *key, uint64_t count, uint32_t first_index)
{
	submit_array(s, conn, request, first_n,
		&(struct story_task){.key = key, .first_index = first_index}, count);
}

void story_array_at_once(
	struct story *s, uint64_t conn, uint64_t request, uint64_t count, uint32_t at_once)
{
	submit_array(s, conn, request, 1, &(struct story_task){.at_once = at_once}, count);
}

static void usual(struct story *s)
{
	story_open(s, 10);
	story_join(s, 20, 1, "one", NULL, 0);
	story_credit(s, 20, 2);
	story_seal(s);
	story_told(s);
}

void story_deal(
	struct story *s, uint64_t conn, uint64_t request, const struct deal_op *ops, uint32_t n)
{
	struct event e = {.kind = EVENT_DEAL, .conn = conn, .seq = request};
	struct buf list;

	buf_init(&list, 1 << 20);
	pack_array(&list, n);
	for (uint32_t i = 0; i < n; i++)
		deal_op_encode(&list, &ops[i]);
	e.ops = buf_slice(&list);
	story_step(s, &e);
	buf_release(&list);
}

void story_await(struct story *s, uint64_t conn, uint64_t request, const char *name, uint64_t after)
{
	story_await_thing(s, conn, request, THING_VARIABLE, name, after);
}

void story_await_thing(struct story *s, uint64_t conn, uint64_t request, enum thing_kind kind,
	const char *name, uint64_t after)
{
	struct event e = {.kind = EVENT_AWAIT, .conn = conn, .seq = request};

	e.await.kind = kind;
	e.await.name = slice_str(name);
	e.await.after = after;
	story_step(s, &e);
}

void story_begin_usual(struct story *s)
{
	story_begin(s);
	usual(s);
}

void story_begin_kept(struct story *s)
{
	story_begin(s);
	s->store = story_store_new();
	usual(s);
}
