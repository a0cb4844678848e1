/*
 * dq_future_failure: the outcome's meta, decoded and copied into one allocation that the future
 * keeps.
 */
#include "client/failure.h"
#include "client/array.h"
#include "client/client.h"

#include "base/alloc.h"
#include "base/ensure.h"
#include "model/block.h"

#include <string.h>

struct failure_text {
	struct dq_failure given; /* what was answered; again the next time */
	char *at;                /* where the next text goes */
	char bytes[];
};

static const char *text_put(struct failure_text *t, struct slice s)
{
	char *to = t->at;

	if (s.n)
		memcpy(to, s.p, s.n);
	to[s.n] = 0;
	t->at += s.n + 1;
	return to;
}

/* Memory for texts of so many bytes. */
static struct failure_text *text_new(struct dq_future *f, size_t bytes)
{
	struct failure_text *t;

	if (!future_more(f))
		return NULL;
	t = try_malloc(sizeof(*t) + bytes);
	if (!t)
		return NULL;
	t->at = t->bytes;
	ensure(f->more->failure == NULL);
	f->more->failure = t;
	return t;
}

/* The key of the task to blame: of our own future where there is one, else as generated. */
static size_t blame_key(struct dq_client *c, uint64_t id, char *out, size_t out_bytes)
{
	struct dq_future *f = task_id_session(id) == c->session.number
				      ? futures_of_number(&c->futures, task_id_n(id))
				      : map64_get_ptr(&c->futures.foreign.by_id, id);
	const char *key =
		f && f->refs > 0 && f->kind == FUTURE_TASK && f->id == id ? future_key(f) : NULL;

	if (!key || strlen(key) >= out_bytes)
		return key_generate(out, id);
	memcpy(out, key, strlen(key));
	return strlen(key);
}

static int failure_refused(struct dq_future *f, const struct ended *e, struct dq_failure *out)
{
	struct failure_text *t = text_new(f, e->n + 1);

	if (!t)
		return DQ_E_NO_MEMORY;
	out->error = e->error;
	out->cause = e->state == DQ_STATE_REFUSED ? "refused" : "gone";
	out->message = text_put(t, slice_of(e->bytes, e->n));
	return 0;
}

static int failure_outcome(
	struct dq_client *c, struct dq_future *f, const struct ended *e, struct dq_failure *out)
{
	struct failure_text *t;
	const char *why = "";
	struct outcome o;
	char blame[LIMIT_KEY_BYTES + GENERATED_KEY_BYTES];
	size_t blame_n = 0;

	if (!outcome_decode(slice_of(e->bytes, e->n), &o, &why))
		return client_error(c, DQ_E_PROTOCOL, "%s", why);
	if (o.blame && o.blame != future_id(f))
		blame_n = blame_key(c, o.blame, blame, sizeof(blame));
	t = text_new(f, o.message.n + o.stderr_tail.n + blame_n + 3);
	if (!t)
		return DQ_E_NO_MEMORY;
	out->error = e->state == DQ_STATE_CANCELLED ? DQ_E_CANCELLED : DQ_E_TASK_FAILED;
	out->cause = cause_word(o.cause);
	out->message = text_put(t, o.message);
	out->stderr_tail = text_put(t, o.stderr_tail);
	out->blame = text_put(t, slice_of(blame, blame_n));
	out->exit_status = o.has_exit ? o.exit_status : -1;
	out->signal = o.signal;
	out->attempts = e->attempts;
	return 0;
}

int failure_fill(
	struct dq_client *c, struct dq_future *f, const struct ended *e, struct dq_failure *out)
{
	int code;

	if (f->more && f->more->failure) {
		*out = f->more->failure->given;
		return 0;
	}
	*out = (struct dq_failure){
		.cause = "", .message = "", .exit_status = -1, .stderr_tail = "", .blame = ""};
	code = e->error ? failure_refused(f, e, out) : failure_outcome(c, f, e, out);
	if (code == 0)
		f->more->failure->given = *out;
	else if (code == DQ_E_NO_MEMORY)
		client_error_code(c, code);
	return code;
}

int dq_future_failure(struct dq_future *future, struct dq_failure *out)
{
	struct dq_client *c = future ? future->client : NULL;
	int code = client_enter(c);
	struct ended *e;

	*out = (struct dq_failure){
		.cause = "", .message = "", .exit_status = -1, .stderr_tail = "", .blame = ""};
	if (code)
		return code;
	e = future_bad(future);
	if (!e)
		code = client_error(c, DQ_E_USAGE, "the task has not failed");
	else
		code = failure_fill(c, future, e, out);
	client_leave(c);
	return code;
}
