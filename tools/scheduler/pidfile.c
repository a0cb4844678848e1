/*
 * Writing a pid file.
 */
#include "pidfile.h"

#include "common/address.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int pid_file_write(const char *path)
{
	char temporary[ADDRESS_BYTES], text[32];
	int n, fd, problem = 0;

	n = snprintf(temporary, sizeof temporary, "%s.%ld", path, (long)getpid());
	if (n < 0 || (size_t)n >= sizeof temporary)
		return ENAMETOOLONG;
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return errno;
	n = snprintf(text, sizeof text, "%ld\n", (long)getpid());
	if (write(fd, text, (size_t)n) != n)
		problem = errno ? errno : EIO;
	if (close(fd) != 0 && !problem)
		problem = errno;
	if (!problem && rename(temporary, path) != 0)
		problem = errno;
	if (problem)
		unlink(temporary);
	return problem;
}
