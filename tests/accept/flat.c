/*
 * flat ADDRESS COUNT: for each line on standard input a wave of COUNT tasks, all of one session:
 * half are its own, and released when they have ended, half are detached for a second. Some have
 * keys, some a result that stays with its worker. A line is printed after each wave. Functions:
 * noop, echo.
 */
#include <dq/client.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PART = 1000, KEY_ROOM = 40, LARGE_EVERY = 200, LARGE_BYTES = 16 << 10 };

static char keys[PART][KEY_ROOM];
static struct dq_spec specs[PART];
static struct dq_args *large;

/* One in ten has a key; no key comes twice. */
static void describe(uint64_t serial, size_t i, bool detached)
{
	specs[i] = (struct dq_spec)DQ_SPEC_INIT;
	specs[i].function = "noop";
	specs[i].detached = detached;
	specs[i].retention_s = detached ? 1 : 0;
	if (serial % 10 == 0) {
		snprintf(keys[i], KEY_ROOM, "flat-%llu", (unsigned long long)serial);
		specs[i].key = keys[i];
	}
	if (serial % LARGE_EVERY == 1) {
		specs[i].function = "echo";
		specs[i].args = large;
	}
}

static int submit_wave(
	struct dq_client *client, uint64_t *serial, struct dq_future **futures, size_t n)
{
	int rc = 0;

	for (size_t at = 0; rc == 0 && at < n; at += PART) {
		size_t part = n - at < PART ? n - at : PART;

		for (size_t i = 0; i < part; i++)
			describe((*serial)++, i, at / PART % 2);
		rc = dq_submit_many(client, specs, part, futures + at);
		if (rc == 0)
			rc = dq_client_process(client);
	}
	return rc;
}

static int wave(struct dq_client *client, uint64_t *serial, size_t n)
{
	struct dq_future **futures = calloc(n, sizeof(*futures));
	int rc = futures ? submit_wave(client, serial, futures, n) : DQ_E_NO_MEMORY;

	if (rc == 0)
		rc = dq_wait(client, futures, n, DQ_WAIT_ALL, 120);
	for (size_t i = 0; futures && i < n; i++) {
		if (rc == 0 && dq_future_state(futures[i]) != DQ_STATE_DONE)
			rc = DQ_E_TASK_FAILED;
		dq_future_free(&futures[i]);
	}
	free(futures);
	return rc ? rc : dq_client_sync(client, 120);
}

int main(int argc, char **argv)
{
	static char text[LARGE_BYTES];
	struct dq_client *client = NULL;
	size_t n = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
	int rc = n ? dq_client_open(argv[1], NULL, &client) : DQ_E_USAGE;
	uint64_t serial = 0;
	char line[64];

	memset(text, 'x', sizeof(text));
	large = dq_args_new();
	dq_args_strn(large, text, sizeof(text));
	while (rc == 0 && fgets(line, sizeof(line), stdin)) {
		rc = wave(client, &serial, n);
		if (rc == 0) {
			printf("wave\n");
			fflush(stdout);
		}
	}
	if (rc != 0)
		fprintf(stderr, "flat: %s\n",
			client && *dq_client_error(client) ? dq_client_error(client)
							   : dq_strerror(rc));
	dq_args_free(&large);
	dq_client_close(&client);
	return rc ? dq_exit_code(rc) : 0;
}
