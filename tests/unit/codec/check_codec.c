/* Runs the unit tests of codec/. */
#include "check_codec.h"

#include <stdlib.h>

int main(void)
{
	Suite *suite = suite_create("codec");
	SRunner *runner;
	int failed;

	suite_add_tcase(suite, tcase_cursor());
	suite_add_tcase(suite, tcase_sweep());
	suite_add_tcase(suite, tcase_frame());
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
