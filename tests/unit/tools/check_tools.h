/*
 * The test cases of what the commands are made of, one function a file.
 */
#ifndef CHECK_TOOLS_H
#define CHECK_TOOLS_H

#include <check.h>

TCase *case_options(void);
TCase *case_address(void);
TCase *case_value(void);
TCase *case_when(void);
TCase *case_subst(void);
TCase *case_argjson(void);
TCase *case_meter(void);

#endif
