/*
 * Crash points: the scheduler is armed to die, to see an error or to be late at each named point
 * around commits, replies, leases and reports, for each kind of request. Whoever ends it, a keeper
 * starts it again unarmed, and the client rides it through: what was acknowledged is there, each
 * effect happens once, and the store is whole.
 *
 *	crash_points [POINT]     all points, or one
 */
#include "lib/cluster.h"
#include "lib/history.h"

#include "base/alloc.h"
#include "base/fault.h"

#include <dq/coordination.h>

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_S 40.0
#define TASKS 8
#define LARGE_BYTES 100000

struct scene {
	struct cluster *cluster;
	struct dq_client *client;
	const char *why; /* what went wrong; NULL: nothing */
	char text[200];
};

__attribute__((format(printf, 2, 3))) static bool wrong(struct scene *s, const char *fmt, ...)
{
	va_list ap;

	if (s->why)
		return false;
	va_start(ap, fmt);
	vsnprintf(s->text, sizeof(s->text), fmt, ap);
	va_end(ap);
	s->why = s->text;
	return false;
}

static bool good(struct scene *s, const char *what, int rc)
{
	return rc == 0 || wrong(s, "%s: %d %s", what, rc, dq_client_error(s->client));
}

static struct dq_future *command(struct scene *s, const char *key, const char *const *argv)
{
	struct dq_spec spec = DQ_SPEC_INIT;
	struct dq_future *f = NULL;

	spec.key = key;
	spec.argv = argv;
	good(s, "submit", dq_submit(s->client, &spec, &f));
	return f;
}

static struct dq_future *echo(struct scene *s, const char *key, const char *text)
{
	const char *argv[] = {"printf", "%s", text, NULL};

	return command(s, key, argv);
}

static bool is_value(struct scene *s, struct dq_future *f, const char *text)
{
	struct dq_value v = {0};
	bool ok;

	if (!f || !good(s, "result", dq_result(f, PATIENCE_S, &v)))
		return false;
	ok = v.n == strlen(text) && memcmp(v.bytes, text, v.n) == 0;
	dq_value_release(&v);
	return ok || wrong(s, "a value of %zu bytes instead of '%.20s'", v.n, text);
}

/* ---- the requests ---- */

static void play_submit(struct scene *s)
{
	struct dq_future *again = NULL, *f = echo(s, "submitted", "one");

	if (!good(s, "sync", dq_client_sync(s->client, PATIENCE_S)))
		return;
	if (good(s, "from_key", dq_future_from_key(s->client, "submitted", PATIENCE_S, &again)))
		is_value(s, again, "one");
	dq_future_free(&again);
	dq_future_free(&f);
}

static void play_cancel(struct scene *s)
{
	const char *argv[] = {"sleep", "600", NULL};
	struct dq_future *f = command(s, "cancelled", argv), *after;
	struct dq_spec spec = DQ_SPEC_INIT;
	const char *echo_argv[] = {"echo", NULL};
	const struct dq_future *deps[] = {f, NULL};

	spec.argv = echo_argv;
	spec.after = deps;
	if (!f || !good(s, "submit", dq_submit(s->client, &spec, &after)))
		return;
	good(s, "sync", dq_client_sync(s->client, PATIENCE_S));
	good(s, "cancel", dq_future_cancel(f));
	good(s, "sync", dq_client_sync(s->client, PATIENCE_S));
	if (good(s, "wait",
		    dq_wait(s->client, (struct dq_future *[]){f, after}, 2, DQ_WAIT_ALL,
			    PATIENCE_S)) &&
		(dq_future_state(f) != DQ_STATE_CANCELLED ||
			dq_future_state(after) != DQ_STATE_CANCELLED))
		wrong(s, "a cancelled task is in state %d", dq_future_state(f));
	dq_future_free(&after);
	dq_future_free(&f);
}

static void play_release(struct scene *s)
{
	struct dq_future *f = echo(s, "released", "two"), *again = NULL;
	int rc;

	is_value(s, f, "two");
	dq_future_free(&f);
	good(s, "sync", dq_client_sync(s->client, PATIENCE_S));
	rc = dq_future_from_key(s->client, "released", PATIENCE_S, &again);
	if (rc != DQ_E_NOT_FOUND)
		wrong(s, "a released task is there: %d", rc);
	dq_future_free(&again);
}

static void play_wait(struct scene *s)
{
	struct dq_future *f[TASKS] = {NULL};

	for (int i = 0; i < TASKS; i++)
		f[i] = echo(s, NULL, "three");
	if (!s->why)
		good(s, "wait", dq_wait(s->client, f, TASKS, DQ_WAIT_ALL, PATIENCE_S));
	for (int i = 0; i < TASKS; i++) {
		if (!s->why && dq_future_state(f[i]) != DQ_STATE_DONE)
			wrong(s, "task %d of a wait is in state %d", i, dq_future_state(f[i]));
		dq_future_free(&f[i]);
	}
}

static void play_result(struct scene *s)
{
	char *large = xmalloc(LARGE_BYTES + 1);
	const char *argv[] = {"sh", "-c", "head -c 100000 /dev/zero | tr '\\0' x", NULL};
	struct dq_future *f = command(s, "large", argv);

	memset(large, 'x', LARGE_BYTES);
	large[LARGE_BYTES] = '\0';
	is_value(s, f, large);
	dq_future_free(&f);
	free(large);
}

/* Results that the scheduler stores: they come, stay over its deaths, and go. */
static void play_store(struct scene *s)
{
	const char *argv[] = {"sh", "-c", "head -c 100000 /dev/zero | tr '\\0' x", NULL};
	char *large = xmalloc(LARGE_BYTES + 1);
	struct dq_future *f[TASKS] = {NULL};
	struct dq_spec spec = DQ_SPEC_INIT;

	memset(large, 'x', LARGE_BYTES);
	large[LARGE_BYTES] = '\0';
	spec.argv = argv;
	spec.policy = DQ_POLICY_STORE;
	spec.retries = TASKS;
	spec.backoff_s = 0.01;
	for (int i = 0; i < TASKS; i++)
		good(s, "submit", dq_submit(s->client, &spec, &f[i]));
	for (int i = 0; i < TASKS; i++) {
		if (!s->why)
			is_value(s, f[i], large);
		dq_future_free(&f[i]);
	}
	good(s, "sync", dq_client_sync(s->client, PATIENCE_S));
	free(large);
}

static void play_map(struct scene *s)
{
	struct dq_args *words = dq_args_new();
	struct dq_spec spec = DQ_SPEC_INIT;
	struct dq_future *array = NULL;
	struct dq_value v[TASKS] = {{0}};

	dq_args_array(words, 3);
	dq_args_str(words, "printf");
	dq_args_str(words, "%s");
	dq_args_array(words, 1);
	dq_args_index(words);
	spec.argv_words = words;
	if (good(s, "map", dq_map(s->client, &spec, TASKS, NULL, &array)))
		good(s, "gather", dq_gather_array(array, DQ_RAISE, PATIENCE_S, v));
	for (int i = 0; i < TASKS; i++) {
		if (!s->why && (v[i].n != 1 || *(const char *)v[i].bytes != '0' + i))
			wrong(s, "element %d has another value", i);
		dq_value_release(&v[i]);
	}
	dq_future_free(&array);
	dq_args_free(&words);
}

/* Commands that leave a line each: once. */
static void play_report(struct scene *s)
{
	char effect[CLUSTER_PATH + 40], path[CLUSTER_PATH + 20], keys[TASKS][24];
	struct history_counts counts;
	struct dq_future *f[TASKS] = {NULL};
	int fd;

	snprintf(effect, sizeof(effect), "%s/tests/e2e/effect", s->cluster->build);
	snprintf(path, sizeof(path), "%s/history", s->cluster->dir);
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	for (int i = 0; i < TASKS && fd >= 0; i++) {
		const char *argv[] = {effect, keys[i], path, "1", NULL};

		snprintf(keys[i], sizeof(keys[i]), "effect-%d", i);
		history_write(fd, "submit", keys[i], NULL, NULL, NULL);
		f[i] = command(s, keys[i], argv);
	}
	for (int i = 0; i < TASKS; i++) {
		if (is_value(s, f[i], keys[i]))
			history_write(fd, "end", keys[i], NULL, "done", keys[i]);
		dq_future_free(&f[i]);
	}
	close(fd);
	if (!history_check(path, stderr, &counts))
		wrong(s, "%d commands ran %d times", TASKS, (int)counts.runs);
}

/* A claim that was made twice, or given back in part, would keep the next one from its locks. */
static void play_lock(struct scene *s)
{
	const struct dq_lock locks[] = {{"first", 1, 1}, {"second", 3, 2}};
	uint64_t fence, last = 0;

	for (int i = 0; i < 3 && !s->why; i++) {
		if (!good(s, "lock",
			    dq_lock_acquire(s->client, locks, 2, NULL, i ? 0 : PATIENCE_S, &fence)))
			return;
		if (fence <= last)
			wrong(s, "a fence that does not grow");
		last = fence;
		good(s, "extend", dq_lock_extend(s->client, fence, 60, PATIENCE_S));
		good(s, "check", dq_lock_check(s->client, fence, PATIENCE_S));
		good(s, "unlock", dq_lock_release(s->client, fence, PATIENCE_S));
		if (!s->why && dq_lock_check(s->client, fence, PATIENCE_S) != DQ_E_CONFLICT)
			wrong(s, "a lock that was given back is held");
	}
	good(s, "set", dq_event_set(s->client, "go", PATIENCE_S));
	good(s, "wait", dq_event_wait(s->client, "go", PATIENCE_S));
	good(s, "clear", dq_event_clear(s->client, "go", PATIENCE_S));
	if (!s->why && dq_event_wait(s->client, "go", 0) != DQ_E_TIMEOUT)
		wrong(s, "an event that was cleared is set");
}

/* Retry, priority and forget. */
static void play_again(struct scene *s)
{
	char path[CLUSTER_PATH + 20], test[CLUSTER_PATH + 80];
	const char *argv[] = {"sh", "-c", test, NULL};
	struct dq_future *f, *again = NULL;
	int rc, fd;

	snprintf(path, sizeof(path), "%s/mended", s->cluster->dir);
	snprintf(test, sizeof(test), "test -e '%s' && printf again", path);
	unlink(path);
	f = command(s, "again", argv);
	if (!f || !good(s, "wait", dq_wait(s->client, &f, 1, DQ_WAIT_ALL, PATIENCE_S)))
		return;
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	close(fd);
	if (dq_future_state(f) != DQ_STATE_FAILED)
		wrong(s, "it is in state %d, and was to fail", dq_future_state(f));
	if (good(s, "retry", dq_future_retry(f, PATIENCE_S)) && is_value(s, f, "again"))
		good(s, "forget", dq_future_forget(f, PATIENCE_S));
	rc = s->why ? DQ_E_NOT_FOUND : dq_future_from_key(s->client, "again", PATIENCE_S, &again);
	if (rc != DQ_E_NOT_FOUND)
		wrong(s, "a forgotten task is there: %d", rc);
	dq_future_free(&again);
	dq_future_free(&f);
}

/* A topic that keeps three entries. */
static void play_topic(struct scene *s)
{
	struct dq_content content = DQ_CONTENT_INIT;
	struct dq_entries page = {.n = 0};
	uint64_t last = 0, cursor;

	good(s, "bound", dq_topic_bound(s->client, "topic", 3, 0, PATIENCE_S));
	for (int i = 1; i <= TASKS && !s->why; i++) {
		content.type = "text";
		content.bytes = "entries";
		content.n = (size_t)i % 7;
		if (good(s, "publish",
			    dq_topic_publish(s->client, "topic", &content, PATIENCE_S, &cursor)) &&
			last && cursor != last + 1)
			wrong(s, "an entry was published twice, or its cursor lost");
		last = cursor;
	}
	if (!s->why)
		good(s, "read", dq_topic_read(s->client, "topic", 0, TASKS, PATIENCE_S, &page));
	if (!s->why && (page.n != 3 || page.cursor != last))
		wrong(s, "%zu entries up to %llu", page.n, (unsigned long long)page.cursor);
	dq_entries_release(&page);
	if (!s->why)
		good(s, "delete", dq_topic_delete(s->client, "topic", PATIENCE_S));
}

/* A dataset keeps what its client is done with, and lets go of it with its end. */
static void play_dataset(struct scene *s)
{
	struct dq_future *f = echo(s, "member", "kept"), *again = NULL;
	struct dq_dataset data = {.n = 0};
	int rc;

	if (f && good(s, "publish", dq_dataset_publish(s->client, "data", &f, 1, PATIENCE_S)))
		is_value(s, f, "kept");
	dq_future_free(&f);
	if (!s->why && good(s, "get", dq_dataset_get(s->client, "data", PATIENCE_S, &data)) &&
		data.n == 1)
		is_value(s, data.futures[0], "kept");
	dq_dataset_release(&data);
	if (!s->why)
		good(s, "remove", dq_dataset_remove(s->client, "data", PATIENCE_S));
	good(s, "sync", dq_client_sync(s->client, PATIENCE_S));
	rc = s->why ? DQ_E_NOT_FOUND : dq_future_from_key(s->client, "member", PATIENCE_S, &again);
	if (rc != DQ_E_NOT_FOUND)
		wrong(s, "what no dataset holds is there: %d", rc);
	dq_future_free(&again);
}

/* ITEMS items: each comes out once, in order, but for what is given back. */
#define ITEMS 6
static bool put_items(struct scene *s, int from)
{
	struct dq_content content[ITEMS];
	char bytes[ITEMS];

	for (int i = 0; i < ITEMS; i++) {
		content[i] = (struct dq_content)DQ_CONTENT_INIT;
		bytes[i] = (char)(from + i);
		content[i].type = "text";
		content[i].bytes = &bytes[i];
		content[i].n = 1;
	}
	return good(
		s, "put", dq_queue_put(s->client, "queue", content, ITEMS, NULL, PATIENCE_S, NULL));
}

static bool is_item(struct scene *s, const struct dq_item *item, int byte)
{
	return (item->value.n == 1 && *(const char *)item->value.bytes == byte) ||
	       wrong(s, "item %d instead of %d",
		       item->value.n ? *(const char *)item->value.bytes : -1, byte);
}

/* Taken; the first is given back and comes again, the others are done with. */
static void take_items(struct scene *s, int from)
{
	struct dq_item items[ITEMS];
	size_t n = 0;

	if (!good(s, "take", dq_queue_take(s->client, "queue", ITEMS, 600, PATIENCE_S, items, &n)))
		return;
	if (n != ITEMS)
		wrong(s, "%zu items of %d", n, ITEMS);
	for (size_t i = 0; i < n && is_item(s, &items[i], from + (int)i); i++) {
		if (i == 0)
			good(s, "nack",
				dq_queue_nack(s->client, "queue", items[i].id, items[i].fence, 0,
					PATIENCE_S));
		else
			good(s, "ack",
				dq_queue_ack(s->client, "queue", items[i].id, items[i].fence,
					PATIENCE_S));
	}
	if (!s->why && dq_queue_ack(s->client, "queue", items[0].id, items[0].fence, PATIENCE_S) !=
			       DQ_E_CONFLICT)
		wrong(s, "an item was acknowledged under an old fence");
	for (size_t i = 0; i < n; i++)
		dq_item_release(&items[i]);
}

static void play_queue(struct scene *s)
{
	struct dq_queue_limits limits = {
		.size = sizeof(limits), .maxsize = 2 * ITEMS, .max_deliveries = 5};
	struct dq_item items[ITEMS];
	uint64_t len = 1;
	size_t n = 0;

	if (!good(s, "create", dq_queue_create(s->client, "queue", &limits, PATIENCE_S)) ||
		!put_items(s, 0))
		return;
	take_items(s, 0);
	if (s->why || !put_items(s, ITEMS))
		return;
	for (int i = 0; i <= ITEMS && !s->why; i++) {
		if (!good(s, "get", dq_queue_get(s->client, "queue", 1, PATIENCE_S, items, &n)))
			return;
		is_item(s, &items[0], i ? ITEMS + i - 1 : 0);
		dq_item_release(&items[0]);
	}
	if (good(s, "len", dq_queue_len(s->client, "queue", PATIENCE_S, &len)) && len)
		wrong(s, "%d items are left", (int)len);
	if (!s->why)
		good(s, "delete", dq_queue_delete(s->client, "queue", PATIENCE_S));
}

/* Each set counts once. */
static void play_variable(struct scene *s)
{
	struct dq_content content = DQ_CONTENT_INIT;
	struct dq_variable v = {.version = 0};
	uint64_t version, last = 0;

	content.type = "text";
	content.bytes = "variable";
	for (int i = 1; i <= TASKS && !s->why; i++) {
		content.n = (size_t)i;
		if (good(s, "set",
			    i % 2 ? dq_variable_set(s->client, "v", &content, PATIENCE_S, &version)
				  : dq_variable_set_if(s->client, "v", last, &content, PATIENCE_S,
					    &version)) &&
			last && version != last + 1)
			wrong(s, "a variable was set twice, or its version lost");
		last = version;
	}
	if (!s->why && good(s, "get", dq_variable_get(s->client, "v", 0, PATIENCE_S, &v)) &&
		(v.version != last || v.value.n != TASKS))
		wrong(s, "a variable of version %d, not %d", (int)v.version, (int)last);
	dq_variable_release(&v);
	if (!s->why)
		good(s, "delete", dq_variable_delete(s->client, "v", PATIENCE_S));
}

/* A graph in parts, with more tasks than one step works off, is there whole or not at all. */
#define GRAPH_TASKS 5000
static void play_graph(struct scene *s)
{
	const char *sleep_argv[] = {"sleep", "600", NULL}, *argv[] = {"true", NULL};
	struct dq_future **f = xcalloc(GRAPH_TASKS, sizeof(*f));
	struct dq_spec spec = DQ_SPEC_INIT, first = DQ_SPEC_INIT;
	const struct dq_future *deps[] = {NULL, NULL};
	struct dq_graph *g = NULL;

	first.argv = sleep_argv;
	spec.argv = argv;
	spec.after = deps;
	good(s, "graph", dq_graph_new(s->client, &g));
	for (int i = 0; i < GRAPH_TASKS && !s->why; i++) {
		good(s, "add", dq_graph_add(g, i ? &spec : &first, &f[i]));
		deps[0] = f[0];
	}
	if (g && good(s, "commit", dq_graph_commit(&g)) &&
		good(s, "sync", dq_client_sync(s->client, PATIENCE_S)))
		good(s, "cancel", dq_future_cancel(f[0]));
	if (!s->why)
		good(s, "wait", dq_wait(s->client, f, GRAPH_TASKS, DQ_WAIT_ALL, PATIENCE_S));
	for (int i = 0; i < GRAPH_TASKS; i++) {
		if (!s->why && dq_future_state(f[i]) != DQ_STATE_CANCELLED)
			wrong(s, "task %d of a graph is in state %d", i, dq_future_state(f[i]));
		dq_future_free(&f[i]);
	}
	free(f);
}

static void play_shared(struct scene *s)
{
	play_topic(s);
	play_dataset(s);
}

static const struct {
	const char *name;
	void (*play)(struct scene *s);
} requests[] = {{"submit", play_submit}, {"cancel", play_cancel}, {"release", play_release},
	{"wait", play_wait}, {"result", play_result}, {"map", play_map}, {"report", play_report},
	{"again", play_again}, {"shared", play_shared}, {"lock", play_lock}, {"queue", play_queue},
	{"variable", play_variable}, {"graph", play_graph}, {"store", play_store}};
#define REQUESTS (sizeof(requests) / sizeof(requests[0]))

/* ---- one point, one action ---- */

static bool play(const char *argv0, const char *fault, size_t which)
{
	struct cluster c;
	struct scene s = {.cluster = &c};
	bool ok;

	cluster_init(&c, argv0, "5");
	cluster_keeper(&c, fault);
	cluster_worker(&c, 0, 2);
	for (int tries = 0; dq_client_open(c.address, NULL, &s.client) != 0; tries++) {
		if (tries == 200) {
			wrong(&s, "open: %s", dq_client_error(s.client));
			break;
		}
		dq_client_close(&s.client);
		cluster_sleep_ms(20);
	}
	if (!s.why)
		requests[which].play(&s);
	dq_client_close(&s.client);
	cluster_end(&c.scheduler, SIGTERM);
	cluster_end(&c.workers[0], SIGKILL);
	ok = cluster_check(&c) && !s.why;
	if (!ok)
		fprintf(stderr, "%s, %s: %s\n", fault, requests[which].name,
			s.why ? s.why : "the store is not whole");
	cluster_release(&c, !ok);
	return ok;
}

/* Points of the scheduler and of its store; others are the loop's and libdq's. */
static bool is_ours(const char *name)
{
	return strncmp(name, "store.", 6) == 0 || strncmp(name, "scheduler.", 10) == 0;
}

/* Points that stored values alone come by. */
static bool is_passed(const char *point, size_t which)
{
	bool of_values = strncmp(point, "store.value.", 12) == 0 || !strcmp(point, "store.upload");

	return !of_values || requests[which].play == play_store;
}

int main(int argc, char **argv)
{
	static const char *const actions[] = {
		"2:die", "4:die", "7:die", "3:error:EIO", "6:error:ENOSPC", "*:delay:5"};
	unsigned played = 0, failed = 0, points = 0;

	if (!fault_is_built_in()) {
		printf("skipped: built without fault points\n");
		return 77;
	}
	for (size_t p = 0; p < fault_count(); p++) {
		if (!is_ours(fault_name(p)) || (argc > 1 && strcmp(argv[1], fault_name(p)) != 0))
			continue;
		points++;
		for (size_t a = 0; a < sizeof(actions) / sizeof(actions[0]); a++) {
			for (size_t r = 0; r < REQUESTS; r++) {
				char fault[100];

				if (!is_passed(fault_name(p), r))
					continue;

				snprintf(fault, sizeof(fault), "%s:%s", fault_name(p), actions[a]);
				played++;
				failed += !play(argv[0], fault, r);
			}
		}
	}
	printf("%u points, %u plays, %u failed\n", points, played, failed);
	return failed != 0;
}
