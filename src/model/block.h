/*
 * A block: the tasks of one submit, as one record (doc/disk-format.md, block; doc/protocol.md,
 * submit body). The body is the client's bytes, kept as they came; the scheduler adds a head and
 * the resolved dependencies. Readers borrow from the bytes they read. Nothing here allocates. Any
 * thread.
 */
#ifndef MODEL_BLOCK_H
#define MODEL_BLOCK_H

#include "base/buf.h"
#include "base/slice.h"
#include "codec/cursor.h"
#include "model/ids.h"

#include <stdbool.h>
#include <stdint.h>

#define BLOCK_ARRAY 1u /* flag: one entry, count elements */

/* Flags of a SUBMIT besides (doc/protocol.md, graphs in parts); a block never has them. */
#define SUBMIT_STAGED 2u /* a part: not alive before the commit of the whole */
#define SUBMIT_BEGIN 4u  /* the first part */
#define SUBMIT_COMMIT 8u /* no tasks: the parts come to life together */
#define SUBMIT_ABORT 16u /* no tasks: the parts are dropped */

struct block_record {
	uint64_t first;
	uint64_t count;
	uint32_t flags;
	uint32_t session;
	uint64_t seq; /* the session's request that made it */
	uint32_t user;
	uint64_t order;
	uint64_t submitted_us; /* wall clock */
	struct slice ns;
	struct slice deps; /* u64 little-endian ids, task after task; see block_dep() */
	struct slice body;
};

void block_record_encode(struct buf *out, const struct block_record *r);
/* False when the bytes are no such record; then *why says what is wrong (static text). */
bool block_record_decode(struct slice in, struct block_record *out, const char **why);

/* The i-th resolved dependency of a block, counted over all its tasks. */
static inline uint64_t block_dep(struct slice deps, uint64_t i)
{
	uint64_t v = 0;

	for (int b = 7; b >= 0; b--)
		v = v << 8 | deps.p[i * 8 + (unsigned)b];
	return v;
}

enum spec_kind { SPEC_FUNC = 0, SPEC_EXEC = 1 };

/* One entry of a body. */
struct block_entry {
	struct slice key; /* empty: generated */
	uint32_t ndeps;
	struct cursor deps; /* at the first dependency; read with block_entry_dep() */
	bool detached, once, recompute;
	uint32_t at_once;     /* of an array: at most so many leased at a time; 0: no bound */
	uint32_t first_index; /* of an array: its elements are KEY[first_index] and on */
	uint32_t nlabels;
	struct cursor labels; /* at the first label (str) */
	struct slice terms;   /* model/terms.h; empty: none. The reader does not look inside */
	struct slice spec;    /* the whole spec, msgpack */
	enum spec_kind kind;
};

/* A dependency as the client named it: an id, or a key where id is 0. */
struct dep_ref {
	uint64_t id;
	struct slice key;
};

struct block_reader {
	struct cursor c;
	const char *why; /* set when a read failed: what is wrong, naming the limit where one was
			    passed */
};

void block_reader_init(struct block_reader *r, struct slice body);
/* Reads and validates the next entry (limits, key form, spec shape to its first level). False at a
 * fault: r->why. */
bool block_reader_next(struct block_reader *r, struct block_entry *e);
/* The next dependency of the entry. Call exactly e->ndeps times. */
bool block_entry_dep(struct block_entry *e, struct dep_ref *d);
/* The next label. Call exactly e->nlabels times. */
bool block_entry_label(struct block_entry *e, struct slice *label);
/* Appends an entry, as clients do: e->ndeps of deps and e->nlabels of labels (e->deps and e->labels
 * are not read). After the one entry of an array its inputs follow: nil, or an array. */
void block_entry_encode(struct buf *out, const struct block_entry *e, const struct dep_ref *deps,
	const struct slice *labels);
/* After the one entry of an array: its inputs. Sets *n to 0 where there are none, else leaves the
 * cursor at the first. The caller compares *n with the count that was asked for. */
bool block_reader_inputs(struct block_reader *r, uint64_t *n, struct cursor *inputs);
/* True when nothing is left over. */
bool block_reader_end(struct block_reader *r);

/* Generated keys: "dq-SESSION-N". */
#define GENERATED_KEY_BYTES 24
size_t key_generate(char out[GENERATED_KEY_BYTES], uint64_t id);
/* The id that a generated key names, or 0. */
uint64_t key_parse_generated(struct slice key);
/* True for a key that a user may give: 1 to 255 bytes of UTF-8 without control characters, '/', '['
 * or ']', not of the generated form; *why says what is wrong. */
bool key_is_valid(struct slice key, const char **why);
/* 1 to 64 bytes of the same characters. */
bool namespace_is_valid(struct slice ns, const char **why);
/* Splits "ns/key" (ns empty where there is none) and "key[17]" (*element = -1 where there is none).
 */
bool key_split(struct slice text, struct slice *ns, struct slice *key, int64_t *element);

/* What a task runs. Slices borrow from the spec. */
struct spec {
	enum spec_kind kind;
	/* func */
	struct slice function;
	struct slice args; /* one msgpack value */
	/* exec */
	uint32_t argc;
	struct cursor argv; /* at the first word: a str, or an array of parts (str, ext) */
	uint32_t nenv;
	struct cursor env; /* at the first name */
	struct slice cwd;
	struct slice input; /* standard input */
	bool has_input;
};

/* A function's spec; empty args are nil. A command's is written by the client piece by piece. */
void spec_encode_func(struct buf *out, struct slice function, struct slice args);
bool spec_decode(struct slice in, struct spec *out, const char **why);

/* Extension types in arguments and words (doc/protocol.md). */
#define EXT_FUTURE 1  /* 4 bytes big-endian: an index into the task's dependencies */
#define EXT_ELEMENT 2 /* empty: the array's input for this element */
#define EXT_INDEX 3   /* empty: the element's index */

#endif
