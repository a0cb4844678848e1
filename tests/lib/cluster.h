/*
 * Real processes for tests: a scheduler and workers in a directory of their own, started, killed,
 * stopped and continued. Every child dies with the test. One thread.
 */
#ifndef LIB_CLUSTER_H
#define LIB_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define CLUSTER_WORKERS 4
#define CLUSTER_PATH 200

struct cluster {
	char build[CLUSTER_PATH]; /* where the programs are */
	char dir[CLUSTER_PATH];
	char address[CLUSTER_PATH + 16];
	const char *lease_ttl;
	pid_t scheduler; /* 0: none */
	pid_t workers[CLUSTER_WORKERS];
};

/* $DQ_BUILDDIR, or the directory of the test's program and up; a new directory under $TMPDIR. */
void cluster_init(struct cluster *c, const char *argv0, const char *lease_ttl);
/* Ends what is left and removes the directory; keep: leaves it for who looks into a failure. */
void cluster_release(struct cluster *c, bool keep);
/* fault: DQ_FAULT of the process, or NULL. Does not wait for it to be ready. */
void cluster_scheduler(struct cluster *c, const char *fault);
/* A scheduler that is started again without the fault whenever it ends. */
void cluster_keeper(struct cluster *c, const char *fault);
void cluster_worker(struct cluster *c, int i, int slots);
/* Sends the signal and, if it ends processes, waits; a process that does not end within a minute
 * ends the test, which says where its threads stood. */
void cluster_end(pid_t *pid, int sig);
/* dq-inspect check of the store, with the scheduler down. */
bool cluster_check(const struct cluster *c);
void cluster_sleep_ms(unsigned ms);
uint64_t cluster_now_us(void); /* the same for all processes of the machine */

#endif
