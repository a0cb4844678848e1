/* The suites of src/core. */
#ifndef TESTS_UNIT_CORE_CHECK_CORE_H
#define TESTS_UNIT_CORE_CHECK_CORE_H

#include <check.h>

Suite *suite_attempt(void);
Suite *suite_demand(void);
Suite *suite_effects(void);
Suite *suite_hostile(void);
Suite *suite_keep(void);
Suite *suite_life(void);
Suite *suite_queue(void);
Suite *suite_stage(void);
Suite *suite_account(void);
Suite *suite_again(void);
Suite *suite_revoke(void);
Suite *suite_stored(void);
Suite *suite_times(void);
Suite *suite_trouble(void);
Suite *suite_guard(void);
Suite *suite_topic(void);
Suite *suite_variable(void);
Suite *suite_watch(void);

#endif
