/*
 * dq-inspect check: what is shared by name.
 */
#include "check.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "model/claim.h"

static int name_cmp(const void *pa, const void *pb)
{
	const struct thing_record *a = &(*(const struct img_thing *const *)pa)->r,
				  *b = &(*(const struct img_thing *const *)pb)->r;
	int rc = (a->kind > b->kind) - (a->kind < b->kind);

	if (rc == 0)
		rc = slice_cmp(a->ns, b->ns);
	return rc ? rc : slice_cmp(a->name, b->name);
}

static void check_twice(struct image *img)
{
	const struct img_thing **all = xcalloc(img->things.n + 1, sizeof(struct img_thing *));
	size_t n = 0;

	for (size_t i = 0; i < img->things.n; i++)
		if (img->things.v[i].r.kind != THING_LOCK && !img->things.v[i].r.topic.closing &&
			!img->things.v[i].r.queue.closing)
			all[n++] = &img->things.v[i];
	qsort(all, n, sizeof(struct img_thing *), name_cmp);
	for (size_t i = 1; i < n; i++)
		if (name_cmp(&all[i - 1], &all[i]) == 0)
			image_problem(img, "things %" PRIu64 " and %" PRIu64 ": the same name",
				all[i - 1]->number, all[i]->number);
	free(all);
}

/* Claims of locks, which are of sessions or held. */
static void check_claim(struct image *img, const struct img_thing *thing)
{
	uint32_t session = thing->r.claim.session;

	if (thing->r.kind == THING_LOCK && session && !image_session(img, session))
		image_problem(img, "thing %" PRIu64 ": there is no session %" PRIu32, thing->number,
			session);
}

struct checking {
	struct image *img;
	const struct img_thing *thing;
};

static void check_task(void *arg, uint64_t task)
{
	const struct checking *at = arg;
	const struct img_block *block;
	char id[ID_TEXT_BYTES];
	uint64_t index;

	if (!image_place(at->img, task, &block, &index) || at->img->state[index] == TASK_GONE)
		image_problem(at->img, "thing %" PRIu64 ": it holds %s, which is gone",
			at->thing->number, id_text(task, id));
}

static void check_topic(struct image *img, const struct img_thing *thing)
{
	uint64_t n = thing->r.topic.next - thing->r.topic.gone_to;

	if (thing->entries != n)
		image_problem(img, "thing %" PRIu64 ": %" PRIu64 " entries are there, of %" PRIu64,
			thing->number, thing->entries, n);
}

void check_things(struct image *img)
{
	for (size_t i = 0; i < img->things.n; i++) {
		const struct img_thing *thing = &img->things.v[i];
		struct checking at = {img, thing};

		if (!image_user(img, thing->r.owner) && thing->r.owner != 0)
			image_problem(img, "thing %" PRIu64 ": there is no user %" PRIu32,
				thing->number, thing->r.owner);
		thing_tasks(thing, check_task, &at);
		if (thing->r.kind == THING_TOPIC)
			check_topic(img, thing);
		check_claim(img, thing);
	}
	check_twice(img);
	check_queues(img);
}
