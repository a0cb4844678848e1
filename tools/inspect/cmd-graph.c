/*
 * dq-inspect graph: tasks and their dependencies, in DOT or as JSON: all of them, or those that a
 * task depends on.
 */
#include "show.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/alloc.h"

static bool dot = true;

static const struct opt opts[] = {
	{0, "dot", OPT_FLAG, &dot, NULL, "print DOT, as without --json anyway"},
	{0},
};

struct dep_range {
	uint64_t from;
	uint32_t n;
};

struct graph {
	struct image *img;
	uint8_t *wanted; /* a byte a task; NULL: all */
	struct dep_range *deps;
	uint64_t *todo; /* wanted, their dependencies not yet looked at */
	size_t ntodo, cap;
};

static const char *colour(enum task_state state)
{
	switch (state) {
	case TASK_DONE:
		return "palegreen";
	case TASK_FAILED:
		return "salmon";
	case TASK_CANCELLED:
	case TASK_CANCELLING:
		return "lightgrey";
	case TASK_LEASED:
		return "lightskyblue";
	case TASK_SCHEDULED:
		return "wheat";
	case TASK_READY:
		return "khaki";
	default:
		return "white";
	}
}

/* A key inside a DOT string. */
static void put_label(struct inspect *in, const struct img_walk *w)
{
	struct buf key;

	buf_init(&key, 1024);
	image_key(&key, w);
	for (size_t i = 0; i < key.n; i++) {
		if (key.p[i] == '"' || key.p[i] == '\\')
			buf_append_byte(&in->out, '\\');
		buf_append_byte(&in->out, key.p[i] < 0x20 ? ' ' : key.p[i]);
	}
	buf_release(&key);
}

static void put_dot(struct image *img, const struct img_walk *w)
{
	struct inspect *in = img->in;
	char id[ID_TEXT_BYTES], dep[ID_TEXT_BYTES];

	put(in, "\t\"%s\" [label=\"", id_text(w->id, id));
	put_label(in, w);
	put(in, "\\n%s\", fillcolor=%s];\n", task_word(img, w),
		colour((enum task_state)img->state[w->index]));
	for (uint32_t i = 0; i < w->entry.ndeps; i++)
		put(in, "\t\"%s\" -> \"%s\";\n", id_text(img_walk_dep(w, i), dep), id);
	out_maybe_flush(in);
}

static void put_json(struct image *img, const struct img_walk *w)
{
	struct json *j = &img->in->j;
	struct buf key;

	buf_init(&key, 1024);
	image_key(&key, w);
	json_open_object(j);
	json_key(j, "id");
	json_id(j, w->id);
	json_key(j, "key");
	json_str(j, buf_slice(&key));
	json_key(j, "state");
	json_cstr(j, task_word(img, w));
	json_key(j, "deps");
	json_open_array(j);
	for (uint32_t i = 0; i < w->entry.ndeps; i++)
		json_id(j, img_walk_dep(w, i));
	json_end_array(j);
	json_end_object(j);
	buf_release(&key);
	out_maybe_flush(img->in);
}

static void want(struct graph *graph, uint64_t id)
{
	const struct img_block *block;
	uint64_t index;

	if (!image_place(graph->img, id, &block, &index) || graph->wanted[index])
		return;
	graph->wanted[index] = 1;
	if (graph->ntodo == graph->cap) {
		graph->cap = graph->cap ? graph->cap * 2 : 64;
		graph->todo = xreallocarray(graph->todo, graph->cap, sizeof(*graph->todo));
	}
	graph->todo[graph->ntodo++] = id;
}

static void on_found(void *arg, const struct img_walk *w)
{
	want(arg, w->id);
}

/* Where each task's dependencies stand in its block: bodies can only be read from their start. */
static void index_deps(struct graph *graph)
{
	struct image *img = graph->img;

	graph->deps = xcalloc(img->ntasks + 1, sizeof(*graph->deps));
	for (size_t b = 0; b < img->blocks.n; b++) {
		struct img_walk w;

		img_walk_begin(&w, &img->blocks.v[b]);
		while (img_walk_next(&w))
			graph->deps[w.index] =
				(struct dep_range){.from = w.deps_from, .n = w.entry.ndeps};
	}
}

/* Wants what the wanted ones depend on, and so on. */
static int widen(struct graph *graph)
{
	index_deps(graph);
	while (graph->ntodo > 0) {
		uint64_t id = graph->todo[--graph->ntodo], index;
		const struct img_block *block;

		if (out_of_time(graph->img->in))
			return EXIT_TIMEOUT;
		if (!image_place(graph->img, id, &block, &index))
			continue;
		for (uint32_t i = 0; i < graph->deps[index].n; i++)
			want(graph, block_dep(block->r.deps, graph->deps[index].from + i));
	}
	return 0;
}

static int draw(struct graph *graph)
{
	struct image *img = graph->img;
	struct inspect *in = img->in;

	if (in->json)
		json_open_array(&in->j);
	else
		put(in, "digraph dq {\n\tnode [shape=box, style=filled];\n");
	for (size_t b = 0; b < img->blocks.n; b++) {
		struct img_walk w;

		img_walk_begin(&w, &img->blocks.v[b]);
		while (img_walk_next(&w)) {
			if (graph->wanted ? !graph->wanted[w.index]
					  : img->state[w.index] == TASK_GONE)
				continue;
			if (in->json)
				put_json(img, &w);
			else
				put_dot(img, &w);
			if (out_of_time(in))
				return EXIT_TIMEOUT;
		}
	}
	if (in->json)
		json_end_array(&in->j);
	else
		put(in, "}");
	out_line(in);
	return 0;
}

static int run(struct inspect *in)
{
	struct image img;
	struct graph graph = {.img = &img};
	int rc = image_load(&img, in, NULL, NULL);

	if (rc == 0 && in->argc > 0) {
		graph.wanted = xcalloc(img.ntasks + 1, 1);
		if (image_find(&img, in->argv[0], on_found, &graph) == 0)
			rc = fail(EXIT_NOT_FOUND, "%s: no such task", in->argv[0]);
		if (rc == 0)
			rc = widen(&graph);
	}
	if (rc == 0)
		rc = draw(&graph);
	free(graph.todo);
	free(graph.deps);
	free(graph.wanted);
	image_release(&img);
	return rc;
}

const struct cmd cmd_graph = {
	.name = "graph",
	.words = "[KEY|ID] [--dot]",
	.about = "Tasks and what they depend on, as DOT: all, or what one depends on.",
	.words_max = 1,
	.reads = true,
	.opts = opts,
	.run = run,
};
