/*
 * The unit tests of model/.
 */
#include "check_model.h"

#include <stdlib.h>

int main(void)
{
	Suite *s = suite_create("model");
	SRunner *r;
	int failed;

	suite_add_tcase(s, case_sweep());
	suite_add_tcase(s, case_golden());
	suite_add_tcase(s, case_state());
	suite_add_tcase(s, case_key());
	suite_add_tcase(s, case_block());
	suite_add_tcase(s, case_outcome());
	suite_add_tcase(s, case_past());
	suite_add_tcase(s, case_record());
	suite_add_tcase(s, case_value());
	suite_add_tcase(s, case_terms());
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
