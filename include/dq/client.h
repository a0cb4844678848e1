/*
 * libdq: a client of dq. Tasks, futures, results.
 *
 * Errors: functions return 0 or a code of <dq/error.h>; dq_client_error() has one line of text for
 * the last failure on that client.
 *
 * Blocking and not: a call that waits drives the client's connection itself. A program with its own
 * loop polls dq_client_fd() for reading, with dq_client_timeout_ms() as its longest sleep, and
 * calls dq_client_process(); callbacks run inside dq_client_process() and inside blocking calls,
 * nowhere else. libdq starts no thread (a local client apart, see dq_client_open), takes no signal
 * and no loop over.
 *
 * Threads: a client and its futures may be used from several threads; one lock guards them, one
 * thread drives the connection and the others wait for it. Callbacks may call anything but blocking
 * calls (DQ_E_USAGE).
 *
 * Restarts: a lost connection loses nothing. The client reconnects by itself, resumes its session,
 * sends again what was not acknowledged and gets each answer once. After fork() a client answers
 * DQ_E_FORKED in the child.
 *
 * Ideas: futures and their calls follow Dask's distributed client; sessions that outlive a
 * connection are dq's own.
 */
#ifndef DQ_CLIENT_H
#define DQ_CLIENT_H

#include <dq/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct dq_client;
struct dq_future;
struct dq_args;

/* ---- opening ---- */

struct dq_options {
	size_t size;         /* sizeof(struct dq_options): lets later versions add fields */
	const char *session; /* a name makes the session resumable by another process; NULL: unnamed
			      */
	double session_ttl_s; /* how long the session outlives a lost connection; 0: the scheduler's
				 default */
	const char *secret_file;  /* for tcp; NULL: $DQ_SECRET_FILE, then the contact file's */
	double connect_timeout_s; /* 0: 5 s */
	bool look_only;           /* no session: only status, list, lookups and waits */
	/* a local client only: */
	const char *local_dir;  /* the state directory; NULL: a temporary one, removed at close */
	unsigned local_workers; /* 0: one */
	unsigned local_slots;   /* slots of each worker; 0: the CPUs this process may use */
	const char *const *local_modules; /* NULL-ended paths of task modules; NULL: none */
	bool local_processes;             /* process slots, where the helper is installed */
	const char *durability;           /* NULL: "strict" */
	/*
	 * Inside a task: its token ($DQ_TOKEN of a command; functions use dq_task_client). The
	 * client then acts for the task's user, with no other secret, as long as the task's lease
	 * lasts; what it submits belongs to that attempt and ends with it, unless it is detached.
	 */
	const char *task_token;
};

#define DQ_OPTIONS_INIT                                                                            \
	{                                                                                          \
		.size = sizeof(struct dq_options)                                                  \
	}

/*
 * Connects to "unix:PATH" or "tcp://HOST:PORT" and opens a session. address NULL or "local" starts
 * a scheduler and workers inside this process, on threads named dq-*, ended by dq_client_close.
 * *out is set in any case but out of memory: on failure it only carries the error's text and must
 * still be closed. options may be NULL.
 */
int dq_client_open(const char *address, const struct dq_options *options, struct dq_client **out);
/* Ends the session, which releases all its futures' holds at once, and frees the client and its
 * futures. Sets *client NULL; accepts NULL. A local client waits for running tasks to stop. */
int dq_client_close(struct dq_client **client);
/* As close, but leaves the session alive on the scheduler until its TTL ends: a named one can be
 * resumed. */
int dq_client_leave(struct dq_client **client);
/* One line about the last failure on this client, "" if none. Valid until the next call on it from
 * this thread. */
const char *dq_client_error(const struct dq_client *client);

/* ---- the caller's loop ---- */

int dq_client_fd(const struct dq_client *client);
int dq_client_timeout_ms(const struct dq_client *client); /* -1: no limit */
int dq_client_process(struct dq_client *client);
/* Sends what is gathered without waiting for answers. */
int dq_client_flush(struct dq_client *client);
/* Waits until everything submitted, cancelled or released so far is acknowledged, which means
 * durable. timeout_s < 0: no limit. The first refusal since the last call is its return value. */
int dq_client_sync(struct dq_client *client, double timeout_s);

/* ---- arguments: one msgpack value, built in order ---- */

struct dq_args *dq_args_new(void); /* NULL: out of memory */
void dq_args_free(struct dq_args **args);
void dq_args_clear(struct dq_args *args);
/* Each appends one value, or opens an array or map whose values follow (a map: key, value, key,
 * value). Errors are sticky and come out of dq_submit. More than one value at the top level is sent
 * as an array of them. */
void dq_args_nil(struct dq_args *args);
void dq_args_bool(struct dq_args *args, bool v);
void dq_args_int(struct dq_args *args, int64_t v);
void dq_args_uint(struct dq_args *args, uint64_t v);
void dq_args_double(struct dq_args *args, double v);
void dq_args_str(struct dq_args *args, const char *s);
void dq_args_strn(struct dq_args *args, const char *s, size_t n);
void dq_args_bytes(struct dq_args *args, const void *p, size_t n);
void dq_args_array(struct dq_args *args, uint32_t n);
void dq_args_map(struct dq_args *args, uint32_t n);
/* Whole msgpack values made elsewhere. */
void dq_args_msgpack(struct dq_args *args, const void *p, size_t n);
/* A future: a dependency, and its value in this place. The future must live until the submit. */
void dq_args_future(struct dq_args *args, const struct dq_future *future);
/* Likewise by key: "key", "ns/key" or "array[3]". */
void dq_args_key(struct dq_args *args, const char *key);
/* In dq_map and arrays: this element's input; its index. */
void dq_args_element(struct dq_args *args);
void dq_args_index(struct dq_args *args);

/* ---- submitting ---- */

/* What to do when a dependency failed or was cancelled. */
enum dq_on_dep_failure {
	DQ_DEP_FAIL = 0, /* fail too, and name it */
	DQ_DEP_SKIP = 1, /* end as cancelled */
	DQ_DEP_RUN = 2   /* run after any end of what it depends on; its value is nil then */
};

/* Where a result is kept that has more than 4 KiB; smaller ones are always with the scheduler. */
enum dq_policy {
	DQ_POLICY_WORKER = 0, /* on its worker, and may be lost with it */
	DQ_POLICY_STORE = 1 /* with the scheduler, durably; one larger than it stores fails the task
			     */
};

#define DQ_RETENTION_NONE (-1.0)

struct dq_spec {
	size_t size;     /* sizeof(struct dq_spec) */
	const char *key; /* NULL: generated */
	/* a function of a task module … */
	const char *function;
	const struct dq_args *args; /* NULL: nil */
	/* … or a command */
	const char *const *argv;          /* NULL-ended words, taken as they are … */
	const struct dq_args *argv_words; /* … or words as an array of values: a str, or an array of
					     parts (str, future, element, index) that are joined; a
					     future stands for the path of a file with its value */
	const char *const *env;           /* NULL-ended "NAME=VALUE", added to the worker's */
	const char *cwd;                  /* NULL: this process's */
	const void *input;                /* standard input; NULL: empty */
	size_t input_bytes;
	/* both */
	const struct dq_future *const *after; /* dependencies besides those in the arguments;
						 NULL-ended, or NULL */
	const char *const *after_keys;        /* likewise by key */
	const char *const *labels;            /* NULL-ended, or NULL */
	bool detached;                        /* kept without a session */
	bool once;                            /* never a second attempt */
	bool recompute;                       /* a lost result of a command may be made again */
	uint32_t at_once; /* dq_map: at most so many run at a time; 0: no bound */
	/* when; seconds, fractions count; 0: none */
	int32_t priority; /* higher first */
	uint32_t retries; /* failures that are tried again … */
	double backoff_s; /* … after so long, doubled each time, and up to a quarter more; 0: 0.1 s
			   */
	double timeout_s;  /* of a run */
	double delay_s;    /* not before so long after its submit */
	double at_s;       /* not before this time, since 1970 */
	double deadline_s; /* failed if it has not ended so long after its submit */
	enum dq_on_dep_failure on_dep_failure;
	/* where: NULL-ended lists of at most 16, or NULL */
	const char *const *resources; /* "NAME=AMOUNT": a decimal, with K, M, G for powers of 1024
				       */
	const char *const *workers;   /* one of these names … */
	const char *const *hosts;     /* … on one of these hosts … */
	const char *const *worker_labels; /* … with all of these labels, "NAME=VALUE" */
	bool allow_other;                 /* another worker will do when none of those is here */
	/* of dq_map: the index of the first element, as its key and its task have it; futures count
	 * from 0 whatever it is */
	uint32_t first_index;
	/* seconds that the outcome stays after its end and its last hold; 0: the default (none; of
	 * what is detached the scheduler's, 7 days); DQ_RETENTION_NONE: none at all */
	double retention_s;
	enum dq_policy policy;
};

#define DQ_SPEC_INIT                                                                               \
	{                                                                                          \
		.size = sizeof(struct dq_spec)                                                     \
	}

/*
 * Submits a task and gives a future for it; does not wait: it is sent with what else gathers, at
 * the latest by the next waiting call, flush or process. Everything of the spec is copied. A
 * conflict or refusal comes out of the future (status, result), and of dq_client_sync. Free the
 * future with dq_future_free.
 */
int dq_submit(struct dq_client *client, const struct dq_spec *spec, struct dq_future **out);
/*
 * n specs in one call, any number: all of them are accepted, or none. More than 65536, or than 8
 * MiB, go as a graph does, in parts that nobody sees before the last. out[n]; on an error all NULL.
 */
int dq_submit_many(
	struct dq_client *client, const struct dq_spec *specs, size_t n, struct dq_future **out);
/* One spec for n elements. inputs: an array of n values (dq_args_array and its values), or NULL
 * where the index is enough. *out is a future of the whole array. */
int dq_map(struct dq_client *client, const struct dq_spec *spec, uint64_t n,
	const struct dq_args *inputs, struct dq_future **out);

/*
 * A graph of any size up to 1 GiB of specs, submitted as it is made: what is added goes to the
 * scheduler in parts, and is there for nobody until the commit, which brings all of it to life at
 * once. Tasks of the graph may depend on each other, in the order they are added, by future or by
 * key. If one of its parts is refused, all of it is; if this process dies before the commit,
 * nothing of it is left once the session's TTL has passed.
 *
 * Its futures end after the commit and not before; other submits of the client that name them must
 * come after it too. A client has one open graph at a time.
 */
struct dq_graph;
int dq_graph_new(struct dq_client *client, struct dq_graph **out);
/* Adds a task, or an array, as dq_submit and dq_map do. An error leaves the graph as it was; that
 * of a refusal that has been heard meanwhile comes from each further call. */
int dq_graph_add(struct dq_graph *graph, const struct dq_spec *spec, struct dq_future **out);
int dq_graph_map(struct dq_graph *graph, const struct dq_spec *spec, uint64_t n,
	const struct dq_args *inputs, struct dq_future **out);
/* Ends the graph and its handle (set NULL); does not wait. A refusal comes out of each future, and
 * of dq_client_sync. Of an aborted graph each future is refused with DQ_E_CANCELLED. An error
 * leaves it open. abort accepts NULL. */
int dq_graph_commit(struct dq_graph **graph);
int dq_graph_abort(struct dq_graph **graph);

/* The i-th element of an array's future, as a future of its own. */
int dq_future_element(const struct dq_future *array, uint64_t i, struct dq_future **out);
/* A future made again from its key ("key", "ns/key", "array[3]"): holds the task for this session.
 * Waits for the scheduler's answer; DQ_E_NOT_FOUND. */
int dq_future_from_key(
	struct dq_client *client, const char *key, double timeout_s, struct dq_future **out);

/* The futures of everything that this session holds, in the order of their submits: what a program
 * that opened a session under its name again goes on with. Waits for the scheduler's answer. *out
 * has *n of them, each to be given back with dq_future_free, and is itself freed with free(). */
int dq_client_held(struct dq_client *client, double timeout_s, struct dq_future ***out, size_t *n);

/* ---- futures ---- */

enum dq_state {
	DQ_STATE_PENDING = 1, /* not ended, as far as this client has been told */
	DQ_STATE_DONE = 5,
	DQ_STATE_FAILED = 6,
	DQ_STATE_CANCELLED = 7,
	DQ_STATE_REFUSED = 9 /* the submit was refused: dq_future_error() */
};

/* Gives the handle back and releases this client's hold. Sets *future NULL; accepts NULL. */
void dq_future_free(struct dq_future **future);
/* Another handle on the same. */
struct dq_future *dq_future_ref(struct dq_future *future);
uint64_t dq_future_id(const struct dq_future *future);
/* Its key; valid as long as the future. */
const char *dq_future_key(const struct dq_future *future);
uint64_t dq_future_count(const struct dq_future *future); /* elements; 1 for a task */
/* What this client knows, without asking; an array is DONE when all are, else FAILED, CANCELLED by
 * its first such element once all ended. */
enum dq_state dq_future_state(const struct dq_future *future);
bool dq_future_done(const struct dq_future *future); /* ended in any way */
/* How its elements have ended, as far as this client has been told; a task is one. Refused and gone
 * count as failed. */
struct dq_counts {
	uint64_t total, done, failed, cancelled;
};
int dq_future_counts(const struct dq_future *future, struct dq_counts *out);

/* Why it failed. Strings are valid as long as the future, and until it is retried. */
struct dq_failure {
	int error;         /* DQ_E_TASK_FAILED, DQ_E_CANCELLED, DQ_E_CONFLICT, … */
	const char *cause; /* "error", "exit", "signal", "dependency", … */
	const char *message;
	int exit_status; /* -1: none */
	int signal;      /* 0: none */
	const char *stderr_tail;
	const char *blame; /* key of the task to blame, "" if it is this one */
	uint32_t attempts;
};
/* Of an array: of its first element that failed, also while others run. DQ_E_USAGE when it has not
 * failed. */
int dq_future_failure(struct dq_future *future, struct dq_failure *out);

/* Callback once it ended (at once inside the next process or blocking call when it has). */
int dq_future_on_done(
	struct dq_future *future, void (*fn)(struct dq_future *future, void *arg), void *arg);
/* Stops it; its dependents are cancelled too. Does not wait. */
int dq_future_cancel(struct dq_future *future);
int dq_cancel_many(struct dq_client *client, struct dq_future *const *futures, size_t n);
/* Keeps the task without a session from now on, as one that was submitted detached: it runs even
 * when its futures are freed, its client closed, and the task ended that submitted it. Durable with
 * the next dq_client_sync, wait or close. At most 65536 elements of an array. */
int dq_fire_and_forget(struct dq_future *future);

/* ---- tasks that are there ---- */

/*
 * These wait until what they do is durable (timeout_s < 0: no limit; DQ_E_TIMEOUT: it may still be
 * done). Of single tasks all are taken, or none: then dq_client_error() names the first that it
 * does not suit (DQ_E_REFUSED), or that is gone (DQ_E_GONE). Of an array, elements that it does not
 * suit are left as they are. At most 65536 single tasks a call.
 *
 * Retry begins anew what failed, was cancelled, or is done with a result that is lost; what has not
 * ended is left as it is. What a task needs, and is of that kind, begins before it; what depends on
 * it does not. The futures given, and others of this client for the same tasks, wait for an end
 * again; those of what they need keep what they know, unless they are given as well, or retried by
 * themselves before they have ended anew.
 */
int dq_future_retry(struct dq_future *future, double timeout_s);
int dq_retry_many(
	struct dq_client *client, struct dq_future *const *futures, size_t n, double timeout_s);
/* Forgets what has ended: outcome and result go, whoever holds them, and the key is free. What
 * unfinished tasks need stays until they have ended. Futures keep what they know. */
int dq_future_forget(struct dq_future *future, double timeout_s);
int dq_forget_many(
	struct dq_client *client, struct dq_future *const *futures, size_t n, double timeout_s);
/* Sets the priority of what has not ended: higher first, from -2147483647. */
int dq_future_set_priority(struct dq_future *future, int32_t priority, double timeout_s);
int dq_set_priority_many(struct dq_client *client, struct dq_future *const *futures, size_t n,
	int32_t priority, double timeout_s);

/* ---- waiting ---- */

/*
 * Inside a task, calls that wait for other tasks give the task's slot back while they block, and
 * take it again when they return: a task that waits for its own children does not keep them from
 * running. These two do so by hand, for waits of another kind, as in a loop of one's own; each
 * secede needs its rejoin. Outside of tasks they do nothing.
 */
int dq_client_secede(struct dq_client *client);
int dq_client_rejoin(struct dq_client *client);

enum dq_wait { DQ_WAIT_ALL, DQ_WAIT_ANY, DQ_WAIT_FIRST_FAILED };
/*
 * Waits for futures; 0 when the condition holds (whatever way they ended; of none it does),
 * DQ_E_TIMEOUT. FIRST_FAILED: all have ended, or one not well, of an array one element.
 * timeout_s < 0: no limit. Time without a connection counts. Whoever waits again and again for any
 * of many has less to look at with dq_completed.
 */
int dq_wait(struct dq_client *client, struct dq_future *const *futures, size_t n, enum dq_wait mode,
	double timeout_s);

/*
 * Futures in the order they end; more may be added at any time, also one that has ended or is in
 * the set already: it comes out once for each time. Freed, a future leaves the set.
 */
struct dq_completed;
int dq_completed_new(struct dq_client *client, struct dq_future *const *futures, size_t n,
	struct dq_completed **out);
int dq_completed_add(struct dq_completed *c, struct dq_future *const *futures, size_t n);
/* The next one that ended: a borrowed handle, the one that was added. *out NULL and 0: none are
 * left. DQ_E_TIMEOUT. */
int dq_completed_next(struct dq_completed *c, double timeout_s, struct dq_future **out);
/* Up to max of those that have ended, waiting for the first. *n 0: none are left. */
int dq_completed_batch(
	struct dq_completed *c, double timeout_s, struct dq_future **out, size_t max, size_t *n);
void dq_completed_free(struct dq_completed **c);

/* ---- results ---- */

/* A value: a type name ("msgpack", "bytes", or the task's own) and its bytes. Free with
 * dq_value_release. */
struct dq_value {
	const char *type;
	const void *bytes; /* 64-byte aligned; all frames one after the other */
	size_t n;
	const uint64_t *frames; /* sizes of the frames */
	size_t nframes;
	void *owner; /* dq's own */
};
void dq_value_release(struct dq_value *value);
/* Waits for the result and gets it. DQ_E_TASK_FAILED, DQ_E_CANCELLED (see dq_future_failure),
 * DQ_E_LOST, DQ_E_TIMEOUT. Of an array's future: DQ_E_USAGE; use its elements or dq_gather_array.
 */
int dq_result(struct dq_future *future, double timeout_s, struct dq_value *out);
/*
 * What a command has printed, also one that failed: of that the end, 4 KiB at most. DQ_E_NOT_FOUND
 * where nothing was kept.
 */
int dq_output(struct dq_future *future, double timeout_s, struct dq_value *out);
/* The end of what it wrote to its standard error: 2 KiB at most, empty where there was none. */
int dq_error_output(struct dq_future *future, double timeout_s, struct dq_value *out);
enum dq_on_error { DQ_RAISE, DQ_SKIP };
/* Results of many, in order. DQ_RAISE: the first failure ends it. DQ_SKIP: a failed one leaves its
 * value empty (type NULL). Values are the caller's to release, also after an error. */
int dq_gather(struct dq_client *client, struct dq_future *const *futures, size_t n,
	enum dq_on_error on_error, double timeout_s, struct dq_value *out);
int dq_gather_array(
	struct dq_future *array, enum dq_on_error on_error, double timeout_s, struct dq_value *out);
/* msgpack values of the simple kinds: DQ_E_TYPE when it is another. */
int dq_value_int(const struct dq_value *value, int64_t *out);
int dq_value_double(const struct dq_value *value, double *out);
int dq_value_bool(const struct dq_value *value, bool *out);
int dq_value_str(const struct dq_value *value, const char **out, size_t *n); /* not NUL-ended */

/* ---- looking ---- */

enum dq_query {
	DQ_QUERY_STATUS = 1,  /* args NULL */
	DQ_QUERY_LIST = 2,    /* args: map state, label, user (strs), limit (uint) */
	DQ_QUERY_SHOW = 3,    /* args: key */
	DQ_QUERY_STATE = 4,   /* args: array of keys */
	DQ_QUERY_RESOLVE = 5, /* args: array of keys; answers [[id, count, state], …], nil for what
				 is not there */
	DQ_QUERY_UNFINISHED = 6, /* args: label or nil; answers runs of ids */
	DQ_QUERY_HISTORY = 7,    /* args: key; answers maps, one an event, oldest first */
	DQ_QUERY_SELECT = 8,     /* args: map state, label (strs); answers runs of ids */
	DQ_QUERY_THINGS = 10,    /* args: 1 queues, 2 variables, 5 topics, 6 datasets; see
				    <dq/coordination.h> */
	DQ_QUERY_QUEUE = 11,     /* args: name; answers its map, as dq_queue_list has it */
	DQ_QUERY_PEEK = 12,      /* args: [name, count]; see dq_queue_peek */
	DQ_QUERY_DATASET = 16,   /* args: its name; answers [[id, count, key], …] */
	DQ_QUERY_TOPIC = 17 /* args: [name, after, max]; answers [[cursor, time in µs, content],
			       …] */
};
/* Asks; the answer is one msgpack value (type "msgpack"), parts joined into one array for those
 * that list. */
int dq_query(struct dq_client *client, enum dq_query what, const struct dq_args *args,
	double timeout_s, struct dq_value *out);
/* Cancels by ids, as QUERY_UNFINISHED and QUERY_RESOLVE give them, without futures. Waits until
 * durable. */
int dq_cancel_ids(struct dq_client *client, const uint64_t *first, const uint64_t *count, size_t n,
	double timeout_s);
/*
 * Likewise retries, forgets, or sets the priority. leave_others: tasks that it does not suit are
 * left as they are; else they are refused, as above. Many go in several requests, each on its own.
 */
enum dq_act { DQ_ACT_RETRY = 1, DQ_ACT_FORGET = 2, DQ_ACT_PRIORITY = 3 };
struct dq_acted {
	uint64_t refused; /* id of the first task that it does not suit; 0: none */
	/* forget: how many stay for what depends on them, and one of these; of a large request it
	 * is not told */
	uint64_t kept, first_kept;
};
int dq_act_ids(struct dq_client *client, enum dq_act act, int32_t priority, bool leave_others,
	const uint64_t *first, const uint64_t *count, size_t n, double timeout_s,
	struct dq_acted *out);
/* A future that watches without holding, from QUERY_RESOLVE's answer. Works on a client that only
 * looks. */
int dq_future_watch(struct dq_client *client, const char *key, uint64_t id, uint64_t count,
	struct dq_future **out);
/* Of an array: the index of its first element, for the keys of its elements. Before those are
 * asked for. Others are as they were. */
void dq_future_set_first_index(struct dq_future *array, uint32_t first_index);

#ifdef __cplusplus
}
#endif
#endif
