/*
 * Terms: what is written comes back, in one form only; amounts of resources are exact.
 */
#include "check_model.h"

#include "codec/pack.h"
#include "model/terms.h"

static struct buf bytes;

static void setup(void)
{
	buf_init(&bytes, 1 << 20);
}

static void teardown(void)
{
	buf_release(&bytes);
}

START_TEST(nothing_said_is_nothing)
{
	struct terms t = {0}, back = {.priority = 1};
	const char *why;

	terms_encode(&bytes, &t);
	ck_assert_uint_eq(bytes.n, 0);
	ck_assert(terms_decode(slice_empty(), &back, &why));
	ck_assert_int_eq(back.priority, 0);
}
END_TEST

START_TEST(all_of_them_come_back)
{
	struct terms back, t = {.priority = -7,
				   .retries = 3,
				   .backoff_us = 200000,
				   .timeout_us = 1,
				   .delay_us = 2,
				   .at_us = 1800000000000000,
				   .deadline_us = 3,
				   .on_dep_failure = DEP_RUN,
				   .store = true,
				   .has_retention = true,
				   .retention_us = 0,
				   .allow_other = true,
				   .nresources = 2,
				   .resources = {{slice_str("gpus"), 5000}, {slice_str("cpus"), 1}},
				   .nworkers = 1,
				   .workers = {slice_str("w")},
				   .nhosts = 2,
				   .hosts = {slice_str("b"), slice_str("a")},
				   .nlabels = 1,
				   .labels = {slice_str("zone=x")}};
	const char *why = NULL;

	terms_encode(&bytes, &t);
	ck_assert_msg(terms_decode(buf_slice(&bytes), &back, &why), "%s", why);
	ck_assert_int_eq(back.priority, -7);
	ck_assert_uint_eq(back.retries, 3);
	ck_assert_uint_eq(back.backoff_us, 200000);
	ck_assert_uint_eq(back.timeout_us, 1);
	ck_assert_uint_eq(back.delay_us, 2);
	ck_assert_uint_eq(back.at_us, 1800000000000000);
	ck_assert_uint_eq(back.deadline_us, 3);
	ck_assert_int_eq(back.on_dep_failure, DEP_RUN);
	ck_assert(back.store && back.has_retention && back.retention_us == 0 && back.allow_other);
	ck_assert_uint_eq(back.nresources, 2);
	ck_assert(slice_eq_str(back.resources[0].name, "cpus") && back.resources[0].parts == 1);
	ck_assert(slice_eq_str(back.hosts[0], "a") && slice_eq_str(back.hosts[1], "b"));
	ck_assert(slice_eq_str(back.workers[0], "w") && slice_eq_str(back.labels[0], "zone=x"));
}
END_TEST

START_TEST(another_form_is_refused)
{
	static const char *const forms[] = {
		"\x80",                   /* empty */
		"\x81\x01\x00",           /* a priority that says nothing */
		"\x82\x02\x01\x01\x05",   /* out of order */
		"\x81\x08\x03",           /* a policy that is none */
		"\x81\x09\x02",           /* a result policy that is none */
		"\x81\x0a\x02",           /* replicas: not there yet */
		"\x81\x20\x01",           /* unknown */
		"\x81\x02\x01\x01",       /* bytes left over */
		"\x81\x0e\x92\xa1w\xa1w", /* a name twice */
	};
	struct terms t;
	const char *why;

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		why = NULL;
		size_t n = i == 1 ? 3 : strlen(forms[i]);

		ck_assert_msg(!terms_decode(slice_of(forms[i], n), &t, &why), "%zu", i);
		ck_assert_ptr_nonnull(why);
	}
}
END_TEST

START_TEST(amounts_are_exact)
{
	static const struct {
		const char *text;
		uint64_t parts;
		const char *shown;
	} good[] = {
		{"1", 10000, "1"},
		{"0.5", 5000, "0.5"},
		{"2.5000", 25000, "2.5"},
		{"0.0001", 1, "0.0001"},
		{"4G", 4ull << 30 << 0, NULL},
		{"1K", 10240000, "1K"},
		{"1.5K", 15360000, "1536"},
		{"0", 0, "0"},
	};
	static const char *const bad[] = {"", ".", "1.", ".5x", "1.00001", "-1", "1 ", "1KK",
		"99999999999999999999", "9000000T"};
	char shown[AMOUNT_TEXT_BYTES];
	uint64_t v;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ck_assert_msg(amount_parse(slice_str(good[i].text), &v), "%s", good[i].text);
		ck_assert_uint_eq(v, good[i].shown ? good[i].parts : good[i].parts * AMOUNT_UNIT);
		amount_format(shown, v);
		ck_assert_str_eq(shown, good[i].shown ? good[i].shown : good[i].text);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!amount_parse(slice_str(bad[i]), &v), "%s", bad[i]);
}
END_TEST

TCase *case_terms(void)
{
	TCase *tc = tcase_create("terms");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, nothing_said_is_nothing);
	tcase_add_test(tc, all_of_them_come_back);
	tcase_add_test(tc, another_form_is_refused);
	tcase_add_test(tc, amounts_are_exact);
	return tc;
}
