/*
 * Fills descriptors that were closed, lowest first: open() takes the lowest free number. One opened
 * for the other direction makes a use fail as a closed one does.
 */
#include "stdfds.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

void stdfds_fill(bool stdout_needed)
{
	const int modes[] = {O_WRONLY, stdout_needed ? O_RDONLY : O_WRONLY, O_WRONLY};

	for (int fd = 0; fd < 3; fd++) {
		if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
			continue;
		if (open("/dev/null", modes[fd]) != fd)
			_exit(EXIT_FAILURE);
	}
}
