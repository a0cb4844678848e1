/*
 * dq-inspect: reading every table into an image, in the order of a start. Neighbours: derive.c
 * makes states of it, find.c looks things up in it. A record that is damaged, or does not decode,
 * is a problem: told, counted, left out.
 */
#include "image.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/ensure.h"
#include "derive.h"
#include "model/entry.h"

#define VEC_ADD(vec)                                                                               \
	(vec_room((void **)&(vec)->v, (vec)->n, &(vec)->cap, sizeof(*(vec)->v)),                   \
		&(vec)->v[(vec)->n++])

static void vec_room(void **v, size_t n, size_t *cap, size_t size)
{
	if (n < *cap)
		return;
	*cap = *cap ? *cap * 2 : 16;
	*v = xreallocarray(*v, *cap, size);
}

void image_problem(struct image *img, const char *format, ...)
{
	char text[500];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	img->problems++;
	if (img->on_problem)
		img->on_problem(img->problem_arg, text);
	else
		fail(0, "%s: %s: passed over (dq-inspect check tells more)", img->in->dir, text);
}

/* Adds one record; false and *why when it does not decode. */
typedef bool add_fn(struct image *img, struct slice key, struct slice value, const char **why);

static bool add_meta(struct image *img, struct slice key, struct slice value, const char **why)
{
	if (slice_eq_str(key, META_FORMAT) || slice_eq_str(key, META_STORE) ||
		slice_eq_str(key, META_EPOCH) || slice_eq_str(key, META_APPLIED))
		return true;
	*why = "no such name in meta";
	if (!slice_eq_str(key, META_COUNTERS))
		return false;
	img->has_counters = counters_decode(value, &img->counters, why);
	return img->has_counters;
}

static bool add_user(struct image *img, struct slice key, struct slice value, const char **why)
{
	struct img_user user;

	if (!key_read_user(key, &user.number) || !user_record_decode(value, &user.r, why))
		return false;
	*VEC_ADD(&img->users) = user;
	return true;
}

static bool add_worker(struct image *img, struct slice key, struct slice value, const char **why)
{
	struct img_worker worker;

	if (!key_read_worker(key, &worker.number) || !worker_record_decode(value, &worker.r, why))
		return false;
	*VEC_ADD(&img->workers) = worker;
	return true;
}

static bool add_session(struct image *img, struct slice key, struct slice value, const char **why)
{
	struct img_session session;

	if (!key_read_session(key, &session.number) ||
		!session_record_decode(value, &session.r, why))
		return false;
	*VEC_ADD(&img->sessions) = session;
	return true;
}

static bool add_block(struct image *img, struct slice key, struct slice value, const char **why)
{
	struct img_block block = {.readable = true};
	uint64_t first;

	if (!key_read_block(key, &first) || !block_record_decode(value, &block.r, why))
		return false;
	*why = "its first task is not the one of its key";
	if (block.r.first != first)
		return false;
	*why = "its tasks are not numbers of its session";
	if (block.r.count == 0 || task_id_n(first) == 0 ||
		task_id_session(first) != block.r.session ||
		block.r.count > (uint64_t)UINT32_MAX - task_id_n(first) + 1)
		return false;
	*why = "it overlaps the block before it";
	if (img->blocks.n > 0) {
		const struct img_block *before = &img->blocks.v[img->blocks.n - 1];

		if (first - before->r.first < before->r.count)
			return false;
	}
	block.at = img->ntasks;
	img->ntasks += block.r.count;
	*VEC_ADD(&img->blocks) = block;
	return true;
}

static bool add_amend(struct image *img, struct slice key, struct slice value, const char **why)
{
	const struct img_block *block;
	struct amend_record r;
	uint64_t first, index;

	if (!key_read_amend(key, &first) || !amend_record_decode(value, &r, why))
		return false;
	*why = "an amendment of no block";
	if (!image_place(img, first, &block, &index) || block->r.first != first)
		return false;
	img->blocks.v[block - img->blocks.v].amend = r;
	return true;
}

static bool add_gone(struct image *img, struct slice key, struct slice value, const char **why)
{
	struct img_chunk *chunk = VEC_ADD(&img->chunks);

	if (key_read_gone(key, &chunk->first) && gone_record_decode(value, &chunk->r, why))
		return true;
	img->chunks.n--;
	return false;
}

static bool add_row(struct image *img, struct slice key, struct slice value, const char **why)
{
	struct img_row row = {.value = value};
	struct task_row r;

	if (!key_read_task(key, &row.id, &row.round) || !task_row_decode(value, &r, why))
		return false;
	row.state = r.state;
	row.generation = r.generation;
	row.attempts = r.attempts;
	row.due_us = r.due_us;
	row.finish_seq = r.finish_seq;
	if (img->rows.n && img->rows.v[img->rows.n - 1].id == row.id)
		*VEC_ADD(&img->earlier) = img->rows.v[--img->rows.n];
	*VEC_ADD(&img->rows) = row;
	return true;
}

static bool add_lease(struct image *img, struct slice key, struct slice value, const char **why)
{
	struct lease_bundle bundle;
	struct fence first;

	if (!key_read_lease(key, &first.epoch, &first.seq) ||
		!lease_bundle_decode(value, &bundle, why))
		return false;
	img->bundles++;
	for (uint32_t i = 0; i < bundle.count; i++) {
		struct lease_entry entry = lease_bundle_entry(&bundle, i);

		*VEC_ADD(&img->leases) = (struct img_lease){.id = entry.id,
			.fence = {.epoch = first.epoch, .seq = first.seq + i},
			.issued_us = bundle.issued_us,
			.worker = bundle.worker,
			.generation = entry.generation,
			.flags = entry.flags};
	}
	return true;
}

static bool add_reply(struct image *img, struct slice key, struct slice value, const char **why)
{
	struct img_reply reply;
	struct reply_record r;

	if (!key_read_reply(key, &reply.session, &reply.seq) ||
		!reply_record_decode(value, &r, why))
		return false;
	*VEC_ADD(&img->replies) = reply;
	return true;
}

static bool add_hold(struct image *img, struct slice key, struct slice value, const char **why)
{
	struct img_hold hold;

	if (!key_read_hold(key, &hold.session, &hold.id) || !hold_record_decode(value, why))
		return false;
	*VEC_ADD(&img->holds) = hold;
	return true;
}

static bool add_work(struct image *img, struct slice key, struct slice value, const char **why)
{
	struct img_work work;
	struct runs_reader reader;
	struct run run;

	if (!key_read_work(key, &work.seq) || !work_record_decode(value, &work.r, why))
		return false;
	*VEC_ADD(&img->works) = work;
	if (!runs_reader_init(&reader, work.r.runs, why))
		return false;
	while (runs_reader_next(&reader, &run))
		continue;
	return true;
}

static bool add_stage(struct image *img, struct slice key, struct slice value, const char **why)
{
	struct img_stage stage;

	if (!key_read_stage(key, &stage.session, &stage.first) ||
		!stage_record_decode(value, &stage.r, why))
		return false;
	*VEC_ADD(&img->stages) = stage;
	return true;
}

static bool add_thing(struct image *img, struct slice key, struct slice value, const char **why)
{
	struct img_thing thing = {.entries = 0};

	if (!key_read_thing(key, &thing.number) || !thing_record_decode(value, &thing.r, why))
		return false;
	*VEC_ADD(&img->things) = thing;
	return true;
}

static bool add_entry(struct image *img, struct slice key, struct slice value, const char **why)
{
	struct entry_record r;
	struct img_thing *thing;
	uint64_t number, cursor;

	if (!key_read_entry(key, &number, &cursor) || !entry_record_decode(value, &r, why))
		return false;
	*why = "an entry of no topic";
	thing = image_thing(img, number);
	if (!thing || thing->r.kind != THING_TOPIC)
		return false;
	*why = "an entry past the end of its topic, or one that should be gone";
	if (cursor < thing->r.topic.gone_to || cursor >= thing->r.topic.next)
		return false;
	thing->entries++;
	return true;
}

static bool add_item(struct image *img, struct slice key, struct slice value, const char **why)
{
	struct img_item item;
	struct item_record r;

	if (!key_read_item(key, &item.thing, &item.rank, &item.seq) ||
		!item_record_decode(value, &r, why))
		return false;
	item.task = r.task;
	*VEC_ADD(&img->items) = item;
	return true;
}

static bool add_delivery(struct image *img, struct slice key, struct slice value, const char **why)
{
	struct img_delivery d;

	if (!key_read_delivery(key, &d.thing, &d.rank, &d.seq) ||
		!delivery_record_decode(value, &d.r, why))
		return false;
	*VEC_ADD(&img->deliveries) = d;
	return true;
}

static bool add_grant(struct image *img, struct slice key, struct slice value, const char **why)
{
	struct img_grant g;

	if (!key_read_grant(key, &g.session, &g.request) || !grant_record_decode(value, &g.r, why))
		return false;
	*VEC_ADD(&img->grants) = g;
	return true;
}

static int load_table(struct image *img, enum table table, add_fn *add)
{
	struct store_scan scan = {.cursor = NULL};
	struct slice key, value;
	struct store_error err;
	enum store_code code = store_scan_begin(&scan, &img->in->snapshot, table, NULL, &err);
	char text[KEY_TEXT_BYTES];
	int rc = 0;

	while (code == STORE_OK || code == STORE_BAD_RECORD) {
		const char *why = "malformed key";

		code = store_scan_next(&scan, &key, &value, &err);
		if (code == STORE_END || (code != STORE_OK && code != STORE_BAD_RECORD))
			break;
		img->records[table]++;
		if (code == STORE_BAD_RECORD)
			image_problem(img, "record %s: its checksum does not match",
				key_text(table, key, text, sizeof(text)));
		else if (!key_fits(table, key) || !add(img, key, value, &why))
			image_problem(img, "record %s: %s",
				key_text(table, key, text, sizeof(text)), why);
		if (out_of_time(img->in))
			rc = EXIT_TIMEOUT;
		if (rc != 0)
			break;
	}
	store_scan_end(&scan);
	if (rc == 0 && code != STORE_END) {
		/* Nothing behind this place can be read. */
		image_problem(img, "table %s: %s", table_name(table), err.text);
		rc = img->on_problem ? 0 : fail_store(&err);
	}
	return rc;
}

int image_load(
	struct image *img, struct inspect *in, void (*on_problem)(void *, const char *), void *arg)
{
	static const struct {
		enum table table;
		add_fn *add;
	} tables[] = {
		{TABLE_META, add_meta},
		{TABLE_USER, add_user},
		{TABLE_WORKER, add_worker},
		{TABLE_SESSION, add_session},
		{TABLE_BLOCK, add_block},
		{TABLE_AMEND, add_amend},
		{TABLE_GONE, add_gone},
		{TABLE_TASK, add_row},
		{TABLE_LEASE, add_lease},
		{TABLE_REPLY, add_reply},
		{TABLE_HOLD, add_hold},
		{TABLE_WORK, add_work},
		{TABLE_STAGE, add_stage},
		{TABLE_THING, add_thing},
		{TABLE_ENTRY, add_entry},
		{TABLE_ITEM, add_item},
		{TABLE_DELIVERY, add_delivery},
		{TABLE_GRANT, add_grant},
	};

	*img = (struct image){.in = in, .on_problem = on_problem, .problem_arg = arg};
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		int rc = load_table(img, tables[i].table, tables[i].add);

		if (rc != 0)
			return rc;
	}
	image_derive(img);
	return 0;
}

void image_release(struct image *img)
{
	free(img->blocks.v);
	free(img->rows.v);
	free(img->earlier.v);
	free(img->chunks.v);
	free(img->leases.v);
	free(img->sessions.v);
	free(img->replies.v);
	free(img->holds.v);
	free(img->workers.v);
	free(img->users.v);
	free(img->works.v);
	free(img->stages.v);
	free(img->things.v);
	free(img->items.v);
	free(img->deliveries.v);
	free(img->grants.v);
	free(img->state);
	free(img->flag);
	*img = (struct image){.in = NULL};
}
