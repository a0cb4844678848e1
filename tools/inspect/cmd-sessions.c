/*
 * dq-inspect sessions: who may come back, and how far they have got.
 */
#include "list.h"

#include <inttypes.h>
/* Tasks that a session submitted, that are not gone and that it still holds. */
static uint64_t count_held(const struct image *img, uint32_t session)
{
	uint64_t held = 0;

	for (size_t b = 0; b < img->blocks.n; b++) {
		const struct img_block *block = &img->blocks.v[b];

		if (block->r.session != session)
			continue;
		for (uint64_t i = block->at; i < block->at + block->r.count; i++)
			held += img->state[i] != TASK_GONE &&
				!(img->flag[i] & (IMG_RELEASED | IMG_DETACHED));
	}
	for (size_t i = 0; i < img->holds.n; i++)
		held += img->holds.v[i].session == session;
	return held;
}

static void print_json(struct image *img, const struct img_session *session)
{
	struct json *j = &img->in->j;

	json_open_object(j);
	json_key(j, "session");
	json_uint(j, session->number);
	json_key(j, "name");
	if (session->r.name.n > 0)
		json_str(j, session->r.name);
	else
		json_put_null(j);
	json_key(j, "user");
	json_user(j, img, session->r.user);
	json_key(j, "incarnation");
	json_uint(j, session->r.incarnation);
	json_key(j, "ttl");
	json_double(j, (double)session->r.ttl_ms / 1000);
	json_key(j, "last_request");
	json_uint(j, session->r.last_seq);
	json_key(j, "next_task");
	json_uint(j, session->r.next_n);
	json_key(j, "held");
	json_uint(j, count_held(img, session->number));
	json_key(j, "closing");
	json_bool(j, session->r.closing);
	json_key(j, "created");
	json_time_us(j, session->r.created_us);
	json_end_object(j);
	out_maybe_flush(img->in);
}

static void print_text(struct image *img, const struct img_session *session)
{
	struct inspect *in = img->in;

	put(in,
		"%-8" PRIu32 " user %" PRIu32 ", incarnation %" PRIu32 ", last request %" PRIu64
		", holds %" PRIu64 "%s",
		session->number, session->r.user, session->r.incarnation, session->r.last_seq,
		count_held(img, session->number), session->r.closing ? ", closing" : "");
	if (session->r.name.n > 0) {
		put(in, ", named ");
		put_safe(in, session->r.name);
	}
	out_line(in);
}

static void print_all(struct image *img)
{
	for (size_t i = 0; i < img->sessions.n; i++) {
		if (img->in->json)
			print_json(img, &img->sessions.v[i]);
		else
			print_text(img, &img->sessions.v[i]);
	}
}

static int run(struct inspect *in)
{
	return list_records(in, print_all);
}

const struct cmd cmd_sessions = {
	.name = "sessions",
	.words = "",
	.about = "The sessions of clients.",
	.reads = true,
	.run = run,
};
