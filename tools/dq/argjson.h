/*
 * JSON, as the command line has it, to the arguments of a task.
 */
#ifndef DQ_ARGJSON_H
#define DQ_ARGJSON_H

#include <dq/client.h>

#include <stdbool.h>
#include <stddef.h>

/*
 * Appends the value of a JSON text. {"$bytes":base64} is bytes, {"$key":K} a future, as the results
 * of commands show them. False: nothing appended, and one line in why.
 */
bool args_json(struct dq_args *args, const char *text, char *why, size_t why_bytes);

#endif
