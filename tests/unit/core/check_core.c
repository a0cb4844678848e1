#include "check_core.h"

#include <stdlib.h>

int main(void)
{
	SRunner *r = srunner_create(suite_life());
	int failed;

	srunner_add_suite(r, suite_account());
	srunner_add_suite(r, suite_again());
	srunner_add_suite(r, suite_attempt());
	srunner_add_suite(r, suite_demand());
	srunner_add_suite(r, suite_effects());
	srunner_add_suite(r, suite_guard());
	srunner_add_suite(r, suite_keep());
	srunner_add_suite(r, suite_trouble());
	srunner_add_suite(r, suite_hostile());
	srunner_add_suite(r, suite_watch());
	srunner_add_suite(r, suite_queue());
	srunner_add_suite(r, suite_stage());
	srunner_add_suite(r, suite_revoke());
	srunner_add_suite(r, suite_stored());
	srunner_add_suite(r, suite_times());
	srunner_add_suite(r, suite_topic());
	srunner_add_suite(r, suite_variable());
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
