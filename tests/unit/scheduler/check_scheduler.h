/* The tests of src/scheduler. */
#ifndef TESTS_UNIT_SCHEDULER_CHECK_SCHEDULER_H
#define TESTS_UNIT_SCHEDULER_CHECK_SCHEDULER_H

#include <check.h>

TCase *tcase_cache(void);
TCase *tcase_act(void);
TCase *tcase_queues(void);
TCase *tcase_inside(void);
TCase *tcase_things(void);

#endif
