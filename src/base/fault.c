/*
 * Fault points: a table of names from fault_points.def, a count of passes for each, and what is
 * armed. A pass looks its name up by text; that is slow and only done while something is armed.
 *
 * Counts are atomic; the armed rules change under fault_arm() alone, which is called before threads
 * start (or by tests that know what they do).
 */
#include "base/fault.h"

#include "base/ensure.h"
#include "base/slice.h"
#include "base/str.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define RULES_MAX 32

enum action { ACTION_DIE, ACTION_ERROR, ACTION_DELAY, ACTION_COUNT };

struct point {
	const char *name, *text;
};

struct rule {
	size_t point;
	uint64_t first, last; /* fires at these passes */
	enum action action;
	int error;
	uint64_t delay_ms;
};

#define FAULT_POINT(name, text) {name, text},
static const struct point points[] = {
#include "base/fault_points.def"
};
#undef FAULT_POINT

#define POINTS (sizeof(points) / sizeof(points[0]))

static _Atomic uint64_t passes[POINTS];
static struct rule rules[RULES_MAX];
static size_t rules_n;
bool fault_active;

static const struct {
	const char *name;
	int value;
} error_names[] = {
	{"EIO", EIO},
	{"ENOSPC", ENOSPC},
	{"ENOMEM", ENOMEM},
	{"EAGAIN", EAGAIN},
	{"EINTR", EINTR},
	{"EPIPE", EPIPE},
	{"ECONNRESET", ECONNRESET},
	{"ECONNREFUSED", ECONNREFUSED},
	{"ETIMEDOUT", ETIMEDOUT},
	{"EMFILE", EMFILE},
	{"EACCES", EACCES},
};

static bool find_point(struct slice name, size_t *out)
{
	for (size_t i = 0; i < POINTS; i++) {
		if (slice_eq_str(name, points[i].name)) {
			*out = i;
			return true;
		}
	}
	return false;
}

static bool parse_count(struct slice s, struct rule *r)
{
	bool onward = s.n > 1 && s.p[s.n - 1] == '+';

	if (slice_eq_str(s, "*")) {
		r->first = 1;
		r->last = UINT64_MAX;
		return true;
	}
	if (!str_to_u64(slice_of(s.p, s.n - onward), &r->first) || r->first == 0)
		return false;
	r->last = onward ? UINT64_MAX : r->first;
	return true;
}

static bool parse_error(struct slice s, int *out)
{
	uint64_t number;

	if (slice_is_empty(s)) {
		*out = EIO;
		return true;
	}
	for (size_t i = 0; i < sizeof(error_names) / sizeof(error_names[0]); i++) {
		if (slice_eq_str(s, error_names[i].name)) {
			*out = error_names[i].value;
			return true;
		}
	}
	if (!str_to_u64(s, &number) || number == 0 || number > 4095)
		return false;
	*out = (int)number;
	return true;
}

static bool parse_action(struct slice action, struct slice arg, struct rule *r)
{
	if (slice_eq_str(action, "die")) {
		r->action = ACTION_DIE;
		return slice_is_empty(arg);
	}
	if (slice_eq_str(action, "error")) {
		r->action = ACTION_ERROR;
		return parse_error(arg, &r->error);
	}
	if (slice_eq_str(action, "delay")) {
		r->action = ACTION_DELAY;
		r->delay_ms = 100;
		return slice_is_empty(arg) || str_to_u64(arg, &r->delay_ms);
	}
	r->action = ACTION_COUNT;
	return slice_eq_str(action, "count") && slice_is_empty(arg);
}

/* Returns NULL, or what is wrong with one rule's text. */
static const char *parse_rule(struct slice s, struct rule *r)
{
	struct slice name, count, action, arg;

	str_split(s, ':', &name, &s);
	str_split(s, ':', &count, &s);
	str_split(s, ':', &action, &arg);
	if (!find_point(name, &r->point))
		return "there is no fault point of that name";
	if (!parse_count(count, r))
		return "the count is neither N, N+ nor *";
	if (!parse_action(action, arg, r))
		return "the action is neither die, error[:ERRNO], delay[:MS] nor count";
	return NULL;
}

bool fault_arm(const char *spec, const char **why)
{
	struct rule parsed[RULES_MAX] = {0};
	struct slice rest = slice_str(spec), one;
	size_t n = 0;

	while (!slice_is_empty(rest)) {
		const char *wrong;

		str_split(rest, ',', &one, &rest);
		wrong = n == RULES_MAX ? "too many fault points" : parse_rule(one, &parsed[n]);
		if (wrong) {
			if (why)
				*why = wrong;
			return false;
		}
		n++;
	}
	for (size_t i = 0; i < n; i++)
		rules[i] = parsed[i];
	rules_n = n;
	fault_active = n > 0;
	return true;
}

void fault_reset_counts(void)
{
	for (size_t i = 0; i < POINTS; i++)
		passes[i] = 0;
}

static void sleep_ms(uint64_t ms)
{
	struct timespec ts = {
		.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};

	while (nanosleep(&ts, &ts) != 0 && errno == EINTR)
		continue;
}

static int fire(const struct rule *r)
{
	switch (r->action) {
	case ACTION_DIE:
		kill(getpid(), SIGKILL);
		for (;;)
			pause();
	case ACTION_ERROR:
		return r->error;
	case ACTION_DELAY:
		sleep_ms(r->delay_ms);
		return 0;
	case ACTION_COUNT:
		return 0;
	}
	unreachable();
}

int fault_pass(const char *name)
{
	uint64_t pass;
	size_t point;
	int rc = 0;

	if (!find_point(slice_str(name), &point))
		panic("fault point %s is not in fault_points.def", name);
	pass = ++passes[point];
	for (size_t i = 0; i < rules_n && rc == 0; i++)
		if (rules[i].point == point && pass >= rules[i].first && pass <= rules[i].last)
			rc = fire(&rules[i]);
	return rc;
}

size_t fault_count(void)
{
	return POINTS;
}

const char *fault_name(size_t i)
{
	ensure(i < POINTS);
	return points[i].name;
}

const char *fault_text(size_t i)
{
	ensure(i < POINTS);
	return points[i].text;
}

uint64_t fault_passes(size_t i)
{
	ensure(i < POINTS);
	return passes[i];
}

bool fault_is_built_in(void)
{
#ifdef DQ_FAULT_POINTS
	return true;
#else
	return false;
#endif
}

#ifdef DQ_FAULT_POINTS
/* What the environment arms holds from the first instruction of main. */
static void __attribute__((constructor)) arm_from_environment(void)
{
	const char *spec = secure_getenv("DQ_FAULT"), *why = NULL;

	if (spec && !fault_arm(spec, &why))
		panic("DQ_FAULT=%s: %s", spec, why);
}
#endif
