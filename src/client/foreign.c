/*
 * Foreign futures (foreign.h). Arrays stand in a vector that is sorted when something is looked up
 * after an addition; each entry knows how far those up to it reach, so that a look-up goes back no
 * further than it must. Thousands of arrays are watched at once by who waits for all of a user's
 * tasks.
 */
#include "client/foreign.h"
#include "client/array.h"
#include "client/futures.h"

#include "base/alloc.h"
#include "base/ensure.h"

void foreign_init(struct foreign *fs)
{
	*fs = (struct foreign){.sorted = true};
	map64_init(&fs->by_id);
}

void foreign_release(struct foreign *fs)
{
	map64_release(&fs->by_id);
	free(fs->v);
	foreign_init(fs);
}

bool foreign_is_empty(const struct foreign *fs)
{
	return map64_count(&fs->by_id) == 0 && fs->n == fs->removed;
}

static bool array_add(struct foreign *fs, struct dq_future *f)
{
	if (fs->n == fs->cap) {
		size_t cap = fs->cap ? fs->cap * 2 : 16;
		struct foreign_array *v = try_realloc(fs->v, cap * sizeof(*v));

		if (!v)
			return false;
		fs->v = v;
		fs->cap = cap;
	}
	f->more->foreign_at = fs->n;
	fs->v[fs->n++] = (struct foreign_array){.first = f->id, .f = f};
	fs->sorted = false;
	return true;
}

bool foreign_add(struct foreign *fs, struct dq_future *f)
{
	if (!future_more(f))
		return false;
	if (f->kind == FUTURE_ARRAY) {
		if (!array_add(fs, f))
			return false;
	} else {
		f->more->next_same = map64_get_ptr(&fs->by_id, f->id);
		if (!map64_put_ptr(&fs->by_id, f->id, f))
			return false;
	}
	f->flags |= FUTURE_FOREIGN;
	return true;
}

void chain_remove(struct map64 *m, uint64_t key, struct dq_future *f)
{
	struct dq_future *at = map64_get_ptr(m, key);

	ensure(at != NULL);
	if (at == f) {
		uint64_t *slot = map64_find(m, key);

		if (f->more->next_same)
			*slot = (uint64_t)(uintptr_t)f->more->next_same;
		else
			(void)map64_remove(m, key, NULL);
	} else {
		while (at->more->next_same != f) {
			at = at->more->next_same;
			ensure(at != NULL);
		}
		at->more->next_same = f->more->next_same;
	}
	f->more->next_same = NULL;
}

static int by_first(const void *a, const void *b)
{
	const struct foreign_array *x = a, *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

static void sort(struct foreign *fs)
{
	uint64_t reach = 0;
	size_t to = 0;

	for (size_t i = 0; i < fs->n; i++)
		if (fs->v[i].f)
			fs->v[to++] = fs->v[i];
	fs->n = to;
	fs->removed = 0;
	fs->sorted = true;
	if (to > 1)
		qsort(fs->v, to, sizeof(*fs->v), by_first);
	for (size_t i = 0; i < to; i++) {
		uint64_t end = fs->v[i].first + future_count(fs->v[i].f);

		reach = end > reach ? end : reach;
		fs->v[i].reach = reach;
		fs->v[i].f->more->foreign_at = i;
	}
}

void foreign_remove(struct foreign *fs, struct dq_future *f)
{
	if (f->kind == FUTURE_ARRAY) {
		ensure(fs->v[f->more->foreign_at].f == f);
		fs->v[f->more->foreign_at].f = NULL;
		if (++fs->removed > 16 && fs->removed > fs->n / 2)
			sort(fs);
	} else {
		chain_remove(&fs->by_id, f->id, f);
	}
	f->flags &= (uint16_t)~FUTURE_FOREIGN;
}

/* The first entry that begins at `id` or later. */
static size_t search(const struct foreign *fs, uint64_t id)
{
	size_t lo = 0, hi = fs->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (fs->v[mid].first < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool foreign_each_array(struct foreign *fs, uint64_t first, uint64_t count,
	bool (*fn)(struct dq_future *f, void *arg), void *arg)
{
	if (fs->n == fs->removed)
		return true;
	if (!fs->sorted)
		sort(fs);
	for (size_t i = search(fs, first + count); i-- > 0 && fs->v[i].reach > first;) {
		struct dq_future *f = fs->v[i].f;

		if (f && fs->v[i].first + future_count(f) > first && !fn(f, arg))
			return false;
	}
	return true;
}
