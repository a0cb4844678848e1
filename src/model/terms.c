/*
 * Terms: their bytes, one canonical msgpack map with ascending keys, values that say something
 * only, and lists in byte order (terms.h).
 */
#include "model/terms.h"

#include "codec/cursor.h"
#include "codec/pack.h"
#include "model/decode.h"
#include "model/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	TERM_PRIORITY = 1,
	TERM_RETRIES,
	TERM_BACKOFF,
	TERM_TIMEOUT,
	TERM_DELAY,
	TERM_AT,
	TERM_DEADLINE,
	TERM_ON_DEP_FAILURE,
	TERM_POLICY,
	TERM_RETENTION = 11, /* 10: kept for replicas */
	TERM_ALLOW_OTHER,
	TERM_RESOURCES,
	TERM_WORKERS,
	TERM_HOSTS,
	TERM_LABELS,
	TERM_END
};

/* Later than any clock that is right: sums of two of them do not overflow. */
#define TIME_MAX_US (UINT64_MAX / 4)

static int by_bytes(const void *a, const void *b)
{
	return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

static int by_name(const void *a, const void *b)
{
	return slice_cmp(((const struct amount *)a)->name, ((const struct amount *)b)->name);
}

static void put_number(struct buf *out, unsigned key, uint64_t v)
{
	if (!v)
		return;
	pack_u64(out, key);
	pack_u64(out, v);
}

static void put_names(struct buf *out, unsigned key, const struct slice *names, uint32_t n)
{
	struct slice sorted[TERMS_PLACES];

	if (!n)
		return;
	memcpy(sorted, names, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), by_bytes);
	pack_u64(out, key);
	pack_array(out, n);
	for (uint32_t i = 0; i < n; i++)
		pack_str(out, sorted[i]);
}

static void put_resources(struct buf *out, const struct terms *t)
{
	struct amount sorted[TERMS_PLACES];

	if (!t->nresources)
		return;
	memcpy(sorted, t->resources, t->nresources * sizeof(*sorted));
	qsort(sorted, t->nresources, sizeof(*sorted), by_name);
	pack_u64(out, TERM_RESOURCES);
	pack_map(out, t->nresources);
	for (uint32_t i = 0; i < t->nresources; i++) {
		pack_str(out, sorted[i].name);
		pack_u64(out, sorted[i].parts);
	}
}

static uint32_t how_many(const struct terms *t)
{
	return (t->priority != 0) + (t->retries != 0) + (t->backoff_us != 0) +
	       (t->timeout_us != 0) + (t->delay_us != 0) + (t->at_us != 0) + (t->deadline_us != 0) +
	       (t->on_dep_failure != 0) + t->store + t->has_retention + t->allow_other +
	       (t->nresources != 0) + (t->nworkers != 0) + (t->nhosts != 0) + (t->nlabels != 0);
}

void terms_encode(struct buf *out, const struct terms *t)
{
	uint32_t n = how_many(t);

	if (!n)
		return;
	pack_map(out, n);
	if (t->priority) {
		pack_u64(out, TERM_PRIORITY);
		pack_i64(out, t->priority);
	}
	put_number(out, TERM_RETRIES, t->retries);
	put_number(out, TERM_BACKOFF, t->backoff_us);
	put_number(out, TERM_TIMEOUT, t->timeout_us);
	put_number(out, TERM_DELAY, t->delay_us);
	put_number(out, TERM_AT, t->at_us);
	put_number(out, TERM_DEADLINE, t->deadline_us);
	put_number(out, TERM_ON_DEP_FAILURE, t->on_dep_failure);
	put_number(out, TERM_POLICY, t->store);
	if (t->has_retention) {
		pack_u64(out, TERM_RETENTION);
		pack_u64(out, t->retention_us);
	}
	put_number(out, TERM_ALLOW_OTHER, t->allow_other);
	put_resources(out, t);
	put_names(out, TERM_WORKERS, t->workers, t->nworkers);
	put_names(out, TERM_HOSTS, t->hosts, t->nhosts);
	put_names(out, TERM_LABELS, t->labels, t->nlabels);
}

/* A number that says something: another than zero, up to max. */
static uint64_t get_number(struct cursor *c, uint64_t max)
{
	uint64_t v = cursor_u64(c);

	if (cursor_ok(c) && (v == 0 || v > max))
		cursor_fail(c, "terms: a number out of its range");
	return v;
}

static struct slice get_name(struct cursor *c, const struct slice *before)
{
	struct slice s = cursor_str_limit(c, LIMIT_NAME_BYTES, LIMIT_TEXT(NAME_BYTES));

	if (cursor_ok(c) && (s.n == 0 || (before && slice_cmp(*before, s) >= 0)))
		cursor_fail(c, "terms: a name is empty, comes twice or is out of order");
	return s;
}

static uint32_t get_names(struct cursor *c, struct slice *names)
{
	uint32_t n = cursor_array_limit(c, TERMS_PLACES, LIMIT_TEXT(TERMS_NAMES));

	if (cursor_ok(c) && n == 0)
		cursor_fail(c, "terms: an empty list");
	for (uint32_t i = 0; i < n && cursor_ok(c); i++)
		names[i] = get_name(c, i ? &names[i - 1] : NULL);
	return n;
}

static void get_resources(struct cursor *c, struct terms *t)
{
	t->nresources = cursor_map(c);
	if (cursor_ok(c) && (t->nresources == 0 || t->nresources > TERMS_PLACES)) {
		cursor_fail(c, LIMIT_TEXT(TERMS_NAMES));
		t->nresources = 0;
	}
	for (uint32_t i = 0; i < t->nresources && cursor_ok(c); i++) {
		t->resources[i].name = get_name(c, i ? &t->resources[i - 1].name : NULL);
		t->resources[i].parts = get_number(c, UINT64_MAX / 2);
	}
}

static void get_priority(struct cursor *c, struct terms *t)
{
	int64_t v = cursor_i64(c);

	if (cursor_ok(c) && (v == 0 || v < INT32_MIN || v > INT32_MAX))
		cursor_fail(c, "terms: a priority out of its range");
	t->priority = (int32_t)v;
}

/* The field of a time; NULL: the key is no time's. */
static uint64_t *time_of(struct terms *t, uint64_t key)
{
	switch (key) {
	case TERM_BACKOFF:
		return &t->backoff_us;
	case TERM_TIMEOUT:
		return &t->timeout_us;
	case TERM_DELAY:
		return &t->delay_us;
	case TERM_AT:
		return &t->at_us;
	case TERM_DEADLINE:
		return &t->deadline_us;
	default:
		return NULL;
	}
}

static void get_retention(struct cursor *c, struct terms *t)
{
	t->has_retention = true;
	t->retention_us = cursor_u64(c);
	if (t->retention_us > TIME_MAX_US)
		cursor_fail(c, "terms: a number out of its range");
}

static void get_place(struct cursor *c, struct terms *t, uint64_t key)
{
	if (key == TERM_ALLOW_OTHER)
		t->allow_other = get_number(c, 1);
	else if (key == TERM_RESOURCES)
		get_resources(c, t);
	else if (key == TERM_WORKERS)
		t->nworkers = get_names(c, t->workers);
	else if (key == TERM_HOSTS)
		t->nhosts = get_names(c, t->hosts);
	else if (key == TERM_LABELS)
		t->nlabels = get_names(c, t->labels);
	else
		cursor_fail(c, "terms: an unknown one");
}

static void get_term(struct cursor *c, struct terms *t, uint64_t key)
{
	uint64_t *time = time_of(t, key);

	if (time)
		*time = get_number(c, TIME_MAX_US);
	else if (key == TERM_PRIORITY)
		get_priority(c, t);
	else if (key == TERM_RETRIES)
		t->retries = (uint32_t)get_number(c, UINT32_MAX);
	else if (key == TERM_ON_DEP_FAILURE)
		t->on_dep_failure = (enum dep_policy)get_number(c, DEP_RUN);
	else if (key == TERM_POLICY)
		t->store = get_number(c, 1);
	else if (key == TERM_RETENTION)
		get_retention(c, t);
	else
		get_place(c, t, key);
}

bool terms_decode(struct slice in, struct terms *out, const char **why)
{
	struct cursor c;
	uint64_t before = 0;
	uint32_t n;

	*out = (struct terms){0};
	if (slice_is_empty(in))
		return true;
	cursor_init(&c, in);
	n = cursor_map(&c);
	if (cursor_ok(&c) && n == 0)
		cursor_fail(&c, "terms: empty");
	for (uint32_t i = 0; i < n && cursor_ok(&c); i++) {
		uint64_t key = cursor_u64(&c);

		if (key <= before)
			cursor_fail(&c, "terms: out of order");
		else
			get_term(&c, out, key);
		before = key;
	}
	if (cursor_ok(&c) && !cursor_at_end(&c))
		cursor_fail(&c, "terms: bytes left over");
	if (cursor_ok(&c))
		return true;
	*why = cursor_error(&c);
	return false;
}

static bool digits(struct slice *s, uint64_t *v, unsigned *n)
{
	for (*n = 0; s->n && *s->p >= '0' && *s->p <= '9'; ++*n) {
		if (__builtin_mul_overflow(*v, 10u, v) ||
			__builtin_add_overflow(*v, (uint64_t)(*s->p - '0'), v))
			return false;
		*s = slice_of(s->p + 1, s->n - 1);
	}
	return true;
}

bool amount_parse(struct slice text, uint64_t *parts)
{
	static const char units[] = "KMGT";
	unsigned whole, places = 0;
	const char *unit;

	*parts = 0;
	if (!digits(&text, parts, &whole))
		return false;
	if (text.n && *text.p == '.') {
		text = slice_of(text.p + 1, text.n - 1);
		if (!digits(&text, parts, &places) || places == 0 || places > 4)
			return false;
	}
	if (whole + places == 0)
		return false;
	for (; places < 4; places++)
		if (__builtin_mul_overflow(*parts, 10u, parts))
			return false;
	if (text.n == 1 && (unit = strchr(units, *text.p)) && *unit) {
		for (; unit >= units; unit--)
			if (__builtin_mul_overflow(*parts, 1024u, parts))
				return false;
		text.n = 0;
	}
	return text.n == 0 && *parts <= UINT64_MAX / 2;
}

size_t amount_format(char out[AMOUNT_TEXT_BYTES], uint64_t parts)
{
	static const char units[] = " KMGT";
	const char *unit = units;
	int n;

	while (unit[1] && parts && parts % (1024u * (uint64_t)AMOUNT_UNIT) == 0) {
		parts /= 1024;
		unit++;
	}
	n = snprintf(out, AMOUNT_TEXT_BYTES, "%llu.%04llu",
		(unsigned long long)(parts / AMOUNT_UNIT),
		(unsigned long long)(parts % AMOUNT_UNIT));
	while (out[n - 1] == '0')
		n--;
	if (out[n - 1] == '.')
		n--;
	if (unit > units)
		out[n++] = *unit;
	out[n] = '\0';
	return (size_t)n;
}
