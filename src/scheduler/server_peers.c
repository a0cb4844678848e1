/*
 * The server's peers: connections accepted, their frames handed to the engine, its messages to
 * their streams. A peer whose frames fill the backlog is not read for a while; one that does not
 * read what it is sent is told to the engine (engine_flow), and closed by its stream past the
 * limit.
 */
#include "scheduler/server_impl.h"
#include "scheduler/users.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/ensure.h"
#include "base/log.h"
#include "model/limits.h"
#include "wire/wire.h"

#include <dq/error.h>
#include <stdlib.h>
#include <errno.h>

/* What tells of the past pauses while a peer has this much unread: more than the stream's low water
 * mark, below which it is told that the peer has read. */
#define SLOW_BYTES ((size_t)1 << 20)

void server_now(uint64_t *mono_us, uint64_t *wall_us)
{
	*mono_us = clock_mono_us();
	*wall_us = clock_wall_us();
}

void peers_send(void *arg, uint64_t conn, struct slice frames)
{
	struct scheduler *s = arg;
	struct peer *p = map64_get_ptr(&s->by_conn, conn);

	if (!p)
		return;
	buf_append_slice(stream_buf(p->stream), frames);
	if (p->slow || stream_pending_bytes(p->stream) <= SLOW_BYTES)
		return;
	p->slow = true;
	list_push_back(&s->slow, &p->in_slow);
}

void peers_close_one(void *arg, uint64_t conn)
{
	struct scheduler *s = arg;
	struct peer *p = map64_get_ptr(&s->by_conn, conn);

	if (p)
		stream_close(p->stream);
}

static void peer_free(struct peer *p)
{
	map64_remove_ptr(&p->s->by_conn, p->conn);
	list_remove(&p->in_peers);
	list_remove(&p->in_slow);
	gifts_release(p);
	free(p);
}

static void on_frame(struct stream *stream, const struct frame *frame, void *arg)
{
	struct peer *p = arg;
	uint64_t mono, wall;

	if (!p->s->engine)
		return;
	server_now(&mono, &wall);
	engine_frame(p->s->engine, p->conn, frame, mono, wall);
	if (!p->admitted && engine_admitted(p->s->engine, p->conn)) {
		p->admitted = true;
		stream_set_frame_limit(stream, LIMIT_FRAME_BYTES);
	}
	if (p->s->under_way && !p->paused && engine_backlog_bytes(p->s->engine) > BACKLOG_BYTES) {
		p->paused = true;
		stream_pause(stream);
	}
}

static void on_bad_frame(struct stream *stream, const char *reason, int err, void *arg)
{
	struct peer *p = arg;

	(void)stream;
	if (p->s->engine)
		engine_bad_frame(p->s->engine, p->conn, err == EMSGSIZE ? NULL : reason);
}

static void on_close(struct stream *stream, const char *reason, int err, void *arg)
{
	struct peer *p = arg;
	struct scheduler *s = p->s;
	uint64_t mono, wall, conn = p->conn;

	log_debug("%s: %s", stream_peer_name(stream), reason);
	(void)err;
	peer_free(p);
	server_now(&mono, &wall);
	if (s->engine)
		engine_disconnect(s->engine, conn, mono, wall);
}

static void on_drain(struct stream *stream, void *arg)
{
	struct peer *p = arg;
	struct scheduler *s = p->s;
	uint64_t mono, wall;

	(void)stream;
	gifts_pump(p);
	if (!p->slow)
		return;
	p->slow = false;
	if (list_is_linked(&p->in_slow)) {
		list_remove(&p->in_slow);
	} else if (s->engine) {
		server_now(&mono, &wall);
		engine_flow(s->engine, p->conn, false, mono, wall);
	}
}

static const struct stream_handlers handlers = {.on_frame = on_frame,
	.on_bad_frame = on_bad_frame,
	.on_drain = on_drain,
	.on_close = on_close};

/* For streams without a peer, until they have ended: they are told of nothing. */
static const struct stream_handlers deaf = {0};

static void turn_away(struct stream *stream)
{
	struct msg_refuse m = {
		.code = DQ_E_LIMIT, .text = slice_str(limit_text(LIMIT_INDEX_CONNECTIONS))};

	msg_refuse_encode(stream_buf(stream), 0, &m);
	stream_set_handlers(stream, &deaf, NULL);
	stream_close(stream);
}

/* Who the kernel says it is; free() the answer when the engine has it. Root acts for the user who
 * runs this. */
static char *name_peer(
	const struct scheduler *s, const struct stream_cred *cred, struct engine_peer *who)
{
	char *name;

	who->by_kernel = true;
	who->uid = cred->uid;
	who->user = slice_str(s->user);
	if (cred->uid == s->config.uid || cred->uid == 0)
		return NULL;
	who->member = s->has_group && group_has(s->group, cred->uid, cred->gid);
	name = user_name_of(cred->uid);
	who->user = slice_str(name);
	return name;
}

void peers_accept(struct listener *l, struct stream *stream, void *arg)
{
	struct scheduler *s = arg;
	struct engine_peer who = {0};
	struct stream_cred cred;
	struct peer *p;
	char *name = NULL;
	bool taken;

	(void)l;
	if (!s->engine || s->stopping)
		return;
	if (stream_peer_cred(stream, &cred))
		name = name_peer(s, &cred, &who);
	taken = engine_connect(s->engine, ++s->next_conn, &who);
	free(name);
	if (!taken) {
		turn_away(stream);
		return;
	}
	p = xcalloc(1, sizeof(*p));
	p->s = s;
	p->stream = stream;
	p->conn = s->next_conn;
	list_push_back(&s->peers, &p->in_peers);
	list_init(&p->in_slow);
	list_init(&p->gifts);
	ensure(map64_put_ptr(&s->by_conn, p->conn, p));
	stream_set_pending_max(stream, LIMIT_PENDING_BYTES);
	stream_set_handlers(stream, &handlers, p);
}

void peers_resume(struct scheduler *s)
{
	struct list *l, *next;

	for (l = s->peers.next; l != &s->peers; l = next) {
		struct peer *p = container_of(l, struct peer, in_peers);

		next = l->next;
		if (!p->paused)
			continue;
		p->paused = false;
		stream_resume(p->stream);
	}
}

void peers_tell_slow(struct scheduler *s, uint64_t mono_us, uint64_t wall_us)
{
	struct list *l;

	while ((l = list_pop_front(&s->slow)))
		engine_flow(s->engine, container_of(l, struct peer, in_slow)->conn, true, mono_us,
			wall_us);
}

void peers_pause(struct scheduler *s)
{
	for (struct list *l = s->peers.next; l != &s->peers; l = l->next)
		stream_pause(container_of(l, struct peer, in_peers)->stream);
}

void peers_close(struct scheduler *s)
{
	while (!list_is_empty(&s->peers)) {
		struct peer *p = container_of(s->peers.next, struct peer, in_peers);

		stream_set_handlers(p->stream, &deaf, NULL);
		stream_flush(p->stream);
		stream_close(p->stream);
		peer_free(p);
	}
}

void peers_drop(struct scheduler *s)
{
	while (!list_is_empty(&s->peers)) {
		struct peer *p = container_of(s->peers.next, struct peer, in_peers);

		stream_free(&p->stream);
		peer_free(p);
	}
}
