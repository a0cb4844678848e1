/*
 * Local mode (local.h). Threads: dq-sched, dq-worker-N; the store's own thread belongs to the
 * scheduler. Start: the scheduler first, since workers connect to it, then all workers at once.
 * End: the workers, then the scheduler, which commits what it took.
 */
#define LOG_COMPONENT "local"
#include "local/local.h"
#include "local/files.h"
#include "local/host.h"

#include "base/alloc.h"
#include "base/ensure.h"
#include "base/log.h"
#include "model/limits.h"
#include "scheduler/scheduler.h"
#include "worker/worker.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SOCKET_PATH_MAX 100

struct local_worker {
	struct host host;
	struct local *local;
	struct worker *worker; /* its thread's */
	char name[32];
	char listen[64];
	char *dir;
};

struct local {
	struct host host;            /* the scheduler's */
	struct scheduler *scheduler; /* its thread's */
	char address[64];
	char *socket; /* for tasks that cannot use the address; NULL: none */
	char *dir;
	bool temporary;
	char *helper; /* NULL: none */
	/* of the options; borrowed until local_new returns, which is when everything was made */
	const char *durability;
	const char *const *modules;
	unsigned slots;
	bool processes;
	unsigned nworkers;
	struct local_worker workers[];
};

/* ---- the scheduler's thread ---- */

static bool scheduler_begin(struct host *h, struct loop *loop, char *error, size_t error_bytes)
{
	struct local *l = h->arg;
	const char *listen[] = {l->address, l->socket, NULL};
	struct scheduler_options o = {
		.state_dir = l->dir, .durability = l->durability, .listen = listen};

	l->scheduler = scheduler_new(loop, &o, error, error_bytes);
	return l->scheduler != NULL;
}

static void scheduler_stopped(void *arg)
{
	host_ended(arg);
}

static void scheduler_end(struct host *h)
{
	struct local *l = h->arg;

	scheduler_stop(l->scheduler, scheduler_stopped, h);
}

static void scheduler_release(struct host *h)
{
	struct local *l = h->arg;

	scheduler_free(&l->scheduler);
}

static const struct host_kind scheduler_host = {
	.begin = scheduler_begin, .end = scheduler_end, .release = scheduler_release};

/* ---- a worker's thread ---- */

static void worker_ended(struct worker *w, int code, const char *error, void *arg)
{
	struct local_worker *lw = arg;

	(void)w;
	if (error)
		log_warn("%s: %s (%d)", lw->name, error, code);
}

static bool worker_begin(struct host *h, struct loop *loop, char *error, size_t error_bytes)
{
	struct local_worker *lw = h->arg;
	struct local *l = lw->local;
	struct worker_options o = {.scheduler = l->address,
		.name = lw->name,
		.dir = lw->dir,
		.slots = l->slots,
		.modules = l->modules,
		.isolation = l->processes && l->helper ? WORKER_PROCESS : WORKER_THREAD,
		.helper = l->helper,
		.listen = l->helper ? NULL : lw->listen,
		.dq_scheduler = l->socket,
		.on_end = worker_ended,
		.arg = lw};

	lw->worker = worker_new(loop, &o, error, error_bytes);
	return lw->worker != NULL;
}

static void worker_end(struct host *h)
{
	struct local_worker *lw = h->arg;

	worker_free(&lw->worker);
	host_ended(h);
}

static void worker_release(struct host *h)
{
	struct local_worker *lw = h->arg;

	worker_free(&lw->worker);
}

static const struct host_kind worker_host = {
	.begin = worker_begin, .end = worker_end, .release = worker_release};

/* ---- all together ---- */

const char *local_address(const struct local *l)
{
	return l->address;
}

void local_free(struct local **lp)
{
	struct local *l = *lp;

	*lp = NULL;
	if (!l)
		return;
	for (unsigned i = 0; i < l->nworkers; i++)
		host_stop(&l->workers[i].host);
	host_stop(&l->host);
	for (unsigned i = 0; i < l->nworkers; i++)
		free(l->workers[i].dir);
	if (l->temporary && l->dir)
		tree_remove(l->dir);
	free(l->dir);
	free(l->helper);
	free(l->socket);
	free(l);
}

/* A number that no other local client of this process has. */
static unsigned local_number(void)
{
	static unsigned last;

	return __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);
}

static struct local *local_alloc(const struct dq_options *o, unsigned nworkers)
{
	struct local *l = try_calloc(1, sizeof(*l) + nworkers * sizeof(*l->workers));
	unsigned number = local_number();

	if (!l)
		return NULL;
	l->nworkers = nworkers;
	l->durability = o->durability;
	l->modules = o->local_modules;
	l->slots = o->local_slots ? o->local_slots : cpus_allowed();
	l->processes = o->local_processes;
	l->temporary = o->local_dir == NULL;
	snprintf(l->address, sizeof(l->address), "inproc:dq-local-%u", number);
	for (unsigned i = 0; i < nworkers; i++) {
		struct local_worker *lw = &l->workers[i];

		lw->local = l;
		snprintf(lw->name, sizeof(lw->name), "local-%u", i);
		snprintf(lw->listen, sizeof(lw->listen), "inproc:dq-local-%u-worker-%u", number, i);
	}
	return l;
}

/* The state directory and one for each worker in it. 0 or a code. */
static int local_dirs(struct local *l, const char *given, char *error, size_t error_bytes)
{
	char *all;
	int code = 0;

	l->dir = given ? try_strdup(given) : temp_dir_new();
	if (!l->dir) {
		snprintf(error, error_bytes, "a temporary directory: %s", strerror(errno));
		return DQ_E_IO;
	}
	if (mkdir(l->dir, 0700) && errno != EEXIST)
		all = NULL;
	else
		all = dir_in(l->dir, "workers");
	for (unsigned i = 0; all && i < l->nworkers && code == 0; i++) {
		l->workers[i].dir = dir_in(all, l->workers[i].name);
		code = l->workers[i].dir ? 0 : DQ_E_IO;
	}
	if (!all || code) {
		snprintf(error, error_bytes, "%s: %s", l->dir, strerror(errno));
		code = DQ_E_IO;
	}
	free(all);
	return code;
}

/*
 * Tasks use the scheduler too, and those that run in processes of their own, or whose module has
 * brought a libdq of its own, cannot do so inside this one: they find a socket in the state
 * directory, where only this user may enter. One whose path is too long for a socket is done
 * without.
 */
static void local_socket(struct local *l)
{
	char path[PATH_MAX];

	if (realpath(l->dir, path) && strlen(path) + sizeof("/scheduler.sock") <= SOCKET_PATH_MAX)
		l->socket = xasprintf("unix:%s/scheduler.sock", path);
}

static int local_start(struct local *l, char *error, size_t error_bytes)
{
	char name[24];

	if (!host_start(&l->host, "dq-sched", &scheduler_host, l)) {
		snprintf(error, error_bytes, "a thread: %s", strerror(errno));
		return DQ_E_NO_MEMORY;
	}
	if (!host_await(&l->host)) {
		snprintf(error, error_bytes, "%s", l->host.error);
		return DQ_E_STORE;
	}
	for (unsigned i = 0; i < l->nworkers; i++) {
		snprintf(name, sizeof(name), "dq-worker-%u", i);
		if (!host_start(&l->workers[i].host, name, &worker_host, &l->workers[i])) {
			snprintf(error, error_bytes, "a thread: %s", strerror(errno));
			return DQ_E_NO_MEMORY;
		}
	}
	for (unsigned i = 0; i < l->nworkers; i++) {
		if (host_await(&l->workers[i].host))
			continue;
		snprintf(error, error_bytes, "%s", l->workers[i].host.error);
		return DQ_E_USAGE;
	}
	return 0;
}

int local_new(const struct dq_options *options, struct local **out, char *error, size_t error_bytes)
{
	unsigned nworkers = options->local_workers ? options->local_workers : 1;
	struct local *l;
	int code;

	*out = NULL;
	error[0] = 0;
	if (nworkers > LOCAL_WORKERS_MAX || options->local_slots > LIMIT_SLOTS) {
		snprintf(error, error_bytes, "%s",
			nworkers > LOCAL_WORKERS_MAX ? "local workers: at most 256"
						     : LIMIT_TEXT(SLOTS));
		return DQ_E_LIMIT;
	}
	l = local_alloc(options, nworkers);
	if (!l) {
		snprintf(error, error_bytes, "out of memory");
		return DQ_E_NO_MEMORY;
	}
	l->helper = helper_find();
	code = local_dirs(l, options->local_dir, error, error_bytes);
	if (code == 0)
		local_socket(l);
	if (code == 0)
		code = local_start(l, error, error_bytes);
	if (code)
		local_free(&l);
	*out = l;
	return code;
}
