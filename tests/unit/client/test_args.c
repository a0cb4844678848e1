/* Arguments, specs as bytes, values. */
#include "check_client.h"

#include "base/fault.h"
#include "client/args.h"
#include "client/value.h"
#include "model/block.h"

static struct buf packed(struct dq_args *args)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	args_pack(&b, args);
	return b;
}

static void expect_bytes(struct dq_args *args, const char *bytes, size_t n)
{
	struct buf b = packed(args);
	const char *why = "";

	ck_assert_int_eq(args_check(args, &why), 0);
	ck_assert_uint_eq(b.n, n);
	ck_assert_mem_eq(b.p, bytes, n);
	buf_release(&b);
}

START_TEST(args_are_one_value)
{
	struct dq_args *args = dq_args_new();

	expect_bytes(args, "\xc0", 1);
	dq_args_int(args, -1);
	expect_bytes(args, "\xff", 1);
	dq_args_str(args, "ab");
	expect_bytes(args,
		"\x92\xff\xa2"
		"ab",
		5);
	dq_args_clear(args);
	dq_args_map(args, 1);
	dq_args_str(args, "k");
	dq_args_array(args, 2);
	dq_args_bool(args, true);
	dq_args_nil(args);
	expect_bytes(args, "\x81\xa1k\x92\xc3\xc0", 6);
	dq_args_clear(args);
	dq_args_array(args, 0);
	dq_args_element(args);
	dq_args_index(args);
	expect_bytes(args, "\x93\x90\xc7\x00\x02\xc7\x00\x03", 8);
	dq_args_free(&args);
	ck_assert_ptr_null(args);
	dq_args_free(&args);
}
END_TEST

START_TEST(args_errors_stick)
{
	struct dq_args *args = dq_args_new();
	const char *why = "";

	dq_args_array(args, 2);
	dq_args_int(args, 1);
	ck_assert_int_eq(args_check(args, &why), DQ_E_USAGE);
	dq_args_int(args, 2);
	ck_assert_int_eq(args_check(args, &why), 0);
	dq_args_msgpack(args, "\x92\x01", 2);
	ck_assert_int_eq(args_check(args, &why), DQ_E_USAGE);
	dq_args_int(args, 3);
	ck_assert_int_eq(args_check(args, &why), DQ_E_USAGE);
	dq_args_clear(args);
	for (int i = 0; i < 65; i++)
		dq_args_array(args, 1);
	ck_assert_int_eq(args_check(args, &why), DQ_E_LIMIT);
	dq_args_clear(args);
	dq_args_msgpack(args, "\x01\x02\xa1z", 4);
	ck_assert_int_eq(args_check(args, &why), 0);
	ck_assert_uint_eq(args->values, 3);
	dq_args_free(&args);
	dq_args_int(NULL, 1);
}
END_TEST

/* Every allocation of building arguments fails in turn: an error, never a crash, and nothing leaks.
 */
START_TEST(args_without_memory)
{
	const char *why = "";
	char spec[64];

	if (!fault_is_built_in())
		return;
	for (unsigned nth = 1; nth < 20; nth++) {
		struct dq_args *args;

		snprintf(spec, sizeof(spec), "alloc.try:%u:error:ENOMEM", nth);
		ck_assert(fault_arm(spec, &why));
		args = dq_args_new();
		if (args) {
			for (int i = 0; i < 300; i++)
				dq_args_str(args, "some text that takes room");
			dq_args_key(args, "k");
		}
		fault_arm(NULL, &why);
		fault_reset_counts();
		if (args && args_check(args, &why))
			ck_assert_int_eq(args_check(args, &why), DQ_E_NO_MEMORY);
		dq_args_free(&args);
	}
}
END_TEST

/* The entry that a spec becomes, read back. */
static struct block_entry entry_of(
	struct dq_client *c, const struct dq_spec *spec, struct buf *out, struct spec *inner)
{
	struct block_reader r;
	struct block_entry e;
	const char *why = "";
	int code = spec_encode(c, out, spec, spec->key ? slice_str(spec->key) : slice_empty());

	ck_assert_msg(code == 0, "%s", c->error);
	block_reader_init(&r, buf_slice(out));
	ck_assert_msg(block_reader_next(&r, &e), "%s", r.why);
	ck_assert(block_reader_end(&r));
	ck_assert_msg(spec_decode(e.spec, inner, &why), "%s", why);
	return e;
}

START_TEST(specs_are_canonical)
{
	const char *argv[] = {"echo", "a b", NULL};
	const char *env1[] = {"B=2", "A=1", "B=3", NULL}, *env2[] = {"A=1", "B=3", NULL};
	const char *labels[] = {"l", NULL}, *keys[] = {"x", "u/y[3]", NULL};
	struct dq_spec spec = DQ_SPEC_INIT;
	struct dq_client *c = client_failed(DQ_E_CLOSED, "closed");
	struct buf one, two;
	struct block_entry e;
	struct spec inner;
	struct dep_ref dep;

	buf_init(&one, 1 << 20);
	buf_init(&two, 1 << 20);
	spec.argv = argv;
	spec.env = env1;
	spec.labels = labels;
	spec.after_keys = keys;
	spec.input = "in";
	spec.input_bytes = 2;
	spec.once = true;
	spec.key = "k";
	e = entry_of(c, &spec, &one, &inner);
	ck_assert(slice_eq_str(e.key, "k") && e.once && !e.detached && e.nlabels == 1 &&
		  e.ndeps == 2);
	ck_assert(block_entry_dep(&e, &dep) && slice_eq_str(dep.key, "x"));
	ck_assert(block_entry_dep(&e, &dep) && slice_eq_str(dep.key, "u/y[3]"));
	ck_assert(inner.kind == SPEC_EXEC && inner.argc == 2 && inner.nenv == 2 && inner.has_input);
	spec.env = env2;
	entry_of(c, &spec, &two, &inner);
	ck_assert(slice_eq(buf_slice(&one), buf_slice(&two)));
	buf_release(&one);
	buf_release(&two);
	dq_client_close(&c);
}
END_TEST

/* What an argument and --after both name, or either twice, is one dependency. */
START_TEST(dependencies_stand_once)
{
	const char *after[] = {"b", "a", "b", "c", NULL};
	struct dq_args *args = dq_args_new();
	struct dq_spec spec = DQ_SPEC_INIT;
	struct dq_client *c = client_failed(DQ_E_CLOSED, "closed");
	struct buf out;
	struct block_entry e;
	struct spec inner;
	struct dep_ref dep;

	buf_init(&out, 1 << 20);
	spec.function = "f";
	spec.args = args;
	spec.after_keys = after;
	for (int i = 0; i < 2; i++) {
		dq_args_key(args, "a");
		dq_args_key(args, "d");
	}
	e = entry_of(c, &spec, &out, &inner);
	ck_assert_uint_eq(e.ndeps, 4);
	for (uint32_t i = 0; i < e.ndeps; i++) {
		ck_assert(block_entry_dep(&e, &dep));
		ck_assert_int_eq(dep.key.n, 1);
		ck_assert_int_eq(dep.key.p[0], "adbc"[i]);
	}
	ck_assert_mem_eq(inner.args.p,
		"\x94\xd6\x01\0\0\0\0\xd6\x01\0\0\0\1"
		"\xd6\x01\0\0\0\0\xd6\x01\0\0\0\1",
		25);
	dq_args_free(&args);
	buf_release(&out);
	dq_client_close(&c);
}
END_TEST

START_TEST(specs_are_checked)
{
	struct dq_spec spec = DQ_SPEC_INIT, none = {0};
	struct dq_client *c = client_failed(DQ_E_CLOSED, "closed");
	const char *argv[] = {NULL, NULL}, *env[] = {"novalue", NULL}, *words[] = {"a", NULL};
	struct buf out;

	buf_init(&out, 1 << 20);
	ck_assert_int_eq(spec_encode(c, &out, &spec, slice_empty()), DQ_E_USAGE);
	spec.argv = argv;
	ck_assert_int_eq(spec_encode(c, &out, &spec, slice_empty()), DQ_E_USAGE);
	argv[0] = "";
	ck_assert_int_eq(spec_encode(c, &out, &spec, slice_empty()), DQ_E_USAGE);
	spec.argv = words;
	spec.env = env;
	ck_assert_int_eq(spec_encode(c, &out, &spec, slice_empty()), DQ_E_USAGE);
	spec.function = "f";
	ck_assert_int_eq(spec_encode(c, &out, &spec, slice_empty()), DQ_E_USAGE);
	ck_assert_uint_eq(out.n, 0);
	ck_assert(!spec_load(&spec, &none));
	buf_release(&out);
	dq_client_close(&c);
}
END_TEST

START_TEST(values_of_simple_kinds)
{
	struct dq_value v;
	int64_t i;
	double d;
	bool b;
	const char *s;
	size_t n;

	ck_assert_int_eq(
		value_copy(&v, slice_of("\xcd\x01\x00", 3), slice_str("msgpack"), 0, slice_empty()),
		0);
	ck_assert_uint_eq((uintptr_t)v.bytes % 64, 0);
	ck_assert_int_eq(dq_value_int(&v, &i), 0);
	ck_assert_int_eq(i, 256);
	ck_assert_int_eq(dq_value_double(&v, &d), 0);
	ck_assert_int_eq(dq_value_bool(&v, &b), DQ_E_TYPE);
	ck_assert_int_eq(dq_value_str(&v, &s, &n), DQ_E_TYPE);
	dq_value_release(&v);
	dq_value_release(&v);
	ck_assert_int_eq(value_copy(&v, slice_of("\xa2hi", 3), slice_str("msgpack"), 2,
				 slice_of("\x92\x01\x02", 3)),
		0);
	ck_assert_uint_eq(v.nframes, 2);
	ck_assert_uint_eq(v.frames[1], 2);
	ck_assert_int_eq(dq_value_str(&v, &s, &n), 0);
	ck_assert(n == 2 && memcmp(s, "hi", 2) == 0);
	dq_value_release(&v);
	ck_assert_int_eq(value_copy(&v, slice_of("abc", 3), slice_str("bytes"), 2,
				 slice_of("\x92\x01\x03", 3)),
		DQ_E_PROTOCOL);
	ck_assert_int_eq(dq_value_int(&v, &i), DQ_E_TYPE);
}
END_TEST

TCase *tcase_args(void)
{
	TCase *tc = tcase_create("args");

	tcase_add_test(tc, args_are_one_value);
	tcase_add_test(tc, args_errors_stick);
	tcase_add_test(tc, args_without_memory);
	tcase_add_test(tc, specs_are_canonical);
	tcase_add_test(tc, dependencies_stand_once);
	tcase_add_test(tc, specs_are_checked);
	tcase_add_test(tc, values_of_simple_kinds);
	return tc;
}
