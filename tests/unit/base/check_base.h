/* The test cases of base/, one function a file. */
#ifndef TESTS_UNIT_BASE_CHECK_BASE_H
#define TESTS_UNIT_BASE_CHECK_BASE_H

#include <check.h>

TCase *tcase_bytes(void);
TCase *tcase_memory(void);
TCase *tcase_containers(void);
TCase *tcase_itree(void);
TCase *tcase_maps(void);
TCase *tcase_json(void);
TCase *tcase_numbers(void);
TCase *tcase_process(void);
TCase *tcase_fault(void);

#endif
