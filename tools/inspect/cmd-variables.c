/*
 * dq-inspect variables: each with its version and what it holds.
 */
#include "image.h"

#include <inttypes.h>

#include "model/content.h"
#include "model/value.h"

/* The content as JSON. */
static void value_json(struct buf *out, const struct thing_record *r)
{
	struct content content;
	const char *why;

	if (!content_decode(r->variable.content, &content, &why) ||
		!value_to_json(out, content.type, content.bytes, NULL, NULL))
		buf_append_slice(out, slice_str("null"));
}

static void print_json(struct image *img, const struct img_thing *thing, struct slice value)
{
	const struct img_user *owner = image_user(img, thing->r.owner);
	struct json *j = &img->in->j;

	json_open_object(j);
	json_key(j, "name");
	json_str(j, thing->r.name);
	json_key(j, "namespace");
	json_str(j, thing->r.ns);
	json_key(j, "owner");
	if (owner)
		json_str(j, owner->r.name);
	else
		json_uint(j, thing->r.owner);
	json_key(j, "created");
	json_time_us(j, thing->r.created_us);
	json_key(j, "version");
	json_uint(j, thing->r.variable.version);
	if (thing->r.variable.task) {
		json_key(j, "task");
		json_id(j, thing->r.variable.task);
	} else {
		json_key(j, "value");
		json_raw(j, value);
	}
	json_end_object(j);
	out_maybe_flush(img->in);
}

static void print_text(struct image *img, const struct img_thing *thing, struct slice value)
{
	struct inspect *in = img->in;
	char id[ID_TEXT_BYTES];

	put_safe(in, thing->r.ns);
	put(in, "/");
	put_safe(in, thing->r.name);
	put(in, " version %" PRIu64 " ", thing->r.variable.version);
	if (thing->r.variable.task)
		put(in, "the future of %s", id_text(thing->r.variable.task, id));
	else
		put_safe(in, value);
	out_line(in);
}

static int run(struct inspect *in)
{
	struct image img;
	int rc = image_load(&img, in, NULL, NULL);
	struct buf value;

	buf_init(&value, SIZE_MAX / 2);
	if (rc == 0 && in->json)
		json_open_array(&in->j);
	for (size_t i = 0; rc == 0 && i < img.things.n; i++) {
		if (img.things.v[i].r.kind != THING_VARIABLE)
			continue;
		buf_clear(&value);
		value_json(&value, &img.things.v[i].r);
		if (in->json)
			print_json(&img, &img.things.v[i], buf_slice(&value));
		else
			print_text(&img, &img.things.v[i], buf_slice(&value));
	}
	if (rc == 0 && in->json) {
		json_end_array(&in->j);
		out_line(in);
	}
	buf_release(&value);
	image_release(&img);
	return rc;
}

const struct cmd cmd_variables = {
	.name = "variables",
	.words = "",
	.about = "The variables, their versions, and what they hold.",
	.reads = true,
	.run = run,
};
