/*
 * Option tables. One pass over argv; each option finds its row, the row's kind reads the value.
 * The first thing wrong ends it, with one line that names the option.
 */
#include "common/options.h"

#include "base/alloc.h"
#include "base/ensure.h"
#include "base/str.h"

#include <ctype.h>
#include <string.h>

static const struct opt *find_long(const struct opts *o, struct slice name)
{
	for (size_t t = 0; o->tables[t]; t++)
		for (const struct opt *opt = o->tables[t]; opt->name; opt++)
			if (slice_eq_str(name, opt->name))
				return opt;
	return NULL;
}

static const struct opt *find_letter(const struct opts *o, char letter)
{
	for (size_t t = 0; o->tables[t]; t++)
		for (const struct opt *opt = o->tables[t]; opt->name; opt++)
			if (opt->letter == letter)
				return opt;
	return NULL;
}

static void list_add(struct opt_list *list, const char *value)
{
	list->v = xreallocarray(list->v, list->n + 2, sizeof *list->v);
	list->v[list->n++] = value;
	list->v[list->n] = NULL;
}

void opt_list_release(struct opt_list *list)
{
	free(list->v);
	*list = (struct opt_list){0};
}

static bool wrong(struct opts *o, const struct opt *opt, const char *why, const char *value)
{
	snprintf(o->error, sizeof o->error, "--%s: %s%s%s", opt->name, why, value ? ": " : "",
		value ? value : "");
	return false;
}

static bool take_seconds(struct opts *o, const struct opt *opt, const char *value)
{
	uint64_t us;

	if (!parse_duration_us(slice_str(value), &us))
		return wrong(o, opt, "not a number of seconds", value);
	*(double *)opt->into = (double)us / 1e6;
	return true;
}

/* value is NULL where none was given. */
static bool take(struct opts *o, const struct opt *opt, const char *value)
{
	if (opt->kind == OPT_FLAG) {
		*(bool *)opt->into = true;
		return value ? wrong(o, opt, "takes no value", NULL) : true;
	}
	if (opt->kind == OPT_MAYBE) {
		*(struct opt_maybe *)opt->into = (struct opt_maybe){.given = true, .value = value};
		return !value || value[0] ? true : wrong(o, opt, "an empty value", NULL);
	}
	ensure(value);
	switch (opt->kind) {
	case OPT_STR:
		*(const char **)opt->into = value;
		return true;
	case OPT_LIST:
		list_add(opt->into, value);
		return true;
	case OPT_UINT:
		return str_to_u64(slice_str(value), opt->into) ||
		       wrong(o, opt, "not a number", value);
	case OPT_INT:
		return str_to_i64(slice_str(value), opt->into) ||
		       wrong(o, opt, "not a number", value);
	case OPT_SIZE:
		return parse_size(slice_str(value), opt->into) ||
		       wrong(o, opt, "not a size", value);
	case OPT_SECONDS:
		return take_seconds(o, opt, value);
	default:
		unreachable();
	}
}

static bool has_own_value(const struct opt *opt)
{
	return opt->kind != OPT_FLAG && opt->kind != OPT_MAYBE;
}

/* Reads one option at argv[i]; returns how many words it took, 0: wrong. */
static int take_long(struct opts *o, int argc, char **argv, int i)
{
	struct slice name, rest;
	bool with_value = str_split(slice_str(argv[i] + 2), '=', &name, &rest);
	const struct opt *opt = find_long(o, name);
	const char *value = with_value ? (const char *)rest.p : NULL;

	if (!opt) {
		snprintf(
			o->error, sizeof o->error, "unknown option --%" SLICE_FMT, SLICE_ARG(name));
		return 0;
	}
	if (with_value || !has_own_value(opt))
		return take(o, opt, value);
	if (i + 1 >= argc) {
		wrong(o, opt, "needs a value", NULL);
		return 0;
	}
	return take(o, opt, argv[i + 1]) ? 2 : 0;
}

static int take_short(struct opts *o, int argc, char **argv, int i)
{
	for (const char *p = argv[i] + 1; *p; p++) {
		const struct opt *opt = find_letter(o, *p);

		if (!opt) {
			snprintf(o->error, sizeof o->error, "unknown option -%c", *p);
			return 0;
		}
		if (has_own_value(opt)) {
			if (p[1])
				return take(o, opt, p + 1);
			if (i + 1 < argc)
				return take(o, opt, argv[i + 1]) ? 2 : 0;
			wrong(o, opt, "needs a value", NULL);
			return 0;
		}
		if (!take(o, opt, NULL))
			return 0;
	}
	return 1;
}

static bool is_word(const char *arg)
{
	return arg[0] != '-' || arg[1] == '\0' || isdigit((unsigned char)arg[1]) ||
	       (arg[1] == '.' && isdigit((unsigned char)arg[2]));
}

int opts_parse(struct opts *o, int argc, char **argv)
{
	int words = 0, i = 0;

	o->error[0] = '\0';
	while (i < argc) {
		int took;

		if (is_word(argv[i])) {
			if (o->words_end)
				break;
			argv[words++] = argv[i++];
			continue;
		}
		if (strcmp(argv[i], "--") == 0) {
			i++;
			break;
		}
		took = argv[i][1] == '-' ? take_long(o, argc, argv, i)
					 : take_short(o, argc, argv, i);
		if (took == 0)
			return -1;
		i += took;
	}
	while (i < argc)
		argv[words++] = argv[i++];
	ensure(words <= argc);
	return words;
}

void opts_help(FILE *to, const struct opt *table)
{
	for (const struct opt *opt = table; opt->name; opt++) {
		char left[64];
		int n = opt->letter
				? snprintf(left, sizeof left, "-%c, --%s", opt->letter, opt->name)
				: snprintf(left, sizeof left, "    --%s", opt->name);

		ensure(n > 0 && (size_t)n < sizeof left);
		if (opt->arg)
			snprintf(left + n, sizeof left - (size_t)n,
				opt->kind == OPT_MAYBE ? "[=%s]" : " %s", opt->arg);
		fprintf(to, "  %-26s %s%s\n", left, opt->help,
			opt->kind == OPT_LIST ? " (repeats)" : "");
	}
}
