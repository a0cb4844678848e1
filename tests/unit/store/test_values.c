/*
 * Values in files: uploads, the batch that keeps one and the batch that drops it, what is left
 * over.
 */
#include "scratch.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "store/values.h"

#define ID 7

struct found {
	unsigned values, others;
};

static void count(const struct store_value_file *file, void *arg)
{
	struct found *found = arg;

	if (file->is_value)
		found->values++;
	else
		found->others++;
}

static struct found files(const struct store *store)
{
	struct found found = {0};

	ck_assert(store_values_each(store, count, &found, NULL));
	return found;
}

static void upload(struct store *store, uint64_t number, const char *text)
{
	size_t n = strlen(text), half = n / 2;

	ck_assert_int_eq(
		store_upload_write(store, number, 0, n, slice_of(text, half), NULL), STORE_OK);
	ck_assert_int_eq(
		store_upload_write(store, number, half, n, slice_of(text + half, n - half), NULL),
		STORE_OK);
}

static enum store_code keep(struct store *store, uint64_t seq, uint64_t number)
{
	struct batch batch;
	enum store_code code;

	batch_init(&batch);
	batch_put(&batch, TABLE_TASK, key_task(ID, 0), slice_str("row"));
	batch_keep(&batch, number, ID, 0);
	code = store_commit(store, &batch, seq, NULL);
	batch_release(&batch);
	return code;
}

static void drop(struct store *store, uint64_t seq)
{
	struct batch batch;

	batch_init(&batch);
	batch_del(&batch, TABLE_TASK, key_task(ID, 0));
	batch_drop(&batch, ID, 0);
	ck_assert_int_eq(store_commit(store, &batch, seq, NULL), STORE_OK);
	batch_release(&batch);
}

static void has(const struct store *store, const char *text)
{
	char room[64];
	uint64_t size = 0;
	int fd = store_value_open(store, ID, 0, &size);

	ck_assert_int_ge(fd, 0);
	ck_assert_uint_eq(size, strlen(text));
	ck_assert_int_eq(read(fd, room, sizeof(room)), (ssize_t)size);
	ck_assert_int_eq(memcmp(room, text, size), 0);
	close(fd);
}

START_TEST(test_kept_and_dropped)
{
	struct store *store = scratch_open();
	uint64_t size;

	ck_assert(!scratch_exists("values"));
	upload(store, 1, "the bytes of a value");
	ck_assert_uint_eq(files(store).others, 1);
	ck_assert_int_eq(keep(store, 1, 1), STORE_OK);
	has(store, "the bytes of a value");
	ck_assert_uint_eq(files(store).others, 0);
	store_close(&store);
	store = scratch_open();
	has(store, "the bytes of a value");
	drop(store, 2);
	ck_assert_int_lt(store_value_open(store, ID, 0, &size), 0);
	/* what is not there is dropped all the same */
	drop(store, 3);
	ck_assert_uint_eq(files(store).values, 0);
	store_close(&store);
}
END_TEST

START_TEST(test_upload_begins_anew)
{
	struct store *store = scratch_open();

	upload(store, 1, "something that is longer");
	upload(store, 1, "short");
	upload(store, 2, "another");
	store_upload_drop(store, 2);
	store_upload_drop(store, 2);
	ck_assert_int_eq(keep(store, 1, 1), STORE_OK);
	has(store, "short");
	ck_assert_uint_eq(files(store).others, 0);
	store_close(&store);
}
END_TEST

START_TEST(test_no_upload_no_commit)
{
	struct store *store = scratch_open();

	ck_assert_int_ne(keep(store, 1, 9), STORE_OK);
	ck_assert_int_eq(store_reopen(store, NULL), STORE_OK);
	ck_assert_ptr_null(read_one(store, TABLE_TASK, key_task(ID, 0)));
	store_close(&store);
}
END_TEST

START_TEST(test_no_room)
{
	struct store_options options = scratch_options();
	struct store_error err;
	struct store *store;

	ck_assert_int_eq(store_open(&options, &store, &err), STORE_OK);
	ck_assert_int_eq(store_upload_write(store, 1, 0, UINT64_MAX / 4, slice_str("much"), &err),
		STORE_NO_SPACE);
	ck_assert_uint_eq(files(store).others, 0);
	store_close(&store);
}
END_TEST

START_TEST(test_strays)
{
	struct store *store = scratch_open();
	struct found found;

	upload(store, 1, "value");
	ck_assert_int_eq(keep(store, 1, 1), STORE_OK);
	upload(store, 2, "upload");
	close(open(scratch_path("values/07.0"), O_WRONLY | O_CREAT, 0600));
	close(open(scratch_path("values/7.0.x"), O_WRONLY | O_CREAT, 0600));
	found = files(store);
	ck_assert_uint_eq(found.values, 1);
	ck_assert_uint_eq(found.others, 3);
	store_value_remove(store, "07.0");
	store_value_remove(store, "7.0.x");
	store_value_remove(store, "not there");
	ck_assert_uint_eq(files(store).others, 1);
	store_close(&store);
}
END_TEST

/* Named, and not committed: the next start finds a file of no record. */
START_TEST(test_commit_fails)
{
	struct store *store;

	if (!fault_is_built_in())
		return;
	store = scratch_open();
	upload(store, 1, "value");
	ck_assert(fault_arm("store.commit.before:1:error:EIO", NULL));
	ck_assert_int_ne(keep(store, 1, 1), STORE_OK);
	fault_arm(NULL, NULL);
	ck_assert_int_eq(store_reopen(store, NULL), STORE_OK);
	ck_assert_ptr_null(read_one(store, TABLE_TASK, key_task(ID, 0)));
	ck_assert_uint_eq(files(store).values, 1);
	/* and one that comes again takes its place */
	upload(store, 2, "again");
	ck_assert_int_eq(keep(store, 1, 2), STORE_OK);
	has(store, "again");
	store_close(&store);
}
END_TEST

Suite *values_suite(void)
{
	Suite *suite = suite_create("values");
	TCase *c = tcase_create("values");

	tcase_add_checked_fixture(c, NULL, scratch_clean);
	tcase_add_test(c, test_kept_and_dropped);
	tcase_add_test(c, test_upload_begins_anew);
	tcase_add_test(c, test_no_upload_no_commit);
	tcase_add_test(c, test_no_room);
	tcase_add_test(c, test_strays);
	tcase_add_test(c, test_commit_fails);
	suite_add_tcase(suite, c);
	return suite;
}
