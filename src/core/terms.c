/*
 * Terms of tasks, each distinct one kept once and counted: a block of a million tasks with the same
 * priority has one, and a task names its terms by a number.
 */
#include "core/impl.h"

static const struct terms no_terms;

/* What of the terms is part of the spec (a second submit under the key must have the same). */
static struct fp128 resources_of(const struct terms *t)
{
	struct terms only = {.nresources = t->nresources};
	struct fp128 fp = {0};
	struct buf bytes;

	if (!t->nresources)
		return fp;
	memcpy(only.resources, t->resources, sizeof(only.resources));
	buf_init(&bytes, LIMIT_SPEC_BYTES);
	terms_encode(&bytes, &only);
	ensure(!bytes.failed);
	fp = fp128_of(buf_slice(&bytes));
	buf_release(&bytes);
	return fp;
}

static uint32_t slot_for(struct core *c, struct terms_kept *k)
{
	uint32_t at = c->terms_spare;

	if (at) {
		c->terms_spare = c->terms[at].next;
	} else {
		if (c->nterms + 1 >= c->terms_cap) {
			c->terms_cap = c->terms_cap ? c->terms_cap * 2 : 16;
			c->terms = xreallocarray(c->terms, c->terms_cap, sizeof(*c->terms));
		}
		at = ++c->nterms;
	}
	c->terms[at] = (struct terms_slot){.kept = k};
	return at;
}

uint32_t terms_take(struct core *c, struct slice bytes, const char **why)
{
	struct terms_kept *k;
	struct fp128 fp;
	uint64_t at;

	if (slice_is_empty(bytes))
		return 0;
	fp = fp128_of(bytes);
	if (fpmap_get(&c->terms_ids, fp, &at)) {
		c->terms[at].kept->refs++;
		return (uint32_t)at;
	}
	k = xcalloc(1, sizeof(*k));
	k->bytes = xmemdup(bytes.p, bytes.n);
	if (!terms_decode(slice_of(k->bytes, bytes.n), &k->t, why)) {
		free(k->bytes);
		free(k);
		return 0;
	}
	k->bytes_fp = fp;
	k->resources_fp = resources_of(&k->t);
	k->refs = 1;
	at = slot_for(c, k);
	ensure(fpmap_put(&c->terms_ids, fp, at));
	return (uint32_t)at;
}

void terms_drop(struct core *c, uint32_t at)
{
	struct terms_kept *k = at ? c->terms[at].kept : NULL;

	if (!k || --k->refs)
		return;
	fpmap_remove(&c->terms_ids, k->bytes_fp, NULL);
	demand_links_drop(c, k->demands);
	free(k->bytes);
	free(k);
	c->terms[at] = (struct terms_slot){.next = c->terms_spare};
	c->terms_spare = at;
}

/* All of them, when the core ends. */
void terms_free(struct core *c)
{
	for (uint32_t i = 1; i <= c->nterms; i++)
		if (c->terms[i].kept) {
			free(c->terms[i].kept->bytes);
			free(c->terms[i].kept);
		}
	free(c->terms);
	fpmap_release(&c->terms_ids);
}

const struct terms *task_terms(const struct core *c, const struct block *b, uint32_t idx)
{
	uint32_t at = b->terms ? b->terms[b->flags & BLOCK_ARRAY ? 0 : idx] : 0;

	return at ? &c->terms[at].kept->t : &no_terms;
}

struct fp128 terms_resources(const struct core *c, uint32_t at)
{
	return at ? c->terms[at].kept->resources_fp : (struct fp128){0};
}
