/*
 * The submit options that say when, where and how often a task runs.
 */
#ifndef DQ_TERMS_FROM_WORDS_H
#define DQ_TERMS_FROM_WORDS_H

#include "common/options.h"

#include <dq/client.h>

struct term_options {
	int64_t priority;
	uint64_t retries;
	double backoff_s, timeout_s, delay_s, deadline_s, retention_s;
	const char *at, *on_dep_failure, *policy;
	struct opt_list resources, workers, hosts, worker_labels;
	bool allow_other;
};
extern struct term_options term_options;
extern const struct opt term_opts[];

/* Puts them into the spec, which borrows the lists. Returns 0 or an exit code, the error printed.
 */
int terms_into(struct dq_spec *spec);
void terms_options_release(void);

#endif
