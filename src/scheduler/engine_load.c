/*
 * Rebuilding the core at start: every table in the order that core.h gives. A record that is
 * damaged or contradicts others is left out, counted and logged; the rest is served.
 */
#include "scheduler/engine_impl.h"

#include "base/log.h"
#include "store/keys.h"

struct loader {
	struct engine *e;
	enum table table;
	const char *why;
};

static bool load_counters(struct loader *l, struct slice key, struct slice value)
{
	struct counters c;

	if (!slice_eq_str(key, META_COUNTERS))
		return true;
	if (!counters_decode(value, &c, &l->why))
		return false;
	core_load_counters(l->e->core, &c);
	return true;
}

static bool load_user(struct loader *l, struct slice key, struct slice value)
{
	struct user_record r;
	uint32_t n;

	return key_read_user(key, &n) && user_record_decode(value, &r, &l->why) &&
	       core_load_user(l->e->core, n, &r, &l->why);
}

static bool load_worker(struct loader *l, struct slice key, struct slice value)
{
	struct worker_record r;
	uint32_t n;

	return key_read_worker(key, &n) && worker_record_decode(value, &r, &l->why) &&
	       core_load_worker(l->e->core, n, &r, &l->why);
}

static bool load_session(struct loader *l, struct slice key, struct slice value)
{
	struct session_record r;
	uint32_t n;

	return key_read_session(key, &n) && session_record_decode(value, &r, &l->why) &&
	       core_load_session(l->e->core, n, &r, &l->why);
}

static bool load_block(struct loader *l, struct slice key, struct slice value)
{
	struct block_record r;
	uint64_t first;

	return key_read_block(key, &first) && block_record_decode(value, &r, &l->why) &&
	       r.first == first && core_load_block(l->e->core, &r, &l->why);
}

static bool load_gone(struct loader *l, struct slice key, struct slice value)
{
	struct gone_record r;
	uint64_t first;

	return key_read_gone(key, &first) && gone_record_decode(value, &r, &l->why) &&
	       core_load_gone(l->e->core, first, &r, &l->why);
}

static bool load_row(struct loader *l, struct slice key, struct slice value)
{
	struct outcome o;
	struct task_row r;
	const char *why;
	uint64_t id;
	uint16_t round;

	if (!key_read_task(key, &id, &round) || !task_row_decode(value, &r, &l->why) ||
		!core_load_row(l->e->core, id, round, &r, &l->why))
		return false;
	if (r.outcome.n && outcome_decode(r.outcome, &o, &why) && o.stored &&
		!l->e->port.value_there(l->e->port.arg, id, r.generation, o.size))
		engine_spoilt(l->e, id, r.generation);
	return true;
}

static bool load_lease(struct loader *l, struct slice key, struct slice value)
{
	struct lease_bundle b;
	struct fence first;

	return key_read_lease(key, &first.epoch, &first.seq) &&
	       lease_bundle_decode(value, &b, &l->why) &&
	       core_load_lease(l->e->core, first, &b, &l->why);
}

static bool load_reply(struct loader *l, struct slice key, struct slice value)
{
	struct reply_record r;
	uint32_t session;
	uint64_t seq;

	return key_read_reply(key, &session, &seq) && reply_record_decode(value, &r, &l->why) &&
	       core_load_reply(l->e->core, session, seq, &r, &l->why);
}

static bool load_hold(struct loader *l, struct slice key, struct slice value)
{
	uint32_t session;
	uint64_t id;

	(void)value;
	return key_read_hold(key, &session, &id) &&
	       core_load_hold(l->e->core, session, id, &l->why);
}

static bool load_work(struct loader *l, struct slice key, struct slice value)
{
	struct work_record r;
	uint64_t seq;

	return key_read_work(key, &seq) && work_record_decode(value, &r, &l->why) &&
	       core_load_work(l->e->core, seq, &r, &l->why);
}

static bool load_stage(struct loader *l, struct slice key, struct slice value)
{
	struct stage_record r;
	uint32_t session;
	uint64_t first;

	return key_read_stage(key, &session, &first) && stage_record_decode(value, &r, &l->why) &&
	       core_load_stage(l->e->core, session, first, &r, &l->why);
}

static bool load_thing(struct loader *l, struct slice key, struct slice value)
{
	struct thing_record r;
	uint64_t number;

	return key_read_thing(key, &number) && thing_record_decode(value, &r, &l->why) &&
	       core_load_thing(l->e->core, number, &r, &l->why);
}

static bool load_delivery(struct loader *l, struct slice key, struct slice value)
{
	struct delivery_record r;
	uint64_t thing, seq;
	uint32_t rank;

	return key_read_delivery(key, &thing, &rank, &seq) &&
	       delivery_record_decode(value, &r, &l->why) &&
	       core_load_delivery(l->e->core, thing, rank, seq, &r, &l->why);
}

static bool load_grant(struct loader *l, struct slice key, struct slice value)
{
	struct grant_record r;
	uint32_t session;
	uint64_t request;

	return key_read_grant(key, &session, &request) && grant_record_decode(value, &r, &l->why) &&
	       core_load_grant(l->e->core, session, request, &r, &l->why);
}

static bool load_item(struct loader *l, struct slice key, struct slice value)
{
	struct item_record r;
	uint64_t thing, seq;
	uint32_t rank;

	return key_read_item(key, &thing, &rank, &seq) && item_record_decode(value, &r, &l->why) &&
	       core_load_item(l->e->core, thing, rank, seq, &r, &l->why);
}

static bool load_amend(struct loader *l, struct slice key, struct slice value)
{
	struct amend_record r;
	uint64_t first;

	return key_read_amend(key, &first) && amend_record_decode(value, &r, &l->why) &&
	       core_load_amend(l->e->core, first, &r, &l->why);
}

static bool load_one(void *arg, struct slice key, struct slice value)
{
	static bool (*const of[TABLE_END])(struct loader *, struct slice, struct slice) = {
		[TABLE_META] = load_counters,
		[TABLE_USER] = load_user,
		[TABLE_WORKER] = load_worker,
		[TABLE_SESSION] = load_session,
		[TABLE_BLOCK] = load_block,
		[TABLE_GONE] = load_gone,
		[TABLE_TASK] = load_row,
		[TABLE_LEASE] = load_lease,
		[TABLE_REPLY] = load_reply,
		[TABLE_HOLD] = load_hold,
		[TABLE_WORK] = load_work,
		[TABLE_STAGE] = load_stage,
		[TABLE_THING] = load_thing,
		[TABLE_AMEND] = load_amend,
		[TABLE_DELIVERY] = load_delivery,
		[TABLE_GRANT] = load_grant,
		[TABLE_ITEM] = load_item,
	};
	struct loader *l = arg;
	char text[KEY_TEXT_BYTES];

	l->why = "malformed";
	if (of[l->table](l, key, value))
		return true;
	l->e->skipped++;
	log_error("%s is left out: %s", key_text(l->table, key, text, sizeof(text)), l->why);
	return true;
}

bool engine_load(struct engine *e, uint64_t mono_us, uint64_t wall_us, const char **why)
{
	static const enum table order[] = {TABLE_META, TABLE_USER, TABLE_WORKER, TABLE_SESSION,
		TABLE_BLOCK, TABLE_STAGE, TABLE_AMEND, TABLE_GONE, TABLE_TASK, TABLE_LEASE,
		TABLE_REPLY, TABLE_HOLD, TABLE_WORK, TABLE_THING, TABLE_DELIVERY, TABLE_GRANT,
		TABLE_ITEM};

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		struct loader l = {.e = e, .table = order[i]};

		if (!e->port.scan(e->port.arg, order[i], load_one, &l, why))
			return false;
	}
	update_clear(&e->update);
	core_load_end(e->core, mono_us, wall_us, &e->update);
	engine_translate(e);
	e->next_tick_us = mono_us + 1;
	return true;
}
