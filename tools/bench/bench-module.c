/*
 * The functions that the benchmarks call: nothing, an increment, and 5 ms of sleep.
 */
#include <dq/task.h>

#include <string.h>
#include <time.h>

static int noop(struct dq_task *task)
{
	(void)task;
	return 0;
}

static int nap(struct dq_task *task)
{
	const struct timespec t = {.tv_nsec = 5000000};

	(void)task;
	nanosleep(&t, NULL);
	return 0;
}

/* The argument is one msgpack integer, or an array of one. */
static bool read_int(const uint8_t *p, size_t n, uint64_t *out)
{
	size_t width;

	if (n && *p == 0x91) {
		p++;
		n--;
	}
	if (n == 1 && *p < 0x80) {
		*out = *p;
		return true;
	}
	if (n == 0 || *p < 0xcc || *p > 0xcf)
		return false;
	width = (size_t)1 << (*p - 0xcc);
	if (n != 1 + width)
		return false;
	*out = 0;
	for (size_t i = 1; i <= width; i++)
		*out = *out << 8 | p[i];
	return true;
}

static int inc(struct dq_task *task)
{
	const void *args;
	uint8_t out[9] = {0xcf};
	uint64_t v;
	size_t n;

	dq_task_args(task, &args, &n);
	if (!read_int(args, n, &v))
		return dq_task_fail(task, "inc: wants one integer");
	v++;
	for (size_t i = 0; i < 8; i++)
		out[8 - i] = (uint8_t)(v >> (8 * i));
	return dq_task_return(task, "msgpack", out, sizeof out);
}

DQ_MODULE({"noop", noop}, {"inc", inc}, {"nap", nap})
