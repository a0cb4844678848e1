/*
 * dq-inspect workers: every worker that ever joined, and its live leases.
 */
#include "list.h"

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
	struct json *j = &img->in->j;

	json_open_object(j);
	json_key(j, "worker");
	json_uint(j, worker->number);
	json_key(j, "name");
	json_str(j, worker->r.name);
	json_key(j, "identity");
	json_hex(j, slice_of(worker->r.uuid, WORKER_UUID_BYTES));
	json_key(j, "user");
	json_user(j, img, worker->r.user);
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

static void print_all(struct image *img)
{
	for (size_t i = 0; i < img->workers.n; i++) {
		if (img->in->json)
			print_json(img, &img->workers.v[i]);
		else
			print_text(img, &img->workers.v[i]);
	}
}

static int run(struct inspect *in)
{
	return list_records(in, print_all);
}

const struct cmd cmd_workers = {
	.name = "workers",
	.words = "",
	.about = "The workers that have joined.",
	.reads = true,
	.run = run,
};
