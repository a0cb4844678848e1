/*
 * The test cases of model/, one function a file.
 */
#ifndef CHECK_MODEL_H
#define CHECK_MODEL_H

#include <check.h>

TCase *case_sweep(void);
TCase *case_golden(void);
TCase *case_state(void);
TCase *case_key(void);
TCase *case_block(void);
TCase *case_outcome(void);
TCase *case_past(void);
TCase *case_record(void);
TCase *case_terms(void);
TCase *case_value(void);

#endif
