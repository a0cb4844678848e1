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

	for (size_t i = 0; i < img->things.n; i++)
		all[i] = &img->things.v[i];
	qsort(all, img->things.n, sizeof(struct img_thing *), name_cmp);
	for (size_t i = 1; i < img->things.n; i++)
		if (all[i]->r.kind != THING_LOCK && name_cmp(&all[i - 1], &all[i]) == 0)
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

void check_things(struct image *img)
{
	for (size_t i = 0; i < img->things.n; i++) {
		const struct img_thing *thing = &img->things.v[i];
		const struct img_block *block;
		char id[ID_TEXT_BYTES];
		uint64_t index;

		if (!image_user(img, thing->r.owner) && thing->r.owner != 0)
			image_problem(img, "thing %" PRIu64 ": there is no user %" PRIu32,
				thing->number, thing->r.owner);
		if (thing->r.variable.task &&
			(!image_place(img, thing->r.variable.task, &block, &index) ||
				img->state[index] == TASK_GONE))
			image_problem(img, "thing %" PRIu64 ": it holds %s, which is gone",
				thing->number, id_text(thing->r.variable.task, id));
		check_claim(img, thing);
	}
	check_twice(img);
}
