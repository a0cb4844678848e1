/*
 * What verbs of one shape share: their words looked at, the client opened, the error told, the
 * client closed. Each returns the exit code.
 */
#ifndef DQ_VERB_H
#define DQ_VERB_H

#include "output.h"

#include "base/slice.h"

#include <dq/client.h>

/* One NAME, and what is done to what has it; 0 or an error of <dq/error.h>. */
typedef int verb_call(struct dq_client *client, const char *name, double timeout_s);
int verb_name(int argc, char **argv, verb_call *call, double timeout_s);

/* No words: what there is of a kind. */
typedef int verb_list_call(struct dq_client *client, double timeout_s, struct dq_value *out);
int verb_list(int argc, char **argv, verb_list_call *call, void (*print)(struct slice answer));

/* One KEY, and what the scheduler tells of it. */
int verb_key(int argc, char **argv, enum dq_query what, void (*print)(struct slice answer));

/* A cell: the row's member, a number. */
void table_add_number(struct table *t, struct slice row, const char *name);

#endif
