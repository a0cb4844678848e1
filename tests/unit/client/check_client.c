/* Runs the unit tests of client/. */
#include "check_client.h"

#include <stdlib.h>

struct dq_client *client_of(struct fake *f)
{
	struct dq_client *c;
	int code = client_connect(f->address, NULL, &c);

	ck_assert_msg(code == 0, "%s", dq_client_error(c));
	return c;
}

struct dq_future *submit_one(struct dq_client *c, const char *key)
{
	struct dq_spec spec = DQ_SPEC_INIT;
	struct dq_future *f;
	int code;

	spec.function = "noop";
	spec.key = key;
	code = dq_submit(c, &spec, &f);
	ck_assert_msg(code == 0, "%s", dq_client_error(c));
	return f;
}

int main(void)
{
	Suite *suite = suite_create("client");
	SRunner *runner;
	int failed;

	suite_add_tcase(suite, tcase_args());
	suite_add_tcase(suite, tcase_submit());
	suite_add_tcase(suite, tcase_graph());
	suite_add_tcase(suite, tcase_reconnect());
	suite_add_tcase(suite, tcase_wait());
	suite_add_tcase(suite, tcase_wait_many());
	suite_add_tcase(suite, tcase_result());
	suite_add_tcase(suite, tcase_act());
	suite_add_tcase(suite, tcase_txn());
	suite_add_tcase(suite, tcase_variable());
	suite_add_tcase(suite, tcase_threads());
	suite_add_tcase(suite, tcase_memory());
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
