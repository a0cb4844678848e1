/*
 * dq-inspect locks: who holds locks and semaphores, and who waits for them, in the order in which
 * they came.
 */
#include "list.h"

#include <inttypes.h>

#include "model/claim.h"

static void print_json(struct image *img, const struct img_thing *thing)
{
	const struct thing_record *r = &thing->r;
	struct json *j = &img->in->j;
	struct claim_part part;
	struct cursor at;
	uint32_t n = claim_parts(r->claim.parts, &at);

	json_open_object(j);
	json_key(j, "fence");
	json_uint(j, thing->number);
	json_key(j, "held");
	json_bool(j, (r->claim.flags & CLAIM_HELD) != 0);
	json_key(j, "owner");
	json_user(j, img, r->owner);
	json_key(j, "session");
	json_uint(j, r->claim.session);
	json_key(j, "created");
	json_time_us(j, r->created_us);
	json_key(j, "lease");
	json_double(j, (double)r->claim.lease_us / 1e6);
	json_key(j, "locks");
	json_open_array(j);
	for (uint32_t i = 0; i < n; i++) {
		claim_part_next(&at, &part);
		json_open_object(j);
		json_key(j, "name");
		json_str(j, part.name);
		json_key(j, "count");
		json_uint(j, part.count);
		json_key(j, "units");
		json_uint(j, part.units);
		json_end_object(j);
	}
	json_end_array(j);
	json_end_object(j);
	out_maybe_flush(img->in);
}

static void print_text(struct image *img, const struct img_thing *thing)
{
	struct inspect *in = img->in;
	struct claim_part part;
	struct cursor at;
	uint32_t n = claim_parts(thing->r.claim.parts, &at);

	put(in, "%" PRIu64 " %s", thing->number,
		thing->r.claim.flags & CLAIM_HELD ? "holds" : "waits for");
	for (uint32_t i = 0; i < n; i++) {
		claim_part_next(&at, &part);
		put(in, "%s", i ? ", " : " ");
		put_safe(in, part.name);
		if (part.count > 1)
			put(in, " (%" PRIu32 " of %" PRIu32 ")", part.units, part.count);
	}
	if (thing->r.claim.session)
		put(in, " session %" PRIu32, thing->r.claim.session);
	put(in, " lease %.3f s", (double)thing->r.claim.lease_us / 1e6);
	out_line(in);
}

static void print_all(struct image *img)
{
	for (size_t i = 0; i < img->things.n; i++) {
		if (img->things.v[i].r.kind != THING_LOCK)
			continue;
		if (img->in->json)
			print_json(img, &img->things.v[i]);
		else
			print_text(img, &img->things.v[i]);
	}
}

static int run(struct inspect *in)
{
	return list_records(in, print_all);
}

const struct cmd cmd_locks = {
	.name = "locks",
	.words = "",
	.about = "Who holds locks and semaphores, and who waits for them.",
	.reads = true,
	.run = run,
};
