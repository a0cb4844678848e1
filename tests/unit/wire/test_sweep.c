/*
 * Every decoder of wire/ with samples, with samples cut at each byte, and with random changes.
 */
#include "check_wire.h"

#include "../../fuzz/sweep.h"

START_TEST(accepts_samples)
{
	sweep_samples(&wire_targets[_i]);
}
END_TEST

START_TEST(refuses_cuts)
{
	sweep_cuts(&wire_targets[_i]);
}
END_TEST

START_TEST(survives_changes)
{
	const struct target *t = &wire_targets[_i];
	struct buf b;

	buf_init(&b, 65536);
	for (unsigned i = 0; i < t->samples; i++) {
		buf_clear(&b);
		t->sample(&b, i);
		sweep_mutations(t, buf_slice(&b), 2000, i + 1);
	}
	buf_release(&b);
}
END_TEST

TCase *case_sweep(void)
{
	TCase *tc = tcase_create("sweep");

	tcase_add_loop_test(tc, accepts_samples, 0, (int)wire_target_count);
	tcase_add_loop_test(tc, refuses_cuts, 0, (int)wire_target_count);
	tcase_add_loop_test(tc, survives_changes, 0, (int)wire_target_count);
	return tc;
}
