/*
 * A submit under way: what reading it gathered, for core/submit.c. Reading changes nothing but the
 * key index (its new keys, which intake_take_back() takes out again) and takes references on labels
 * and terms (which intake_free() gives back, but for those that a block took over).
 */
#ifndef CORE_INTAKE_H
#define CORE_INTAKE_H

#include "core/impl.h"

struct intake {
	struct core *c;
	const struct event *e;
	struct session *s; /* NULL: of a task's transaction */
	struct user *user;
	uint32_t home; /* the number that the ids are of: the session's, or one of a transaction's
			  own */
	struct stage *stage; /* that it is a part of; NULL: whole */
	struct slice ns;
	uint64_t first, count, ndetach;
	uint32_t entries; /* in the body: count, or 1 for an array */
	bool array;
	struct task_key *keys;
	uint32_t *dep_at;
	uint8_t *option;
	uint32_t *label;
	uint32_t *terms; /* a reference each */
	uint64_t *alias; /* the task that an entry's key already names, or 0 */
	uint8_t *detached;
	uint32_t ndeps;
	uint32_t at_once, first_index; /* of an array */
	bool any_key, any_option, any_label, any_terms, any_timed, any_alias;
	/* the refusal */
	uint32_t code;
	const char *text;
	struct slice more;
	uint64_t live; /* the task that a conflict names */
};

/* In a transaction: its numbers are the scheduler's to give, and its submitter holds by records. */
static inline bool intake_is_dealt(const struct intake *in)
{
	return !in->s || in->home != in->s->number;
}
/* What comes before the body. False here and below: refused, code and text say why. */
bool intake_head(struct intake *in);
/* The arrays for the entries that the head names; intake_free() is due whatever was read. */
void intake_alloc(struct intake *in);
bool intake_body(struct intake *in);
/* The block takes the arrays that it needs. */
void intake_hand_over(struct intake *in, struct block *b);
void intake_take_back(struct intake *in);
void intake_free(struct intake *in);
/* ---- submit.c ---- */
/* Makes the tasks; what is told of that is the caller's. */
void intake_do(struct intake *in);

#endif
