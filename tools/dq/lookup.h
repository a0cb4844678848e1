/*
 * Asking the scheduler: keys to ids and futures, and answers to JSON.
 */
#ifndef DQ_LOOKUP_H
#define DQ_LOOKUP_H

#include "base/json.h"
#include "base/slice.h"

#include <dq/client.h>

#include <stddef.h>
#include <stdint.h>

/* Asks. 0 or an exit code, the error printed; `about` (or NULL) is what the error names. */
int ask(struct dq_client *client, enum dq_query what, const struct dq_args *args, const char *about,
	struct dq_value *out);

struct ids {
	uint64_t *first, *count;
	uint32_t *first_index; /* of an array's elements */
	size_t n;
};
/* Empty, with room for n. */
void ids_init(struct ids *ids, size_t n);
void ids_add(struct ids *ids, uint64_t first, uint64_t count);
void ids_release(struct ids *ids);

/* The ids of keys. All must be there: else DQ_E_NOT_FOUND's exit code, and the error names the
 * first that is not. ids->n is n. */
int find_keys(struct dq_client *client, char **keys, size_t n, struct ids *out);
/* Likewise, and those that are not there have the count 0. At most 65536 keys. */
int find_some_keys(struct dq_client *client, char **keys, size_t n, struct ids *out);
/* Runs of the user's tasks: those that have not ended; those in a state, with a label. Each may be
 * NULL. ids->first_index is not of them. */
int find_unfinished(struct dq_client *client, const char *label, struct ids *out);
int find_selected(struct dq_client *client, const char *state, const char *label, struct ids *out);

struct watched {
	struct dq_future **v;
	size_t n;
};
void watched_release(struct watched *w);
/* Futures that watch. keys as find_keys got them, or NULL for what came without. */
int watch_ids(struct dq_client *client, char **keys, const struct ids *ids, struct watched *out);
int watch_keys(struct dq_client *client, char **keys, size_t n, struct watched *out);

/* An id as text, opaque to who reads it, and back; 0 where it is none. */
#define ID_TEXT_BYTES 32
void id_text(uint64_t id, char text[ID_TEXT_BYTES]);
uint64_t id_of_text(struct slice text);

/* The key of what was submitted, on a line of its own; with --json {"key","id"}. */
void print_submitted(const struct dq_future *future);

/*
 * An answer as JSON: as it came, but ids are strings, and labels objects ("k=v" is {"k":"v"}, a
 * plain label has the value ""), as all output of dq has them.
 */
void answer_json(struct json *j, struct slice answer);
/* Prints it on a line of its own. 0 or an exit code. */
int print_answer_json(struct slice answer);

static inline struct slice value_slice(const struct dq_value *value)
{
	return slice_of(value->bytes, value->n);
}

#endif
