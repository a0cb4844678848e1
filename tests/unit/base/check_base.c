/* Runs the unit tests of base/. */
#include "check_base.h"

#include <stdlib.h>

int main(void)
{
	Suite *suite = suite_create("base");
	SRunner *runner;
	int failed;

	suite_add_tcase(suite, tcase_bytes());
	suite_add_tcase(suite, tcase_memory());
	suite_add_tcase(suite, tcase_containers());
	suite_add_tcase(suite, tcase_itree());
	suite_add_tcase(suite, tcase_maps());
	suite_add_tcase(suite, tcase_json());
	suite_add_tcase(suite, tcase_numbers());
	suite_add_tcase(suite, tcase_process());
	suite_add_tcase(suite, tcase_fault());
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
