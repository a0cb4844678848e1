/*
 * A task from the command line: the submit options, and the spec they make.
 */
#ifndef DQ_TASK_FROM_WORDS_H
#define DQ_TASK_FROM_WORDS_H

#include "base/buf.h"
#include "common/options.h"
#include "lookup.h"
#include "terms.h"

#include <dq/client.h>

#include <stdbool.h>
#include <stdint.h>

struct task_options {
	const char *key;
	struct opt_list after, labels, env;
	const char *input, *cwd;       /* --stdin, --cwd */
	const char *array, *each_line; /* --array A-B, --each-line FILE */
	bool once, recompute, wait, no_subst;
};
extern struct task_options task_options;

extern const struct opt task_opts[];       /* of any task */
extern const struct opt task_exec_opts[];  /* of commands */
extern const struct opt task_array_opts[]; /* of arrays */
extern const struct opt task_wait_opts[];  /* --wait */

struct task {
	struct dq_spec spec;
	bool is_array;
	uint64_t count;        /* elements of an array */
	struct dq_args *words; /* the command's words, or the function's arguments */
	struct dq_args *inputs;
	struct buf input;
	char *cwd;
	struct opt_list after; /* with the elements of arrays */
	struct buf after_text; /* their keys */
};

/*
 * From the options and the words, of a command or of a function and its JSON arguments. `lines`
 * makes it an array of the lines of that file ("-": stdin), whatever the options say; NULL leaves
 * it to them. Returns 0 or an exit code, the error printed; task_release() in either case.
 */
int task_of_command(struct task *t, int argc, char **argv, const char *lines);
int task_of_call(struct task *t, int argc, char **argv);
void task_release(struct task *t);
/* What --after names, where ids says of each key how many tasks it is: those of an array are its
 * elements. Returns 0 or an exit code, the error printed. */
int task_place_after(struct task *t, const struct ids *ids);

/*
 * Submits it and waits until that is durable. Returns 0 or an exit code, the error printed; free
 * *out in either case.
 */
int task_submit(struct dq_client *client, struct task *t, struct dq_future **out);

#endif
