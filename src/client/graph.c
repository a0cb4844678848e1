/*
 * Graphs in parts (graph.h). A part gathers as an ordinary block does, is sealed when full, and is
 * sent a few ahead of its reply (outbox_pump). A graph that fits one part is an ordinary submit.
 *
 * Replies to parts say which tasks were there already. The reply to the end says what became of the
 * whole: then all its futures are settled, or refused with the reason of the part that was refused
 * first.
 */
#include "client/client.h"

#include "base/alloc.h"
#include "base/ensure.h"
#include "base/str.h"
#include "client/submit.h"
#include "model/block.h"

#include <string.h>

static struct dq_graph *graph_new(struct dq_client *c)
{
	struct dq_graph *g = try_calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->refs = 1;
	g->client = c;
	buf_init(&g->body, LIMIT_SUBMIT_BYTES);
	return g;
}

void graph_unref(struct dq_graph *g)
{
	ensure(g->refs > 0);
	if (--g->refs)
		return;
	buf_release(&g->body);
	free(g->parts);
	free(g);
}

void graph_orphan(struct dq_client *c)
{
	if (c->graph)
		c->graph->client = NULL;
	c->graph = NULL;
}

/* ---- parts ---- */

static int part_room(struct dq_client *c, struct dq_graph *g)
{
	uint32_t cap = g->cap ? g->cap * 2 : 16;
	struct graph_part *v;

	if (g->nparts >= LIMIT_GRAPH_PARTS)
		return client_error(c, DQ_E_LIMIT, "%s", LIMIT_TEXT(GRAPH_PARTS));
	if (g->bytes + g->body.n > LIMIT_GRAPH_BYTES)
		return client_error(c, DQ_E_LIMIT, "%s", LIMIT_TEXT(GRAPH_BYTES));
	if (g->nparts < g->cap)
		return 0;
	v = try_realloc(g->parts, cap * sizeof(*v));
	if (!v)
		return client_error_code(c, DQ_E_NO_MEMORY);
	g->parts = v;
	g->cap = cap;
	return 0;
}

/* The part of these numbers is a request. */
static int part_send(struct dq_client *c, struct dq_graph *g, uint32_t flags, uint32_t first_n,
	uint64_t count, struct slice body)
{
	int code = part_room(c, g);

	if (code == 0)
		code = outbox_submit_part(c, g, flags | (g->nparts ? 0 : SUBMIT_BEGIN),
			slice_str(g->ns), first_n, count, body);
	if (code)
		return code;
	g->parts[g->nparts++] = (struct graph_part){.first_n = first_n, .count = count};
	g->tasks += count;
	g->bytes += body.n;
	return 0;
}

/* Seals what gathers. */
static int graph_seal(struct dq_client *c, struct dq_graph *g)
{
	int code = g->count ? part_send(c, g, 0, g->first_n, g->count, buf_slice(&g->body)) : 0;

	if (code == 0) {
		buf_clear(&g->body);
		g->count = 0;
	}
	return code;
}

int graph_flush(struct dq_client *c)
{
	return c->graph ? graph_seal(c, c->graph) : 0;
}

static bool part_is_full(const struct dq_graph *g)
{
	return g->body.n >= PART_BYTES_MAX ||
	       g->count >=
		       (g->nparts < LIMIT_GRAPH_PARTS / 2 ? PART_TASKS_MAX : LATE_PART_TASKS_MAX);
}

/* The namespace of the graph's keys is known from the first one on. */
static void graph_name(struct dq_graph *g, struct slice ns, bool has_ns)
{
	if (g->has_ns || !has_ns)
		return;
	ensure(ns.n < sizeof(g->ns));
	if (ns.n)
		memcpy(g->ns, ns.p, ns.n);
	g->ns[ns.n] = '\0';
	g->has_ns = true;
}

/* May the graph take a task? Ordinary submits that gathered have lower numbers, and go first. */
static int graph_ready(struct dq_client *c, const struct dq_graph *g)
{
	int code = submit_check(c);

	if (code)
		return code;
	if (g->code)
		return client_error(c, g->code, "%s", g->text);
	return outbox_seal_block(c, false);
}

static int graph_put(
	struct dq_client *c, struct dq_graph *g, const struct dq_spec *spec, struct dq_future **out)
{
	uint32_t n = (uint32_t)c->futures.next_n;
	struct slice ns = slice_str(g->ns);
	bool has_ns = g->has_ns;
	int code = part_is_full(g) ? graph_seal(c, g) : 0;

	if (code == 0 && !futures_left(c, 1))
		code = client_error(c, DQ_E_LIMIT, "tasks: at most 4294967295 a session");
	if (code == 0)
		code = submit_task(c, spec, &g->body, &ns, &has_ns, out);
	if (code)
		return code;
	graph_name(g, ns, has_ns);
	(*out)->flags |= FUTURE_UNSETTLED;
	if (g->count++ == 0)
		g->first_n = n;
	return 0;
}

/* ---- the end ---- */

static int graph_commit(struct dq_client *c, struct dq_graph *g)
{
	int code;

	if (g->nparts == 0 && g->count) {
		/* small enough to be one submit */
		code = outbox_submit_keyed(
			c, slice_str(g->ns), g->first_n, g->count, buf_slice(&g->body));
		if (code == 0)
			g->count = 0;
		return code;
	}
	code = graph_seal(c, g);
	if (code == 0 && g->nparts)
		code = outbox_submit_part(c, g, SUBMIT_COMMIT, slice_empty(), g->parts[0].first_n,
			g->tasks, slice_empty());
	return code;
}

static void note(struct dq_graph *g, int code, struct slice text)
{
	if (g->code)
		return;
	g->code = code;
	str_copy(g->text, sizeof(g->text), text.n ? text : slice_str(dq_strerror(code)));
}

/* What becomes of its futures is known. */
static bool graph_ended(struct dq_client *c, const struct dq_graph *g)
{
	bool ok = true;

	for (uint32_t i = 0; g->code && i < g->nparts && ok; i++)
		ok = futures_refuse(
			c, g->parts[i].first_n, g->parts[i].count, g->code, slice_str(g->text));
	for (uint32_t i = 0; i < g->nparts && ok; i++)
		ok = futures_settle(c, g->parts[i].first_n, g->parts[i].count);
	return ok;
}

bool graph_answered(struct dq_client *c, const struct request *r, int code, struct slice text,
	struct slice data, const char **why)
{
	if (code)
		note(r->graph, code, text);
	else if (!r->graph_end)
		return outbox_aliases(c, data, why);
	if (!r->graph_end || graph_ended(c, r->graph))
		return true;
	*why = "out of memory";
	return false;
}

/* Nothing of it was sent: as if it had never been. */
static void graph_take_back(
	struct dq_client *c, struct dq_graph *g, struct dq_future **out, size_t n)
{
	outbox_take_back(&c->outbox, g);
	while (n-- > 0) {
		future_undo(out[n]);
		out[n] = NULL;
	}
}

int graph_submit(struct dq_client *c, const struct dq_spec *specs, size_t n, struct dq_future **out)
{
	struct dq_graph *g;
	size_t i = 0;
	int code = 0;

	if (c->graph)
		return client_error(c, DQ_E_USAGE,
			"a graph of this client is open: so large a submit has to wait for its "
			"end");
	g = graph_new(c);
	if (!g)
		return client_error_code(c, DQ_E_NO_MEMORY);
	code = graph_ready(c, g);
	while (code == 0 && i < n) {
		struct dq_spec spec;

		ensure(spec_at(&spec, specs, i));
		code = graph_put(c, g, &spec, &out[i]);
		i += code == 0;
	}
	if (code == 0)
		code = graph_commit(c, g);
	if (code)
		graph_take_back(c, g, out, i);
	else
		submit_flow(c);
	graph_unref(g);
	return code;
}

/* ---- the calls ---- */

int dq_graph_new(struct dq_client *client, struct dq_graph **out)
{
	int code = client_enter(client);

	*out = NULL;
	if (code)
		return code;
	code = submit_check(client);
	if (code == 0 && client->graph)
		code = client_error(client, DQ_E_USAGE, "another graph of this client is open");
	if (code == 0) {
		*out = client->graph = graph_new(client);
		if (!*out)
			code = client_error_code(client, DQ_E_NO_MEMORY);
	}
	client_leave(client);
	return code;
}

/* Enters the client of an open graph. */
static int graph_enter(struct dq_graph *g)
{
	if (!g)
		return DQ_E_USAGE;
	return g->client ? client_enter(g->client) : DQ_E_CLOSED;
}

int dq_graph_add(struct dq_graph *graph, const struct dq_spec *spec, struct dq_future **out)
{
	int code = graph_enter(graph);
	struct dq_spec whole;
	struct dq_client *c;

	*out = NULL;
	if (code)
		return code;
	c = graph->client;
	code = graph_ready(c, graph);
	if (code == 0 && !spec_load(&whole, spec))
		code = client_error(c, DQ_E_USAGE, "dq_spec: size is not set");
	if (code == 0)
		code = graph_put(c, graph, &whole, out);
	if (code == 0 && part_is_full(graph) && graph_seal(c, graph) == 0)
		submit_flow(c);
	client_leave(c);
	return code;
}

static int graph_map(struct dq_client *c, struct dq_graph *g, const struct dq_spec *spec,
	uint64_t n, const struct dq_args *inputs, struct dq_future **out)
{
	struct slice ns = slice_empty();
	uint32_t first_n;
	struct buf body;
	int code = graph_seal(c, g);

	if (code)
		return code;
	first_n = (uint32_t)c->futures.next_n;
	buf_init(&body, LIMIT_SUBMIT_BYTES);
	code = submit_array(c, spec, n, inputs, &body, &ns, out);
	if (code == 0 && spec->key && g->has_ns && !slice_eq_str(ns, g->ns))
		code = client_error(c, DQ_E_USAGE, "keys of several namespaces in one submit");
	if (code == 0) {
		graph_name(g, ns, spec->key != NULL);
		(*out)->flags |= FUTURE_UNSETTLED;
		code = part_send(c, g, BLOCK_ARRAY, first_n, n, buf_slice(&body));
	}
	buf_release(&body);
	if (code && *out) {
		future_undo(*out);
		*out = NULL;
	}
	return code;
}

int dq_graph_map(struct dq_graph *graph, const struct dq_spec *spec, uint64_t n,
	const struct dq_args *inputs, struct dq_future **out)
{
	int code = graph_enter(graph);
	struct dq_spec whole;
	struct dq_client *c;

	*out = NULL;
	if (code)
		return code;
	c = graph->client;
	code = graph_ready(c, graph);
	if (code == 0 && !spec_load(&whole, spec))
		code = client_error(c, DQ_E_USAGE, "dq_spec: size is not set");
	if (code == 0)
		code = graph_map(c, graph, &whole, n, inputs, out);
	if (code == 0)
		submit_flow(c);
	client_leave(c);
	return code;
}

/* The handle goes; what is under way ends by itself. */
static void graph_shut(struct dq_graph **graph)
{
	if ((*graph)->client)
		(*graph)->client->graph = NULL;
	graph_unref(*graph);
	*graph = NULL;
}

static int graph_abort(struct dq_client *c, struct dq_graph *g)
{
	note(g, DQ_E_CANCELLED, slice_str("the graph was given up"));
	if (g->count) {
		int code = part_room(c, g);

		if (code)
			return code;
		/* its futures end with the others */
		g->parts[g->nparts] = (struct graph_part){.first_n = g->first_n, .count = g->count};
		buf_clear(&g->body);
		g->count = 0;
		if (g->nparts++ == 0)
			return graph_ended(c, g) ? 0 : client_error_code(c, DQ_E_NO_MEMORY);
	}
	if (g->nparts == 0)
		return 0;
	return outbox_submit_part(
		c, g, SUBMIT_ABORT, slice_empty(), g->parts[0].first_n, 0, slice_empty());
}

static int graph_end(struct dq_graph **graph, bool commit)
{
	struct dq_graph *g = graph ? *graph : NULL;
	struct dq_client *c = g ? g->client : NULL;
	int code = graph_enter(g);

	if (g && !c)
		graph_shut(graph);
	if (code)
		return code;
	code = outbox_seal_block(c, false);
	if (code == 0)
		code = commit && !g->code ? graph_commit(c, g) : graph_abort(c, g);
	if (code == 0) {
		graph_shut(graph);
		submit_flow(c);
	}
	client_leave(c);
	return code;
}

int dq_graph_commit(struct dq_graph **graph)
{
	return graph_end(graph, true);
}

int dq_graph_abort(struct dq_graph **graph)
{
	return graph && *graph ? graph_end(graph, false) : 0;
}
