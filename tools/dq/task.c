/*
 * The submit options and the spec they make, for submit, call, run and map.
 *
 * An array is either numbers (--array) or lines. The elements of --array A-B have the indexes A to
 * B, those of lines count from 0.
 */
#include "task.h"

#include "argjson.h"
#include "cli.h"
#include "input.h"
#include "lookup.h"
#include "subst.h"

#include "base/alloc.h"
#include "base/ensure.h"
#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct task_options task_options;

const struct opt task_opts[] = {
	{'k', "key", OPT_STR, &task_options.key, "KEY", "the task's key; generated if not given"},
	{'a', "after", OPT_LIST, &task_options.after, "KEY", "start when this task is done"},
	{'l', "label", OPT_LIST, &task_options.labels, "LABEL", "a label to find it by"},
	{0, "once", OPT_FLAG, &task_options.once, NULL, "never a second attempt"},
	{0, "recompute", OPT_FLAG, &task_options.recompute, NULL,
		"a lost result may be made again"},
	{0},
};

const struct opt task_exec_opts[] = {
	{'e', "env", OPT_LIST, &task_options.env, "NAME=VALUE",
		"added to the worker's environment"},
	{0, "cwd", OPT_STR, &task_options.cwd, "DIR", "where the command runs; here if not given"},
	{0, "stdin", OPT_STR, &task_options.input, "FILE", "the command's standard input"},
	{0, "no-subst", OPT_FLAG, &task_options.no_subst, NULL,
		"take {in:KEY}, {index} and {} as they are"},
	{0},
};

const struct opt task_array_opts[] = {
	{0, "array", OPT_STR, &task_options.array, "A-B[%N]",
		"an array: one element a number, at most N at a time"},
	{0, "each-line", OPT_STR, &task_options.each_line, "FILE", "an array: one element a line"},
	{0},
};

const struct opt task_wait_opts[] = {
	{'w', "wait", OPT_FLAG, &task_options.wait, NULL,
		"wait until it ended; exit 1 if it failed"},
	{0},
};

/* --- Arrays ----------------------------------------------------------------------------------- */

#define ARRAY_MAX ((uint64_t)1 << 27)
#define AFTER_MAX 65536
#define WORDS_MAX 4096

static int array_of_numbers(struct task *t, const char *range)
{
	struct slice first, last, most, rest = slice_str(range), numbers;
	uint64_t a, b, at_once = 0;

	if (str_split(rest, '%', &numbers, &most)) {
		if (!str_to_u64(most, &at_once) || at_once == 0 || at_once > UINT32_MAX)
			return cli_usage("--array: not A-B%%N, N from 1: %s", range);
		rest = numbers;
	}
	if (!str_split(rest, '-', &first, &last) || !str_to_u64(first, &a) || !str_to_u64(last, &b))
		return cli_usage("--array: not A-B, two numbers: %s", range);
	t->spec.at_once = (uint32_t)at_once;
	if (b < a || b - a >= ARRAY_MAX)
		return cli_usage("--array: from 1 to %llu elements: %s",
			(unsigned long long)ARRAY_MAX, range);
	if (b >= UINT32_MAX)
		return cli_usage("--array: numbers below %u: %s", UINT32_MAX, range);
	t->is_array = true;
	t->spec.first_index = (uint32_t)a;
	t->count = b - a + 1;
	return 0;
}

static int array_of_lines(struct task *t, const char *path)
{
	struct slice rest, line;
	struct buf text;
	int r, code = 0;

	buf_init(&text, INPUT_BYTES_MAX);
	r = input_read(path, &text);
	if (r) {
		buf_release(&text);
		return cli_fail(DQ_E_USAGE, "%s: %s", strcmp(path, "-") ? path : "standard input",
			strerror(r));
	}
	rest = buf_slice(&text);
	t->is_array = true;
	t->count = line_count(rest);
	if (t->count > ARRAY_MAX)
		code = cli_usage("%s: more lines than an array may have", path);
	else if (rest.n && memchr(rest.p, 0, rest.n))
		code = cli_usage("%s: has bytes 0, which no line may have", path);
	else if (t->count) {
		t->inputs = dq_args_new();
		dq_args_array(t->inputs, (uint32_t)t->count);
		while (line_next(&rest, &line))
			dq_args_strn(t->inputs, line.n ? (const char *)line.p : "", line.n);
	}
	buf_release(&text);
	return code;
}

static int make_array(struct task *t, const char *lines)
{
	const struct task_options *o = &task_options;
	int code;

	if (lines)
		return array_of_lines(t, lines);
	if (o->array && o->each_line)
		return cli_usage("--array and --each-line: one of them");
	if (o->array)
		return array_of_numbers(t, o->array);
	if (!o->each_line)
		return 0;
	code = array_of_lines(t, o->each_line);
	return code || t->count ? code : cli_usage("--each-line: no lines: %s", o->each_line);
}

/* --- Words ------------------------------------------------------------------------------------ */

static void append_part(struct task *t, const struct part *part)
{
	char *key;

	switch (part->kind) {
	case PART_TEXT:
		dq_args_strn(t->words, (const char *)part->text.p, part->text.n);
		break;
	case PART_INPUT:
		key = xmemdup(part->text.p, part->text.n);
		dq_args_key(t->words, key);
		free(key);
		break;
	case PART_INDEX:
		dq_args_index(t->words);
		break;
	case PART_ELEMENT:
		if (t->inputs)
			dq_args_element(t->words);
		else
			dq_args_index(t->words);
		break;
	}
}

static int append_word(struct task *t, const char *word)
{
	bool subst = !task_options.no_subst;
	struct slice rest = slice_str(word);
	struct part part = {.kind = PART_TEXT};
	uint32_t n = 0;

	while (subst && subst_next(&rest, t->is_array, &part)) {
		if (part.kind == PART_INPUT && part.text.n == 0)
			return cli_usage("{in:KEY} without a key: %s", word);
		n++;
	}
	if (n == 0 || (n == 1 && part.kind == PART_TEXT)) {
		dq_args_str(t->words, word);
		return 0;
	}
	dq_args_array(t->words, n);
	rest = slice_str(word);
	while (subst_next(&rest, t->is_array, &part))
		append_part(t, &part);
	return 0;
}

static int make_words(struct task *t, int argc, char **argv)
{
	int code = 0;

	t->words = dq_args_new();
	dq_args_array(t->words, (uint32_t)argc);
	for (int i = 0; !code && i < argc; i++)
		code = append_word(t, argv[i]);
	t->spec.argv_words = t->words;
	return code;
}

/* --- The rest of a spec ----------------------------------------------------------------------- */

static int make_command_options(struct task *t)
{
	const struct task_options *o = &task_options;
	int r;

	for (size_t i = 0; i < o->env.n; i++)
		if (o->env.v[i][0] == '=' || !strchr(o->env.v[i], '='))
			return cli_usage("--env: not NAME=VALUE: %s", o->env.v[i]);
	t->spec.env = o->env.v;
	if (o->cwd && o->cwd[0] != '/') {
		char *here = getcwd(NULL, 0);

		t->cwd = xasprintf("%s/%s", here ? here : "", o->cwd);
		free(here);
	}
	t->spec.cwd = t->cwd ? t->cwd : o->cwd;
	if (o->input) {
		r = input_read(o->input, &t->input);
		if (r)
			return cli_fail(DQ_E_USAGE, "--stdin %s: %s", o->input, strerror(r));
		t->spec.input = t->input.p;
		t->spec.input_bytes = t->input.n;
	}
	return 0;
}

static int task_begin(struct task *t)
{
	const struct task_options *o = &task_options;

	*t = (struct task){.spec = DQ_SPEC_INIT};
	buf_init(&t->input, INPUT_BYTES_MAX);
	buf_init(&t->after_text, INPUT_BYTES_MAX);
	t->spec.key = o->key;
	t->spec.after_keys = o->after.v;
	t->spec.labels = o->labels.v;
	t->spec.once = o->once;
	t->spec.recompute = o->recompute;
	return terms_into(&t->spec);
}

int task_of_command(struct task *t, int argc, char **argv, const char *lines)
{
	int code = task_begin(t);

	if (code)
		return code;
	if (argc == 0)
		return cli_usage("no command given");
	if (!argv[0][0])
		return cli_usage("the command's first word is empty");
	if (argc > WORDS_MAX)
		return cli_fail(DQ_E_LIMIT, "argv: at most %d words", WORDS_MAX);
	code = make_array(t, lines);
	if (!code)
		code = make_command_options(t);
	if (!code)
		code = make_words(t, argc, argv);
	return code;
}

static int append_argument(struct task *t, const char *word)
{
	char why[256];

	if (word[0] == '@') {
		if (!word[1])
			return cli_usage("@KEY without a key");
		dq_args_key(t->words, word + 1);
		return 0;
	}
	if (t->is_array && strcmp(word, "{index}") == 0) {
		dq_args_index(t->words);
		return 0;
	}
	if (t->is_array && t->inputs && strcmp(word, "{}") == 0) {
		dq_args_element(t->words);
		return 0;
	}
	if (!args_json(t->words, word, why, sizeof why))
		return cli_usage("argument %s: %s", word, why);
	return 0;
}

int task_of_call(struct task *t, int argc, char **argv)
{
	int code = task_begin(t);

	if (code)
		return code;
	if (argc == 0)
		return cli_usage("no function given");
	code = make_array(t, NULL);
	t->spec.function = argv[0];
	t->words = dq_args_new();
	dq_args_array(t->words, (uint32_t)argc - 1);
	for (int i = 1; !code && i < argc; i++)
		code = append_argument(t, argv[i]);
	t->spec.args = t->words;
	return code;
}

void task_release(struct task *t)
{
	dq_args_free(&t->words);
	dq_args_free(&t->inputs);
	buf_release(&t->input);
	buf_release(&t->after_text);
	free(t->after.v);
	free(t->cwd);
	opt_list_release(&task_options.after);
	opt_list_release(&task_options.labels);
	opt_list_release(&task_options.env);
	terms_options_release();
}

/* KEY of an array means all of them: the scheduler takes tasks and elements. */
static void add_elements(struct task *t, const char *key, uint64_t first_index, uint64_t count)
{
	for (uint64_t i = first_index; i < first_index + count; i++) {
		buf_printf(&t->after_text, "%s[%llu]", key, (unsigned long long)i);
		buf_append_byte(&t->after_text, 0);
	}
}

int task_place_after(struct task *t, const struct ids *ids)
{
	const struct opt_list *given = &task_options.after;
	uint64_t total = 0;
	const char *key;

	for (size_t i = 0; i < given->n; i++)
		total += ids->count[i];
	if (total > AFTER_MAX)
		return cli_fail(DQ_E_LIMIT, "dependencies: at most %d a task", AFTER_MAX);
	for (size_t i = 0; i < given->n; i++) {
		if (ids->count[i] > 1)
			add_elements(t, given->v[i], ids->first_index[i], ids->count[i]);
		else
			buf_append(&t->after_text, given->v[i], strlen(given->v[i]) + 1);
	}
	ensure(!t->after_text.failed);
	t->after.v = xcalloc((size_t)total + 1, sizeof *t->after.v);
	key = buf_cstr(&t->after_text);
	for (; t->after.n < total; key += strlen(key) + 1)
		t->after.v[t->after.n++] = key;
	t->spec.after_keys = t->after.v;
	return 0;
}

static int expand_after(struct dq_client *client, struct task *t)
{
	const struct opt_list *given = &task_options.after;
	struct ids ids;
	int code;

	if (given->n == 0)
		return 0;
	code = find_keys(client, (char **)given->v, given->n, &ids);
	if (!code)
		code = task_place_after(t, &ids);
	ids_release(&ids);
	return code;
}

int task_submit(struct dq_client *client, struct task *t, struct dq_future **out)
{
	int r, code;

	ensure(!t->is_array || t->count > 0);
	*out = NULL;
	code = expand_after(client, t);
	if (code)
		return code;
	if (t->is_array)
		r = dq_map(client, &t->spec, t->count, t->inputs, out);
	else
		r = dq_submit(client, &t->spec, out);
	if (r == DQ_E_OK)
		r = cli_sync(client);
	/* Its fate unknown, it is there to be cancelled: a wait for it ends at once. */
	return r == DQ_E_OK || r == CLI_INTERRUPTED ? 0 : cli_fail_client(r, client, t->spec.key);
}
