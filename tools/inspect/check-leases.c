/*
 * dq-inspect check: leases. At most one a task (D5): of two entries of one generation that are not
 * revoked, the task not ended, the earlier should have been revoked before the later was given.
 */
#include "check.h"

#include <inttypes.h>

static void check_live(struct image *img, const struct img_lease *lease, const char *id)
{
	const struct img_block *block;
	uint64_t index;

	if (!image_worker(img, lease->worker))
		image_problem(img, "task %s: leased to worker %" PRIu32 ", which is not there", id,
			lease->worker);
	if (image_place(img, lease->id, &block, &index) && !(lease->flags & LEASE_REMAKE) &&
		img->state[index] != TASK_LEASED && img->state[index] != TASK_CANCELLING)
		image_problem(img, "task %s: has a live lease and is %s", id,
			task_state_word((enum task_state)img->state[index]));
}

/* Two entries of one task, the second under the later fence. */
static void check_pair(
	struct image *img, const struct img_lease *a, const struct img_lease *b, const char *id)
{
	if (!fence_before(a->fence, b->fence))
		image_problem(img, "task %s: the fence %" PRIu64 ".%" PRIu64 " is there twice", id,
			b->fence.epoch, b->fence.seq);
	else if (b->live && !(a->flags & LEASE_REVOKED) && !(b->flags & LEASE_REMAKE) &&
		 a->generation == b->generation)
		image_problem(img,
			"task %s: two leases, %" PRIu64 ".%" PRIu64 " and %" PRIu64 ".%" PRIu64
			": the earlier was not revoked",
			id, a->fence.epoch, a->fence.seq, b->fence.epoch, b->fence.seq);
}

static int fence_cmp(const struct fence *a, const struct fence *b)
{
	return fence_before(*a, *b) ? -1 : fence_before(*b, *a);
}

void check_leases(struct image *img)
{
	struct fence highest = {.epoch = 0};

	for (size_t i = 0; i < img->leases.n; i++) {
		const struct img_lease *lease = &img->leases.v[i];
		char id[ID_TEXT_BYTES];

		id_text(lease->id, id);
		if (fence_cmp(&lease->fence, &highest) > 0)
			highest = lease->fence;
		if (lease->live)
			check_live(img, lease, id);
		if (i > 0 && lease->id == img->leases.v[i - 1].id)
			check_pair(img, lease - 1, lease, id);
	}
	if (highest.epoch > img->in->info.epoch)
		image_problem(img, "a lease has epoch %" PRIu64 ", the store %" PRIu64,
			highest.epoch, img->in->info.epoch);
}
