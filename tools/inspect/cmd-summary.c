/*
 * dq-inspect summary: the counts of `dq status` that records hold. What only a running scheduler
 * knows counts as what the store knows: stuck as ready, running as leased.
 */
#include "image.h"

#include <inttypes.h>

static const enum task_state shown[] = {TASK_WAITING, TASK_SCHEDULED, TASK_READY, TASK_LEASED,
	TASK_CANCELLING, TASK_DONE, TASK_FAILED, TASK_CANCELLED};

#define SHOWN (sizeof(shown) / sizeof(shown[0]))

static const struct {
	const char *word;
	enum thing_kind kind;
} kinds[] = {{"queues", THING_QUEUE}, {"variables", THING_VARIABLE}, {"locks", THING_LOCK},
	{"events", THING_EVENT}, {"topics", THING_TOPIC}, {"datasets", THING_DATASET}};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static uint64_t count(const struct image *img, enum thing_kind kind)
{
	uint64_t n = 0;

	for (size_t i = 0; i < img->things.n; i++)
		n += img->things.v[i].r.kind == kind;
	return n;
}

static void print_json(struct inspect *in, const struct image *img)
{
	struct json *j = &in->j;

	json_open_object(j);
	json_key(j, "epoch");
	json_uint(j, in->info.epoch);
	json_key(j, "format");
	json_uint(j, in->info.format);
	json_key(j, "store_id");
	json_hex(j, slice_of(in->info.store_id, STORE_ID_BYTES));
	json_key(j, "applied");
	json_uint(j, in->info.applied);
	json_key(j, "live");
	json_bool(j, in->info.live);
	json_key(j, "tasks");
	json_open_object(j);
	for (size_t i = 0; i < SHOWN; i++) {
		json_key(j, task_state_word(shown[i]));
		json_uint(j, img->counts[shown[i]]);
	}
	json_end_object(j);
	json_key(j, "staged");
	json_uint(j, img->staged);
	json_key(j, "sessions");
	json_uint(j, img->sessions.n);
	json_key(j, "workers");
	json_open_array(j);
	for (size_t i = 0; i < img->workers.n; i++) {
		json_open_object(j);
		json_key(j, "name");
		json_str(j, img->workers.v[i].r.name);
		json_end_object(j);
	}
	json_end_array(j);
	json_key(j, "users");
	json_uint(j, img->users.n);
	json_key(j, "blocks");
	json_uint(j, img->blocks.n);
	json_key(j, "holds");
	json_uint(j, img->holds.n);
	for (size_t i = 0; i < KINDS; i++) {
		json_key(j, kinds[i].word);
		json_uint(j, count(img, kinds[i].kind));
	}
	json_end_object(j);
	out_line(in);
}

static void print_text(struct inspect *in, const struct image *img)
{
	put(in, "store %s format %u, epoch %" PRIu64 ", %s\n", in->dir, in->info.format,
		in->info.epoch, in->info.live ? "a scheduler serves it" : "stopped");
	put(in, "tasks");
	for (size_t i = 0; i < SHOWN; i++)
		put(in, "%s %" PRIu64 " %s", i ? "," : "", img->counts[shown[i]],
			task_state_word(shown[i]));
	if (img->staged)
		put(in, ", %" PRIu64 " of graphs that are being submitted", img->staged);
	put(in, "\nsessions %zu, workers %zu, users %zu, blocks %zu, holds %zu", img->sessions.n,
		img->workers.n, img->users.n, img->blocks.n, img->holds.n);
	for (size_t i = 0; i < KINDS; i++)
		put(in, ", %s %" PRIu64,
			kinds[i].kind == THING_LOCK ? "holders and waiters of locks"
						    : kinds[i].word,
			count(img, kinds[i].kind));
	out_line(in);
}

static int run(struct inspect *in)
{
	struct image img;
	int rc = image_load(&img, in, NULL, NULL);

	if (rc == 0 && in->json)
		print_json(in, &img);
	else if (rc == 0)
		print_text(in, &img);
	image_release(&img);
	return rc;
}

const struct cmd cmd_summary = {
	.name = "summary",
	.words = "",
	.about = "Tasks by state, sessions, workers.",
	.reads = true,
	.run = run,
};
