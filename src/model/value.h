/*
 * Values, arguments and words: what a worker makes of a spec before it runs, and how a value is
 * shown.
 *
 * A dependency's value is a type name and bytes. In arguments a value of type "msgpack" stands as
 * itself, one of any other type as bin. Nothing here keeps what it is given. Any thread. Errors are
 * static texts in *why.
 */
#ifndef MODEL_VALUE_H
#define MODEL_VALUE_H

#include "base/buf.h"
#include "base/slice.h"
#include "codec/cursor.h"

#include <stdbool.h>
#include <stdint.h>

#define VALUE_TYPE_MSGPACK "msgpack"
#define VALUE_TYPE_BYTES "bytes"
#define VALUE_TYPE_NONE "none" /* of a dependency that is not done: no bytes */

/* Where the parts of arguments and words come from. Callbacks that are not needed may be NULL. */
struct value_source {
	void *ctx;
	/* The value of the index-th dependency; false: there is none. What it gives must live until
	 * the call returns. */
	bool (*value)(void *ctx, uint32_t index, struct slice *type, struct slice *bytes);
	/* The path of a file with that value (words only). */
	bool (*path)(void *ctx, uint32_t index, struct slice *path);
	struct slice element; /* the element's input, one msgpack value; empty: nil */
	int64_t index;        /* the element's index; below 0 outside arrays: nil */
};

/*
 * Appends a copy of `args` (one msgpack value) with each EXT_FUTURE replaced by the dependency's
 * value, EXT_ELEMENT by the element's input and EXT_INDEX by its index. Arguments and values are
 * LIMIT_NESTING deep at most each. False: *why; `out` is as it was before.
 */
bool args_substitute(
	struct buf *out, struct slice args, const struct value_source *from, const char **why);

/*
 * Appends the text of one word of a command (a str, or an array of parts) and steps `word` past it.
 * A future stands for the path of its value's file, an element for its text (str and bin as they
 * are, anything else as JSON). A zero byte is an error, as no command could be given it. False:
 * *why; `out` is as it was before.
 */
bool word_expand(
	struct buf *out, struct cursor *word, const struct value_source *from, const char **why);

/*
 * Appends a value as JSON, on one line. Type "msgpack": as its kinds, bytes as {"$bytes":base64}, a
 * future as {"$key":K} where `key_of` names it and else as {"$future":index}; keys of maps that are
 * not strings as their JSON text. Any other type:
 * {"$bytes":base64}. `key_of` may be NULL. False when the bytes are no such value or `out` is full;
 * `out` is as it was before.
 */
bool value_to_json(struct buf *out, struct slice type, struct slice bytes,
	bool (*key_of)(void *ctx, uint32_t index, struct slice *key), void *ctx);

/* The index in an EXT_FUTURE's four bytes; false when it is malformed. */
bool future_index(struct slice ext, uint32_t *index);

#endif
