/*
 * dq graph: a file of tasks that depend on each other, submitted as one: seen whole or not at all.
 *
 * The file is read and checked first. Then its tasks go out, each after what it depends on, in
 * parts that nobody sees; the commit makes them all live. A graph that fails half way, or is
 * interrupted, is given up; one whose command is killed goes with its session, which has a short
 * time to live for that.
 */
#include "cli.h"
#include "cmd.h"
#include "graphfile.h"
#include "graphspec.h"
#include "lookup.h"
#include "output.h"

#include "base/alloc.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define LOOK_KEYS 65536 /* asked about at a time */
#define SESSION_TTL_S 30
#define WAIT_FOREVER (-1.0)

static double session_ttl_s = SESSION_TTL_S;

static const struct opt opts[] = {
	{0, "session-ttl", OPT_SECONDS, &session_ttl_s, "SEC",
		"how long what was sent stays if this command is killed half way (30)"},
	{0},
};

struct graph {
	struct graph_file file;
	uint32_t *order;
	struct dq_client *client;
	struct dq_graph *handle;
	struct ids after; /* scratch: of what a task is after */
	size_t after_cap;
};

static int fail_file(const struct graph_file *f)
{
	return cli_fail(f->error, "%s", f->why);
}

/* --- Live tasks that the file names ----------------------------------------------------------- */

/* Asks about names[at..at+n), which stand in `which`. */
static int look_some(struct graph *g, char **keys, const uint32_t *which, size_t n)
{
	struct graph_file *f = &g->file;
	struct ids ids;
	int code = find_some_keys(g->client, keys, n, &ids);

	for (size_t i = 0; !code && i < n; i++) {
		struct graph_name *name = &f->names[which[i]];

		name->count = ids.count[i];
		name->first_index = ids.first_index[i];
		if (!name->count) {
			graph_file_wrong(f, DQ_E_NOT_FOUND, name->line,
				"%.100s: no such task, neither in the file nor live", keys[i]);
			code = fail_file(f);
		}
	}
	ids_release(&ids);
	return code;
}

static int look_up(struct graph *g)
{
	struct graph_file *f = &g->file;
	char **keys = xcalloc(LOOK_KEYS, sizeof *keys);
	uint32_t *which = xcalloc(LOOK_KEYS, sizeof *which);
	size_t n = 0;
	int code = 0;

	for (uint32_t i = 0; !code && i <= f->nnames; i++) {
		if (n && (i == f->nnames || n == LOOK_KEYS)) {
			code = look_some(g, keys, which, n);
			n = 0;
		}
		if (i == f->nnames || f->names[i].node != GRAPH_NONE)
			continue;
		keys[n] = (char *)(uintptr_t)graph_file_name(f, i);
		which[n++] = i;
	}
	free(keys);
	free(which);
	return code;
}

/* --- Submitting ------------------------------------------------------------------------------- */

/* What the i-th key is that a task is after. */
static void find_after(struct graph *g, size_t i, const char *key)
{
	uint32_t at = graph_file_find(&g->file, slice_str(key));
	const struct graph_name *name = at == GRAPH_NONE ? NULL : &g->file.names[at];
	const struct graph_node *node =
		name && name->node != GRAPH_NONE ? &g->file.nodes[name->node] : NULL;

	g->after.count[i] = 1;
	g->after.first_index[i] = 0;
	if (node && name->whole) {
		g->after.count[i] = node->count;
		g->after.first_index[i] = node->first_index;
	} else if (name && !node) {
		g->after.count[i] = name->count;
		g->after.first_index[i] = name->first_index;
	}
}

static int place_after(struct graph *g, struct task *t)
{
	const struct opt_list *after = &task_options.after;
	struct ids *ids = &g->after;
	bool arrays = false;

	if (after->n > g->after_cap) {
		g->after_cap = after->n;
		ids->count = xreallocarray(ids->count, g->after_cap, sizeof *ids->count);
		ids->first_index =
			xreallocarray(ids->first_index, g->after_cap, sizeof *ids->first_index);
	}
	ids->n = after->n;
	for (size_t i = 0; i < after->n; i++) {
		find_after(g, i, after->v[i]);
		arrays = arrays || ids->count[i] > 1;
	}
	return arrays ? task_place_after(t, ids) : 0;
}

static int add_made(struct graph *g, struct graph_node *node, struct task *t)
{
	int r, code = place_after(g, t);

	if (code)
		return code;
	t->spec.detached = true;
	node->count = t->is_array ? t->count : 1;
	node->first_index = t->spec.first_index;
	r = t->is_array ? dq_graph_map(g->handle, &t->spec, t->count, t->inputs, &node->future)
			: dq_graph_add(g->handle, &t->spec, &node->future);
	/* of a part that went out before, not of this line */
	if (r == DQ_E_CONFLICT || r == DQ_E_NOT_FOUND || r == DQ_E_STORE || r == DQ_E_REFUSED)
		cli_set_place(NULL);
	return r == DQ_E_OK ? 0 : cli_fail_client(r, g->client, NULL);
}

static int add(struct graph *g, uint32_t at)
{
	struct graph_node *node = &g->file.nodes[at];
	json_t *object = graph_file_task(&g->file, at);
	char place[256];
	struct task task;
	int code;

	snprintf(place, sizeof place, "%.200s: line %u", g->file.path, node->line);
	cli_set_place(place);
	code = graph_spec_make(&task, object);
	if (!code)
		code = add_made(g, node, &task);
	graph_spec_release(&task);
	cli_set_place(NULL);
	json_decref(object);
	return code;
}

/* All of it is durable and there, or nothing is. */
static int submit(struct graph *g)
{
	int r = dq_graph_new(g->client, &g->handle), code = 0;

	if (r != DQ_E_OK)
		return cli_fail_client(r, g->client, NULL);
	graph_spec_begin();
	for (uint32_t i = 0; i < g->file.nnodes && !code; i++) {
		code = add(g, g->order[i]);
		if (!code && interrupt_signal())
			code = 128 + interrupt_signal();
	}
	graph_spec_end();
	if (code) {
		/* the end of the session, which follows, would do as well */
		dq_graph_abort(&g->handle);
		return code;
	}
	r = dq_graph_commit(&g->handle);
	if (r == DQ_E_OK)
		r = cli_sync(g->client);
	if (r == CLI_INTERRUPTED)
		return 128 + interrupt_signal();
	return r == DQ_E_OK ? 0 : cli_fail_client(r, g->client, NULL);
}

/* --- After ------------------------------------------------------------------------------------ */

static void print_keys(const struct graph *g)
{
	for (uint32_t i = 0; i < g->file.nnodes; i++)
		print_submitted(g->file.nodes[i].future);
	fflush(stdout);
}

static int stay(struct graph *g)
{
	uint32_t n = g->file.nnodes;
	struct dq_future **futures = xcalloc(n + 1u, sizeof(struct dq_future *));
	int r, code = 0;

	for (uint32_t i = 0; i < n; i++)
		futures[i] = g->file.nodes[i].future;
	r = cli_wait(g->client, futures, n, false, WAIT_FOREVER);
	if (r == CLI_INTERRUPTED)
		code = 128 + interrupt_signal();
	else if (r != DQ_E_OK)
		code = cli_fail_client(r, g->client, NULL);
	for (uint32_t i = 0; task_options.wait && !code && i < n; i++)
		if (dq_future_state(futures[i]) != DQ_STATE_DONE)
			code = print_failure(g->client, futures[i]);
	free(futures);
	return code;
}

static int graph(struct graph *g)
{
	int code = cli_open_for(false, session_ttl_s, &g->client);

	if (code)
		return code;
	interrupt_catch();
	code = look_up(g);
	if (!code)
		code = submit(g);
	if (!code) {
		print_keys(g);
		if (task_options.wait || cli_local_stays())
			code = stay(g);
	}
	for (uint32_t i = 0; i < g->file.nnodes; i++)
		dq_future_free(&g->file.nodes[i].future);
	return cli_close(&g->client, code);
}

static int run(int argc, char **argv)
{
	struct graph g = {.client = NULL};
	int code = 0;

	if (argc != 1)
		return cli_usage("one FILE, or - for standard input");
	if (!graph_file_read(&g.file, argv[0]))
		code = fail_file(&g.file);
	if (!code) {
		g.order = graph_file_order(&g.file);
		code = g.order ? 0 : fail_file(&g.file);
	}
	if (!code && g.file.nnodes)
		code = graph(&g);
	free(g.order);
	ids_release(&g.after);
	graph_file_release(&g.file);
	return code;
}

const struct cmd cmd_graph = {
	.name = "graph",
	.words = "FILE",
	.about = "Submit a graph of tasks from a file of JSON (- for standard input) and print its "
		 "keys.",
	.tables = {task_wait_opts, opts},
	.run = run,
};
