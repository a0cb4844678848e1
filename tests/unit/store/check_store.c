/*
 * Unit tests of src/store.
 */
#include "scratch.h"

#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
	SRunner *runner;
	int failed;

	if (argc == 4 && strcmp(argv[1], "--open") == 0)
		return open_and_tell(argv[2], strcmp(argv[3], "read-only") == 0);
	if (argc == 3 && strcmp(argv[1], "--read") == 0)
		return read_for_ever(argv[2]);
	runner = srunner_create(keys_suite());
	srunner_add_suite(runner, batch_suite());
	srunner_add_suite(runner, open_suite());
	srunner_add_suite(runner, commit_suite());
	srunner_add_suite(runner, fault_suite());
	srunner_add_suite(runner, damage_suite());
	srunner_add_suite(runner, room_suite());
	srunner_add_suite(runner, values_suite());
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
