/*
 * The bytes of one record of each kind, by hand against doc/disk-format.md and doc/protocol.md. A
 * change here is a change of the disk format or of the protocol: append elements, and never
 * renumber.
 */
#include "check_model.h"

#include "../../fuzz/targets.h"
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct golden {
	const char *target;
	unsigned sample;
	const char *hex;
};

static const struct golden goldens[] = {
#include "golden.inc"
};

static const struct target *find(const char *name)
{
	for (unsigned i = 0; i < model_target_count; i++) {
		if (strcmp(model_targets[i].name, name) == 0)
			return &model_targets[i];
	}
	ck_abort_msg("no target %s", name);
	return NULL;
}

START_TEST(bytes_are_as_ever)
{
	const struct golden *g = &goldens[_i];
	struct buf bytes, hex;

	buf_init(&bytes, 65536);
	buf_init(&hex, 65536);
	find(g->target)->sample(&bytes, g->sample);
	hex_encode(&hex, buf_slice(&bytes));
	ck_assert_str_eq(buf_cstr(&hex), g->hex);
	buf_release(&bytes);
	buf_release(&hex);
}
END_TEST

START_TEST(none_is_missing)
{
	size_t n = 0;

	for (unsigned i = 0; i < model_target_count; i++)
		n += model_targets[i].samples;
	ck_assert_uint_eq(n, sizeof(goldens) / sizeof(goldens[0]));
}
END_TEST

TCase *case_golden(void)
{
	TCase *tc = tcase_create("golden");

	tcase_add_loop_test(tc, bytes_are_as_ever, 0, (int)(sizeof(goldens) / sizeof(goldens[0])));
	tcase_add_test(tc, none_is_missing);
	return tc;
}
