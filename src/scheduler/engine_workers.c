/*
 * Workers in the answers to queries: what they offer, and what of that is in use.
 */
#include "scheduler/engine_impl.h"

#include "base/str.h"
#include "codec/pack.h"

static void pack_amounts(
	struct buf *out, const char *name, const struct offer *o, const uint64_t *parts)
{
	pack_cstr(out, name);
	pack_map(out, o->nresources);
	for (uint32_t i = 0; i < o->nresources; i++) {
		uint64_t v = parts ? parts[i] : o->resources[i].parts;

		pack_str(out, o->resources[i].name);
		if (v % AMOUNT_UNIT == 0)
			pack_u64(out, v / AMOUNT_UNIT);
		else
			pack_double(out, (double)v / AMOUNT_UNIT);
	}
}

/* NAME=VALUE as an object; one without a value has an empty one. */
static void pack_labels(struct buf *out, const struct offer *o)
{
	pack_cstr(out, "labels");
	pack_map(out, o->nlabels);
	for (uint32_t i = 0; i < o->nlabels; i++) {
		struct slice name, value;

		str_split(o->labels[i], '=', &name, &value);
		pack_str(out, name);
		pack_str(out, value);
	}
}

static void pack_users(struct engine *e, struct buf *out, const struct core_worker_view *w)
{
	const struct offer *o = w->offer;

	pack_cstr(out, "users");
	if (o->any_user) {
		pack_cstr(out, "any");
		return;
	}
	pack_array(out, o->nusers + 1);
	pack_str(out, core_user_name(e->core, w->user));
	for (uint32_t i = 0; i < o->nusers; i++)
		pack_str(out, o->users[i]);
}

void engine_pack_worker(struct engine *e, struct buf *out, const struct core_worker_view *w)
{
	pack_map(out, 10);
	pack_cstr(out, "name");
	pack_str(out, w->name);
	engine_pack_count(out, "slots", w->slots);
	engine_pack_count(out, "running", w->running);
	engine_pack_count(out, "held_bytes", w->held_bytes);
	pack_cstr(out, "state");
	pack_cstr(out, w->connected ? "connected" : "lost contact");
	pack_cstr(out, "host");
	pack_str(out, w->offer->host);
	pack_amounts(out, "resources", w->offer, NULL);
	pack_amounts(out, "used", w->offer, w->used);
	pack_labels(out, w->offer);
	pack_users(e, out, w);
}
