/*
 * Command lines by tables: parsing and --help from the same lines.
 *
 *	static const char *key;
 *	static const struct opt opts[] = {
 *		{ 'k', "key", OPT_STR, &key, "K", "the task's key" },
 *		{ 0 },
 *	};
 *
 * --name VALUE, --name=VALUE, -k VALUE, -kVALUE; `--` ends the options. A word such as -1 is no
 * option. The values borrow from argv. Threads: one.
 */
#ifndef COMMON_OPTIONS_H
#define COMMON_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum opt_kind {
	OPT_FLAG = 1, /* bool */
	OPT_STR,      /* const char *; the last one counts */
	OPT_MAYBE,    /* struct opt_maybe: --name or --name=VALUE */
	OPT_LIST,     /* struct opt_list: repeats */
	OPT_UINT,     /* uint64_t */
	OPT_INT,      /* int64_t */
	OPT_SECONDS,  /* double: seconds, may be fractional */
	OPT_SIZE      /* uint64_t: bytes, with K, M, G, T */
};

struct opt_maybe {
	bool given;
	const char *value; /* NULL: without one */
};

struct opt_list {
	const char **v; /* NULL-ended once something was given, else NULL; opt_list_release */
	size_t n;
};

struct opt {
	char letter;      /* 0: only the long name */
	const char *name; /* NULL ends a table */
	enum opt_kind kind;
	void *into;       /* what `kind` says; keeps its value where the option is not given */
	const char *arg;  /* what --help calls the value; NULL for a flag */
	const char *help; /* one line */
};

#define OPTS_ERROR_BYTES 256

struct opts {
	const struct opt *const *tables; /* NULL-ended */
	bool words_end;                  /* the first word that is no option ends the options */
	char error[OPTS_ERROR_BYTES];    /* why opts_parse failed */
};

/*
 * Reads argv[0..argc) (no program name in it), moves the words that are no options to its front,
 * and returns how many they are; -1: wrong, see error.
 */
int opts_parse(struct opts *o, int argc, char **argv);
/* The lines of --help for a table. */
void opts_help(FILE *to, const struct opt *table);
void opt_list_release(struct opt_list *list);

#endif
