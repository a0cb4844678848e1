/*
 * What a task does with the scheduler while it runs (attempt.c). Only core/ includes this, by
 * impl.h. One thread.
 */
#ifndef CORE_ATTEMPT_H
#define CORE_ATTEMPT_H

#include "base/list.h"
#include "core/core.h"
#include "core/event.h"

struct conn;
struct session;
struct task;
struct worker;

/* A lease whose task uses the scheduler, or tells of its progress: what belongs to it, and ends
 * with it. */
struct attempt {
	uint64_t id; /* of the task */
	struct fence fence;
	struct list conns;    /* struct conn, that entered */
	struct list sessions; /* struct session */
	uint32_t nseceded;    /* of conns */
	bool told;            /* progress has been told */
	uint32_t millionths;
	uint32_t text_n;
	char text[PROGRESS_TEXT_BYTES];
};

void attempt_enter(struct core *c, const struct event *e);
void attempt_secede(struct core *c, const struct event *e);
void attempt_progress(struct core *c, const struct event *e);
/* The lease of t is over, or its task is being stopped: its sessions end and its connections are
 * closed. */
void attempt_end(struct core *c, struct task *t, uint32_t code, const char *why);
/* A session whose parent is known joins the attempt. False: that lease is over. */
bool attempt_adopt(struct core *c, struct session *s);
void attempt_conn_gone(struct core *c, struct conn *conn);
/* A worker joined: it may not know which of its leases have seceded. */
void attempts_tell(struct core *c, const struct worker *w);
void attempts_free(struct core *c);
bool attempt_has_seceded(const struct core *c, const struct task *t);
/* The attempt recounted; *why must be NULL. */
bool attempt_check(const struct core *c, const struct attempt *a, const char **why);
/* The user for whom the attempt's clients act. */
struct user *attempt_user(const struct core *c, const struct attempt *a);

#endif
