/*
 * Blocks, bodies and specs: what comes back, and each limit exceeded by one.
 */
#include "check_model.h"

#include "codec/pack.h"
#include "model/block.h"
#include "model/limits.h"

#include <stdlib.h>
#include <string.h>

static struct buf body, spec, scratch;

static void setup(void)
{
	buf_init(&body, 64 << 20);
	buf_init(&spec, 64 << 20);
	buf_init(&scratch, 64 << 20);
}

static void teardown(void)
{
	buf_release(&body);
	buf_release(&spec);
	buf_release(&scratch);
}

static void func_spec(void)
{
	buf_clear(&spec);
	spec_encode_func(&spec, slice_str("f"), slice_str("\x2a"));
}

/* Why the reader refuses the body's first entry; NULL when it takes it. */
static const char *refusal(void)
{
	struct block_reader r;
	struct block_entry e;

	block_reader_init(&r, buf_slice(&body));
	if (block_reader_next(&r, &e) && block_reader_end(&r))
		return NULL;
	ck_assert_ptr_nonnull(r.why);
	return r.why;
}

/* An entry written by hand up to its options. */
static void entry_begin(const char *key)
{
	buf_clear(&body);
	pack_array(&body, 4);
	if (key)
		pack_cstr(&body, key);
	else
		pack_nil(&body);
}

static void entry_end(void)
{
	func_spec();
	pack_bin(&body, buf_slice(&spec));
}

START_TEST(entry_comes_back)
{
	struct dep_ref deps[2] = {{.id = 77}, {.key = slice_str("ns/a[3]")}}, d;
	struct slice labels[2] = {slice_str("x"), slice_str("y")}, label;
	struct block_reader r;
	struct block_entry e;

	func_spec();
	block_entry_encode(&body,
		&(struct block_entry){.key = slice_str("k"),
			.ndeps = 2,
			.nlabels = 2,
			.recompute = true,
			.first_index = 70000,
			.spec = buf_slice(&spec)},
		deps, labels);
	block_entry_encode(
		&body, &(struct block_entry){.once = true, .spec = buf_slice(&spec)}, NULL, NULL);
	block_reader_init(&r, buf_slice(&body));
	ck_assert(block_reader_next(&r, &e));
	ck_assert(slice_eq_str(e.key, "k") && e.ndeps == 2 && e.nlabels == 2);
	ck_assert_uint_eq(e.first_index, 70000);
	ck_assert(e.recompute && !e.once && !e.detached && e.kind == SPEC_FUNC);
	ck_assert(block_entry_dep(&e, &d) && d.id == 77 && d.key.n == 0);
	ck_assert(block_entry_dep(&e, &d) && d.id == 0 && slice_eq_str(d.key, "ns/a[3]"));
	ck_assert(block_entry_label(&e, &label) && slice_eq_str(label, "x"));
	ck_assert(block_entry_label(&e, &label) && slice_eq_str(label, "y"));
	ck_assert(slice_eq(e.spec, buf_slice(&spec)));
	ck_assert(block_reader_next(&r, &e));
	ck_assert(e.key.n == 0 && e.ndeps == 0 && e.nlabels == 0 && e.once && !e.first_index);
	ck_assert(block_reader_end(&r));
	ck_assert(!block_reader_next(&r, &e));
	ck_assert_ptr_nonnull(r.why);
}
END_TEST

START_TEST(later_elements_are_skipped)
{
	func_spec();
	pack_array(&body, 6);
	pack_nil(&body);
	pack_nil(&body);
	pack_nil(&body);
	pack_bin(&body, buf_slice(&spec));
	pack_cstr(&body, "later");
	pack_array(&body, 0);
	ck_assert_ptr_null(refusal());
}
END_TEST

START_TEST(array_with_inputs)
{
	struct block_reader r;
	struct block_entry e;
	struct cursor inputs;
	uint64_t n;

	entry_begin("a");
	pack_nil(&body);
	pack_nil(&body);
	entry_end();
	pack_array(&body, 2);
	pack_u64(&body, 5);
	pack_cstr(&body, "six");
	block_reader_init(&r, buf_slice(&body));
	ck_assert(block_reader_next(&r, &e) && block_reader_inputs(&r, &n, &inputs));
	ck_assert(n == 2 && block_reader_end(&r));
	ck_assert_uint_eq(cursor_u64(&inputs), 5);
	ck_assert(slice_eq_str(cursor_str(&inputs), "six"));
}
END_TEST

START_TEST(faults_in_entries)
{
	entry_begin("bad/key");
	pack_nil(&body);
	pack_nil(&body);
	entry_end();
	ck_assert_ptr_nonnull(strstr(refusal(), "key"));

	entry_begin("dq-1-2");
	pack_nil(&body);
	pack_nil(&body);
	entry_end();
	ck_assert_ptr_nonnull(strstr(refusal(), "generated"));

	entry_begin(NULL);
	pack_array(&body, 1);
	pack_u64(&body, 0);
	pack_nil(&body);
	entry_end();
	ck_assert_ptr_nonnull(strstr(refusal(), "dependency"));

	entry_begin(NULL);
	pack_array(&body, 1);
	pack_cstr(&body, "a/b/c");
	pack_nil(&body);
	entry_end();
	ck_assert_ptr_nonnull(strstr(refusal(), "dependency"));

	entry_begin(NULL);
	pack_nil(&body);
	pack_map(&body, 1);
	pack_u64(&body, 99);
	pack_bool(&body, true);
	entry_end();
	ck_assert_ptr_nonnull(strstr(refusal(), "unknown option"));
}
END_TEST

/* An entry with n dependencies. */
static void with_deps(uint32_t n)
{
	entry_begin(NULL);
	pack_array(&body, n);
	for (uint32_t i = 0; i < n; i++)
		pack_u64(&body, 1);
	pack_nil(&body);
	entry_end();
}

static void with_labels(uint32_t n, size_t bytes)
{
	char text[128];

	memset(text, 'l', sizeof(text));
	entry_begin(NULL);
	pack_nil(&body);
	pack_map(&body, 1);
	pack_u64(&body, 4);
	pack_array(&body, n);
	for (uint32_t i = 0; i < n; i++)
		pack_str(&body, slice_of(text, bytes));
	entry_end();
}

START_TEST(limits_of_entries)
{
	char key[256];
	struct block_reader r;
	struct block_entry e;

	with_deps(LIMIT_DEPS_PER_TASK);
	ck_assert_ptr_null(refusal());
	with_deps(LIMIT_DEPS_PER_TASK + 1);
	ck_assert_str_eq(refusal(), LIMIT_TEXT(DEPS_PER_TASK));

	with_labels(LIMIT_LABELS, LIMIT_LABEL_BYTES);
	ck_assert_ptr_null(refusal());
	with_labels(LIMIT_LABELS + 1, 1);
	ck_assert_str_eq(refusal(), LIMIT_TEXT(LABELS));
	with_labels(1, LIMIT_LABEL_BYTES + 1);
	ck_assert_str_eq(refusal(), LIMIT_TEXT(LABEL_BYTES));

	memset(key, 'k', 256);
	buf_clear(&body);
	pack_array(&body, 4);
	pack_str(&body, slice_of(key, 256));
	pack_nil(&body);
	pack_nil(&body);
	entry_end();
	ck_assert_str_eq(refusal(), LIMIT_TEXT(KEY_BYTES));

	buf_clear(&body);
	ck_assert_ptr_nonnull(buf_reserve(&body, LIMIT_SUBMIT_BYTES + 1));
	block_reader_init(&r, slice_of(body.p, LIMIT_SUBMIT_BYTES + 1));
	ck_assert(!block_reader_next(&r, &e));
	ck_assert_str_eq(r.why, LIMIT_TEXT(SUBMIT_BYTES));
}
END_TEST

static const char *spec_refusal(void)
{
	struct spec s;
	const char *why = NULL;

	return spec_decode(buf_slice(&spec), &s, &why) ? NULL : why;
}

static void func_named(size_t name_bytes, size_t args_bytes)
{
	char *text = calloc(1, args_bytes + name_bytes + 1);

	ck_assert_ptr_nonnull(text);
	memset(text, 'f', args_bytes + name_bytes);
	buf_clear(&scratch);
	pack_bin(&scratch, slice_of(text, args_bytes));
	buf_clear(&spec);
	spec_encode_func(&spec, slice_of(text, name_bytes), buf_slice(&scratch));
	free(text);
}

static void exec_with(uint32_t words, uint32_t env)
{
	buf_clear(&spec);
	pack_array(&spec, 5);
	pack_u64(&spec, SPEC_EXEC);
	pack_array(&spec, words);
	for (uint32_t i = 0; i < words; i++)
		pack_cstr(&spec, "w");
	pack_map(&spec, env);
	for (uint32_t i = 0; i < 2 * env; i++)
		pack_cstr(&spec, "e");
	pack_nil(&spec);
	pack_nil(&spec);
}

START_TEST(limits_of_specs)
{
	func_named(LIMIT_FUNCTION_BYTES, 1);
	ck_assert_ptr_null(spec_refusal());
	func_named(LIMIT_FUNCTION_BYTES + 1, 1);
	ck_assert_str_eq(spec_refusal(), LIMIT_TEXT(FUNCTION_BYTES));
	func_named(0, 1);
	ck_assert_ptr_nonnull(spec_refusal());
	/* [0, "f", bin 32 of the rest]: 9 bytes beside the args */
	func_named(1, LIMIT_SPEC_BYTES - 9);
	ck_assert_uint_eq(spec.n, LIMIT_SPEC_BYTES);
	ck_assert_ptr_null(spec_refusal());
	func_named(1, LIMIT_SPEC_BYTES - 8);
	ck_assert_str_eq(spec_refusal(), LIMIT_TEXT(SPEC_BYTES));
	exec_with(LIMIT_ARGV_WORDS, LIMIT_ENV_ENTRIES);
	ck_assert_ptr_null(spec_refusal());
	exec_with(LIMIT_ARGV_WORDS + 1, 0);
	ck_assert_str_eq(spec_refusal(), LIMIT_TEXT(ARGV_WORDS));
	exec_with(1, LIMIT_ENV_ENTRIES + 1);
	ck_assert_str_eq(spec_refusal(), LIMIT_TEXT(ENV_ENTRIES));
	exec_with(0, 0);
	ck_assert_ptr_nonnull(spec_refusal());
}
END_TEST

START_TEST(nesting)
{
	buf_clear(&scratch);
	for (int i = 0; i < LIMIT_NESTING; i++)
		pack_array(&scratch, 1);
	pack_nil(&scratch);
	buf_clear(&spec);
	spec_encode_func(&spec, slice_str("f"), buf_slice(&scratch));
	ck_assert_ptr_null(spec_refusal());
	buf_clear(&spec);
	buf_clear(&scratch);
	for (int i = 0; i < LIMIT_NESTING + 1; i++)
		pack_array(&scratch, 1);
	pack_nil(&scratch);
	spec_encode_func(&spec, slice_str("f"), buf_slice(&scratch));
	ck_assert_ptr_nonnull(strstr(spec_refusal(), "nest"));
}
END_TEST

START_TEST(exec_comes_back)
{
	struct spec s;
	const char *why = NULL;

	exec_with(2, 1);
	ck_assert(spec_decode(buf_slice(&spec), &s, &why));
	ck_assert(s.kind == SPEC_EXEC && s.argc == 2 && s.nenv == 1 && !s.has_input);
	ck_assert(slice_eq_str(cursor_str(&s.argv), "w"));
	ck_assert(slice_eq_str(cursor_str(&s.env), "e"));
	buf_clear(&spec);
	pack_array(&spec, 5);
	pack_u64(&spec, 7);
	ck_assert_ptr_nonnull(spec_refusal());
}
END_TEST

static const char *record_refusal(struct block_record r)
{
	struct block_record out;
	const char *why = NULL;

	buf_clear(&scratch);
	block_record_encode(&scratch, &r);
	return block_record_decode(buf_slice(&scratch), &out, &why) ? NULL : why;
}

START_TEST(records)
{
	char ns[65];
	struct block_record r = {.first = task_id(1, 1), .count = LIMIT_SUBMIT_TASKS, .session = 1};

	memset(ns, 'n', sizeof(ns));
	ck_assert_ptr_null(record_refusal(r));
	r.count++;
	ck_assert_str_eq(record_refusal(r), LIMIT_TEXT(SUBMIT_TASKS));
	r.flags = BLOCK_ARRAY;
	ck_assert_ptr_null(record_refusal(r));
	r.count = LIMIT_ARRAY_ELEMENTS;
	ck_assert_ptr_null(record_refusal(r));
	r.count++;
	ck_assert_str_eq(record_refusal(r), LIMIT_TEXT(ARRAY_ELEMENTS));
	r.count = 2;
	r.first = task_id(1, UINT32_MAX);
	ck_assert_ptr_nonnull(record_refusal(r));
	r.first = task_id(1, UINT32_MAX - 1);
	ck_assert_ptr_null(record_refusal(r));
	r.ns = slice_of(ns, 64);
	ck_assert_ptr_null(record_refusal(r));
	r.ns = slice_of(ns, 65);
	ck_assert_str_eq(record_refusal(r), LIMIT_TEXT(NAMESPACE_BYTES));
	ck_assert_uint_eq(
		block_dep(slice_of("\1\0\0\0\0\0\0\0\2\0\0\0\5\0\0\0", 16), 1), 0x500000002);
}
END_TEST

START_TEST(version_of_records)
{
	struct block_record out;
	const char *why = NULL;

	record_refusal((struct block_record){.first = task_id(1, 1), .count = 1});
	scratch.p[1] = 2;
	ck_assert(!block_record_decode(buf_slice(&scratch), &out, &why));
	ck_assert_ptr_nonnull(strstr(why, "version"));
}
END_TEST

TCase *case_block(void)
{
	TCase *tc = tcase_create("block");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, entry_comes_back);
	tcase_add_test(tc, later_elements_are_skipped);
	tcase_add_test(tc, array_with_inputs);
	tcase_add_test(tc, faults_in_entries);
	tcase_add_test(tc, limits_of_entries);
	tcase_add_test(tc, limits_of_specs);
	tcase_add_test(tc, nesting);
	tcase_add_test(tc, exec_comes_back);
	tcase_add_test(tc, records);
	tcase_add_test(tc, version_of_records);
	return tc;
}
