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

static void with_value(struct image *img, const struct img_thing *thing,
	void (*fn)(struct image *img, struct slice value))
{
	struct buf value;

	buf_init(&value, SIZE_MAX / 2);
	value_json(&value, &thing->r);
	fn(img, buf_slice(&value));
	buf_release(&value);
}

static void put_value(struct image *img, struct slice value)
{
	put_safe(img->in, value);
}

static void json_value(struct image *img, struct slice value)
{
	json_raw(&img->in->j, value);
}

static void print_json(struct image *img, const struct img_thing *thing)
{
	struct json *j = &img->in->j;

	json_thing(img, thing);
	json_key(j, "version");
	json_uint(j, thing->r.variable.version);
	if (thing->r.variable.task) {
		json_key(j, "task");
		json_id(j, thing->r.variable.task);
	} else {
		json_key(j, "value");
		with_value(img, thing, json_value);
	}
}

static void print_text(struct image *img, const struct img_thing *thing)
{
	struct inspect *in = img->in;
	char id[ID_TEXT_BYTES];

	put(in, " version %" PRIu64 " ", thing->r.variable.version);
	if (thing->r.variable.task)
		put(in, "the future of %s", id_text(thing->r.variable.task, id));
	else
		with_value(img, thing, put_value);
}

static int run(struct inspect *in)
{
	return each_thing(in, THING_VARIABLE, print_text, print_json);
}

const struct cmd cmd_variables = {
	.name = "variables",
	.words = "",
	.about = "The variables, their versions, and what they hold.",
	.reads = true,
	.run = run,
};
