/*
 * The test cases of wire/, one function a file.
 */
#ifndef CHECK_WIRE_H
#define CHECK_WIRE_H

#include <check.h>

TCase *case_sweep(void);
TCase *case_messages(void);
TCase *case_lists(void);
TCase *case_auth(void);

#endif
