/*
 * dq-inspect tasks: all tasks, or those of a state, in the order of their ids.
 */
#include "show.h"

static const char *state_name;

static const struct opt opts[] = {
	{0, "state", OPT_STR, &state_name, "STATE", "only tasks of this state"},
	{0},
};

static int list(struct image *img, enum task_state only)
{
	struct inspect *in = img->in;

	if (in->json)
		json_open_array(&in->j);
	for (size_t b = 0; b < img->blocks.n; b++) {
		struct img_walk w;

		img_walk_begin(&w, &img->blocks.v[b]);
		while (img_walk_next(&w)) {
			enum task_state state = (enum task_state)img->state[w.index];

			if (state != TASK_GONE && (!only || (state == only && !w.block->staged)))
				list_task(img, &w);
			if (out_of_time(in))
				return EXIT_TIMEOUT;
		}
	}
	if (in->json) {
		json_end_array(&in->j);
		out_line(in);
	}
	return 0;
}

static int run(struct inspect *in)
{
	enum task_state only = (enum task_state)0;
	struct image img;
	int rc;

	if (state_name) {
		only = task_state_of_word(state_name);
		if (!only || only == TASK_GONE)
			return fail(EXIT_USAGE,
				"%s: no such state (the state directory's --state comes before the "
				"command)",
				state_name);
	}
	rc = image_load(&img, in, NULL, NULL);
	if (rc == 0)
		rc = list(&img, only);
	image_release(&img);
	return rc;
}

const struct cmd cmd_tasks = {
	.name = "tasks",
	.words = "[--state STATE]",
	.about = "The tasks, or those of a state.",
	.reads = true,
	.opts = opts,
	.run = run,
};
