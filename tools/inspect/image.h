/*
 * An image of a store: every record, decoded and joined, with the states that are derived from them
 * (doc/disk-format.md). Slices point into the store and live as long as the snapshot. What does not
 * decode is told and left out.
 */
#ifndef INSPECT_IMAGE_H
#define INSPECT_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inspect.h"
#include "model/block.h"
#include "model/record.h"
#include "model/row.h"
#include "model/state.h"
#include "model/terms.h"
#include "model/item.h"
#include "model/thing.h"

struct img_block {
	struct block_record r;
	uint64_t at;   /* index of its first task in image.state and image.flag */
	bool readable; /* its body decodes throughout */
	bool staged;   /* part of a graph that is not there yet */
	bool dead;     /* and that never will be: it is being removed */
	struct amend_record amend;
};

struct img_row {
	uint64_t id, finish_seq;
	uint16_t round;
	struct slice value; /* the record: decode for the rest */
	uint32_t generation, attempts;
	uint64_t due_us;
	enum task_state state;
};

struct img_chunk {
	uint64_t first;
	struct gone_record r;
};

struct img_lease {
	uint64_t id;
	struct fence fence;
	uint64_t issued_us;
	uint32_t worker, generation, flags;
	bool live; /* by the rule of doc/disk-format.md */
};

struct img_session {
	uint32_t number;
	struct session_record r;
};

struct img_reply {
	uint32_t session;
	uint64_t seq;
};

struct img_hold {
	uint32_t session;
	uint64_t id;
};

struct img_worker {
	uint32_t number;
	struct worker_record r;
};

struct img_user {
	uint32_t number;
	struct user_record r;
};

struct img_work {
	uint64_t seq;
	struct work_record r;
};

struct img_stage {
	uint32_t session;
	uint64_t first; /* 0: the head */
	struct stage_record r;
};

struct img_thing {
	uint64_t number;
	struct thing_record r;
	uint64_t entries; /* of a topic: records */
};

struct img_item {
	uint64_t thing, seq, task;
	uint32_t rank;
};

struct img_delivery {
	uint64_t thing, seq;
	uint32_t rank;
	struct delivery_record r;
};

struct img_grant {
	uint32_t session;
	uint64_t request;
	struct grant_record r;
};

#define IMG_ROW 0x01 /* there is a row */
#define IMG_DETACHED 0x02
#define IMG_RELEASED 0x04 /* its session no longer holds it */
#define IMG_NEEDED 0x08   /* a task that is not gone depends on it */
#define IMG_HELD 0x10     /* there is a hold row, or a thing with its future */
#define IMG_DOOMED 0x20   /* no row yet: it ends as a dependency did */
#define IMG_KEPT 0x40     /* only its retention keeps it */
#define IMG_OVER 0x80     /* its retention is over, or a user had it forgotten */

#define IMG_VEC(type)                                                                              \
	struct {                                                                                   \
		type *v;                                                                           \
		size_t n, cap;                                                                     \
	}

struct image {
	struct inspect *in;
	struct counters counters;
	bool has_counters;
	/* All in key order; leases by task, then fence. */
	IMG_VEC(struct img_block) blocks;
	IMG_VEC(struct img_row) rows;    /* of each task's last round */
	IMG_VEC(struct img_row) earlier; /* of the rounds before, which have all ended */
	IMG_VEC(struct img_chunk) chunks;
	IMG_VEC(struct img_lease) leases;
	IMG_VEC(struct img_session) sessions;
	IMG_VEC(struct img_reply) replies;
	IMG_VEC(struct img_hold) holds;
	IMG_VEC(struct img_worker) workers;
	IMG_VEC(struct img_user) users;
	IMG_VEC(struct img_work) works;
	IMG_VEC(struct img_thing) things;
	IMG_VEC(struct img_stage) stages;
	IMG_VEC(struct img_item) items;
	IMG_VEC(struct img_delivery) deliveries;
	IMG_VEC(struct img_grant) grants;
	/* A byte a task, block after block. */
	uint64_t ntasks;
	uint8_t *state; /* enum task_state, GONE included */
	uint8_t *flag;  /* IMG_* */
	uint64_t counts[TASK_STATE_END];
	uint64_t staged;             /* tasks of graphs that are not there yet: not in counts */
	uint64_t records[TABLE_END]; /* seen in the scan, good or bad */
	uint64_t bundles;
	/* Told of each thing that is wrong. */
	void (*on_problem)(void *arg, const char *text);
	void *problem_arg;
	uint64_t problems;
};

/* Loads everything. Returns 0 or an exit code (the error is printed). on_problem NULL: bad records
 * are told on stderr. */
int image_load(
	struct image *img, struct inspect *in, void (*on_problem)(void *, const char *), void *arg);
void image_release(struct image *img);

void image_problem(struct image *img, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A task's place: the block and the index in state and flag; false: no block has it. */
bool image_place(
	const struct image *img, uint64_t id, const struct img_block **block, uint64_t *index);
const struct img_row *image_row(const struct image *img, uint64_t id);
/* The first of the rows of the task's earlier rounds; *n of them follow one another. */
const struct img_row *image_earlier(const struct image *img, uint64_t id, size_t *n);
/* The task's live lease; NULL: none. */
const struct img_lease *image_lease(const struct image *img, uint64_t id);
const struct img_session *image_session(const struct image *img, uint32_t number);
const struct img_worker *image_worker(const struct image *img, uint32_t number);
const struct img_user *image_user(const struct image *img, uint32_t number);

/* Every task of a block, with its entry and its dependencies. */
struct img_walk {
	const struct img_block *block;
	struct block_reader reader;
	uint64_t next; /* tasks told */
	uint64_t dep_at;
	/* of the task told last */
	uint64_t id;
	uint64_t index;
	struct block_entry entry;
	uint64_t deps_from; /* into the block's deps: entry.ndeps of them */
	const char *why;    /* the body ended early: what is wrong */
};

void img_walk_begin(struct img_walk *w, const struct img_block *block);
bool img_walk_next(struct img_walk *w);
/* Stands on the task with this id, one of the block. */
bool img_walk_to(struct img_walk *w, const struct img_block *block, uint64_t id);
uint64_t img_walk_dep(const struct img_walk *w, uint32_t i);

/* The task's own retention in µs; false: its terms do not say. */
bool image_retention(const struct img_walk *w, uint64_t *us);
/* Of its row, else of what was changed of its block, else as it was submitted. */
int32_t image_priority(const struct image *img, const struct img_walk *w);
/* Since when (s) only its retention keeps it, as its block's records say; 0: they do not. */
uint32_t image_kept_since(const struct image *img, const struct img_walk *w);
/* What the failure of a dependency means to the task. */
enum dep_policy image_policy(const struct img_walk *w);
/* Not before this (wall clock); 0: at any time. */
uint64_t image_start_us(const struct image *img, const struct img_walk *w);

/* The key users know: "key", "key[3]", "dq-3-17". Appends. */
void image_key(struct buf *out, const struct img_walk *w);

/*
 * Tasks that a user's word names: an id ("3.17", "3-17", "dq-3-17", a decimal), a key, "ns/key", an
 * array's "key[3]" or "key" for all of it. Calls fn for each; returns how many.
 */
uint64_t image_find(const struct image *img, const char *word,
	void (*fn)(void *arg, const struct img_walk *w), void *arg);

/* --- things.c --- */

/* Calls fn with each task that the thing holds, once for each time. */
void thing_tasks(const struct img_thing *thing, void (*fn)(void *arg, uint64_t id), void *arg);
/* NULL: there is no such number. */
struct img_thing *image_thing(const struct image *img, uint64_t number);
/* Name, namespace, owner and time, as members of an open object. */
void json_thing(struct image *img, const struct img_thing *thing);
/* One line or object for each thing of the kind. */
int each_thing(struct inspect *in, enum thing_kind kind,
	void (*text)(struct image *img, const struct img_thing *thing),
	void (*json)(struct image *img, const struct img_thing *thing));

#endif
