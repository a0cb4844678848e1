/*
 * The simulator's own parts, each alone: the fake store against batches, pipes that break, the
 * book's expectations.
 */
#include "sim/sim.h"

#include "base/alloc.h"
#include "base/ensure.h"

#include <stdio.h>
#include <stdlib.h>

static void check_store(void)
{
	struct fstore f;
	struct batch b;
	struct slice v;
	struct key k = key_task(7, 0), other = key_task(3, 0);

	fstore_init(&f);
	batch_init(&b);
	batch_put(&b, TABLE_TASK, k, slice_str("seven"));
	batch_put(&b, TABLE_TASK, other, slice_str("three"));
	batch_put(&b, TABLE_TASK, k, slice_str("sieben"));
	fstore_apply(&f, &b);
	ensure(f.table[TABLE_TASK].n == 2);
	ensure(fstore_get(&f, TABLE_TASK, key_slice(&k), &v) && slice_eq_str(v, "sieben"));
	ensure(fstore_seek(&f, TABLE_TASK, key_slice(&other)) == 0);
	ensure(!fstore_get(&f, TABLE_BLOCK, key_slice(&k), &v));
	batch_clear(&b);
	batch_del(&b, TABLE_TASK, k);
	batch_del(&b, TABLE_TASK, k);
	fstore_apply(&f, &b);
	ensure(!fstore_get(&f, TABLE_TASK, key_slice(&k), &v) && f.table[TABLE_TASK].n == 1);
	ensure(f.commits == 2 && fstore_bytes(&f) == 5);
	batch_release(&b);
	fstore_release(&f);
}

/* A broken pipe brings a prefix, then its end, and takes nothing more. */
static void check_pipe(void)
{
	struct rng rng;

	rng_init(&rng, 1);
	for (int round = 0; round < 100; round++) {
		struct link *l = link_new(1, NULL);
		struct packet *p;
		uint8_t i = 0;

		for (uint8_t n = 0; n < 5; n++)
			pipe_put(&l->up, slice_of(&n, 1));
		pipe_break(&l->up, &rng);
		pipe_put(&l->up, slice_str("late"));
		while ((p = pipe_take(&l->up)) != NULL) {
			ensure(p->n == 1 && p->bytes[0] == i++);
			free(p);
		}
		ensure(i <= 5 && pipe_is_ready(&l->up, 0));
		pipe_deafen(&l->up);
		ensure(!pipe_is_ready(&l->up, 0));
		link_free(&l);
	}
}

static void check_book(void)
{
	struct book b;
	struct book_task *t, *d;

	book_init(&b);
	t = book_add(&b, task_id(1, 1));
	t->fn = FN_FAIL;
	d = book_add(&b, task_id(1, 2));
	d->fn = FN_SMALL;
	d->deps[d->ndeps++] = t->id;
	ensure(book_find(&b, task_id(1, 2)) == d && !book_find(&b, 5));
	ensure(book_may_end(&b, t, TASK_DONE, CAUSE_NONE, true) != NULL);
	ensure(book_may_end(&b, t, TASK_FAILED, CAUSE_ERROR, true) == NULL);
	ensure(book_may_end(&b, d, TASK_FAILED, CAUSE_DEPENDENCY, true) == NULL);
	ensure(book_may_end(&b, d, TASK_CANCELLED, CAUSE_DEPENDENCY, true) != NULL);
	t->cancel_made = true;
	ensure(book_may_end(&b, d, TASK_CANCELLED, CAUSE_DEPENDENCY, true) == NULL);
	book_hold_add(d, 1);
	ensure(book_hold(d, 1) && !book_hold(d, 2));
	book_session_ended(&b, 1);
	ensure(!book_hold(d, 1) && d->ever_unheld);
	ensure(book_checksum(5, 100) == book_checksum(5, 100) &&
		book_checksum(5, 100) != book_checksum(6, 100));
	ensure(fn_of_word(slice_str("large")) == FN_LARGE &&
		fn_of_word(slice_str("none")) == FN_COUNT);
	book_release(&b);
}

int main(void)
{
	check_store();
	check_pipe();
	check_book();
	printf("ok\n");
	return 0;
}
