/*
 * The scheduler and the workers of a benchmark: processes of their own, on unix sockets in a
 * temporary directory.
 */
#ifndef BENCH_SERVERS_H
#define BENCH_SERVERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define WORKERS_MAX 64
#define SECOND_USER 65534 /* and group */
#define PATH_BYTES 4096

struct servers {
	char dir[PATH_BYTES]; /* the temporary directory; "": none */
	char address[PATH_BYTES + 32];
	char programs[PATH_BYTES]; /* where this program and the others are */
	pid_t scheduler;           /* 0: not started by us */
	pid_t workers[WORKERS_MAX];
	unsigned nworkers;
};

struct servers_options {
	const char *parent; /* of the temporary directory; NULL: $TMPDIR or /tmp */
	const char *durability;
	const char *isolation;
	unsigned workers, slots;
	bool users; /* serve SECOND_USER too; takes root */
};

/* Finds the programs and makes the directory. False: an error line was printed. */
bool servers_prepare(struct servers *s, const struct servers_options *options);
/* Starts them, and waits until they are ready (30 s each). */
bool servers_start(struct servers *s, const struct servers_options *options);
/* Ends what was started and removes the directory. May be called at any stage. */
void servers_stop(struct servers *s);
/* The module with the functions of the benchmarks; static buffer. */
const char *servers_module(const struct servers *s);

/* User and system time of a process in microseconds, its resident bytes; 0 if unknown. */
uint64_t process_cpu_us(pid_t pid);
uint64_t process_rss_bytes(pid_t pid);

#endif
