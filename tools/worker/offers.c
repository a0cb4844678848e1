/*
 * --resource, --label and --users of dq-worker.
 */
#include "offers.h"

#include "base/str.h"
#include "model/limits.h"

#include <stdarg.h>
#include <stdio.h>

struct reading {
	struct offer *out;
	char *why;
	size_t why_bytes;
};

static bool wrong(const struct reading *r, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static bool wrong(const struct reading *r, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(r->why, r->why_bytes, format, ap);
	va_end(ap);
	return false;
}

static bool is_name(struct slice s)
{
	return s.n > 0 && s.n <= LIMIT_NAME_BYTES;
}

static bool read_resource(const struct reading *r, const char *text)
{
	struct amount *a = &r->out->resources[r->out->nresources];
	struct slice amount;

	if (r->out->nresources == OFFER_PLACES)
		return wrong(r, "--resource: %s", LIMIT_TEXT(TERMS_NAMES));
	if (!str_split(slice_str(text), '=', &a->name, &amount) || !is_name(a->name) ||
		!amount_parse(amount, &a->parts))
		return wrong(r, "--resource: not NAME=AMOUNT, a decimal of at most four places: %s",
			text);
	for (uint32_t i = 0; i < r->out->nresources; i++)
		if (slice_eq(r->out->resources[i].name, a->name))
			return wrong(r, "--resource: comes twice: %s", text);
	r->out->nresources++;
	return true;
}

static bool read_label(const struct reading *r, const char *text)
{
	struct slice name, value, all = slice_str(text);

	if (r->out->nlabels == OFFER_PLACES)
		return wrong(r, "--label: %s", LIMIT_TEXT(TERMS_NAMES));
	if (!str_split(all, '=', &name, &value) || name.n == 0 || !is_name(all))
		return wrong(r, "--label: not NAME=VALUE: %s", text);
	r->out->labels[r->out->nlabels++] = all;
	return true;
}

static bool read_users(const struct reading *r, const char *text)
{
	struct slice rest = slice_str(text), name;
	bool more = true;

	if (slice_eq_str(rest, "any")) {
		r->out->any_user = true;
		return true;
	}
	while (more) {
		more = str_split(rest, ',', &name, &rest);
		if (!is_name(name))
			return wrong(r, "--users: not USER,USER,... or any: %s", text);
		if (r->out->nusers == OFFER_PLACES)
			return wrong(r, "--users: %s", LIMIT_TEXT(TERMS_NAMES));
		r->out->users[r->out->nusers++] = name;
	}
	return true;
}

static bool read_all(const struct reading *r, const struct opt_list *list,
	bool (*one)(const struct reading *, const char *))
{
	for (size_t i = 0; i < list->n; i++)
		if (!one(r, list->v[i]))
			return false;
	return true;
}

bool read_offer(const struct opt_list *resources, const struct opt_list *labels,
	const struct opt_list *users, struct offer *out, char *why, size_t why_bytes)
{
	struct reading r = {.out = out, .why = why, .why_bytes = why_bytes};

	*out = (struct offer){.slots = 1};
	return read_all(&r, resources, read_resource) && read_all(&r, labels, read_label) &&
	       read_all(&r, users, read_users);
}
