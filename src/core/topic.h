/*
 * Topics and datasets, inside the core: topic.c, dataset.c.
 */
#ifndef CORE_TOPIC_H
#define CORE_TOPIC_H

#include "core/core.h"
#include "core/thing.h"

/* Of a topic whose entries have an age: those from the cursor on, up to the next mark, came at this
 * time or up to a 64th of the age later. */
struct topic_mark {
	uint64_t cursor, us;
};
#define TOPIC_AGE_PARTS 64

/* Its entries are in the store alone. */
struct topic {
	struct thing *thing;
	uint64_t max_entries, max_age_us; /* 0: no bound */
	uint64_t gone_to;                 /* entries below have no records any more */
	uint64_t first, next; /* cursors: of the oldest entry that is kept, of the next one */
	bool closing;         /* deleted: its entries go in steps, and then it */
	uint32_t nmarks;
	struct topic_mark *marks;  /* LIMIT_TOPIC_MARKS, or NULL */
	struct heap_node in_aging; /* shared.aging, while there are marks */
	struct list in_dirty, in_trimming;
};

struct dataset {
	struct run *runs; /* in the order given */
	uint32_t nruns;
	uint64_t ntasks;
};

/* ---- topic.c ---- */
void topics_init(struct shared *s);
bool topic_check(struct dealing *d, struct thing *t, const struct deal_op *op);
/* True: there is a result that is not nil. */
bool topic_do(struct dealing *d, struct thing *t, const struct deal_op *op, struct buf *results);
bool topic_load(struct core *c, struct thing *t, const struct thing_record *r, const char **why);
/* Tells the waiter, which is then freed, or lets it wait. */
void topic_await(struct core *c, struct waiter *w);
void topic_view(const struct thing *t, struct core_thing_view *out);
void topic_free(struct core *c, struct thing *t);
/* Entries that are too old, and records of those that are not kept. True: there is more. */
bool topics_work(struct core *c, uint32_t *budget);
bool topics_have_work(const struct core *c);
/* From now to the next entry that is too old; UINT64_MAX: there is none. */
uint64_t topics_next_us(const struct core *c);
/* The seal: the records of those that changed. */
void topics_write(struct core *c);
/* NULL, or what is wrong with it. */
const char *topic_wrong(const struct thing *t);

/* ---- dataset.c ---- */
bool dataset_check(struct dealing *d, struct thing *t, const struct deal_op *op);
void dataset_publish(struct dealing *d, struct thing *t, const struct deal_op *op);
void dataset_remove(struct core *c, struct thing *t);
bool dataset_load(struct core *c, struct thing *t, const struct thing_record *r, const char **why);
void dataset_view(const struct thing *t, struct core_thing_view *out);
void dataset_free(struct thing *t);

#endif
