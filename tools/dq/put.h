/*
 * What `var` and `queue` put and print: JSON or @KEY in, JSON out.
 */
#ifndef DQ_PUT_H
#define DQ_PUT_H

#include "base/json.h"

#include <dq/coordination.h>

/*
 * A word as what is put: JSON, or @KEY, the future of a task. *content borrows from *args, which is
 * the caller's to free. 0, or an exit code with the error printed.
 */
int content_of_word(const char *word, struct dq_args **args, struct dq_content *content);
/*
 * Tells why `word` was not put under `name`, which makes what is not there: what was not found is
 * the task of its future. Returns the exit code.
 */
int put_failed(int error, const struct dq_client *client, const char *name, const char *word);
/* A value, or a future as {"$key":K}. */
void content_json(struct json *j, const struct dq_value *value, const struct dq_future *future);

#endif
