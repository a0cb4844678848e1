/*
 * The unit tests of tools/.
 */
#include "check_tools.h"

#include <stdlib.h>

int main(void)
{
	Suite *s = suite_create("tools");
	SRunner *r;
	int failed;

	suite_add_tcase(s, case_options());
	suite_add_tcase(s, case_address());
	suite_add_tcase(s, case_value());
	suite_add_tcase(s, case_when());
	suite_add_tcase(s, case_subst());
	suite_add_tcase(s, case_argjson());
	suite_add_tcase(s, case_meter());
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
