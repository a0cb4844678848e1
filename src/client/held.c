/*
 * What a session holds, as futures again: for a program that resumes a session by its name. The
 * list's rows say what there is; the holds are the session's already.
 */
#include "client/array.h"
#include "client/client.h"
#include "client/query.h"

#include "base/alloc.h"
#include "base/str.h"
#include "codec/cursor.h"
#include "model/ids.h"
#include "model/limits.h"

#include <stdlib.h>
#include <string.h>

struct held_row {
	struct slice id, key;
	uint64_t count;
	uint32_t first_index;
};

static void row_read(struct cursor *at, struct held_row *row)
{
	*row = (struct held_row){.count = 1};
	for (uint32_t n = cursor_map(at); n && cursor_ok(at); n--) {
		struct slice name = cursor_str(at);

		if (slice_eq_str(name, "id"))
			row->id = cursor_str(at);
		else if (slice_eq_str(name, "key"))
			row->key = cursor_str(at);
		else if (slice_eq_str(name, "count"))
			row->count = cursor_u64_max(at, LIMIT_ARRAY_ELEMENTS);
		else if (slice_eq_str(name, "first_index"))
			row->first_index = cursor_u32(at);
		else
			cursor_skip(at);
	}
}

/* "SESSION.N" */
static bool id_read(struct slice text, uint64_t *id)
{
	struct slice session, n;
	uint64_t s, i;

	if (!str_split(text, '.', &session, &n) || !str_to_u64(session, &s) || !str_to_u64(n, &i) ||
		s == 0 || s > UINT32_MAX || i == 0 || i > UINT32_MAX)
		return false;
	*id = task_id((uint32_t)s, (uint32_t)i);
	return true;
}

static int row_take(struct dq_client *c, const struct held_row *row, struct dq_future **out)
{
	char key[LIMIT_KEY_BYTES + 32];
	uint64_t id;

	if (!id_read(row->id, &id) || row->key.n >= sizeof(key) || row->count == 0)
		return client_error(c, DQ_E_PROTOCOL, "ANSWER: a malformed row");
	memcpy(key, row->key.p, row->key.n);
	key[row->key.n] = '\0';
	*out = future_new_foreign(c, id, row->count, row->count > 1, key);
	if (!*out)
		return client_error_code(c, DQ_E_NO_MEMORY);
	(*out)->flags |= FUTURE_HELD;
	if (row->count > 1)
		(*out)->more->array->first_index = row->first_index;
	return 0;
}

static int rows_take(
	struct dq_client *c, const struct dq_value *rows, struct dq_future ***out, size_t *n)
{
	struct cursor at;
	uint32_t count;
	int code = 0;

	cursor_init(&at, slice_of(rows->bytes, rows->n));
	count = cursor_array(&at);
	*out = try_calloc(count ? count : 1, sizeof(struct dq_future *));
	if (!*out)
		return client_error_code(c, DQ_E_NO_MEMORY);
	while (*n < count && code == 0) {
		struct held_row row;

		row_read(&at, &row);
		code = cursor_ok(&at) ? row_take(c, &row, &(*out)[*n])
				      : client_error(c, DQ_E_PROTOCOL, "ANSWER: malformed rows");
		*n += code == 0;
	}
	return code;
}

static int held(struct dq_client *c, double timeout_s, struct dq_future ***out, size_t *n)
{
	struct dq_args *filter = dq_args_new();
	struct dq_value rows = {0};
	int code;

	if (!filter)
		return client_error_code(c, DQ_E_NO_MEMORY);
	dq_args_map(filter, 1);
	dq_args_str(filter, "held");
	dq_args_bool(filter, true);
	code = query_run(c, DQ_QUERY_LIST, filter, timeout_s, &rows);
	if (code == 0)
		code = rows_take(c, &rows, out, n);
	dq_value_release(&rows);
	dq_args_free(&filter);
	return code;
}

int dq_client_held(struct dq_client *client, double timeout_s, struct dq_future ***out, size_t *n)
{
	int code = client_enter_blocking(client);

	*out = NULL;
	*n = 0;
	if (code)
		return code;
	code = client_check(client);
	if (code == 0 && client->session.look_only)
		code = client_error(client, DQ_E_USAGE, "this client only looks: it holds nothing");
	if (code == 0)
		code = held(client, timeout_s, out, n);
	for (size_t i = 0; code && i < *n; i++) {
		(*out)[i]->flags &= (uint16_t)~FUTURE_HELD; /* the session's holds stay */
		future_unref((*out)[i]);
	}
	if (code) {
		free(*out);
		*out = NULL;
		*n = 0;
	}
	client_leave(client);
	return code;
}
