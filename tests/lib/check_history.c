/*
 * The check of histories, checked: a good history passes, and each kind of bad one is found.
 */
#include "lib/history.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct line {
	const char *op, *key, *worker, *state, *value;
};

static bool check(const struct line *lines, size_t n)
{
	char path[] = "/tmp/dq-history-XXXXXX";
	struct history_counts counts;
	FILE *none = fopen("/dev/null", "w");
	int fd = mkstemp(path);
	bool ok;

	if (fd < 0 || !none)
		abort();
	for (size_t i = 0; i < n; i++) {
		history_write(fd, lines[i].op, lines[i].key, lines[i].worker, lines[i].state,
			lines[i].value);
		usleep(2);
	}
	ok = history_check(path, none, &counts);
	fclose(none);
	close(fd);
	unlink(path);
	return ok;
}

static int failures;

static void expect(const char *name, bool good, const struct line *lines, size_t n)
{
	if (check(lines, n) == good)
		return;
	printf("%s: %s\n", name, good ? "is good and was refused" : "is bad and was not found");
	failures++;
}

#define EXPECT(name, good, ...)                                                                    \
	expect(name, good, (const struct line[]){__VA_ARGS__},                                     \
		sizeof((const struct line[]){__VA_ARGS__}) / sizeof(struct line))

#define SUBMITTED                                                                                  \
	{"submit", "a", NULL, NULL, NULL},                                                         \
	{                                                                                          \
		"acked", "a", NULL, NULL, NULL                                                     \
	}
#define RAN(w)                                                                                     \
	{                                                                                          \
		"run", "a", w, NULL, NULL                                                          \
	}
#define DONE                                                                                       \
	{                                                                                          \
		"end", "a", NULL, "done", "a"                                                      \
	}

int main(void)
{
	EXPECT("a task", true, SUBMITTED, RAN("w1"), DONE);
	EXPECT("lost", false, SUBMITTED, RAN("w1"));
	EXPECT("never ran", false, SUBMITTED, DONE);
	EXPECT("ran twice", false, SUBMITTED, RAN("w1"), RAN("w2"), DONE);
	EXPECT("ran again after a death", true, SUBMITTED, RAN("w1"),
		{"kill", NULL, "w1", NULL, NULL}, RAN("w2"), DONE);
	EXPECT("the death of another", false, SUBMITTED, RAN("w1"),
		{"kill", NULL, "w2", NULL, NULL}, RAN("w2"), DONE);
	EXPECT("another value", false, SUBMITTED, RAN("w1"), {"end", "a", NULL, "done", "b"});
	EXPECT("two ends", false, SUBMITTED, RAN("w1"), DONE, {"end", "a", NULL, "failed", "x"});
	EXPECT("cancelled by nobody", false, SUBMITTED, {"end", "a", NULL, "cancelled", ""});
	EXPECT("cancelled", true, SUBMITTED, {"cancel", "a", NULL, NULL, NULL},
		{"end", "a", NULL, "cancelled", ""});
	EXPECT("poison too early", false, SUBMITTED, RAN("w1"), {"end", "a", NULL, "poison", ""});
	EXPECT("blamed on what is not poison", false, SUBMITTED, RAN("w1"), DONE,
		{"submit", "b", NULL, NULL, NULL}, {"end", "b", NULL, "blamed", "a"});
	EXPECT("blamed on poison", true, SUBMITTED, RAN("w1"), {"kill", NULL, "w1", NULL, NULL},
		RAN("w1"), {"kill", NULL, "w1", NULL, NULL}, RAN("w1"),
		{"kill", NULL, "w1", NULL, NULL}, {"end", "a", NULL, "poison", ""},
		{"submit", "b", NULL, NULL, NULL}, {"end", "b", NULL, "blamed", "a"});
	if (!failures)
		printf("ok\n");
	return failures != 0;
}
