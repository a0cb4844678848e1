/*
 * The terms of a task: how, when and where it may run, beyond what it runs (doc/protocol.md,
 * terms). Most tasks have none, and many share the same ones: the bytes are canonical, so that
 * equal terms are equal bytes and the scheduler keeps each once. Readers borrow. Nothing allocates.
 * Any thread.
 */
#ifndef MODEL_TERMS_H
#define MODEL_TERMS_H

#include "base/buf.h"
#include "base/slice.h"
#include "model/limits.h"

#include <stdbool.h>
#include <stdint.h>

#define TERMS_PLACES LIMIT_TERMS_NAMES
#define AMOUNT_UNIT 10000 /* amounts of resources are in parts of so many: 0.5 cpus is 5000 */

/* What to do when a dependency did not end done; stored: do not renumber. */
enum dep_policy { DEP_FAIL = 0, DEP_SKIP = 1, DEP_RUN = 2 };

struct amount {
	struct slice name;
	uint64_t parts; /* AMOUNT_UNIT to one */
};

struct terms {
	int32_t priority;     /* higher first */
	uint32_t retries;     /* failures that are tried again */
	uint64_t backoff_us;  /* before the first of those; doubles each time */
	uint64_t timeout_us;  /* of a run; 0: none */
	uint64_t delay_us;    /* from its submit; 0: none */
	uint64_t at_us;       /* not before this wall clock time; 0: any */
	uint64_t deadline_us; /* from its submit; 0: none */
	enum dep_policy on_dep_failure;
	bool store; /* its result is kept by the scheduler, whatever its size */
	bool has_retention;
	uint64_t retention_us; /* after its end and its last hold */
	/* what a worker must have */
	bool allow_other; /* the restrictions are a wish */
	uint32_t nresources, nworkers, nhosts, nlabels;
	struct amount resources[TERMS_PLACES]; /* by name, ascending, each once */
	struct slice workers[TERMS_PLACES];    /* any of these names; likewise ordered */
	struct slice hosts[TERMS_PLACES];      /* any of these hosts */
	struct slice labels[TERMS_PLACES];     /* all of these, NAME=VALUE */
};

/* Nothing is appended for terms that say nothing. The lists need not be ordered; a name that comes
 * twice is the caller's fault and is refused by the reader. */
void terms_encode(struct buf *out, const struct terms *t);
/* Empty bytes are no terms. False for what terms_encode would not have made: *why. */
bool terms_decode(struct slice in, struct terms *out, const char **why);

/* A decimal with at most four places, and K, M, G or T for powers of 1024, exactly: false for
 * anything else. */
bool amount_parse(struct slice text, uint64_t *parts);
/* As people write it: "1.5", "4G". Returns its length. */
#define AMOUNT_TEXT_BYTES 32
size_t amount_format(char out[AMOUNT_TEXT_BYTES], uint64_t parts);

#endif
