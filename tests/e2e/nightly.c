/*
 * nightly ADDRESS submit|resume: a program with a named session. `submit` submits commands, says so
 * once they are durable, and stays to be killed; `resume` prints the results of what the session
 * holds, in the order of the submits, and closes it.
 */
#include <dq/client.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TASKS 5

static int fail(struct dq_client *c)
{
	fprintf(stderr, "nightly: %s\n", dq_client_error(c));
	return 1;
}

static int submit(struct dq_client *c)
{
	for (int i = 0; i < TASKS; i++) {
		char text[64];
		const char *argv[] = {"sh", "-c", text, NULL};
		struct dq_spec spec = DQ_SPEC_INIT;
		struct dq_future *f;

		snprintf(text, sizeof(text), "sleep 0.3; echo night %d", i);
		spec.argv = argv;
		if (dq_submit(c, &spec, &f))
			return fail(c);
	}
	if (dq_client_sync(c, 20))
		return fail(c);
	puts("submitted");
	fflush(stdout);
	for (;;)
		pause();
}

static int resume(struct dq_client *c)
{
	struct dq_future **held;
	size_t n;

	if (dq_client_held(c, 20, &held, &n))
		return fail(c);
	for (size_t i = 0; i < n; i++) {
		struct dq_value v;

		if (dq_result(held[i], 30, &v))
			return fail(c);
		fwrite(v.bytes, 1, v.n, stdout);
		dq_value_release(&v);
		dq_future_free(&held[i]);
	}
	free(held);
	return dq_client_close(&c) ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct dq_options o = DQ_OPTIONS_INIT;
	struct dq_client *c;

	if (argc != 3)
		return 2;
	o.session = "nightly";
	if (dq_client_open(argv[1], &o, &c))
		return fail(c);
	return strcmp(argv[2], "submit") == 0 ? submit(c) : resume(c);
}
