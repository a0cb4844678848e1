/*
 * dq-inspect task: all that the store knows of a task, or of each that the word names.
 */
#include "show.h"

static void on_found(void *arg, const struct img_walk *w)
{
	show_task(arg, w);
}

static int run(struct inspect *in)
{
	struct image img;
	int rc = image_load(&img, in, NULL, NULL);

	if (rc == 0 && image_find(&img, in->argv[0], on_found, &img) == 0)
		rc = fail(EXIT_NOT_FOUND, "%s: no such task", in->argv[0]);
	image_release(&img);
	return rc;
}

const struct cmd cmd_task = {
	.name = "task",
	.words = "KEY|ID",
	.about =
		"All that is stored of a task; with --json a line each where several have the key.",
	.words_min = 1,
	.words_max = 1,
	.reads = true,
	.run = run,
};
