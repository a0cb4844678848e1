/*
 * load ADDRESS COUNT [FUNCTION]: submits COUNT detached tasks, each a spec with a key of its own,
 * "load-0" and so on. FUNCTION is one of the workers' modules (noop). Exit 0 once all are durable.
 */
#include <dq/client.h>

#include <stdio.h>
#include <stdlib.h>

enum { PART = 10000, KEY_ROOM = 32 };

static char keys[PART][KEY_ROOM];
static struct dq_spec specs[PART];
static struct dq_future *futures[PART];

static int submit_part(struct dq_client *client, const char *function, uint64_t from, size_t n)
{
	int rc;

	for (size_t i = 0; i < n; i++) {
		snprintf(keys[i], KEY_ROOM, "load-%llu", (unsigned long long)(from + i));
		specs[i] = (struct dq_spec)DQ_SPEC_INIT;
		specs[i].key = keys[i];
		specs[i].function = function;
		specs[i].detached = true;
	}
	rc = dq_submit_many(client, specs, n, futures);
	if (rc == 0)
		rc = dq_client_sync(client, 120);
	for (size_t i = 0; i < n; i++)
		dq_future_free(&futures[i]);
	return rc;
}

int main(int argc, char **argv)
{
	struct dq_client *client = NULL;
	uint64_t n = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
	int rc = n ? dq_client_open(argv[1], NULL, &client) : DQ_E_USAGE;

	for (uint64_t at = 0; rc == 0 && at < n; at += PART)
		rc = submit_part(client, argc > 3 ? argv[3] : "noop", at,
			n - at < PART ? (size_t)(n - at) : PART);
	if (rc != 0)
		fprintf(stderr, "load: %s\n",
			client && *dq_client_error(client) ? dq_client_error(client)
							   : dq_strerror(rc));
	dq_client_close(&client);
	return rc ? dq_exit_code(rc) : 0;
}
