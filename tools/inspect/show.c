/*
 * dq-inspect: printing tasks. A row that does not decode any more is a bug, since the image has
 * decoded it once.
 */
#include "show.h"
#include "list.h"

#include <inttypes.h>
#include <stdio.h>

#include "model/value.h"

const char *task_word(const struct image *img, const struct img_walk *w)
{
	if (w->block->staged)
		return "staged";
	return task_state_word((enum task_state)img->state[w->index]);
}

static void put_key(struct inspect *in, const struct img_walk *w)
{
	struct buf key;

	buf_init(&key, 1024);
	image_key(&key, w);
	if (in->json)
		json_str(&in->j, buf_slice(&key));
	else
		put_safe(in, buf_slice(&key));
	buf_release(&key);
}

static const char *kind_word(const struct img_walk *w)
{
	return w->entry.kind == SPEC_EXEC ? "exec" : "func";
}

/* What both forms have. */
static void json_head(struct image *img, const struct img_walk *w)
{
	const struct img_row *row = image_row(img, w->id);
	struct json *j = &img->in->j;

	json_key(j, "key");
	put_key(img->in, w);
	json_key(j, "id");
	json_id(j, w->id);
	json_key(j, "namespace");
	json_str(j, w->block->r.ns);
	json_key(j, "user");
	json_user(j, img, w->block->r.user);
	json_key(j, "kind");
	json_cstr(j, kind_word(w));
	json_key(j, "state");
	json_cstr(j, task_word(img, w));
	json_key(j, "attempts");
	json_uint(j, row ? row->attempts : 0);
}

void list_task(struct image *img, const struct img_walk *w)
{
	struct inspect *in = img->in;
	char id[ID_TEXT_BYTES];

	if (in->json) {
		json_open_object(&in->j);
		json_head(img, w);
		json_end_object(&in->j);
		out_maybe_flush(in);
		return;
	}
	put(in, "%-14s %-10s %-4s ", id_text(w->id, id), task_word(img, w), kind_word(w));
	put_key(in, w);
	out_line(in);
}

/* Key of another task; its id where it has none left. */
static void put_other(struct image *img, uint64_t id)
{
	const struct img_block *block;
	struct img_walk w;
	uint64_t index;
	char text[ID_TEXT_BYTES];

	if (image_place(img, id, &block, &index) && img_walk_to(&w, block, id))
		put_key(img->in, &w);
	else if (img->in->json)
		json_cstr(&img->in->j, id_text(id, text));
	else
		put(img->in, "%s", id_text(id, text));
}

/* A task's row and outcome; zeroed where there is none. */
struct end {
	struct task_row row;
	struct outcome outcome;
	bool has_row, has_outcome;
};

static void read_end(const struct image *img, uint64_t id, struct end *end)
{
	const struct img_row *row = image_row(img, id);
	const char *why;

	*end = (struct end){.has_row = false};
	if (!row)
		return;
	end->has_row = task_row_decode(row->value, &end->row, &why);
	end->has_outcome = end->has_row && end->row.outcome.n > 0 &&
			   outcome_decode(end->row.outcome, &end->outcome, &why);
}

static void json_error(struct image *img, const struct end *end)
{
	struct json *j = &img->in->j;

	if (!end->has_outcome || end->outcome.state == TASK_DONE) {
		json_put_null(j);
		return;
	}
	json_open_object(j);
	json_key(j, "cause");
	json_cstr(j, cause_word(end->outcome.cause));
	json_key(j, "message");
	json_str(j, end->outcome.message);
	json_key(j, "task");
	if (end->outcome.blame)
		put_other(img, end->outcome.blame);
	else
		json_put_null(j);
	json_key(j, "signal");
	if (end->outcome.signal)
		json_int(j, end->outcome.signal);
	else
		json_put_null(j);
	json_end_object(j);
}

static void json_times(struct json *j, const struct img_walk *w, const struct end *end)
{
	json_key(j, "times");
	json_open_object(j);
	json_key(j, "submitted");
	json_time_us(j, w->block->r.submitted_us);
	json_key(j, "started");
	if (end->has_outcome && end->outcome.started_us)
		json_time_us(j, end->outcome.started_us);
	else
		json_put_null(j);
	json_key(j, "finished");
	if (end->has_row && end->row.finished_us)
		json_time_us(j, end->row.finished_us);
	else
		json_put_null(j);
	json_end_object(j);
}

static void json_deps(struct image *img, const struct img_walk *w)
{
	struct json *j = &img->in->j;

	json_key(j, "deps");
	json_open_array(j);
	for (uint32_t i = 0; i < w->entry.ndeps; i++)
		put_other(img, img_walk_dep(w, i));
	json_end_array(j);
}

static void json_labels(struct json *j, const struct img_walk *w)
{
	struct block_entry entry = w->entry;
	struct slice label;

	json_key(j, "labels");
	json_open_array(j);
	for (uint32_t i = 0; i < entry.nlabels && block_entry_label(&entry, &label); i++)
		json_str(j, label);
	json_end_array(j);
}

static void json_where(struct image *img, const struct end *end)
{
	struct json *j = &img->in->j;

	json_key(j, "where");
	json_open_array(j);
	for (uint32_t i = 0; i < end->row.nholders; i++)
		json_worker(j, img, end->row.holders[i]);
	json_end_array(j);
	json_key(j, "stored");
	json_bool(j, end->has_outcome && end->outcome.stored);
}

static void json_value_of(struct json *j, const struct end *end)
{
	json_key(j, "type");
	if (end->has_outcome && end->outcome.has_value)
		json_str(j, end->outcome.type);
	else
		json_put_null(j);
	json_key(j, "size");
	if (end->has_outcome && end->outcome.has_value)
		json_uint(j, end->outcome.size);
	else
		json_put_null(j);
	json_key(j, "exit");
	if (end->has_outcome && end->outcome.has_exit)
		json_int(j, end->outcome.exit_status);
	else
		json_put_null(j);
}

static void json_lease(struct image *img, uint64_t id)
{
	const struct img_lease *lease = image_lease(img, id);
	struct json *j = &img->in->j;

	json_key(j, "lease");
	if (!lease) {
		json_put_null(j);
		return;
	}
	json_open_object(j);
	json_key(j, "worker");
	json_worker(j, img, lease->worker);
	json_key(j, "fence");
	json_fence(j, lease->fence);
	json_end_object(j);
}

static void show_json(struct image *img, const struct img_walk *w, const struct end *end)
{
	struct json *j = &img->in->j;
	uint64_t us;

	json_open_object(j);
	json_head(img, w);
	json_key(j, "deaths");
	json_uint(j, end->row.deaths);
	json_key(j, "generation");
	json_uint(j, end->row.generation);
	json_key(j, "session");
	json_uint(j, w->block->r.session);
	json_key(j, "priority");
	json_int(j, image_priority(img, w));
	json_key(j, "detached");
	json_bool(j, img->flag[w->index] & IMG_DETACHED);
	if (image_retention(w, &us)) {
		json_key(j, "retention");
		json_time_us(j, us);
	}
	if (image_kept_since(img, w)) {
		json_key(j, "kept_since");
		json_uint(j, image_kept_since(img, w));
	}
	json_labels(j, w);
	json_deps(img, w);
	json_value_of(j, end);
	json_where(img, end);
	json_lease(img, w->id);
	json_key(j, "error");
	json_error(img, end);
	json_times(j, w, end);
	json_end_object(j);
	out_line(img->in);
}

static void show_time(struct inspect *in, const char *name, uint64_t us)
{
	if (us)
		put(in, "%-10s %" PRIu64 ".%06" PRIu64 "\n", name, us / 1000000, us % 1000000);
}

static void show_end(struct image *img, const struct end *end)
{
	struct inspect *in = img->in;

	put(in, "attempts   %" PRIu32 ", lost with a worker %" PRIu32 ", generation %" PRIu32 "\n",
		end->row.attempts, end->row.deaths, end->row.generation);
	if (end->has_outcome && end->outcome.has_value) {
		put(in, "value      ");
		put_safe(in, end->outcome.type);
		put(in, ", %" PRIu64 " bytes%s\n", end->outcome.size,
			end->outcome.is_inline ? ", inline"
			: end->outcome.stored  ? ", stored"
					       : "");
	}
	for (uint32_t i = 0; i < end->row.nholders; i++) {
		const struct img_worker *worker = image_worker(img, end->row.holders[i]);

		put(in, "held by    ");
		put_safe(in, worker ? worker->r.name : slice_str("?"));
		out_line(in);
	}
	if (end->has_outcome && end->outcome.state != TASK_DONE) {
		put(in, "error      %s", cause_word(end->outcome.cause));
		if (end->outcome.message.n > 0) {
			put(in, ": ");
			put_safe(in, end->outcome.message);
		}
		if (end->outcome.blame) {
			put(in, " (");
			put_other(img, end->outcome.blame);
			put(in, ")");
		}
		out_line(in);
	}
	if (end->has_outcome && end->outcome.has_exit)
		put(in, "exit       %" PRId32 "\n", end->outcome.exit_status);
	if (end->has_outcome)
		show_time(in, "started", end->outcome.started_us);
	show_time(in, "finished", end->row.finished_us);
}

static void show_text(struct image *img, const struct img_walk *w, const struct end *end)
{
	struct inspect *in = img->in;
	const struct img_lease *lease = image_lease(img, w->id);
	char id[ID_TEXT_BYTES];
	uint64_t us;

	put(in, "key        ");
	put_key(in, w);
	put(in, "\nid         %s\nstate      %s%s\n", id_text(w->id, id), task_word(img, w),
		img->flag[w->index] & IMG_DOOMED ? " (at the next start: a dependency was)" : "");
	put(in, "kind       %s%s\nnamespace  ", kind_word(w),
		img->flag[w->index] & IMG_DETACHED ? ", detached" : "");
	put_safe(in, w->block->r.ns);
	put(in, "\nsession    %" PRIu32 ", request %" PRIu64 "\n", w->block->r.session,
		w->block->r.seq);
	for (uint32_t i = 0; i < w->entry.ndeps; i++) {
		put(in, "after      ");
		put_other(img, img_walk_dep(w, i));
		out_line(in);
	}
	if (image_priority(img, w))
		put(in, "priority   %" PRId32 "\n", image_priority(img, w));
	if (lease)
		put(in, "leased to  worker %" PRIu32 ", fence %" PRIu64 ".%" PRIu64 "\n",
			lease->worker, lease->fence.epoch, lease->fence.seq);
	show_time(in, "submitted", w->block->r.submitted_us);
	if (end->has_row)
		show_end(img, end);
	show_time(in, "kept since", image_kept_since(img, w) * 1000000ull);
	if (image_retention(w, &us))
		put(in, "retention  %" PRIu64 ".%06" PRIu64 " s\n", us / 1000000, us % 1000000);
}

void show_task(struct image *img, const struct img_walk *w)
{
	struct end end;

	read_end(img, w->id, &end);
	if (img->in->json)
		show_json(img, w, &end);
	else
		show_text(img, w, &end);
}
