/*
 * What libdq says of itself. Everything else in the library comes from the folders it is made of:
 * client/ (what include/dq/ promises), local/ (its door) and the floors below them.
 */
#include <dq/version.h>

const char *dq_version(void)
{
	return PACKAGE_VERSION;
}
