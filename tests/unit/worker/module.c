/*
 * A task module for the tests of the worker.
 */
#include <dq/task.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int noop(struct dq_task *task)
{
	(void)task;
	return 0;
}

static int echo(struct dq_task *task)
{
	const void *args;
	size_t n;

	dq_task_args(task, &args, &n);
	return dq_task_return(task, "msgpack", args, n);
}

/* The values of all inputs, one after the other, as bytes. */
static int join(struct dq_task *task)
{
	struct dq_input in;
	char *all = NULL;
	size_t n = 0;
	int rc;

	for (uint32_t i = 0; dq_task_input(task, i, &in); i++) {
		all = realloc(all, n + in.n + 1);
		memcpy(all + n, in.bytes, in.n);
		n += in.n;
	}
	rc = dq_task_return(task, "bytes", all, n);
	free(all);
	return rc;
}

/* 100,000 bytes that are always the same. */
static int big(struct dq_task *task)
{
	static unsigned char bytes[100000];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 7 + i / 251);
	return dq_task_return(task, "bytes", bytes, sizeof(bytes));
}

static int fail(struct dq_task *task)
{
	return dq_task_fail(task, "it is %s that it fails: %d", "meant", 42);
}

static int number(struct dq_task *task)
{
	(void)task;
	return 7;
}

static int twice(struct dq_task *task)
{
	int rc = dq_task_return(task, "bytes", "a", 1);

	return rc ? rc : dq_task_return(task, "bytes", "b", 1);
}

/* A sanitizer would end the process in another way. */
__attribute__((no_sanitize("undefined", "address"))) static int crash(struct dq_task *task)
{
	volatile int *nowhere = (volatile int *)(uintptr_t)(dq_task_attempt(task) & 0);

	signal(SIGSEGV, SIG_DFL); /* a sanitizer may have its own */
	*nowhere = 1;
	return 0;
}

static int leave(struct dq_task *task)
{
	(void)task;
	_exit(3);
}

/* Until it is told to stop. */
static int patient(struct dq_task *task)
{
	while (!dq_task_cancelled(task))
		usleep(1000);
	return 0;
}

/* Does not listen. */
static int deaf(struct dq_task *task)
{
	while (usleep(100000) == 0 || dq_task_attempt(task) > 0)
		;
	return 0;
}

/* 30 ms. */
static int nap(struct dq_task *task)
{
	(void)task;
	usleep(30000);
	return 0;
}

/* key|id|attempt|element|fence */
static int about(struct dq_task *task)
{
	char text[256];
	int n = snprintf(text, sizeof(text), "%s|%llu|%u|%lld|%s", dq_task_key(task),
		(unsigned long long)dq_task_id(task), dq_task_attempt(task),
		(long long)dq_task_element(task), dq_task_fence(task));

	return dq_task_return(task, "bytes", text, (size_t)n);
}

DQ_MODULE({"noop", noop}, {"echo", echo}, {"join", join}, {"big", big}, {"fail", fail},
	{"number", number}, {"twice", twice}, {"crash", crash}, {"leave", leave},
	{"patient", patient}, {"deaf", deaf}, {"nap", nap}, {"about", about})
