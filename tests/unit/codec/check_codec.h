/* The test cases of codec/, one function a file. */
#ifndef TESTS_UNIT_CODEC_CHECK_CODEC_H
#define TESTS_UNIT_CODEC_CHECK_CODEC_H

#include <check.h>

TCase *tcase_cursor(void);
TCase *tcase_sweep(void);
TCase *tcase_frame(void);

#endif
