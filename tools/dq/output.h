/*
 * Printing results, failures and columns.
 */
#ifndef DQ_OUTPUT_H
#define DQ_OUTPUT_H

#include "base/buf.h"
#include "base/json.h"
#include "base/slice.h"

#include <dq/client.h>

#include <stdbool.h>
#include <stddef.h>

/* Prints bytes as they are. */
void print_bytes(struct slice bytes);
/* A value in a JSON document: msgpack as JSON, other types as {"$bytes":base64}. */
void result_json(struct json *j, const struct dq_value *value);
/* The same as a line of its own. */
void print_result_json(const struct dq_value *value);

/*
 * Why a future failed, in one line: "failed: exit status 3", "cancelled", ... Asks for the key of
 * the task to blame, where it is another.
 */
void failure_text(struct dq_client *client, struct dq_future *future, struct buf *out);
/* {"cause","message","task","signal"}; null where it has not failed. */
void failure_json(struct json *j, struct dq_client *client, struct dq_future *future);
/* Prints the error line of a future that has not ended well and returns the exit code; 0: it has.
 */
int print_failure(struct dq_client *client, struct dq_future *future);
/* "done", "failed", "cancelled", "pending", "refused" */
const char *state_word(enum dq_state state);

/* Columns: cells row by row, all of a row before the next. Texts are copied. */
struct table {
	struct buf text;
	size_t columns, cells;
};
void table_init(struct table *t, size_t columns);
void table_add(struct table *t, struct slice cell);
void table_print(struct table *t);
void table_release(struct table *t);

#endif
