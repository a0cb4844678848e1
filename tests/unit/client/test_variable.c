/* Variables: sets are done once, gets wait, watches tell each in order, over lost connections. */
#include "check_client.h"

#include <dq/coordination.h>

static int set_int(struct dq_client *c, const char *name, int64_t value, uint64_t *version)
{
	struct dq_content content = DQ_CONTENT_INIT;
	struct dq_args *args = dq_args_new();
	int code;

	dq_args_int(args, value);
	content.args = args;
	code = dq_variable_set(c, name, &content, 5, version);
	dq_args_free(&args);
	return code;
}

START_TEST(values_of_all_kinds)
{
	struct dq_content content = DQ_CONTENT_INIT;
	uint64_t frames[2] = {1, 3}, version;
	struct dq_variable v;
	struct fake f;
	struct dq_client *c;
	int64_t n;

	fake_start(&f);
	c = client_of(&f);
	ck_assert_int_eq(set_int(c, "x", 7, &version), 0);
	ck_assert_uint_eq(version, 1);
	ck_assert_int_eq(dq_variable_get(c, "x", 0, 5, &v), 0);
	ck_assert_int_eq(dq_value_int(&v.value, &n), 0);
	ck_assert(n == 7 && v.version == 1 && !v.future);
	dq_variable_release(&v);
	content.type = "array";
	content.bytes = "abcd";
	content.n = 4;
	content.frames = frames;
	content.nframes = 2;
	ck_assert_int_eq(dq_variable_set(c, "x", &content, 5, NULL), 0);
	ck_assert_int_eq(dq_variable_get(c, "x", 1, 5, &v), 0);
	ck_assert_str_eq(v.value.type, "array");
	ck_assert(v.value.n == 4 && v.value.nframes == 2 && v.value.frames[1] == 3);
	dq_variable_release(&v);
	dq_variable_release(&v);
	ck_assert_int_eq(dq_variable_delete(c, "x", 5), 0);
	ck_assert_int_eq(dq_variable_get(c, "x", 0, 0, &v), DQ_E_TIMEOUT);
	ck_assert_uint_eq(v.version, 0);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

/* The reply is lost, the client sends the request again, and is told what was done. */
START_TEST(a_set_is_done_once)
{
	struct fake f;
	struct dq_client *c;
	uint64_t version;

	fake_start(&f);
	f.script.lose_taken_seq = 2;
	f.script.lose_after_seq = 3;
	c = client_of(&f);
	for (uint64_t i = 1; i <= 4; i++) {
		ck_assert_int_eq(set_int(c, "x", 1, &version), 0);
		ck_assert_uint_eq(version, i);
	}
	ck_assert_uint_eq(f.deals, 4);
	ck_assert_uint_eq(f.connections, 3);
	ck_assert_uint_eq(f.resent, 1);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

START_TEST(compare_and_set)
{
	struct fake f;
	struct dq_client *c;
	uint64_t version = 9;

	fake_start(&f);
	c = client_of(&f);
	ck_assert_int_eq(dq_variable_set_if(c, "x", 3, NULL, 5, &version), DQ_E_CONFLICT);
	ck_assert_uint_eq(version, 0);
	ck_assert_int_eq(dq_variable_set_if(c, "x", 0, NULL, 5, &version), 0);
	ck_assert_int_eq(dq_variable_set_if(c, "x", 1, NULL, 5, &version), 0);
	ck_assert_uint_eq(version, 2);
	ck_assert_int_eq(dq_variable_set_if(c, "x", 1, NULL, 5, &version), DQ_E_CONFLICT);
	ck_assert_uint_eq(version, 2);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

struct seen {
	unsigned calls;
	uint64_t last;
	int error;
	struct dq_watch *free_it;
};

static void on_version(const struct dq_variable *v, int error, const char *text, void *arg)
{
	struct seen *s = arg;

	s->calls++;
	s->error = error;
	if (error) {
		ck_assert_str_eq(text, "not yours");
		return;
	}
	ck_assert_uint_gt(v->version, s->last);
	s->last = v->version;
	dq_watch_free(&s->free_it);
}

START_TEST(watches_go_on)
{
	struct seen a = {.calls = 0}, b = {.calls = 0}, ours = {.calls = 0};
	struct dq_watch *watch, *refused;
	struct fake f;
	struct dq_client *c;

	fake_start(&f);
	c = client_of(&f);
	ck_assert_int_eq(dq_variable_watch(c, "x", 0, on_version, &a, &watch), 0);
	ck_assert_int_eq(dq_variable_watch(c, "x", 1, on_version, &b, &b.free_it), 0);
	ck_assert_int_eq(dq_variable_watch(c, "ours/x", 0, on_version, &ours, &refused), 0);
	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(set_int(c, "x", i, NULL), 0);
		while (a.last < (uint64_t)i + 1)
			ck_assert_int_eq(dq_client_process(c), 0);
		if (i == 1)
			fake_drop(&f);
	}
	ck_assert_uint_eq(a.calls, 4);
	ck_assert_uint_eq(b.calls, 1); /* freed inside */
	ck_assert_uint_eq(b.last, 2);
	ck_assert(ours.calls == 1 && ours.error == DQ_E_REFUSED);
	dq_watch_free(&watch);
	ck_assert_ptr_null(watch);
	ck_assert_int_eq(set_int(c, "x", 9, NULL), 0);
	ck_assert_int_eq(dq_client_process(c), 0);
	ck_assert_uint_eq(a.calls, 4);
	dq_client_close(&c);
	dq_watch_free(&refused);
	fake_stop(&f);
}
END_TEST

/* A wait goes on over a lost connection, and is refused where it must be. */
START_TEST(gets_wait)
{
	struct dq_variable v;
	struct fake f;
	struct dq_client *c;

	fake_start(&f);
	c = client_of(&f);
	ck_assert_int_eq(dq_variable_get(c, "x", 0, 0.05, &v), DQ_E_TIMEOUT);
	fake_drop(&f);
	ck_assert_int_eq(dq_variable_get(c, "x", 0, 0.05, &v), DQ_E_TIMEOUT);
	ck_assert_int_eq(dq_variable_get(c, "ours/x", 0, 5, &v), DQ_E_REFUSED);
	ck_assert_str_eq(dq_client_error(c), "not yours");
	ck_assert_int_eq(set_int(c, "x", 1, NULL), 0);
	ck_assert_int_eq(dq_variable_get(c, "x", 0, 0, &v), 0);
	dq_variable_release(&v);
	ck_assert_uint_ge(f.connections, 2);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

START_TEST(futures_are_named_by_what_they_are)
{
	struct dq_content content = DQ_CONTENT_INIT;
	struct dq_variable v;
	struct fake f;
	struct dq_client *c;

	fake_start(&f);
	f.script.alias_id = task_id(3, 9);
	f.script.alias_seq = 1;
	c = client_of(&f);
	content.future = submit_one(c, "old");
	ck_assert_int_eq(dq_variable_set(c, "x", &content, 5, NULL), 0);
	ck_assert_uint_eq(f.variables[0].task, task_id(3, 9));
	ck_assert_int_eq(dq_variable_get(c, "x", 0, 5, &v), 0);
	ck_assert_ptr_null(v.value.type);
	ck_assert_uint_eq(dq_future_id(v.future), task_id(3, 9));
	dq_variable_release(&v);
	ck_assert_ptr_null(v.future);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

START_TEST(what_cannot_be_put)
{
	struct dq_content content = DQ_CONTENT_INIT;
	struct dq_args *args = dq_args_new();
	static char large[(1 << 20) + 1];
	uint64_t frames[2] = {1, 3};
	struct dq_future *one;
	struct fake f;
	struct dq_client *c, *other;

	fake_start(&f);
	c = client_of(&f);
	content.type = "b";
	content.bytes = large;
	content.n = sizeof(large);
	ck_assert_int_eq(dq_variable_set(c, "x", &content, 5, NULL), DQ_E_LIMIT);
	content.n = 3;
	content.frames = frames;
	content.nframes = 2;
	ck_assert_int_eq(dq_variable_set(c, "x", &content, 5, NULL), DQ_E_USAGE);
	content = (struct dq_content)DQ_CONTENT_INIT;
	dq_args_array(args, 1);
	dq_args_key(args, "k");
	content.args = args;
	ck_assert_int_eq(dq_variable_set(c, "x", &content, 5, NULL), DQ_E_USAGE);
	content.size = 0;
	ck_assert_int_eq(dq_variable_set(c, "x", &content, 5, NULL), DQ_E_USAGE);
	ck_assert_int_eq(dq_variable_set(c, "", NULL, 5, NULL), DQ_E_USAGE);
	ck_assert_int_eq(dq_variable_set(c, NULL, NULL, 5, NULL), DQ_E_USAGE);
	one = submit_one(c, NULL);
	content = (struct dq_content){.size = sizeof(content), .future = one};
	other = client_failed(DQ_E_IO, "spoilt");
	ck_assert_int_eq(dq_variable_set(other, "x", &content, 5, NULL), DQ_E_IO);
	dq_client_close(&other);
	ck_assert_uint_eq(f.deals, 0);
	dq_args_free(&args);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

TCase *tcase_variable(void)
{
	TCase *tc = tcase_create("variable");

	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, values_of_all_kinds);
	tcase_add_test(tc, a_set_is_done_once);
	tcase_add_test(tc, compare_and_set);
	tcase_add_test(tc, watches_go_on);
	tcase_add_test(tc, gets_wait);
	tcase_add_test(tc, futures_are_named_by_what_they_are);
	tcase_add_test(tc, what_cannot_be_put);
	return tc;
}
