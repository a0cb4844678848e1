/*
 * dq-inspect check: sessions and what belongs to them, users, workers, long works, and the counters
 * that give numbers out.
 */
#include "check.h"

#include <inttypes.h>
#include <string.h>

void check_sessions(struct image *img)
{
	for (size_t i = 0; i < img->sessions.n; i++) {
		const struct img_session *session = &img->sessions.v[i];

		if (session->number == 0)
			image_problem(img, "session 0: there is none of this number");
		if (!image_user(img, session->r.user) && session->r.user != 0)
			image_problem(img, "session %" PRIu32 ": there is no user %" PRIu32,
				session->number, session->r.user);
	}
}

void check_replies(struct image *img)
{
	for (size_t i = 0; i < img->replies.n; i++) {
		const struct img_reply *reply = &img->replies.v[i];
		const struct img_session *session = image_session(img, reply->session);

		if (!session)
			image_problem(img,
				"reply %" PRIu32 ".%" PRIu64 ": there is no such session",
				reply->session, reply->seq);
		else if (reply->seq == 0 || reply->seq > session->r.last_seq)
			image_problem(img,
				"reply %" PRIu32 ".%" PRIu64
				": past the session's last request, %" PRIu64,
				reply->session, reply->seq, session->r.last_seq);
	}
}

void check_holds(struct image *img)
{
	for (size_t i = 0; i < img->holds.n; i++) {
		const struct img_hold *hold = &img->holds.v[i];
		const struct img_block *block;
		uint64_t index;
		char id[ID_TEXT_BYTES];

		id_text(hold->id, id);
		if (hold->session && !image_session(img, hold->session))
			image_problem(
				img, "hold of %s: there is no session %" PRIu32, id, hold->session);
		if (!image_place(img, hold->id, &block, &index) || img->state[index] == TASK_GONE)
			image_problem(img, "hold of %s by session %" PRIu32 ": the task is gone",
				id, hold->session);
	}
}

static void check_part(struct image *img, const struct img_stage *stage, const char *id)
{
	const struct img_block *block;
	uint64_t index;

	if (!image_place(img, stage->first, &block, &index)) {
		if (stage->r.tasks)
			image_problem(img, "stage %s: no block has this task", id);
		return;
	}
	if (block->r.first != stage->first || block->r.session != stage->session)
		image_problem(img, "stage %s: not where a block of its session starts", id);
	else if (block->r.seq < stage->r.number)
		image_problem(img, "stage %s: its block is older than the graph", id);
}

void check_stages(struct image *img)
{
	for (size_t i = 0; i < img->stages.n; i++) {
		const struct img_stage *stage = &img->stages.v[i];
		const struct img_session *session = image_session(img, stage->session);
		char id[ID_TEXT_BYTES];

		id_text(stage->first ? stage->first : (uint64_t)stage->session << 32, id);
		if (!session)
			image_problem(
				img, "stage %s: there is no session %" PRIu32, id, stage->session);
		else if (stage->r.number == 0 || stage->r.number > session->r.last_seq)
			image_problem(img, "stage %s: past its session's last request, %" PRIu64,
				id, session->r.last_seq);
		else if (!stage->first && session->r.closing)
			image_problem(img, "stage %s: its session has ended", id);
		if (stage->first)
			check_part(img, stage, id);
	}
}

void check_workers(struct image *img)
{
	for (size_t i = 0; i < img->workers.n; i++) {
		const struct img_worker *worker = &img->workers.v[i];

		if (!image_user(img, worker->r.user) && worker->r.user != 0)
			image_problem(img, "worker %" PRIu32 ": there is no user %" PRIu32,
				worker->number, worker->r.user);
		for (size_t k = 0; k < i; k++)
			if (memcmp(worker->r.uuid, img->workers.v[k].r.uuid, WORKER_UUID_BYTES) ==
				0)
				image_problem(img,
					"workers %" PRIu32 " and %" PRIu32 " are one identity",
					img->workers.v[k].number, worker->number);
	}
}

static void check_counter(struct image *img, const char *name, uint64_t next, uint64_t highest)
{
	if (highest >= next)
		image_problem(img, "counter next_%s is %" PRIu64 ", and %s %" PRIu64 " is there",
			name, next, name, highest);
}

void check_counters(struct image *img)
{
	const struct counters *c = &img->counters;
	uint64_t session = 0, block_session = 0;

	if (!img->has_counters) {
		if (img->blocks.n + img->sessions.n + img->workers.n > 0)
			image_problem(img, "meta counters is missing");
		return;
	}
	if (img->sessions.n > 0)
		session = img->sessions.v[img->sessions.n - 1].number;
	if (img->blocks.n > 0)
		block_session = img->blocks.v[img->blocks.n - 1].r.session;
	check_counter(
		img, "session", c->next_session, session > block_session ? session : block_session);
	if (img->workers.n > 0)
		check_counter(
			img, "worker", c->next_worker, img->workers.v[img->workers.n - 1].number);
	if (img->users.n > 0)
		check_counter(img, "user", c->next_user, img->users.v[img->users.n - 1].number);
	if (img->works.n > 0)
		check_counter(img, "work", c->next_work, img->works.v[img->works.n - 1].seq);
	if (img->things.n > 0)
		check_counter(img, "thing", c->next_thing, img->things.v[img->things.n - 1].number);
}
