/*
 * The machine's own limits: one synced write, one spawned process.
 */
#include "limits.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SYNC_BYTES 4096

extern char **environ;

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double percentile(double *values, size_t n, double percent)
{
	size_t at = (size_t)((double)n * percent / 100);

	if (n == 0)
		return 0;
	qsort(values, n, sizeof *values, compare);
	return values[at < n ? at : n - 1];
}

static size_t sync_rounds(int fd, unsigned rounds, double *took_ms)
{
	char block[SYNC_BYTES];
	size_t done = 0;

	memset(block, 'x', sizeof block);
	for (unsigned i = 0; i < rounds; i++) {
		uint64_t began_us = clock_mono_us();

		if (pwrite(fd, block, sizeof block, (off_t)i * SYNC_BYTES) != SYNC_BYTES ||
			fdatasync(fd) != 0)
			break;
		took_ms[done++] = (double)(clock_mono_us() - began_us) / 1e3;
	}
	return done;
}

double limit_sync_ms(const char *dir, unsigned rounds)
{
	char path[4400];
	double *took_ms, median = 0;
	int fd;

	snprintf(path, sizeof path, "%s/sync", dir);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return 0;
	took_ms = xcalloc(rounds + 1, sizeof *took_ms);
	median = percentile(took_ms, sync_rounds(fd, rounds, took_ms), 50);
	free(took_ms);
	close(fd);
	unlink(path);
	return median;
}

double limit_spawn_per_s(uint64_t n, unsigned parallel)
{
	char *argv[] = {"/bin/true", NULL};
	uint64_t began_us = clock_mono_us();
	unsigned running = 0;
	pid_t pid;

	for (uint64_t i = 0; i < n; i++) {
		if (running == parallel && wait(NULL) > 0)
			running--;
		if (posix_spawn(&pid, argv[0], NULL, NULL, argv, environ) == 0)
			running++;
	}
	while (running > 0 && wait(NULL) > 0)
		running--;
	return (double)n / ((double)(clock_mono_us() - began_us) / 1e6);
}
