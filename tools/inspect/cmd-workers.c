/*
 * dq-inspect workers: every worker that ever joined, and its live leases.
 */
#include "image.h"

#include <inttypes.h>

static uint64_t count_leases(const struct image *img, uint32_t worker)
{
	uint64_t n = 0;

	for (size_t i = 0; i < img->leases.n; i++)
		n += img->leases.v[i].live && img->leases.v[i].worker == worker;
	return n;
}

static void print_json(struct image *img, const struct img_worker *worker)
{
	const struct img_user *user = image_user(img, worker->r.user);
	struct json *j = &img->in->j;

	json_open_object(j);
	json_key(j, "worker");
	json_uint(j, worker->number);
	json_key(j, "name");
	json_str(j, worker->r.name);
	json_key(j, "identity");
	json_hex(j, slice_of(worker->r.uuid, WORKER_UUID_BYTES));
	json_key(j, "user");
	if (user)
		json_str(j, user->r.name);
	else
		json_uint(j, worker->r.user);
	json_key(j, "leases");
	json_uint(j, count_leases(img, worker->number));
	json_end_object(j);
}

static void print_text(struct image *img, const struct img_worker *worker)
{
	struct inspect *in = img->in;

	put(in, "%-6" PRIu32 " ", worker->number);
	put_safe(in, worker->r.name);
	put(in, ", user %" PRIu32 ", leases %" PRIu64, worker->r.user,
		count_leases(img, worker->number));
	out_line(in);
}

static int run(struct inspect *in)
{
	struct image img;
	int rc = image_load(&img, in, NULL, NULL);

	if (rc == 0 && in->json)
		json_open_array(&in->j);
	for (size_t i = 0; rc == 0 && i < img.workers.n; i++) {
		if (in->json)
			print_json(&img, &img.workers.v[i]);
		else
			print_text(&img, &img.workers.v[i]);
	}
	if (rc == 0 && in->json) {
		json_end_array(&in->j);
		out_line(in);
	}
	image_release(&img);
	return rc;
}

const struct cmd cmd_workers = {
	.name = "workers",
	.words = "",
	.about = "The workers that have joined.",
	.reads = true,
	.run = run,
};
