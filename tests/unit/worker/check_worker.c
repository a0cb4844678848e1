/*
 * Tests of worker/, each in a process of its own, with a worker that is real and a scheduler that
 * the test plays.
 */
#include "check_worker.h"

#include <stdlib.h>

int main(void)
{
	Suite *suite = suite_create("worker");
	SRunner *runner;
	int failed;

	suite_add_tcase(suite, credit_tests());
	suite_add_tcase(suite, func_tests());
	suite_add_tcase(suite, exec_tests());
	suite_add_tcase(suite, revoke_tests());
	suite_add_tcase(suite, session_tests());
	suite_add_tcase(suite, data_tests());
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
