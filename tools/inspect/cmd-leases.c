/*
 * dq-inspect leases: the live leases, by task.
 */
#include "list.h"

#include <inttypes.h>

static void print_json(struct image *img, const struct img_lease *lease)
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
	json_worker(j, img, lease->worker);
	json_key(j, "remake");
	json_bool(j, lease->flags & LEASE_REMAKE);
	json_key(j, "issued");
	json_time_us(j, lease->issued_us);
	json_end_object(j);
	out_maybe_flush(img->in);
}

static void print_text(struct image *img, const struct img_lease *lease)
{
	const struct img_worker *worker = image_worker(img, lease->worker);
	struct inspect *in = img->in;
	char id[ID_TEXT_BYTES];

	put(in, "%-14s %" PRIu64 ".%" PRIu64 "  ", id_text(lease->id, id), lease->fence.epoch,
		lease->fence.seq);
	put_safe(in, worker ? worker->r.name : slice_str("?"));
	put(in, "%s", lease->flags & LEASE_REMAKE ? "  remake" : "");
	out_line(in);
}

static void print_all(struct image *img)
{
	for (size_t i = 0; i < img->leases.n; i++) {
		if (!img->leases.v[i].live)
			continue;
		if (img->in->json)
			print_json(img, &img->leases.v[i]);
		else
			print_text(img, &img->leases.v[i]);
	}
}

static int run(struct inspect *in)
{
	return list_records(in, print_all);
}

const struct cmd cmd_leases = {
	.name = "leases",
	.words = "",
	.about = "The live leases: task, fence, worker.",
	.reads = true,
	.run = run,
};
