/*
 * The worker: makes its parts, joins them on the loop, and ends them. What happens between is in
 * session.c (the scheduler's side) and tasks.c (leases); slots run on threads of their own and wake
 * the loop.
 */
#define LOG_COMPONENT "worker"
#include "base/alloc.h"
#include "base/ensure.h"
#include "base/log.h"
#include "model/limits.h"
#include "wire/wire.h"
#include "worker/state.h"

#include <dq/error.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SOCKET_PATH_MAX 100
#define STARTED_MAX_BYTES ((size_t)LIMIT_FRAME_BYTES - 4096)

/* --- Hooks ---------------------------------------------------------------------------------- */

static void on_turn_end(void *arg)
{
	struct worker *w = arg;

	tasks_push(w);
	session_flush(w);
}

static void on_wake(struct wake *wake, void *arg)
{
	(void)wake;
	tasks_collect(arg);
}

static void on_tick(struct timer *t, void *arg)
{
	(void)t;
	tasks_tick(arg);
}

static void on_give_up(struct timer *t, void *arg)
{
	struct worker *w = arg;

	(void)t;
	if (!w->joined) {
		log_warn("leaving without a scheduler: the last reports are lost");
		results_save_all(&w->results);
		worker_end(w, DQ_E_OK, NULL);
	}
}

/* On slot threads. */
static void wake_loop(void *arg)
{
	struct worker *w = arg;

	wake_send(w->wake);
}

void worker_end(struct worker *w, int code, const char *error)
{
	if (w->ended)
		return;
	w->ended = true;
	if (w->options.on_end)
		w->options.on_end(w, code, error, w->options.arg);
}

/* --- Start ---------------------------------------------------------------------------------- */

static char *dup_or_null(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

static void copy_options(struct worker *w, const struct worker_options *o)
{
	size_t n = 0;

	w->options = *o;
	if (w->options.slots == 0)
		w->options.slots = 1;
	w->name = xstrdup(o->name);
	w->scheduler = xstrdup(o->scheduler);
	w->secret_file = dup_or_null(o->secret_file);
	w->helper = dup_or_null(o->helper);
	w->dq_scheduler = xstrdup(o->dq_scheduler ? o->dq_scheduler : o->scheduler);
	while (o->modules && o->modules[n])
		n++;
	w->modules_paths = xcalloc(n + 1, sizeof(char *));
	for (size_t i = 0; i < n; i++)
		w->modules_paths[i] = xstrdup(o->modules[i]);
}

static bool check_options(const struct worker_options *o, char *error, size_t error_bytes)
{
	const char *wrong = NULL;

	if (!o->name || !o->name[0] || strlen(o->name) > LIMIT_NAME_BYTES)
		wrong = LIMIT_TEXT(NAME_BYTES);
	else if (o->slots > LIMIT_SLOTS)
		wrong = LIMIT_TEXT(SLOTS);
	else if (!o->scheduler || !o->dir)
		wrong = "a worker needs a scheduler's address and a directory";
	else if (o->isolation == WORKER_PROCESS && !o->helper)
		wrong = "the helper dq-slot is not installed: process slots cannot run";
	if (wrong) {
		snprintf(error, error_bytes, "%s", wrong);
		return false;
	}
	if (o->helper && access(o->helper, X_OK) != 0) {
		snprintf(error, error_bytes, "%s: %s", o->helper, strerror(errno));
		return false;
	}
	return true;
}

static size_t memory_budget(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);

	return pages > 0 && page > 0 ? (size_t)pages * (size_t)page / 4 : (size_t)256 << 20;
}

/* In the directory, unless the path is longer than a socket's may be. */
static char *default_data_address(const struct worker *w)
{
	struct buf hex;
	char *address;

	if (strlen(w->dir.path) + sizeof("/data.sock") <= SOCKET_PATH_MAX)
		return xasprintf("unix:%s/data.sock", w->dir.path);
	buf_init(&hex, 64);
	for (size_t i = 0; i < sizeof(w->dir.uuid); i++)
		buf_printf(&hex, "%02x", w->dir.uuid[i]);
	address = xasprintf("unix:/tmp/dq-worker-%s.sock", buf_cstr(&hex));
	buf_release(&hex);
	return address;
}

static bool start_results(struct worker *w, char *error, size_t error_bytes)
{
	if (results_init(&w->results, w->dir.results, memory_budget()))
		return true;
	snprintf(error, error_bytes, "%s: %s", w->dir.results, strerror(errno));
	return false;
}

static bool start_slots(struct worker *w, char *error, size_t error_bytes)
{
	struct slots_options o = {.n = w->options.slots,
		.cpus = offered_cpus(&w->offered),
		.in_process = w->options.isolation == WORKER_PROCESS,
		.helper = w->helper,
		.modules = (const char *const *)w->modules_paths,
		.loaded = &w->modules,
		.results = &w->results,
		.slots_dir = w->dir.slots,
		.inputs_dir = w->dir.inputs,
		.scheduler = w->dq_scheduler,
		.worker = w->name,
		.wake = wake_loop,
		.arg = w};

	if (!o.in_process && !modules_load(&w->modules, o.modules, error, error_bytes))
		return false;
	w->slots = slots_new(&o, error, error_bytes);
	return w->slots != NULL;
}

static bool start_loop_parts(struct worker *w, char *error, size_t error_bytes)
{
	w->data_address = w->options.listen ? xstrdup(w->options.listen) : default_data_address(w);
	w->wake = wake_new(w->loop, on_wake, w);
	w->tick = timer_new(w->loop, on_tick, w);
	w->give_up = timer_new(w->loop, on_give_up, w);
	if (!w->wake || !w->tick || !w->give_up || !loop_on_idle(w->loop, on_turn_end, w)) {
		snprintf(error, error_bytes, "%s", dq_strerror(DQ_E_NO_MEMORY));
		return false;
	}
	w->fetcher = fetcher_new(w->loop, w->dir.inputs, &tasks_fetch_handlers, w);
	w->serve = serve_new(w->loop, w->data_address, &w->results, error, error_bytes);
	return w->serve != NULL;
}

static bool start_link(struct worker *w, char *error, size_t error_bytes)
{
	w->link = link_new(
		w->loop, w->scheduler, w->secret_file, &session_handlers, w, error, error_bytes);
	return w->link != NULL;
}

struct worker *worker_new(
	struct loop *loop, const struct worker_options *options, char *error, size_t error_bytes)
{
	struct worker *w;

	ensure(loop && options && error_bytes > 0);
	error[0] = '\0';
	if (!check_options(options, error, error_bytes))
		return NULL;
	w = xcalloc(1, sizeof(*w));
	w->loop = loop;
	w->dir.lock_fd = -1;
	copy_options(w, options);
	map64_init(&w->leases);
	list_init(&w->frames);
	list_init(&w->ready);
	buf_init(&w->started, STARTED_MAX_BYTES);
	reports_init(&w->reports);
	puts_init(&w->puts);
	credit_init(&w->credit, w->options.slots);
	if (offered_init(&w->offered, options->offer, w->options.slots, error, error_bytes) &&
		worker_dir_open(&w->dir, options->dir, w->name, error, error_bytes) &&
		start_results(w, error, error_bytes) && start_loop_parts(w, error, error_bytes) &&
		start_slots(w, error, error_bytes) && start_link(w, error, error_bytes))
		return w;
	worker_free(&w);
	return NULL;
}

/* --- End ------------------------------------------------------------------------------------ */

void worker_drain(struct worker *w)
{
	if (w->draining)
		return;
	log_info("draining: no new tasks are taken");
	w->draining = true;
	w->credit.closed = true;
	tasks_give_back(w);
	loop_again(w->loop);
}

static void free_strings(struct worker *w)
{
	for (size_t i = 0; w->modules_paths && w->modules_paths[i]; i++)
		free(w->modules_paths[i]);
	free(w->modules_paths);
	free(w->name);
	free(w->scheduler);
	free(w->secret_file);
	free(w->helper);
	free(w->dq_scheduler);
	free(w->data_address);
}

void worker_free(struct worker **at)
{
	struct worker *w = *at;

	*at = NULL;
	if (!w)
		return;
	loop_off_idle(w->loop, on_turn_end, w);
	link_free(&w->link);
	slots_free(&w->slots);
	serve_free(&w->serve);
	fetcher_free(&w->fetcher);
	wake_free(&w->wake);
	timer_free(&w->tick);
	timer_free(&w->give_up);
	reports_release(&w->reports);
	tasks_release(w);
	results_release(&w->results);
	modules_release(&w->modules);
	worker_dir_release(&w->dir);
	buf_release(&w->started);
	offered_release(&w->offered);
	free_strings(w);
	free(w);
}
