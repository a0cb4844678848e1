/*
 * Labels: each distinct set is kept once and counted, as terms are, and a task names its set by a
 * number.
 */
#include "core/impl.h"

static uint32_t slot_for(struct core *c, const struct label_set *set)
{
	uint32_t at = c->labels_spare;

	if (at) {
		c->labels_spare = c->labels[at - 1].next;
	} else {
		if (c->nlabels == c->labels_cap) {
			c->labels_cap = c->labels_cap ? c->labels_cap * 2 : 16;
			c->labels = xreallocarray(c->labels, c->labels_cap, sizeof(*c->labels));
		}
		at = ++c->nlabels;
	}
	c->labels[at - 1] = *set;
	return at;
}

uint32_t labels_take(struct core *c, struct block_entry *e)
{
	struct buf text;
	struct fp128 fp;
	uint64_t at = 0;

	buf_init(&text, LIMIT_LABELS * (LIMIT_LABEL_BYTES + 1));
	for (uint32_t i = 0; i < e->nlabels; i++) {
		struct slice l = cursor_str(&e->labels);

		buf_append_slice(&text, l);
		buf_append_byte(&text, 0);
	}
	if (!cursor_ok(&e->labels) || text.failed) {
		buf_release(&text);
		return 0;
	}
	fp = fp128_of(buf_slice(&text));
	if (!fpmap_get(&c->label_ids, fp, &at)) {
		at = slot_for(
			c, &(struct label_set){
				   .text = xmemdup(text.p, text.n), .n = e->nlabels, .fp = fp});
		ensure(fpmap_put(&c->label_ids, fp, at));
	}
	c->labels[at - 1].refs++;
	buf_release(&text);
	return (uint32_t)at;
}

void labels_drop(struct core *c, uint32_t at)
{
	struct label_set *set = at ? &c->labels[at - 1] : NULL;

	if (!set || --set->refs)
		return;
	fpmap_remove(&c->label_ids, set->fp, NULL);
	free(set->text);
	*set = (struct label_set){.next = c->labels_spare};
	c->labels_spare = at;
}

bool labels_check(const struct core *c)
{
	uint64_t *refs = xcalloc(c->nlabels + 1, sizeof(*refs));
	uint32_t used = 0;
	bool ok = true;

	for (const struct list *l = c->blocks.next; l != &c->blocks; l = l->next) {
		const struct block *b = container_of(l, struct block, in_order);

		for (uint64_t i = 0; b->label && i < (b->flags & BLOCK_ARRAY ? 1 : b->count); i++)
			refs[b->label[i]]++;
	}
	for (uint32_t i = 0; i < c->nlabels; i++) {
		ok = ok && c->labels[i].refs == refs[i + 1];
		used += c->labels[i].text != NULL;
	}
	free(refs);
	return ok && used == fpmap_count(&c->label_ids);
}

uint32_t core_task_labels(const struct core *c, uint64_t id, struct slice *out, uint32_t max)
{
	const struct label_set *set;
	struct place p;
	uint32_t n = 0, at;

	if (!place_of(c, id, &p) || !p.block->label)
		return 0;
	at = p.block->label[p.block->flags & BLOCK_ARRAY ? 0 : p.idx];
	if (!at)
		return 0;
	set = &c->labels[at - 1];
	for (const char *t = set->text; n < set->n && n < max; t += strlen(t) + 1)
		out[n++] = slice_str(t);
	return n;
}

bool core_task_has_label(const struct core *c, uint64_t id, struct slice label)
{
	struct slice l[LIMIT_LABELS];
	uint32_t n = core_task_labels(c, id, l, LIMIT_LABELS);

	for (uint32_t i = 0; i < n; i++)
		if (slice_eq(l[i], label))
			return true;
	return false;
}
