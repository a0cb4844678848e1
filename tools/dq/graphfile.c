/*
 * Reading a graph's file, and its order (graphfile.h). The text is cut into the extents of its
 * tasks by counting brackets; each is then parsed alone, so that no tree of the whole is ever in
 * memory. Whatever is wrong is told with its line.
 */
#include "graphfile.h"

#include "input.h"

#include "base/alloc.h"
#include "base/ensure.h"
#include "base/hash.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX ((size_t)16 << 30)
#define CYCLE_SHOWN 8 /* keys of a cycle that are named */

bool graph_file_wrong(struct graph_file *g, int error, uint32_t line, const char *format, ...)
{
	va_list ap;
	int n = snprintf(g->why, sizeof g->why, "%s: line %u: ", g->path, line);

	g->error = error;
	if (n < 0 || (size_t)n >= sizeof g->why)
		return false;
	va_start(ap, format);
	vsnprintf(g->why + n, sizeof g->why - (size_t)n, format, ap);
	va_end(ap);
	return false;
}

/* --- Cutting ---------------------------------------------------------------------------------- */

struct reader {
	struct graph_file *g;
	const uint8_t *p, *end;
	uint32_t line;
};

static void skip_space(struct reader *r)
{
	for (; r->p < r->end; r->p++) {
		if (*r->p == '\n')
			r->line++;
		else if (*r->p != ' ' && *r->p != '\t' && *r->p != '\r')
			return;
	}
}

/* Behind the string that begins here; NULL: it does not end. */
static const uint8_t *string_end(const uint8_t *p, const uint8_t *end)
{
	for (p++; p < end; p++) {
		if (*p == '\\')
			p++;
		else if (*p == '"')
			return p + 1;
	}
	return NULL;
}

/* Takes the value that begins here. False: it does not end. */
static bool take_value(struct reader *r, struct slice *out)
{
	const uint8_t *from = r->p;
	uint32_t depth = 0;

	while (r->p && r->p < r->end) {
		uint8_t ch = *r->p;

		if (ch == '"') {
			r->p = string_end(r->p, r->end);
		} else if (depth == 0 && r->p > from && strchr(" \t\r\n,:]}", ch)) {
			break;
		} else {
			depth += ch == '{' || ch == '[';
			depth -= depth && (ch == '}' || ch == ']');
			r->line += ch == '\n';
			r->p++;
		}
		if (depth == 0 && r->p && (*from == '{' || *from == '[' || *from == '"'))
			break;
	}
	if (!r->p || depth)
		return false;
	*out = slice_of(from, (size_t)(r->p - from));
	return true;
}

/* --- Names and tasks -------------------------------------------------------------------------- */

#define ROOM(g, v, n, cap)                                                                         \
	do {                                                                                       \
		if ((g)->n == (g)->cap) {                                                          \
			(g)->cap = (g)->cap ? (g)->cap * 2 : 64;                                   \
			(g)->v = xreallocarray((g)->v, (g)->cap, sizeof *(g)->v);                  \
		}                                                                                  \
	} while (0)

uint32_t graph_file_find(const struct graph_file *g, struct slice text)
{
	uint64_t at;

	return fpmap_get(&g->by_name, fp128_of(text), &at) ? (uint32_t)at : GRAPH_NONE;
}

const char *graph_file_name(const struct graph_file *g, uint32_t name)
{
	return (const char *)g->names_text.p + g->names[name].at;
}

static uint32_t name_of(struct graph_file *g, struct slice text, uint32_t line)
{
	uint32_t name = graph_file_find(g, text);

	if (name != GRAPH_NONE)
		return name;
	name = g->nnames;
	ROOM(g, names, nnames, names_cap);
	g->names[g->nnames++] = (struct graph_name){
		.at = g->names_text.n, .n = (uint32_t)text.n, .node = GRAPH_NONE, .line = line};
	buf_append_slice(&g->names_text, text);
	buf_append_byte(&g->names_text, 0);
	ensure(!g->names_text.failed && fpmap_put(&g->by_name, fp128_of(text), name));
	return name;
}

static bool add_dep(void *arg, struct slice key)
{
	struct graph_file *g = arg;
	struct graph_node *node = &g->nodes[g->nnodes];
	uint32_t name = name_of(g, key, node->line);

	ROOM(g, deps, ndeps, deps_cap);
	g->deps[g->ndeps++] = name;
	node->ndeps++;
	return true;
}

static bool take_key(struct graph_file *g, struct graph_node *node, json_t *task)
{
	json_t *key = json_object_get(task, "key");
	struct graph_name *name;

	node->name = GRAPH_NONE;
	if (!key)
		return true;
	if (!json_is_string(key) || !json_string_length(key) ||
		strlen(json_string_value(key)) != json_string_length(key))
		return graph_file_wrong(g, DQ_E_USAGE, node->line, "key: not a string, or empty");
	node->name =
		name_of(g, slice_of(json_string_value(key), json_string_length(key)), node->line);
	name = &g->names[node->name];
	if (name->node != GRAPH_NONE)
		return graph_file_wrong(g, DQ_E_USAGE, node->line,
			"the key \"%.100s\" is that of line %u", json_string_value(key),
			g->nodes[name->node].line);
	name->node = g->nnodes;
	name->whole = true;
	return true;
}

static bool add_task(struct graph_file *g, struct slice text, uint32_t line)
{
	struct graph_node *node;
	json_error_t error;
	json_t *task = json_loadb(
		(const char *)text.p, text.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
	const char *why = NULL;
	bool ok;

	if (!task)
		return graph_file_wrong(
			g, DQ_E_USAGE, line + (uint32_t)error.line - 1, "not JSON: %s", error.text);
	ROOM(g, nodes, nnodes, nodes_cap);
	node = &g->nodes[g->nnodes];
	*node = (struct graph_node){.at = (uint64_t)(text.p - g->text.p),
		.n = (uint32_t)text.n,
		.line = line,
		.dep_at = g->ndeps};
	ok = json_is_object(task) ? take_key(g, node, task)
				  : graph_file_wrong(g, DQ_E_USAGE, line, "not an object");
	if (ok && !graph_task_names(task, add_dep, g, &why))
		ok = graph_file_wrong(g, DQ_E_USAGE, line, "%s", why);
	json_decref(task);
	g->nnodes += ok;
	return ok;
}

/* --- The forms of a file ---------------------------------------------------------------------- */

static bool unended(struct reader *r, uint32_t line)
{
	return graph_file_wrong(r->g, DQ_E_USAGE, line, "not JSON: a value that does not end");
}

/* The tasks of an array, at its bracket. */
static bool read_array(struct reader *r)
{
	uint32_t line = r->line;
	struct slice text;

	r->p++;
	skip_space(r);
	if (r->p < r->end && *r->p == ']') {
		r->p++;
		return true;
	}
	while (r->p < r->end) {
		uint32_t at = r->line;

		if (!take_value(r, &text))
			return unended(r, at);
		if (!add_task(r->g, text, at))
			return false;
		skip_space(r);
		if (r->p < r->end && *r->p == ']') {
			r->p++;
			return true;
		}
		if (r->p == r->end || *r->p != ',')
			return graph_file_wrong(r->g, DQ_E_USAGE, r->line,
				"not JSON: ',' or ']' expected after a task");
		r->p++;
		skip_space(r);
	}
	return unended(r, line);
}

/* Does the object here begin with the member "tasks"? Then *r stands at its array. */
static bool is_document(struct reader *r)
{
	struct reader at = *r;
	struct slice name;

	at.p++;
	skip_space(&at);
	if (at.p == at.end || *at.p != '"' || !take_value(&at, &name) ||
		!slice_eq_str(name, "\"tasks\""))
		return false;
	skip_space(&at);
	if (at.p == at.end || *at.p != ':')
		return false;
	at.p++;
	skip_space(&at);
	if (at.p == at.end || *at.p != '[')
		return false;
	*r = at;
	return true;
}

/* {"tasks": [...]}, at the array. */
static bool read_document(struct reader *r)
{
	if (!read_array(r))
		return false;
	skip_space(r);
	if (r->p == r->end || *r->p != '}')
		return graph_file_wrong(
			r->g, DQ_E_USAGE, r->line, "an object with \"tasks\" has nothing else");
	r->p++;
	return true;
}

static bool read_all(struct reader *r)
{
	bool ok = true;

	for (skip_space(r); ok && r->p < r->end; skip_space(r)) {
		uint32_t line = r->line;
		struct slice text;

		if (*r->p == '[')
			ok = read_array(r);
		else if (*r->p == '{' && is_document(r))
			ok = read_document(r);
		else
			ok = take_value(r, &text) ? add_task(r->g, text, line) : unended(r, line);
	}
	return ok;
}

/* An element's key leads to its array, where that is of the file. */
static void find_arrays(struct graph_file *g)
{
	for (uint32_t i = 0; i < g->nnames; i++) {
		const char *text = graph_file_name(g, i), *bracket = strchr(text, '[');
		uint32_t of;

		if (!bracket || g->names[i].node != GRAPH_NONE)
			continue;
		of = graph_file_find(g, slice_of(text, (size_t)(bracket - text)));
		if (of != GRAPH_NONE && g->names[of].whole)
			g->names[i].node = g->names[of].node;
	}
}

bool graph_file_read(struct graph_file *g, const char *path)
{
	struct reader r = {.g = g, .line = 1};
	int failed;

	*g = (struct graph_file){.path = strcmp(path, "-") ? path : "standard input"};
	buf_init(&g->text, TEXT_MAX);
	buf_init(&g->names_text, TEXT_MAX);
	fpmap_init(&g->by_name);
	failed = input_read(path, &g->text);
	if (failed) {
		g->error = DQ_E_USAGE;
		snprintf(g->why, sizeof g->why, "%s: %s", g->path, strerror(failed));
		return false;
	}
	r.p = g->text.p;
	r.end = g->text.p + g->text.n;
	if (!read_all(&r))
		return false;
	find_arrays(g);
	return true;
}

void graph_file_release(struct graph_file *g)
{
	for (uint32_t i = 0; i < g->nnodes; i++)
		dq_future_free(&g->nodes[i].future);
	buf_release(&g->text);
	buf_release(&g->names_text);
	fpmap_release(&g->by_name);
	free(g->nodes);
	free(g->names);
	free(g->deps);
}

json_t *graph_file_task(const struct graph_file *g, uint32_t node)
{
	const struct graph_node *n = &g->nodes[node];
	json_t *task = json_loadb((const char *)g->text.p + n->at, n->n,
		JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);

	ensure(task); /* it was JSON when the file was read */
	return task;
}

/* --- The order -------------------------------------------------------------------------------- */

enum { UNSEEN, ON_PATH, ORDERED };

struct step {
	uint32_t node, next; /* the dependency to look at next */
};

struct ordering {
	struct graph_file *g;
	struct step *path;
	uint32_t npath, path_cap;
	uint32_t *order, n;
};

/* The keys from the node on the path to its end, and the node again. Each waits for the one behind
 * the arrow. */
static void tell_cycle(struct ordering *o, uint32_t node)
{
	struct graph_file *g = o->g;
	uint32_t from = o->npath, shown = 0;
	struct buf text;

	while (from > 0 && o->path[from - 1].node != node)
		from--;
	ensure(from > 0);
	buf_init(&text, sizeof g->why);
	for (uint32_t i = from - 1; i < o->npath; i++) {
		if (shown++ == CYCLE_SHOWN) {
			buf_printf(&text, "... -> ");
			break;
		}
		buf_printf(&text, "%.40s -> ", graph_file_name(g, g->nodes[o->path[i].node].name));
	}
	buf_printf(&text, "%.40s", graph_file_name(g, g->nodes[node].name));
	graph_file_wrong(g, DQ_E_USAGE, g->nodes[node].line, "a cycle: %s", buf_cstr(&text));
	buf_release(&text);
}

static void enter(struct ordering *o, uint32_t node)
{
	ROOM(o, path, npath, path_cap);
	o->path[o->npath++] = (struct step){.node = node};
	o->g->nodes[node].state = ON_PATH;
}

/* Goes down from the node to what it depends on, first things first. False: a cycle. */
static bool descend(struct ordering *o, uint32_t node)
{
	struct graph_file *g = o->g;

	enter(o, node);
	while (o->npath) {
		struct step *s = &o->path[o->npath - 1];
		struct graph_node *at = &g->nodes[s->node];
		uint32_t dep;

		if (s->next == at->ndeps) {
			at->state = ORDERED;
			o->order[o->n++] = s->node;
			o->npath--;
			continue;
		}
		dep = g->names[g->deps[at->dep_at + s->next++]].node;
		if (dep == GRAPH_NONE || g->nodes[dep].state == ORDERED)
			continue;
		if (g->nodes[dep].state == ON_PATH) {
			tell_cycle(o, dep);
			return false;
		}
		enter(o, dep);
	}
	return true;
}

uint32_t *graph_file_order(struct graph_file *g)
{
	struct ordering o = {.g = g, .order = xcalloc(g->nnodes + 1, sizeof(uint32_t))};
	bool ok = true;

	for (uint32_t i = 0; ok && i < g->nnodes; i++)
		if (g->nodes[i].state == UNSEEN)
			ok = descend(&o, i);
	free(o.path);
	if (ok)
		return o.order;
	free(o.order);
	return NULL;
}
