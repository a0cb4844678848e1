/*
 * How the commands show things. Results go to stdout as they are; failures are one line on stderr.
 */
#include "output.h"

#include "cli.h"
#include "progress.h"

#include "base/alloc.h"
#include "base/ensure.h"
#include "common/value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX ((size_t)4 << 30)

void print_bytes(struct slice bytes)
{
	if (bytes.n == 0)
		return;
	progress_clear();
	fwrite(bytes.p, 1, bytes.n, stdout);
	progress_after_output(bytes.p[bytes.n - 1] == '\n');
}

/* --- Results ---------------------------------------------------------------------------------- */

void result_json(struct json *j, const struct dq_value *value)
{
	struct slice bytes = slice_of(value->bytes, value->n);

	if (value->type && strcmp(value->type, "msgpack") == 0) {
		if (bytes.n)
			value_json(j, bytes);
		else
			json_put_null(j);
		return;
	}
	json_open_object(j);
	json_key(j, "$bytes");
	json_base64(j, bytes);
	json_end_object(j);
}

void print_result_json(const struct dq_value *value)
{
	struct json j;
	struct buf text;

	buf_init(&text, TEXT_MAX);
	json_init(&j, &text);
	result_json(&j, value);
	json_newline(&j);
	print_bytes(buf_slice(&text));
	buf_release(&text);
}

/* --- Failures --------------------------------------------------------------------------------- */

const char *state_word(enum dq_state state)
{
	switch (state) {
	case DQ_STATE_PENDING:
		return "pending";
	case DQ_STATE_DONE:
		return "done";
	case DQ_STATE_FAILED:
		return "failed";
	case DQ_STATE_CANCELLED:
		return "cancelled";
	case DQ_STATE_REFUSED:
		return "refused";
	}
	return "?";
}

/* The key of the task to blame: a future knows its id, the scheduler its name. */
static void blame_key(
	struct dq_client *client, struct dq_future *future, const char *otherwise, struct buf *out)
{
	struct dq_args *args = dq_args_new();
	struct dq_value answer = {0};
	struct slice key = slice_empty();

	dq_args_str(args, dq_future_key(future));
	if (dq_query(client, DQ_QUERY_SHOW, args, -1, &answer) == DQ_E_OK) {
		struct slice error = value_member(slice_of(answer.bytes, answer.n), "error");

		key = value_bytes(value_member(error, "task"));
	}
	buf_append_slice(out, key.n ? key : slice_str(otherwise));
	dq_value_release(&answer);
	dq_args_free(&args);
}

static void refused_text(const struct dq_failure *f, struct buf *out)
{
	buf_printf(out, "%s", f->message && f->message[0] ? f->message : dq_strerror(f->error));
}

void failure_text(struct dq_client *client, struct dq_future *future, struct buf *out)
{
	enum dq_state state = dq_future_state(future);
	struct dq_failure f;

	if (dq_future_failure(future, &f) != DQ_E_OK) {
		buf_printf(out, "%s", state_word(state));
		return;
	}
	if (state != DQ_STATE_FAILED && state != DQ_STATE_CANCELLED) {
		refused_text(&f, out);
		return;
	}
	buf_printf(out, "%s", state_word(state));
	if (f.message && f.message[0])
		buf_printf(out, ": %s", f.message);
	else if (f.cause && strcmp(f.cause, state_word(state)) != 0)
		buf_printf(out, ": %s", f.cause);
	if (f.blame && f.blame[0]) {
		buf_printf(out, ": ");
		blame_key(client, future, f.blame, out);
	}
}

void failure_json(struct json *j, struct dq_client *client, struct dq_future *future)
{
	struct dq_failure f;
	struct buf blame;

	if (dq_future_failure(future, &f) != DQ_E_OK) {
		json_put_null(j);
		return;
	}
	json_open_object(j);
	json_key(j, "cause");
	json_cstr(j, f.cause && f.cause[0] ? f.cause : dq_strerror(f.error));
	json_key(j, "message");
	json_cstr(j, f.message ? f.message : "");
	json_key(j, "task");
	buf_init(&blame, 1024);
	if (f.blame && f.blame[0])
		blame_key(client, future, f.blame, &blame);
	json_cstr(j, blame.n ? buf_cstr(&blame) : NULL);
	buf_release(&blame);
	json_key(j, "signal");
	if (f.signal > 0)
		json_int(j, f.signal);
	else
		json_put_null(j);
	json_end_object(j);
}

/* Of several, the first that has not ended well; a handle to be freed. */
static struct dq_future *first_bad(struct dq_future *future)
{
	for (uint64_t i = 0; dq_future_count(future) > 1 && i < dq_future_count(future); i++) {
		struct dq_future *element = NULL;

		if (dq_future_element(future, i, &element) != DQ_E_OK)
			break;
		if (dq_future_done(element) && dq_future_state(element) != DQ_STATE_DONE)
			return element;
		dq_future_free(&element);
	}
	return dq_future_ref(future);
}

/* Its key. One that was found without is asked for by its id. */
static void name_of(struct dq_client *client, struct dq_future *future, struct buf *out)
{
	struct dq_args *args = dq_args_new();
	struct dq_value answer = {0};
	struct slice key = slice_empty();
	uint64_t id = dq_future_id(future);
	char text[64];

	snprintf(text, sizeof text, "dq-%lu-", (unsigned long)(id >> 32));
	if (strncmp(dq_future_key(future), text, strlen(text)) == 0) {
		snprintf(text, sizeof text, "dq-%lu-%lu", (unsigned long)(id >> 32),
			(unsigned long)(id & UINT32_MAX));
		dq_args_str(args, text);
		if (dq_query(client, DQ_QUERY_SHOW, args, -1, &answer) == DQ_E_OK)
			key = value_bytes(value_member(slice_of(answer.bytes, answer.n), "key"));
	}
	buf_append_slice(out, key.n ? key : slice_str(dq_future_key(future)));
	dq_value_release(&answer);
	dq_args_free(&args);
}

int print_failure(struct dq_client *client, struct dq_future *future)
{
	struct dq_failure f = {.error = DQ_E_TASK_FAILED};
	struct dq_future *bad;
	struct buf text;
	int code;

	if (dq_future_state(future) == DQ_STATE_DONE)
		return 0;
	bad = first_bad(future);
	buf_init(&text, 65536);
	name_of(client, bad, &text);
	buf_printf(&text, ": ");
	failure_text(client, bad, &text);
	dq_future_failure(bad, &f);
	code = cli_fail(f.error ? f.error : DQ_E_TASK_FAILED, "%s", buf_cstr(&text));
	buf_release(&text);
	dq_future_free(&bad);
	return code;
}

/* --- Columns ---------------------------------------------------------------------------------- */

void table_init(struct table *t, size_t columns)
{
	*t = (struct table){.columns = columns};
	buf_init(&t->text, TEXT_MAX);
}

void table_release(struct table *t)
{
	buf_release(&t->text);
}

/* Control characters would move the columns, and are not what a terminal should be told. */
void table_add(struct table *t, struct slice cell)
{
	for (size_t i = 0; i < cell.n; i++)
		buf_append_byte(&t->text, cell.p[i] < ' ' || cell.p[i] == 127 ? '?' : cell.p[i]);
	buf_append_byte(&t->text, 0);
	t->cells++;
}

void table_print(struct table *t)
{
	size_t *width = xcalloc(t->columns, sizeof *width);
	const char *cell = buf_cstr(&t->text);

	ensure(t->cells % t->columns == 0);
	for (size_t i = 0; i < t->cells; i++, cell += strlen(cell) + 1)
		if (strlen(cell) > width[i % t->columns])
			width[i % t->columns] = strlen(cell);
	cell = buf_cstr(&t->text);
	for (size_t i = 0; i < t->cells; i++, cell += strlen(cell) + 1)
		if ((i + 1) % t->columns == 0)
			printf("%s\n", cell);
		else
			printf("%-*s  ", (int)width[i % t->columns], cell);
	free(width);
}
