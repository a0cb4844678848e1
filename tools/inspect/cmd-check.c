/*
 * dq-inspect check: every invariant that the records can show. Prints `ok` and counts, exit 0; or a
 * line for each violation, exit 1. The death of this process by damaged pages is told by its parent
 * (main.c).
 */
#include "check.h"

#include <inttypes.h>

static void on_problem(void *arg, const char *text)
{
	struct inspect *in = arg;

	if (in->json) {
		json_open_object(&in->j);
		json_key(&in->j, "violation");
		json_cstr(&in->j, text);
		json_end_object(&in->j);
	} else {
		put_safe(in, slice_str(text));
	}
	out_line(in);
	/* Should the next page kill this process, what was found is told all the same. */
	out_flush(in);
}

/* LMDB's own count of a table against what a scan of it met. */
static int check_entries(struct image *img)
{
	struct store_stat stat;
	struct store_error err;

	if (img->in->info.live)
		return 0;
	if (store_stat(img->in->store, &stat, &err) != STORE_OK) {
		image_problem(img, "%s", err.text);
		return 0;
	}
	for (unsigned t = TABLE_META; t < TABLE_END; t++)
		if (stat.table[t].entries != img->records[t])
			image_problem(img, "table %s: has %" PRIu64 " records, counts %" PRIu64,
				table_name((enum table)t), img->records[t], stat.table[t].entries);
	return 0;
}

static void print_ok(struct image *img)
{
	struct inspect *in = img->in;
	uint64_t tasks = img->ntasks - img->counts[TASK_GONE], live = 0, records = 0;
	struct json *j = &in->j;

	for (size_t i = 0; i < img->leases.n; i++)
		live += img->leases.v[i].live;
	for (unsigned t = TABLE_META; t < TABLE_END; t++)
		records += img->records[t];
	if (!in->json) {
		put(in,
			"ok records=%" PRIu64 " tasks=%" PRIu64
			" blocks=%zu rows=%zu leases=%" PRIu64
			" sessions=%zu workers=%zu users=%zu holds=%zu replies=%zu\n",
			records, tasks, img->blocks.n, img->rows.n, live, img->sessions.n,
			img->workers.n, img->users.n, img->holds.n, img->replies.n);
		return;
	}
	json_open_object(j);
	json_key(j, "ok");
	json_bool(j, true);
	json_key(j, "records");
	json_uint(j, records);
	json_key(j, "tasks");
	json_uint(j, tasks);
	json_key(j, "leases");
	json_uint(j, live);
	json_key(j, "sessions");
	json_uint(j, img->sessions.n);
	json_key(j, "workers");
	json_uint(j, img->workers.n);
	json_end_object(j);
	out_line(in);
}

static int check_image(struct image *img)
{
	check_blocks(img);
	check_gone(img);
	check_rows(img);
	check_values(img);
	check_tasks(img);
	check_keys(img);
	check_leases(img);
	check_sessions(img);
	check_replies(img);
	check_holds(img);
	check_stages(img);
	check_workers(img);
	check_things(img);
	check_counters(img);
	return check_entries(img);
}

static int run(struct inspect *in)
{
	struct image img;
	int rc = image_load(&img, in, on_problem, in);

	if (rc == 0)
		rc = check_image(&img);
	if (rc == 0 && img.problems > 0)
		rc = EXIT_VIOLATED;
	if (rc == 0)
		print_ok(&img);
	image_release(&img);
	return rc;
}

const struct cmd cmd_check = {
	.name = "check",
	.words = "",
	.about = "Every invariant: prints `ok ...`, or each violation and exits 1.",
	.reads = true,
	.run = run,
};
