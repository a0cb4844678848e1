/*
 * The terms of a spec (priority, times, what a worker must have) into bytes. Seconds become
 * microseconds, amounts parts of AMOUNT_UNIT, exactly or not at all.
 */
#include "client/spec.h"
#include "client/client.h"

#include "base/str.h"
#include "model/terms.h"

#include <string.h>

#define SECONDS_MAX 1e11 /* some 3,000 years */

static int seconds(struct dq_client *c, const char *name, double s, uint64_t *us)
{
	if (!(s >= 0 && s <= SECONDS_MAX))
		return client_error(c, DQ_E_USAGE, "%s: not a time in seconds: %g", name, s);
	*us = (uint64_t)(s * 1e6 + 0.5);
	if (s > 0 && *us == 0)
		*us = 1;
	return 0;
}

static int names(struct dq_client *c, const char *what, const char *const *list, struct slice *out,
	uint32_t *n)
{
	for (; list && list[*n]; ++*n) {
		if (*n == TERMS_PLACES)
			return client_error(c, DQ_E_LIMIT, "%s", LIMIT_TEXT(TERMS_NAMES));
		out[*n] = slice_str(list[*n]);
		if (out[*n].n == 0 || out[*n].n > LIMIT_NAME_BYTES)
			return client_error(c, DQ_E_LIMIT, "%s: %s", what, LIMIT_TEXT(NAME_BYTES));
		for (uint32_t i = 0; i < *n; i++)
			if (slice_eq(out[i], out[*n]))
				return client_error(
					c, DQ_E_USAGE, "%s: comes twice: %s", what, list[*n]);
	}
	return 0;
}

static int resources(struct dq_client *c, const char *const *list, struct terms *t)
{
	for (; list && list[t->nresources]; t->nresources++) {
		const char *text = list[t->nresources];
		struct amount *a = &t->resources[t->nresources];
		struct slice amount;

		if (t->nresources == TERMS_PLACES)
			return client_error(c, DQ_E_LIMIT, "%s", LIMIT_TEXT(TERMS_NAMES));
		if (!str_split(slice_str(text), '=', &a->name, &amount) || a->name.n == 0 ||
			a->name.n > LIMIT_NAME_BYTES || !amount_parse(amount, &a->parts) ||
			a->parts == 0)
			return client_error(c, DQ_E_USAGE,
				"resource: not NAME=AMOUNT, a decimal of at most four places: %s",
				text);
		for (uint32_t i = 0; i < t->nresources; i++)
			if (slice_eq(t->resources[i].name, a->name))
				return client_error(
					c, DQ_E_USAGE, "resource: comes twice: %s", text);
	}
	return 0;
}

static int times(struct dq_client *c, const struct dq_spec *s, struct terms *t)
{
	int code = seconds(c, "backoff", s->backoff_s, &t->backoff_us);

	if (code == 0)
		code = seconds(c, "timeout", s->timeout_s, &t->timeout_us);
	if (code == 0)
		code = seconds(c, "delay", s->delay_s, &t->delay_us);
	if (code == 0)
		code = seconds(c, "at", s->at_s, &t->at_us);
	if (code == 0)
		code = seconds(c, "deadline", s->deadline_s, &t->deadline_us);
	t->has_retention = s->retention_s != 0;
	if (code == 0 && s->retention_s != DQ_RETENTION_NONE)
		code = seconds(c, "retention", s->retention_s, &t->retention_us);
	return code;
}

static bool has_terms(const struct dq_spec *s)
{
	return s->priority || s->retries || s->backoff_s != 0 || s->timeout_s != 0 ||
	       s->delay_s != 0 || s->at_s != 0 || s->deadline_s != 0 || s->on_dep_failure ||
	       s->policy || s->retention_s != 0 || s->resources || s->workers || s->hosts ||
	       s->worker_labels || s->allow_other;
}

int terms_pack(struct dq_client *c, struct buf *out, const struct dq_spec *s)
{
	struct terms t = {.priority = s->priority,
		.retries = s->retries,
		.on_dep_failure = (enum dep_policy)s->on_dep_failure,
		.store = s->policy == DQ_POLICY_STORE,
		.allow_other = s->allow_other};
	int code;

	buf_clear(out);
	if (!has_terms(s))
		return 0;
	if ((unsigned)s->on_dep_failure > DQ_DEP_RUN || (unsigned)s->policy > DQ_POLICY_STORE)
		return client_error(c, DQ_E_USAGE, "a spec with a policy that is none");
	code = times(c, s, &t);
	if (code == 0)
		code = resources(c, s->resources, &t);
	if (code == 0)
		code = names(c, "worker", s->workers, t.workers, &t.nworkers);
	if (code == 0)
		code = names(c, "host", s->hosts, t.hosts, &t.nhosts);
	if (code == 0)
		code = names(c, "worker label", s->worker_labels, t.labels, &t.nlabels);
	if (code)
		return code;
	terms_encode(out, &t);
	return out->failed ? client_error_code(c, DQ_E_NO_MEMORY) : 0;
}
