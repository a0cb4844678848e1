/*
 * dq-inspect: what is shared by name, for the commands that show it.
 */
#include "list.h"

#include "model/record.h"

static void runs_tasks(struct slice runs, void (*fn)(void *arg, uint64_t id), void *arg)
{
	struct runs_reader rr;
	struct run run;
	const char *why;

	if (!runs_reader_init(&rr, runs, &why))
		return;
	while (runs_reader_next(&rr, &run))
		for (uint64_t i = 0; i < run.count; i++)
			fn(arg, run.first + i);
}

void thing_tasks(const struct img_thing *thing, void (*fn)(void *arg, uint64_t id), void *arg)
{
	switch (thing->r.kind) {
	case THING_VARIABLE:
		if (thing->r.variable.task)
			fn(arg, thing->r.variable.task);
		break;
	case THING_DATASET:
		runs_tasks(thing->r.dataset.runs, fn, arg);
		break;
	default:
		break;
	}
}

struct img_thing *image_thing(const struct image *img, uint64_t number)
{
	size_t from = 0, to = img->things.n;

	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (img->things.v[mid].number < number)
			from = mid + 1;
		else
			to = mid;
	}
	return from < img->things.n && img->things.v[from].number == number ? &img->things.v[from]
									    : NULL;
}

void json_thing(struct image *img, const struct img_thing *thing)
{
	struct json *j = &img->in->j;

	json_key(j, "name");
	json_str(j, thing->r.name);
	json_key(j, "namespace");
	json_str(j, thing->r.ns);
	json_key(j, "owner");
	json_user(j, img, thing->r.owner);
	json_key(j, "created");
	json_time_us(j, thing->r.created_us);
}

static void show(struct image *img, const struct img_thing *thing,
	void (*text)(struct image *img, const struct img_thing *thing),
	void (*json)(struct image *img, const struct img_thing *thing))
{
	if (img->in->json) {
		json_open_object(&img->in->j);
		json(img, thing);
		json_end_object(&img->in->j);
		out_maybe_flush(img->in);
		return;
	}
	put_safe(img->in, thing->r.ns);
	put(img->in, "/");
	put_safe(img->in, thing->r.name);
	text(img, thing);
	out_line(img->in);
}

int each_thing(struct inspect *in, enum thing_kind kind,
	void (*text)(struct image *img, const struct img_thing *thing),
	void (*json)(struct image *img, const struct img_thing *thing))
{
	struct image img;
	int rc = image_load(&img, in, NULL, NULL);

	if (rc == 0 && in->json)
		json_open_array(&in->j);
	for (size_t i = 0; rc == 0 && i < img.things.n; i++)
		if (img.things.v[i].r.kind == kind)
			show(&img, &img.things.v[i], text, json);
	if (rc == 0 && in->json) {
		json_end_array(&in->j);
		out_line(in);
	}
	image_release(&img);
	return rc;
}
