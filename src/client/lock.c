/*
 * dq_lock_*: a claim is a deal of one operation, and so made once; an AWAIT tells when it is held.
 * Giving it up is the operation that gives a lock back. See things.h.
 */
#include "client/client.h"
#include "client/things.h"

#include "base/clock.h"
#include "codec/cursor.h"
#include "codec/pack.h"
#include "model/claim.h"
#include "model/limits.h"

#define LEASE_S 30.0
#define LEASE_MAX_S (365.0 * 86400)
/* How long the scheduler may take at least to answer a claim, or to hear that it is given up. */
#define ANSWER_S 10.0

static int one(struct dq_client *c, const struct deal_op *op, double timeout_s)
{
	struct buf data;
	int code;

	buf_init(&data, LIMIT_FRAME_BYTES);
	code = deal_do(c, op, 1, timeout_s, &data);
	buf_release(&data);
	return code;
}

/* [[number, held]] */
static int read_claim(struct dq_client *c, struct slice data, uint64_t *number, bool *held)
{
	struct cursor at;

	cursor_init(&at, data);
	cursor_array_min(&at, 1);
	cursor_array_min(&at, 2);
	*number = cursor_u64(&at);
	*held = cursor_bool(&at);
	if (cursor_ok(&at) && *number)
		return 0;
	return client_error(c, DQ_E_PROTOCOL, "REPLY: not what a claim is answered with");
}

static bool await_is_done(void *arg)
{
	const struct await *a = arg;

	return a->done;
}

/* Until the claim is held. DQ_E_CONFLICT: it is over. */
static int wait_held(struct dq_client *c, uint64_t number, double timeout_s)
{
	struct await a;
	int code = await_init(c, &a, "", number);

	if (code == 0) {
		a.kind = THING_LOCK;
		await_begin(c, &a);
		code = things_wait(c, await_is_done, &a, timeout_s);
	}
	if (code == 0 && a.code)
		code = client_error(
			c, a.code, "%s", a.text.n ? buf_cstr(&a.text) : dq_strerror(a.code));
	await_release(c, &a);
	return code;
}

static int claim(struct dq_client *c, const struct deal_op *op, double timeout_s, uint64_t *fence,
	bool *held)
{
	struct buf data;
	int code;

	if (timeout_s >= 0 && timeout_s < ANSWER_S)
		timeout_s = ANSWER_S;
	buf_init(&data, LIMIT_FRAME_BYTES);
	code = deal_do(c, op, 1, timeout_s, &data);
	if (code == 0)
		code = read_claim(c, buf_slice(&data), fence, held);
	buf_release(&data);
	return code;
}

static int acquire(struct dq_client *c, const struct deal_op *op, double timeout_s, uint64_t *fence)
{
	uint64_t began_us = clock_mono_us();

	for (;;) {
		double left_s = things_time_left(timeout_s, began_us);
		struct deal_op up = {.kind = DEAL_UNLOCK};
		bool held;
		int code = claim(c, op, left_s, fence, &held);

		if (code || held)
			return code;
		left_s = things_time_left(timeout_s, began_us);
		code = wait_held(c, *fence, left_s);
		/* cut off for too long: to the end of the line */
		if (code == DQ_E_CONFLICT && left_s != 0)
			continue;
		up.claim = *fence;
		if (code && code != DQ_E_CONFLICT && one(c, &up, ANSWER_S) == 0)
			client_error_code(c, code);
		return code;
	}
}

static int write_parts(struct dq_client *c, const struct dq_lock *locks, size_t n, struct buf *out)
{
	if (n == 0 || !locks)
		return client_error(c, DQ_E_USAGE, "no lock");
	if (n > LIMIT_CLAIM_PARTS)
		return client_error(c, DQ_E_LIMIT, "%s", LIMIT_TEXT(CLAIM_PARTS));
	pack_array(out, (uint32_t)n);
	for (size_t i = 0; i < n; i++) {
		struct claim_part part = {.count = locks[i].count ? locks[i].count : 1,
			.units = locks[i].units ? locks[i].units : 1};
		int code = thing_name_check(c, locks[i].name);

		if (code)
			return code;
		if (part.units > part.count)
			return client_error(
				c, DQ_E_USAGE, "%s: more units than it has", locks[i].name);
		part.name = slice_str(locks[i].name);
		claim_part_encode(out, &part);
	}
	return 0;
}

/* False: no length of a lease. */
static bool lease_of(struct dq_client *c, double lease_s, uint64_t *us)
{
	if (lease_s >= 1e-6 && lease_s <= LEASE_MAX_S) {
		*us = (uint64_t)(lease_s * 1e6);
		return true;
	}
	client_error(c, DQ_E_USAGE, "a lease of no time, or of more than a year");
	return false;
}

/* What the caller asks for; parts is what it borrows from. */
static int claim_op(struct dq_client *c, const struct dq_lock *locks, size_t n,
	const struct dq_lock_options *options, struct buf *parts, struct deal_op *op)
{
	double lease_s = options && options->lease_s != 0 ? options->lease_s : LEASE_S;
	int code = client_check(c);

	*op = (struct deal_op){.kind = DEAL_CLAIM, .flags = options ? options->flags : 0};
	if (code == 0)
		code = write_parts(c, locks, n, parts);
	if (code == 0 && !lease_of(c, lease_s, &op->lease_us))
		code = DQ_E_USAGE;
	if (code == 0 && op->flags & ~(DQ_LOCK_BEAT | DQ_LOCK_ALONE))
		code = client_error(c, DQ_E_USAGE, "an unknown flag of a lock");
	op->parts = buf_slice(parts);
	return code;
}

int dq_lock_acquire(struct dq_client *client, const struct dq_lock *locks, size_t n,
	const struct dq_lock_options *options, double timeout_s, uint64_t *fence)
{
	int code = client_enter_blocking(client);
	struct deal_op op;
	struct buf parts;

	*fence = 0;
	if (code)
		return code;
	buf_init(&parts, LIMIT_FRAME_BYTES);
	code = claim_op(client, locks, n, options, &parts, &op);
	if (timeout_s == 0)
		op.flags |= CLAIM_TRY;
	if (code == 0)
		code = acquire(client, &op, timeout_s, fence);
	if (code)
		*fence = 0;
	buf_release(&parts);
	client_leave(client);
	return code;
}

int dq_lock_claim(struct dq_client *client, const struct dq_lock *locks, size_t n,
	const struct dq_lock_options *options, double timeout_s, uint64_t *fence, bool *held)
{
	int code = client_enter_blocking(client);
	struct deal_op op;
	struct buf parts;

	*fence = 0;
	*held = false;
	if (code)
		return code;
	buf_init(&parts, LIMIT_FRAME_BYTES);
	code = claim_op(client, locks, n, options, &parts, &op);
	if (code == 0)
		code = claim(client, &op, timeout_s, fence, held);
	buf_release(&parts);
	client_leave(client);
	return code;
}

int dq_lock_wait(struct dq_client *client, uint64_t fence, double timeout_s)
{
	int code = client_enter_blocking(client);

	if (code)
		return code;
	code = client_check(client);
	if (code == 0)
		code = wait_held(client, fence, timeout_s);
	client_leave(client);
	return code;
}

static int act_on(struct dq_client *c, const struct deal_op *op, double timeout_s)
{
	int code = client_enter_blocking(c);

	if (code)
		return code;
	code = client_check(c);
	if (code == 0)
		code = one(c, op, timeout_s);
	client_leave(c);
	return code;
}

int dq_lock_extend(struct dq_client *client, uint64_t fence, double lease_s, double timeout_s)
{
	struct deal_op op = {.kind = DEAL_EXTEND_LOCK, .claim = fence};

	if (lease_s < 0 || lease_s > LEASE_MAX_S)
		return DQ_E_USAGE;
	op.lease_us = (uint64_t)(lease_s * 1e6);
	return act_on(client, &op, timeout_s);
}

int dq_lock_check(struct dq_client *client, uint64_t fence, double timeout_s)
{
	return act_on(
		client, &(struct deal_op){.kind = DEAL_EXPECT_HELD, .claim = fence}, timeout_s);
}

int dq_lock_release(struct dq_client *client, uint64_t fence, double timeout_s)
{
	return act_on(client, &(struct deal_op){.kind = DEAL_UNLOCK, .claim = fence}, timeout_s);
}
