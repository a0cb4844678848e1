/*
 * The unit tests of wire/.
 */
#include "check_wire.h"

#include <stdlib.h>

int main(void)
{
	Suite *s = suite_create("wire");
	SRunner *r;
	int failed;

	suite_add_tcase(s, case_sweep());
	suite_add_tcase(s, case_messages());
	suite_add_tcase(s, case_lists());
	suite_add_tcase(s, case_auth());
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
