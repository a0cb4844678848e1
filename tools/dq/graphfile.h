/*
 * The file of a graph: its tasks as texts with the keys they have and name, and an order in which
 * each comes after what it depends on. Tasks are objects of JSON, one after the other, in an array,
 * or in the array "tasks" of an object. Nothing of a task is kept but where it stands and its keys:
 * the file's bytes and about 150 more a task. Pure but for reading. Threads: any.
 */
#ifndef DQ_GRAPHFILE_H
#define DQ_GRAPHFILE_H

#include "base/buf.h"
#include "base/fpmap.h"
#include "base/slice.h"

#include <dq/client.h>

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define GRAPH_NONE UINT32_MAX

struct graph_node {
	uint64_t at; /* in the text */
	uint32_t n;
	uint32_t line;          /* it begins on */
	uint32_t name;          /* its key; GRAPH_NONE: none given */
	uint32_t dep_at, ndeps; /* names, in graph_file.deps */
	uint32_t state;         /* of ordering */
	uint64_t count;         /* tasks, once it is made: more than one is an array */
	uint32_t first_index;   /* of an array's elements */
	struct dq_future *future;
};

/* A key that a task has or names, as it is written: maybe of an element, "key[3]". */
struct graph_name {
	uint64_t at; /* in the names */
	uint32_t n;
	uint32_t node; /* that has the key, or whose element it is; GRAPH_NONE: not in the file */
	uint32_t line; /* first named on */
	bool whole;    /* the node's own key, no element's */
	/* not in the file: the live tasks of this key; 0: not asked yet */
	uint64_t count;
	uint32_t first_index;
};

struct graph_file {
	const char *path;
	struct buf text, names_text;
	struct graph_node *nodes;
	uint32_t nnodes, nodes_cap;
	struct graph_name *names;
	uint32_t nnames, names_cap;
	uint32_t *deps;
	uint32_t ndeps, deps_cap;
	struct fpmap by_name;
	/* the first thing wrong */
	int error; /* enum dq_error */
	char why[512];
};

/* Reads and checks the file ("-": standard input). False: error and why, which names the line. */
bool graph_file_read(struct graph_file *g, const char *path);
void graph_file_release(struct graph_file *g);
/* The nodes so that each comes after those it depends on, the file's order kept where it may be:
 * nnodes of them, to be freed. NULL: a cycle; error and why. */
uint32_t *graph_file_order(struct graph_file *g);
/* A task's object again, to be given back with json_decref. */
json_t *graph_file_task(const struct graph_file *g, uint32_t node);
/* A name's text, with a NUL behind it. */
const char *graph_file_name(const struct graph_file *g, uint32_t name);
/* The name of this text, or GRAPH_NONE. */
uint32_t graph_file_find(const struct graph_file *g, struct slice text);
/* Notes an error on a line; returns false. */
bool graph_file_wrong(struct graph_file *g, int error, uint32_t line, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* graphkeys.c: calls fn for each key that the task names, until it returns false. False: that, or
 * something of the task is no such thing, *why. */
bool graph_task_names(
	json_t *task, bool (*fn)(void *arg, struct slice key), void *arg, const char **why);

#endif
