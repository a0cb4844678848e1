/*
 * dq-inspect events: those that are set; an event that is not has no record.
 */
#include "image.h"

static void print_text(struct image *img, const struct img_thing *thing)
{
	put(img->in, " set at %.3f", (double)thing->r.created_us / 1e6);
}

static int run(struct inspect *in)
{
	return each_thing(in, THING_EVENT, print_text, json_thing);
}

const struct cmd cmd_events = {
	.name = "events",
	.words = "",
	.about = "The events that are set.",
	.reads = true,
	.run = run,
};
