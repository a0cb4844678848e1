/*
 * Real processes under load, while any of them is killed or stopped at random: a scheduler,
 * workers, and clients of libdq that submit commands with dependencies, cancel some and wait for
 * all. What everybody did and saw is one history, checked at the end (tests/lib/history.h), and so
 * is the store.
 *
 *	kill_loop [SECONDS [SEED]]     60 s, or DQ_TEST_SECONDS
 */
#include "lib/cluster.h"
#include "lib/history.h"

#include "base/rng.h"

#include <dq/client.h>

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define CLIENTS 3
#define WORKERS 3
#define LOAD_MAX 60 /* unfinished tasks of a client */
#define LEASE_TTL_S 2
#define LEASE_TTL "2"
#define SETTLE_S 90.0

struct loop {
	struct cluster cluster;
	struct rng rng;
	uint64_t seed, end_us;
	char history[CLUSTER_PATH + 20], effect[CLUSTER_PATH + 40];
	int fd;
	pid_t clients[CLIENTS];
	uint64_t kills_scheduler, kills_workers, stops;
};

/* ---- a client ---- */

struct open_task {
	struct dq_future *future;
	char key[32];
	bool cancelled;
};

struct load {
	struct loop *l;
	int number;
	struct rng rng;
	struct dq_client *client;
	struct open_task open[LOAD_MAX];
	size_t n, made;
	size_t unacked; /* the last so many of open were not acknowledged */
};

static void submit_one(struct load *o)
{
	struct open_task *t = &o->open[o->n], *dep;
	const struct dq_future *after[2] = {NULL, NULL};
	char ms[16];
	const char *argv[] = {o->l->effect, t->key, o->l->history, ms, NULL};
	struct dq_spec spec = DQ_SPEC_INIT;

	snprintf(t->key, sizeof(t->key), "c%d-%zu", o->number, o->made++);
	snprintf(ms, sizeof(ms), "%u",
		(unsigned)(rng_chance(&o->rng, 1, 10) ? rng_below(&o->rng, 800)
						      : rng_below(&o->rng, 20)));
	spec.key = t->key;
	spec.argv = argv;
	/* what depends on a cancelled task is cancelled with it */
	t->cancelled = false;
	dep = o->n && rng_chance(&o->rng, 1, 3) ? &o->open[rng_below(&o->rng, o->n)] : NULL;
	if (dep && !dep->cancelled) {
		after[0] = dep->future;
		spec.after = after;
	}
	history_write(o->l->fd, "submit", t->key, NULL, NULL, NULL);
	if (dq_submit(o->client, &spec, &t->future) != 0) {
		fprintf(stderr, "submit: %s\n", dq_client_error(o->client));
		exit(3);
	}
	o->n++;
	o->unacked++;
}

static void acknowledge(struct load *o)
{
	int rc = dq_client_sync(o->client, 30);

	if (rc == DQ_E_TIMEOUT)
		return;
	if (rc != 0) {
		fprintf(stderr, "sync: %s\n", dq_client_error(o->client));
		exit(3);
	}
	for (size_t i = o->n - o->unacked; i < o->n; i++)
		history_write(o->l->fd, "acked", o->open[i].key, NULL, NULL, NULL);
	o->unacked = 0;
}

/* The end of a task as the client sees it. */
static void note_end(struct load *o, struct open_task *t)
{
	struct dq_value v = {0};
	struct dq_failure f = {0};
	char value[64] = "";
	int rc = dq_result(t->future, 30, &v);

	if (rc == 0) {
		snprintf(value, sizeof(value), "%.*s", (int)v.n, (const char *)v.bytes);
		history_write(o->l->fd, "end", t->key, NULL, "done", value);
		dq_value_release(&v);
		return;
	}
	if (dq_future_failure(t->future, &f) != 0) {
		history_write(o->l->fd, "end", t->key, NULL, "unknown", dq_client_error(o->client));
		return;
	}
	if (f.error == DQ_E_CANCELLED || strcmp(f.cause, "cancelled") == 0)
		history_write(o->l->fd, "end", t->key, NULL, "cancelled", f.message);
	else if (f.blame && f.blame[0])
		history_write(o->l->fd, "end", t->key, NULL, "blamed", f.blame);
	else
		history_write(o->l->fd, "end", t->key, NULL,
			strcmp(f.cause, "poison") == 0 ? "poison" : "failed", f.message);
}

static void collect(struct load *o)
{
	size_t k = 0;

	acknowledge(o);
	for (size_t i = 0; i < o->n; i++) {
		if (!dq_future_done(o->open[i].future)) {
			o->open[k++] = o->open[i];
			continue;
		}
		note_end(o, &o->open[i]);
		dq_future_free(&o->open[i].future);
	}
	o->n = k;
}

/* Cancels one that nothing was made to depend on: the last. */
static void cancel_one(struct load *o)
{
	struct open_task *t = &o->open[o->n - 1];

	history_write(o->l->fd, "cancel", t->key, NULL, NULL, NULL);
	t->cancelled = true;
	dq_future_cancel(t->future);
}

static int wait_some(struct load *o, enum dq_wait mode, double timeout_s)
{
	struct dq_future *futures[LOAD_MAX];

	for (size_t i = 0; i < o->n; i++)
		futures[i] = o->open[i].future;
	return o->n ? dq_wait(o->client, futures, o->n, mode, timeout_s) : 0;
}

static void one_round(struct load *o)
{
	for (uint64_t k = rng_below(&o->rng, 8); k-- && o->n < LOAD_MAX;)
		submit_one(o);
	if (o->n && rng_chance(&o->rng, 1, 8))
		cancel_one(o);
	if (rng_chance(&o->rng, 1, 2))
		acknowledge(o);
	wait_some(o, DQ_WAIT_ANY, 0.2);
	collect(o);
}

static int client_main(struct loop *l, int number)
{
	struct load o = {.l = l, .number = number};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	rng_init(&o.rng, l->seed + 100 + (uint64_t)number);
	while (dq_client_open(l->cluster.address, NULL, &o.client) != 0) {
		if (cluster_now_us() > l->end_us) {
			fprintf(stderr, "open: %s\n", dq_client_error(o.client));
			return 3;
		}
		dq_client_close(&o.client);
		cluster_sleep_ms(50);
	}
	while (cluster_now_us() < l->end_us)
		one_round(&o);
	if (wait_some(&o, DQ_WAIT_ALL, SETTLE_S) != 0)
		fprintf(stderr, "client %d: %s\n", number, dq_client_error(o.client));
	collect(&o);
	return dq_client_close(&o.client) != 0;
}

/* ---- blows ---- */

static void kill_scheduler(struct loop *l)
{
	cluster_end(&l->cluster.scheduler, SIGKILL);
	l->kills_scheduler++;
	cluster_sleep_ms((unsigned)rng_below(&l->rng, 300));
	cluster_scheduler(&l->cluster, NULL);
}

static void kill_worker(struct loop *l, int i)
{
	char name[16];

	snprintf(name, sizeof(name), "w%d", i);
	cluster_end(&l->cluster.workers[i], SIGKILL);
	history_write(l->fd, "kill", NULL, name, NULL, NULL);
	l->kills_workers++;
	cluster_sleep_ms((unsigned)rng_below(&l->rng, 300));
	cluster_worker(&l->cluster, i, 2);
}

static void stop_one(struct loop *l)
{
	int i = (int)rng_below(&l->rng, WORKERS + 1);
	pid_t *pid = i < WORKERS ? &l->cluster.workers[i] : &l->cluster.scheduler;
	unsigned ms = (unsigned)(rng_chance(&l->rng, 1, 4) ? rng_below(&l->rng, 3000 * LEASE_TTL_S)
							   : rng_below(&l->rng, 600));
	char name[16];

	snprintf(name, sizeof(name), "w%d", i);
	cluster_end(pid, SIGSTOP);
	l->stops++;
	cluster_sleep_ms(5);
	/* near enough to a lease that it may have been lost */
	if (i < WORKERS && ms > 500 * LEASE_TTL_S)
		history_write(l->fd, "silent", NULL, name, NULL, NULL);
	cluster_sleep_ms(ms);
	cluster_end(pid, SIGCONT);
	if (i < WORKERS && ms > 500 * LEASE_TTL_S)
		history_write(l->fd, "silent", NULL, name, NULL, NULL);
}

static void one_blow(struct loop *l)
{
	uint64_t dice = rng_below(&l->rng, 100);

	cluster_sleep_ms((unsigned)rng_below(&l->rng, 900));
	if (dice < 45)
		kill_scheduler(l);
	else if (dice < 70)
		kill_worker(l, (int)rng_below(&l->rng, WORKERS));
	else
		stop_one(l);
}

/* ---- the whole ---- */

static void start(struct loop *l)
{
	snprintf(l->history, sizeof(l->history), "%s/history", l->cluster.dir);
	snprintf(l->effect, sizeof(l->effect), "%s/tests/e2e/effect", l->cluster.build);
	l->fd = open(l->history, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (l->fd < 0) {
		perror(l->history);
		exit(99);
	}
	cluster_scheduler(&l->cluster, NULL);
	for (int i = 0; i < WORKERS; i++)
		cluster_worker(&l->cluster, i, 2);
	for (int i = 0; i < CLIENTS; i++) {
		l->clients[i] = fork();
		if (l->clients[i] == 0)
			_exit(client_main(l, i));
	}
}

static bool clients_end(struct loop *l)
{
	bool ok = true;

	for (int i = 0; i < CLIENTS; i++) {
		int status = 0;

		waitpid(l->clients[i], &status, 0);
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
			fprintf(stderr, "client %d ended with status %x\n", i, (unsigned)status);
			ok = false;
		}
	}
	return ok;
}

int main(int argc, char **argv)
{
	static struct loop l;
	const char *given = getenv("DQ_TEST_SECONDS");
	uint64_t seconds = strtoull(argc > 1 ? argv[1] : given ? given : "60", NULL, 10);
	struct history_counts counts;
	bool ok;

	l.seed = argc > 2 ? strtoull(argv[2], NULL, 10) : rng_os_u64() >> 32;
	printf("seed %" PRIu64 ", %" PRIu64 " s\n", l.seed, seconds);
	fflush(stdout);
	rng_init(&l.rng, l.seed);
	cluster_init(&l.cluster, argv[0], LEASE_TTL);
	l.end_us = cluster_now_us() + seconds * 1000000;
	start(&l);
	while (cluster_now_us() < l.end_us)
		one_blow(&l);
	ok = clients_end(&l);
	for (int i = 0; i < WORKERS; i++)
		cluster_end(&l.cluster.workers[i], SIGTERM);
	cluster_end(&l.cluster.scheduler, SIGTERM);
	ok = cluster_check(&l.cluster) && ok;
	ok = history_check(l.history, stderr, &counts) && ok;
	printf("%" PRIu64 " schedulers and %" PRIu64 " workers killed, %" PRIu64
	       " stopped; %" PRIu64 " tasks, %" PRIu64 " acknowledged, %" PRIu64
	       " cancelled; %" PRIu64 " runs, %" PRIu64 " of them again\n",
		l.kills_scheduler, l.kills_workers, l.stops, counts.submits, counts.acked,
		counts.cancelled, counts.runs, counts.again);
	if (!ok)
		fprintf(stderr, "seed %" PRIu64 " failed; again: %s %" PRIu64 " %" PRIu64 "\n",
			l.seed, argv[0], seconds, l.seed);
	cluster_release(&l.cluster, !ok);
	return ok ? 0 : 1;
}
