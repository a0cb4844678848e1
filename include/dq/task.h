/*
 * Task modules: shared objects with functions that workers run.
 *
 *	#include <dq/task.h>
 *
 *	static int twice(struct dq_task *task)
 *	{
 *		const void *args;
 *		size_t n;
 *
 *		// one msgpack value, futures replaced by their values
 *		dq_task_args(task, &args, &n);
 *		...
 *		return dq_task_return(task, "msgpack", bytes, n_bytes);
 *	}
 *	DQ_MODULE({ "twice", twice })
 *
 * A module needs no library of dq: it calls through a table that the worker hands it. Build it with
 * cc -shared -fPIC $(pkg-config --cflags dq) and give it to workers with --module FILE.so. Only one
 * whose functions use the scheduler themselves (dq_task_client) is linked with libdq.
 *
 * A function returns 0 after dq_task_return (or without one: the value is nil), or what
 * dq_task_fail returned. It runs on one thread; struct dq_task and everything got from it end with
 * the call. In a process slot a crash fails the attempt alone; in a thread slot it takes the worker
 * with it.
 */
#ifndef DQ_TASK_H
#define DQ_TASK_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DQ_ABI 1

struct dq_task {
	const struct dq_task_api *api; /* use the functions below */
};

/* A dependency's value as it is. */
struct dq_input {
	const char *type;
	const void *bytes;
	size_t n;
};

struct dq_task_api {
	uint32_t abi, size;
	void (*args)(struct dq_task *task, const void **bytes, size_t *n);
	bool (*input)(struct dq_task *task, uint32_t index, struct dq_input *out);
	int (*return_value)(struct dq_task *task, const char *type, const void *bytes, size_t n);
	int (*fail)(struct dq_task *task, const char *format, va_list ap);
	bool (*cancelled)(struct dq_task *task);
	const char *(*key)(struct dq_task *task);
	uint64_t (*id)(struct dq_task *task);
	const char *(*fence)(struct dq_task *task);
	int64_t (*element)(struct dq_task *task);
	uint32_t (*attempt)(struct dq_task *task);
	const char *(*worker)(struct dq_task *task);
	void *(*state)(struct dq_task *task, const char *name, void *(*make)(struct dq_task *task),
		void (*end)(void *state));
	void (*progress)(struct dq_task *task, double fraction, const char *text);
	int (*reschedule)(struct dq_task *task, double delay_s);
	/* for libdq's dq_task_client */
	const char *(*scheduler)(struct dq_task *task);
	const char *(*token)(struct dq_task *task);
	void *(*attached)(struct dq_task *task);
	void (*attach)(
		struct dq_task *task, void *thing, void (*end)(struct dq_task *task, void *thing));
	/* for libdq's dq_task_txn; not there where size is less: places of which `attached` is the
	 * first, and what the transaction has when the function returns, or why it has failed */
	void *(*place)(struct dq_task *task, unsigned place);
	void (*set_place)(struct dq_task *task, unsigned place, void *thing,
		void (*end)(struct dq_task *task, void *thing));
	void (*effects)(struct dq_task *task, const void *ops, size_t n, const char *why);
};

#define DQ_TASK_PLACE_CLIENT 0u
#define DQ_TASK_PLACE_TXN 1u
#define DQ_TASK_PLACES 2u

typedef int dq_function(struct dq_task *task);

struct dq_module_entry {
	const char *name;
	dq_function *function;
};

struct dq_module {
	uint32_t abi;
	uint32_t count;
	const struct dq_module_entry *entries;
};

/* The one symbol of a module: DQ_MODULE({ "name", function }, ...) */
#define DQ_MODULE(...)                                                                             \
	static const struct dq_module_entry dq_module_entries[] = {__VA_ARGS__};                   \
	__attribute__((visibility("default"))) const struct dq_module dq_module = {DQ_ABI,         \
		sizeof(dq_module_entries) / sizeof(dq_module_entries[0]), dq_module_entries};

/* The arguments: one msgpack value, with each future's value in its place (a value of another type
 * than msgpack as bin). */
static inline void dq_task_args(struct dq_task *task, const void **bytes, size_t *n)
{
	task->api->args(task, bytes, n);
}

/* The index-th dependency's value, not copied: in the order the futures were put into the
 * arguments, then `after`. Its bytes are not aligned. */
static inline bool dq_task_input(struct dq_task *task, uint32_t index, struct dq_input *out)
{
	return task->api->input(task, index, out);
}

/* Gives the result; the bytes are copied. Once. Returns 0, or non-zero when it cannot (the function
 * returns that). */
static inline int dq_task_return(
	struct dq_task *task, const char *type, const void *bytes, size_t n)
{
	return task->api->return_value(task, type, bytes, n);
}

/* Fails the task with a message (up to 1 KiB). Returns what the function must return. */
__attribute__((format(printf, 2, 3))) static inline int dq_task_fail(
	struct dq_task *task, const char *format, ...)
{
	va_list ap;
	int r;

	va_start(ap, format);
	r = task->api->fail(task, format, ap);
	va_end(ap);
	return r;
}

/* True once the task was asked to stop: return soon, with anything. */
static inline bool dq_task_cancelled(struct dq_task *task)
{
	return task->api->cancelled(task);
}

static inline const char *dq_task_key(struct dq_task *task)
{
	return task->api->key(task);
}

static inline uint64_t dq_task_id(struct dq_task *task)
{
	return task->api->id(task);
}

/* The lease's token, to guard effects outside dq: an opaque string without spaces. */
static inline const char *dq_task_fence(struct dq_task *task)
{
	return task->api->fence(task);
}

/* The element's index in an array, -1 elsewhere. */
static inline int64_t dq_task_element(struct dq_task *task)
{
	return task->api->element(task);
}

/* Which attempt this is, from 1. */
static inline uint32_t dq_task_attempt(struct dq_task *task)
{
	return task->api->attempt(task);
}

/* The name of the worker that runs it. */
static inline const char *dq_task_worker(struct dq_task *task)
{
	return task->api->worker(task);
}

/*
 * A place for what is to be made once and used by many tasks, such as a database handle: what
 * `make` returned when the name was first asked for in this process, which is a slot's own, or all
 * of the worker's where functions run in its threads (then they share it, and have to guard it).
 * `end` (may be NULL) is called before the process ends in order. NULL: make returned NULL, and is
 * called again the next time.
 */
static inline void *dq_task_state(struct dq_task *task, const char *name,
	void *(*make)(struct dq_task *task), void (*end)(void *state))
{
	return task->api->state(task, name, make, end);
}

/* How far it is, 0 to 1 (another number: not known), and what it is at (up to 256 bytes; may be
 * NULL): shown by `dq show`, not kept. It may be called often: few are sent. */
static inline void dq_task_progress(struct dq_task *task, double fraction, const char *text)
{
	task->api->progress(task, fraction, text);
}

/* Gives up this attempt and asks for another, not sooner than in delay_s seconds. What the function
 * has submitted ends with the attempt; no failure is counted. Returns what the function must
 * return. */
static inline int dq_task_reschedule(struct dq_task *task, double delay_s)
{
	return task->api->reschedule(task, delay_s);
}

/* ---- functions of libdq: a module that uses them is linked with it (-ldq) ---- */

struct dq_client;

/*
 * A client of the scheduler that this task came from, acting for the task's user. What it submits
 * belongs to this attempt: when the function returns, the client is closed, and what is not
 * finished then and neither held by others nor detached is cancelled. Waiting for other tasks with
 * it gives the task's slot back meanwhile. It is opened by the first call and the same in all
 * others; it must not be closed. *out is NULL only when out of memory: else it has the error's
 * text.
 */
int dq_task_client(struct dq_task *task, struct dq_client **out);

#ifdef __cplusplus
}
#endif
#endif
