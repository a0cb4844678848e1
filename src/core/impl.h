/*
 * What the core's files do for one another; only core/ includes this. The structures: tables.h.
 */
#ifndef CORE_IMPL_H
#define CORE_IMPL_H

#include "core/keep.h"
#include "core/mutant.h"
#include "core/tables.h"

/* ---- block.c: containers ---- */
struct block *block_new(struct core *c, const struct block_record *r);
void block_free(struct core *c, struct block *b);
bool place_of(const struct core *c, uint64_t id, struct place *out); /* false: never was, or its
									block is gone */
/* How many ids from this one on, at least one, have no block. */
uint64_t place_gap(const struct core *c, uint64_t id);
struct task *task_peek(struct block *b, uint32_t idx);
struct task *task_get(struct core *c, struct block *b, uint32_t idx);
void task_drop_if_dull(struct core *c, struct task *t);
struct session_blocks *blocks_of_session(const struct core *c, uint32_t session);
void edge_add(struct core *c, struct task *from, struct task *to);
/* Its tasks may have times. */
static inline bool block_is_timed(const struct block *b)
{
	return b->terms || b->has_due;
}
static inline uint64_t block_id(const struct block *b, uint32_t idx)
{
	return b->first + idx;
}
static inline uint64_t task_own_id(const struct task *t)
{
	return t->block->first + t->idx;
}
static inline enum task_state block_state(const struct block *b, uint32_t idx)
{
	return (enum task_state)(b->state[idx] & TASK_STATE_MASK);
}
static inline enum task_state task_state(const struct task *t)
{
	return block_state(t->block, t->idx);
}
/* Of a graph that is not there yet, or never will be: nobody may be shown its tasks. */
static inline bool block_is_hidden(const struct block *b)
{
	return b->stage && b->stage->state != STAGE_LIVE;
}
/* place_of() of what may be shown. */
bool place_shown(const struct core *c, uint64_t id, struct place *out);
/* core_resolve(), hidden tasks too. */
bool resolve_any(const struct core *c, uint32_t user, struct slice text, struct run *out);
/* The dependencies of a task. */
const uint64_t *block_deps(const struct block *b, uint32_t idx, uint32_t *n);
uint8_t block_option(const struct block *b, uint32_t idx);

/* ---- move.c ---- */
void task_move(struct core *c, struct block *b, uint32_t idx, enum task_state to);
void task_born(struct core *c, struct block *b, uint32_t idx, enum task_state as, uint8_t flags);
/* At a start: the record that said so was followed by a later one. */
void task_unborn(struct core *c, struct block *b, uint32_t idx);

/* ---- ready.c ---- */
void ready_push(struct core *c, struct block *b, uint32_t at, uint32_t count, bool front);
void ready_forget_block(struct core *c, struct block *b);
/* The class of the next ready task, in order, and the task, not taken; NULL: none but of parked
 * classes. */
struct demand *ready_next(struct core *c, struct place *out);
/* The first ready task of a class that is in its turn; false: it has none. */
bool ready_first(struct core *c, struct demand *d, struct place *out);
/* Likewise of a user. */
struct demand *ready_next_of(struct core *c, struct user *user, struct place *out);
/* Of the class's first queue, whose first task is READY: how many tasks there are at least, and
 * their priority. */
uint32_t ready_first_count(const struct demand *d);
int32_t ready_first_priority(const struct demand *d);
/* Takes that task off its queue: its user is charged. Returns the rank of its run. */
int64_t ready_take(struct core *c, struct demand *d);
/* A task that was taken is READY again, as if it had not been: in its place, and not charged.
 * Before its lease is dropped, and after. */
void ready_refund(struct core *c, const struct task *t);
void ready_return(struct core *c, struct block *b, uint32_t idx, int64_t rank);
/* A lease of the block is over: its parked runs may go on. */
void ready_unpark(struct core *c, struct block *b);

/* ---- lease.c, assign.c ---- */
void lease_grant(struct core *c, struct worker *w, struct block *b, uint32_t idx, int64_t rank);
void lease_drop(struct core *c, struct task *t, bool revoke);
/* The lease ended without a report: the task goes back, or ends where it may not be tried again. */
void lease_lost(struct core *c, struct task *t);
/* The worker had not begun it, and gives it back: it is as if it had never been leased. */
void lease_revoked(struct core *c, struct task *t);
/* The lease is over, the task is not: it goes on when its time comes. */
void lease_back(struct core *c, struct task *t);
void lease_adopt(struct core *c, struct task *t, struct bundle *bundle, uint32_t idx);
struct bundle *bundle_new(struct core *c, struct worker *w, struct fence first, uint32_t n);
void bundle_put(struct core *c, struct bundle *bundle);
void bundle_dirty(struct core *c, struct bundle *bundle);
void bundles_write(struct core *c);
void assign(struct core *c);
void lease_send(struct core *c, struct worker *w, struct fence first, struct task *const *tasks,
	uint32_t n);

/* ---- finish.c ---- */
/* The end of a task that no worker reported. */
void finish(
	struct core *c, struct task *t, enum task_state state, enum cause cause, uint64_t blame);
void finish_report(struct core *c, struct task *t, struct worker *w, const struct event_lease *item,
	bool no_room);
/* Likewise, as the outcome says. */
void finish_made(struct core *c, struct task *t, const struct outcome *o);
void row_write(struct core *c, struct task *t, enum task_state state, uint64_t finish_seq,
	struct slice outcome);
void doom(struct core *c, uint64_t id, enum task_state state, enum cause cause, uint64_t blame);
bool doom_work(struct core *c, uint32_t *budget);
void task_unblock(struct core *c, struct task *t);
/* Nothing keeps it but its time: READY, or SCHEDULED until then. */
void task_goes_on(struct core *c, struct task *t);
void dependents_wake(struct core *c, struct task *t, uint64_t root);
/* Whom to blame where this one ended badly: itself, or whoever it ended for. */
uint64_t root_of(const struct core *c, uint64_t id);
/* Its code is gone: it ends as what it was stopped for says. `report`: the worker's, or NULL. */
void finish_stopped(struct core *c, struct task *t, const struct outcome *report);

/* ---- hold.c ---- */
void gone_mark(struct core *c, struct block *b, uint32_t idx);
void users_add(struct core *c, struct task *t);
void users_drop(struct core *c, struct task *t);
void maybe_forget(struct core *c, struct block *b, uint32_t idx);
void forget(struct core *c, struct block *b, uint32_t idx);
void lineage_drop(struct core *c, struct task *t);
bool task_is_held(const struct block *b, uint32_t idx);
void gone_write(struct core *c);
void hold_take(struct core *c, struct session *s, struct block *b, uint32_t idx);
void hold_detach(struct core *c, struct block *b, uint32_t idx);
/* Kept without a session no more. */
void detached_drop(struct core *c, struct block *b, uint32_t idx);
void hold_release(struct core *c, struct session *s, struct block *b, uint32_t idx);

/* The key names its task, or array, no more. */
void key_free(struct core *c, const struct block *b, uint32_t idx);
/* The block goes, with its records; its tasks hold on to nothing any more. */
void block_erase(struct core *c, struct block *b);

/* ---- stage.c: graphs in parts ---- */
/* The stage that the part goes to, begun with the first one. False: it may not, *code and *why. */
bool stage_for_part(struct core *c, struct session *s, const struct event *e, struct stage **out,
	uint32_t *code, const char **why);
void stage_add(struct stage *st, struct block *b);
void stage_born(struct core *c, struct block *b, uint32_t idx, enum task_state as, uint8_t flags);
/* A detached task of the part is there already, under its key: held for the session until the
 * commit detaches it. */
bool stage_may_detach(const struct stage *st, uint64_t more);
void stage_detach(struct core *c, struct stage *st, struct block *b, uint32_t idx);
/* The part was taken; made: a block. */
void stage_took(struct core *c, struct stage *st, const struct event *e, uint64_t first, bool made);
/* The commit or the abort. */
void stage_end(struct core *c, struct session *s, const struct event *e);
void stage_kill(struct core *c, struct stage *st);
void stage_forget_block(struct block *b);
void stage_free(struct stage *st);
bool stages_work(struct core *c, uint32_t *budget);
/* A start: a task of a hidden block; broken: what it depends on is not there. */
void stage_settle(struct core *c, struct block *b, uint32_t idx, bool broken);
void stages_load_end(struct core *c);

/* ---- copy.c: values on workers, their loss, and making them again ---- */
void copy_add(struct core *c, struct task *t, struct worker *w);
void copy_remove(struct core *c, struct task *t, struct worker *w);
void copies_free(struct core *c, struct task *t);
bool value_is_lost(const struct task *t);
/* The lost value may be made again, and what it was made from is known. */
bool remake_possible(const struct task *t);
/* Makes a lost value again if it may be, and says whether it will be there. */
bool remake(struct core *c, struct task *t);
bool remake_allowed(const struct task *t);
void remake_inputs(struct core *c, struct task *t);
void remake_end(struct core *c, struct task *t, bool ok);
/* The values of a task's dependencies are there, or it waits for them now, or is doomed: true only
 * for the first. */
bool inputs_there(struct core *c, struct block *b, uint32_t idx);
void value_spoilt(struct core *c, const struct event *e);
void getters_answer(struct core *c, struct task *t, uint32_t code, const char *text);

/* ---- session.c ---- */
void session_dirty(struct core *c, struct session *s);
void session_end(struct core *c, struct session *s);
bool sessions_work(struct core *c, uint32_t *budget);
/* guard.c, guard_lease.c: its locks go, in steps or at once; or their leases run no more, or again.
 */
void session_ends_claims(struct core *c, struct session *s);
void session_drops_claims(struct core *c, struct session *s);
void session_claims_connected(struct core *c, struct session *s);
void session_claims_disconnected(struct core *c, struct session *s);
void sessions_write(struct core *c);
void sessions_sealed(struct core *c);
void session_disconnect(struct core *c, struct session *s);
struct user *user_of(struct core *c, struct slice name, uint32_t uid);
/* Numbering: true when the request is the session's next one and is to be done. */
bool request_begin(struct core *c, const struct event *e, struct session **s);
void session_open(struct core *c, const struct event *e);
struct session *session_load(struct core *c, uint32_t number, const struct session_record *r);
void session_free(struct core *c, struct session *s);
void deadlines_init(struct core *c);

/* ---- the events ---- */
void submit(struct core *c, const struct event *e);
void task_start(struct core *c, struct block *b, uint32_t idx);
/* front: before what else is ready, in order. */
void block_push_ready(struct core *c, struct block *b, bool front);
void cancel(struct core *c, const struct event *e);
void cancel_again(struct core *c, struct task *t);
/* Its code is stopped; the task ends when that is done. */
void stop_leased(struct core *c, struct task *t, enum cause cause);
void cancel_one(struct core *c, struct block *b, uint32_t idx, enum cause cause);
void release(struct core *c, const struct event *e);
void hold(struct core *c, const struct event *e);
void detach(struct core *c, const struct event *e);

/* As its terms say, or as a user set it since. */
int32_t task_priority_set(const struct core *c, const struct block *b, uint32_t idx);
static inline int32_t task_priority(const struct core *c, const struct block *b, uint32_t idx)
{
	return b->terms || b->has_priority || b->priority ? task_priority_set(c, b, idx) : 0;
}
/* It began, is to be stopped, or its lease is over. */
static inline void backlog_remove(struct core *c, struct task *t)
{
	list_remove(&t->in_level);
	if (t->revoking)
		backlog_answered(c, t);
}
void act(struct core *c, const struct event *e);
void watch(struct core *c, const struct event *e);
void unwatch(struct core *c, const struct event *e);
void flow(struct core *c, const struct event *e);
/* True while watches of those that left are to be freed. no_scan: does that alone. */
bool watch_work(struct core *c, bool no_scan, uint32_t *budget);
/* made: the outcome is the core's own, and does not outlive the call. */
void watch_tell(struct core *c, struct task *t, uint64_t id, enum task_state state,
	struct slice outcome, bool made);
/* The connection is over, and freed with the last of its watches. */
void watches_drop_conn(struct core *c, struct conn *conn);
void watches_drop_block(struct block *b);
/* The block is gone: who was not told yet what had become of its tasks hears it now. */
void watches_end_block(struct core *c, struct block *b);
void get(struct core *c, const struct event *e);
void worker_join(struct core *c, const struct event *e);
void worker_credit(struct core *c, const struct event *e);
void worker_started(struct core *c, const struct event *e);
void worker_report(struct core *c, const struct event *e);
void worker_missing(struct core *c, const struct event *e);
void worker_leave(struct core *c, const struct event *e);
void worker_disconnect(struct core *c, struct worker *w);
void worker_lost(struct core *c, struct worker *w);
struct worker *worker_load(struct core *c, uint32_t number, const struct worker_record *r);
void core_worker_free(struct core *c, struct worker *w);

/* May whoever has the connection see the block's tasks? */
bool conn_may_see(const struct core *c, const struct conn *conn, const struct block *b);
struct conn *conn_get(struct core *c, uint64_t number);
struct conn *conn_new(struct core *c, uint64_t number, enum conn_kind kind);
void conn_refuse(struct core *c, uint64_t number, uint32_t code, const char *text);
void conn_free(struct core *c, struct conn *conn);

/* ---- keys ---- */
struct fp128 key_fingerprint(struct slice ns, struct slice key);
/* An array's part of its spec; 0: not of an array. */
static inline uint64_t array_shape(uint64_t count, uint32_t first_index)
{
	return (uint64_t)first_index << 32 | count;
}
struct fp128 spec_fingerprint(uint64_t shape, struct slice spec, const uint64_t *deps,
	uint32_t ndeps, struct slice inputs, struct fp128 resources);

/* ---- terms.c ---- */
/* The index of these terms, with a reference taken; 0 for empty ones, and with *why set for
 * malformed ones. */
uint32_t terms_take(struct core *c, struct slice bytes, const char **why);
void terms_drop(struct core *c, uint32_t at);
void terms_free(struct core *c);
/* Never NULL: what says nothing is all zero. */
const struct terms *task_terms(const struct core *c, const struct block *b, uint32_t idx);
struct fp128 terms_resources(const struct core *c, uint32_t at);

/* ---- demand.c, room.c: see core/demand.h ---- */
struct demand *demand_of_terms(struct core *c, struct user *user, uint32_t at);
/* The class of a task. */
static inline struct demand *demand_of(struct core *c, const struct block *b, uint32_t idx)
{
	uint32_t at = b->terms ? b->terms[b->flags & BLOCK_ARRAY ? 0 : idx] : 0;

	return at ? demand_of_terms(c, b->owner, at) : b->owner->plain;
}
/* n tasks became READY, or one no longer is. */
void demand_born(struct core *c, struct block *b, uint32_t at, uint32_t n);
void demand_ready_less(struct core *c, struct demand *d);
bool slice_in(struct slice s, const struct slice *names, uint32_t n);
/* Part of core_check(). */
bool demands_check(const struct core *c, char *why, size_t why_bytes);
/* The class of a READY task, found without making it. */
const struct demand *demand_peek(const struct core *c, const struct block *b, uint32_t idx);
bool worker_serves(const struct worker *w, const struct user *user);
bool worker_names(const struct worker *w, struct slice resource);
uint64_t worker_total(const struct worker *w, struct slice name);
bool load_comes_first(const struct heap_node *a, const struct heap_node *b);

#endif
