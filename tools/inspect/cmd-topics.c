/*
 * dq-inspect topics, datasets: what a topic keeps, and the tasks that a dataset holds.
 */
#include "image.h"

#include <inttypes.h>

#include "model/record.h"

static void topic_json(struct image *img, const struct img_thing *thing)
{
	struct json *j = &img->in->j;

	json_thing(img, thing);
	json_key(j, "entries");
	json_uint(j, thing->r.topic.next - thing->r.topic.first);
	json_key(j, "oldest");
	json_uint(j, thing->r.topic.first);
	json_key(j, "last");
	json_uint(j, thing->r.topic.next - 1);
	json_key(j, "records");
	json_uint(j, thing->entries);
	json_key(j, "max_entries");
	json_uint(j, thing->r.topic.max_entries);
	json_key(j, "max_age");
	json_double(j, (double)thing->r.topic.max_age_us / 1e6);
	json_key(j, "deleted");
	json_bool(j, thing->r.topic.closing);
}

static void topic_text(struct image *img, const struct img_thing *thing)
{
	struct inspect *in = img->in;

	put(in, " %" PRIu64 " entries, %" PRIu64 " to %" PRIu64,
		thing->r.topic.next - thing->r.topic.first, thing->r.topic.first,
		thing->r.topic.next - 1);
	if (thing->r.topic.max_entries)
		put(in, ", at most %" PRIu64, thing->r.topic.max_entries);
	if (thing->r.topic.max_age_us)
		put(in, ", for %.3f s", (double)thing->r.topic.max_age_us / 1e6);
	if (thing->r.topic.closing)
		put(in, ", deleted");
}

static int run_topics(struct inspect *in)
{
	return each_thing(in, THING_TOPIC, topic_text, topic_json);
}

const struct cmd cmd_topics = {
	.name = "topics",
	.words = "",
	.about = "The topics, how many entries they keep, and the cursors of those.",
	.reads = true,
	.run = run_topics,
};

/* ---- datasets ---- */

static void json_one(void *arg, uint64_t id)
{
	struct image *img = arg;

	json_id(&img->in->j, id);
	out_maybe_flush(img->in);
}

static void dataset_json(struct image *img, const struct img_thing *thing)
{
	struct json *j = &img->in->j;

	json_thing(img, thing);
	json_key(j, "tasks");
	json_open_array(j);
	thing_tasks(thing, json_one, img);
	json_end_array(j);
}

static void text_one(void *arg, uint64_t id)
{
	struct image *img = arg;
	char text[ID_TEXT_BYTES];

	put(img->in, " %s", id_text(id, text));
}

static void dataset_text(struct image *img, const struct img_thing *thing)
{
	thing_tasks(thing, text_one, img);
}

static int run_datasets(struct inspect *in)
{
	return each_thing(in, THING_DATASET, dataset_text, dataset_json);
}

const struct cmd cmd_datasets = {
	.name = "datasets",
	.words = "",
	.about = "The datasets, and the tasks that they hold.",
	.reads = true,
	.run = run_datasets,
};
