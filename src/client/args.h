/*
 * What dq_args_* gather: one msgpack value, and the futures and keys in it.
 */
#ifndef CLIENT_ARGS_H
#define CLIENT_ARGS_H

#include "base/buf.h"
#include "model/limits.h"

#include <dq/client.h>

#include <stdbool.h>
#include <stdint.h>

#define ARGS_ALL UINT64_MAX

/* A future, or a key where future is NULL. */
struct args_dep {
	const struct dq_future *future;
	uint64_t index; /* of an array's future: the element */
	char *key;      /* owned */
};

struct dq_args {
	struct buf bytes;
	int error;                    /* sticky */
	const char *why;              /* static text */
	uint32_t values;              /* at the top level */
	uint32_t depth;               /* arrays and maps that are open */
	uint64_t left[LIMIT_NESTING]; /* values each still wants */
	uint32_t first_array; /* elements of the first value, if that is an array; for dq_map's
				 inputs */
	bool first_is_array;
	struct args_dep *deps;
	uint32_t ndeps, cap;
};

/* Is it whole, and without an error? 0 or a code and *why. */
int args_check(const struct dq_args *args, const char **why);
/* Appends the one value: what was gathered, an array of it where there are several, nil for nothing
 * or NULL. */
void args_pack(struct buf *out, const struct dq_args *args);

#endif
