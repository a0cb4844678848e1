/*
 * From an object of JSON to a task, by way of the command line: each member that is an option
 * becomes the words of that option, which opts_parse() reads by the tables of `submit` and `call`.
 * So an option that those learn is one here too. The options' values are put back after each task.
 */
#include "graphspec.h"

#include "cli.h"
#include "cmd.h"

#include "base/alloc.h"
#include "base/ensure.h"
#include "common/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPTIONS_MAX 128

/* The words of one task. */
struct words {
	char **v;
	int n, cap;
};

/* What an option holds while nothing is given. */
struct kept {
	const struct opt *opt;
	uint8_t bytes[sizeof(struct opt_list)];
};

static struct kept kept[OPTIONS_MAX];
static size_t nkept;
static struct words options, words; /* of the task that is being made */

static size_t size_of(enum opt_kind kind)
{
	switch (kind) {
	case OPT_FLAG:
		return sizeof(bool);
	case OPT_STR:
		return sizeof(const char *);
	case OPT_MAYBE:
		return sizeof(struct opt_maybe);
	case OPT_LIST:
		return sizeof(struct opt_list);
	case OPT_UINT:
	case OPT_INT:
	case OPT_SECONDS:
	case OPT_SIZE:
		break;
	}
	return sizeof(uint64_t);
}

/* The tables of a task's options: those of the verb, but for --wait. */
static void tables_of(const struct cmd *cmd, const struct opt *out[CMD_TABLES_MAX + 1])
{
	size_t n = 0;

	for (size_t i = 0; i < CMD_TABLES_MAX && cmd->tables[i]; i++)
		if (cmd->tables[i] != task_wait_opts)
			out[n++] = cmd->tables[i];
	out[n] = NULL;
}

void graph_spec_begin(void)
{
	const struct opt *tables[CMD_TABLES_MAX + 1];

	tables_of(&cmd_submit, tables);
	for (size_t t = 0; tables[t]; t++) {
		for (const struct opt *opt = tables[t]; opt->name; opt++) {
			ensure(nkept < OPTIONS_MAX && size_of(opt->kind) <= sizeof kept[0].bytes);
			kept[nkept].opt = opt;
			memcpy(kept[nkept++].bytes, opt->into, size_of(opt->kind));
		}
	}
}

static void word_add(struct words *w, char *word)
{
	if (w->n == w->cap) {
		w->cap = w->cap ? w->cap * 2 : 32;
		w->v = xreallocarray(w->v, (size_t)w->cap, sizeof *w->v);
	}
	w->v[w->n++] = word;
}

static void words_clear(struct words *w)
{
	while (w->n)
		free(w->v[--w->n]);
}

void graph_spec_end(void)
{
	free(options.v);
	free(words.v);
	options = words = (struct words){0};
	nkept = 0;
}

/* --- Options ---------------------------------------------------------------------------------- */

static const struct opt *find(const struct opt *const *tables, const char *name)
{
	for (size_t t = 0; tables[t]; t++)
		for (const struct opt *opt = tables[t]; opt->name; opt++)
			if (strcmp(opt->name, name) == 0)
				return opt;
	return NULL;
}

/* A string or number as a word of the command line; NULL: it is neither. */
static char *scalar(const json_t *value)
{
	if (json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value))
		return xstrdup(json_string_value(value));
	if (json_is_integer(value))
		return xasprintf("%lld", (long long)json_integer_value(value));
	if (json_is_real(value))
		return xasprintf("%.6f", json_real_value(value));
	return NULL;
}

static bool option_add(const char *name, const char *before, const json_t *value)
{
	char *text = scalar(value);

	if (text)
		word_add(&options, xasprintf("--%s=%s%s%s", name, before ? before : "",
					   before ? "=" : "", text));
	free(text);
	return text != NULL;
}

/* Several: an array of them, an object of K: V for "K=V", or one alone. */
static bool list_add(const char *name, json_t *value)
{
	const char *member;
	json_t *one;
	size_t i;

	if (!json_is_array(value) && !json_is_object(value))
		return option_add(name, NULL, value);
	json_array_foreach(value, i, one) if (!option_add(name, NULL, one)) return false;
	json_object_foreach(value, member, one) if (!option_add(name, member, one)) return false;
	return true;
}

static int member_add(const struct opt *const *tables, const char *name, json_t *value)
{
	const struct opt *opt = find(tables, name);
	bool ok;

	if (!opt)
		return cli_usage("unknown option: %s", name);
	if (opt->kind == OPT_FLAG) {
		if (json_is_true(value))
			word_add(&options, xasprintf("--%s", name));
		ok = json_is_boolean(value);
	} else {
		ok = opt->kind == OPT_LIST ? list_add(name, value) : option_add(name, NULL, value);
	}
	return ok ? 0 : cli_usage("%s: a value of another kind", name);
}

static int take_options(const struct opt *const *tables, json_t *object)
{
	struct opts o = {.tables = tables};
	const char *name;
	json_t *value;
	int code = 0;

	json_object_foreach(object, name, value)
	{
		if (strcmp(name, "argv") && strcmp(name, "function") && strcmp(name, "args"))
			code = member_add(tables, name, value);
		if (code)
			return code;
	}
	return opts_parse(&o, options.n, options.v) < 0 ? cli_usage("%s", o.error) : 0;
}

/* --- Words ------------------------------------------------------------------------------------ */

static int take_argv(json_t *argv)
{
	json_t *one;
	size_t i;

	if (!json_is_array(argv))
		return cli_usage("argv: not an array of words");
	json_array_foreach(argv, i, one)
	{
		char *word = json_is_string(one) ? scalar(one) : NULL;

		if (!word)
			return cli_usage("argv: a word that is no string, or has a byte 0");
		word_add(&words, word);
	}
	return 0;
}

/* As `call` has it: JSON, or @KEY; "@@..." is the string "@...", and in arrays "{}" and "{index}"
 * stand for themselves. */
static char *argument(json_t *value, bool array)
{
	const char *text = json_string_value(value);
	char *word, *quoted;

	if (text && text[0] == '@' && text[1] != '@')
		return xstrdup(text);
	if (text && array && (strcmp(text, "{}") == 0 || strcmp(text, "{index}") == 0))
		return xstrdup(text);
	if (text && text[0] == '@') {
		json_t *rest = json_stringn(text + 1, json_string_length(value) - 1);

		quoted = json_dumps(rest, JSON_ENCODE_ANY);
		json_decref(rest);
	} else {
		quoted = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
	}
	ensure(quoted);
	word = xstrdup(quoted);
	free(quoted);
	return word;
}

static int take_call(json_t *object)
{
	json_t *args = json_object_get(object, "args"), *one;
	char *function = scalar(json_object_get(object, "function"));
	bool array = task_options.array || task_options.each_line;
	size_t i;

	if (!function)
		return cli_usage("function: not a string");
	word_add(&words, function);
	if (args && !json_is_array(args))
		return cli_usage("args: not an array");
	json_array_foreach(args, i, one) word_add(&words, argument(one, array));
	return 0;
}

int graph_spec_make(struct task *t, json_t *object)
{
	const struct opt *tables[CMD_TABLES_MAX + 1];
	json_t *argv = json_object_get(object, "argv");
	bool call = json_object_get(object, "function") != NULL;
	int code;

	*t = (struct task){.spec = DQ_SPEC_INIT};
	if (json_object_get(object, "runner"))
		return cli_usage("runner: workers of this version have none");
	if (!argv == !call)
		return cli_usage("a task has either argv or function");
	if (argv && json_object_get(object, "args"))
		return cli_usage("args: of a function; a command has argv alone");
	tables_of(call ? &cmd_call : &cmd_submit, tables);
	code = take_options(tables, object);
	if (!code)
		code = call ? take_call(object) : take_argv(argv);
	if (code)
		return code;
	return call ? task_of_call(t, words.n, words.v)
		    : task_of_command(t, words.n, words.v, NULL);
}

void graph_spec_release(struct task *t)
{
	task_release(t);
	words_clear(&options);
	words_clear(&words);
	for (size_t i = 0; i < nkept; i++)
		memcpy(kept[i].opt->into, kept[i].bytes, size_of(kept[i].opt->kind));
}
