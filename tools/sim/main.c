/*
 * dq-sim: runs seeds of the simulator until a count, a time or a violation ends it.
 */
#include "sim/sim.h"

#include "base/clock.h"
#include "base/str.h"
#include "core/mutant.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_STEPS 4000

static const char usage[] = "usage: dq-sim [--seed N] [--seeds COUNT] [--steps N] [--trace] "
			    "[--time SEC] [--json] [--list FILE]\n"
			    "Simulates clusters: the scheduler's engine with a fake store, clock "
			    "and network, and simulated\n"
			    "workers and clients. All of a run follows from its seed.\n"
			    "  --seed N       the first seed (a random one)\n"
			    "  --seeds COUNT  how many (1; with --time: no limit)\n"
			    "  --steps N      steps with faults in each run (4000)\n"
			    "  --trace        tells each event, one a line\n"
			    "  --time SEC     new seeds until the time is over\n"
			    "  --json         the counts as JSON\n"
			    "  --list FILE    the seeds in a file instead: a line each, `SEED "
			    "[STEPS]`, # begins a comment\n";

struct options {
	struct sim_options sim;
	uint64_t seeds, time_us;
	bool json, seed_given;
	const char *list;
	const char *mutant; /* its name; NULL: none */
};

/* What an abort says: the run to repeat. */
static struct sim_options current;
static const char *program, *mutant;

static void put_u64(char *out, size_t *n, uint64_t v)
{
	char digits[20];
	size_t k = 0;

	do {
		digits[k++] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	while (k)
		out[(*n)++] = digits[--k];
}

static void on_abort(int sig)
{
	static const char head[] = "\nseed ",
			  mid[] = " ended by a signal; again: dq-sim --trace --seed ",
			  steps[] = " --steps ";
	char line[200];
	size_t n = 0;
	ssize_t rc;

	memcpy(line, head, sizeof(head) - 1);
	n += sizeof(head) - 1;
	put_u64(line, &n, current.seed);
	memcpy(line + n, mid, sizeof(mid) - 1);
	n += sizeof(mid) - 1;
	put_u64(line, &n, current.seed);
	memcpy(line + n, steps, sizeof(steps) - 1);
	n += sizeof(steps) - 1;
	put_u64(line, &n, current.steps);
	line[n++] = '\n';
	rc = write(2, line, n);
	(void)rc;
	signal(sig, SIG_DFL);
	raise(sig);
}

static bool take_number(const char *text, uint64_t *out)
{
	if (text && str_to_u64(slice_str(text), out))
		return true;
	fprintf(stderr, "dq-sim: not a number: %s\n", text ? text : "");
	return false;
}

#ifdef CORE_MUTANTS
enum core_mutant core_mutant;

static bool take_core_mutant(const char *text)
{
	static const char *const words[] = {[CORE_MUTANT_NO_FENCE] = "no-fence",
		[CORE_MUTANT_NO_ROUND] = "no-round",
		[CORE_MUTANT_NO_VERSION] = "no-version",
		[CORE_MUTANT_NO_DELIVERY] = "no-delivery",
		[CORE_MUTANT_NO_LOCK] = "no-lock"};

	for (size_t i = 1; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(text, words[i]) == 0)
			core_mutant = (enum core_mutant)i;
	return core_mutant != CORE_MUTANT_NONE;
}
#else
static bool take_core_mutant(const char *text)
{
	(void)text;
	return false;
}
#endif

static bool take_mutant(const char *text, struct options *o)
{
	o->mutant = text ? text : "";
	if (strcmp(o->mutant, "reply-before-sync") == 0)
		o->sim.mutant = MUTANT_REPLY_BEFORE_SYNC;
	else if (!take_core_mutant(o->mutant)) {
		fprintf(stderr, "dq-sim: no such mutant\n");
		return false;
	}
	return true;
}

/* False: the arguments are wrong, and it was said. */
static bool parse(int argc, char **argv, struct options *o)
{
	uint64_t seconds;

	for (int i = 1; i < argc; i++) {
		const char *a = argv[i], *v = i + 1 < argc ? argv[i + 1] : NULL;

		if (strcmp(a, "--trace") == 0) {
			o->sim.trace = true;
			continue;
		}
		if (strcmp(a, "--json") == 0) {
			o->json = true;
			continue;
		}
		i++;
		if (strcmp(a, "--seed") == 0) {
			o->seed_given = true;
			if (!take_number(v, &o->sim.seed))
				return false;
		} else if (strcmp(a, "--seeds") == 0) {
			if (!take_number(v, &o->seeds))
				return false;
		} else if (strcmp(a, "--steps") == 0) {
			if (!take_number(v, &o->sim.steps))
				return false;
		} else if (strcmp(a, "--time") == 0) {
			if (!take_number(v, &seconds))
				return false;
			o->time_us = seconds * US_PER_S;
		} else if (strcmp(a, "--list") == 0 && v) {
			o->list = v;
		} else if (strcmp(a, "--mutant") == 0) {
			if (!take_mutant(v, o))
				return false;
		} else {
			fputs(usage, stderr);
			return false;
		}
	}
	return true;
}

/* One seed, with a word about it if it fails. */
static bool one(const struct sim_options *o, struct cover *cover)
{
	static struct sim s;
	bool ok;

	current = *o;
	ok = sim_run(&s, o, cover);
	if (!ok) {
		fflush(stdout);
		fprintf(stderr, "seed %" PRIu64 ", step %" PRIu64 ": %s\n", o->seed, s.step, s.why);
		fprintf(stderr, "again: %s --trace --seed %" PRIu64 " --steps %" PRIu64 "%s%s\n",
			program, o->seed, o->steps, mutant ? " --mutant " : "",
			mutant ? mutant : "");
	}
	sim_release(&s);
	return ok;
}

static bool listed(struct options *o, struct cover *cover)
{
	FILE *f = fopen(o->list, "r");
	char line[200];
	bool ok = true;

	if (!f) {
		perror(o->list);
		return false;
	}
	while (ok && fgets(line, sizeof(line), f)) {
		struct sim_options sim = o->sim;
		uint64_t seed, steps = DEFAULT_STEPS;

		line[strcspn(line, "#\n")] = '\0';
		if (sscanf(line, "%" SCNu64 " %" SCNu64, &seed, &steps) < 1)
			continue;
		sim.seed = seed;
		sim.steps = steps;
		ok = one(&sim, cover);
	}
	fclose(f);
	return ok;
}

static bool fresh(struct options *o, struct cover *cover, uint64_t start_us)
{
	struct sim_options sim = o->sim;

	for (uint64_t i = 0; o->time_us || i < o->seeds; i++) {
		if (o->time_us &&
			((o->seeds && i == o->seeds) || clock_mono_us() - start_us >= o->time_us))
			break;
		sim.seed = o->sim.seed + i;
		if (!one(&sim, cover))
			return false;
	}
	return true;
}

static void print_json(const struct options *o, const struct cover *cover, double seconds, bool ok)
{
	struct buf out;

	buf_init(&out, 1 << 20);
	cover_json(cover, seconds, o->sim.seed, ok ? 0 : 1, &out);
	fwrite(out.p, 1, out.n, stdout);
	buf_release(&out);
}

int main(int argc, char **argv)
{
	struct options o = {.sim = {.steps = DEFAULT_STEPS}};
	static struct cover cover;
	uint64_t start_us = clock_mono_us();
	double seconds;
	bool ok;

	program = argv[0];
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		fputs(usage, stdout);
		return 0;
	}
	if (!parse(argc, argv, &o))
		return 2;
	mutant = o.mutant;
	if (!o.seed_given)
		o.sim.seed = rng_os_u64() >> 16;
	if (!o.seeds && !o.time_us)
		o.seeds = 1;
	signal(SIGABRT, on_abort);
	signal(SIGSEGV, on_abort);
	signal(SIGTERM, on_abort); /* whoever ends a run that hangs */
	if (!o.json && !o.list)
		printf("first seed %" PRIu64 "\n", o.sim.seed);
	ok = o.list ? listed(&o, &cover) : fresh(&o, &cover, start_us);
	seconds = (double)(clock_mono_us() - start_us) / 1e6;
	if (o.json)
		print_json(&o, &cover, seconds, ok);
	else
		cover_print(&cover, seconds);
	return ok ? 0 : 1;
}
