/*
 * Offers: their bytes, in JOIN and in a worker's record (offer.h).
 */
#include "model/offer.h"

#include "codec/cursor.h"
#include "codec/pack.h"
#include "model/decode.h"

enum { OFFER_FIELDS = 5 };

static struct slice get_name(struct cursor *c)
{
	struct slice s = cursor_str_limit(c, LIMIT_NAME_BYTES, LIMIT_TEXT(NAME_BYTES));

	if (cursor_ok(c) && s.n == 0)
		cursor_fail(c, "a name of a worker's offer is empty");
	return s;
}

static uint32_t get_names(struct slice in, struct slice *out, struct cursor *c)
{
	uint32_t n;

	cursor_init(c, in);
	n = cursor_array_limit(c, OFFER_PLACES, LIMIT_TEXT(TERMS_NAMES));
	for (uint32_t i = 0; i < n; i++)
		out[i] = get_name(c);
	return n;
}

static void get_resources(struct slice in, struct offer *o, struct cursor *c)
{
	cursor_init(c, in);
	o->nresources = cursor_map(c);
	if (o->nresources > OFFER_PLACES) {
		cursor_fail(c, LIMIT_TEXT(TERMS_NAMES));
		o->nresources = 0;
	}
	for (uint32_t i = 0; i < o->nresources; i++) {
		struct amount *a = &o->resources[i];

		a->name = get_name(c);
		a->parts = cursor_u64_max(c, UINT64_MAX / 2);
		for (uint32_t k = 0; k < i; k++)
			if (slice_eq(o->resources[k].name, a->name))
				cursor_fail(c, "a resource of a worker comes twice");
	}
}

/* True, or names. */
static void get_users(struct slice in, struct offer *o, struct cursor *c)
{
	cursor_init(c, in);
	o->any_user = cursor_type(c) == CURSOR_BOOL && cursor_bool(c);
	if (!o->any_user)
		o->nusers = get_names(in, o->users, c);
}

static bool closed(struct cursor *c, const char **why)
{
	if (cursor_ok(c) && !cursor_at_end(c))
		cursor_fail(c, "bytes left over in a worker's offer");
	*why = cursor_error(c);
	return cursor_ok(c);
}

bool offer_read(struct offer *o, struct slice host, struct slice resources, struct slice labels,
	struct slice users, const char **why)
{
	struct cursor c;

	*o = (struct offer){.slots = o->slots, .host = host};
	if (host.n > LIMIT_NAME_BYTES) {
		*why = LIMIT_TEXT(NAME_BYTES);
		return false;
	}
	if (resources.n) {
		get_resources(resources, o, &c);
		if (!closed(&c, why))
			return false;
	}
	if (labels.n) {
		o->nlabels = get_names(labels, o->labels, &c);
		if (!closed(&c, why))
			return false;
	}
	if (!users.n)
		return true;
	get_users(users, o, &c);
	return closed(&c, why);
}

void offer_put_resources(struct buf *out, const struct offer *o)
{
	if (!o->nresources)
		return;
	pack_map(out, o->nresources);
	for (uint32_t i = 0; i < o->nresources; i++) {
		pack_str(out, o->resources[i].name);
		pack_u64(out, o->resources[i].parts);
	}
}

static void put_names(struct buf *out, const struct slice *names, uint32_t n)
{
	pack_array(out, n);
	for (uint32_t i = 0; i < n; i++)
		pack_str(out, names[i]);
}

void offer_put_labels(struct buf *out, const struct offer *o)
{
	if (o->nlabels)
		put_names(out, o->labels, o->nlabels);
}

void offer_put_users(struct buf *out, const struct offer *o)
{
	if (o->any_user)
		pack_bool(out, true);
	else if (o->nusers)
		put_names(out, o->users, o->nusers);
}

/* Nil in the place of what appended nothing. */
static void put_or_nil(
	struct buf *out, void (*put)(struct buf *, const struct offer *), const struct offer *o)
{
	size_t before = out->n;

	put(out, o);
	if (out->n == before)
		pack_nil(out);
}

void offer_encode(struct buf *out, const struct offer *o)
{
	pack_array(out, OFFER_FIELDS);
	pack_u64(out, o->slots);
	pack_str(out, o->host);
	put_or_nil(out, offer_put_resources, o);
	put_or_nil(out, offer_put_labels, o);
	put_or_nil(out, offer_put_users, o);
}

bool offer_decode(struct slice in, struct offer *out, const char **why)
{
	struct slice host, resources, labels, users;
	struct cursor c;
	uint32_t have;

	*out = (struct offer){.slots = 1};
	if (slice_is_empty(in))
		return true;
	cursor_init(&c, in);
	have = cursor_array_min(&c, OFFER_FIELDS);
	out->slots = cursor_u32(&c);
	host = cursor_str(&c);
	resources = cursor_raw_or_nil(&c);
	labels = cursor_raw_or_nil(&c);
	users = cursor_raw_or_nil(&c);
	return record_end(&c, have, OFFER_FIELDS, why) &&
	       offer_read(out, host, resources, labels, users, why);
}
