/*
 * dq-inspect holds: what keeps a task: its submitter's session, sessions that took a hold, being
 * detached, variables and datasets with its future, and the tasks that depend on it.
 */
#include "image.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/alloc.h"

/* The tasks that are asked for, marked. */
struct ask {
	struct image *img;
	uint8_t *wanted;
};

static void print_hold(
	struct image *img, uint64_t id, const char *kind, uint32_t session, uint64_t by)
{
	struct inspect *in = img->in;
	struct json *j = &in->j;
	char text[ID_TEXT_BYTES], other[ID_TEXT_BYTES];

	if (!in->json) {
		put(in, "%-14s %s", id_text(id, text), kind);
		if (session)
			put(in, " %" PRIu32, session);
		if (by)
			put(in, " %s", id_text(by, other));
		out_line(in);
		return;
	}
	json_open_object(j);
	json_key(j, "task");
	json_id(j, id);
	json_key(j, "kind");
	json_cstr(j, kind);
	if (session) {
		json_key(j, "session");
		json_uint(j, session);
	}
	if (by) {
		json_key(j, "by");
		json_id(j, by);
	}
	json_end_object(j);
	out_maybe_flush(in);
}

static void print_thing(struct image *img, uint64_t id, const struct img_thing *thing)
{
	struct inspect *in = img->in;
	struct json *j = &in->j;
	char text[ID_TEXT_BYTES];

	if (!in->json) {
		put(in, "%-14s %s ", id_text(id, text), thing_kind_word(thing->r.kind));
		put_safe(in, thing->r.name);
		out_line(in);
		return;
	}
	json_open_object(j);
	json_key(j, "task");
	json_id(j, id);
	json_key(j, "kind");
	json_cstr(j, thing_kind_word(thing->r.kind));
	json_key(j, "name");
	json_str(j, thing->r.name);
	json_end_object(j);
	out_maybe_flush(in);
}

struct times {
	uint64_t id;
	uint32_t n;
};

static void count_times(void *arg, uint64_t id)
{
	struct times *t = arg;

	t->n += t->id == id;
}

/* The task's own: its submitter and being detached; then the rows. */
static void on_found(void *arg, const struct img_walk *w)
{
	struct ask *ask = arg;
	struct image *img = ask->img;
	uint32_t session = w->block->r.session;

	ask->wanted[w->index] = 1;
	if (!w->entry.detached && image_session(img, session) &&
		!(img->flag[w->index] & IMG_RELEASED))
		print_hold(img, w->id, "submitter", session, 0);
	if (img->flag[w->index] & IMG_KEPT)
		print_hold(img, w->id, "retention", 0, 0);
	if (img->flag[w->index] & IMG_DETACHED)
		print_hold(img, w->id, "detached", 0, 0);
	for (size_t i = 0; i < img->holds.n; i++)
		if (img->holds.v[i].id == w->id)
			print_hold(img, w->id, "session", img->holds.v[i].session, 0);
	for (size_t i = 0; i < img->things.n; i++) {
		struct times t = {.id = w->id};

		thing_tasks(&img->things.v[i], count_times, &t);
		if (t.n)
			print_thing(img, w->id, &img->things.v[i]);
	}
	for (size_t i = 0; i < img->items.n; i++)
		if (img->items.v[i].task == w->id && image_thing(img, img->items.v[i].thing))
			print_thing(img, w->id, image_thing(img, img->items.v[i].thing));
}

static int print_dependents(struct ask *ask)
{
	struct image *img = ask->img;

	for (size_t b = 0; b < img->blocks.n; b++) {
		struct img_walk w;

		img_walk_begin(&w, &img->blocks.v[b]);
		while (img_walk_next(&w)) {
			const struct img_block *block;
			uint64_t index;

			for (uint32_t i = 0; i < w.entry.ndeps; i++)
				if (img->state[w.index] != TASK_GONE &&
					image_place(img, img_walk_dep(&w, i), &block, &index) &&
					ask->wanted[index])
					print_hold(img, img_walk_dep(&w, i), "dependent", 0, w.id);
			if (out_of_time(img->in))
				return EXIT_TIMEOUT;
		}
	}
	return 0;
}

static int run(struct inspect *in)
{
	struct image img;
	struct ask ask = {.img = &img};
	int rc = image_load(&img, in, NULL, NULL);

	if (rc == 0) {
		ask.wanted = xcalloc(img.ntasks + 1, 1);
		if (in->json)
			json_open_array(&in->j);
		if (image_find(&img, in->argv[0], on_found, &ask) == 0)
			rc = fail(EXIT_NOT_FOUND, "%s: no such task", in->argv[0]);
		if (rc == 0)
			rc = print_dependents(&ask);
		if (rc == 0 && in->json) {
			json_end_array(&in->j);
			out_line(in);
		}
	}
	if (rc != 0)
		buf_clear(&in->out);
	free(ask.wanted);
	image_release(&img);
	return rc;
}

const struct cmd cmd_holds = {
	.name = "holds",
	.words = "KEY|ID",
	.about = "What keeps a task: sessions, variables, items of queues, datasets, dependents, "
		 "being detached, its retention.",
	.words_min = 1,
	.words_max = 1,
	.reads = true,
	.run = run,
};
