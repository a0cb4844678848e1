/*
 * Things: what tasks and clients share by name, and their records (doc/disk-format.md, thing).
 * Readers borrow from the bytes. Nothing allocates. Any thread.
 */
#ifndef MODEL_THING_H
#define MODEL_THING_H

#include "base/buf.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

/* Stored, and on the wire: do not renumber. */
enum thing_kind { THING_VARIABLE = 2 };
#define THING_KINDS 3 /* past the last */

struct thing_record {
	enum thing_kind kind;
	struct slice ns, name;
	uint32_t owner; /* user */
	uint64_t created_us;
	union {
		struct {
			uint64_t version;     /* from 1 */
			uint64_t task;        /* 0: it holds a content */
			struct slice content; /* model/content.h; empty where there is a task */
		} variable;
	};
};
void thing_record_encode(struct buf *out, const struct thing_record *r);
bool thing_record_decode(struct slice in, struct thing_record *out, const char **why);

/* "variable"; "?" for a number that is no kind. */
const char *thing_kind_word(enum thing_kind kind);

#endif
