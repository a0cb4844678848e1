/*
 * rosenbrock [ADDRESS]
 *
 * Looks for the minimum of a function, twenty points at a time. As soon as one of them is told, a
 * new one is tried in its place, near the best so far: no further off than the points are from each
 * other, so that the search narrows as they gather, and is over when the best is good enough.
 *
 * Without an address it brings scheduler and workers along; else the workers need the module:
 *	dq-worker --module rosenbrock.so
 */
#include <dq/client.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POINTS 20
#define GOOD 1e-8
#define TRIES 4000 /* then from other points: they may have gathered in the wrong place */

struct point {
	double x, y, value; /* the best that was tried in this place */
	double next_x, next_y;
	struct dq_future *future; /* of the next */
};

static struct dq_client *client;
static struct dq_completed *completed;

static void must(int code)
{
	if (code == DQ_E_OK)
		return;
	fprintf(stderr, "rosenbrock: %s\n", dq_client_error(client));
	exit(1);
}

static double between(double low, double high)
{
	return low + (high - low) * drand48();
}

static void try(struct point *p, double x, double y)
{
	struct dq_spec spec = DQ_SPEC_INIT;
	struct dq_args *args = dq_args_new();

	p->next_x = x;
	p->next_y = y;
	dq_args_array(args, 2);
	dq_args_double(args, x);
	dq_args_double(args, y);
	spec.function = "banana";
	spec.args = args;
	must(dq_submit(client, &spec, &p->future));
	must(dq_completed_add(completed, &p->future, 1));
	dq_args_free(&args);
}

/* One that is told takes its place if it is better. */
static struct point *told(struct point *points, struct dq_future *future)
{
	struct point *p = points;
	struct dq_value value;
	double v;

	while (p->future != future)
		p++;
	must(dq_result(future, -1, &value));
	must(dq_value_double(&value, &v));
	dq_value_release(&value);
	dq_future_free(&p->future);
	if (v < p->value) {
		p->x = p->next_x;
		p->y = p->next_y;
		p->value = v;
	}
	return p;
}

static struct point search(unsigned *tried)
{
	struct point points[POINTS], best = {.value = INFINITY};
	struct dq_future *future;

	must(dq_completed_new(client, NULL, 0, &completed));
	for (int i = 0; i < POINTS; i++) {
		points[i] = (struct point){.value = INFINITY};
		try(&points[i], between(-5, 5), between(-5, 5));
	}
	for (unsigned n = 0; n < TRIES && best.value > GOOD; n++, ++*tried) {
		const struct point *a = &points[lrand48() % POINTS],
				   *b = &points[lrand48() % POINTS];
		double step = between(0, 2);
		struct point *p;

		must(dq_completed_next(completed, -1, &future));
		p = told(points, future);
		if (p->value < best.value)
			best = *p;
		try(p, best.x + step * (a->x - b->x), best.y + step * (a->y - b->y));
	}
	/* Those under way are of no more interest: given back, they are cancelled. */
	for (int i = 0; i < POINTS; i++)
		dq_future_free(&points[i].future);
	dq_completed_free(&completed);
	return best;
}

int main(int argc, char **argv)
{
	struct dq_options options = DQ_OPTIONS_INIT;
	char module[4096 + 4] = "";
	struct point best;
	unsigned tried = 0;

	/* The module stands beside this program. */
	if (readlink("/proc/self/exe", module, 4096) > 0)
		snprintf(module + strlen(module), 4, ".so");
	options.local_modules = (const char *const[]){module, NULL};
	must(dq_client_open(argc > 1 ? argv[1] : NULL, &options, &client));
	do
		best = search(&tried);
	while (best.value > GOOD);
	printf("minimum near (%.3f, %.3f) after %u points\n", best.x, best.y, tried);
	return dq_client_close(&client);
}
