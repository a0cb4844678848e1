/*
 * The texts and exit codes of <dq/error.h>: for the library, the scheduler and the commands alike.
 */
#include <dq/error.h>

const char *dq_strerror(int error)
{
	switch (error) {
#define ERROR_TEXT(name, number, exit_code, text)                                                  \
	case (number):                                                                             \
		return text;
		DQ_ERRORS(ERROR_TEXT)
#undef ERROR_TEXT
	default:
		return "unknown error";
	}
}

int dq_exit_code(int error)
{
	switch (error) {
#define ERROR_EXIT(name, number, exit_code, text)                                                  \
	case (number):                                                                             \
		return exit_code;
		DQ_ERRORS(ERROR_EXIT)
#undef ERROR_EXIT
	default:
		return 70;
	}
}
