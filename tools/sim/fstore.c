/*
 * The fake store: sorted arrays of records. Neighbours: driver.c applies batches when a commit is
 * through; audit.c and watch.c read. Nothing fails here: failures are the driver's.
 */
#include "sim/fstore.h"

#include "base/alloc.h"
#include "base/ensure.h"

#include <string.h>

void fstore_init(struct fstore *f)
{
	*f = (struct fstore){.commits = 0};
}

void fstore_release(struct fstore *f)
{
	for (unsigned t = 0; t < TABLE_END; t++) {
		for (uint32_t i = 0; i < f->table[t].n; i++)
			free(f->table[t].v[i]);
		free(f->table[t].v);
	}
	fstore_init(f);
}

uint32_t fstore_seek(const struct fstore *f, enum table table, struct slice key)
{
	const struct ftable *t = &f->table[table];
	uint32_t lo = 0, hi = t->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (slice_cmp(key_slice(&t->v[mid]->key), key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool stands_at(const struct ftable *t, uint32_t i, struct slice key)
{
	return i < t->n && slice_eq(key_slice(&t->v[i]->key), key);
}

bool fstore_get(const struct fstore *f, enum table table, struct slice key, struct slice *value)
{
	const struct ftable *t = &f->table[table];
	uint32_t i = fstore_seek(f, table, key);

	if (!stands_at(t, i, key))
		return false;
	*value = slice_of(t->v[i]->bytes, t->v[i]->n);
	return true;
}

void fstore_at(const struct fstore *f, enum table table, uint32_t i, struct slice *key,
	struct slice *value)
{
	const struct frecord *r = f->table[table].v[i];

	ensure(i < f->table[table].n);
	*key = key_slice(&r->key);
	*value = slice_of(r->bytes, r->n);
}

static struct frecord *record_new(const struct batch_op *op)
{
	struct frecord *r = xmalloc(sizeof(*r) + op->value.n);

	ensure(op->is_put);
	r->key = key_of_slice(op->key);
	r->n = (uint32_t)op->value.n;
	if (op->value.n)
		memcpy(r->bytes, op->value.p, op->value.n);
	return r;
}

static void put(struct ftable *t, uint32_t i, const struct batch_op *op)
{
	if (stands_at(t, i, op->key)) {
		free(t->v[i]);
		t->v[i] = record_new(op);
		return;
	}
	if (t->n == t->cap) {
		t->cap = t->cap ? t->cap * 2 : 64;
		t->v = xreallocarray(t->v, t->cap, sizeof(struct frecord *));
	}
	memmove(t->v + i + 1, t->v + i, (t->n - i) * sizeof(struct frecord *));
	t->v[i] = record_new(op);
	t->n++;
}

static void del(struct ftable *t, uint32_t i, struct slice key)
{
	if (!stands_at(t, i, key))
		return;
	free(t->v[i]);
	t->n--;
	memmove(t->v + i, t->v + i + 1, (t->n - i) * sizeof(struct frecord *));
}

static void move(struct ftable *t, uint32_t i, const struct batch_op *op)
{
	struct batch_op moved = {.is_put = true, .table = op->table, .key = op->value};
	uint32_t to = 0;
	uint8_t *bytes;

	if (!stands_at(t, i, op->key))
		return;
	bytes = xmemdup(t->v[i]->bytes, t->v[i]->n);
	moved.value = slice_of(bytes, t->v[i]->n);
	del(t, i, op->key);
	while (to < t->n && slice_cmp(key_slice(&t->v[to]->key), op->value) < 0)
		to++;
	put(t, to, &moved);
	free(bytes);
}

void fstore_apply(struct fstore *f, const struct batch *batch)
{
	struct batch_op op;
	size_t pos = 0;

	while (batch_next(batch, &pos, &op)) {
		uint32_t i = fstore_seek(f, op.table, op.key);

		ensure(key_fits(op.table, op.key));
		if (op.is_move)
			move(&f->table[op.table], i, &op);
		else if (op.is_put)
			put(&f->table[op.table], i, &op);
		else
			del(&f->table[op.table], i, op.key);
	}
	f->commits++;
}

uint64_t fstore_bytes(const struct fstore *f)
{
	uint64_t sum = 0;

	for (unsigned t = 0; t < TABLE_END; t++)
		for (uint32_t i = 0; i < f->table[t].n; i++)
			sum += f->table[t].v[i]->n;
	return sum;
}
