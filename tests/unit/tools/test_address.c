/*
 * Where the scheduler is: which source wins, what a contact file may be.
 */
#include "check_tools.h"

#include "common/address.h"

#include <dq/error.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/check-tools-XXXXXX";
static char contact[64], why[512];
static struct address got;

static void setup(void)
{
	unsetenv("DQ_SCHEDULER");
	unsetenv("DQ_CONTACT");
	unsetenv("DQ_SECRET_FILE");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	setenv("XDG_RUNTIME_DIR", dir, 1);
	snprintf(contact, sizeof contact, "%s/contact", dir);
}

static void teardown(void)
{
	char sub[64];

	unlink(contact);
	snprintf(sub, sizeof sub, "%s/dq", dir);
	rmdir(sub);
	rmdir(dir);
}

static int resolve(const char *scheduler, const char *file, const char *secret)
{
	struct address_options given = {.scheduler = scheduler, .contact = file, .secret = secret};

	return address_resolve(&given, &got, why, sizeof why);
}

START_TEST(forms)
{
	ck_assert(address_is_valid("unix:/a"));
	ck_assert(address_is_valid("tcp://h:1"));
	ck_assert(address_is_valid("tcp://[::1]:80"));
	ck_assert(!address_is_valid("unix:"));
	ck_assert(!address_is_valid("tcp://h"));
	ck_assert(!address_is_valid("tcp://:1"));
	ck_assert(!address_is_valid("tcp://h:"));
	ck_assert(!address_is_valid("tcp://h:http"));
	ck_assert(!address_is_valid("h:1"));
	ck_assert(!address_is_valid(""));
}
END_TEST

START_TEST(contact_file)
{
	struct stat st;
	FILE *f;

	ck_assert_int_eq(contact_read(contact, &got, why, sizeof why), DQ_E_NO_SCHEDULER);
	ck_assert_int_eq(contact_write(contact, "unix:/c", "/s\"x", why, sizeof why), 0);
	ck_assert_int_eq(stat(contact, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	ck_assert_int_eq(contact_read(contact, &got, why, sizeof why), 0);
	ck_assert_str_eq(got.scheduler, "unix:/c");
	ck_assert_str_eq(got.secret_file, "/s\"x");
	ck_assert_int_eq(contact_write(contact, "unix:/d", NULL, why, sizeof why), 0);
	ck_assert_int_eq(contact_read(contact, &got, why, sizeof why), 0);
	ck_assert_str_eq(got.secret_file, "");
	f = fopen(contact, "w");
	fputs("{\"address\": 7}", f);
	fclose(f);
	ck_assert_int_eq(contact_read(contact, &got, why, sizeof why), DQ_E_USAGE);
	f = fopen(contact, "w");
	fputs("garbage", f);
	fclose(f);
	ck_assert_int_eq(contact_read(contact, &got, why, sizeof why), DQ_E_USAGE);
	ck_assert_int_eq(
		contact_write("/nowhere/at/all", "unix:/d", NULL, why, sizeof why), DQ_E_IO);
}
END_TEST

START_TEST(which_wins)
{
	char expected[128];

	snprintf(expected, sizeof expected, "unix:%s/dq/scheduler.sock", dir);
	ck_assert_int_eq(resolve(NULL, NULL, NULL), 0);
	ck_assert_str_eq(got.scheduler, expected);
	ck_assert_int_eq(contact_write(contact, "unix:/c", "/secret", why, sizeof why), 0);
	setenv("DQ_CONTACT", contact, 1);
	ck_assert_int_eq(resolve(NULL, NULL, NULL), 0);
	ck_assert_str_eq(got.scheduler, "unix:/c");
	setenv("DQ_SCHEDULER", "unix:/e", 1);
	ck_assert_int_eq(resolve(NULL, NULL, NULL), 0);
	ck_assert_str_eq(got.scheduler, "unix:/e");
	ck_assert_str_eq(got.secret_file, "/secret");
	ck_assert_int_eq(resolve(NULL, contact, NULL), 0);
	ck_assert_str_eq(got.scheduler, "unix:/c");
	ck_assert_int_eq(resolve("unix:/g", contact, NULL), 0);
	ck_assert_str_eq(got.scheduler, "unix:/g");
	setenv("DQ_SECRET_FILE", "/env", 1);
	ck_assert_int_eq(resolve(NULL, contact, NULL), 0);
	ck_assert_str_eq(got.secret_file, "/env");
	ck_assert_int_eq(resolve(NULL, contact, "/given"), 0);
	ck_assert_str_eq(got.secret_file, "/given");
	ck_assert_int_eq(resolve("nonsense", NULL, NULL), DQ_E_USAGE);
}
END_TEST

START_TEST(whose_directory)
{
	char sub[64], address[256];

	ck_assert_int_eq(address_default(true, address, sizeof address, why, sizeof why), 0);
	snprintf(sub, sizeof sub, "%s/dq", dir);
	ck_assert_int_eq(chmod(sub, 0755), 0);
	ck_assert_int_eq(
		address_default(true, address, sizeof address, why, sizeof why), DQ_E_REFUSED);
	ck_assert_int_eq(resolve(NULL, NULL, NULL), DQ_E_REFUSED);
}
END_TEST

TCase *case_address(void)
{
	TCase *c = tcase_create("address");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, forms);
	tcase_add_test(c, contact_file);
	tcase_add_test(c, which_wins);
	tcase_add_test(c, whose_directory);
	return c;
}
