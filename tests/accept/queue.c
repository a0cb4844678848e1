/*
 * For the acceptance of queues:
 *	queue ADDR fill NAME N		puts N items of 100 bytes
 *	queue ADDR times NAME NAME N	gets N items of each in turn, one a call; prints the two p50
 *in ms queue ADDR produce NAME P N	puts "P 1" to "P N", a few a call queue ADDR consume NAME
 *FILE	takes and acknowledges until nothing comes for some seconds queue ADDR late NAME
 *takes one, stops itself, and acknowledges it when it goes on: exits 6 where that is refused
 * consume appends to FILE what it takes before it acknowledges it, "T P I DELIVERIES", and then
 * "A P I", or "C P I" where the delivery was over by then.
 */
#include <dq/coordination.h>

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCH 1000
#define FEW 16
#define LEASE_S 1.5
#define QUIET_S 6
/* So that kills meet puts, and items that are out. */
#define PUT_PAUSE_MS 20
#define WORK_MS 5

static struct dq_client *client;

static void check(int code, const char *what)
{
	if (code == DQ_E_OK)
		return;
	fprintf(stderr, "queue: %s: %s\n", what,
		client ? dq_client_error(client) : dq_strerror(code));
	exit(1);
}

static uint64_t number(const char *text)
{
	return strtoull(text, NULL, 10);
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void pause_ms(long ms)
{
	nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

static int fill(const char *name, uint64_t n)
{
	static struct dq_content contents[BATCH];
	static char bytes[100];

	for (size_t i = 0; i < BATCH; i++)
		contents[i] = (struct dq_content){.size = sizeof(contents[i]),
			.type = "bytes",
			.bytes = bytes,
			.n = sizeof(bytes)};
	for (uint64_t at = 0; at < n; at += BATCH)
		check(dq_queue_put(client, name, contents, n - at < BATCH ? n - at : BATCH, NULL,
			      -1, NULL),
			"put");
	return 0;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int times(const char *const names[2], size_t n)
{
	double *took[2] = {calloc(n + 1, sizeof(double)), calloc(n + 1, sizeof(double))};

	for (size_t i = 0; i < n; i++) {
		for (int k = 0; k < 2; k++) {
			double began = now_ms();
			struct dq_item item;
			size_t got;

			check(dq_queue_get(client, names[k], 1, 30, &item, &got), "get");
			took[k][i] = now_ms() - began;
			dq_item_release(&item);
		}
	}
	for (int k = 0; k < 2; k++)
		qsort(took[k], n, sizeof(double), by_size);
	printf("%.4f %.4f\n", took[0][n / 2], took[1][n / 2]);
	free(took[0]);
	free(took[1]);
	return 0;
}

static int produce(const char *name, uint64_t p, uint64_t n)
{
	struct dq_content contents[FEW];
	char texts[FEW][48];

	for (uint64_t at = 1; at <= n;) {
		size_t k = 0;

		for (; k < FEW && at <= n; k++, at++) {
			snprintf(texts[k], sizeof(texts[k]), "%" PRIu64 " %" PRIu64, p, at);
			contents[k] = (struct dq_content){.size = sizeof(contents[k]),
				.type = "bytes",
				.bytes = texts[k],
				.n = strlen(texts[k])};
		}
		check(dq_queue_put(client, name, contents, k, NULL, -1, NULL), "put");
		pause_ms(PUT_PAUSE_MS);
	}
	return 0;
}

static void note(FILE *out, char what, const struct dq_item *item, bool deliveries)
{
	fprintf(out, "%c %.*s", what, (int)item->value.n, (const char *)item->value.bytes);
	if (deliveries)
		fprintf(out, " %" PRIu32, item->deliveries);
	fputc('\n', out);
}

/* Of all, or of one after the other where one of them is over. */
static void acknowledge(const char *name, const struct dq_item *items, size_t n, FILE *out)
{
	int code = dq_queue_ack_many(client, name, items, n, -1, NULL);

	if (code != DQ_E_CONFLICT)
		check(code, "ack");
	for (size_t i = 0; i < n; i++) {
		int one = code;

		if (code == DQ_E_CONFLICT)
			one = dq_queue_ack(client, name, items[i].id, items[i].fence, -1);
		if (one != DQ_E_CONFLICT)
			check(one, "ack");
		note(out, one == DQ_E_OK ? 'A' : 'C', &items[i], false);
	}
}

static int consume(const char *name, const char *file)
{
	struct dq_item items[FEW];
	FILE *out = fopen(file, "a");
	size_t n;

	if (!out)
		return 1;
	for (;;) {
		int code = dq_queue_take(client, name, FEW, LEASE_S, QUIET_S, items, &n);

		if (code == DQ_E_TIMEOUT)
			return fclose(out) == 0 ? 0 : 1;
		check(code, "take");
		for (size_t i = 0; i < n; i++)
			note(out, 'T', &items[i], true);
		fflush(out);
		pause_ms(WORK_MS);
		acknowledge(name, items, n, out);
		fflush(out);
		for (size_t i = 0; i < n; i++)
			dq_item_release(&items[i]);
	}
}

static int late(const char *name)
{
	struct dq_item item;
	size_t n;
	int code;

	check(dq_queue_take(client, name, 1, 0.5, 30, &item, &n), "take");
	raise(SIGSTOP);
	code = dq_queue_ack(client, name, item.id, item.fence, 30);
	if (code)
		fprintf(stderr, "%s\n", dq_client_error(client));
	dq_item_release(&item);
	return code ? dq_exit_code(code) : 0;
}

int main(int argc, char **argv)
{
	struct dq_options options = DQ_OPTIONS_INIT;
	const char *what = argc > 3 ? argv[2] : "";
	int code = 2;

	if (argc < 4)
		return 2;
	options.connect_timeout_s = 30;
	check(dq_client_open(argv[1], &options, &client), "open");
	if (!strcmp(what, "fill") && argc == 5)
		code = fill(argv[3], number(argv[4]));
	else if (!strcmp(what, "times") && argc == 6)
		code = times((const char *const[2]){argv[3], argv[4]}, number(argv[5]));
	else if (!strcmp(what, "produce") && argc == 6)
		code = produce(argv[3], number(argv[4]), number(argv[5]));
	else if (!strcmp(what, "consume") && argc == 5)
		code = consume(argv[3], argv[4]);
	else if (!strcmp(what, "late"))
		code = late(argv[3]);
	dq_client_close(&client);
	return code;
}
