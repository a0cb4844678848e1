/*
 * Submits in a transaction: one operation for all of them. The scheduler gives their ids, so each
 * has a key, by which other operations of the transaction may name it. See txn.h.
 */
#include "client/args.h"
#include "client/client.h"
#include "client/submit.h"
#include "client/txn.h"

#include "base/rng.h"
#include "model/limits.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Of a task's transaction: that of its futures. */
static struct dq_client *client_of(const struct dq_txn *txn, const struct dq_spec *spec)
{
	const struct dq_args *args = spec->function ? spec->args : spec->argv_words;

	if (!txn || !txn->task)
		return NULL;
	for (size_t i = 0; args && i < args->ndeps; i++)
		if (args->deps[i].future)
			return args->deps[i].future->client;
	return spec->after && spec->after[0] ? spec->after[0]->client : NULL;
}

static const char *key_of(struct dq_txn *txn, const struct dq_spec *spec)
{
	char text[64];

	if (spec->key)
		return arena_cstr(&txn->keys, slice_str(spec->key));
	snprintf(text, sizeof(text), "txn-%016" PRIx64 "%016" PRIx64, rng_os_u64(), rng_os_u64());
	return arena_cstr(&txn->keys, slice_str(text));
}

static int submit(struct dq_txn *txn, struct dq_client *c, struct dq_spec *spec, const char **key)
{
	int code;

	*key = key_of(txn, spec);
	if (!*key)
		return client_error_code(c, DQ_E_NO_MEMORY);
	if (strchr(*key, '/'))
		return client_error(c, DQ_E_USAGE,
			"a transaction submits into the namespace of its own user: %s", *key);
	if (txn->task)
		spec->detached = true;
	code = spec_encode(c, &txn->body, spec, slice_str(*key));
	if (code)
		return code;
	buf_append_byte(&txn->is_submit, 1);
	if (txn->is_submit.failed)
		return client_error_code(c, DQ_E_NO_MEMORY);
	txn->n++;
	txn->nsubmits++;
	return 0;
}

int dq_txn_submit(struct dq_txn *txn, const struct dq_spec *spec, const char **key)
{
	struct dq_spec whole;
	const char *ignored;
	bool loaded = spec_load(&whole, spec);
	struct dq_client *c;
	int code;

	key = key ? key : &ignored;
	*key = NULL;
	c = txn_begin(txn, loaded ? client_of(txn, &whole) : NULL, &code);
	if (code == 0 && !loaded)
		code = client_error(c, DQ_E_USAGE, "dq_spec: size is not set");
	if (code == 0)
		code = submit(txn, c, &whole, key);
	return txn_end(txn, c, code);
}
