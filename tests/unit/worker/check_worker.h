/* The suites of tests/unit/worker. */
#ifndef CHECK_WORKER_H
#define CHECK_WORKER_H

#include <check.h>

TCase *credit_tests(void);
TCase *func_tests(void);
TCase *exec_tests(void);
TCase *revoke_tests(void);
TCase *session_tests(void);
TCase *data_tests(void);

#endif
