/*
 * Histories and their check. Neighbours: tests/e2e/kill_loop.c writes and checks,
 * tests/e2e/effect.c writes runs, tests/lib/check_history.c shows that the check finds what it
 * should.
 */
#include "lib/history.h"

#include "lib/cluster.h"

#include "base/alloc.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VIOLATIONS_SHOWN 20

void history_write(int fd, const char *op, const char *key, const char *worker, const char *state,
	const char *value)
{
	json_t *line = json_pack("{s:I,s:s,s:s*,s:s*,s:s*,s:s*}", "t", (json_int_t)cluster_now_us(),
		"op", op, "key", key, "worker", worker, "state", state, "value", value);
	char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;
	size_t n = text ? strlen(text) : 0;

	if (!text) {
		fprintf(stderr, "a line of history cannot be made\n");
		exit(99);
	}
	text[n] = '\n';
	if (write(fd, text, n + 1) != (ssize_t)n + 1) {
		perror("history");
		exit(99);
	}
	free(text);
	json_decref(line);
}

struct run {
	uint64_t t;
	char *worker;
};

struct task {
	char *key;
	uint64_t submitted, acked, cancelled, ended;
	unsigned ends;
	char *state, *value;
	struct run *runs;
	size_t nruns;
};

/* What the test did to a worker. */
struct blow {
	uint64_t t;
	char *worker;
	bool silent;
};

struct history {
	struct task *tasks; /* by key, once sorted */
	size_t ntasks, cap;
	json_t *index; /* key -> place */
	struct blow *blows;
	size_t nblows;
	FILE *out;
	unsigned violations;
	struct history_counts *counts;
};

__attribute__((format(printf, 2, 3))) static void wrong(struct history *h, const char *fmt, ...)
{
	va_list ap;

	if (h->violations++ >= VIOLATIONS_SHOWN)
		return;
	va_start(ap, fmt);
	vfprintf(h->out, fmt, ap);
	va_end(ap);
	fprintf(h->out, "\n");
}

static struct task *task_of(struct history *h, const char *key)
{
	json_t *at = json_object_get(h->index, key);

	if (at)
		return &h->tasks[json_integer_value(at)];
	if (h->ntasks == h->cap) {
		h->cap = h->cap ? h->cap * 2 : 256;
		h->tasks = xreallocarray(h->tasks, h->cap, sizeof(*h->tasks));
	}
	json_object_set_new(h->index, key, json_integer((json_int_t)h->ntasks));
	h->tasks[h->ntasks] = (struct task){.key = xstrdup(key)};
	return &h->tasks[h->ntasks++];
}

static const char *field(const json_t *line, const char *name)
{
	const char *v = json_string_value(json_object_get(line, name));

	return v ? v : "";
}

static void add_end(struct history *h, struct task *t, const json_t *line, uint64_t at)
{
	t->ended = at;
	if (t->ends++ && (strcmp(t->state, field(line, "state")) != 0 ||
				 strcmp(t->value, field(line, "value")) != 0))
		wrong(h, "%s ended as %s, and later as %s", t->key, t->state, field(line, "state"));
	free(t->state);
	free(t->value);
	t->state = xstrdup(field(line, "state"));
	t->value = xstrdup(field(line, "value"));
}

static void add_run(struct task *t, const json_t *line, uint64_t at)
{
	t->runs = xreallocarray(t->runs, t->nruns + 1, sizeof(*t->runs));
	t->runs[t->nruns++] = (struct run){.t = at, .worker = xstrdup(field(line, "worker"))};
}

static void add_blow(struct history *h, const json_t *line, uint64_t at)
{
	h->blows = xreallocarray(h->blows, h->nblows + 1, sizeof(*h->blows));
	h->blows[h->nblows++] = (struct blow){.t = at,
		.worker = xstrdup(field(line, "worker")),
		.silent = strcmp(field(line, "op"), "silent") == 0};
}

static void add(struct history *h, const json_t *line)
{
	const char *op = field(line, "op"), *key = field(line, "key");
	uint64_t at = (uint64_t)json_integer_value(json_object_get(line, "t"));

	if (strcmp(op, "kill") == 0 || strcmp(op, "silent") == 0)
		add_blow(h, line, at);
	else if (strcmp(op, "run") == 0)
		add_run(task_of(h, key), line, at);
	else if (strcmp(op, "submit") == 0)
		task_of(h, key)->submitted = at;
	else if (strcmp(op, "acked") == 0)
		task_of(h, key)->acked = at;
	else if (strcmp(op, "cancel") == 0)
		task_of(h, key)->cancelled = at;
	else if (strcmp(op, "end") == 0)
		add_end(h, task_of(h, key), line, at);
	else
		wrong(h, "a line of an unknown kind: %s", op);
}

static int by_time(const void *a, const void *b)
{
	const struct run *x = a, *y = b;

	return (x->t > y->t) - (x->t < y->t);
}

/* A blow is noted before it falls, and what it kills may still note a run on its way out. */
#define DYING_US 1000000

/*
 * Something happened to the first run's worker before the second began; or the second's was silent
 * before, and did not know that its lease was over.
 */
static bool excused(const struct history *h, const struct run *r, const struct run *again)
{
	for (size_t i = 0; i < h->nblows; i++)
		if (h->blows[i].t <= again->t &&
			((strcmp(h->blows[i].worker, r->worker) == 0 &&
				 h->blows[i].t + DYING_US >= r->t) ||
				(h->blows[i].silent &&
					strcmp(h->blows[i].worker, again->worker) == 0)))
			return true;
	return false;
}

static void check_runs(struct history *h, struct task *t)
{
	if (t->nruns)
		qsort(t->runs, t->nruns, sizeof(*t->runs), by_time);
	h->counts->runs += t->nruns;
	if (t->nruns > 1)
		h->counts->again += t->nruns - 1;
	for (size_t i = 0; i + 1 < t->nruns; i++)
		if (!excused(h, &t->runs[i], &t->runs[i + 1]))
			wrong(h, "%s ran on %s and again on %s, and nothing had happened to %s",
				t->key, t->runs[i].worker, t->runs[i + 1].worker,
				t->runs[i].worker);
	if (t->nruns && !t->submitted)
		wrong(h, "%s ran and was never submitted", t->key);
}

/* Three workers died while it ran, which may happen by chance. */
static bool is_poison(const struct history *h, const char *key)
{
	const json_t *at = json_object_get(h->index, key);
	const struct task *t = at ? &h->tasks[json_integer_value(at)] : NULL;

	return t && t->ends && strcmp(t->state, "poison") == 0 && t->nruns >= 3;
}

static void check_end(struct history *h, struct task *t)
{
	if (!t->submitted)
		return;
	h->counts->submits++;
	h->counts->acked += t->acked != 0;
	h->counts->cancelled += t->cancelled != 0;
	h->counts->ended += t->ends != 0;
	if (!t->ends) {
		wrong(h, "%s was submitted%s, and its end was never seen", t->key,
			t->acked ? ", acknowledged" : "");
		return;
	}
	if (strcmp(t->state, "done") == 0) {
		if (strcmp(t->value, t->key) != 0)
			wrong(h, "%s is done with the value '%s'", t->key, t->value);
		if (!t->nruns)
			wrong(h, "%s is done and never ran", t->key);
	} else if (strcmp(t->state, "cancelled") == 0) {
		if (!t->cancelled)
			wrong(h, "%s is cancelled, and nobody asked for it", t->key);
	} else if (strcmp(t->state, "blamed") == 0) {
		if (!is_poison(h, t->value))
			wrong(h, "%s failed for %s, which did not", t->key, t->value);
	} else if (!is_poison(h, t->key)) {
		wrong(h, "%s ended as %s: %s", t->key, t->state, t->value);
	}
}

static void history_free(struct history *h)
{
	for (size_t i = 0; i < h->ntasks; i++) {
		struct task *t = &h->tasks[i];

		for (size_t k = 0; k < t->nruns; k++)
			free(t->runs[k].worker);
		free(t->runs);
		free(t->key);
		free(t->state);
		free(t->value);
	}
	for (size_t i = 0; i < h->nblows; i++)
		free(h->blows[i].worker);
	free(h->blows);
	free(h->tasks);
	json_decref(h->index);
}

static bool read_lines(struct history *h, const char *path)
{
	FILE *in = fopen(path, "r");
	char *text = NULL;
	size_t cap = 0;

	if (!in) {
		wrong(h, "%s cannot be read", path);
		return false;
	}
	while (getline(&text, &cap, in) > 0) {
		json_t *line = json_loads(text, 0, NULL);

		if (line)
			add(h, line);
		else
			wrong(h, "a line that is no JSON: %s", text);
		json_decref(line);
	}
	free(text);
	fclose(in);
	return true;
}

bool history_check(const char *path, FILE *out, struct history_counts *counts)
{
	struct history h = {.index = json_object(), .out = out, .counts = counts};

	*counts = (struct history_counts){0};
	if (read_lines(&h, path)) {
		for (size_t i = 0; i < h.ntasks; i++) {
			check_runs(&h, &h.tasks[i]);
			check_end(&h, &h.tasks[i]);
		}
	}
	counts->kills = h.nblows;
	if (h.violations > VIOLATIONS_SHOWN)
		fprintf(out, "… and %u more\n", h.violations - VIOLATIONS_SHOWN);
	history_free(&h);
	return h.violations == 0;
}
