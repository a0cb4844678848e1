/*
 * libdq: what clients and tasks share by name. Variables, queues, locks and semaphores, events,
 * datasets, topics.
 *
 * A name is "name", in the namespace of the client's user, or "ns/name"; 1 to 255 bytes as keys
 * are. What is shared lives in the scheduler's store, apart from any session or task: it stays
 * until somebody deletes it. Everything here works in any client, inside tasks too.
 *
 * Restarts: a change that was sent is done once, whatever becomes of the connection or the
 * scheduler meanwhile; waits and watches go on by themselves. A call that changes something returns
 * 0 only when the change is on stable storage. When its time is up (DQ_E_TIMEOUT) the change is
 * still on its way: it is done, or refused, later.
 *
 * Times are seconds, below 0: no limit. Time without a connection does not count. Calls that wait
 * for what others do give a task's slot back meanwhile, as dq_wait does.
 *
 * Errors and threads: as <dq/client.h> says. Further codes of all calls: DQ_E_USAGE for what is no
 * name, DQ_E_REFUSED for a namespace of another user, DQ_E_LIMIT past a limit, which the text
 * names, DQ_E_STORE where the store is full.
 */
#ifndef DQ_COORDINATION_H
#define DQ_COORDINATION_H

#include <dq/client.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * What is put: a future, or bytes of a type, or a msgpack value; the first of these that is set. At
 * most 1 MiB. Borrowed for the call.
 */
struct dq_content {
	size_t size; /* sizeof(struct dq_content) */
	/* The future of a task, or of an element: the task is held, by whatever has this content
	 * and as long as that has it. */
	const struct dq_future *future;
	/* Bytes as they are: a type's name (1 to 64 bytes), and the sizes of the frames that the
	 * bytes consist of. */
	const char *type;
	const void *bytes;
	size_t n;
	const uint64_t *frames; /* NULL: one frame */
	size_t nframes;         /* at most 256 */
	/* A value, without futures inside it; dq_args_future or dq_args_key alone is a future, as
	 * above. NULL: nil. */
	const struct dq_args *args;
};

#define DQ_CONTENT_INIT                                                                            \
	{                                                                                          \
		.size = sizeof(struct dq_content)                                                  \
	}

/* ---- variables ---- */

/* What a variable has: a value or a future. Given back with dq_variable_release. */
struct dq_variable {
	uint64_t version;         /* counts the sets, from 1; never the same twice under a name */
	struct dq_value value;    /* type NULL: it is a future */
	struct dq_future *future; /* NULL: it is a value */
};
void dq_variable_release(struct dq_variable *v);

/* Sets it, and makes it where it is not there. *version (may be NULL) is the new one. content NULL:
 * nil. DQ_E_NOT_FOUND: the future's task is not there. */
int dq_variable_set(struct dq_client *client, const char *name, const struct dq_content *content,
	double timeout_s, uint64_t *version);
/*
 * Sets it if its version is `expected`; 0: if it is not there. DQ_E_CONFLICT: it is another, which
 * *version (may be NULL) then is, 0 where the variable is not there; nothing is changed.
 */
int dq_variable_set_if(struct dq_client *client, const char *name, uint64_t expected,
	const struct dq_content *content, double timeout_s, uint64_t *version);
/* DQ_E_NOT_FOUND: it is not there. A variable that is made again under the name goes on with higher
 * versions. */
int dq_variable_delete(struct dq_client *client, const char *name, double timeout_s);
/*
 * Waits until it has a version above `above` and gets it; 0: until it is set. The version may be a
 * later one than the first that would do. DQ_E_TIMEOUT; with timeout_s 0 that means that there was
 * none. A future is held by this client, and released with *out; in a client that only looks it is
 * not held.
 */
int dq_variable_get(struct dq_client *client, const char *name, uint64_t above, double timeout_s,
	struct dq_variable *out);

/*
 * Calls fn with each version above `above`, in order, until the watch is freed; a version that is
 * soon replaced may be passed over, the last one is not. Callbacks run as others do (see
 * <dq/client.h>). *v is fn's for the call; a future in it is not held: dq_future_from_key holds it
 * for longer. error not 0: the watch has ended with that, and text says why (v is NULL).
 */
struct dq_watch;
typedef void dq_variable_fn(const struct dq_variable *v, int error, const char *text, void *arg);
int dq_variable_watch(struct dq_client *client, const char *name, uint64_t above,
	dq_variable_fn *fn, void *arg, struct dq_watch **out);
/* Once it returned, no call of fn begins; also inside fn. Sets *watch NULL; accepts NULL. To be
 * freed before its client is closed. */
void dq_watch_free(struct dq_watch **watch);

/* The variables of the user's namespace, in the order they were made: a msgpack array of maps with
 * name, namespace, owner (strs), created (seconds since 1970), version, bytes (of the content), and
 * key where it is a future. */
int dq_variable_list(struct dq_client *client, double timeout_s, struct dq_value *out);

/* ---- locks ---- */

/*
 * A lock is a name; a semaphore is one that has more than one unit. Who claims it holds it at once
 * or waits in line, first come first served: the place in the line is durable, and outlives the
 * connection and the scheduler. Whoever holds it has a fence, a number that is higher than that of
 * all holders before: what the lock protects can refuse lower ones.
 *
 * It is held until it is released, until the client's session ends (dq_client_close, or another
 * process that opens it under its name; in a task, the end of the attempt), or until its lease
 * ends. The lease runs while the client has no connection, and with DQ_LOCK_BEAT all the time: a
 * client that is stopped or hangs loses its locks then, and every holder calls dq_lock_extend a few
 * times a lease. A scheduler that starts again begins all leases anew, so that its absence costs
 * nobody a lock. Who was lost hears of it by DQ_E_CONFLICT from the next call that names the fence.
 */
struct dq_lock {
	const char *name;
	uint32_t count; /* units that it has, the same for all who claim it; 0: 1, a plain lock */
	uint32_t units; /* that are wanted; 0: 1 */
};

#define DQ_LOCK_BEAT 2u  /* the lease runs while the client is connected, too */
#define DQ_LOCK_ALONE 4u /* it does not end with the session, but with its lease alone */

struct dq_lock_options {
	size_t size;    /* sizeof(struct dq_lock_options) */
	double lease_s; /* 0: 30 */
	unsigned flags;
};
#define DQ_LOCK_OPTIONS_INIT                                                                       \
	{                                                                                          \
		.size = sizeof(struct dq_lock_options)                                             \
	}

/*
 * Waits until all of these locks (1 to 64) are held, together: none of them is held before, and
 * calls that want several cannot wait for each other for ever. *fence is for all of them. options
 * NULL: the defaults. timeout_s 0: only if that is at once.
 *
 * DQ_E_TIMEOUT: nothing is held, and the place in the line is given up. (Where the scheduler did
 * not answer at all, what it makes of the call later ends with the session.) DQ_E_CONFLICT: the
 * lock is in use with another count.
 */
int dq_lock_acquire(struct dq_client *client, const struct dq_lock *locks, size_t n,
	const struct dq_lock_options *options, double timeout_s, uint64_t *fence);
/*
 * The same in two steps, for who does something else meanwhile. dq_lock_claim gets into the line,
 * and tells the fence that it will be held under, and whether it is held already. dq_lock_wait
 * waits until it is (DQ_E_TIMEOUT: not yet, and the place is kept; DQ_E_CONFLICT: it was given up,
 * or lost because the client was away for longer than the lease). dq_lock_release gives the place
 * up.
 */
int dq_lock_claim(struct dq_client *client, const struct dq_lock *locks, size_t n,
	const struct dq_lock_options *options, double timeout_s, uint64_t *fence, bool *held);
int dq_lock_wait(struct dq_client *client, uint64_t fence, double timeout_s);
/* A full lease from now on; lease_s 0: of the length it had. DQ_E_CONFLICT: it is lost. */
int dq_lock_extend(struct dq_client *client, uint64_t fence, double lease_s, double timeout_s);
/* 0: it is held under that fence. DQ_E_CONFLICT: no more. */
int dq_lock_check(struct dq_client *client, uint64_t fence, double timeout_s);
/* Gives back all that is held under the fence. DQ_E_CONFLICT: it was lost before. */
int dq_lock_release(struct dq_client *client, uint64_t fence, double timeout_s);

/* ---- events ---- */

/* An event is set or not, at first not. Set: who waits goes on, also where it is cleared at once.
 */
int dq_event_set(struct dq_client *client, const char *name, double timeout_s);
int dq_event_clear(struct dq_client *client, const char *name, double timeout_s);
/* Waits until it is set. DQ_E_TIMEOUT; with timeout_s 0 that means that it is not set. */
int dq_event_wait(struct dq_client *client, const char *name, double timeout_s);

/* ---- datasets ---- */

/*
 * Names the futures of tasks, of elements or of whole arrays, so that other clients find them, and
 * holds the tasks until the dataset is removed, whatever becomes of this client. A dataset does not
 * change: DQ_E_CONFLICT where there is one of the name. At most 65536 tasks; DQ_E_NOT_FOUND for one
 * that is not there.
 */
int dq_dataset_publish(struct dq_client *client, const char *name, struct dq_future *const *futures,
	size_t n, double timeout_s);
/* The same of keys, as dq_future_from_key takes them. */
int dq_dataset_publish_keys(struct dq_client *client, const char *name, const char *const *keys,
	size_t n, double timeout_s);

/* The futures of a dataset, in the order in which they were given to publish. */
struct dq_dataset {
	struct dq_future **futures;
	size_t n;
};
/* Gets them, held by this client too. DQ_E_NOT_FOUND: there is no such dataset; DQ_E_GONE: it was
 * removed meanwhile. Given back with dq_dataset_release, which releases the futures that are not
 * NULL. */
int dq_dataset_get(
	struct dq_client *client, const char *name, double timeout_s, struct dq_dataset *out);
void dq_dataset_release(struct dq_dataset *dataset);
/* Lets go of the tasks: what nothing else holds is cancelled or forgotten. DQ_E_NOT_FOUND. */
int dq_dataset_remove(struct dq_client *client, const char *name, double timeout_s);
/* The datasets of the user's namespace, in the order they were made: a msgpack array of maps with
 * name, namespace, owner (strs), created (seconds since 1970) and tasks (how many). */
int dq_dataset_list(struct dq_client *client, double timeout_s, struct dq_value *out);

/* ---- topics ---- */

/*
 * Appends a value (no future) to a topic, which is made where it is not there, with a bound of
 * 100,000 entries. *cursor (may be NULL) is the entry's: cursors count up, and stay valid over
 * restarts; none is given twice under a name.
 */
int dq_topic_publish(struct dq_client *client, const char *name, const struct dq_content *content,
	double timeout_s, uint64_t *cursor);
/* Makes the topic where it is not there, and bounds it: the last max_entries are kept (0: all),
 * each for max_age_s seconds at least and a 64th of that more at most (0: for ever). */
int dq_topic_bound(struct dq_client *client, const char *name, uint64_t max_entries,
	double max_age_s, double timeout_s);
/* DQ_E_NOT_FOUND. A topic that is made again under the name goes on with higher cursors. */
int dq_topic_delete(struct dq_client *client, const char *name, double timeout_s);

struct dq_entry {
	uint64_t cursor;
	double published; /* seconds since 1970 */
	struct dq_value value;
};
/* Entries that follow one another. */
struct dq_entries {
	struct dq_entry *entries;
	size_t n;
	uint64_t cursor; /* to go on after: that of the last one */
};
void dq_entries_release(struct dq_entries *entries);
/*
 * Reads the entries after a cursor, 0: from the oldest that is kept; at most max of them, 1024, or
 * about 1 MiB. Where there are none it waits for the next; with timeout_s 0 it does not: n is then
 * 0, and cursor is `after`. DQ_E_TIMEOUT. DQ_E_GONE: entries after the cursor are not kept any
 * more; out->cursor is then the one to go on after, from the oldest that is. DQ_E_NOT_FOUND: the
 * topic has not come to the cursor, or, with timeout_s 0, there is no such topic. DQ_E_STORE: what
 * is stored after the cursor is damaged; out->cursor is that of the last entry there is. Cursors
 * that do not follow one another tell of single entries that are.
 */
int dq_topic_read(struct dq_client *client, const char *name, uint64_t after, size_t max,
	double timeout_s, struct dq_entries *out);
/* The topics of the user's namespace, in the order they were made: a msgpack array of maps with
 * name, namespace, owner (strs), created (seconds since 1970), entries (how many), oldest, last
 * (cursors), max_entries, max_age (seconds). */
int dq_topic_list(struct dq_client *client, double timeout_s, struct dq_value *out);

/* ---- queues ---- */

/*
 * A queue is made by the first call that puts into it or takes from it, without limits, or by
 * dq_queue_create. Items come out by priority, the higher first, and in the order they were put
 * within one. An item that waits costs the scheduler store and not memory.
 */

struct dq_put {
	size_t size;      /* sizeof(struct dq_put) */
	int32_t priority; /* higher first */
	double delay_s;   /* not to be had before so long after the put */
};

#define DQ_PUT_INIT                                                                                \
	{                                                                                          \
		.size = sizeof(struct dq_put)                                                      \
	}

/*
 * Puts n items, in order, and waits while the queue is full. options may be NULL. *done (may be
 * NULL) is how many were put, also after an error. Up to 4096 items of at most 8 MiB together are
 * put all at once or not at all where there is room for them; more go one such part after the
 * other.
 */
int dq_queue_put(struct dq_client *client, const char *name, const struct dq_content *items,
	size_t n, const struct dq_put *options, double timeout_s, size_t *done);

/* An item that was got or taken. Given back with dq_item_release. */
struct dq_item {
	char id[40];              /* of the item in its queue: opaque, without spaces */
	char fence[48];           /* of this delivery: likewise */
	uint32_t deliveries;      /* how often it was taken, with this time */
	struct dq_value value;    /* type NULL: it is a future */
	struct dq_future *future; /* held by this client; NULL: it is a value */
};
void dq_item_release(struct dq_item *item);

/*
 * Waits for an item, and takes what is there, at most max (1024 at a time, and about 4 MiB) into
 * out[0 .. *n). They are gone from the queue when the call returns. DQ_E_TIMEOUT; with timeout_s 0:
 * there was none. A call that fails leaves its items in the queue, or they go back when this
 * client's session ends.
 */
int dq_queue_get(struct dq_client *client, const char *name, size_t max, double timeout_s,
	struct dq_item *out, size_t *n);
/*
 * Likewise, but they are to be acknowledged: until then they are out, for lease_s seconds of time
 * in which the scheduler runs, from when it granted them or from its last start; with lease_s 0 for
 * as long as this client's session lasts. Then they wait again, or, the last time, go to the
 * dead-letter queue.
 */
int dq_queue_take(struct dq_client *client, const char *name, size_t max, double lease_s,
	double timeout_s, struct dq_item *out, size_t *n);
/* An item is done; is to wait again, in its place, after a delay; or keeps its lease for so long
 * from now on (0: as long as the session lasts, if it was taken so). Any client may say so that
 * knows id and fence. DQ_E_CONFLICT: that delivery is over. */
int dq_queue_ack(struct dq_client *client, const char *name, const char *id, const char *fence,
	double timeout_s);
int dq_queue_nack(struct dq_client *client, const char *name, const char *id, const char *fence,
	double delay_s, double timeout_s);
int dq_queue_extend(struct dq_client *client, const char *name, const char *id, const char *fence,
	double lease_s, double timeout_s);

/* Acknowledges many (1 to 4096) that were taken from one queue, all or none: DQ_E_CONFLICT, and
 * *over (may be NULL) is the first of them whose delivery is over. */
int dq_queue_ack_many(struct dq_client *client, const char *name, const struct dq_item *items,
	size_t n, double timeout_s, size_t *over);

struct dq_queue_limits {
	size_t size;             /* sizeof(struct dq_queue_limits) */
	uint64_t maxsize;        /* items that are not acknowledged; 0: any number */
	uint32_t max_deliveries; /* then it goes to the dead-letter queue; 0: never */
	const char *dead_letter; /* its name, in the same namespace; NULL: NAME.dead */
};

/* DQ_E_CONFLICT: it is there, with other limits. limits may be NULL: none. */
int dq_queue_create(struct dq_client *client, const char *name,
	const struct dq_queue_limits *limits, double timeout_s);
/* All items that wait are gone; those that are out, when they come back. */
int dq_queue_purge(struct dq_client *client, const char *name, double timeout_s);
/* The queue is gone, with all its items. Its name is free at once. */
int dq_queue_delete(struct dq_client *client, const char *name, double timeout_s);
/* Up to 1000 items of the dead-letter queue go back into the queue; *n: how many. */
int dq_queue_kick(struct dq_client *client, const char *name, double timeout_s, uint64_t *n);
/*
 * The items that would be got next, in order, which stay where they are: at most max (1024, and
 * about 4 MiB) into out[0 .. *n); *n 0: nothing is to be had now. They have no fence, deliveries is
 * how often they were taken so far, and a future is not held: dq_future_from_key holds it.
 * DQ_E_NOT_FOUND: there is no such queue.
 */
int dq_queue_peek(struct dq_client *client, const char *name, size_t max, double timeout_s,
	struct dq_item *out, size_t *n);
/* How many items are not acknowledged. DQ_E_NOT_FOUND. */
int dq_queue_len(struct dq_client *client, const char *name, double timeout_s, uint64_t *len);
/* The queues of the user's namespace, in the order they were made: a msgpack array of maps with
 * name, namespace, owner (strs), created (seconds since 1970), len (not acknowledged), waiting (to
 * be had now), delayed, maxsize, max_deliveries, dead_letter ("": NAME.dead). */
int dq_queue_list(struct dq_client *client, double timeout_s, struct dq_value *out);

#ifdef __cplusplus
}
#endif
#endif
