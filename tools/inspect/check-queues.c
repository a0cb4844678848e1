/*
 * dq-inspect check: queues, their items, deliveries and grants.
 */
#include "check.h"

#include <inttypes.h>

static int item_cmp(const struct img_item *a, uint64_t thing, uint32_t rank, uint64_t seq)
{
	if (a->thing != thing)
		return a->thing < thing ? -1 : 1;
	if (a->rank != rank)
		return a->rank < rank ? -1 : 1;
	return (a->seq > seq) - (a->seq < seq);
}

/* Items are in key order. */
static const struct img_item *find_item(
	const struct image *img, uint64_t thing, uint32_t rank, uint64_t seq)
{
	size_t lo = 0, hi = img->items.n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (item_cmp(&img->items.v[mid], thing, rank, seq) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < img->items.n && item_cmp(&img->items.v[lo], thing, rank, seq) == 0
		       ? &img->items.v[lo]
		       : NULL;
}

static void check_items(struct image *img)
{
	for (size_t i = 0; i < img->items.n; i++) {
		const struct img_item *item = &img->items.v[i];
		const struct img_thing *thing = image_thing(img, item->thing);
		const struct img_block *block;
		char id[ID_TEXT_BYTES];
		uint64_t index;

		if (!thing || thing->r.kind != THING_QUEUE)
			image_problem(img,
				"item %" PRIu64 ".%" PRIu32 ".%" PRIu64 ": there is no such queue",
				item->thing, item->rank, item->seq);
		if (item->task && (!image_place(img, item->task, &block, &index) ||
					  img->state[index] == TASK_GONE))
			image_problem(img,
				"item %" PRIu64 ".%" PRIu32 ".%" PRIu64
				": it holds %s, which is gone",
				item->thing, item->rank, item->seq, id_text(item->task, id));
	}
}

static void check_deliveries(struct image *img)
{
	for (size_t i = 0; i < img->deliveries.n; i++) {
		const struct img_delivery *d = &img->deliveries.v[i];

		if (!find_item(img, d->thing, d->rank, d->seq))
			image_problem(img,
				"delivery %" PRIu64 ".%" PRIu32 ".%" PRIu64
				": there is no such item",
				d->thing, d->rank, d->seq);
	}
}

static void check_grants(struct image *img)
{
	for (size_t i = 0; i < img->grants.n; i++) {
		const struct img_grant *g = &img->grants.v[i];

		if (!image_session(img, g->session))
			image_problem(img,
				"grant %" PRIu32 ".%" PRIu64 ": there is no such session",
				g->session, g->request);
		for (uint32_t k = 0; k < g->r.count; k++) {
			struct grant_entry e = grant_entry_at(g->r.entries, k);

			if (!find_item(img, g->r.thing, e.rank, e.seq))
				image_problem(img,
					"grant %" PRIu32 ".%" PRIu64 ": there is no item %" PRIu64
					".%" PRIu32 ".%" PRIu64,
					g->session, g->request, g->r.thing, e.rank, e.seq);
		}
	}
}

void check_queues(struct image *img)
{
	check_items(img);
	check_deliveries(img);
	check_grants(img);
}
