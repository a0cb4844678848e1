/*
 * dq-inspect leases: the live leases, by task.
 */
#include "image.h"

#include <inttypes.h>

static void print_json(
	struct image *img, const struct img_lease *lease, const struct img_worker *worker)
{
	struct json *j = &img->in->j;

	json_open_object(j);
	json_key(j, "task");
	json_id(j, lease->id);
	json_key(j, "generation");
	json_uint(j, lease->generation);
	json_key(j, "fence");
	json_fence(j, lease->fence);
	json_key(j, "worker");
	if (worker)
		json_str(j, worker->r.name);
	else
		json_uint(j, lease->worker);
	json_key(j, "remake");
	json_bool(j, lease->flags & LEASE_REMAKE);
	json_key(j, "issued");
	json_time_us(j, lease->issued_us);
	json_end_object(j);
	out_maybe_flush(img->in);
}

static void print_text(
	struct image *img, const struct img_lease *lease, const struct img_worker *worker)
{
	struct inspect *in = img->in;
	char id[ID_TEXT_BYTES];

	put(in, "%-14s %" PRIu64 ".%" PRIu64 "  ", id_text(lease->id, id), lease->fence.epoch,
		lease->fence.seq);
	put_safe(in, worker ? worker->r.name : slice_str("?"));
	put(in, "%s", lease->flags & LEASE_REMAKE ? "  remake" : "");
	out_line(in);
}

static int run(struct inspect *in)
{
	struct image img;
	int rc = image_load(&img, in, NULL, NULL);

	if (rc == 0 && in->json)
		json_open_array(&in->j);
	for (size_t i = 0; rc == 0 && i < img.leases.n; i++) {
		const struct img_lease *lease = &img.leases.v[i];

		if (!lease->live)
			continue;
		if (in->json)
			print_json(&img, lease, image_worker(&img, lease->worker));
		else
			print_text(&img, lease, image_worker(&img, lease->worker));
	}
	if (rc == 0 && in->json) {
		json_end_array(&in->j);
		out_line(in);
	}
	image_release(&img);
	return rc;
}

const struct cmd cmd_leases = {
	.name = "leases",
	.words = "",
	.about = "The live leases: task, fence, worker.",
	.reads = true,
	.run = run,
};
