/*
 * A task of a graph's file, as the submit options and words that a command line would have.
 */
#ifndef DQ_GRAPHSPEC_H
#define DQ_GRAPHSPEC_H

#include "graphfile.h"
#include "task.h"

#include <dq/client.h>

#include <jansson.h>

/* Remembers what the submit options are when none is given. Once, before the first task. */
void graph_spec_begin(void);
void graph_spec_end(void);
/*
 * The task of an object: its members are the submit options by their long names, besides `argv`, or
 * `function` and `args`. Strings borrow from the object. Returns 0 or an exit code, the error
 * printed; graph_spec_release() in either case.
 */
int graph_spec_make(struct task *t, json_t *object);
void graph_spec_release(struct task *t);

#endif
