/*
 * Graphs in parts (doc/protocol.md): what is submitted to a graph gathers in parts that go out as
 * they fill, and comes to life with its commit, or not at all.
 *
 * Its futures are unsettled until the end of the graph is answered: until then they are watched,
 * cancelled and released here alone. Under the client's lock.
 */
#ifndef CLIENT_GRAPH_H
#define CLIENT_GRAPH_H

#include "base/buf.h"
#include "base/slice.h"
#include "model/limits.h"
#include "wire/wire.h"

#include <dq/client.h>

#include <stdbool.h>
#include <stdint.h>

/* Small parts: others are served between them. Past half of the parts that a graph may have, what
 * comes is large, and fewer of them do. */
#define PART_TASKS_MAX 1024u
#define LATE_PART_TASKS_MAX 8192u
#define PART_BYTES_MAX ((size_t)256 << 10)
#define PARTS_IN_FLIGHT 4 /* more would only make the scheduler's commits longer */

struct request;

struct graph_part {
	uint32_t first_n;
	uint64_t count;
};

struct dq_graph {
	uint32_t refs;            /* the caller's handle, and each request that is not answered */
	struct dq_client *client; /* NULL: it has been closed */
	struct buf body;          /* the part that gathers */
	uint32_t first_n, count;
	char ns[LIMIT_NAMESPACE_BYTES + 1]; /* of its keys */
	bool has_ns;
	struct graph_part *parts; /* those made into requests */
	uint32_t nparts, cap;
	uint64_t tasks, bytes;
	bool noted;     /* the caller has been told of the refusal */
	int code;       /* the first refusal; 0: none */
	char text[320]; /* its text */
};

/* Makes what gathers in the client's open graph a request, if there is one: numbers of tasks must
 * go out in order. 0 or a code. */
int graph_flush(struct dq_client *c);
void graph_unref(struct dq_graph *g);
/* The client goes. */
void graph_orphan(struct dq_client *c);
/* A request of the graph was answered. False: nothing happened; *why. */
bool graph_answered(struct dq_client *c, const struct request *r, int code, struct slice text,
	struct slice data, const char **why);
/* dq_submit_many past what one request takes: all of it, or nothing happened. */
int graph_submit(
	struct dq_client *c, const struct dq_spec *specs, size_t n, struct dq_future **out);

#endif
