/*
 * Several users. Nobody reaches what is in another's namespace, or finds or depends on another's
 * tasks. Neighbours: client.c, whose clients have a user each.
 */
#include "sim/sim.h"

#include "base/clock.h"
#include "base/ensure.h"
#include "codec/pack.h"
#include "model/claim.h"
#include "model/deal.h"
#include "model/thing.h"

#include <dq/error.h>
#include <inttypes.h>
#include <stdio.h>

struct slice user_name(uint32_t user)
{
	static const char *const names[SIM_USERS] = {SIM_USER, "another", "third"};

	return slice_str(names[user]);
}

void user_peer(uint32_t user, struct engine_peer *out)
{
	*out = (struct engine_peer){
		.by_kernel = true, .uid = 1000 + user, .user = user_name(user), .member = true};
}

/* ---- what is not theirs ---- */

static struct slice foreign_name(char out[16], const char *name, uint32_t user)
{
	return slice_of(
		out, (size_t)snprintf(out, 16, "%.*s/%s", SLICE_ARG(user_name(user)), name));
}

static void pack_foreign(struct sim *s, uint32_t user, struct buf *ops)
{
	static const struct deal_op all[] = {{.kind = DEAL_PUT}, {.kind = DEAL_PURGE},
		{.kind = DEAL_DELETE, .thing = THING_QUEUE}, {.kind = DEAL_SET},
		{.kind = DEAL_EXPECT}, {.kind = DEAL_EVENT_SET}, {.kind = DEAL_EVENT_CLEAR},
		{.kind = DEAL_APPEND}, {.kind = DEAL_CLAIM, .lease_us = US_PER_S}};
	struct deal_op op = all[rng_below(&s->rng, sizeof(all) / sizeof(all[0]))];
	struct buf content, more;
	char name[16];

	buf_init(&content, 4096);
	buf_init(&more, 4096);
	qbook_item_content(&content, 1);
	op.name = foreign_name(name, rng_chance(&s->rng, 1, 2) ? "q0" : "v0", user);
	op.value.content = buf_slice(&content);
	pack_array(&more, 1);
	if (op.kind == DEAL_CLAIM)
		claim_part_encode(&more,
			&(struct claim_part){
				.name = foreign_name(name, "l0", user), .count = 1, .units = 1});
	else
		deal_item_encode(&more, &op.value);
	op.items = op.parts = buf_slice(&more);
	pack_array(ops, 1);
	deal_op_encode(ops, &op);
	buf_release(&content);
	buf_release(&more);
}

static void wait_for_foreign(struct sim *s, struct client *c, uint32_t user)
{
	char name[16];
	struct msg_await await = {.request = ++c->next_request,
		.kind = rng_chance(&s->rng, 1, 2) ? THING_VARIABLE : THING_EVENT,
		.name = foreign_name(name, "v0", user)};
	struct msg_take take = {.request = await.request,
		.name = foreign_name(name, "q0", user),
		.count = 1,
		.mode = TAKE_GET};

	if (!c->opened)
		return;
	ensure(map64_put(&c->foreign, await.request, 1));
	if (rng_chance(&s->rng, 1, 2))
		msg_take_encode(&s->scratch, 0, &take);
	else
		msg_await_encode(&s->scratch, 0, &await);
	peer_send(s, &c->peer);
}

void client_foreign(struct sim *s, struct client *c)
{
	uint32_t user =
		(c->user + 1 + (uint32_t)rng_below(&s->rng, s->flavor.users - 1)) % s->flavor.users;
	struct request *r;
	struct msg_do m;
	struct buf ops;

	s->cover->events[SIM_FOREIGN]++;
	if (rng_chance(&s->rng, 1, 3)) {
		wait_for_foreign(s, c, user);
		return;
	}
	buf_init(&ops, 1 << 16);
	pack_foreign(s, user, &ops);
	r = client_request(s, c, REQUEST_FOREIGN, NULL, 0);
	m.ops = buf_slice(&ops);
	msg_do_encode(&r->frame, r->seq, &m);
	client_request_send(s, c, r);
	buf_release(&ops);
}

void foreign_answered(struct sim *s, const struct request *r, const struct msg_reply *m)
{
	if (m->code != DQ_E_REFUSED && !(m->code == DQ_E_STORE && s->cover->events[SIM_FULL]))
		sim_fail(s, "request %" PRIu64 " on what is another user's: code %" PRIu64 " %.*s",
			r->seq, m->code, SLICE_ARG(m->text));
}

bool foreign_heard(struct sim *s, struct client *c, uint64_t request, uint64_t code)
{
	if (!map64_remove(&c->foreign, request, NULL))
		return false;
	if (code != DQ_E_REFUSED)
		sim_fail(s, "a wait for what is another user's: code %" PRIu64, code);
	return true;
}
