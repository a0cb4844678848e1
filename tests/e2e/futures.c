/*
 * A future in a variable: its task lives when the session that submitted it is closed, its result
 * is had from the variable, and it ends when the variable goes. futures ADDRESS DIR
 */
#include <dq/coordination.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int check(bool ok, const char *what, struct dq_client *client)
{
	if (!ok)
		fprintf(stderr, "%s: %s\n", what, client ? dq_client_error(client) : "");
	return ok ? 0 : 1;
}

/* Submits a command, puts its future into the variable, and closes. */
static int put(const char *address, const char *name, const char *script)
{
	const char *argv[] = {"sh", "-c", script, NULL};
	struct dq_content content = DQ_CONTENT_INIT;
	struct dq_spec spec = DQ_SPEC_INIT;
	struct dq_client *client;
	struct dq_future *future;
	int bad = check(dq_client_open(address, NULL, &client) == 0, "open", client);

	spec.argv = argv;
	bad = bad || check(dq_submit(client, &spec, &future) == 0, "submit", client);
	content.future = bad ? NULL : future;
	bad = bad || check(dq_variable_set(client, name, &content, 20, NULL) == 0, "set", client);
	dq_client_close(&client);
	return bad;
}

/* The task behind the variable ends with this output. */
static int take(const char *address, const char *name, const char *wanted)
{
	struct dq_client *client;
	struct dq_variable v = {.version = 0};
	struct dq_value value = {.type = NULL};
	int bad = check(dq_client_open(address, NULL, &client) == 0, "open", client);

	bad = bad || check(dq_variable_get(client, name, 0, 20, &v) == 0, "get", client);
	bad = bad || check(v.future && !v.value.type, "a future", NULL);
	bad = bad || check(dq_result(v.future, 20, &value) == 0, "result", client);
	bad = bad || check(value.n == strlen(wanted) && memcmp(value.bytes, wanted, value.n) == 0,
			     "another output", NULL);
	dq_value_release(&value);
	dq_variable_release(&v);
	dq_client_close(&client);
	return bad;
}

/* The task that the variable holds is gone when that is deleted. */
static int drop(const char *address, const char *name, const char *beats)
{
	struct dq_client *client;
	struct dq_variable v = {.version = 0};
	struct dq_future *again = NULL;
	char key[300] = "";
	int bad = check(dq_client_open(address, NULL, &client) == 0, "open", client), r;

	bad = bad || check(dq_variable_get(client, name, 0, 20, &v) == 0, "get", client);
	for (int i = 0; !bad && access(beats, F_OK) != 0; i++) {
		usleep(50000);
		bad = check(i < 200, "the task does not run", NULL);
	}
	if (!bad)
		snprintf(key, sizeof(key), "%s", dq_future_key(v.future));
	dq_variable_release(&v);
	bad = bad || check(dq_client_sync(client, 20) == 0, "sync", client);
	bad = bad || check(dq_variable_delete(client, name, 20) == 0, "delete", client);
	for (int i = 0; !bad; i++) {
		r = dq_future_from_key(client, key, 20, &again);
		if (r == DQ_E_NOT_FOUND)
			break;
		dq_future_free(&again);
		usleep(50000);
		bad = check(i < 200, "the task is still there", client);
	}
	dq_client_close(&client);
	return bad;
}

int main(int argc, char **argv)
{
	char script[600], beats[300];

	if (argc != 3)
		return 2;
	snprintf(beats, sizeof(beats), "%s/beats", argv[2]);
	snprintf(script, sizeof(script), "touch %s; sleep 60", beats);
	if (put(argv[1], "short", "sleep 0.3; echo done") || take(argv[1], "short", "done\n") ||
		take(argv[1], "short", "done\n"))
		return 1;
	return put(argv[1], "endless", script) || drop(argv[1], "endless", beats);
}
