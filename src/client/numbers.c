/*
 * The numbers of a session's futures (numbers.h).
 */
#include "client/numbers.h"

#include "base/alloc.h"
#include "base/ensure.h"

#include <stdlib.h>

bool numbers_room(struct futures *fs)
{
	struct range *v;
	size_t cap, to = 0;

	if (fs->dead > 64 && fs->dead > fs->nranges / 2) {
		for (size_t i = 0; i < fs->nranges; i++)
			if (fs->ranges[i].object)
				fs->ranges[to++] = fs->ranges[i];
		fs->nranges = to;
		fs->dead = 0;
		fs->found = 0;
	}
	if (fs->nranges < fs->cap)
		return true;
	cap = fs->cap ? fs->cap * 2 : 16;
	v = try_realloc(fs->ranges, cap * sizeof(*v));
	if (!v)
		return false;
	fs->ranges = v;
	fs->cap = cap;
	return true;
}

void numbers_add(struct futures *fs, void *object, bool is_slab, uint64_t first_n, uint64_t count)
{
	ensure(fs->nranges < fs->cap);
	fs->ranges[fs->nranges++] = (struct range){.first_n = (uint32_t)first_n,
		.count = (uint32_t)count,
		.object = object,
		.is_slab = is_slab};
}

size_t futures_range(struct futures *fs, uint32_t n)
{
	size_t lo = 0, hi = fs->nranges;

	if (fs->found < hi && fs->ranges[fs->found].first_n <= n) {
		lo = fs->found;
		if (lo + 1 == hi || fs->ranges[lo + 1].first_n > n)
			return lo;
	}
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (fs->ranges[mid].first_n <= n)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == 0)
		return SIZE_MAX;
	fs->found = lo - 1;
	return lo - 1;
}

struct dq_future *futures_of_number(struct futures *fs, uint32_t n)
{
	size_t i = futures_range(fs, n);
	const struct range *r;
	struct slab *s;

	if (i == SIZE_MAX)
		return NULL;
	r = &fs->ranges[i];
	if (!r->object || n - r->first_n >= r->count)
		return NULL;
	if (!r->is_slab)
		return r->object;
	s = r->object;
	return n - r->first_n < s->used ? &s->f[n - r->first_n] : NULL;
}

void numbers_free(struct futures *fs, uint32_t first_n)
{
	size_t i = futures_range(fs, first_n);

	ensure(i != SIZE_MAX && fs->ranges[i].first_n == first_n && fs->ranges[i].object);
	fs->ranges[i].object = NULL;
	fs->dead++;
}

struct slab *slab_open(struct futures *fs)
{
	struct slab *s = fs->open;

	if (s && s->used < SLAB_FUTURES && s->first_n + s->used == fs->next_n)
		return s;
	if (!numbers_room(fs))
		return NULL;
	s = try_malloc(sizeof(*s));
	if (!s)
		return NULL;
	s->first_n = (uint32_t)fs->next_n;
	s->used = s->live = 0;
	if (fs->open && fs->open->live == 0) {
		numbers_free(fs, fs->open->first_n);
		free(fs->open);
	}
	fs->open = s;
	numbers_add(fs, s, true, s->first_n, SLAB_FUTURES);
	return s;
}

void slab_drop(struct futures *fs)
{
	struct range *r = &fs->ranges[fs->nranges - 1];

	ensure(fs->open && r->object == fs->open);
	free(fs->open);
	fs->open = NULL;
	fs->nranges--;
	fs->found = 0;
	if (fs->nranges > 0 && r[-1].is_slab && r[-1].object) {
		struct slab *s = r[-1].object;

		if (s->first_n + (uint64_t)s->used == fs->next_n)
			fs->open = s;
	}
}
