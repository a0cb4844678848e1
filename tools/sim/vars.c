/*
 * Simulated clients that share variables: lists of operations that are done as a whole or not at
 * all, and waits for versions. What each write left and each read brought is kept: a version has
 * one writer, a conditional set follows the version it was made for, what was refused is never
 * seen, and nobody reads what is older than a write that was acknowledged before. Neighbours:
 * client.c sends, hears.c hears.
 */
#include "sim/sim.h"

#include "base/ensure.h"
#include "codec/cursor.h"
#include "codec/pack.h"
#include "model/content.h"
#include "model/deal.h"
#include "model/decode.h"
#include "model/thing.h"

#include <dq/error.h>
#include <inttypes.h>
#include <stdio.h>

#define TYPE "sim/writer"

/* Who wrote: a request. */
static uint64_t writer_of(const struct client *c, const struct request *r)
{
	return (uint64_t)c->session << 32 | r->seq;
}

static uint64_t write_key(uint32_t var, uint64_t version)
{
	ensure(version < 1ull << 56);
	return (uint64_t)var << 56 | version;
}

static struct slice name_of(char out[8], uint32_t var)
{
	return slice_of(out, (size_t)snprintf(out, 8, "v%u", var));
}

/* The version is this writer's, and was nobody else's. */
static void wrote(struct sim *s, uint32_t var, uint64_t version, uint64_t writer)
{
	uint64_t before;

	if (map64_get(&s->vars.writers, write_key(var, version), &before) && before != writer)
		sim_fail(s, "version %" PRIu64 " of v%u is of %" PRIx64 ", and of %" PRIx64,
			version, var, before, writer);
	ensure(map64_put(&s->vars.writers, write_key(var, version), writer));
	if (map64_get(&s->vars.refused, writer, NULL))
		sim_fail(s, "v%u has what request %" PRIx64 " wrote, which was refused", var,
			writer);
	ensure(map64_put(&s->vars.seen, writer, 1));
}

/* ---- writing ---- */

static void pack_op(struct buf *ops, const struct var_op *o, uint64_t writer)
{
	uint8_t bytes[8];
	struct content content = {.type = slice_str(TYPE), .bytes = slice_of(bytes, 8)};
	struct deal_op op = {
		.kind = (enum deal_kind)o->kind, .thing = THING_VARIABLE, .version = o->version};
	struct buf value;
	char name[8];

	le_put(bytes, writer, 8);
	buf_init(&value, 4096);
	content_encode(&value, &content);
	op.name = name_of(name, o->var);
	op.value.content = buf_slice(&value);
	deal_op_encode(ops, &op);
	buf_release(&value);
}

static void deal(struct sim *s, struct client *c)
{
	static const enum deal_kind kinds[] = {DEAL_SET, DEAL_SET, DEAL_SET, DEAL_SET_IF,
		DEAL_SET_IF, DEAL_SET_IF, DEAL_SET_IF, DEAL_EXPECT, DEAL_DELETE};
	struct request *r = client_request(s, c, REQUEST_DO, NULL, 0);
	uint32_t first = (uint32_t)rng_below(&s->rng, SIM_VARS);
	struct msg_do m;
	struct buf ops;

	r->nops = 1 + (uint32_t)rng_below(&s->rng, SIM_VARS);
	buf_init(&ops, 1 << 16);
	pack_array(&ops, r->nops);
	for (uint32_t i = 0; i < r->nops; i++) {
		uint32_t var = (first + i) % SIM_VARS;

		r->ops[i] = (struct var_op){.var = var,
			.kind = kinds[rng_below(&s->rng, sizeof(kinds) / sizeof(kinds[0]))],
			.version = c->versions[var]};
		s->vars.deleted[var] = s->vars.deleted[var] || r->ops[i].kind == DEAL_DELETE;
		pack_op(&ops, &r->ops[i], writer_of(c, r));
	}
	m.ops = buf_slice(&ops);
	msg_do_encode(&r->frame, r->seq, &m);
	client_request_send(s, c, r);
	buf_release(&ops);
	s->cover->events[SIM_DEAL]++;
}

static void refused(
	struct sim *s, struct client *c, const struct request *r, const struct msg_reply *m)
{
	struct cursor at;
	uint32_t n, i;

	if (map64_get(&s->vars.seen, writer_of(c, r), NULL))
		sim_fail(s, "request %" PRIx64 " is refused, and what it wrote was seen",
			writer_of(c, r));
	ensure(map64_put(&s->vars.refused, writer_of(c, r), 1));
	if (m->code == DQ_E_STORE && s->cover->events[SIM_FULL])
		return;
	cursor_init(&at, m->data);
	n = cursor_array_min(&at, 1);
	i = cursor_u32(&at);
	if (!cursor_ok(&at) || i >= r->nops ||
		!((m->code == DQ_E_CONFLICT &&
			  (r->ops[i].kind == DEAL_SET_IF || r->ops[i].kind == DEAL_EXPECT)) ||
			(m->code == DQ_E_NOT_FOUND && r->ops[i].kind == DEAL_DELETE))) {
		sim_fail(s, "a DO is refused with code %" PRIu64 ": %.*s", m->code,
			SLICE_ARG(m->text));
		return;
	}
	c->versions[r->ops[i].var] = n > 1 ? cursor_u64(&at) : 0;
	s->cover->events[SIM_CONFLICT]++;
}

static void done(struct sim *s, struct client *c, const struct request *r, const struct var_op *o,
	uint64_t version)
{
	uint64_t *acked = &s->vars.acked[o->var];

	if (o->kind == DEAL_SET_IF && o->version && version != o->version + 1)
		sim_fail(s, "v%u was set to version %" PRIu64 " where it had %" PRIu64, o->var,
			version, o->version);
	if (o->kind == DEAL_SET_IF && o->version)
		s->cover->events[SIM_SWAP]++;
	wrote(s, o->var, version, writer_of(c, r));
	*acked = version > *acked ? version : *acked;
	c->versions[o->var] = version;
}

void vars_answered(
	struct sim *s, struct client *c, const struct request *r, const struct msg_reply *m)
{
	struct cursor at;
	bool sets = false;

	if (m->code) {
		refused(s, c, r, m);
		return;
	}
	for (uint32_t i = 0; i < r->nops; i++)
		sets = sets || r->ops[i].kind == DEAL_SET || r->ops[i].kind == DEAL_SET_IF;
	cursor_init(&at, m->data);
	if (sets && cursor_array(&at) != r->nops)
		sim_fail(s, "a DO is answered without its results");
	for (uint32_t i = 0; i < r->nops && sets && cursor_ok(&at); i++) {
		if (!cursor_try_nil(&at))
			done(s, c, r, &r->ops[i], cursor_u64(&at));
		else if (r->ops[i].kind == DEAL_DELETE)
			c->versions[r->ops[i].var] = 0;
	}
	if (sets && !cursor_at_end(&at))
		sim_fail(s, "the results of a DO: %s", cursor_error(&at));
}

/* ---- reading ---- */

static void await(struct sim *s, struct client *c)
{
	uint32_t var = (uint32_t)rng_below(&s->rng, SIM_VARS);
	struct msg_await m = {.request = ++c->next_request,
		.kind = THING_VARIABLE,
		.after = rng_chance(&s->rng, 1, 2) ? 0 : c->versions[var]};
	char name[8];

	if (!c->opened)
		return;
	m.name = name_of(name, var);
	/* a read that begins now is no older than this */
	ensure(map64_put(&c->awaits, m.request,
		write_key(var, m.after > s->vars.acked[var] ? m.after : s->vars.acked[var])));
	msg_await_encode(&s->scratch, 0, &m);
	peer_send(s, &c->peer);
}

/* Who wrote the content; 0: it is none of ours. */
static uint64_t writer_in(struct slice bin)
{
	struct content content;
	const char *why;

	if (!content_decode(bin, &content, &why) || !slice_eq_str(content.type, TYPE) ||
		content.bytes.n != 8)
		return 0;
	return le_get(content.bytes.p, 8);
}

void vars_heard(struct sim *s, struct client *c, const struct frame *f)
{
	struct msg_is m;
	struct cursor at;
	uint64_t wanted, writer;
	const char *why;
	uint32_t var;

	if (!msg_is_decode(f->payload, &m, &why)) {
		sim_fail(s, "an IS that is none: %s", why);
		return;
	}
	if (foreign_heard(s, c, m.request, m.code) || locks_heard(s, c, &m))
		return;
	if (m.code) {
		sim_fail(s, "an IS with code %" PRIu64, m.code);
		return;
	}
	if (!map64_remove(&c->awaits, m.request, &wanted)) {
		sim_fail(s, "a variable that was not asked for, or a second time");
		return;
	}
	var = (uint32_t)(wanted >> 56);
	if (m.version == 0) {
		if (!s->vars.deleted[var])
			sim_fail(s, "v%u is said to be gone, and nobody deleted it", var);
		c->versions[var] = 0;
		return;
	}
	if (m.version < (wanted & ((1ull << 56) - 1)))
		sim_fail(s, "v%u is read with version %" PRIu64 ", older than one acknowledged",
			var, m.version);
	cursor_init(&at, m.content);
	writer = writer_in(cursor_bin(&at));
	if (!cursor_at_end(&at) || !writer)
		sim_fail(s, "v%u has a content that nobody wrote", var);
	else
		wrote(s, var, m.version, writer);
	c->versions[var] = m.version;
	s->cover->events[SIM_READ]++;
}

void client_vars(struct sim *s, struct client *c)
{
	if (rng_chance(&s->rng, 2, 3))
		deal(s, c);
	else
		await(s, c);
}

/* ---- the records ---- */

void vars_audit(struct sim *s)
{
	bool there[SIM_VARS] = {false};

	for (uint32_t i = 0; i < s->store.table[TABLE_THING].n && !s->failed; i++) {
		struct thing_record r;
		struct slice key, value;
		uint64_t writer;
		const char *why;
		uint32_t var;

		fstore_at(&s->store, TABLE_THING, i, &key, &value);
		if (!thing_record_decode(value, &r, &why)) {
			sim_fail(s, "a thing that cannot be read: %s", why);
			return;
		}
		if (r.kind != THING_VARIABLE)
			continue;
		var = r.name.n == 2 ? (uint32_t)(r.name.p[1] - '0') : SIM_VARS;
		writer = writer_in(r.variable.content);
		if (var >= SIM_VARS || there[var] || !writer) {
			sim_fail(s, "a variable that nobody made, or twice");
			return;
		}
		there[var] = true;
		wrote(s, var, r.variable.version, writer);
		if (r.variable.version < s->vars.acked[var])
			sim_fail(s, "v%u has version %" PRIu64 ", and %" PRIu64 " was acknowledged",
				var, r.variable.version, s->vars.acked[var]);
	}
	for (uint32_t var = 0; var < SIM_VARS; var++)
		if (!there[var] && s->vars.acked[var] && !s->vars.deleted[var])
			sim_fail(s, "v%u was set and is not there", var);
}
