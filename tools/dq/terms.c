/*
 * The submit options that say when, where and how often a task runs. What only the scheduler can
 * judge (is there such a worker) it judges; here is checked what is written wrong.
 */
#include "terms.h"

#include "cli.h"

#include "base/clock.h"
#include "common/when.h"

#include <string.h>

#define NOT_GIVEN (-1.0)

struct term_options term_options = {.retention_s = NOT_GIVEN};

const struct opt term_opts[] = {
	{'p', "priority", OPT_INT, &term_options.priority, "N",
		"higher ones are started first (0); may be negative"},
	{0, "retries", OPT_UINT, &term_options.retries, "N",
		"failures after which it is tried again (0)"},
	{0, "backoff", OPT_SECONDS, &term_options.backoff_s, "SEC",
		"before the first retry (0.1); doubled for each further one"},
	{0, "timeout", OPT_SECONDS, &term_options.timeout_s, "SEC",
		"how long it may run at a time"},
	{0, "delay", OPT_SECONDS, &term_options.delay_s, "SEC",
		"start so long after its submit, at the earliest"},
	{0, "at", OPT_STR, &term_options.at, "TIME",
		"start then, at the earliest: @SECONDS, ISO 8601 or HH:MM"},
	{0, "deadline", OPT_SECONDS, &term_options.deadline_s, "SEC",
		"fails where it has not ended so long after its submit"},
	{0, "on-dep-failure", OPT_STR, &term_options.on_dep_failure, "HOW",
		"what to do where a dependency fails: fail (default), skip or run"},
	{0, "resource", OPT_LIST, &term_options.resources, "K=V",
		"what it takes of its worker: cpus=0.5, memory=4G"},
	{0, "worker", OPT_LIST, &term_options.workers, "NAME",
		"only on this worker, or another one so named"},
	{0, "host", OPT_LIST, &term_options.hosts, "H",
		"only on this host, or another one so named"},
	{0, "worker-label", OPT_LIST, &term_options.worker_labels, "K=V",
		"only on workers with this label, and all others named"},
	{0, "allow-other", OPT_FLAG, &term_options.allow_other, NULL,
		"on any worker where none of those named is here"},
	{0, "retention", OPT_SECONDS, &term_options.retention_s, "SEC",
		"how long its outcome stays after its end and its last hold (detached: 7 days)"},
	{0, "policy", OPT_STR, &term_options.policy, "WHERE",
		"where its result is kept: worker (default), or store: with the scheduler, "
		"durably"},
	{0},
};

static int into_times(struct dq_spec *spec)
{
	const struct term_options *o = &term_options;
	double now_s = (double)clock_wall_us() / US_PER_S;

	spec->backoff_s = o->backoff_s;
	spec->timeout_s = o->timeout_s;
	spec->delay_s = o->delay_s;
	spec->deadline_s = o->deadline_s;
	if (o->retention_s != NOT_GIVEN)
		spec->retention_s = o->retention_s > 0 ? o->retention_s : DQ_RETENTION_NONE;
	if (o->at && !when_parse(o->at, now_s, &spec->at_s))
		return cli_usage("--at: not a time (@SECONDS, ISO 8601, HH:MM): %s", o->at);
	return 0;
}

static int into_policy(struct dq_spec *spec)
{
	static const char *const words[] = {
		[DQ_DEP_FAIL] = "fail", [DQ_DEP_SKIP] = "skip", [DQ_DEP_RUN] = "run"};
	const char *word = term_options.on_dep_failure;

	for (size_t i = 0; word && i < sizeof words / sizeof *words; i++) {
		if (strcmp(word, words[i]))
			continue;
		spec->on_dep_failure = (enum dq_on_dep_failure)i;
		return 0;
	}
	return word ? cli_usage("--on-dep-failure: fail, skip or run: %s", word) : 0;
}

static int into_result_policy(struct dq_spec *spec)
{
	const char *word = term_options.policy;

	if (word && !strcmp(word, "store"))
		spec->policy = DQ_POLICY_STORE;
	else if (word && strcmp(word, "worker"))
		return cli_usage("--policy: worker or store: %s", word);
	return 0;
}

int terms_into(struct dq_spec *spec)
{
	const struct term_options *o = &term_options;
	int code;

	if (o->priority < INT32_MIN || o->priority > INT32_MAX)
		return cli_usage("--priority: from %d to %d: %lld", INT32_MIN, INT32_MAX,
			(long long)o->priority);
	if (o->retries > UINT32_MAX)
		return cli_usage("--retries: too many: %llu", (unsigned long long)o->retries);
	if (o->retries && spec->once)
		return cli_usage("--once and --retries: one of them");
	if (o->allow_other && !o->workers.n && !o->hosts.n && !o->worker_labels.n)
		return cli_usage("--allow-other: no --worker, --host or --worker-label given");
	spec->priority = (int32_t)o->priority;
	spec->retries = (uint32_t)o->retries;
	spec->resources = o->resources.v;
	spec->workers = o->workers.v;
	spec->hosts = o->hosts.v;
	spec->worker_labels = o->worker_labels.v;
	spec->allow_other = o->allow_other;
	code = into_times(spec);
	if (code == 0)
		code = into_policy(spec);
	return code ? code : into_result_policy(spec);
}

void terms_options_release(void)
{
	opt_list_release(&term_options.resources);
	opt_list_release(&term_options.workers);
	opt_list_release(&term_options.hosts);
	opt_list_release(&term_options.worker_labels);
}
