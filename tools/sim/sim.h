/*
 * The simulator: a whole cluster in one process, decided by one seed. The real engine runs over a
 * fake store, clock and network, with simulated workers and clients that speak the real messages.
 * One thread.
 *
 *	world.c               what happens next, and the end of a run
 *	driver.c              the engine, its store and its crashes
 *	peer.c                connections and admission
 *	client.c, submit.c, hears.c   clients
 *	again.c               what they do to tasks that are there
 *	worker.c, runner.c    workers
 *	ask.c                 what tasks ask of workers, and workers offer
 *	times.c               when tasks may run
 *	inside.c              clients inside tasks
 *	vars.c                variables
 *	queues.c, qbook.c     queues
 *	locks.c, claims.c     locks and events
 *	users.c               several users
 *	watch.c               each frame that leaves, each batch
 *	audit.c               recounts, and two loads compared
 *	cover.c               counts
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "base/buf.h"
#include "base/rng.h"
#include "codec/frame.h"
#include "model/block.h"
#include "model/ids.h"
#include "model/record.h"
#include "scheduler/engine.h"
#include "sim/book.h"
#include "sim/cover.h"
#include "sim/fstore.h"
#include "sim/locks.h"
#include "sim/net.h"
#include "sim/queues.h"
#include "sim/users.h"
#include "wire/wire.h"

#include <stdbool.h>
#include <stdint.h>

#define SIM_CLIENTS_MAX 6
#define SIM_VARS 3
#define SIM_INSIDE 4 /* clients inside tasks, at once */
#define SIM_WORKERS_MAX 6
#define SIM_SECRET "the secret of a simulated user"
#define ENDED_GONE UINT64_MAX /* in client.ended: it was told that the task is gone */
/* How often the task had been begun anew. */
#define ROUND_OF(generation) ((generation) >> 16)

enum sim_mutant { MUTANT_NONE, MUTANT_REPLY_BEFORE_SYNC };

/* What a seed decides of a run before its first step. */
struct sim_flavor {
	uint32_t clients, workers, slots;
	uint64_t lease_ttl_ms, session_ttl_ms;
	bool calm; /* no worker dies, none is lost, no session expires: each task runs once */
	bool deep; /* few workers fetch much ahead, and many tasks have priorities */
	uint32_t crash_rate;  /* scheduler crashes in 10,000 steps */
	uint32_t drop_rate;   /* broken links in 10,000 steps */
	uint32_t worker_rate; /* deaths of workers in 10,000 steps */
	uint32_t sleep_rate;  /* workers stopped for a while in 10,000 steps */
	uint32_t client_rate; /* deaths of clients in 10,000 steps */
	uint32_t full_rate;   /* low water in 10,000 steps */
	uint32_t keys;        /* names that tasks share */
	uint32_t bigs, big;   /* arrays past what one step works off; those still to come */
	uint32_t large;       /* of 100 tasks, those with large values */
	uint32_t asks;        /* of 100 tasks, those that ask something of their worker */
	uint32_t times;       /* of 100 tasks, those that have a time, or a policy */
	uint32_t inside;      /* of 100 tasks, those that use the scheduler */
	uint32_t vars;        /* of 100 requests, those that are about variables */
	uint32_t queues;      /* of 100 requests, those that are about queues */
	uint32_t locks;       /* likewise: locks and events */
	uint32_t stores;      /* of 100 tasks, those whose result is to be stored */
	uint32_t users;
	struct user_weight weight; /* of the second user; weight 0: as the others */
	uint32_t acts; /* of 100 requests, those that retry, forget, or set a priority */
};

enum peer_kind { PEER_CLIENT, PEER_WORKER };
enum peer_state { PEER_AWAY, PEER_HELLO, PEER_PROVED, PEER_ADMITTED };

struct peer {
	enum peer_kind kind;
	uint32_t index;
	char name[12];
	enum peer_state state;
	struct link *link; /* NULL: away */
	bool by_secret;
	uint8_t nonce[WIRE_NONCE_BYTES];
	uint64_t last_sent_us;
	uint64_t retry_us; /* does not connect before */
};

/* ---- clients ---- */

enum request_kind {
	REQUEST_SUBMIT,
	REQUEST_CANCEL,
	REQUEST_RELEASE,
	REQUEST_HOLD,
	REQUEST_CLOSE,
	REQUEST_COMMIT,
	REQUEST_ABORT,
	REQUEST_ACT,
	REQUEST_DO,
	REQUEST_QUEUE,
	REQUEST_LOCK,
	REQUEST_FOREIGN
};

/* One of a DO: of which variable, and for which version. */
struct var_op {
	uint32_t var, kind;
	uint64_t version;
};

struct request {
	uint64_t seq;
	enum request_kind kind;
	struct buf frame;
	uint64_t *ids; /* the tasks it names */
	uint32_t n;
	uint64_t held;               /* HOLD: the task that its key names, where that is known */
	bool part, begin;            /* SUBMIT: of a graph; its first */
	bool forget, retry, strict;  /* ACT */
	struct var_op ops[SIM_VARS]; /* DO */
	uint32_t nops;
	struct queue_deal *queue; /* QUEUE; owned */
	struct lock_deal *lock;   /* LOCK; owned */
	bool sent;
};

/* A graph whose parts are being submitted. */
struct client_graph {
	bool open;
	uint32_t left; /* parts to come */
	uint64_t *ids;
	uint32_t n, cap;
};

/* Of a client inside a task. */
struct inside {
	uint64_t parent; /* 0: it is in none, and rests */
	struct fence fence;
	uint8_t mac[WIRE_TASK_MAC_BYTES];
	char head[WIRE_TOKEN_TEXT];
	uint32_t depth;
	uint32_t left;             /* requests to make before it waits */
	bool seceded;              /* so it said on this connection */
	bool done, refused, stray; /* stray: its lease is over, and it is not */
};

struct client {
	struct peer peer;
	struct inside inside;
	struct client_graph graph;
	bool whole;        /* what is being made is no part */
	bool part_refused; /* of the graph whose parts were answered last */
	bool named;        /* its session has a name, by which a new process finds it again */
	bool reborn;       /* a new process that has not yet opened a session */
	bool opened;       /* on this connection */
	bool sure_closed;  /* it asked for its session's end */
	uint32_t session;  /* 0: none */
	uint8_t token[TOKEN_BYTES];
	uint32_t incarnation;
	uint64_t next_seq, next_n;
	uint64_t answered;         /* the highest request with a reply */
	struct request **requests; /* without a reply yet, in order */
	uint32_t nrequests, requests_cap;
	uint64_t *mine; /* tasks it may name: submitted or held here */
	uint32_t nmine, mine_cap;
	uint64_t next_request;       /* of GET and QUERY */
	struct map64 gets;           /* request -> id */
	struct map64 awaits;         /* request -> variable, and the least version it may hear of */
	uint64_t versions[SIM_VARS]; /* of variables, as it knows them */
	struct client_queues queues;
	struct client_locks locks;
	uint32_t user;
	struct map64 foreign; /* registrations about what is another user's */
	struct map64 ended;   /* tasks that it was told have ended, with the generation */
	struct map64 after;   /* tasks that it retried: the round whose end it may be told of */
	uint32_t opens;
	uint64_t heard_us; /* monotonic: when the scheduler last had its connection */
	uint32_t submits;
	uint64_t big_first; /* an array to be cancelled or released as a whole */
	uint32_t big_count; /* 0: none */
	bool big_asked;     /* both were asked for, by this process */
};

/* ---- workers ---- */

enum run_state { RUN_QUEUED, RUN_STARTED, RUN_ENDED };

struct run_input {
	uint64_t id, checksum;
	uint32_t generation;
	bool here;        /* inline, or held by this worker */
	char from[2][12]; /* addresses of holders */
	uint8_t ticket[2][WIRE_TICKET_BYTES];
	uint32_t nfrom;
};

/* A lease at its worker. */
struct run_lease {
	uint64_t id;
	uint32_t generation;
	struct fence fence;
	bool remake;
	bool store;          /* its value goes to the scheduler, */
	uint32_t size, have; /* of so many bytes; so many are there */
	bool putting, refused;
	enum run_state state;
	uint64_t ends_us;
	struct run_input inputs[BOOK_DEPS_MAX + 1];
	uint32_t ninputs;
	bool seceded; /* takes no slot */
	enum task_state end;
	bool given_back;     /* it had not begun */
	bool unknown;        /* it never came to this process */
	uint64_t report_seq; /* in this connection; 0: not sent */
};

struct held {
	uint64_t id;
	uint32_t generation;
	uint64_t checksum, size;
};

struct sworker {
	struct peer peer;
	bool dead;
	bool joined;
	bool leaving, left;
	uint64_t asleep_until_us;
	uint8_t uuid[WORKER_UUID_BYTES];
	bool was_another; /* it had another identity: tickets made for that one are refused */
	uint8_t instance[16];
	uint32_t number;
	uint8_t ticket_key[WIRE_TICKET_BYTES], task_key[WIRE_TICKET_BYTES];
	uint32_t slots, limit;
	uint64_t gpus, cpus; /* what it offers, in parts */
	struct run_lease *leases;
	uint32_t nleases, leases_cap;
	struct held *held;
	uint32_t nheld, held_cap;
	uint64_t report_seq;
	uint64_t heard_us; /* as of a client */
};

/* What is known of variables. A writer is session << 32 | request. */
struct sim_vars {
	struct map64 writers;     /* variable << 56 | version -> writer */
	struct map64 seen;        /* writers whose content was read, or acknowledged */
	struct map64 refused;     /* writers that were */
	uint64_t acked[SIM_VARS]; /* versions */
	bool deleted[SIM_VARS];   /* somebody made a request to */
};

/* ---- the world ---- */

struct pending_batch {
	struct batch batch;
	uint64_t seq;
	struct pending_batch *next;
};

struct sim {
	uint64_t seed;
	struct rng rng, engine_rng;
	struct sim_flavor flavor;
	enum sim_mutant mutant;
	struct cover *cover;
	bool trace;
	uint64_t step;
	bool settling; /* faults have stopped */
	/* the first violation ends the run */
	bool failed;
	char why[400];

	uint64_t mono_us, wall_us;
	uint64_t wall_most_us; /* the wall clock was never later */
	uint32_t wall_jumps;

	/* the scheduler */
	struct fstore store;
	struct map64 uploads, values; /* number, task id -> struct fvalue */
	uint64_t epoch;
	uint8_t store_id[16];
	struct engine *engine;     /* NULL: down */
	uint64_t up_at_us;         /* down until */
	const struct batch *batch; /* under way */
	uint64_t batch_seq;
	struct pending_batch *pending, *pending_last; /* of a mutant */
	bool no_room;
	uint64_t room_at_us;
	uint64_t started_us;
	uint64_t continued; /* the last step at which no long work was left */
	uint64_t skipped;   /* records left out at loads */

	uint64_t next_conn;
	struct link *links; /* in the order of their making */
	uint32_t nlinks;

	struct client clients[SIM_CLIENTS_MAX + SIM_INSIDE]; /* those inside tasks are the last */
	struct sworker workers[SIM_WORKERS_MAX];
	struct book book;
	struct sim_vars vars;
	struct sim_queues queues;
	struct sim_locks locks;
	struct map64 told;  /* session << 32 | request -> digest of its reply, 0 for a plain one */
	struct buf scratch; /* a peer's next frame */

	/* shadows for counting moves */
	struct map64 shadow; /* block -> struct shadow */
	bool closing_down;   /* clients open no new sessions */
	bool detached_large; /* some detached task keeps others for its value */
};

/* Runs one seed. False: a violation, in s->why; the world is released in any case by sim_release.
 */
struct sim_options {
	uint64_t seed;
	uint64_t steps;
	bool trace;
	enum sim_mutant mutant;
};
bool sim_run(struct sim *s, const struct sim_options *options, struct cover *cover);
void sim_release(struct sim *s);

/* Notes a violation. Returns false. */
bool sim_fail(struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* One line of the story, where it is told. */
#define sim_trace(s, ...)                                                                          \
	do {                                                                                       \
		if ((s)->trace)                                                                    \
			sim_trace_line(s, __VA_ARGS__);                                            \
	} while (0)
void sim_trace_line(struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sim_trace_frame(struct sim *s, const char *from, const char *to, const struct frame *f);

/* ---- values.c ---- */
void values_init(struct sim *s);
void values_release(struct sim *s);
/* The scheduler starts. */
void values_start(struct sim *s);
void values_apply(struct sim *s, const struct batch *batch);
void values_port(struct engine_port *out);
void values_audit(struct sim *s);
/* It is sent before the report. */
bool value_is_due(const struct run_lease *l);
void values_put(struct sim *s, struct sworker *w);
void values_putted(struct sim *s, struct sworker *w, const struct frame *f);
/* An input that the scheduler stores: from its k-th holder. */
bool value_fetch(struct sim *s, const struct run_input *in, uint32_t k);
/* A client asks for the bytes of a stored value, and hears of them. */
void value_ask(struct sim *s, struct client *c, const struct msg_value *v, const struct outcome *o);
void value_data(struct sim *s, struct client *c, const struct frame *f);

/* ---- driver.c ---- */
void driver_start(struct sim *s);
/* The process dies: what is under way is lost, or was stored and nobody heard. */
void driver_crash(struct sim *s, const char *why);
void driver_frame(struct sim *s, struct link *l);
void driver_seal(struct sim *s);
void driver_commit(struct sim *s);
void driver_fail_commit(struct sim *s);
void driver_tick(struct sim *s);
void driver_continue(struct sim *s);
void driver_room(struct sim *s, bool no_room);
struct link *driver_connect(struct sim *s, struct peer *p);
struct link *link_of(struct sim *s, uint64_t conn);
/* Frees links that both sides have left. */
void links_sweep(struct sim *s);
void driver_stop(struct sim *s);
void engine_port_of(struct sim *s, struct engine_port *out);
void engine_config_of(const struct sim *s, struct engine_config *out);

/* ---- peer.c ---- */
void peer_init(struct peer *p, enum peer_kind kind, uint32_t index);
void peer_connect(struct sim *s, struct peer *p);
/* The next thing that its pipe brings. */
void peer_hear(struct sim *s, struct peer *p);
/* It goes away by itself: its end of the link is closed. */
void peer_hang_up(struct sim *s, struct peer *p);
/* Sends the frame in s->scratch. */
void peer_send(struct sim *s, struct peer *p);
uint32_t peer_user(struct sim *s, const struct peer *p);
void peer_ping(struct sim *s, struct peer *p);
struct client *peer_client(struct sim *s, const struct peer *p);
struct sworker *peer_worker(struct sim *s, const struct peer *p);

/* ---- client.c, submit.c, hears.c ---- */
void client_init(struct sim *s, struct client *c, uint32_t index);
void client_release(struct client *c);
void client_act(struct sim *s, struct client *c);
void client_admitted(struct sim *s, struct client *c);
void client_away(struct sim *s, struct client *c);
void client_frame(struct sim *s, struct client *c, const struct frame *f);
/* Its process ends; a new one starts without a session. */
void client_die(struct sim *s, struct client *c);
/* Likewise, and none starts. */
void client_stop(struct sim *s, struct client *c);
void client_request_some(struct sim *s, struct client *c);
/* The scheduler says that its session is no more. */
void client_session_gone(struct sim *s, struct client *c);
void client_close(struct sim *s, struct client *c);
void client_big(struct sim *s, struct client *c);
struct request *client_request(
	struct sim *s, struct client *c, enum request_kind kind, const uint64_t *ids, uint32_t n);
void client_request_send(struct sim *s, struct client *c, struct request *r);
void client_request_free(struct request *r);
void client_mine(struct client *c, uint64_t id);
/* Some of its tasks: a run of them from a random place. */
uint32_t client_pick(struct sim *s, const struct client *c, uint64_t *ids, uint32_t max);
/* Ids as runs. */
void client_pack_ids(struct buf *out, const uint64_t *ids, uint32_t n);
/* ---- again.c ---- */
void client_again(struct sim *s, struct client *c);
void act_answered(
	struct sim *s, struct client *c, const struct request *r, const struct msg_reply *m);
void client_submit(struct sim *s, struct client *c);
/* A task of a block, written to the book and the body; the other elements of an array. */
void client_make_task(struct sim *s, struct client *c, uint64_t id, struct buf *body, bool array);
void client_more_elements(struct sim *s, uint64_t first, uint32_t count);
/* ---- graph.c ---- */
void client_graph(struct sim *s, struct client *c);
/* Ends one that is open. */
void client_graph_settle(struct sim *s, struct client *c);
void graph_forget(struct client *c);
void graph_end_answered(
	struct sim *s, struct client *c, const struct request *r, const struct msg_reply *m);
void client_watch(struct sim *s, struct client *c, const uint64_t *ids, uint32_t n);
void client_get(struct sim *s, struct client *c, uint64_t id);
/* Everything that it may still hear of is known to it. */
bool client_is_satisfied(const struct client *c);
/* Its session lives for sure: it is connected, or has not been away for long. */
bool client_session_is_sure(struct sim *s, const struct client *c);
struct client *client_of_session(struct sim *s, uint32_t session);
/* At least one session is sure to hold the task. */
bool task_is_held_for_sure(struct sim *s, const struct book_task *t);

/* ---- vars.c ---- */
void client_vars(struct sim *s, struct client *c);
void vars_answered(
	struct sim *s, struct client *c, const struct request *r, const struct msg_reply *m);
void vars_heard(struct sim *s, struct client *c, const struct frame *f);
/* The records against what was acknowledged, read and refused. */
void vars_audit(struct sim *s);

/* ---- inside.c ---- */
/* A lease of a task that uses the scheduler begins to run; must it go on? */
void inside_start(struct sim *s, const struct sworker *w, const struct run_lease *l);
bool inside_keeps(struct sim *s, const struct run_lease *l);
/* At its worker the lease is over. */
void inside_over(struct sim *s, uint64_t id, struct fence fence);
/* Stored, and not about to end. */
bool inside_lease_is_live(struct sim *s, const struct client *c);
/* Else the task may wait for the very one that waits for it. */
bool inside_may_wait(const struct client *c, const struct book_task *t);
void inside_refused(struct sim *s, struct client *c, uint64_t code);
void inside_act(struct sim *s, struct client *c);
/* What workers hear, and tell, of tasks that run. */
void inside_secedes(struct sim *s, struct sworker *w, const struct frame *f);
void inside_progress(struct sim *s, struct sworker *w);

/* ---- worker.c, runner.c ---- */
void worker_init(struct sim *s, struct sworker *w, uint32_t index);
void worker_release(struct sworker *w);
void worker_act(struct sim *s, struct sworker *w);
void worker_admitted(struct sim *s, struct sworker *w);
void worker_away(struct sim *s, struct sworker *w);
void worker_frame(struct sim *s, struct sworker *w, const struct frame *f);
void worker_die(struct sim *s, struct sworker *w);
/* It leaves no more. */
void worker_stay(struct sim *s, struct sworker *w);
void worker_restart(struct sim *s, struct sworker *w);
struct held *worker_held(struct sworker *w, uint64_t id);
void worker_leased(struct sim *s, struct sworker *w, const struct frame *f);
void worker_run(struct sim *s, struct sworker *w);
void worker_tell_ends(struct sim *s, struct sworker *w, uint32_t max);
void worker_stop(struct sim *s, struct sworker *w, const struct fenced *f);
void worker_lease_drop(struct sworker *w, uint32_t i);

/* ---- ask.c ---- */
/* Into the book, and its terms' bytes. */
void ask_pick(struct sim *s, struct book_task *t, struct buf *terms);
void offer_pick(struct sim *s, struct sworker *w);
/* Enough for every task. */
void offer_all(struct sworker *w);
/* The fields of its JOIN; bufs are released by the caller. */
void offer_join(const struct sworker *w, struct msg_join *m, char host[8], struct buf *amounts,
	struct buf *labels);
/* A lease came: may the worker have it? */
void ask_leased(struct sim *s, const struct sworker *w, const struct book_task *t);

/* ---- times.c ---- */
void times_pick(struct sim *s, struct book_task *t);
void times_into(const struct book_times *m, struct terms *t);
/* A lease leaves: has its time come? */
void times_leased(struct sim *s, const struct book_task *t);
void times_gone(struct sim *s, const struct book_task *t);
/* A scheduler has started: ends that were not stored did not happen. */
void times_restart(struct sim *s);

/* ---- watch.c ---- */
void watch_sent(struct sim *s, struct link *l, const struct frame *f);
void watch_batch(struct sim *s, const struct batch *batch);

/* ---- lookup.c: the fake store's records ---- */
/* Is the lease live by the records: granted, not revoked, its task not ended in this generation? */
bool lookup_lease(struct sim *s, uint64_t id, struct fence fence, uint32_t *worker);
/* The task's row; false: none. */
bool lookup_row(struct sim *s, uint64_t id, struct task_row *row);
/* That of a round. */
bool lookup_round(struct sim *s, uint64_t id, uint16_t round, struct task_row *row);
/* The block that the task is in, and whether it is there still. */
bool lookup_task(struct sim *s, uint64_t id, struct block_record *block);

/* ---- audit.c, reload.c ---- */
/* Recounts the records, asks the core to recount itself, and holds what is there against the book.
 */
void audit_store(struct sim *s);
void audit_core(struct sim *s);
/* After a start, and between batches: does a second load of the same records give the same? */
void audit_reload(struct sim *s);
/* All sessions are closed: nothing may be left but what is detached. */
void audit_empty(struct sim *s);
void audit_moves(struct sim *s);
void audit_moves_forget(struct sim *s);

#endif
