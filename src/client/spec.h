/*
 * From a dq_spec to an entry of a submit's body (doc/protocol.md, submit body). The same spec in
 * the same place of the program gives the same bytes: the environment is sorted by name.
 */
#ifndef CLIENT_SPEC_H
#define CLIENT_SPEC_H

#include "base/buf.h"
#include "base/slice.h"
#include "client/args.h"

#include <dq/client.h>

#include <stdbool.h>
#include <stddef.h>

struct dq_client;

/* Scratch memory for encoding, kept by the client. */
struct spec_scratch {
	struct buf spec; /* the inner spec */
	struct dep_ref *deps;
	size_t ndeps, cap;
	struct buf terms;
	struct buf keys; /* the texts of key references, which deps point into */
};

void spec_scratch_init(struct spec_scratch *s);
void spec_scratch_release(struct spec_scratch *s);
/*
 * Checks the spec and appends its entry. key: the spec's key without its namespace, empty for a
 * generated one. 0, or a code with the client's error set; `out` is as it was then.
 */
int spec_encode(struct dq_client *c, struct buf *out, const struct dq_spec *spec, struct slice key);
/* The spec's terms (model/terms.h) in place of what `out` has; nothing where it has none. */
int terms_pack(struct dq_client *c, struct buf *out, const struct dq_spec *spec);
/* The spec's fields by its own size: those it has not are zero. False: the size is none. */
bool spec_load(struct dq_spec *out, const struct dq_spec *spec);

#endif
