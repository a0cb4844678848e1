/*
 * The detector: takes an image every `interval` seconds and submits what is to be done with it,
 * until it is cancelled. It has a loop of its own, so that it goes on while there is no scheduler:
 * what is submitted meanwhile is sent afterwards. An image is taken when the scheduler has
 * acknowledged it: whatever is killed then, it comes into the database.
 *
 * Its images are worked on where it runs, as long as few of them wait there; the excess goes to
 * workers with the label role=pool.
 */
#include "beamline.h"

#include <dq/coordination.h>

#include <dirent.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NEAR 2 /* images under way at the detector's own worker */

struct detector {
	struct dq_task *task;
	struct dq_client *client;
	char photographs[PATH_MAX], database[PATH_MAX];
	struct dirent **files;
	int nfiles;
	FILE *taken;       /* our own record: a number a line */
	uint64_t recorded; /* all below are in it */
	double interval;
	unsigned near; /* under way at our own worker */
	int error;
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void interval_is(const struct dq_variable *v, int error, const char *text, void *arg)
{
	struct detector *d = arg;
	int64_t whole;

	(void)error;
	(void)text;
	if (v && dq_value_double(&v->value, &d->interval) && !dq_value_int(&v->value, &whole))
		d->interval = (double)whole;
	d->interval = fmin(fmax(d->interval, 0.001), 3600);
}

/* Submits function(args), and frees the args. Without a key it is held by this task alone. */
static struct dq_future *submit(
	struct detector *d, bool near, const char *function, struct dq_args *args, const char *key)
{
	const char *here[] = {dq_task_worker(d->task), NULL}, *pool[] = {"role=pool", NULL};
	struct dq_spec spec = DQ_SPEC_INIT;
	struct dq_future *future = NULL;

	spec.function = function;
	spec.args = args;
	spec.key = key;
	spec.allow_other = true;
	if (near)
		spec.workers = here;
	else
		spec.worker_labels = pool;
	/* fire and forget: once this one is there it stays, and keeps what it needs */
	spec.detached = key != NULL;
	spec.retries = 3;
	if (!d->error)
		d->error = dq_submit(d->client, &spec, &future);
	dq_args_free(&args);
	return future;
}

static struct dq_future *of(
	struct detector *d, bool near, const char *function, const struct dq_future *future)
{
	struct dq_args *args = dq_args_new();

	dq_args_array(args, 1);
	if (future)
		dq_args_future(args, future);
	return submit(d, near, function, args, NULL);
}

static void near_saved(struct dq_future *future, void *arg)
{
	struct detector *d = arg;

	d->near--;
	dq_future_free(&future);
}

static void name_key(struct detector *d, uint64_t number, char key[64])
{
	snprintf(key, 64, "%.40s-%llu", dq_task_worker(d->task), (unsigned long long)number);
}

static void take(struct detector *d, uint64_t number)
{
	const char *name = d->files[number % (uint64_t)d->nfiles]->d_name;
	struct dq_args *path = dq_args_new(), *row = dq_args_new();
	struct dq_future *image, *bright, *measured, *small, *saved;
	char file[2 * PATH_MAX], key[64];
	bool near = d->near < NEAR;

	snprintf(file, sizeof(file), "%s/%s", d->photographs, name);
	dq_args_array(path, 1);
	dq_args_str(path, file);
	image = submit(d, near, "decode", path, NULL);
	bright = of(d, near, "threshold", image);
	measured = of(d, near, "measure", bright);
	small = of(d, near, "thumbnail", image);
	dq_args_array(row, 6);
	dq_args_str(row, d->database);
	dq_args_str(row, dq_task_worker(d->task));
	dq_args_uint(row, number);
	dq_args_str(row, file);
	if (measured && small) {
		dq_args_future(row, measured);
		dq_args_future(row, small);
	}
	name_key(d, number, key);
	saved = submit(d, near, "save", row, key);
	dq_future_free(&image);
	dq_future_free(&bright);
	dq_future_free(&measured);
	dq_future_free(&small);
	if (near && saved && dq_future_on_done(saved, near_saved, d) == DQ_E_OK)
		d->near++;
	else
		dq_future_free(&saved);
}

/* The first number that was never submitted: an attempt before this one may have got far. */
static uint64_t first_number(struct detector *d)
{
	uint64_t number = 0;
	char key[64];

	for (; !d->error; number++) {
		struct dq_future *future = NULL;

		name_key(d, number, key);
		d->error = dq_future_from_key(d->client, key, -1, &future);
		dq_future_free(&future);
	}
	if (d->error != DQ_E_NOT_FOUND)
		return 0;
	d->error = 0;
	return number - 1;
}

/* Until `until`, for what the scheduler says, or a tenth of a second. */
static void rest(struct detector *d, double until)
{
	struct pollfd fd = {.fd = dq_client_fd(d->client), .events = POLLIN};
	double ms = fmin(fmax(ceil((until - now()) * 1000), 0), 100);
	int most = dq_client_timeout_ms(d->client);

	poll(&fd, 1, most >= 0 && most < ms ? most : (int)ms);
	d->error = dq_client_process(d->client);
}

/* What the scheduler has acknowledged is taken; it is in our record from now on. */
static void record(struct detector *d, uint64_t number)
{
	int code = dq_client_sync(d->client, 0);

	if (code && code != DQ_E_TIMEOUT)
		d->error = code;
	for (; !code && d->recorded < number; d->recorded++)
		fprintf(d->taken, "%llu\n", (unsigned long long)d->recorded);
	fflush(d->taken);
}

static void run(struct detector *d)
{
	struct dq_watch *watch = NULL;
	uint64_t number = first_number(d);
	double due = now();

	d->recorded = number;
	if (!d->error)
		d->error = dq_variable_watch(d->client, "interval", 0, interval_is, d, &watch);
	while (!d->error && !dq_task_cancelled(d->task)) {
		if (now() >= due) {
			take(d, number++);
			due = fmax(due + d->interval, now() - 1);
		}
		if (!d->error)
			rest(d, due);
		if (!d->error)
			record(d, number);
	}
	dq_watch_free(&watch);
}

/* DATABASE.WORKER.taken */
static FILE *open_record(struct detector *d)
{
	char path[2 * PATH_MAX];

	snprintf(path, sizeof(path), "%s.%s.taken", d->database, dq_task_worker(d->task));
	return fopen(path, "a");
}

static int is_jpeg(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return n > 4 && strcmp(entry->d_name + n - 4, ".jpg") == 0;
}

int beamline_detector(struct dq_task *task)
{
	struct detector d = {.task = task, .interval = 0.5};
	msgpack_unpacked args;
	bool ok;

	if (!beamline_args(task, &args, 2))
		return dq_task_fail(task, "detector: wants [photographs, database]");
	ok = beamline_path(&args.data.via.array.ptr[0], d.photographs) &&
	     beamline_path(&args.data.via.array.ptr[1], d.database);
	msgpack_unpacked_destroy(&args);
	d.nfiles = ok ? scandir(d.photographs, &d.files, is_jpeg, alphasort) : -1;
	if (d.nfiles <= 0)
		return dq_task_fail(task, "detector: no photographs in %s", d.photographs);
	d.error = dq_task_client(task, &d.client);
	d.taken = d.error ? NULL : open_record(&d);
	if (d.taken) {
		run(&d);
		fclose(d.taken);
	}
	for (int i = 0; i < d.nfiles; i++)
		free(d.files[i]);
	free(d.files);
	if (d.error)
		return dq_task_fail(task, "detector: %s", dq_client_error(d.client));
	return d.taken ? 0 : dq_task_fail(task, "detector: cannot write beside %s", d.database);
}
