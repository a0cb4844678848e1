/*
 * What the tasks of kill_loop run: effect KEY FILE MS. Appends a line to the history, takes its
 * time, prints its key.
 */
#include "lib/cluster.h"
#include "lib/history.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	const char *worker = getenv("DQ_WORKER");
	int fd;

	if (argc != 4 || !worker)
		return 2;
	fd = open(argv[2], O_WRONLY | O_APPEND);
	if (fd < 0)
		return 3;
	history_write(fd, "run", argv[1], worker, NULL, NULL);
	cluster_sleep_ms((unsigned)strtoul(argv[3], NULL, 10));
	fputs(argv[1], stdout);
	return fflush(stdout) != 0;
}
